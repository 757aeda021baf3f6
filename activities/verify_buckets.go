package activities

import (
	"context"
	"errors"
	"io"

	"milvusdm/internal/compare"
	"milvusdm/internal/limit"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// SumInput names a range of a side.
type SumInput struct {
	SideInput
	Key    string     `json:"key"`
	Fields []string   `json:"fields"`
	Range  rows.Range `json:"range"`
	// Named: the range's partition counts in its rows' hashes.
	Named bool `json:"named,omitempty"`
	// Written is what was recorded of the file that the range lies in.
	Written *transfer.Written `json:"written,omitempty"`
}

// SumResult is SumRange's answer.
type SumResult struct {
	Buckets compare.Buckets `json:"buckets,omitempty"`
	// Doubled are keys that stand more than once, which a server's rows do not show.
	Doubled compare.Difference `json:"doubled,omitzero"`
	// Read covers all rows that were read, where SumInput.Written is known.
	Read rows.Sum `json:"read,omitzero"`
}

// SumRange sums up a range of one side in buckets.
func (a *Activities) SumRange(ctx context.Context, in SumInput) (*SumResult, error) {
	ctx = limit.Together(ctx)
	out := &SumResult{}
	err := a.atSide(ctx, &in.SideInput, func(src transfer.Source, p *pulse) error {
		reader, err := src.Open(ctx, in.Range, rows.Cursor{}, batchLimit(&in.Ref))
		if err != nil {
			return err
		}
		defer reader.Close()
		if in.Written != nil {
			summed := &transfer.Summed{Reader: reader, Written: in.Written}
			defer func() { out.Read = summed.Sum }()
			reader = summed
		}
		keep, err := leaveOut(&in.Range)
		if err != nil {
			return err
		}
		count := counted(ctx, src, in.Range)
		c := compare.Comparing{Key: in.Key, Fields: in.Fields}
		if in.Named {
			c.Partition = in.Range.Partition
		}
		read := int64(0)
		err = c.Each(ctx, reader, keep, func(keys *rows.Keys, hashes []rows.Hash) {
			out.Buckets.Add(keys, hashes)
			read += int64(len(hashes))
			p.reached(transfer.Checkpoint{Rows: read})
		})
		all, countErr := count()
		if err := errors.Join(err, countErr); err != nil {
			return err
		}
		kind := compare.DoubledLeft
		if in.OnRight {
			kind = compare.DoubledRight
		}
		return doubled(ctx, p, src, in.Range, in.Key, batchLimit(&in.Ref), all-read, kind, &out.Doubled)
	})
	return out, err
}

// NameInput names two sides and how they were summed up.
type NameInput struct {
	Sides
	LeftIdentity  string          `json:"leftIdentity"`
	RightIdentity string          `json:"rightIdentity"`
	Key           string          `json:"key"`
	Fields        []string        `json:"fields"`
	Named         bool            `json:"named,omitempty"`
	LeftRanges    []rows.Range    `json:"leftRanges"`
	RightRanges   []rows.Range    `json:"rightRanges"`
	LeftBuckets   compare.Buckets `json:"leftBuckets,omitempty"`
	RightBuckets  compare.Buckets `json:"rightBuckets,omitempty"`
}

// NameDifferences reads both sides again to find the rows that make their buckets differ.
func (a *Activities) NameDifferences(ctx context.Context, in NameInput) (*compare.Difference, error) {
	pulse, stop := startPulse(ctx, &in.Job, in.patience(), transfer.Checkpoint{}, transfer.Checkpoint{})
	defer stop()
	var out compare.Difference
	err := a.onSide(ctx, &in.Sides, false, in.LeftIdentity, pulse, func(left transfer.Source) error {
		return a.onSide(ctx, &in.Sides, true, in.RightIdentity, pulse, func(right transfer.Source) (err error) {
			n := compare.Naming{Comparing: compare.Comparing{Key: in.Key, Fields: in.Fields},
				Left: in.reading(left, in.LeftRanges, pulse), Right: in.reading(right, in.RightRanges, pulse),
				LeftBuckets: in.LeftBuckets, RightBuckets: in.RightBuckets}
			out, err = n.Run(ctx)
			return err
		})
	})
	return &out, pulse.end(err)
}

// reading yields all rows of a side.
func (in *NameInput) reading(src transfer.Source, ranges []rows.Range, p *pulse) func(context.Context, func(string, *rows.Batch) error) error {
	return func(ctx context.Context, yield func(string, *rows.Batch) error) error {
		for i := range ranges {
			if err := in.readRange(ctx, src, &ranges[i], p, yield); err != nil {
				return err
			}
		}
		return nil
	}
}

func (in *NameInput) readRange(ctx context.Context, src transfer.Source, r *rows.Range, p *pulse, yield func(string, *rows.Batch) error) error {
	reader, err := src.Open(ctx, *r, rows.Cursor{}, batchLimit(&in.Ref))
	if err != nil {
		return err
	}
	defer reader.Close()
	keep, err := leaveOut(r)
	if err != nil {
		return err
	}
	partition := ""
	if in.Named {
		partition = r.Partition
	}
	for {
		b, err := reader.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil && keep != nil {
			err = keep(b)
		}
		if err != nil {
			return err
		}
		p.waiting("naming the rows that differ")
		if err := yield(partition, b); err != nil {
			return err
		}
	}
}
