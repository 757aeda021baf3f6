package workflows

import (
	"cmp"
	"fmt"
	"strings"

	"go.temporal.io/sdk/workflow"

	"milvusdm/activities"
	"milvusdm/internal/fault"
	"milvusdm/internal/transfer"
)

// begin makes the ranges and the target, or takes over those of an earlier run.
func (c *collectionCopy) begin(ctx workflow.Context) error {
	if c.Chained {
		c.board.Notes, c.board.Resumed, c.board.Ranges = c.Notes, c.Resumed, len(c.State.Ranges)
		return nil
	}
	if what := c.Plan.Source.Unloaded; len(what) > 0 || c.Plan.SourceShared {
		c.phase(ctx, PhaseLoadSource)
		c.SourceLoaded = what
		err := workflow.ExecuteActivity(brief(ctx, &c.Job, "load the source"), acts.LoadSource, c.loading(ctx)).Get(ctx, nil)
		if err != nil {
			return err
		}
	}
	if c.State != nil {
		ok, err := c.adopt(ctx)
		c.Job.Source = c.Job.Source.WithFirstKey(c.Plan.Target.FirstKey)
		if err != nil || ok {
			return err
		}
		c.State = nil
	}
	c.Job.Source = c.Job.Source.WithFirstKey(c.Plan.Target.FirstKey)
	state := &State{Hash: c.Hash, Identity: c.Plan.Source.Identity}
	c.phase(ctx, PhasePlanning)
	var ranges activities.Ranges
	err := workflow.ExecuteActivity(looking(ctx, &c.Job, "plan ranges, check keys"), acts.PlanRanges,
		activities.PlanRangesInput{Ref: c.Ref, Identity: state.Identity, RangeRows: c.Plan.RangeRows, Whole: c.Plan.Target.WholeRanges}).Get(ctx, &ranges)
	if err != nil {
		return err
	}
	if ranges.Superseded > 0 {
		c.note(ctx, "%d rows are left out: another row has the same key (on_duplicate: %s)", ranges.Superseded, c.Job.Copy.OnDuplicate)
	}
	for _, r := range ranges.Ranges {
		state.Ranges = append(state.Ranges, RangeState{Range: r})
	}
	c.board.Ranges = len(state.Ranges)
	if c.Job.Copy.Prescan {
		c.phase(ctx, PhaseScanning)
		if err := c.eachRange(ctx, &transfer.Target{Plan: c.Plan.Target}, state.Ranges, "scan", acts.ScanRange, activities.RangeInput{}, nil); err != nil {
			return err
		}
	}
	if err := c.checkExisting(ctx, state); err != nil {
		return err
	}
	c.phase(ctx, PhasePreparing)
	options := looking
	if c.Plan.Target.Action == transfer.ActionRefill {
		options = working // it drops the old partition: from then on the job must not end before its rows are there
	}
	c.State = state
	if p := &c.Plan.Target; p.StagingName != "" || p.Action == transfer.ActionPartition {
		// what a preparation that fails leaves behind is dropped
		state.Target = transfer.Target{Plan: *p, Name: cmp.Or(p.StagingName, p.Collection), CollectionID: p.CollectionID, Fresh: p.StagingName != ""}
		if state.Target.Fresh {
			state.Target.CollectionID = 0
		}
	}
	var target transfer.Target
	err = workflow.ExecuteActivity(options(ctx, &c.Job, "prepare "+c.Plan.Target.Place), acts.PrepareTarget,
		activities.PrepareInput{Ref: c.Ref, Plan: c.Plan.Target}).Get(ctx, &target)
	if err != nil {
		return err
	}
	state.Target = target
	return nil
}

// loading is the input of LoadSource and ReleaseSource.
func (c *collectionCopy) loading(ctx workflow.Context) activities.LoadInput {
	in := activities.LoadInput{Ref: c.Ref, What: c.SourceLoaded}
	if c.Job.Source.Milvus != nil && c.Plan.Source.Settings != nil {
		in.Sharing = sharing(ctx, c.Plan.Source.Settings.Collection)
	}
	return in
}

// adopt goes on from what an earlier run left, if source and target still are what they were.
func (c *collectionCopy) adopt(ctx workflow.Context) (bool, error) {
	if c.State.Hash != c.Hash || c.State.Identity != c.Plan.Source.Identity {
		if c.Plan.Target.WholeRanges { // files that are there would be taken for those of now
			return false, fault.New(fault.SourceChanged, "%s changed since the run that failed, whose files stand in %s; start anew (--fresh), which writes another directory",
				c.Plan.Source.Format, c.Plan.Target.Place)
		}
		c.note(ctx, "started from the beginning: the job or its source changed since the last run")
		return false, nil
	}
	err := workflow.ExecuteActivity(looking(ctx, &c.Job, "take over "+c.State.Target.Name), acts.AdoptTarget, c.target("")).Get(ctx, &c.State.Target)
	if err != nil {
		kind, text := fault.FromTemporal(err)
		if kind != fault.NotFound && kind != fault.Conflict {
			return false, err
		}
		c.note(ctx, "started from the beginning: %s", text)
		return false, nil
	}
	c.Plan.Target = c.State.Target.Plan
	for i := range c.State.Ranges { // rows that the run before repaired may not have been flushed
		c.State.Ranges[i].Flushed = false
	}
	c.Resumed = c.State.Rows()
	c.board.Resumed, c.board.Ranges = c.Resumed, len(c.State.Ranges)
	if c.Plan.Target.StagingName == "" && c.Plan.Target.OnExisting == "keep" {
		return true, c.loadToLook(ctx) // the run before may have put it back
	}
	return true, nil
}

// checkExisting refuses keys that stand where they would be in the way, before anything is changed.
func (c *collectionCopy) checkExisting(ctx workflow.Context, state *State) error {
	plan := &c.Plan.Target
	free := plan.StagingName != "" || plan.WholeRanges || plan.Action == transfer.ActionAppend && plan.Rows == 0
	if free || plan.OnExisting == "replace" && !plan.OtherPartitions && plan.ReplacedAcross == "" {
		return nil
	}
	if plan.ReplacedAcross != "" && !plan.OtherPartitions {
		return c.tellReplaced(ctx, state)
	}
	if !plan.WhollyLoaded() {
		if err := c.loadToLook(ctx); err != nil {
			return err
		}
	}
	if plan.OnExisting == "keep" && !plan.OtherPartitions {
		return nil // each batch is looked up when it is copied
	}
	c.phase(ctx, PhaseLooking)
	target := c.final()
	return c.eachRange(ctx, &target, state.Ranges, "look for existing keys", acts.CheckExisting, activities.RangeInput{}, nil)
}

// tellReplaced says how many rows of other values of the partition key will be replaced, and of which values.
func (c *collectionCopy) tellReplaced(ctx workflow.Context, state *State) error {
	target := c.final()
	field := target.Plan.ReplacedAcross
	if !target.Plan.WhollyLoaded() {
		c.note(ctx, "%s is not loaded: rows with another value of the partition key %q that are replaced were not counted", target.Plan.Place, field)
		return nil
	}
	c.phase(ctx, PhaseLooking)
	var all activities.CheckResult
	err := c.eachRange(ctx, &target, state.Ranges, "look for rows with another "+field, acts.CountReplaced, activities.RangeInput{}, all.Add)
	if err != nil || len(all.Values) == 0 {
		return err
	}
	var total int64
	var texts []string
	for _, v := range all.Values {
		total += v.Rows
		texts = append(texts, fmt.Sprintf("%d of %s", v.Rows, cmp.Or(v.Value, "other values")))
	}
	c.note(ctx, "%d rows with another value of the partition key %q have the same primary keys and are replaced: %s",
		total, field, strings.Join(texts, ", "))
	return nil
}

// loadToLook loads the collection that is there: keys can be looked up in a loaded one only.
func (c *collectionCopy) loadToLook(ctx workflow.Context) error {
	c.Loading = true
	for _, step := range []Phase{PhaseIndex, PhaseLoad} {
		c.phase(ctx, step)
		var out transfer.Outcome
		err := workflow.ExecuteActivity(looking(ctx, &c.Job, string(step)+", to look for existing keys"), acts.FinalizeTarget,
			activities.TargetInput{Ref: c.Ref, Target: c.final(), Step: string(step)}).Get(ctx, &out)
		if err != nil {
			return err
		}
		if out.Missing != "" {
			return fault.New(fault.Unsupported, "existing keys can't be looked for: %s", out.Missing)
		}
	}
	return nil
}

// final is the collection that is there before the job.
func (c *collectionCopy) final() transfer.Target {
	plan := c.Plan.Target
	return transfer.Target{Plan: plan, Name: plan.Collection, CollectionID: plan.CollectionID}
}
