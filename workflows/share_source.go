package workflows

import (
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"milvusdm/activities"
	"milvusdm/internal/fault"
)

// lookAfterReaders is how often ShareSource looks for readers that ended without leaving, as a job does that is
// terminated.
const lookAfterReaders = 10 * time.Minute

// shareInput is what ShareSource continues as new with; it starts with none.
type shareInput struct {
	Readers []activities.Reader `json:"readers"`
	Loaded  []string            `json:"loaded"`
	Ref     activities.Ref      `json:"ref"`
}

// sharedSource is a run of ShareSource.
type sharedSource struct {
	shareInput
	// turn has one reader at a time load or release.
	turn workflow.Mutex
	// stop ends the load that is under way.
	stop workflow.CancelFunc
	// entered: a reader has been here.
	entered bool
}

// ShareSource keeps one collection loaded for all jobs that read it, and releases it when the last of them has left.
// Its ID is made of the collection's identity. What was loaded before the first reader came stays loaded. It takes the
// updates activities.EnterUpdate and activities.LeaveUpdate.
func ShareSource(ctx workflow.Context, in *shareInput) error {
	s := &sharedSource{turn: workflow.NewMutex(ctx)}
	if in != nil {
		s.shareInput, s.entered = *in, true
	}
	if err := workflow.SetUpdateHandlerWithOptions(ctx, activities.EnterUpdate, s.enter,
		workflow.UpdateHandlerOptions{Description: "load the collection for a reader"}); err != nil {
		return err
	}
	if err := workflow.SetUpdateHandlerWithOptions(ctx, activities.LeaveUpdate, s.leave,
		workflow.UpdateHandlerOptions{Description: "release the collection, if this was its last reader"}); err != nil {
		return err
	}
	for {
		quiet := func() bool { return workflow.AllHandlersFinished(ctx) }
		idle := func() bool { return quiet() && s.entered && len(s.Readers) == 0 && len(s.Loaded) == 0 }
		long := func() bool { return quiet() && workflow.GetInfo(ctx).GetContinueAsNewSuggested() }
		ok, err := workflow.AwaitWithTimeout(ctx, lookAfterReaders, func() bool { return idle() || long() })
		switch {
		case err != nil:
			return err
		case idle():
			return nil
		case long():
			return workflow.NewContinueAsNewError(ctx, ShareSourceName, s.shareInput)
		case !ok:
			s.entered = true // whoever started it is gone
			if err := s.lookAfter(ctx); err != nil {
				return err
			}
		}
	}
}

// enter loads what is not loaded.
func (s *sharedSource) enter(ctx workflow.Context, in activities.Reading) error {
	s.entered = true
	if !slices.Contains(s.Readers, in.Reader) {
		s.Readers = append(s.Readers, in.Reader)
	}
	if err := s.turn.Lock(ctx); err != nil {
		return err
	}
	defer s.turn.Unlock()
	if !slices.Contains(s.Readers, in.Reader) {
		return nil // it has left while it waited
	}
	s.Ref = in.Ref
	err := s.load(ctx)
	if err == nil {
		return nil
	}
	s.remove(in.Reader)
	if err := s.release(ctx); err != nil {
		workflow.GetLogger(ctx).Warn("what could not be loaded is not released", "error", err)
	}
	return failure(err, nil)
}

func (s *sharedSource) load(ctx workflow.Context) error {
	loading, stop := workflow.WithCancel(ctx)
	s.stop = stop
	defer func() { s.stop = nil }()
	defer stop()
	var what []string
	err := workflow.ExecuteActivity(s.doing(loading, "find what is not loaded"), acts.FindUnloaded,
		s.Ref).Get(loading, &what)
	if err != nil || len(what) == 0 {
		return err
	}
	for _, name := range what { // also where it fails: it may have been loaded all the same
		if !slices.Contains(s.Loaded, name) {
			s.Loaded = append(s.Loaded, name)
		}
	}
	return workflow.ExecuteActivity(s.doing(loading, "load"), acts.LoadSource,
		activities.LoadInput{Ref: s.Ref, What: what}).Get(loading, nil)
}

// leave releases what was loaded, if nobody reads it any more.
func (s *sharedSource) leave(ctx workflow.Context, in activities.Reading) error {
	s.remove(in.Reader)
	if len(s.Readers) == 0 && s.stop != nil {
		s.stop()
	}
	if err := s.turn.Lock(ctx); err != nil {
		return err
	}
	defer s.turn.Unlock()
	s.Ref = in.Ref
	if len(s.Readers) > 0 {
		if err := s.removeEnded(ctx); err != nil {
			workflow.GetLogger(ctx).Warn("readers that ended are not known", "error", err) // it is asked again
		}
	}
	if err := s.release(ctx); err != nil {
		return failure(err, nil)
	}
	return nil
}

// release releases what was loaded for readers who have all left. The whole collection stands for its partitions.
func (s *sharedSource) release(ctx workflow.Context) error {
	if len(s.Readers) > 0 || len(s.Loaded) == 0 {
		return nil
	}
	what := s.Loaded
	if i := slices.Index(what, wholeSource); i >= 0 {
		what = what[i : i+1]
	}
	err := workflow.ExecuteActivity(s.doing(ctx, "release: it was not loaded before"), acts.ReleaseSource,
		activities.LoadInput{Ref: s.Ref, What: what}).Get(ctx, nil)
	if err != nil {
		if kind, _ := fault.FromTemporal(err); kind != fault.NotFound && kind != fault.SourceChanged {
			return err // it is tried again
		}
	}
	s.Loaded = nil // it is released, or gone
	return nil
}

// doing is for an activity of its own. Readers wait for it in slots of other queues, and no reader's machine is asked for it.
func (s *sharedSource) doing(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithTaskQueue(looking(ctx, &s.Ref.Job, summary), ShareQueue(workflow.GetInfo(ctx).TaskQueueName))
}

// wholeSource is a whole collection in transfer.Description.Unloaded.
const wholeSource = "*"

// lookAfter is leave for readers that have ended without leaving.
func (s *sharedSource) lookAfter(ctx workflow.Context) error {
	if err := s.turn.Lock(ctx); err != nil {
		return err
	}
	defer s.turn.Unlock()
	err := s.removeEnded(ctx)
	if err == nil {
		err = s.release(ctx)
	}
	if err != nil {
		_, text := fault.FromTemporal(err)
		workflow.GetLogger(ctx).Warn("the source is left loaded for now", "error", text)
	}
	return nil
}

func (s *sharedSource) removeEnded(ctx workflow.Context) error {
	if len(s.Readers) == 0 {
		return nil
	}
	var ended []activities.Reader
	err := workflow.ExecuteActivity(s.doing(ctx, "look for readers that have ended"), acts.EndedReaders,
		s.Readers).Get(ctx, &ended)
	for _, r := range ended {
		s.remove(r)
	}
	return err
}

func (s *sharedSource) remove(r activities.Reader) {
	s.Readers = slices.DeleteFunc(s.Readers, func(other activities.Reader) bool { return other == r })
}

// sharing says that this workflow reads a collection of the given identity.
func sharing(ctx workflow.Context, collection string) activities.Sharing {
	info := workflow.GetInfo(ctx)
	return activities.Sharing{Collection: collection, Queue: info.TaskQueueName,
		Reader: activities.Reader{Workflow: info.WorkflowExecution.ID, FirstRun: info.FirstRunID}}
}
