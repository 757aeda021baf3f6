package workflows

import (
	"path/filepath"

	"go.temporal.io/sdk/workflow"

	"milvusdm/activities"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// fixRun chooses the run of an export that the job reads, once: a job that goes on reads the run that it began with.
func (r *jobRun) fixRun(ctx workflow.Context) error {
	if from := r.Job.Source.Export; from != nil && r.Resume != nil && r.Resume.Hash == r.Hash && r.Resume.ReadSeal != "" {
		fixed := *from
		fixed.Path, fixed.Seal = r.Resume.ReadRun, r.Resume.ReadSeal
		r.Job.Source.Export = &fixed
		return nil
	}
	return fixRun(ctx, r.ref(&r.Job), &r.Job.Source)
}

// fixRun replaces an export, of which a job names a run or means the newest, by that run as it is now: its own directory, and
// its manifest's seal. Everything later refers to it by these. Other sources stay as they are.
func fixRun(ctx workflow.Context, ref activities.Ref, s *job.Source) error {
	if s.Export == nil || s.Export.Seal != "" {
		return nil
	}
	ctx = onBriefQueue(workflow.WithTaskQueue(looking(ctx, &ref.Job, "choose the run of "+s.Export.Path), queueOf(ctx, s.Host())))
	var fixed job.ExportSource
	if err := workflow.ExecuteActivity(ctx, acts.FixRun, activities.FixInput{Ref: ref, Export: *s.Export}).Get(ctx, &fixed); err != nil {
		return err
	}
	*s = job.Source{Export: &fixed}
	return nil
}

// fixSides fixes the runs of all exports that a verification reads. That of a job's own target, which is no source of the
// job, is returned as against.
func (in *VerifyInput) fixSides(ctx workflow.Context, ref activities.Ref) error {
	if err := fixRun(ctx, ref, &in.Job.Source); err != nil {
		return err
	}
	if in.Job.Compare != nil {
		right := *in.Job.Compare
		in.Job.Compare = &right
		return fixRun(ctx, ref, &right)
	}
	files := in.Job.Target.HDF5
	if files == nil || in.Against != nil {
		return nil
	}
	// the run that the job names, else the newest
	right := job.Source{Export: &job.ExportSource{Path: filepath.Join(files.Directory, files.Run), Host: files.Host}}
	if err := fixRun(ctx, ref, &right); err != nil {
		return err
	}
	in.Against = right.Export
	return nil
}

// checkRead compares what was copied out of an export with what was written into it.
func (c *collectionCopy) checkRead() error {
	var ranges []rows.Range
	var sums []rows.Sum
	for _, r := range c.State.Ranges {
		sum := rows.Sum{}
		if r.Reach.Read != nil {
			sum = *r.Reach.Read
		}
		ranges, sums = append(ranges, r.Range), append(sums, sum)
	}
	return transfer.CheckRead(c.Plan.Source.Inputs, ranges, sums)
}

// checkExports reads through the files of the sides that are exports, before their rows are compared.
func (v *verification) checkExports(ctx workflow.Context) error {
	for _, side := range []*job.Source{&v.sides.Job.Source, &v.sides.Right} {
		if side.Export == nil || v.mode == VerifyCount {
			continue
		}
		v.phase(ctx, PhaseChecking)
		ref := v.sides.Ref
		ref.Job.Source = *side
		if err := workflow.ExecuteActivity(v.looking(ctx, "check the files of "+side.Export.Path), acts.CheckSource, ref).Get(ctx, nil); err != nil {
			return err
		}
	}
	return nil
}
