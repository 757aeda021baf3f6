package workflows

import (
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"milvusdm/activities"
	"milvusdm/internal/fault"
	"milvusdm/internal/transfer"
)

// searchedRows is how many rows of a collection that others write to are searched for misplaced ones, and searchedShare how many
// for each row that the job copies: a search reads all primary and partition keys.
const (
	searchedRows  = 5_000_000
	searchedShare = 20
)

// place checks that queries for the partition key find the target's rows. It rewrites rows of the job that they do not
// find, and notes those of others.
func (c *collectionCopy) place(ctx workflow.Context) error {
	t := &c.State.Target
	if !t.Plan.Placed {
		return nil
	}
	search := t.Fresh || t.Plan.Rows <= max(searchedRows, searchedShare*c.total().Rows)
	if !search {
		c.note(ctx, "%d rows were in %s before: it was not checked that queries for the partition key find them; milvusdm verify does",
			t.Plan.Rows, t.Plan.Place)
	}
	for repairs := 0; ; repairs++ {
		var found transfer.Placement
		if search {
			c.phase(ctx, PhasePlacing)
			checking := working(ctx, &c.Job, "check the partitions of "+t.Name)
			in := activities.PlacementInput{Ref: c.Ref, Rows: *c.written()}
			if err := workflow.ExecuteActivity(checking, acts.FindMisplaced, in).Get(ctx, &found); err != nil {
				return err
			}
			if found.Misplaced == 0 {
				return nil
			}
		}
		wrong, lost, err := c.placeOwn(ctx)
		switch {
		case err != nil:
			return err
		case wrong > 0 || lost:
		case search:
			c.note(ctx, "%s; this job did not write them. %s",
				misplaced(activities.RightName, &found), replaceMisplaced)
			return nil
		default:
			return nil
		}
		if repairs == maxRepairs {
			return fault.New(fault.Conflict, "queries for the partition key do not find %d rows of %s that this job wrote; rewriting %d rows did not repair that",
				wrong, t.Plan.Place, c.result.Repaired)
		}
		c.result.Repaired += wrong
		c.phase(ctx, PhaseFlush)
		if err := c.flushTarget(ctx).Get(ctx, nil); err != nil {
			return err
		}
	}
}

// placeOwn rewrites those batches of the job whose rows queries for the partition key do not find: so many rows. lost says that some
// may have been rewritten without being counted.
func (c *collectionCopy) placeOwn(ctx workflow.Context) (wrong int64, lost bool, err error) {
	t := &c.State.Target
	if t.Plan.NewIDs || !t.Fresh && t.Plan.OnExisting == "keep" {
		return 0, false, nil // it can't recognise its rows, or must not write those of others
	}
	err = c.eachRange(ctx, t, c.State.Ranges, "count by partition key", acts.CheckRange,
		activities.RangeInput{Placed: true}, func(r activities.CheckResult) {
			wrong, lost = wrong+r.Wrong, lost || r.Lost
		})
	return wrong, lost, err
}

// noteSourcePlacement notes rows of the source that queries for its partition key do not find.
func (c *collectionCopy) noteSourcePlacement(ctx workflow.Context) error {
	if !c.Plan.SourcePlaced {
		return nil
	}
	c.phase(ctx, PhasePlacing)
	var found transfer.Placement
	in := activities.PlacementInput{Ref: c.Ref, Rows: c.Job.Source, Identity: c.State.Identity}
	checking := working(ctx, &c.Job, "check the partitions of the source")
	err := workflow.ExecuteActivity(checking, acts.FindMisplaced, in).Get(ctx, &found)
	switch {
	case temporal.IsCanceledError(err):
		return err
	case err != nil: // all rows are copied
		_, text := fault.FromTemporal(err)
		c.note(ctx, "the partitions of the source's rows were not checked: %s", text)
	case found.Misplaced > 0:
		c.note(ctx, "%s; they are copied, and queries find them in the copy", misplaced(activities.LeftName, &found))
	}
	return nil
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
