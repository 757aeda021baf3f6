package workflows

import (
	"go.temporal.io/sdk/workflow"

	"milvusdm/activities"
	"milvusdm/internal/fault"
	"milvusdm/internal/transfer"
)

// maxRepairs is how often rows that count wrong are written again before the job fails.
const maxRepairs = 2

// count compares the target with what was copied, and repairs it. In a published collection others may write by now: there
// only keys that stand twice are wrong.
func (c *collectionCopy) count(ctx workflow.Context, published bool) error {
	t := &c.State.Target
	copied := c.total().Sum.Rows
	if t.Plan.WholeRanges {
		return c.countParts(ctx, copied)
	}
	expected, byTotal := c.expected(copied)
	if t.Plan.NewIDs {
		return c.countNewIDs(ctx, expected)
	}
	for repairs := 0; ; repairs++ {
		c.phase(ctx, PhaseCounting)
		if err := workflow.ExecuteActivity(working(ctx, &c.Job, "count "+t.Name), acts.CountTarget, c.target("")).Get(ctx, &c.result.Counted); err != nil {
			return err
		}
		if byTotal && c.result.Counted == expected {
			return nil
		}
		c.phase(ctx, PhaseRepairing)
		wrong, lost := int64(0), false
		err := c.eachRange(ctx, t, c.State.Ranges, "count by key", acts.CheckRange, activities.RangeInput{Doubled: published},
			func(r activities.CheckResult) {
				wrong, lost = wrong+r.Wrong, lost || r.Lost
			})
		if err != nil {
			return err
		}
		c.result.Repaired += wrong
		if wrong > 0 || lost {
			// a restart that loses them before they are flushed shows in the next count
			c.phase(ctx, PhaseFlush)
			if err := c.flushTarget(ctx).Get(ctx, nil); err != nil {
				return err
			}
		}
		if lost && wrong == 0 && repairs < maxRepairs {
			continue // the count was of before that
		}
		if wrong == 0 && (published || !t.Fresh) {
			return nil // every key stands once; what else is there is not ours
		}
		if wrong == 0 && c.Job.Source.Milvus != nil && c.State.uncertain() && c.result.Counted > copied {
			return c.countRepeated(ctx, copied)
		}
		if repairs == maxRepairs {
			return fault.New(fault.Conflict, "%s holds %d rows, %d were copied into it, and rewriting %d of them did not fix the count; is another program writing to it?",
				t.Plan.Place, c.result.Counted, copied, c.result.Repaired)
		}
	}
}

// countParts counts the rows of files that nobody else writes.
func (c *collectionCopy) countParts(ctx workflow.Context, copied int64) error {
	c.phase(ctx, PhaseCounting)
	if err := workflow.ExecuteActivity(working(ctx, &c.Job, "count the rows of the files"), acts.CountTarget, c.target("")).Get(ctx, &c.result.Counted); err != nil {
		return err
	}
	if c.result.Counted != copied {
		return fault.New(fault.Corrupt, "the files of %s hold %d rows, and %d were written", c.State.Target.Plan.Place, c.result.Counted, copied)
	}
	return nil
}

// countRepeated decides about rows that were written by attempts which were lost, and that the source has no more: somebody
// deleted them there meanwhile. They may remain, once each.
func (c *collectionCopy) countRepeated(ctx workflow.Context, copied int64) error {
	var repeated int64
	err := workflow.ExecuteActivity(working(ctx, &c.Job, "count keys of "+c.State.Target.Name), acts.CountRepeated, c.target("")).Get(ctx, &repeated)
	if err != nil {
		return err
	}
	if repeated > 0 {
		return fault.New(fault.Conflict, "%s holds %d rows whose key stands twice and is not in the source any more; run the job again",
			c.State.Target.Plan.Place, repeated)
	}
	c.note(ctx, "%d rows that were deleted in the source during the copy remain in the target", c.result.Counted-copied)
	return nil
}

// countNewIDs counts rows that got keys of their own: one that arrived twice can't be told from two.
func (c *collectionCopy) countNewIDs(ctx workflow.Context, expected int64) error {
	t := &c.State.Target
	c.phase(ctx, PhaseCounting)
	if err := workflow.ExecuteActivity(working(ctx, &c.Job, "count "+t.Name), acts.CountTarget, c.target("")).Get(ctx, &c.result.Counted); err != nil {
		return err
	}
	switch more := c.result.Counted - expected; {
	case more == 0:
		return nil
	case more > 0 && (c.State.uncertain() || !t.Fresh):
		c.note(ctx, "the target holds %d rows more than expected: rows that arrived twice (accept_repeats), or others' rows", more)
		return nil
	}
	return fault.New(fault.Conflict, "%s holds %d rows, and should hold %d", t.Plan.Place, c.result.Counted, expected)
}

// expected is how many rows the target must hold, where that can be said: a target that nobody else writes into, or one
// whose rows were counted before and have none of our keys. Otherwise keys are counted one by one.
func (c *collectionCopy) expected(copied int64) (int64, bool) {
	t := &c.State.Target
	switch {
	case t.Fresh:
		return copied, true
	case t.Plan.NewIDs && t.Plan.Rows >= 0:
		return t.Plan.Rows + copied, true
	case t.Plan.OnExisting != "fail":
		return 0, false
	case t.Plan.Action == transfer.ActionPartition, t.Plan.Action == transfer.ActionRefill:
		return copied, true
	case t.Plan.Partition == "" && t.Plan.Rows >= 0:
		return t.Plan.Rows + copied, true
	}
	return 0, false
}
