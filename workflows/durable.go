package workflows

import (
	"slices"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"milvusdm/internal/transfer"
)

// flush has the target make the ranges that are done durable: from time to time while others are copied, so that a restart of its
// server costs little, and once nothing else is left to do. It is then that the last writes of lost attempts must have come.
func (l *rangeLoop) flush(s workflow.Selector) {
	if l.flushing || l.Paused || l.cancel || l.drain || l.failed != nil || l.State.Target.Plan.WholeRanges {
		return
	}
	var done []int
	for i, r := range l.State.Ranges {
		if r.Done && !r.Flushed {
			done = append(done, i)
		}
	}
	last := l.running == 0 && len(l.next) == 0
	now := workflow.Now(l.ctx)
	if len(done) == 0 || !last && now.Sub(l.flushed) < l.Job.Copy.FlushEvery {
		return
	}
	l.flushing, l.flushed = true, now
	if wait := l.State.LateUntil.Sub(now); last && wait > 0 {
		l.note(l.ctx, "an attempt was interrupted: the flush waits until none of its writes can arrive any more")
		s.AddFuture(workflow.NewTimer(l.acts, wait), func(workflow.Future) { l.flushing = false })
		return
	}
	s.AddFuture(l.flushTarget(l.acts), func(f workflow.Future) {
		l.flushing = false
		var epoch transfer.Epoch
		switch err := f.Get(l.ctx, &epoch); {
		case err == nil:
			l.endure(done, epoch)
		case temporal.IsCanceledError(err) || askedToEnd(err): // by a pause, a cancellation or a range that failed
		case l.failed == nil:
			l.failed = err
			l.stop()
		}
	})
}

// endure takes in that the target was flushed under an epoch after these ranges were done. What it had acknowledged under an epoch
// that is over by then is copied again.
func (l *rangeLoop) endure(done []int, epoch transfer.Epoch) {
	for _, i := range done {
		r := &l.State.Ranges[i]
		if r.Flushed = !r.Reach.Epoch.Over(epoch); r.Flushed {
			r.Reach.Epoch = nil
			continue
		}
		r.Reach, r.Done, r.Touched = transfer.Checkpoint{}, false, true
		l.next = append(l.next, i)
		l.restarted()
	}
}

// settled: all rows are where no restart can lose them.
func (l *rangeLoop) settled() bool {
	whole := l.State.Target.Plan.WholeRanges // a file is durable when it is done
	return !slices.ContainsFunc(l.State.Ranges, func(r RangeState) bool { return !r.Done || !r.Flushed && !whole })
}

// restarted notes that the target's server was restarted.
func (l *rangeLoop) restarted() {
	if !l.State.Restarted {
		l.note(l.ctx, "the target's server was restarted: what it had acknowledged and not flushed was sent again")
	}
	l.State.Restarted = true
}

// warnOfRestart says what the count can't see. Milvus 2.3.5 can lose deletions of rows that it had stored before, if it is started
// again while they come in, even behind a flush: its query nodes know them, its storage does not. A collection of the job's own
// is loaded from the storage when all is written; one that others use is not released for it.
func (c *collectionCopy) warnOfRestart(ctx workflow.Context) {
	t := &c.State.Target
	if !c.State.Restarted || t.Fresh || t.Plan.WholeRanges || t.Plan.NewIDs {
		return
	}
	c.note(ctx, transfer.Warning+"the target's server was restarted while rows of %[1]s were replaced. Milvus can lose deletions then: when %[1]s is loaded "+
		"the next time, replaced rows may stand beside the new ones. Release and load it when that disturbs nobody, run milvusdm verify, "+
		"and run this job again if it finds a difference", t.Plan.Place)
}

// flushTarget makes what was written durable.
func (c *collectionCopy) flushTarget(ctx workflow.Context) workflow.Future {
	return workflow.ExecuteActivity(working(ctx, &c.Job, "flush "+c.State.Target.Name), acts.FlushTarget, c.target(""))
}

// phaseNow is what the loop is doing.
func (l *rangeLoop) phaseNow() Phase {
	switch {
	case l.Paused && l.running == 0:
		return PhasePaused
	case l.flushing && l.running == 0:
		return PhaseFlush
	}
	return PhaseCopying
}
