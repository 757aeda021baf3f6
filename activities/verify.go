package activities

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"milvusdm/internal/compare"
	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// Sides are two sets of rows to compare: the job's source is the left one.
type Sides struct {
	Ref
	Right job.Source `json:"right"`
}

// SideInput names one of the two.
type SideInput struct {
	Sides
	OnRight bool `json:"onRight,omitempty"`
	// Identity is what the side is known by since it was described.
	Identity string `json:"identity"`
	// RangeRows is PlanSide's, Loaded ReleaseSide's.
	RangeRows int64    `json:"rangeRows,omitempty,string"`
	Loaded    []string `json:"loaded,omitempty"`
	Sharing
}

// Side is what a side says of itself.
type Side struct {
	Format   string `json:"format"`
	Rows     int64  `json:"rows,string"`
	Bytes    int64  `json:"bytes,string"`
	Identity string `json:"identity"`
	// Partitions are those that rows are in; nil where there are none, or a partition key chooses them.
	Partitions []string `json:"partitions,omitempty"`
	// InKeyOrder: it is read in the order of its keys, and its rows can be counted. Findable: by key.
	InKeyOrder bool `json:"inKeyOrder,omitempty"`
	Findable   bool `json:"findable,omitempty"`
	// Placed: a partition key of its server chooses the rows' partitions (see transfer.Placer).
	Placed bool `json:"placed,omitempty"`
	// Unloaded is what must be loaded before it can be read. Shared: another job has had it loaded, and will release it.
	Unloaded []string `json:"unloaded,omitempty"`
	Shared   bool     `json:"shared,omitempty"`
	// Collection is what Sharing calls it.
	Collection string   `json:"collection,omitempty"`
	Notes      []string `json:"notes,omitempty"`
	// Inputs are its files, where it is known what was written into them.
	Inputs []transfer.Input `json:"inputs,omitempty"`
	// AllFields: everything that its rows hold is compared.
	AllFields bool `json:"allFields,omitempty"`
}

// SidesFound is what DescribeSides found.
type SidesFound struct {
	Left  Side `json:"left"`
	Right Side `json:"right"`
	// InputBytes is what Sides takes in each activity's input.
	InputBytes int64 `json:"inputBytes,string"`
	// Key is the primary key's field, "" where the sides have none in common: then rows can't be compared.
	Key string `json:"key,omitempty"`
	// Fields are compared. Apart says of the left side's others why they are not, More of those that only the right side has;
	// Unknown names those of a type that this program does not know.
	Fields  []string `json:"fields,omitempty"`
	Apart   []string `json:"apart,omitempty"`
	More    []string `json:"more,omitempty"`
	Unknown []string `json:"unknown,omitempty"`
}

// How the two sides are called in messages.
const (
	LeftName  = "the source"
	RightName = "the target"
)

// DescribeSides reads what both sides say of themselves.
func (a *Activities) DescribeSides(ctx context.Context, in Sides) (*SidesFound, error) {
	pulse, stop := startPulse(ctx, &in.Job, in.patience(), transfer.Checkpoint{}, transfer.Checkpoint{})
	defer stop()
	text, err := json.Marshal(in)
	if err != nil {
		return nil, pulse.end(err)
	}
	out := &SidesFound{InputBytes: int64(len(text))}
	left, err := a.describeSide(ctx, &in, false, pulse, &out.Left)
	if err != nil {
		return nil, pulse.end(err)
	}
	right, err := a.describeSide(ctx, &in, true, pulse, &out.Right)
	if err != nil {
		return nil, pulse.end(fault.Wrap(fault.Internal, err, "look at %s", RightName))
	}
	out.Fields, out.Apart, out.More = compare.CommonFields(left.Schema, right.Schema, LeftName, RightName)
	out.Left.AllFields = len(out.Apart) == 0
	out.Unknown = rows.UnknownFields(left.Schema)
	if key := left.Schema.PrimaryKey().GetName(); key == right.Schema.PrimaryKey().GetName() && slices.Contains(out.Fields, key) {
		out.Key = key
	} else {
		out.Apart = append(out.Apart, fmt.Sprintf("the primary key is %q in %s, %q in %s", key, LeftName, right.Schema.PrimaryKey().GetName(), RightName))
	}
	return out, nil
}

func (a *Activities) describeSide(ctx context.Context, in *Sides, right bool, p *pulse, out *Side) (*transfer.Description, error) {
	src, err := a.open(ctx, in.source(right), p)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	d, isShared, err := describeShared(ctx, src, in.source(right))
	if err != nil {
		return nil, err
	}
	p.alive()
	_, findable := src.(transfer.Finder)
	_, counts := src.(transfer.Counter)
	_, places := src.(transfer.Placer)
	*out = Side{Format: d.Format, Rows: d.Rows, Bytes: d.Bytes, Identity: d.Identity, Partitions: d.Partitions, InKeyOrder: counts,
		Findable: findable, Placed: places && d.Partitions == nil, Unloaded: d.Unloaded, Notes: d.Notes}
	if d.Settings != nil && in.source(right).Milvus != nil {
		out.Collection, out.Shared = d.Settings.Collection, isShared
	}
	if slices.ContainsFunc(d.Inputs, func(in transfer.Input) bool { return in.Written != nil }) {
		out.Inputs = d.Inputs
	}
	return d, nil
}

// SideName is what messages call a side.
func SideName(right bool) string {
	if right {
		return RightName
	}
	return LeftName
}

// source is what a side is read from.
func (s *Sides) source(right bool) *job.Source {
	if right {
		return &s.Right
	}
	return &s.Job.Source
}

// patience is how long a call that opens a side may take without a word.
func (s *Sides) patience() time.Duration {
	longest := stepPatience
	for _, src := range []*job.Source{&s.Job.Source, &s.Right} {
		if src.Milvus != nil {
			longest = max(longest, src.Milvus.ConnectTimeout+time.Minute)
		}
	}
	return longest
}

// onSide opens a side for the time of f and checks that it still is what it was.
func (a *Activities) onSide(ctx context.Context, in *Sides, right bool, identity string, p *pulse, f func(transfer.Source) error) error {
	src, err := a.open(ctx, in.source(right), p)
	if err != nil {
		return err
	}
	defer src.Close()
	now, err := identityOf(ctx, src)
	if err != nil {
		return err
	}
	p.alive()
	if now != identity {
		return fault.New(fault.SourceChanged, "%s was made anew, or changed, while it was compared; verify again", SideName(right))
	}
	return f(src)
}

// atSide is onSide for an activity that has nothing else to do.
func (a *Activities) atSide(ctx context.Context, in *SideInput, f func(transfer.Source, *pulse) error) error {
	pulse, stop := startPulse(ctx, &in.Job, in.patience(), transfer.Checkpoint{}, transfer.Checkpoint{})
	defer stop()
	return pulse.end(a.onSide(ctx, &in.Sides, in.OnRight, in.Identity, pulse, func(src transfer.Source) error { return f(src, pulse) }))
}

// LoadSide is LoadSource for a side.
func (a *Activities) LoadSide(ctx context.Context, in SideInput) error {
	return a.LoadSource(ctx, in.loading())
}

// ReleaseSide takes back what LoadSide did.
func (a *Activities) ReleaseSide(ctx context.Context, in SideInput) error {
	return a.ReleaseSource(ctx, in.loading())
}

// loading is the side as the source of a job.
func (in *SideInput) loading() LoadInput {
	ref := in.Ref
	ref.Job.Source = *in.source(in.OnRight)
	return LoadInput{Ref: ref, What: in.Loaded, Sharing: in.Sharing}
}

// PlanSide cuts a side into ranges. Where the job takes the last of the rows of a key (on_duplicate: last), the left side's
// others are left out.
func (a *Activities) PlanSide(ctx context.Context, in SideInput) (*Ranges, error) {
	var out *Ranges
	err := a.atSide(ctx, &in, func(src transfer.Source, p *pulse) (err error) {
		out, err = in.plan(ctx, src, p)
		return err
	})
	return out, err
}

func (in *SideInput) plan(ctx context.Context, src transfer.Source, p *pulse) (*Ranges, error) {
	d, err := src.Describe(ctx)
	if err != nil {
		return nil, err
	}
	ranges, err := src.Plan(ctx, max(in.RangeRows, d.Rows/maxRanges+1), p.waiting)
	if err != nil {
		return nil, err
	}
	out := &Ranges{Ranges: ranges}
	scanner, ok := src.(transfer.KeyScanner)
	if in.OnRight || !ok || d.GeneratedKeys || in.Job.Copy.OnDuplicate != job.DuplicateLast {
		return out, nil
	}
	repeats, err := transfer.FindRepeats(ctx, heard{scanner, p})
	if err != nil {
		return nil, err
	}
	out.Superseded = int64(len(repeats.Superseded))
	return out, skip(out.Ranges, repeats.Superseded)
}

// PartitionRows is how many rows a partition holds.
type PartitionRows struct {
	Partition string `json:"partition,omitempty"`
	Rows      int64  `json:"rows,string"`
}

// CountSide counts a side's rows by partition, those that share a key too.
func (a *Activities) CountSide(ctx context.Context, in SideInput) ([]PartitionRows, error) {
	var out []PartitionRows
	err := a.atSide(ctx, &in, func(src transfer.Source, p *pulse) error {
		ranges, err := in.toCount(ctx, src, p)
		if err != nil {
			return err
		}
		counter, counts := src.(transfer.Counter)
		for _, r := range ranges.Ranges {
			n := r.Rows
			if counts {
				if n, err = counter.CountRange(ctx, r); err != nil {
					return err
				}
				p.alive()
			}
			i := slices.IndexFunc(out, func(c PartitionRows) bool { return c.Partition == r.Partition })
			if i < 0 {
				i = len(out)
				out = append(out, PartitionRows{Partition: r.Partition})
			}
			out[i].Rows += n
		}
		if ranges.Superseded > 0 {
			out[0].Rows -= ranges.Superseded // sources whose keys are scanned have no partitions
		}
		return nil
	})
	return out, err
}

// toCount returns ranges to count: whole partitions, where a server counts and all of their rows are read.
func (in *SideInput) toCount(ctx context.Context, src transfer.Source, p *pulse) (*Ranges, error) {
	m := in.source(in.OnRight).Milvus
	if limited := m != nil && len(m.Collections) == 1 && m.Collections[0].Limit > 0; m == nil || limited {
		return in.plan(ctx, src, p)
	}
	d, err := src.Describe(ctx)
	if err != nil {
		return nil, err
	}
	if d.Partitions == nil {
		return &Ranges{Ranges: []rows.Range{{}}}, nil
	}
	out := &Ranges{}
	for _, name := range d.Partitions {
		out.Ranges = append(out.Ranges, rows.Range{Partition: name})
	}
	return out, nil
}
