package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"milvusdm/activities"
	"milvusdm/internal/fault"
	"milvusdm/internal/transfer"
)

// place checks that queries for the partition key find the target's rows. It rewrites rows of the job that they do not
// find, and notes those of others.
func (c *collectionCopy) place(ctx workflow.Context) error {
	t := &c.State.Target
	if t.Plan.WholeRanges || t.Plan.Schema.PartitionKey() == nil {
		return nil
	}
	// a job with new keys can't recognise its rows, and one that keeps rows must not write theirs
	ours := !t.Plan.NewIDs && (t.Fresh || t.Plan.OnExisting != "keep")
	in := activities.PlacementInput{Ref: c.Ref, Rows: *c.written()}
	for repairs := 0; ; repairs++ {
		c.phase(ctx, PhasePlacing)
		var found transfer.Placement
		checking := working(ctx, &c.Job, "check the partitions of "+t.Name)
		if err := workflow.ExecuteActivity(checking, acts.FindMisplaced, in).Get(ctx, &found); err != nil {
			return err
		}
		if found.Misplaced == 0 {
			return nil
		}
		if repairs == maxRepairs {
			return fault.New(fault.Conflict, "%s; rewriting %d rows did not repair that",
				misplaced(t.Plan.Place, &found), c.result.Repaired)
		}
		var wrong int64
		if ours {
			err := c.eachRange(ctx, t, c.State.Ranges, "count by partition key", acts.CheckRange,
				activities.RangeInput{Placed: true}, func(r activities.CheckResult) { wrong += r.Wrong })
			if err != nil {
				return err
			}
		}
		if wrong == 0 {
			c.note(ctx, "%s; this job did not write them. %s",
				misplaced(activities.RightName, &found), replaceMisplaced)
			return nil
		}
		c.result.Repaired += wrong
		c.phase(ctx, PhaseFlush)
		if err := c.flushTarget(ctx).Get(ctx, nil); err != nil {
			return err
		}
	}
}

// noteSourcePlacement notes rows of the source that queries for its partition key do not find.
func (c *collectionCopy) noteSourcePlacement(ctx workflow.Context) error {
	if c.Job.Source.Milvus == nil || c.Plan.Source.Partitions != nil {
		return nil // no partition key chooses its partitions
	}
	c.phase(ctx, PhasePlacing)
	var found transfer.Placement
	in := activities.PlacementInput{Ref: c.Ref, Rows: c.Job.Source, Identity: c.State.Identity}
	checking := working(ctx, &c.Job, "check the partitions of the source")
	err := workflow.ExecuteActivity(checking, acts.FindMisplaced, in).Get(ctx, &found)
	if err == nil && found.Misplaced > 0 {
		c.note(ctx, "%s; they are copied, and queries find them in the copy", misplaced(activities.LeftName, &found))
	}
	return err
}

// place checks that queries for the partition keys of both sides find their rows. Rows of the target that they do not
// find are a difference, unless others may have written them.
func (v *verification) place(ctx workflow.Context) error {
	for _, right := range []bool{false, true} {
		if !v.side(right).Placed {
			continue
		}
		v.phase(ctx, PhasePlacing)
		in := activities.PlacementInput{Ref: v.sides.Ref, Rows: v.sides.Job.Source, Identity: v.side(right).Identity}
		if right {
			in.Rows = v.sides.Right
		}
		name := activities.SideName(right)
		var found transfer.Placement
		checking := v.working(ctx, "check the partitions of "+name)
		err := workflow.ExecuteActivity(checking, acts.FindMisplaced, in).Get(ctx, &found)
		switch text := misplaced(name, &found); {
		case err != nil:
			return err
		case found.Misplaced == 0:
		case !right:
			v.note("%s", text)
		case v.others:
			v.note("%s; others may have written them. %s", text, replaceMisplaced)
		default:
			v.result.Misplaced = text
		}
	}
	return nil
}

// replaceMisplaced says what to do about misplaced rows of a collection.
const replaceMisplaced = "Copy the collection to another name with this program, and use the copy: " +
	"queries find all rows in it"

// misplaced says how many rows are not found where, for a person.
func misplaced(where string, p *transfer.Placement) string {
	return fmt.Sprintf("queries for the partition key %s of %s do not find %d of its %d rows, such as %s "+
		"(an upsert in Milvus before 2.3.10 stores rows in wrong partitions)",
		p.Field, where, p.Misplaced, p.Rows, p.Example)
}
