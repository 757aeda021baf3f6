package activities

import (
	"context"
	"errors"
	"math/rand/v2"

	"go.temporal.io/sdk/activity"

	"milvusdm/internal/compare"
	"milvusdm/internal/fault"
	"milvusdm/internal/limit"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// How CompareRange compares.
const (
	ByJoin   = "join"   // both sides are read in key order
	ByLookup = "lookup" // one side is read, and its keys are looked up in the other
	BySample = "sample" // of one side a batch is read, and its keys are looked up in the other
)

// CompareInput names a range of one side and what holds the same rows on the other.
type CompareInput struct {
	Sides
	LeftIdentity  string `json:"leftIdentity"`
	RightIdentity string `json:"rightIdentity"`
	// Key is the primary key's field, Fields are compared.
	Key    string   `json:"key"`
	Fields []string `json:"fields"`
	How    string   `json:"how"`
	// Range is one of the left side's, or, if OnRight, of the right one's. Other is the partition of the other side.
	Range   rows.Range `json:"range"`
	OnRight bool       `json:"onRight,omitempty"`
	Other   string     `json:"other,omitempty"`
	// Alone: the other side has no such partition.
	Alone bool `json:"alone,omitempty"`
	// Hashed is the partition that counts in the rows' hashes, "" where not both sides name them.
	Hashed string `json:"hashed,omitempty"`
	// Recorded is the sum of what was written into the right side from this range. If that is what is there, the left side is
	// not read: it may have changed since.
	Recorded *rows.Sum `json:"recorded,omitempty"`
}

// CompareResult is CompareRange's answer.
type CompareResult struct {
	// Left and Right are how many rows were read, each key once.
	Left  int64 `json:"left,string"`
	Right int64 `json:"right,string"`
	// Recorded: the right side holds what was written, as far as the sum tells; the left one was not read.
	Recorded   bool               `json:"recorded,omitempty"`
	Difference compare.Difference `json:"difference,omitzero"`
}

// CompareRange compares the rows of a range. A retry goes on from the last heartbeat.
func (a *Activities) CompareRange(ctx context.Context, in CompareInput) (*CompareResult, error) {
	var from compare.Compared
	var last Heartbeat
	if activity.HasHeartbeatDetails(ctx) && activity.GetHeartbeatDetails(ctx, &last) == nil && last.Compared != nil {
		from = *last.Compared
	}
	pulse, stop := startPulse(ctx, &in.Job, in.patience(), transfer.Checkpoint{}, last.Reached)
	defer stop()
	out, err := a.compareRange(limit.Together(ctx), &in, pulse, from)
	return out, pulse.end(err)
}

func (a *Activities) compareRange(ctx context.Context, in *CompareInput, p *pulse, from compare.Compared) (out *CompareResult, err error) {
	err = a.onSide(ctx, &in.Sides, true, in.RightIdentity, p, func(src transfer.Source) error {
		c := comparison{CompareInput: in, limit: batchLimit(&in.Ref), pulse: p, right: src}
		if in.Recorded != nil && from.Cursor.IsZero() {
			if out, err = c.recorded(ctx); err != nil || out != nil {
				return err
			}
		}
		return a.onSide(ctx, &in.Sides, false, in.LeftIdentity, p, func(src transfer.Source) error {
			c.left = src
			reached, err := c.run(ctx, from)
			out = &CompareResult{Left: reached.Left.Rows, Right: reached.Right.Rows, Difference: reached.Difference}
			return err
		})
	})
	return out, err
}

// comparison is a CompareRange at work.
type comparison struct {
	*CompareInput
	limit       transfer.BatchLimit
	pulse       *pulse
	left, right transfer.Source
}

func (c *comparison) run(ctx context.Context, from compare.Compared) (compare.Compared, error) {
	if c.How == ByJoin {
		return c.join(ctx, from)
	}
	return c.lookup(ctx, from)
}

// comparing is what rows are compared by.
func (c *comparison) comparing() compare.Comparing {
	return compare.Comparing{Key: c.Key, Fields: c.Fields, Partition: c.Hashed, Elsewhere: c.elsewhere}
}

// record is a sign of life that a retry goes on from.
func (c *comparison) record(reached compare.Compared) {
	c.pulse.mu.Lock()
	c.pulse.beat.Compared = &reached
	c.pulse.mu.Unlock()
	c.pulse.reached(transfer.Checkpoint{Rows: max(reached.Left.Rows, reached.Right.Rows)})
}

// ranges returns the range as it is called on the left and on the right.
func (c *comparison) ranges() (left, right rows.Range) {
	left, right = c.Range, c.Range
	if c.OnRight {
		left.Partition = c.Other
	} else {
		right.Partition = c.Other
	}
	return left, right
}

// join reads both sides, and finds keys that stand more than once on either.
func (c *comparison) join(ctx context.Context, from compare.Compared) (compare.Compared, error) {
	lr, rr := c.ranges()
	j := compare.Join{Comparing: c.comparing(), Record: c.record}
	countLeft, countRight := none, none
	if !c.Alone || !c.OnRight {
		r, err := c.left.Open(ctx, lr, from.Cursor, c.limit)
		if err != nil {
			return from, err
		}
		defer r.Close()
		j.Left = r
	}
	if !c.Alone || c.OnRight {
		r, err := c.right.Open(ctx, rr, from.Cursor, c.limit)
		if err != nil {
			return from, err
		}
		defer r.Close()
		j.Right, countRight = r, counted(ctx, c.right, rr)
	}
	if j.Left != nil {
		countLeft = counted(ctx, c.left, lr)
	}
	reached, err := j.Run(ctx, from)
	left, leftErr := countLeft()
	right, rightErr := countRight()
	for _, e := range []error{err, leftErr, rightErr} {
		if e != nil {
			return reached, e
		}
	}
	err = doubled(ctx, c.pulse, c.left, lr, c.Key, c.limit, left-reached.Left.Rows, compare.DoubledLeft, &reached.Difference)
	if err != nil {
		return reached, err
	}
	return reached, doubled(ctx, c.pulse, c.right, rr, c.Key, c.limit, right-reached.Right.Rows, compare.DoubledRight, &reached.Difference)
}

// counted counts a range while it is read.
func counted(ctx context.Context, src transfer.Source, r rows.Range) func() (int64, error) {
	counter, ok := src.(transfer.Counter)
	if !ok {
		return none
	}
	var n int64
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		n, err = counter.CountRange(ctx, r)
	}()
	return func() (int64, error) { <-done; return n, err }
}

func none() (int64, error) { return 0, nil }

// doubled names the keys of excess rows, where there are any.
func doubled(ctx context.Context, p *pulse, src transfer.Source, r rows.Range, key string, limit transfer.BatchLimit, excess int64, kind compare.OddKind, d *compare.Difference) error {
	counted, ok := src.(compare.CountedSource)
	if !ok || excess <= 0 {
		return nil
	}
	p.waiting("looking for keys that stand more than once")
	return compare.Doubled(ctx, heardCount{counted, p}, r, key, limit, excess, kind, d)
}

// heardCount is a source whose counting keeps the activity alive.
type heardCount struct {
	compare.CountedSource
	pulse *pulse
}

func (h heardCount) CountRange(ctx context.Context, r rows.Range) (int64, error) {
	h.pulse.alive()
	return h.CountedSource.CountRange(ctx, r)
}

// recorded compares the right side with what was written into it; nil if it holds something else.
func (c *comparison) recorded(ctx context.Context) (*CompareResult, error) {
	_, r := c.ranges()
	reader, err := c.right.Open(ctx, r, rows.Cursor{}, c.limit)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	count := counted(ctx, c.right, r)
	var sum rows.Sum
	by := c.comparing()
	err = by.Each(ctx, reader, nil, func(_ *rows.Keys, hashes []rows.Hash) {
		sum.AddHashes(hashes)
		c.pulse.reached(transfer.Checkpoint{Rows: sum.Rows})
	})
	rows, countErr := count()
	if err = errors.Join(err, countErr); err != nil || sum != *c.Recorded || rows != sum.Rows {
		return nil, err
	}
	return &CompareResult{Right: rows, Recorded: true}, nil
}

// lookup reads one side and looks its keys up in the other.
func (c *comparison) lookup(ctx context.Context, from compare.Compared) (compare.Compared, error) {
	read, other := c.left, c.right
	if c.OnRight {
		read, other = c.right, c.left
	}
	l := compare.Lookup{Comparing: c.comparing(), Swapped: c.OnRight, Partition: c.Other, Record: c.record}
	if !c.Alone {
		finder, ok := other.(transfer.Finder)
		if !ok {
			return from, fault.New(fault.Internal, "rows of the other side can't be looked up by key")
		}
		l.Right = finder
	}
	var err error
	if l.Keep, err = leaveOut(&c.Range); err != nil {
		return from, err
	}
	place := from.Cursor
	if c.How == BySample && place.IsZero() {
		l.Batches, place = 1, samplePlace(&c.Range, int64(c.limit.Rows))
	}
	for {
		if l.Left, err = read.Open(ctx, c.Range, place, c.limit); err != nil {
			return from, err
		}
		reached, err := l.Run(ctx, from)
		err = errors.Join(err, l.Left.Close())
		if err != nil || c.How != BySample || place.IsZero() || reached.Left.Rows+reached.Right.Rows > 0 {
			return reached, err
		}
		place = rows.Cursor{} // nothing stands behind it
	}
}

// samplePlace is a place in a range, the same each time it is asked for: a key where both bounds are numbers, a row number,
// else the beginning.
func samplePlace(r *rows.Range, n int64) rows.Cursor {
	random := rand.New(rand.NewPCG(uint64(r.ID), 0))
	switch {
	case r.From.Kind == rows.RowCursor && r.To.Kind == rows.RowCursor:
		return rows.Row(r.From.Int + random.Int64N(max(r.To.Int-r.From.Int-n, 0)+1))
	case r.From.Kind == rows.Int64Cursor && r.To.Kind == rows.Int64Cursor && r.To.Int > r.From.Int:
		place := r.From
		place.Int += int64(random.Uint64N(uint64(r.To.Int) - uint64(r.From.Int)))
		return place
	}
	return rows.Cursor{}
}

// leaveOut drops the rows of a range that a later row of the same key supersedes.
func leaveOut(r *rows.Range) (func(*rows.Batch) error, error) {
	skip, err := r.Skip.Rows(r.Rows)
	if err != nil || len(r.Skip) == 0 {
		return nil, err
	}
	return func(b *rows.Batch) error {
		first := b.First - r.From.Int
		return b.Keep(func(i int) bool { return !skip(first + int64(i)) })
	}, nil
}

// elsewhere looks for a key that one side lacks in the partition that is compared.
func (c *comparison) elsewhere(ctx context.Context, left bool, key *rows.Keys) (string, error) {
	lr, rr := c.ranges()
	side, in := c.right, rr.Partition
	if left {
		side, in = c.left, lr.Partition
	}
	finder, ok := side.(transfer.Finder)
	if !ok {
		return "", nil
	}
	d, err := side.Describe(ctx)
	if err != nil {
		return "", err
	}
	for _, p := range d.Partitions {
		if p == in && !c.Alone {
			continue
		}
		found := ""
		if err := finder.Find(ctx, p, key, func(*rows.Batch) error { found = p; return nil }); err != nil || found != "" {
			return found, err
		}
	}
	return "", nil
}
