package workflows

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"milvusdm/activities"
	"milvusdm/internal/fault"
	"milvusdm/internal/human"
	"milvusdm/internal/job"
	"milvusdm/internal/transfer"
)

// Signals between a job's workflow and its CopyCollection.
const (
	statusSignal = "status" // child to parent: Status
	dropSignal   = "drop"   // parent to child, no value
)

// jobRun is one run of a direction's workflow.
type jobRun struct {
	Input
	board        *board
	owner, stage string
	parts        []*part
	left         []transfer.Left // collections that are gone
	swept        []string        // unfinished exports of the schedule that were removed
	notes        []string        // of the whole job
	paused, drop bool
}

func runJob(ctx workflow.Context, in Input) (*Result, error) {
	info := workflow.GetInfo(ctx)
	r := &jobRun{Input: in, owner: info.WorkflowExecution.ID, stage: stage(info.FirstRunID)}
	r.board = newBoard(ctx, searchableAs(&in.Job, Attributes{in.StateAttribute, in.OtherAttributes}))
	if in.Schedule != nil {
		r.owner = in.Schedule.ID // what a run of the schedule leaves, the next one finds to be its own and drops
	}
	if err := r.handle(ctx); err != nil {
		return nil, err
	}
	result, err := r.run(ctx)
	if result != nil && len(r.parts) == 1 {
		result.Phases = together(r.board.spent(ctx), result.Phases)
	}
	r.tellLosses(ctx, result)
	report := r.report(ctx, result, err)
	if err == nil {
		r.board.Rows = result.Rows
		r.board.ended(ctx, PhaseDone, ending{outcome: result.Outcome, report: report})
		return result, nil
	}
	end, phase := endingOf(err)
	end.report, end.next = report, "`milvusdm run` with the job's file begins again"
	left := StateOf(err)
	if left != nil {
		r.board.Rows = left.Rows()
	}
	switch {
	case r.Schedule != nil: // no run of a schedule goes on from another
		end.next = "`milvusdm schedule trigger` runs it again, from the first row on"
	case left != nil:
		end.next = fmt.Sprintf("`milvusdm run` with the job's file resumes it after %s rows", human.Count(left.Rows()))
	}
	r.board.ended(ctx, phase, end)
	return nil, err
}

// handle answers queries, and passes pause and resume on to the child.
func (r *jobRun) handle(ctx workflow.Context) error {
	if err := workflow.SetQueryHandler(ctx, StatusQuery, func() (Status, error) { return r.board.Status, nil }); err != nil {
		return err
	}
	if err := workflow.SetQueryHandler(ctx, StateQuery, func() (*State, error) { return r.unfinished(), nil }); err != nil {
		return err
	}
	if err := r.handlePause(ctx, PauseUpdate, true); err != nil {
		return err
	}
	if err := r.handlePause(ctx, ResumeUpdate, false); err != nil {
		return err
	}
	workflow.Go(ctx, func(ctx workflow.Context) {
		for asked := workflow.GetSignalChannel(ctx, PauseSignal); asked.Receive(ctx, &r.paused); {
			if err := r.tell(ctx, PauseSignal, r.paused); err != nil {
				workflow.GetLogger(ctx).Warn("pause not passed on", "error", err) // it has just ended; its result tells
			}
		}
	})
	return workflow.SetUpdateHandlerWithOptions(ctx, DropTargetUpdate, func(ctx workflow.Context) error {
		r.drop = true
		return r.tell(ctx, dropSignal, nil) // no child: nothing was made yet
	}, workflow.UpdateHandlerOptions{Description: "drop what the job made when it is cancelled"})
}

func (r *jobRun) handlePause(ctx workflow.Context, update string, paused bool) error {
	late := func(workflow.Context) error {
		if paused && slices.Contains([]Phase{PhaseFlush, PhaseIndex, PhaseLoad, PhaseCounting, PhaseRepairing, PhaseVerifying, PhaseSealing, PhasePublish}, r.board.Phase) && r.board.RangesDone == r.board.Ranges {
			return failure(fault.New(fault.Conflict, "all rows are copied: what is left (%s) can't be paused", r.board.Phase), nil)
		}
		return nil
	}
	return workflow.SetUpdateHandlerWithOptions(ctx, update, func(ctx workflow.Context) error {
		r.paused = paused
		return r.tell(ctx, PauseSignal, paused) // one that has not begun is told when it starts
	}, workflow.UpdateHandlerOptions{Description: update + " the job", Validator: late})
}

// tell signals the running children. One that can't be told because it has just ended keeps nobody from telling the others.
func (r *jobRun) tell(ctx workflow.Context, signal string, arg any) error {
	var failed error
	for _, p := range r.parts {
		child := p.child
		if child == nil {
			continue
		}
		if err := child.SignalChildWorkflow(ctx, signal, arg).Get(ctx, nil); err != nil && (p.child == child || len(r.parts) == 1) {
			failed = err
		}
	}
	if len(r.parts) > 1 {
		r.sum(ctx)
	}
	return failed
}

// ref names the job for activities.
func (r *jobRun) ref(j *job.Job) activities.Ref {
	return activities.Ref{Job: *j, Owner: r.owner, Stage: r.stage}
}

func (r *jobRun) run(ctx workflow.Context) (*Result, error) {
	r.board.phase(ctx, PhaseReading)
	if clash := r.Job.HostClash(); clash != "" { // of a job that an older program started
		return nil, failure(fault.New(fault.Config, "%s %s", r.Job.Key("target.hdf5.host"), clash), r.Resume)
	}
	r.beginExport(ctx)
	if err := r.sweepExports(ctx); err != nil {
		return nil, failure(err, r.Resume)
	}
	if err := r.fixRun(ctx); err != nil {
		return nil, failure(err, r.Resume)
	}
	if err := r.list(ctx); err != nil {
		return nil, failure(err, r.Resume)
	}
	if err := r.checkFiles(ctx); err != nil {
		return nil, failure(err, r.Resume)
	}
	result, err := r.copyParts(ctx)
	if r.Job.Target.HDF5 == nil {
		if state, from := StateOf(err), r.Job.Source.Export; state != nil && from != nil {
			state.ReadRun, state.ReadSeal = from.Path, from.Seal
			err = ended(err, state)
		}
		return result, err
	}
	if err == nil {
		if err = r.endExport(ctx, result); err != nil {
			err = ended(err, r.copied()) // only the manifest is missing
		}
	}
	if r.drop && temporal.IsCanceledError(err) {
		return nil, r.dropExport(ctx, err)
	}
	if state := StateOf(err); state != nil {
		state.Run, state.Stage = r.Job.Target.HDF5.Run, r.stage
		err = ended(err, state)
	}
	return result, err
}

func (r *jobRun) copyParts(ctx workflow.Context) (result *Result, err error) {
	if len(r.parts) > 1 {
		return r.copyAll(ctx)
	}
	p := r.parts[0]
	if p.result == nil {
		p.result, err = r.copyPart(ctx, p)
	}
	if err != nil && p.copy != nil {
		err = ended(err, r.unfinished())
	}
	if p.result != nil {
		p.result.Name = p.name
	}
	return p.result, err
}

// copied is the state of a job all of whose parts are copied.
func (r *jobRun) copied() *State {
	state := &State{Hash: r.Hash}
	for _, p := range r.parts {
		state.Parts = append(state.Parts, PartState{Name: p.name, Result: p.result})
	}
	return state
}

// copyPart looks at source and target, and has the rows copied.
func (r *jobRun) copyPart(ctx workflow.Context, p *part) (*Result, error) {
	ref := r.ref(&p.job)
	if len(r.parts) > 1 {
		p.status.Phase = PhaseReading
		r.sum(ctx)
	}
	err := workflow.ExecuteActivity(brief(ctx, &p.job, "read metadata of source and target"), acts.ReadMetadata, ref).Get(ctx, &p.plan)
	if err != nil {
		return nil, failure(err, p.resume)
	}
	ref.PlannedOn = p.plan.Host
	r.planned(ctx, p)
	if p.plan.Target.Action == transfer.ActionSkip {
		return &Result{Outcome: OutcomeSkipped, Source: p.plan.Source.Format, Target: p.plan.Target.Place, Took: r.board.took(ctx),
			Notes: append(p.plan.Notes, "the target is there, and the mode is skip")}, nil
	}
	return r.copy(ctx, p, ref)
}

// copy runs CopyCollection and follows it.
func (r *jobRun) copy(ctx workflow.Context, p *part, ref activities.Ref) (*Result, error) {
	lock := p.plan.Target.LockID
	child := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:            lock,
		WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		ParentClosePolicy:     enums.PARENT_CLOSE_POLICY_REQUEST_CANCEL, // it drains and leaves nothing half-sent
		WaitForCancellation:   true,
		StaticSummary:         p.plan.Source.Format + " to " + p.plan.Target.Place,
	})
	in := copyInput{Ref: ref, Hash: r.Hash, Plan: *p.plan, State: p.resume, Paused: r.paused, Started: r.board.started, Several: len(r.parts) > 1, Drop: r.drop}
	future := workflow.ExecuteChildWorkflow(child, CopyCollectionName, in)
	var execution workflow.Execution
	if err := future.GetChildWorkflowExecution().Get(ctx, &execution); err != nil {
		var taken *temporal.ChildWorkflowExecutionAlreadyStartedError
		if errors.As(err, &taken) {
			return nil, failure(r.taken(ctx, p, lock), p.resume)
		}
		return nil, failure(err, p.resume)
	}
	p.child, p.copy = future, &Execution{execution.ID, execution.RunID}
	r.began(p, lock)
	if r.paused != in.Paused {
		if err := future.SignalChildWorkflow(ctx, PauseSignal, r.paused).Get(ctx, nil); err != nil {
			workflow.GetLogger(ctx).Warn("pause not passed on", "error", err) // it has just ended; its result tells
		}
	}
	if r.drop && !in.Drop {
		if err := future.SignalChildWorkflow(ctx, dropSignal, nil).Get(ctx, nil); err != nil {
			workflow.GetLogger(ctx).Warn("drop not passed on", "error", err)
		}
	}
	// the child follows the parent's cancellation, and is waited for on a context that outlives it
	wait, _ := workflow.NewDisconnectedContext(ctx)
	var result *Result
	var err error
	done := false
	s := workflow.NewSelector(wait)
	s.AddReceive(workflow.GetSignalChannel(wait, statusSignal), func(c workflow.ReceiveChannel, _ bool) {
		var status Status
		c.Receive(wait, &status)
		r.follow(wait, status)
	})
	s.AddFuture(future, func(f workflow.Future) {
		done = true
		err = f.Get(wait, &result)
	})
	for !done {
		s.Select(wait)
	}
	p.child = nil
	if EndedByTemporal(err) {
		return nil, failure(fault.New(fault.Internal, "Temporal ended the copy into %s (workflow %s) before it was done: "+
			"%s; run the job again to resume it", p.plan.Target.Place, lock, rootText(err)), nil)
	}
	p.copy = nil
	// what the run before left is not true any more once the child has written
	return result, failure(err, nil)
}

// taken says which job has the lock of a part's target.
func (r *jobRun) taken(ctx workflow.Context, p *part, lock string) error {
	var holder string
	err := workflow.ExecuteActivity(brief(ctx, &p.job, "find the job that holds "+p.plan.Target.Place), acts.HolderOf, lock).Get(ctx, &holder)
	if err != nil || holder == "" { // the lock itself says enough
		return fault.New(fault.Conflict, "another job is writing into %s (workflow %s); wait until it ends, or cancel it", p.plan.Target.Place, lock)
	}
	return fault.New(fault.Conflict, "another job is writing into %s: %s; wait until it ends (milvusdm status --follow %s), or cancel it (milvusdm cancel %s)",
		p.plan.Target.Place, holder, holder, holder)
}

// planned shows what a part's plan says.
func (r *jobRun) planned(ctx workflow.Context, p *part) {
	if len(r.parts) == 1 {
		r.board.planned(ctx, p.plan)
		return
	}
	p.status.Phase, p.status.TotalRows, p.status.TotalBytes = PhaseReading, p.plan.Source.Rows, p.plan.Source.Bytes
	p.status.Target = p.plan.Target.Place
	r.sum(ctx)
}

// began notes the child that copies a part.
func (r *jobRun) began(p *part, child string) {
	if len(r.parts) == 1 {
		r.board.Child = child
	}
	p.status.Child = child
}

// follow takes over the status that a child tells, whichever part's copy received it.
func (r *jobRun) follow(ctx workflow.Context, s Status) {
	if len(r.parts) == 1 {
		r.board.follow(ctx, s)
		return
	}
	for _, p := range r.parts {
		if p.child != nil && p.status.Child == s.Child {
			p.status.Phase, p.status.Rows, p.status.TotalRows = s.Phase, s.Rows, s.TotalRows
			p.status.Bytes, p.status.TotalBytes = s.Bytes, s.TotalBytes
		}
	}
	r.sum(ctx)
}

// report has report.json written, whatever became of the job. That it could not be written is said, and is no failure of
// the job. The answer is the report's path, or why there is none.
func (r *jobRun) report(ctx workflow.Context, result *Result, err error) string {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	info := workflow.GetInfo(ctx)
	rep := activities.Report{Workflow: info.WorkflowExecution.ID, Run: info.WorkflowExecution.RunID, Job: r.Job, JobHash: r.Hash,
		Started: r.board.started, Ended: workflow.Now(ctx)}
	for _, p := range r.parts {
		if len(r.parts) == 1 {
			rep.Plan = p.plan
		} else if p.plan != nil {
			rep.Plans = append(rep.Plans, p.plan)
		}
	}
	if result != nil {
		rep.Result = result
	}
	path := writeReport(ctx, &r.Job, rep, err)
	if result != nil {
		result.Report = path
	}
	return path
}

// writeReport has the report of a workflow that ended with err written, and returns its path, or why there is none.
func writeReport(ctx workflow.Context, j *job.Job, rep activities.Report, err error) string {
	if err != nil {
		kind, text := fault.FromTemporal(err)
		rep.Error, rep.Kind = text, string(kind)
	}
	var path string
	if err := workflow.ExecuteActivity(writingReport(ctx, j), acts.WriteReport, rep).Get(ctx, &path); err != nil {
		_, text := fault.FromTemporal(err)
		return "not written: " + text
	}
	return path
}

// stage is a short name for a chain of runs. It is the end of their ID: the beginning is a time, which runs within a minute
// have in common.
func stage(runID string) string {
	id := strings.ReplaceAll(runID, "-", "")
	return id[max(len(id)-8, 0):]
}

// failure turns an error into the workflow's own: of the kind and with the text of what caused it, and with the state that
// the next run goes on from, if any was kept.
func failure(err error, state *State) error {
	if err == nil {
		return nil
	}
	if s := StateOf(err); s != nil {
		state = s
	}
	return ended(err, state)
}

// ended is the error that a workflow ends with, and the state that goes with it.
func ended(err error, state *State) error {
	var details []any
	if state != nil {
		details = append(details, *state)
	}
	if temporal.IsCanceledError(err) {
		return temporal.NewCanceledError(details...)
	}
	kind, text := fault.FromTemporal(err)
	return temporal.NewApplicationErrorWithOptions(text, string(kind), temporal.ApplicationErrorOptions{NonRetryable: true, Details: details})
}

// took is how long the job has run.
func (b *board) took(ctx workflow.Context) time.Duration { return workflow.Now(ctx).Sub(b.started) }
