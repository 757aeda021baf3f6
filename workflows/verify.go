package workflows

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"milvusdm/activities"
	"milvusdm/internal/compare"
	"milvusdm/internal/fault"
	"milvusdm/internal/job"
)

// Ways to verify.
const (
	VerifyCount  = string(job.VerifyCount)  // numbers of rows
	VerifySample = string(job.VerifySample) // and a batch of each range
	VerifyFull   = string(job.VerifyFull)   // and every row
)

// VerifyInput starts Verify.
type VerifyInput struct {
	// Job's source is compared with its target, or with what it names under compare.
	Job  job.Job `json:"job"`
	Mode string  `json:"mode"`
	// Exact: rows that only the target has are a difference in mode append too, where they may be others'.
	Exact bool `json:"exact,omitempty"`
	// Against is the run of an export, fixed, where the job's own target is compared and is one.
	Against *job.ExportSource `json:"against,omitempty"`
	// StateAttribute and OtherAttributes are as in Input.
	StateAttribute  bool `json:"stateAttribute,omitempty"`
	OtherAttributes bool `json:"otherAttributes,omitempty"`
}

// Outcomes of Verify.
const (
	OutcomeEqual     = "equal"
	OutcomeDifferent = "different"
)

// VerifyResult is what Verify answers. Where the sides differ, it travels in the details of the workflow's failure, which is
// of kind fault.Different (see VerifyResultOf).
type VerifyResult struct {
	Outcome string `json:"outcome"`
	Mode    string `json:"mode"`
	// Name is the part's, of a job that names several collections.
	Name   string `json:"name,omitempty"`
	Source string `json:"source"`
	Target string `json:"target"`
	// LeftRows and RightRows are how many rows source and target hold; Partitions are the same by partition, where both have
	// partitions. Compared is how many rows' contents were compared.
	LeftRows   int64           `json:"leftRows,string"`
	RightRows  int64           `json:"rightRows,string"`
	Compared   int64           `json:"compared,string"`
	Partitions []PartitionRows `json:"partitions,omitempty"`
	// Fields says which fields the sides don't have in common; Difference which rows differ. Differences is both, and the
	// counts, as text.
	Fields []string `json:"fields,omitempty"`
	// Misplaced says which of the target's rows queries for its partition key do not find.
	Misplaced   string             `json:"misplaced,omitempty"`
	Difference  compare.Difference `json:"difference,omitzero"`
	Differences []string           `json:"differences,omitempty"`
	Took        time.Duration      `json:"took"`
	Report      string             `json:"report,omitempty"`
	Notes       []string           `json:"notes,omitempty"`
	// Error says why a part could not be compared.
	Error string `json:"error,omitempty"`
	// Collections are the results of a job that names several, by which the numbers above are the sums.
	Collections []VerifyResult `json:"collections,omitempty"`
}

// PartitionRows is how many rows a partition has on both sides.
type PartitionRows struct {
	Name  string `json:"name"`
	Left  int64  `json:"left,string"`
	Right int64  `json:"right,string"`
}

// VerifyResultOf takes the result out of the error that Verify ended with; nil if it holds none.
func VerifyResultOf(err error) *VerifyResult {
	var app *temporal.ApplicationError
	var r VerifyResult
	if errors.As(err, &app) && app.Type() == string(fault.Different) && app.HasDetails() && app.Details(&r) == nil && r.Outcome != "" {
		return &r
	}
	return nil
}

// Verify compares a job's source with its target, or with what it names to compare with. It changes neither; what must be
// loaded for it is released again. It ends in a failure of kind fault.Different if they differ.
func Verify(ctx workflow.Context, in VerifyInput) (*VerifyResult, error) {
	board := newBoard(ctx, searchableAs(&in.Job, Attributes{in.StateAttribute, in.OtherAttributes}))
	if err := workflow.SetQueryHandler(ctx, StatusQuery, func() (Status, error) { return board.Status, nil }); err != nil {
		return nil, err
	}
	board.phase(ctx, PhaseReading)
	result, err := verifyJob(ctx, &in, board)
	if result != nil {
		result.Mode, result.Took = in.Mode, board.took(ctx)
	}
	report := ""
	if workflow.GetInfo(ctx).ParentWorkflowExecution == nil {
		report = reportVerify(ctx, &in, board, result, err)
	}
	switch {
	case err == nil && result.Outcome == OutcomeEqual:
		board.ended(ctx, PhaseDone, ending{outcome: result.Outcome, report: report})
		return result, nil
	case err == nil:
		board.ended(ctx, PhaseFailed, ending{outcome: result.Outcome, reason: result.tell(), kind: string(fault.Different), report: report})
		return nil, different(result)
	}
	end, phase := endingOf(err)
	end.report, end.next = report, "`milvusdm verify` with the job's file compares again"
	board.ended(ctx, phase, end)
	return nil, failure(err, nil)
}

// different is the failure of two sides that differ.
func different(r *VerifyResult) error {
	return temporal.NewApplicationErrorWithOptions(r.tell(), string(fault.Different),
		temporal.ApplicationErrorOptions{NonRetryable: true, Details: []any{r}})
}

// tell says what differs, in no more than Temporal keeps of a failure's text.
func (r *VerifyResult) tell() string {
	const most = 3000
	text := fmt.Sprintf("%s and %s differ: %s", r.Source, r.Target, strings.Join(r.Differences, "; "))
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + " ..."
	}
	return text
}

func verifyJob(ctx workflow.Context, in *VerifyInput, board *board) (*VerifyResult, error) {
	if in.Mode != VerifyCount && in.Mode != VerifySample && in.Mode != VerifyFull {
		return nil, fault.New(fault.Config, "there is no way to verify called %q; use %s, %s or %s", in.Mode, VerifyCount, VerifySample, VerifyFull)
	}
	ref := activities.Ref{Job: in.Job, Owner: workflow.GetInfo(ctx).WorkflowExecution.ID}
	if err := in.fixSides(ctx, ref); err != nil {
		return nil, err
	}
	ref.Job = in.Job
	parts, left, err := listParts(ctx, ref)
	if err != nil {
		return nil, err
	}
	if len(parts) > 1 {
		result, err := verifyParts(ctx, in, board, parts)
		if result != nil {
			result.Notes = append(result.Notes, leftNotes(left)...)
		}
		return result, err
	}
	ref.Job = parts[0].job
	right, err := in.rightSide(&ref.Job)
	if err != nil {
		return nil, err
	}
	if err := sameHost(&ref.Job.Source, right); err != nil {
		return nil, err
	}
	v := &verification{sides: activities.Sides{Ref: ref, Right: *right}, mode: in.Mode, board: board, result: &VerifyResult{}}
	t := ref.Job.Target.Milvus
	v.others = !in.Exact && t != nil && t.Mode == job.Append
	return v.result, v.run(ctx)
}

// verifyParts has each collection and partition verified by a workflow of its own, in turn, so that no history grows long.
func verifyParts(ctx workflow.Context, in *VerifyInput, board *board, parts []*part) (*VerifyResult, error) {
	total := &VerifyResult{Outcome: OutcomeEqual, Source: fmt.Sprintf("%d collections and partitions", len(parts)), Target: activities.RightName}
	board.Ranges = len(parts)
	for _, p := range parts {
		board.Collections = append(board.Collections, PartStatus{Name: p.name, Phase: PhaseWaiting})
	}
	var failed error
	for i, p := range parts {
		status := &board.Collections[i]
		id := workflow.GetInfo(ctx).WorkflowExecution.ID + "/" + p.name
		status.Phase, status.Child = PhaseVerifying, id
		board.phase(ctx, PhaseVerifying)
		child := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{WorkflowID: id, WaitForCancellation: true, StaticSummary: "verify " + p.name})
		var one *VerifyResult
		err := workflow.ExecuteChildWorkflow(child, VerifyName, VerifyInput{Job: p.job, Mode: in.Mode, Exact: in.Exact, Against: in.Against}).Get(ctx, &one)
		if temporal.IsCanceledError(err) {
			return nil, err
		}
		status.Phase, status.Child = PhaseDone, ""
		if one == nil {
			one = VerifyResultOf(err)
		}
		if one == nil {
			_, text := fault.FromTemporal(err)
			one = &VerifyResult{Error: text}
			status.Phase, status.Error = PhaseFailed, text
			if failed == nil {
				kind, _ := fault.FromTemporal(err)
				failed = fault.New(kind, "%s: %s", p.name, text)
			}
		}
		one.Name = p.name
		status.Target, status.Rows, status.TotalRows = one.Target, one.Compared, one.LeftRows
		board.Rows += status.Rows
		board.TotalRows += status.TotalRows
		total.add(one)
		board.RangesDone++
	}
	if failed != nil && total.Outcome == OutcomeEqual {
		return total, failed
	}
	return total, nil
}

// add takes a part's result into that of all.
func (r *VerifyResult) add(p *VerifyResult) {
	r.LeftRows += p.LeftRows
	r.RightRows += p.RightRows
	r.Compared += p.Compared
	r.Difference.Add(p.Difference)
	if p.Outcome == OutcomeDifferent {
		r.Outcome = OutcomeDifferent
		r.Differences = append(r.Differences, p.Name+": "+strings.Join(p.Differences, "; "))
	}
	if p.Error != "" {
		r.Differences = append(r.Differences, p.Name+" could not be compared: "+p.Error)
	}
	r.Collections = append(r.Collections, *p)
}

// rightSide is what the job's source is compared with, for a job of one collection: its target, read as a source, or what it
// names under compare.
func (in *VerifyInput) rightSide(j *job.Job) (*job.Source, error) {
	t := j.Target.Milvus
	switch {
	case j.Compare != nil:
		return comparedWith(j), nil
	case t != nil && t.IDs == job.NewIDs:
		return nil, fault.New(fault.Unsupported, "the target's rows have keys of their own (ids: new): there is nothing to find a row by")
	case t != nil:
		return targetAsSource(t, t.Collection), nil
	}
	run := *in.Against
	run.Collections = []job.Collection{{Name: j.Collections()[0].Target()}}
	return &job.Source{Export: &run}, nil
}

// targetAsSource reads what a job has written, under the name that it has now.
func targetAsSource(t *job.MilvusTarget, name string) *job.Source {
	c := job.Collection{Name: name}
	if t.Partition != "" {
		c.Partitions = []string{t.Partition}
	}
	return &job.Source{Milvus: &job.MilvusSource{MilvusServer: t.MilvusServer, Collections: []job.Collection{c},
		Side: job.SideTarget}}
}

// comparedWith picks the collection to compare with: the one of the same name in the target.
func comparedWith(j *job.Job) *job.Source {
	left, there := j.Collections(), j.Compare.Collections()
	if there == nil || len(left) != 1 {
		right := *j.Compare
		return asCompared(&right)
	}
	one := job.Collection{Name: left[0].Target()}
	for _, c := range there {
		if c.Target() == one.Name {
			one = c
		}
	}
	if p := left[0].Partitions; len(p) == 1 && len(one.Partitions) == 0 {
		one.Partitions = []string{cmp.Or(left[0].RenamePartitions[p[0]], p[0])}
	}
	right := j.Compare.Only(one)
	return asCompared(&right)
}

// asCompared has messages about a server name the key compare.
func asCompared(s *job.Source) *job.Source {
	if s.Milvus != nil {
		server := *s.Milvus
		server.Side = job.SideCompare
		s.Milvus = &server
	}
	return s
}

// sameHost refuses files that no single machine has.
func sameHost(left, right *job.Source) error {
	if l, r := left.Host(), right.Host(); l != "" && r != "" && l != r {
		return fault.New(fault.Unsupported, "the files to compare are on two machines, %s and %s; put them on one", l, r)
	}
	return nil
}

// reportVerify has report.json written, and returns its path. That it could not be written is said there, and is no failure.
func reportVerify(ctx workflow.Context, in *VerifyInput, board *board, result *VerifyResult, err error) string {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	info := workflow.GetInfo(ctx).WorkflowExecution
	rep := activities.Report{Workflow: info.ID, Run: info.RunID, Job: in.Job, Started: board.started, Ended: workflow.Now(ctx)}
	if result != nil {
		rep.Result = result
	}
	path := writeReport(ctx, &in.Job, rep, err)
	if result != nil {
		result.Report = path
	}
	return path
}
