package workflows

import (
	"cmp"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"milvusdm/activities"
	"milvusdm/internal/fault"
	"milvusdm/internal/transfer"
)

// copyInput is what CopyCollection starts with, and what it continues as new with.
type copyInput struct {
	activities.Ref
	Hash string          `json:"hash"`
	Plan activities.Plan `json:"plan"`
	// State is what an earlier run of the job, or of this chain of runs, left; nil begins.
	State  *State `json:"state,omitempty"`
	Paused bool   `json:"paused,omitempty"`
	// Started is when the job began; the others are carried along the chain.
	Started time.Time `json:"started"`
	Chained bool      `json:"chained,omitempty"`
	Resumed int64     `json:"resumed,omitempty,string"`
	CopyAt  time.Time `json:"copyAt,omitzero"`
	Notes   []string  `json:"notes,omitempty"`
	// Several: the job copies other collections too.
	Several bool `json:"several,omitempty"`
	// SourceLoaded is what the source's server loaded for the copy, and is to release again.
	SourceLoaded []string `json:"sourceLoaded,omitempty"`
	// Drop: what was made is to be dropped if the job is cancelled.
	Drop bool `json:"drop,omitempty"`
	// Loading: the job has the collection loaded, or has tried to.
	Loading bool `json:"loading,omitempty"`
}

// collectionCopy is one run of CopyCollection.
type collectionCopy struct {
	copyInput
	board  *board
	result Result
	told   time.Time // when the parent was last told
}

// CopyCollection copies a source into one target collection: plan ranges, create, copy and flush all ranges, index, load, count,
// repair, publish, put back the load state. It is the child of a direction's workflow.
func CopyCollection(ctx workflow.Context, in copyInput) (*Result, error) {
	c := &collectionCopy{copyInput: in, board: newBoard(ctx, false)}
	c.board.started = in.Started
	c.board.planned(ctx, &in.Plan)
	c.board.Child = workflow.GetInfo(ctx).WorkflowExecution.ID
	if err := workflow.SetQueryHandler(ctx, StatusQuery, func() (Status, error) { return c.board.Status, nil }); err != nil {
		return nil, err
	}
	err := c.run(ctx)
	if workflow.IsContinueAsNewError(err) {
		return nil, err
	}
	c.releaseSource(ctx)
	if err != nil {
		return nil, c.giveUp(ctx, err)
	}
	return &c.result, nil
}

func (c *collectionCopy) run(ctx workflow.Context) error {
	if err := c.begin(ctx); err != nil {
		return err
	}
	c.phase(ctx, PhaseCopying)
	if c.CopyAt.IsZero() {
		c.CopyAt = workflow.Now(ctx)
	}
	if err := c.copyRanges(ctx); err != nil {
		return err
	}
	if err := c.checkRead(); err != nil {
		return err
	}
	c.result = Result{Source: c.Plan.Source.Format, Target: c.Plan.Target.Place, Copying: workflow.Now(ctx).Sub(c.CopyAt),
		Lost: c.State.Lost, Resumed: c.Resumed, Notes: c.board.Notes,
		Index: c.Plan.Target.Index.Type + " " + c.Plan.Target.Index.Metric}
	c.State.Target.Parts = c.State.parts()
	if c.Plan.Target.WholeRanges {
		c.result.Index = "" // files have none
		c.result.Exported = exported(&c.Plan, &c.Job.Collections()[0], c.State.Target.Parts, c.board.Notes)
	}
	sum := c.total()
	c.result.Rows, c.result.Bytes, c.result.Sum = sum.Sum.Rows, sum.Bytes, sum.Sum.String()
	missing, err := c.finalize(ctx)
	if err != nil {
		return err
	}
	if missing != "" && c.Plan.Target.Action == transfer.ActionReplace && c.Plan.Target.Loaded {
		return fault.New(fault.Unsupported, "%s stays as it was, loaded and serving: the collection that was copied to replace it can't be loaded beside it "+
			"and so can't be counted (%s). Free memory on the server, or release %s, and run the job again: it goes on from here",
			c.Plan.Target.Place, missing, c.Plan.Target.Collection)
	}
	if missing != "" {
		c.result.Outcome = OutcomeNotCounted
		c.result.Notes = append(c.result.Notes, "not counted: "+missing)
		c.result.Took = c.board.took(ctx)
		return c.publish(ctx)
	}
	if err := c.verify(ctx); err != nil {
		return err
	}
	if err := c.publish(ctx); err != nil {
		return err
	}
	if c.State.uncertain() && !c.Plan.Target.WholeRanges {
		// a lost write that arrived after the count is found now: under the final name none can arrive any more
		if err := c.count(ctx, c.State.Target.Fresh); err != nil {
			return err
		}
	}
	if c.result.Loaded = c.Plan.Target.KeepLoaded; !c.result.Loaded && !c.Plan.Target.WholeRanges {
		if _, err := c.step(ctx, transfer.StepRelease, "release: the collection was not loaded before"); err != nil {
			return err
		}
	}
	c.result.Outcome = OutcomeVerified
	c.result.Took = c.board.took(ctx)
	c.phase(ctx, PhaseDone)
	return nil
}

// verify counts the target and compares it with what was copied. A write of a lost attempt that arrives between the two makes rows
// stand twice: they are counted, and so repaired, once more.
func (c *collectionCopy) verify(ctx workflow.Context) error {
	for again := c.State.uncertain(); ; again = false {
		if err := c.count(ctx, false); err != nil {
			return err
		}
		c.result.Verified = VerifyCount
		err := verifyTarget(ctx, c)
		if err == nil || !again {
			return err
		}
		if kind, _ := fault.FromTemporal(err); kind != fault.Different {
			return err
		}
	}
}

// begin makes the ranges and the target, or takes over those of an earlier run.
func (c *collectionCopy) begin(ctx workflow.Context) error {
	if c.Chained {
		c.board.Notes, c.board.Resumed, c.board.Ranges = c.Notes, c.Resumed, len(c.State.Ranges)
		return nil
	}
	if what := c.Plan.Source.Unloaded; len(what) > 0 {
		c.phase(ctx, PhaseLoadSource)
		c.SourceLoaded = what
		if err := workflow.ExecuteActivity(looking(ctx, &c.Job, "load the source"), acts.LoadSource, activities.LoadInput{Ref: c.Ref, What: what}).Get(ctx, nil); err != nil {
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
		if err := c.eachRange(ctx, &transfer.Target{}, state.Ranges, "scan", acts.ScanRange, false, nil); err != nil {
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

// adopt goes on from what an earlier run left, if source and target still are what they were.
func (c *collectionCopy) adopt(ctx workflow.Context) (bool, error) {
	if c.State.Hash != c.Hash || c.State.Identity != c.Plan.Source.Identity {
		if c.Plan.Target.WholeRanges { // files that are there would be taken for those of now
			return false, fault.New(fault.SourceChanged, "%s changed since the run that failed, whose files stand in %s; start anew (--fresh), which writes another directory",
				c.Plan.Source.Format, c.Plan.Target.Place)
		}
		c.note(ctx, "begun anew: the job or its source changed since the last run")
		return false, nil
	}
	err := workflow.ExecuteActivity(looking(ctx, &c.Job, "take over "+c.State.Target.Name), acts.AdoptTarget, c.target("")).Get(ctx, &c.State.Target)
	if err != nil {
		kind, text := fault.FromTemporal(err)
		if kind != fault.NotFound && kind != fault.Conflict {
			return false, err
		}
		c.note(ctx, "begun anew: %s", text)
		return false, nil
	}
	c.Plan.Target = c.State.Target.Plan
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
	if free || plan.OnExisting == "replace" && !plan.OtherPartitions {
		return nil
	}
	if !plan.Loaded {
		if err := c.loadToLook(ctx); err != nil {
			return err
		}
	}
	if plan.OnExisting == "keep" && !plan.OtherPartitions {
		return nil // each batch is looked up when it is copied
	}
	c.phase(ctx, PhaseLooking)
	target := c.final()
	return c.eachRange(ctx, &target, state.Ranges, "look for existing keys", acts.CheckExisting, false, nil)
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

// finalize does the target's steps: index, load. missing says why the target can't be counted.
func (c *collectionCopy) finalize(ctx workflow.Context) (missing string, err error) {
	for _, step := range c.State.Target.Steps {
		out, err := c.step(ctx, step, step+" "+c.State.Target.Name)
		if err != nil || out.Missing != "" {
			return out.Missing, err
		}
	}
	return "", nil
}

func (c *collectionCopy) step(ctx workflow.Context, step, summary string) (transfer.Outcome, error) {
	c.phase(ctx, Phase(step))
	c.Loading = true
	var out transfer.Outcome
	err := workflow.ExecuteActivity(working(ctx, &c.Job, summary), acts.FinalizeTarget, c.target(step)).Get(ctx, &out)
	return out, err
}

// publish puts the target in its place. From then on its rows stand under the final name.
func (c *collectionCopy) publish(ctx workflow.Context) error {
	c.phase(ctx, PhasePublish)
	t := &c.State.Target
	if err := workflow.ExecuteActivity(working(ctx, &c.Job, "publish "+t.Plan.Place), acts.PublishTarget, c.target("")).Get(ctx, nil); err != nil {
		return err
	}
	t.Name = t.Plan.Collection
	return nil
}

// target is the input of an activity on the target.
func (c *collectionCopy) target(step string) activities.TargetInput {
	return activities.TargetInput{Ref: c.Ref, Target: c.State.Target, Step: step}
}

// total adds up the checkpoints.
func (c *collectionCopy) total() transfer.Checkpoint {
	var t transfer.Checkpoint
	for _, r := range c.State.Ranges {
		t.Rows += r.Reach.Rows
		t.Bytes += r.Reach.Bytes
		t.Sum.Add(r.Reach.Sum)
	}
	return t
}

// putBackLoad releases a collection that others own, if it was not loaded before.
func (c *collectionCopy) putBackLoad(ctx workflow.Context) error {
	plan := &c.Plan.Target
	if plan.StagingName != "" || plan.Loaded || !c.Loading {
		return nil
	}
	steps := []string{transfer.StepRelease}
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

// releaseSource releases what was loaded for the copy.
func (c *collectionCopy) releaseSource(ctx workflow.Context) {
	if len(c.SourceLoaded) == 0 {
		return
	}
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	err := workflow.ExecuteActivity(looking(ctx, &c.Job, "release the source: it was not loaded before"), acts.ReleaseSource,
		activities.LoadInput{Ref: c.Ref, What: c.SourceLoaded}).Get(ctx, nil)
	if err != nil {
		_, text := fault.FromTemporal(err)
		c.note(ctx, "the source is left loaded: %s", text)
		c.result.Notes = c.board.Notes
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
	if err := c.putBackLoad(ctx); err != nil {
		c.note(ctx, "%s is left loaded: %s", c.Plan.Target.Place, err)
	}
	copied := c.State != nil && !slices.ContainsFunc(c.State.Ranges, func(r RangeState) bool { return !r.Done })
	useless := kind == fault.Corrupt || !copied && (kind == fault.Config || kind == fault.Unsupported ||
		kind == fault.SourceChanged || kind == fault.NotFound)
	if c.State == nil || c.State.Target.Name == "" {
		return failure(cause, nil)
	}
	made := c.State.Target.Fresh || c.State.Target.Plan.Action == transfer.ActionPartition
	if published := c.State.Target.Fresh && c.State.Target.Name == c.State.Target.Plan.Collection; published {
		return failure(cause, c.State)
	}
	drop := kind == "" && (c.Drop || workflow.GetSignalChannel(ctx, dropSignal).ReceiveAsync(nil))
	if made && (useless || drop || c.State.Rows() == 0) {
		err := workflow.ExecuteActivity(looking(ctx, &c.Job, "drop "+c.State.Target.Name), acts.DiscardTarget, c.target("")).Get(ctx, nil)
		if err == nil {
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
		cause = fault.New(kind, "%s (%d rows of this job are in %s; write on_existing: replace under copy to replace them from a sound source)",
			text, c.State.Rows(), c.State.Target.Plan.Place)
	} else if kind != "" && !made && c.State.Rows() > 0 {
		cause = fault.New(kind, "%s (%d rows of this job stand in %s; run the job again to go on)", text, c.State.Rows(), c.State.Target.Plan.Place)
	}
	return failure(cause, c.State)
}
