package workflows

import (
	"slices"
	"strings"
	"time"

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
	// Phases are how long those took that are over.
	Phases []PhaseTime `json:"phases,omitempty"`
	// Loading: the job has the collection loaded, or has tried to.
	Loading bool `json:"loading,omitempty"`
}

// collectionCopy is one run of CopyCollection.
type collectionCopy struct {
	copyInput
	board  *board
	result Result
	told   time.Time // when the parent was last told
	// oldReleased: the collection that is to be replaced was released, with so many replicas.
	oldReleased bool
	oldReplicas int32
}

// CopyCollection copies a source into one target collection: plan ranges, create, copy and flush all ranges, index, load, count,
// repair, publish, put back the load state. It is the child of a direction's workflow.
func CopyCollection(ctx workflow.Context, in copyInput) (*Result, error) {
	c := &collectionCopy{copyInput: in, board: newBoard(ctx, searchable{})}
	c.board.started, c.board.times = in.Started, in.Phases
	c.board.planned(ctx, &in.Plan)
	c.board.Child = workflow.GetInfo(ctx).WorkflowExecution.ID
	if err := workflow.SetQueryHandler(ctx, StatusQuery, func() (Status, error) { return c.board.Status, nil }); err != nil {
		return nil, err
	}
	if err := workflow.SetQueryHandler(ctx, StateQuery, func() (*State, error) { return c.left(), nil }); err != nil {
		return nil, err
	}
	err := c.run(ctx)
	if workflow.IsContinueAsNewError(err) {
		return nil, err
	}
	c.releaseSource(ctx)
	if err != nil {
		err = c.giveUp(ctx, err)
		end, phase := endingOf(err)
		c.board.ended(ctx, phase, end)
		return nil, err
	}
	c.result.Phases = c.board.spent(ctx)
	c.board.ended(ctx, PhaseDone, ending{outcome: c.result.Outcome})
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
	if err := c.noteSourcePlacement(ctx); err != nil {
		return err
	}
	c.result = Result{Source: c.Plan.Source.Format, Target: c.Plan.Target.Place, Copying: workflow.Now(ctx).Sub(c.CopyAt),
		Lost: c.State.Lost, Resumed: c.Resumed, Notes: slices.Clone(c.board.Notes),
		Index: strings.TrimSpace(c.Plan.Target.Index.Type + " " + c.Plan.Target.Index.Metric)}
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
		if missing, err = c.loadAlone(ctx, missing); err != nil {
			return err
		}
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
	c.oldReleased = false // and dropped
	if c.State.uncertain() && !c.Plan.Target.WholeRanges {
		// a lost write that arrived after the count is found now: under the final name none can arrive any more
		if err := c.count(ctx, c.State.Target.Fresh); err != nil {
			return err
		}
	}
	c.warnOfRestart(ctx)
	if err := c.putBack(ctx); err != nil {
		return err
	}
	c.result.Outcome = OutcomeVerified
	c.result.Took = c.board.took(ctx)
	c.phase(ctx, PhaseDone)
	return nil
}

// verify checks where the target's rows are, counts them and compares them with what was copied. A write of a lost attempt
// that arrives between the two makes rows stand twice: they are counted, and so repaired, once more.
func (c *collectionCopy) verify(ctx workflow.Context) error {
	// before the count, which so covers what is written again
	if err := c.place(ctx); err != nil {
		return err
	}
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

// putBack releases what was loaded only to be counted.
func (c *collectionCopy) putBack(ctx workflow.Context) (err error) {
	plan := &c.Plan.Target
	c.result.Loaded = plan.KeepLoaded
	switch {
	case plan.WholeRanges:
	case !plan.KeepLoaded:
		_, err = c.step(ctx, transfer.StepRelease, "release: the collection was not loaded before")
	case len(plan.KeepPartitions) > 0:
		_, err = c.step(ctx, transfer.StepReleaseOthers, "release partitions that were not loaded before")
	}
	return err
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
