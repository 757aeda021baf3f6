package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"milvusdm/internal/fault"
	"milvusdm/internal/human"
	"milvusdm/internal/job"
	"milvusdm/workflows"
)

// isVerification reports whether a workflow ID is that of a verification that a user asked for, and not of a part of one.
func isVerification(id string) bool {
	name, _, _ := strings.Cut(id, "/")
	return id == workflows.VerifyID(&job.Job{Name: name})
}

func (a *app) verifyCommand() *cobra.Command {
	var count, sample, full, exact bool
	cmd := &cobra.Command{
		Use:   "verify JOB.yaml",
		Short: "Compare a job's source with its target",
		Long: `Has a worker compare what a job reads with what stands in its target now, or with what the job names under compare, and follows
it to its end. Nothing is written. On a difference it names partitions, keys and fields, and exits with 17.

All rows are compared, in their contents; --sample compares a batch out of each range of rows, --count numbers of rows only.
In mode append, rows that only the target has are no difference, unless --exact is given.`,
		Args:              one("the file of a job"),
		ValidArgsFunction: jobFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			mode := workflows.VerifyFull
			switch {
			case count && sample || count && full || sample && full:
				a.entered = false
				return errors.New("--full, --sample and --count exclude each other; write one of them")
			case count:
				mode = workflows.VerifyCount
			case sample:
				mode = workflows.VerifySample
			}
			return a.verify(cmd.Context(), args[0], mode, exact)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&full, "full", false, "compare the contents of all rows (default)")
	f.BoolVar(&sample, "sample", false, "compare the contents of a batch out of each range of rows")
	f.BoolVar(&count, "count", false, "compare numbers of rows only")
	f.BoolVar(&exact, "exact", false, "rows that only the target has are a difference in mode append too")
	return cmd
}

func (a *app) verify(ctx context.Context, path, mode string, exact bool) error {
	j, err := a.load(path)
	if err != nil {
		return err
	}
	s, err := a.dial(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	in := workflows.VerifyInput{Job: *j, Mode: mode, Exact: exact}
	r, attached, err := a.launchVerify(ctx, s, &in)
	if err != nil {
		return err
	}
	a.sayStarted(r, attached, fmt.Sprintf("%s: %s with %s", r.Name, j.SourceName(), j.TargetName()))
	again := []string{"verify", "--" + mode}
	if exact {
		again = append(again, "--exact")
	}
	return a.toTheEnd(ctx, s, r, s.command(append(again, path)...))
}

// launchVerify starts the verification, or finds it running already.
func (a *app) launchVerify(ctx context.Context, s *server, in *workflows.VerifyInput) (r *record, attached bool, err error) {
	id := workflows.VerifyID(&in.Job)
	hash := fmt.Sprintf("%s %s %t", in.Job.Hash(), in.Mode, in.Exact)
	last, err := s.last(ctx, id)
	if err != nil {
		return nil, false, err
	}
	if last != nil && last.running() {
		return last, true, s.sameVerification(last, hash)
	}
	if err := s.needWorker(ctx, s.queue, hosts(&in.Job)...); err != nil {
		return nil, false, err
	}
	attributes, _ := s.attributes(ctx)
	in.StateAttribute, in.OtherAttributes = attributes.State, attributes.Others
	if ctx.Err() != nil {
		return nil, false, s.explain(ctx.Err())
	}
	runID, err := s.startVerify(ctx, id, hash, in)
	var started *serviceerror.WorkflowExecutionAlreadyStarted
	if errors.As(err, &started) { // by somebody else, just now
		if last, err = s.known(ctx, id); err == nil {
			err = s.sameVerification(last, hash)
		}
		return last, true, err
	}
	if err != nil {
		return nil, false, s.explain(err)
	}
	return &record{Name: id, RunID: runID, Direction: workflows.VerifyName, State: "running", Target: in.Job.TargetName(), Started: time.Now(),
		Queue: s.queue, WebUI: s.webUI(id, runID), hash: hash, job: &in.Job}, false, nil
}

func (s *server) sameVerification(running *record, hash string) error {
	if running.hash == hash {
		return nil
	}
	return fault.New(fault.Conflict, "another verification of this job is running; wait for its end (%s), or cancel it (%s)",
		s.command("status", "--follow", running.Name), s.command("cancel", running.Name))
}

// startVerify starts the workflow. An interrupt does not cut it off: whether it runs would be unknown.
func (s *server) startVerify(ctx context.Context, id, hash string, in *workflows.VerifyInput) (runID string, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	run, err := s.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID:                                       id,
		TaskQueue:                                s.queue,
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIDConflictPolicy:                 enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		Memo:                                     map[string]any{workflows.HashMemo: hash, workflows.JobMemo: &in.Job},
		StaticSummary:                            "verify: " + compared(&in.Job),
	}, workflows.VerifyName, *in)
	if err != nil {
		return "", err
	}
	return run.GetRunID(), nil
}

// compared names both sides for the Web UI.
func compared(j *job.Job) string {
	return short(j.SourceName(), 80) + " with " + short(j.TargetName(), 80)
}

// endedVerify reports the end of a verification.
func (r *report) endedVerify(e *ending) {
	switch v := workflows.VerifyResultOf(e.err); {
	case v != nil:
		r.State, r.Verify, r.Kind, r.ExitCode = "different", v, fault.Different, fault.ExitCode(fault.Different)
	case e.err == nil:
		r.State, r.Verify = "completed", &workflows.VerifyResult{}
		if err := json.Unmarshal(e.answer, r.Verify); err != nil {
			r.State, r.Verify, r.Kind, r.Error, r.ExitCode = "failed", nil, fault.Internal, "read its result: "+err.Error(), fault.ExitInternal
		}
	default:
		r.State, r.Kind, r.Error, r.ExitCode = failure(e.err)
	}
}

// verification tells what came of a comparison.
func (r report) verification(s *sheet) {
	v := r.Verify
	if v.Outcome == workflows.OutcomeEqual {
		s.title("%s: equal", r.Name)
	} else {
		s.title("%s: DIFFERENT", r.Name)
	}
	for _, d := range v.Differences {
		s.row("differs", oneLine(d))
	}
	s.row("source", v.Source)
	s.row("target", v.Target)
	s.row("rows", fmt.Sprintf("%s in the source, %s in the target", human.Count(v.LeftRows), human.Count(v.RightRows)))
	switch v.Mode {
	case workflows.VerifyCount:
		s.row("compared", "numbers of rows only")
	case workflows.VerifySample:
		s.row("compared", fmt.Sprintf("the contents of %s rows, a batch out of each range", human.Count(v.Compared)))
	default:
		s.row("compared", fmt.Sprintf("the contents of %s rows", human.Count(v.Compared)))
	}
	s.row("took", human.Duration(v.Took))
	s.row("report", v.Report)
	s.rows("note", v.Notes)
}

// sidesText are tables of what was compared: of partitions that have different numbers of rows, and of collections.
func sidesText(v *workflows.VerifyResult) string {
	text := ""
	rows := [][]string{{"PARTITION", "SOURCE", "TARGET"}}
	for _, p := range v.Partitions {
		if p.Left != p.Right {
			rows = append(rows, []string{p.Name, human.Count(p.Left), human.Count(p.Right)})
		}
	}
	if len(rows) > 1 {
		text += "\n" + table(rows)
	}
	rows = [][]string{{"COLLECTION", "OUTCOME", "SOURCE", "TARGET", "COMPARED"}}
	for _, c := range v.Collections {
		rows = append(rows, []string{c.Name, first(c.Outcome, "not compared"), human.Count(c.LeftRows), human.Count(c.RightRows), human.Count(c.Compared)})
	}
	if len(rows) > 1 {
		text += "\n" + table(rows)
	}
	return text
}
