package workflows

import (
	"path/filepath"
	"strings"

	"go.temporal.io/sdk/workflow"

	"milvusdm/activities"
	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// verifyTarget compares what stands in the target, loaded and not published yet, with what was copied, in the way that the
// job chose (verify), and in full where an attempt or a server was lost. It ends in fault.Different if the target does not hold it. Rows that were changed in the source since
// they were copied are no difference of a target that only this job writes into: there the sums that were recorded while
// copying decide.
//
// Numbers of rows the job has compared before.
func verifyTarget(ctx workflow.Context, c *collectionCopy) error {
	t := &c.State.Target
	mode := string(c.Job.Copy.Verify)
	unasked := mode != VerifyFull && c.State.uncertain() && !t.Plan.WholeRanges
	if unasked {
		mode = VerifyFull
	}
	if mode != VerifySample && mode != VerifyFull || t.Plan.NewIDs {
		return nil
	}
	c.phase(ctx, PhaseVerifying)
	v := &verification{sides: activities.Sides{Ref: c.Ref, Right: *c.written()}, mode: mode, result: &VerifyResult{},
		differing: t.Plan.OnExisting == "keep"}
	v.others = !c.owned()
	// rows that a lost attempt wrote and that were deleted in the source since
	v.extra = v.others || c.Job.Source.Milvus != nil && c.State.uncertain()
	if err := v.find(ctx); err != nil {
		return err
	}
	v.found.Left.Identity = c.State.Identity // what was copied
	if v.found.Key == "" {
		return fault.New(fault.Internal, "%s has not the primary key that it was made with: %s", t.Name, strings.Join(v.found.Apart, "; "))
	}
	if err := v.target(ctx, c); err != nil {
		return err
	}
	d := v.judged()
	c.result.Verified = v.mode
	c.result.Notes = append(c.result.Notes, v.result.Notes...)
	told := append(v.found.Apart, d.Tell(activities.LeftName, activities.RightName)...)
	if len(told) == 0 {
		return nil
	}
	v.result.Differences = told
	v.result.Outcome = OutcomeDifferent
	text := v.result.tell()
	if unasked && v.others && c.Job.Source.Milvus != nil {
		// it can't be told apart from a source that goes on being written, which is no fault of the copy
		c.note(ctx, "an attempt or the target's server was lost, and contents were compared: %s; rows that were changed in the source since they were copied differ too", text)
		return nil
	}
	if v.others {
		text += " (or the source was changed since it was copied)"
	}
	return fault.New(fault.Different, "%s", text)
}

// written is the target as a source.
func (c *collectionCopy) written() *job.Source {
	t := &c.State.Target
	if files := c.Job.Target.HDF5; files != nil {
		s := &job.HDF5Source{Files: job.Files{Host: files.Host}, Layout: job.LayoutAuto}
		for _, p := range t.Parts {
			s.Paths = append(s.Paths, filepath.Join(files.Directory, files.Run, filepath.FromSlash(p.Path)))
		}
		return &job.Source{HDF5: s}
	}
	target := *c.Job.Target.Milvus
	target.Partition = t.Plan.Partition
	return targetAsSource(&target, t.Name)
}

// owned: everything in the target is this job's.
func (c *collectionCopy) owned() bool {
	action := c.State.Target.Plan.Action
	return c.State.Target.Fresh || c.State.Target.Plan.WholeRanges || action == transfer.ActionPartition || action == transfer.ActionRefill
}

// target compares the target with what was copied into it.
func (v *verification) target(ctx workflow.Context, c *collectionCopy) error {
	switch {
	case v.mode == VerifySample && v.found.Right.Findable:
		return v.compareRanges(ctx, c, activities.BySample)
	case v.mode == VerifySample:
		v.mode = VerifyFull
		v.note("rows of files can't be looked up by key: all were compared instead of a sample")
	case v.others:
		return v.compareRanges(ctx, c, activities.ByLookup)
	case v.joinable():
		return v.compareRanges(ctx, c, activities.ByJoin)
	}
	return v.compareTotals(ctx, c)
}

// recorded are the sums that the copy recorded, if they are of the fields and partitions that are compared.
func (v *verification) recorded(r *RangeState) *rows.Sum {
	if sum := r.Reach.Sum; v.found.Left.AllFields && (v.named() || r.Range.Partition == "") {
		return &sum
	}
	return nil
}

// compareRanges compares range by range.
func (v *verification) compareRanges(ctx workflow.Context, c *collectionCopy, how string) error {
	outs, err := v.compareThese(ctx, c, how, seq(len(c.State.Ranges)))
	if err != nil {
		return err
	}
	var suspect []int
	for i, out := range outs {
		if how == activities.BySample && !v.others && v.joinable() && !out.Difference.Empty() {
			suspect = append(suspect, i)
			continue
		}
		v.result.Difference.Add(out.Difference)
	}
	if len(suspect) == 0 {
		return nil
	}
	// where a sample differs from what the source holds now, what was recorded when it was copied tells who is right
	outs, err = v.compareThese(ctx, c, activities.ByJoin, suspect)
	for _, out := range outs {
		v.result.Difference.Add(out.Difference)
	}
	return err
}

// compareThese compares some of the ranges.
func (v *verification) compareThese(ctx workflow.Context, c *collectionCopy, how string, which []int) ([]activities.CompareResult, error) {
	outs := make([]activities.CompareResult, len(which))
	err := v.each(ctx, len(which), "verify", func(ctx workflow.Context, i int) workflow.Future {
		r := &c.State.Ranges[which[i]]
		in := v.compare(how, false, r.Range)
		if how == activities.ByJoin {
			in.Recorded = v.recorded(r)
		}
		return workflow.ExecuteActivity(ctx, acts.CompareRange, in)
	}, func(i int, f workflow.Future) error { return f.Get(ctx, &outs[i]) })
	return outs, err
}

func seq(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// compareTotals compares the sum of all rows in the target with that of all that was copied. If they differ, the source is
// read again to name the rows.
func (v *verification) compareTotals(ctx workflow.Context, c *collectionCopy) error {
	in := activities.NameInput{Sides: v.sides, LeftIdentity: v.found.Left.Identity, RightIdentity: v.found.Right.Identity,
		Key: v.found.Key, Fields: v.found.Fields, Named: v.named()}
	var err error
	if in.RightRanges, in.RightBuckets, err = v.sumUp(ctx, true); err != nil {
		return err
	}
	var total rows.Sum
	whole := true
	for i := range c.State.Ranges {
		sum := v.recorded(&c.State.Ranges[i])
		if whole = whole && sum != nil; whole {
			total.Add(*sum)
		}
	}
	if whole && total == in.RightBuckets.Total() {
		return nil
	}
	if in.LeftRanges, in.LeftBuckets, err = v.sumUp(ctx, false); err != nil {
		return err
	}
	return v.name(ctx, in)
}
