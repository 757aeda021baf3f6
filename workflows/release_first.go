package workflows

import (
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"milvusdm/activities"
	"milvusdm/internal/fault"
	"milvusdm/internal/transfer"
)

// loadAlone loads the new collection in place of the one that it replaces, which is loaded and served, where the job
// lets it and the server has no memory for both (missing). The old one is dropped when the new one is counted and
// published.
func (c *collectionCopy) loadAlone(ctx workflow.Context, missing string) (string, error) {
	plan := &c.Plan.Target
	if !c.Job.Copy.ReleaseFirst {
		return "", fault.New(fault.Unsupported, "%s stays as it was, loaded and serving: the collection that was "+
			"copied to replace it can't be loaded beside it and so can't be counted (%s). Free memory on the server, or "+
			"write %s: true to have %s released first, and run the job again: it goes on from here",
			plan.Place, missing, c.Job.Key("copy.release_first"), plan.Collection)
	}
	c.note(ctx, "%s was released, since the server has no memory for it and the collection that replaces it (%s)",
		plan.Place, missing)
	c.oldReleased = true
	var out transfer.Outcome
	err := workflow.ExecuteActivity(working(ctx, &c.Job, "release "+plan.Place+" first"), acts.FinalizeTarget,
		activities.TargetInput{Ref: c.Ref, Target: c.final(), Step: transfer.StepRelease}).Get(ctx, &out)
	if err != nil {
		return "", err
	}
	c.oldReplicas = out.Replicas
	missing, err = c.finalize(ctx)
	if err != nil || missing == "" {
		return "", err
	}
	return "", fault.New(fault.Unsupported, "the collection that was copied to replace %s can't be loaded, even "+
		"while that one is released, and so can't be counted (%s). Free memory on the server, and run "+
		"the job again: it goes on from here", plan.Place, missing)
}

// loadOldAgain loads the collection that was released to be replaced, and is not replaced. The new one is released for
// it. It returns the job's error, which says so if that fails.
func (c *collectionCopy) loadOldAgain(ctx workflow.Context, cause error) error {
	if !c.oldReleased {
		return cause
	}
	old := c.final()
	old.Replicas, old.Plan.KeepPartitions = c.oldReplicas, nil
	var staged, out transfer.Outcome
	err := workflow.ExecuteActivity(looking(ctx, &c.Job, "release "+c.State.Target.Name), acts.FinalizeTarget,
		c.target(transfer.StepRelease)).Get(ctx, &staged)
	if staged.Published {
		c.note(ctx, "%s is the new collection by now, and is loaded", c.Plan.Target.Place)
		return cause
	}
	if err != nil { // the old one may fit all the same
		workflow.GetLogger(ctx).Warn("not released", "collection", c.State.Target.Name, "error", err)
	}
	err = workflow.ExecuteActivity(working(ctx, &c.Job, "load "+c.Plan.Target.Place+" again, which is not replaced"),
		acts.FinalizeTarget, activities.TargetInput{Ref: c.Ref, Target: old, Step: string(PhaseLoad)}).Get(ctx, &out)
	if err == nil && out.Missing == "" && len(old.Plan.LoadedPartitions) > 0 {
		err = workflow.ExecuteActivity(working(ctx, &c.Job, "release what was not loaded of "+c.Plan.Target.Place), acts.FinalizeTarget,
			activities.TargetInput{Ref: c.Ref, Target: old, Step: transfer.StepReleaseOthers}).Get(ctx, nil)
	}
	if err == nil && out.Missing == "" {
		c.note(ctx, "%s is loaded again", c.Plan.Target.Place)
		return cause
	}
	why := out.Missing
	if err != nil {
		_, why = fault.FromTemporal(err)
	}
	c.note(ctx, "%s is NOT loaded again: %s", c.Plan.Target.Place, why)
	if temporal.IsCanceledError(cause) {
		return cause
	}
	kind, text := fault.FromTemporal(cause)
	return fault.New(kind, "%s. %s was released for it and is NOT loaded again: %s; load it", text,
		c.Plan.Target.Place, why)
}
