package cli

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"milvusdm/activities"
	"milvusdm/internal/fault"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
	"milvusdm/workflows"
)

// Toy workflows stand in for the real ones: they answer in the same way, and what they do is named by the job's collection.

const toyTotal = 1000

// finishSignal ends a toy that waits.
const finishSignal = "finish"

func registerToys(w worker.Worker) {
	w.RegisterWorkflowWithOptions(toyJob, workflow.RegisterOptions{Name: workflows.HDF5ToMilvusName})
	w.RegisterWorkflowWithOptions(toyVerify, workflow.RegisterOptions{Name: workflows.VerifyName})
	w.RegisterWorkflowWithOptions(toyCollections, workflow.RegisterOptions{Name: workflows.MilvusToMilvusName})
	w.RegisterWorkflowWithOptions(toyCopy, workflow.RegisterOptions{Name: workflows.CopyCollectionName})
	w.RegisterWorkflowWithOptions(toyPlan, workflow.RegisterOptions{Name: workflows.PlanJobName})
	w.RegisterActivityWithOptions(toyRange, activity.RegisterOptions{Name: "CopyRange"})
	w.RegisterActivityWithOptions(toyRefused, activity.RegisterOptions{Name: "ReadMetadata"})
}

// toy is one run of toyJob.
type toy struct {
	workflows.Status
	in workflows.Input
}

func toyJob(ctx workflow.Context, in workflows.Input) (*workflows.Result, error) {
	t := &toy{in: in, Status: workflows.Status{Phase: workflows.PhaseCopying, Since: workflow.Now(ctx), Source: "toy file", Target: "toy place",
		Rows: 400, TotalRows: toyTotal, Bytes: 4000, TotalBytes: 10000, RangesDone: 2, Ranges: 5}}
	if err := t.handle(ctx); err != nil {
		return nil, err
	}
	switch in.Job.Target.Milvus.Collection {
	case "wait":
		return t.wait(ctx)
	case "fail":
		if in.Resume != nil {
			return t.done(), nil
		}
		return nil, temporal.NewApplicationErrorWithOptions("toy.h5: row 417 is cut off", string(fault.Corrupt),
			temporal.ApplicationErrorOptions{NonRetryable: true, Details: []any{t.state()}})
	case "nothing": // fails before it has copied a row
		s := t.state()
		s.Ranges[0].Reach = transfer.Checkpoint{}
		return nil, temporal.NewApplicationErrorWithOptions("toy server is full", string(fault.Denied),
			temporal.ApplicationErrorOptions{NonRetryable: true, Details: []any{s}})
	case "denied":
		return nil, temporal.NewApplicationErrorWithOptions("toy server refuses the password of user root", string(fault.Denied),
			temporal.ApplicationErrorOptions{NonRetryable: true})
	case "uncounted":
		r := t.done()
		r.Outcome, r.Counted, r.Notes = workflows.OutcomeNotCounted, 0, []string{"not counted: out of memory"}
		return r, nil
	case "chain":
		if in.Resume == nil {
			in.Resume = t.state()
			return nil, workflow.NewContinueAsNewError(ctx, workflows.HDF5ToMilvusName, in)
		}
		return t.done(), nil
	case "child":
		return t.child(ctx)
	case "unreachable":
		ctx := workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
		return nil, workflow.ExecuteActivity(ctx, "ReadMetadata").Get(ctx, nil)
	}
	return t.done(), nil
}

func (t *toy) handle(ctx workflow.Context) error {
	if err := workflow.SetQueryHandler(ctx, workflows.StatusQuery, func() (workflows.Status, error) { return t.Status, nil }); err != nil {
		return err
	}
	workflow.Go(ctx, func(ctx workflow.Context) {
		for asked := workflow.GetSignalChannel(ctx, workflows.PauseSignal); asked.Receive(ctx, &t.Paused); {
			t.Phase = map[bool]workflows.Phase{true: workflows.PhasePaused, false: workflows.PhaseCopying}[t.Paused]
		}
	})
	if err := workflow.SetQueryHandler(ctx, workflows.StateQuery, func() (*workflows.State, error) { return t.state(), nil }); err != nil {
		return err
	}
	phases := map[string]workflows.Phase{workflows.PauseUpdate: workflows.PhasePaused, workflows.ResumeUpdate: workflows.PhaseCopying}
	for update, phase := range phases {
		err := workflow.SetUpdateHandler(ctx, update, func(workflow.Context) error {
			t.Phase, t.Paused = phase, update == workflows.PauseUpdate
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *toy) wait(ctx workflow.Context) (*workflows.Result, error) {
	finished := false
	s := workflow.NewSelector(ctx)
	s.AddReceive(workflow.GetSignalChannel(ctx, finishSignal), func(c workflow.ReceiveChannel, _ bool) {
		c.Receive(ctx, nil)
		finished = true
	})
	s.AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) {})
	s.Select(ctx)
	if !finished {
		return nil, temporal.NewCanceledError(t.state())
	}
	t.Rows = toyTotal
	return t.done(), nil
}

// child has a toyCopy do the work.
func (t *toy) child(ctx workflow.Context) (*workflows.Result, error) {
	id := workflow.GetInfo(ctx).WorkflowExecution.ID + "/collection"
	child := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{WorkflowID: id})
	future := workflow.ExecuteChildWorkflow(child, workflows.CopyCollectionName)
	if err := future.GetChildWorkflowExecution().Get(ctx, nil); err != nil {
		return nil, err
	}
	t.Child = id
	if err := future.Get(ctx, nil); err != nil {
		return nil, err
	}
	return t.done(), nil
}

// toyCollections copies the collections of a job: all but the first is done by then, and those called bad fail.
func toyCollections(ctx workflow.Context, in workflows.Input) (*workflows.Result, error) {
	status := workflows.Status{Phase: workflows.PhaseCopying, Since: workflow.Now(ctx), RangesDone: 1, Ranges: len(in.Job.Collections())}
	total := &workflows.Result{Outcome: workflows.OutcomeVerified, Source: "2 collections and partitions", Verified: "full"}
	state := &workflows.State{Hash: in.Hash}
	failed := ""
	for _, c := range in.Job.Collections() {
		p := workflows.PartStatus{Name: c.Name, Target: "toy place/" + c.Target(), Phase: workflows.PhaseDone, Rows: toyTotal, TotalRows: toyTotal}
		r := workflows.Result{Outcome: workflows.OutcomeVerified, Source: c.Name, Target: p.Target, Rows: toyTotal, Counted: toyTotal}
		left := workflows.PartState{Name: c.Name, Result: &r}
		if c.Name == "bad" {
			p.Phase, p.Error, failed = workflows.PhaseFailed, "a field is gone", "bad: a field is gone"
			left.Result, left.State = nil, (&toy{in: in}).state()
		} else {
			total.Collections = append(total.Collections, r)
			total.Rows += r.Rows
			total.Counted += r.Counted
		}
		status.Collections, state.Parts = append(status.Collections, p), append(state.Parts, left)
	}
	busy := &status.Collections[0]
	busy.Phase, busy.Rows, busy.Child = workflows.PhaseCopying, 0, workflow.GetInfo(ctx).WorkflowExecution.ID+"/collection"
	if err := workflow.SetQueryHandler(ctx, workflows.StatusQuery, func() (workflows.Status, error) { return status, nil }); err != nil {
		return nil, err
	}
	child := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{WorkflowID: busy.Child})
	if err := workflow.ExecuteChildWorkflow(child, workflows.CopyCollectionName).Get(ctx, nil); err != nil {
		return nil, err
	}
	busy.Phase, busy.Rows, busy.Child = workflows.PhaseDone, toyTotal, ""
	if err := workflow.Sleep(ctx, 3*time.Second); err != nil { // so that it is seen
		return nil, err
	}
	if failed != "" {
		return nil, temporal.NewApplicationErrorWithOptions("1 of 2 collections and partitions failed: "+failed, string(fault.SourceChanged),
			temporal.ApplicationErrorOptions{NonRetryable: true, Details: []any{state}})
	}
	return total, nil
}

// toyVerify finds what the job's collection names: equal, different, or a source that is cut off; wait waits to be cancelled.
func toyVerify(ctx workflow.Context, in workflows.VerifyInput) (*workflows.VerifyResult, error) {
	status := workflows.Status{Phase: workflows.PhaseVerifying, Since: workflow.Now(ctx), Rows: 250, TotalRows: toyTotal}
	if err := workflow.SetQueryHandler(ctx, workflows.StatusQuery, func() (workflows.Status, error) { return status, nil }); err != nil {
		return nil, err
	}
	r := &workflows.VerifyResult{Outcome: workflows.OutcomeEqual, Mode: in.Mode, Source: "toy file", Target: "toy place", LeftRows: toyTotal,
		RightRows: toyTotal, Compared: toyTotal, Took: 5 * time.Second, Report: "/tmp/verify.json"}
	if in.Exact {
		r.Notes = append(r.Notes, "exactly")
	}
	switch in.Job.Target.Milvus.Collection {
	case "wait":
		if err := workflow.Sleep(ctx, time.Hour); err != nil { // until it is cancelled
			return nil, err
		}
	case "different":
		r.Outcome, r.RightRows, r.Differences = workflows.OutcomeDifferent, 999, []string{"1 row is in the source only: key 7 of partition p"}
		r.Partitions = []workflows.PartitionRows{{Name: "_default", Left: 10, Right: 10}, {Name: "p", Left: 990, Right: 989}}
		return nil, temporal.NewApplicationErrorWithOptions("they differ", string(fault.Different),
			temporal.ApplicationErrorOptions{NonRetryable: true, Details: []any{r}})
	case "fail":
		return nil, temporal.NewApplicationErrorWithOptions("toy.h5: row 417 is cut off", string(fault.Corrupt), temporal.ApplicationErrorOptions{NonRetryable: true})
	}
	return r, nil
}

func (t *toy) done() *workflows.Result {
	r := &workflows.Result{Outcome: workflows.OutcomeVerified, Source: "toy file", Target: "toy place", Rows: toyTotal, Counted: toyTotal,
		Bytes: 10000, Sum: "1000:0123", Took: 5 * time.Second, Copying: 2 * time.Second, Index: "HNSW L2", Loaded: true, Report: "/tmp/report.json"}
	if t.in.Resume != nil {
		r.Resumed = t.in.Resume.Rows()
	}
	if t.in.StateAttribute && t.in.OtherAttributes {
		r.Notes = append(r.Notes, "state attribute")
	}
	return r
}

func (t *toy) state() *workflows.State {
	s := &workflows.State{Hash: t.in.Hash, Target: transfer.Target{Name: "c__mdm_toy",
		Plan: transfer.TargetPlan{Action: transfer.ActionCreate, Collection: "c", StagingName: "c__mdm_toy"}}}
	s.Ranges = append(s.Ranges, workflows.RangeState{Reach: transfer.Checkpoint{Cursor: rows.Row(400), Rows: 400}})
	return s
}

// toyCopy has one range copied, which gains rows while it runs.
func toyCopy(ctx workflow.Context) error {
	status := workflows.Status{Phase: workflows.PhaseCopying, Since: workflow.Now(ctx), Rows: 500, TotalRows: toyTotal}
	if err := workflow.SetQueryHandler(ctx, workflows.StatusQuery, func() (workflows.Status, error) { return status, nil }); err != nil {
		return err
	}
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute, HeartbeatTimeout: 10 * time.Second})
	return workflow.ExecuteActivity(ctx, "CopyRange").Get(ctx, nil)
}

func toyRange(ctx context.Context) error {
	since := time.Date(2026, 11, 22, 12, 3, 4, 0, time.UTC)
	for range 25 {
		activity.RecordHeartbeat(ctx, activities.Heartbeat{Rows: 123, Bytes: 1230, Waiting: "waiting for Milvus at 127.0.0.1:19530", Since: since})
		time.Sleep(100 * time.Millisecond)
	}
	return nil
}

func toyRefused(context.Context) error {
	return fault.ToTemporal(fault.New(fault.Unavailable, "connect to Milvus at 127.0.0.1:19530: connection refused"))
}

func toyPlan(_ workflow.Context, in workflows.Input) ([]activities.Plan, error) {
	if in.Job.Source.Milvus != nil {
		return goldenPlans(), nil
	}
	if in.Job.Target.Milvus.Collection == "missing" {
		return nil, temporal.NewApplicationErrorWithOptions("open "+in.Job.Source.HDF5.Paths[0]+": no such file", string(fault.NotFound),
			temporal.ApplicationErrorOptions{NonRetryable: true})
	}
	return []activities.Plan{goldenPlan()}, nil
}
