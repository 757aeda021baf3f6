package workflows

import (
	"slices"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"milvusdm/activities"
	"milvusdm/internal/fault"
	"milvusdm/internal/transfer"
)

// putBackLoad releases a collection that others own, if it was not loaded before.
func (c *collectionCopy) putBackLoad(ctx workflow.Context) error {
	plan := &c.Plan.Target
	if plan.StagingName != "" || plan.WhollyLoaded() || !c.Loading {
		return nil
	}
	steps := []string{transfer.StepRelease}
	if plan.Loaded {
		steps[0] = transfer.StepReleaseOthers
	}
	if !plan.Indexed && (c.State == nil || c.State.Rows() == 0) {
		steps = append(steps, transfer.StepDropIndex) // it was made to look keys up
	}
	for _, step := range steps {
		if err := workflow.ExecuteActivity(looking(ctx, &c.Job, step+": the collection is left as it was"), acts.FinalizeTarget,
			activities.TargetInput{Ref: c.Ref, Target: c.final(), Step: step}).Get(ctx, nil); err != nil {
			return err
		}
	}
	return nil
}

// releaseSource releases what was loaded for the copy, unless others still read it.
func (c *collectionCopy) releaseSource(ctx workflow.Context) {
	if len(c.SourceLoaded) == 0 && !c.Plan.SourceShared {
		return
	}
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	err := workflow.ExecuteActivity(brief(ctx, &c.Job, "release the source: it was not loaded before"), acts.ReleaseSource,
		c.loading(ctx)).Get(ctx, nil)
	if err != nil {
		_, text := fault.FromTemporal(err)
		c.note(ctx, "the source is left loaded: %s", text)
	}
}

// giveUp ends a run that failed or was cancelled. What was made is dropped where nothing was copied into it, or where what
// was copied is of no use because the source is at fault; else it is kept, with the state that the next run goes on from.
func (c *collectionCopy) giveUp(ctx workflow.Context, cause error) error {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	kind, text := fault.FromTemporal(cause)
	if temporal.IsCanceledError(cause) {
		kind = ""
	}
	cause = c.loadOldAgain(ctx, cause)
	if err := c.putBackLoad(ctx); err != nil {
		c.note(ctx, "%s is left loaded: %s", c.Plan.Target.Place, err)
	}
	copied := c.State != nil && !slices.ContainsFunc(c.State.Ranges, func(r RangeState) bool { return !r.Done })
	useless := kind == fault.Corrupt || !copied && (kind == fault.Config || kind == fault.Unsupported ||
		kind == fault.SourceChanged || kind == fault.NotFound)
	if c.State == nil || c.State.Target.Name == "" {
		return failure(cause, nil)
	}
	if published := c.State.Target.Fresh && c.State.Target.Name == c.State.Target.Plan.Collection; published {
		return failure(cause, c.State)
	}
	made := c.State.made()
	drop := kind == "" && (c.Drop || workflow.GetSignalChannel(ctx, dropSignal).ReceiveAsync(nil))
	if made && (useless || drop || c.State.Rows() == 0) {
		err := workflow.ExecuteActivity(looking(ctx, &c.Job, "drop "+c.State.Target.Name), acts.DiscardTarget, c.target("")).Get(ctx, nil)
		if err == nil {
			if useless {
				cause = fault.New(kind, "%s; %s is as it was before the job", text, c.Plan.Target.Place)
			}
			return failure(cause, nil)
		}
		_, why := fault.FromTemporal(err)
		c.note(ctx, "%s could not be dropped: %s", c.State.Target.Name, why)
		if c.State.Target.CollectionID == 0 {
			return failure(cause, nil) // its preparation failed: the next run begins anew and drops it
		}
	}
	if kind == fault.Different && c.State.Target.Fresh {
		cause = fault.New(kind, "%s (%s is kept to be looked at; run the job again with --fresh to drop it and copy anew)", text, c.State.Target.Name)
	}
	if kind == fault.Corrupt && !made && c.State.Rows() > 0 && !c.Plan.Target.WholeRanges {
		cause = fault.New(kind, "%s (%d rows of this job are in %s; write %s: replace to replace them from a sound source)",
			text, c.State.Rows(), c.State.Target.Plan.Place, c.Job.Key("copy.on_existing"))
	} else if kind != "" && !made && c.State.Rows() > 0 {
		cause = fault.New(kind, "%s (%d rows of this job stand in %s; run the job again to go on)", text, c.State.Rows(), c.State.Target.Plan.Place)
	}
	return failure(cause, c.State)
}
