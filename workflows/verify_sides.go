package workflows

import (
	"cmp"
	"fmt"
	"slices"

	"go.temporal.io/sdk/workflow"

	"milvusdm/activities"
	"milvusdm/internal/compare"
	"milvusdm/internal/fault"
	"milvusdm/internal/human"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
)

// verification compares two sides.
type verification struct {
	sides activities.Sides
	found activities.SidesFound
	mode  string
	// others: the target may hold rows that are not the source's. differing and extra: rows that differ, and rows that only
	// the target has, are told and are no difference.
	others, differing, extra bool
	// board is nil where another workflow's board tells how far it is.
	board  *board
	result *VerifyResult
}

func (v *verification) phase(ctx workflow.Context, p Phase) {
	if v.board != nil {
		v.board.phase(ctx, p)
	}
}

// compared adds rows whose contents were compared.
func (v *verification) compared(rows int64) {
	v.result.Compared += rows
	if v.board != nil {
		v.board.Rows += rows
	}
}

// lookupFrom is how many times as many rows the target must hold for the source's to be looked up in it one by one, instead
// of reading both.
const lookupFrom = 2

// run compares: fields, numbers of rows, contents.
func (v *verification) run(ctx workflow.Context) error {
	v.extra = v.others
	if err := v.find(ctx); err != nil {
		return err
	}
	release, err := v.load(ctx)
	defer release()
	if err != nil {
		return err
	}
	if err := v.count(ctx); err != nil {
		return err
	}
	if err := v.place(ctx); err != nil {
		return err
	}
	if err := v.checkExports(ctx); err != nil {
		return err
	}
	if v.mode != VerifyCount && v.found.Key != "" {
		v.phase(ctx, PhaseVerifying)
		if err := v.contents(ctx); err != nil {
			return err
		}
	}
	v.conclude()
	return nil
}

// find looks at both sides.
func (v *verification) find(ctx workflow.Context) error {
	err := workflow.ExecuteActivity(onBriefQueue(v.looking(ctx, "look at both sides")), acts.DescribeSides, v.sides).Get(ctx, &v.found)
	if err != nil {
		return err
	}
	f, r := &v.found, v.result
	r.Source, r.Target = f.Left.Format, f.Right.Format
	if v.board != nil {
		v.board.Source, v.board.Target, v.board.TotalRows = f.Left.Format, f.Right.Format, f.Left.Rows
	}
	r.Fields = f.Apart
	if v.others {
		r.Notes = append(r.Notes, f.More...)
	} else {
		r.Fields = append(r.Fields, f.More...)
	}
	for _, name := range f.Unknown {
		v.note("field %q is of a type that this program does not know: its contents are not compared", name)
	}
	return nil
}

func (v *verification) note(format string, args ...any) {
	v.result.Notes = append(v.result.Notes, fmt.Sprintf(format, args...))
}

// load has the servers load what is not loaded. release takes that back.
func (v *verification) load(ctx workflow.Context) (release func(), err error) {
	var loaded []activities.SideInput
	release = func() {
		out, _ := workflow.NewDisconnectedContext(ctx)
		for _, in := range loaded {
			if err := workflow.ExecuteActivity(onBriefQueue(v.looking(out, "release: it was not loaded before")), acts.ReleaseSide, in).Get(out, nil); err != nil {
				_, text := fault.FromTemporal(err)
				v.note("%s is left loaded: %s", activities.SideName(in.OnRight), text)
			}
		}
	}
	for _, right := range []bool{false, true} {
		what := v.side(right).Unloaded
		if len(what) == 0 && !v.side(right).Shared {
			continue
		}
		v.phase(ctx, PhaseLoad)
		in := v.sideInput(right, 0)
		in.Loaded = what
		in.Sharing = sharing(ctx, v.side(right).Collection)
		loaded = append(loaded, in)
		if err := workflow.ExecuteActivity(onBriefQueue(v.looking(ctx, "load "+v.side(right).Format)), acts.LoadSide, in).Get(ctx, nil); err != nil {
			return release, err
		}
	}
	return release, nil
}

func (v *verification) side(right bool) *activities.Side {
	if right {
		return &v.found.Right
	}
	return &v.found.Left
}

func (v *verification) sideInput(right bool, rangeRows int64) activities.SideInput {
	return activities.SideInput{Sides: v.sides, OnRight: right, Identity: v.side(right).Identity, RangeRows: rangeRows}
}

// named: both sides name partitions, which are compared one by one.
func (v *verification) named() bool {
	return v.found.Left.Partitions != nil && v.found.Right.Partitions != nil
}

// count compares the numbers of rows.
func (v *verification) count(ctx workflow.Context) error {
	v.phase(ctx, PhaseCounting)
	var counts [2][]activities.PartitionRows
	for i, right := range []bool{false, true} {
		summary := "count the rows of " + v.side(right).Format
		in := v.sideInput(right, v.rangeRows(right, maxCompared))
		if err := workflow.ExecuteActivity(v.working(ctx, summary), acts.CountSide, in).Get(ctx, &counts[i]); err != nil {
			return err
		}
	}
	r := v.result
	for _, p := range counts[0] {
		r.LeftRows += p.Rows
		r.partition(p.Partition).Left += p.Rows
	}
	for _, p := range counts[1] {
		r.RightRows += p.Rows
		r.partition(p.Partition).Right += p.Rows
	}
	if !v.named() {
		r.Partitions = nil
	}
	if v.sides.Job.Copy.OnDuplicate == job.DuplicateOne && v.found.Left.InKeyOrder && r.LeftRows > r.RightRows {
		return v.discountRepeated(ctx)
	}
	return nil
}

func (r *VerifyResult) partition(name string) *PartitionRows {
	i := slices.IndexFunc(r.Partitions, func(p PartitionRows) bool { return p.Name == name })
	if i < 0 {
		i = len(r.Partitions)
		r.Partitions = append(r.Partitions, PartitionRows{Name: name})
	}
	return &r.Partitions[i]
}

// discountRepeated takes those rows of the source out of its numbers that repeat a key: of them one was to be copied.
func (v *verification) discountRepeated(ctx workflow.Context) error {
	ranges, err := v.plan(ctx, false, maxCompared)
	if err != nil {
		return err
	}
	repeated := int64(0)
	for _, r := range ranges {
		repeated += r.Repeated
		if v.named() {
			v.result.partition(r.Partition).Left -= r.Repeated
		}
	}
	if v.result.LeftRows -= repeated; repeated > 0 {
		v.note("%d rows of the source repeat a key and do not count (on_duplicate: one)", repeated)
	}
	return nil
}

// conclude says how it ended.
func (v *verification) conclude() {
	r := v.result
	r.Outcome = OutcomeEqual
	r.Differences = append(r.Differences, r.Fields...)
	if v.found.Key == "" && v.mode != VerifyCount {
		v.note("rows are not compared: the sides have no primary key in common")
	}
	r.Differences = append(r.Differences, r.miscounts(v.others)...)
	if r.Misplaced != "" {
		r.Differences = append(r.Differences, r.Misplaced)
	}
	d := v.judged()
	r.Differences = append(r.Differences, d.Tell(activities.LeftName, activities.RightName)...)
	if len(r.Differences) > 0 {
		r.Outcome = OutcomeDifferent
	}
}

// judged is the difference without what may be, which is noted.
func (v *verification) judged() compare.Difference {
	d := v.result.Difference
	forgive := func(kind compare.OddKind, why string) {
		if n := d.Count(kind); *n > 0 {
			v.note("%d rows %s", *n, why)
			*n = 0
		}
	}
	if v.extra {
		forgive(compare.OnlyRight, "are in the target only; others may have written them")
	}
	if more := v.result.RightRows - v.result.LeftRows; v.others && more > 0 && v.mode != VerifyFull {
		v.note("the target holds %d rows more than the source; others may have written them", more)
	}
	if v.differing {
		forgive(compare.Differing, "of the target differ; it kept those that were there (on_existing: keep)")
	}
	if v.sides.Job.Copy.OnDuplicate == job.DuplicateOne {
		forgive(compare.DoubledLeft, "of the source repeat a key (on_duplicate: one)")
	}
	return d
}

// miscounts says where numbers of rows differ. others: the target may hold more.
func (r *VerifyResult) miscounts(others bool) []string {
	wrong := func(left, right int64) bool { return right < left || right > left && !others }
	var out []string
	for _, p := range r.Partitions {
		if wrong(p.Left, p.Right) {
			out = append(out, fmt.Sprintf("partition %s has %s rows in the source, %s in the target", p.Name, human.Count(p.Left), human.Count(p.Right)))
		}
	}
	if len(r.Partitions) == 0 && wrong(r.LeftRows, r.RightRows) {
		out = append(out, fmt.Sprintf("%s rows in the source, %s in the target", human.Count(r.LeftRows), human.Count(r.RightRows)))
	}
	return out
}

// Bounds of what a verification's history has to hold: ranges that are compared, ranges whose answer is a set of buckets (of
// some 25 KiB), and bytes of activities' inputs.
const (
	maxCompared   = 1000
	maxBucketed   = 128
	maxInputBytes = 16 << 20
)

// rangeRows is about how many rows an activity compares, so that there are at most so many.
func (v *verification) rangeRows(right bool, ranges int64) int64 {
	const bytesPerRange = 128 << 20
	ranges = max(min(ranges, maxInputBytes/max(v.found.InputBytes, 1)), 1)
	s := v.side(right)
	size := v.sides.Job.Copy.RangeRows
	if size == 0 {
		size = max(bytesPerRange/max(s.Bytes/max(s.Rows, 1), 1), 1000)
	}
	return max(size, s.Rows/ranges+1)
}

// plan cuts a side into ranges.
func (v *verification) plan(ctx workflow.Context, right bool, most int64) ([]rows.Range, error) {
	var out activities.Ranges
	err := workflow.ExecuteActivity(v.working(ctx, "plan ranges of "+v.side(right).Format), acts.PlanSide, v.sideInput(right, v.rangeRows(right, most))).Get(ctx, &out)
	return out.Ranges, err
}

// looking and working are as for the job's own activities, where the files are.
func (v *verification) looking(ctx workflow.Context, summary string) workflow.Context {
	return v.placed(looking(ctx, &v.sides.Job, summary))
}

func (v *verification) working(ctx workflow.Context, summary string) workflow.Context {
	return v.placed(working(ctx, &v.sides.Job, summary))
}

func (v *verification) placed(ctx workflow.Context) workflow.Context {
	return workflow.WithTaskQueue(ctx, queueOf(ctx, cmp.Or(v.sides.Right.Host(), v.sides.Job.Source.Host())))
}

// each runs an activity n times, as many at once as the job says. The first failure ends it.
func (v *verification) each(ctx workflow.Context, n int, summary string, start func(ctx workflow.Context, i int) workflow.Future, ended func(i int, f workflow.Future) error) error {
	ctx, stop := workflow.WithCancel(ctx)
	defer stop()
	if v.board != nil {
		v.board.Ranges += n
	}
	var failed error
	running := 0
	s := workflow.NewSelector(ctx)
	for i := range n {
		if running == max(v.sides.Job.Copy.Parallel, 1) {
			s.Select(ctx)
		}
		if failed != nil {
			break
		}
		running++
		ctx := v.working(ctx, fmt.Sprintf("%s, range %d of %d", summary, i+1, n))
		s.AddFuture(start(ctx, i), func(f workflow.Future) {
			running--
			if err := ended(i, f); err != nil && failed == nil {
				failed = err
				stop()
			}
			if v.board != nil {
				v.board.RangesDone++
				v.board.show(ctx)
			}
		})
	}
	for running > 0 {
		s.Select(ctx)
	}
	return failed
}
