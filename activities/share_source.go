package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/transfer"
)

// The workflow that has a collection loaded for all that read it (workflows.ShareSource), and its updates, which take a
// Reading.
const (
	ShareSourceName = "ShareSource"
	EnterUpdate     = "enter" // done when the collection is loaded
	LeaveUpdate     = "leave" // done when the collection is released, or others still read it
)

// SharedID is the workflow ID of ShareSource for a collection of this identity (transfer.Settings.Collection).
func SharedID(collection string) string { return "loaded/" + collection }

// Sharing says who reads a collection that is to be loaded. Collection is its identity, "" where it has none: then
// nobody else can know of it, and it is loaded and released without asking. Queue is the task queue of workflows.
type Sharing struct {
	Collection string `json:"collection,omitempty"`
	Queue      string `json:"queue,omitempty"`
	Reader     Reader `json:"reader,omitzero"`
}

// Reader is a workflow that reads. FirstRun tells it from later ones of its ID.
type Reader struct {
	Workflow string `json:"workflow"`
	FirstRun string `json:"firstRun"`
}

// Reading is a reader, and a job whose source is the collection that it reads.
type Reading struct {
	Ref
	Reader Reader `json:"reader"`
}

// sharePatience is how long Temporal may take to answer for ShareSource, and shareAnswer a single answer of it.
const (
	sharePatience = 5 * time.Minute
	shareAnswer   = 20 * time.Second
)

// share tells ShareSource that a reader enters or leaves, and waits until it is done.
func (a *Activities) share(ctx context.Context, ref Ref, s *Sharing, update string, p *pulse) error {
	var failed error
	for heard := time.Now(); time.Since(heard) < sharePatience; {
		call, cancel := context.WithTimeout(ctx, shareAnswer)
		err := shareOnce(call, ref, s, update)
		slow := call.Err() != nil
		cancel()
		var own *temporal.ApplicationError
		var gone *serviceerror.NotFound
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.As(err, &own):
			kind, text := fault.FromTemporal(err)
			return fault.New(kind, "%s", text)
		case errors.As(err, &gone) && update == LeaveUpdate:
			return leftBefore(ctx, s)
		}
		// it has just ended, is busy with other readers or with loading, or Temporal is away
		failed = err
		if slow {
			p.waiting("the source to be loaded or released")
			heard = time.Now()
			continue
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(time.Second):
		}
	}
	return fault.New(fault.Unavailable, "ask workflow %s: %w", SharedID(s.Collection), failed)
}

func shareOnce(ctx context.Context, ref Ref, s *Sharing, update string) error {
	c, info := activity.GetClient(ctx), activity.GetInfo(ctx)
	options := client.UpdateWorkflowOptions{WorkflowID: SharedID(s.Collection), UpdateName: update,
		UpdateID: info.WorkflowExecution.RunID + "/" + info.ActivityID, // the same for each attempt
		Args:     []any{Reading{ref, s.Reader}}, WaitForStage: client.WorkflowUpdateStageCompleted}
	var handle client.WorkflowUpdateHandle
	var err error
	if update == EnterUpdate {
		start := c.NewWithStartWorkflowOperation(client.StartWorkflowOptions{ID: SharedID(s.Collection),
			TaskQueue:                s.Queue,
			WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
			StaticSummary:            "keeps a source loaded until its last reader is done"}, ShareSourceName, nil)
		handle, err = c.UpdateWithStartWorkflow(ctx,
			client.UpdateWithStartWorkflowOptions{StartWorkflowOperation: start, UpdateOptions: options})
	} else {
		handle, err = c.UpdateWorkflow(ctx, options)
	}
	if err != nil {
		return err
	}
	return handle.Get(ctx, nil)
}

// leftBefore is the answer where ShareSource does not run any more: it ends by itself when the last reader has left.
func leftBefore(ctx context.Context, s *Sharing) error {
	id := SharedID(s.Collection)
	d, err := activity.GetClient(ctx).DescribeWorkflowExecution(ctx, id, "")
	if err != nil {
		return fault.New(fault.Unavailable, "ask Temporal about workflow %s: %w", id, err)
	}
	if d.GetWorkflowExecutionInfo().GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_COMPLETED {
		return nil
	}
	return fault.New(fault.Conflict, "workflow %s, which was to release it after its last reader, was ended by "+
		"somebody else", id)
}

// describeShared describes a source, and reports whether another job has had its collection loaded, and will release it.
func describeShared(ctx context.Context, src transfer.Source, from *job.Source) (d *transfer.Description, shared bool, err error) {
	if d, err = src.Describe(ctx); err != nil || from.Milvus == nil || d.Settings == nil || d.Settings.Collection == "" {
		return d, false, err
	}
	is, err := activity.GetClient(ctx).DescribeWorkflowExecution(ctx, SharedID(d.Settings.Collection), "")
	var never *serviceerror.NotFound
	switch {
	case errors.As(err, &never):
		return d, false, nil
	case err != nil:
		return nil, false, fault.New(fault.Unavailable, "ask Temporal about workflow %s: %w", SharedID(d.Settings.Collection), err)
	case is.GetWorkflowExecutionInfo().GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_RUNNING:
		return d, true, nil
	}
	// what was seen as loaded may have been released since; clocks may differ
	if ended := is.GetWorkflowExecutionInfo().GetCloseTime().AsTime(); time.Since(ended) < sharePatience && len(d.Unloaded) == 0 {
		d, err = src.Describe(ctx)
	}
	return d, false, err
}

// LoadSource has the source's server load what is read and was not loaded, or joins those for whom it was loaded.
func (a *Activities) LoadSource(ctx context.Context, in LoadInput) error {
	return a.whileLoading(ctx, &in.Ref, func(p *pulse) error {
		if in.Sharing.Collection != "" {
			return a.share(ctx, in.Ref, &in.Sharing, EnterUpdate, p)
		}
		return a.onLoader(ctx, &in.Ref, p, func(l transfer.Loader) error { return l.Load(ctx, in.What, p.waiting) })
	})
}

// ReleaseSource takes back what LoadSource did, once nobody else reads it.
func (a *Activities) ReleaseSource(ctx context.Context, in LoadInput) error {
	return a.whileLoading(ctx, &in.Ref, func(p *pulse) error {
		if in.Sharing.Collection != "" {
			return a.share(ctx, in.Ref, &in.Sharing, LeaveUpdate, p)
		}
		return a.onLoader(ctx, &in.Ref, p, func(l transfer.Loader) error { return l.Release(ctx, in.What) })
	})
}

// FindUnloaded names what of a source is not loaded.
func (a *Activities) FindUnloaded(ctx context.Context, ref Ref) (what []string, err error) {
	err = a.whileLoading(ctx, &ref, func(p *pulse) error {
		return a.onLoader(ctx, &ref, p, func(l transfer.Loader) (err error) {
			what, err = l.Unloaded(ctx)
			return err
		})
	})
	return what, err
}

// EndedReaders returns those readers that have ended without leaving.
func (a *Activities) EndedReaders(ctx context.Context, readers []Reader) (ended []Reader, err error) {
	for _, r := range readers {
		over, err := hasEnded(ctx, r.Workflow, r.FirstRun)
		if err != nil {
			return nil, fault.ToTemporal(err)
		}
		if over {
			ended = append(ended, r)
		}
		activity.RecordHeartbeat(ctx)
	}
	return ended, nil
}

func (a *Activities) whileLoading(ctx context.Context, ref *Ref, f func(*pulse) error) error {
	pulse, stop := startPulse(ctx, &ref.Job, sourcePatience(ref)+stepPatience, transfer.Checkpoint{}, transfer.Checkpoint{})
	defer stop()
	return pulse.end(f(pulse))
}

func (a *Activities) onLoader(ctx context.Context, ref *Ref, p *pulse, f func(transfer.Loader) error) error {
	src, err := a.open(ctx, &ref.Job.Source, p)
	if err != nil {
		return err
	}
	defer src.Close()
	l, ok := src.(transfer.Loader)
	if !ok {
		return fault.New(fault.Internal, "the source says that it must be loaded, and cannot be")
	}
	return f(l)
}
