package workflows

import (
	"errors"
	"slices"
	"strings"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"milvusdm/activities"
	"milvusdm/internal/fault"
	"milvusdm/internal/transfer"
)

// Signals between a job's workflow and its CopyCollection.
const (
	statusSignal = "status" // child to parent: Status
	pauseSignal  = "pause"  // parent to child: bool
	dropSignal   = "drop"   // parent to child, no value
)

// jobRun is one run of a direction's workflow.
type jobRun struct {
	Input
	board  *board
	plan   *activities.Plan
	paused bool
	child  workflow.ChildWorkflowFuture
}

func runJob(ctx workflow.Context, in Input) (*Result, error) {
	r := &jobRun{Input: in, board: newBoard(ctx, in.StateAttribute)}
	if err := r.handle(ctx); err != nil {
		return nil, err
	}
	result, err := r.run(ctx)
	r.report(ctx, result, err)
	switch {
	case err == nil:
		r.board.phase(ctx, PhaseDone)
	case temporal.IsCanceledError(err):
		r.board.phase(ctx, PhaseCancelled)
	default:
		r.board.phase(ctx, PhaseFailed)
	}
	return result, err
}

// handle answers queries, and passes pause and resume on to the child.
func (r *jobRun) handle(ctx workflow.Context) error {
	if err := workflow.SetQueryHandler(ctx, StatusQuery, func() (Status, error) { return r.board.Status, nil }); err != nil {
		return err
	}
	if err := r.handlePause(ctx, PauseUpdate, true); err != nil {
		return err
	}
	if err := r.handlePause(ctx, ResumeUpdate, false); err != nil {
		return err
	}
	return workflow.SetUpdateHandlerWithOptions(ctx, DropTargetUpdate, func(ctx workflow.Context) error {
		if r.child == nil {
			return nil // nothing was made yet
		}
		return r.child.SignalChildWorkflow(ctx, dropSignal, nil).Get(ctx, nil)
	}, workflow.UpdateHandlerOptions{Description: "drop what the job made when it is cancelled"})
}

func (r *jobRun) handlePause(ctx workflow.Context, update string, paused bool) error {
	late := func(workflow.Context) error {
		if paused && slices.Contains([]Phase{PhaseFlush, PhaseIndex, PhaseLoad, PhaseCounting, PhaseRepairing, PhasePublish}, r.board.Phase) && r.board.RangesDone == r.board.Ranges {
			return failure(fault.New(fault.Conflict, "all rows are copied: what is left (%s) can't be paused", r.board.Phase), nil)
		}
		return nil
	}
	return workflow.SetUpdateHandlerWithOptions(ctx, update, func(ctx workflow.Context) error {
		r.paused = paused
		if r.child == nil {
			return nil // it is told when it starts
		}
		return r.child.SignalChildWorkflow(ctx, pauseSignal, paused).Get(ctx, nil)
	}, workflow.UpdateHandlerOptions{Description: update + " the job", Validator: late})
}

func (r *jobRun) run(ctx workflow.Context) (*Result, error) {
	info := workflow.GetInfo(ctx)
	ref := activities.Ref{Job: r.Job, Owner: info.WorkflowExecution.ID, Stage: stage(info.FirstRunID)}
	r.board.phase(ctx, PhaseReading)
	err := workflow.ExecuteActivity(looking(ctx, &r.Job, "read metadata of source and target"), acts.ReadMetadata, ref).Get(ctx, &r.plan)
	if err != nil {
		return nil, failure(err, r.Resume)
	}
	r.board.planned(ctx, r.plan)
	if r.plan.Target.Action == transfer.ActionSkip {
		return &Result{Outcome: OutcomeSkipped, Source: r.plan.Source.Format, Target: r.plan.Target.Place, Took: r.board.took(ctx),
			Notes: append(r.plan.Notes, "the target is there, and the mode is skip")}, nil
	}
	return r.copy(ctx, ref)
}

// copy runs CopyCollection and follows it.
func (r *jobRun) copy(ctx workflow.Context, ref activities.Ref) (*Result, error) {
	lock := r.plan.Target.LockID
	child := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:            lock,
		WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		ParentClosePolicy:     enums.PARENT_CLOSE_POLICY_REQUEST_CANCEL, // it drains and leaves nothing half-sent
		WaitForCancellation:   true,
		StaticSummary:         r.plan.Source.Format + " to " + r.plan.Target.Place,
	})
	in := copyInput{Ref: ref, Hash: r.Hash, Plan: *r.plan, State: r.Resume, Paused: r.paused, Started: r.board.started}
	future := workflow.ExecuteChildWorkflow(child, CopyCollectionName, in)
	if err := future.GetChildWorkflowExecution().Get(ctx, nil); err != nil {
		var taken *temporal.ChildWorkflowExecutionAlreadyStartedError
		if errors.As(err, &taken) {
			return nil, failure(fault.New(fault.Conflict, "another job is writing into %s (workflow %s); wait until it ends, or cancel it", r.plan.Target.Place, lock), r.Resume)
		}
		return nil, failure(err, r.Resume)
	}
	r.child = future
	r.board.Child = lock
	if r.paused != in.Paused {
		if err := future.SignalChildWorkflow(ctx, pauseSignal, r.paused).Get(ctx, nil); err != nil {
			workflow.GetLogger(ctx).Warn("pause not passed on", "error", err) // it has just ended; its result tells
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
		r.board.follow(wait, status)
	})
	s.AddFuture(future, func(f workflow.Future) {
		done = true
		err = f.Get(wait, &result)
	})
	for !done {
		s.Select(wait)
	}
	r.child = nil
	// what the run before left is not true any more once the child has written
	return result, failure(err, nil)
}

// report has report.json written, whatever became of the job. That it could not be written is said, and is no failure of
// the job.
func (r *jobRun) report(ctx workflow.Context, result *Result, err error) {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	info := workflow.GetInfo(ctx)
	rep := activities.Report{Workflow: info.WorkflowExecution.ID, Run: info.WorkflowExecution.RunID, Job: r.Job, JobHash: r.Hash,
		Started: r.board.started, Ended: workflow.Now(ctx), Plan: r.plan}
	if err != nil {
		kind, text := fault.FromTemporal(err)
		rep.Error, rep.Kind = text, string(kind)
	}
	if result != nil {
		rep.Result = result
	}
	var path string
	if err := workflow.ExecuteActivity(writingReport(ctx, &r.Job), acts.WriteReport, rep).Get(ctx, &path); err != nil {
		_, text := fault.FromTemporal(err)
		path = "not written: " + text
	}
	if result != nil {
		result.Report = path
	}
}

// stage is a short name for a chain of runs. It is the end of their ID: the beginning is a time, which runs within a minute
// have in common.
func stage(runID string) string {
	id := strings.ReplaceAll(runID, "-", "")
	return id[len(id)-8:]
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
	var details []any
	if state != nil {
		details = append(details, state)
	}
	if temporal.IsCanceledError(err) {
		return temporal.NewCanceledError(details...)
	}
	kind, text := fault.FromTemporal(err)
	return temporal.NewApplicationErrorWithOptions(text, string(kind), temporal.ApplicationErrorOptions{NonRetryable: true, Details: details})
}

// took is how long the job has run.
func (b *board) took(ctx workflow.Context) time.Duration { return workflow.Now(ctx).Sub(b.started) }
