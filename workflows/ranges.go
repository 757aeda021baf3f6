package workflows

import (
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"milvusdm/activities"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// rangeLoop schedules CopyRange for all ranges, a window of them at a time.
type rangeLoop struct {
	*collectionCopy
	// ctx outlives the workflow's cancellation, so that what the drained activities answer is still heard.
	ctx     workflow.Context
	acts    workflow.Context // of the running activities
	stop    workflow.CancelFunc
	running int
	next    []int // indexes of ranges to be scheduled
	failed  error
	cancel  bool // the workflow was cancelled
	drain   bool // the history is long: continue as new
	// flushing: a flush of the target is under way, or waits; flushed is when the last one began.
	flushing bool
	flushed  time.Time
}

// copyRanges copies all ranges and has them flushed. Pausing and cancelling drain the running activities: they send nothing
// new, wait for what is under way, and answer how far they came.
func (c *collectionCopy) copyRanges(ctx workflow.Context) error {
	l := &rangeLoop{collectionCopy: c}
	l.ctx, _ = workflow.NewDisconnectedContext(ctx)
	l.acts, l.stop = workflow.WithCancel(l.ctx)
	for i, r := range c.State.Ranges {
		if !r.Done {
			l.next = append(l.next, i)
		}
	}
	s := workflow.NewSelector(l.ctx)
	// a closed channel is always ready: the selector would never block again
	cancelled := workflow.NewBufferedChannel(l.ctx, 1)
	workflow.Go(l.ctx, func(g workflow.Context) {
		ctx.Done().Receive(g, nil)
		cancelled.SendAsync(true)
	})
	s.AddReceive(cancelled, func(ch workflow.ReceiveChannel, _ bool) {
		ch.Receive(l.ctx, nil)
		l.cancel = true
		l.stop()
	})
	s.AddReceive(workflow.GetSignalChannel(l.ctx, PauseSignal), func(ch workflow.ReceiveChannel, _ bool) {
		ch.Receive(l.ctx, &l.Paused)
		if l.Paused {
			l.stop()
		}
	})
	for workflow.GetSignalChannel(l.ctx, PauseSignal).ReceiveAsync(&l.Paused) { // came while the target was prepared
	}
	l.flushed = workflow.Now(ctx)
	for {
		l.schedule(s)
		l.flush(s)
		l.update(ctx)
		switch {
		case l.running > 0, l.flushing:
		case l.failed != nil:
			return l.failed
		case l.cancel:
			return temporal.NewCanceledError()
		case l.settled():
			return nil
		case l.drain:
			return l.continueAsNew(ctx)
		}
		s.Select(l.ctx)
	}
}

// schedule fills the window.
func (l *rangeLoop) schedule(s workflow.Selector) {
	if workflow.GetInfo(l.ctx).GetContinueAsNewSuggested() {
		l.drain = true
	}
	if l.Paused || l.cancel || l.drain || l.failed != nil {
		return
	}
	if l.acts.Err() != nil { // after a pause
		l.acts, l.stop = workflow.WithCancel(l.ctx)
	}
	for l.running < l.Job.Copy.Parallel && len(l.next) > 0 {
		i := l.next[0]
		l.next = l.next[1:]
		r := &l.State.Ranges[i]
		summary := fmt.Sprintf("range %d of %d: %v to %v", i+1, len(l.State.Ranges), r.Range.From, r.Range.To)
		in := activities.RangeInput{Ref: l.Ref, Target: l.State.Target, Identity: l.State.Identity, Range: r.Range, From: r.Reach,
			Insert: l.State.Target.Fresh && !r.Touched}
		if file := transfer.InputOf(l.Plan.Source.Inputs, &r.Range); file != nil {
			in.Written = file.Written
		}
		l.running++
		s.AddFuture(workflow.ExecuteActivity(working(l.acts, &l.Job, summary), acts.CopyRange, in), func(f workflow.Future) {
			l.running--
			l.ended(i, f)
		})
	}
}

// ended takes over what an activity answered.
func (l *rangeLoop) ended(i int, f workflow.Future) {
	r := &l.State.Ranges[i]
	var out activities.CopyResult
	err := f.Get(l.ctx, &out)
	switch {
	case err == nil:
	case temporal.IsCanceledError(err), isTimeout(err):
		// cancelled while no attempt was there to answer: how far the last one came is unknown
		out = activities.CopyResult{Reached: lastReached(err, r.Reach), Lost: 1}
		if !l.cancel && !l.Paused && l.failed == nil {
			l.failed = err
			l.stop()
		}
	default:
		out = activities.CopyResult{Reached: r.Reach}
		var app *temporal.ApplicationError
		if errors.As(err, &app) && app.HasDetails() {
			if app.Details(&out) != nil {
				out.Reached = r.Reach
			}
		}
		out.Done, out.Lost = false, max(out.Lost, 1)
		// what would have been tried again, had the activity not been asked to end, is no failure
		if l.failed == nil && !askedToEnd(err) {
			l.failed = err
			l.stop()
		}
	}
	r.Reach, r.Done, r.Part = out.Reached, out.Done, out.Part
	if l.State.Target.Plan.WholeRanges && !r.Done {
		r.Reach = transfer.Checkpoint{} // nothing of it is there
	}
	if r.Done {
		r.Reach.Cursor = rows.Cursor{} // nobody goes on from it, and keys can be long
	}
	r.Touched = r.Touched || out.Ahead
	if out.Restarted {
		r.Touched = true // what was sent before the restart may be there
		l.restarted()
	}
	if out.Lost > 0 {
		r.Touched = true
		l.State.Lost += out.Lost
		if !l.State.Target.Plan.WholeRanges { // a write of the lost attempt was sent before now, and has its deadline
			l.State.LateUntil = workflow.Now(l.ctx).Add(l.Job.Copy.WriteTimeout + 2*time.Second)
		}
	}
	if !r.Done {
		l.next = append(l.next, i)
	}
}

// askedToEnd reports whether an activity's error was not tried again only because the activity was being cancelled.
func askedToEnd(err error) bool {
	var a *temporal.ActivityError
	return errors.As(err, &a) && a.RetryState() == enums.RETRY_STATE_CANCEL_REQUESTED
}

func isTimeout(err error) bool {
	var t *temporal.TimeoutError
	return errors.As(err, &t)
}

// lastReached is the checkpoint that the error of a cancelled or lost activity tells.
func lastReached(err error, otherwise transfer.Checkpoint) transfer.Checkpoint {
	var out activities.CopyResult
	var canceled *temporal.CanceledError
	if errors.As(err, &canceled) && canceled.HasDetails() && canceled.Details(&out) == nil {
		return out.Reached
	}
	var beat activities.Heartbeat
	var timeout *temporal.TimeoutError
	if errors.As(err, &timeout) && timeout.HasLastHeartbeatDetails() && timeout.LastHeartbeatDetails(&beat) == nil {
		return beat.Reached
	}
	return otherwise
}

// update shows how far the copy is.
func (l *rangeLoop) update(ctx workflow.Context) {
	total := l.total()
	done := 0
	for _, r := range l.State.Ranges {
		if r.Done {
			done++
		}
	}
	phase := l.phaseNow()
	b := l.board
	changed := b.Rows != total.Rows || b.RangesDone != done || b.Phase != phase || b.Paused != l.Paused
	b.Rows, b.Bytes, b.RangesDone, b.Lost, b.Paused = total.Rows, total.Bytes, done, l.State.Lost, l.Paused
	if changed {
		l.phase(ctx, phase)
	}
}

func (l *rangeLoop) continueAsNew(ctx workflow.Context) error {
	if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
		return err
	}
	if ctx.Err() != nil { // came with the answer of the last activity; the next run would not hear of it
		return temporal.NewCanceledError()
	}
	in := l.copyInput
	in.Chained = true
	in.Phases = l.board.spent(ctx)
	in.Notes, in.Drop = l.board.Notes, in.Drop || workflow.GetSignalChannel(ctx, dropSignal).ReceiveAsync(nil)
	return workflow.NewContinueAsNewError(ctx, CopyCollectionName, in)
}

// eachRange runs an activity over whole ranges, a window of them at a time, with what else in says; each is called with every
// answer.
func (c *collectionCopy) eachRange(ctx workflow.Context, target *transfer.Target, ranges []RangeState, what string, activity any,
	in activities.RangeInput, each func(activities.CheckResult)) error {
	ctx, stop := workflow.WithCancel(ctx)
	defer stop()
	options := working
	if c.State == nil || c.State.Rows() == 0 {
		options = looking
	}
	var failed error
	running := 0
	s := workflow.NewSelector(ctx)
	for i := range ranges {
		if running == c.Job.Copy.Parallel {
			s.Select(ctx)
		}
		if failed != nil {
			break
		}
		in.Ref, in.Target, in.Identity, in.Range = c.Ref, *target, c.Plan.Source.Identity, ranges[i].Range
		running++
		summary := fmt.Sprintf("%s, range %d of %d", what, i+1, len(ranges))
		s.AddFuture(workflow.ExecuteActivity(options(ctx, &c.Job, summary), activity, in), func(f workflow.Future) {
			running--
			var out activities.CheckResult
			if err := f.Get(ctx, &out); err != nil && failed == nil {
				failed = err
				stop()
			}
			if each != nil {
				each(out)
			}
		})
	}
	for running > 0 {
		s.Select(ctx)
	}
	return failed
}
