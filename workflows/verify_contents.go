package workflows

import (
	"slices"

	"go.temporal.io/sdk/workflow"

	"milvusdm/activities"
	"milvusdm/internal/compare"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// contents compares rows, in the cheapest way that the two sides allow.
func (v *verification) contents(ctx workflow.Context) error {
	left, right := &v.found.Left, &v.found.Right
	switch findable := right.Findable || left.Findable; {
	case v.mode == VerifySample && findable:
		return v.lookUp(ctx, activities.BySample, !right.Findable)
	case v.mode == VerifySample:
		v.note("rows of these sides can't be looked up by key: all were compared instead of a sample")
	case v.others && right.Findable && v.result.RightRows > lookupFrom*v.result.LeftRows:
		v.note("the target holds many other rows: the source's were looked up in it, which does not show keys that stand twice")
		return v.lookUp(ctx, activities.ByLookup, false)
	}
	if v.joinable() {
		return v.join(ctx)
	}
	return v.bucket(ctx)
}

// joinable: both sides can be read in key order, partition by partition.
func (v *verification) joinable() bool {
	left, right := &v.found.Left, &v.found.Right
	same := v.named() || (len(left.Partitions) <= 1 && len(right.Partitions) <= 1)
	return left.InKeyOrder && right.InKeyOrder && same
}

// other is the partition of the other side for one of the left (or right) side; alone: there is none.
func (v *verification) other(onRight bool, partition string) (name string, alone bool) {
	there := v.side(!onRight).Partitions
	switch {
	case v.named():
		return partition, !slices.Contains(there, partition)
	case len(there) == 1:
		return there[0], false
	}
	return "", false
}

// compare is the input of CompareRange.
func (v *verification) compare(how string, onRight bool, r rows.Range) activities.CompareInput {
	in := activities.CompareInput{Sides: v.sides, LeftIdentity: v.found.Left.Identity, RightIdentity: v.found.Right.Identity,
		Key: v.found.Key, Fields: v.found.Fields, How: how, Range: r, OnRight: onRight}
	if in.Other, in.Alone = v.other(onRight, r.Partition); v.named() {
		in.Hashed = r.Partition
	}
	return in
}

// compareAll runs CompareRange for each input and adds up what comes of it.
func (v *verification) compareAll(ctx workflow.Context, ins []activities.CompareInput) error {
	outs := make([]activities.CompareResult, len(ins))
	err := v.each(ctx, len(ins), "compare", func(ctx workflow.Context, i int) workflow.Future {
		return workflow.ExecuteActivity(ctx, acts.CompareRange, ins[i])
	}, func(i int, f workflow.Future) error {
		err := f.Get(ctx, &outs[i])
		v.compared(max(outs[i].Left, outs[i].Right))
		return err
	})
	for _, out := range outs { // in the order of the ranges
		v.result.Difference.Add(out.Difference)
	}
	return err
}

// lookUp reads one side, or a sample of it, and looks its rows up in the other.
func (v *verification) lookUp(ctx workflow.Context, how string, onRight bool) error {
	ranges, err := v.plan(ctx, onRight, maxCompared)
	if err != nil {
		return err
	}
	var ins []activities.CompareInput
	for _, r := range ranges {
		ins = append(ins, v.compare(how, onRight, r))
	}
	return v.compareAll(ctx, ins)
}

// plannedFrom is from how many rows on it pays to read all keys to find ranges that can be compared at the same time.
const plannedFrom = 4 << 20

// toJoin are ranges of the left side: planned ones, or whole partitions.
func (v *verification) toJoin(ctx workflow.Context) ([]rows.Range, error) {
	left := &v.found.Left
	m := v.sides.Job.Source.Milvus
	if limited := m != nil && m.Collections[0].Limit > 0; limited || left.Rows >= plannedFrom || v.sides.Job.Copy.RangeRows > 0 {
		return v.plan(ctx, false, maxCompared)
	}
	if left.Partitions == nil {
		return []rows.Range{{}}, nil
	}
	var ranges []rows.Range
	for _, p := range left.Partitions {
		ranges = append(ranges, rows.Range{Partition: p})
	}
	return ranges, nil
}

// join reads both sides in key order, by the ranges of the left side. A partition without a range is read whole.
func (v *verification) join(ctx workflow.Context) error {
	ranges, err := v.toJoin(ctx)
	if err != nil {
		return err
	}
	planned := map[string]bool{}
	var ins []activities.CompareInput
	for _, r := range ranges {
		planned[r.Partition] = true
		ins = append(ins, v.compare(activities.ByJoin, false, r))
	}
	if !v.named() && len(ranges) == 0 {
		left, _ := v.other(true, "")
		ins = append(ins, v.compare(activities.ByJoin, false, rows.Range{Partition: left}))
	}
	for _, p := range v.found.Right.Partitions {
		onLeft := slices.Contains(v.found.Left.Partitions, p)
		if v.named() && !planned[p] && (onLeft || !v.others) {
			ins = append(ins, v.compare(activities.ByJoin, true, rows.Range{Partition: p}))
		}
	}
	return v.compareAll(ctx, ins)
}

// bucket sums up both sides in buckets, each in its own order, and reads again those that differ.
func (v *verification) bucket(ctx workflow.Context) error {
	in := activities.NameInput{Sides: v.sides, LeftIdentity: v.found.Left.Identity, RightIdentity: v.found.Right.Identity,
		Key: v.found.Key, Fields: v.found.Fields, Named: v.named()}
	var err error
	if in.LeftRanges, in.LeftBuckets, err = v.sumUp(ctx, false); err != nil {
		return err
	}
	if in.RightRanges, in.RightBuckets, err = v.sumUp(ctx, true); err != nil {
		return err
	}
	return v.name(ctx, in)
}

// name finds the rows that make buckets differ.
func (v *verification) name(ctx workflow.Context, in activities.NameInput) error {
	v.compared(max(in.LeftBuckets.Total().Rows, in.RightBuckets.Total().Rows))
	if len(in.LeftBuckets.Differing(in.RightBuckets)) == 0 {
		return nil
	}
	var d compare.Difference
	err := workflow.ExecuteActivity(v.working(ctx, "name the rows that differ"), acts.NameDifferences, in).Get(ctx, &d)
	v.result.Difference.Add(d)
	return err
}

// sumUp sums up a side, and finds keys that stand more than once on a server.
func (v *verification) sumUp(ctx workflow.Context, right bool) ([]rows.Range, compare.Buckets, error) {
	ranges, err := v.plan(ctx, right, maxBucketed)
	if err != nil {
		return nil, nil, err
	}
	buckets, err := v.sumRanges(ctx, right, ranges)
	return ranges, buckets, err
}

func (v *verification) sumRanges(ctx workflow.Context, right bool, ranges []rows.Range) (compare.Buckets, error) {
	var buckets compare.Buckets
	inputs := v.side(right).Inputs
	read := make([]rows.Sum, len(ranges))
	doubled := make([]compare.Difference, len(ranges))
	err := v.each(ctx, len(ranges), "sum up "+activities.SideName(right), func(ctx workflow.Context, i int) workflow.Future {
		in := activities.SumInput{SideInput: v.sideInput(right, 0), Key: v.found.Key, Fields: v.found.Fields, Range: ranges[i], Named: v.named()}
		if file := transfer.InputOf(inputs, &ranges[i]); file != nil {
			in.Written = file.Written
		}
		return workflow.ExecuteActivity(ctx, acts.SumRange, in)
	}, func(i int, f workflow.Future) error {
		var out activities.SumResult
		err := f.Get(ctx, &out)
		buckets.AddAll(out.Buckets)
		doubled[i], read[i] = out.Doubled, out.Read
		return err
	})
	for _, d := range doubled {
		v.result.Difference.Add(d)
	}
	if err == nil {
		err = transfer.CheckRead(inputs, ranges, read)
	}
	return buckets, err
}
