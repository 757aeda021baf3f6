package compare

import (
	"context"
	"errors"
	"fmt"
	"io"

	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// CountedSource is a Source in key order that can count rows.
type CountedSource interface {
	transfer.Source
	transfer.Counter
}

// Doubled finds the keys of a range that stand more than once, which reading does not show: it counts batch by batch and
// then by halves, until excess rows are found or the range ends. It adds them to d as of the given kind.
func Doubled(ctx context.Context, src CountedSource, r rows.Range, key string, limit transfer.BatchLimit, excess int64, kind OddKind, d *Difference) error {
	reader, err := src.Open(ctx, r, rows.Cursor{}, limit)
	if err != nil {
		return err
	}
	defer reader.Close()
	f := doubledFinder{src: src, partition: r.Partition, kind: kind, left: excess, d: d}
	from := r.From
	for f.left > 0 {
		b, err := reader.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if f.keys, err = rows.KeysOf(b, key); err != nil {
			return err
		}
		if err := f.within(ctx, from, 0, b.Rows); err != nil {
			return err
		}
		from = b.After
		b.Recycle()
	}
	return nil
}

type doubledFinder struct {
	src       transfer.Counter
	partition string
	keys      *rows.Keys
	kind      OddKind
	left      int64 // rows that are not found yet
	d         *Difference
}

// within looks at keys [i, j), which follow the cursor from.
func (f *doubledFinder) within(ctx context.Context, from rows.Cursor, i, j int) error {
	n, err := f.src.CountRange(ctx, rows.Range{Partition: f.partition, From: from, To: f.keys.Cursor(j - 1)})
	if err != nil {
		return fmt.Errorf("count the rows of keys %s to %s: %w", f.keys.At(i), f.keys.At(j-1), err)
	}
	more := n - int64(j-i)
	switch {
	case more <= 0:
		return nil
	case j-i == 1 || !f.d.wants(f.kind):
		*f.d.Count(f.kind) += more
		f.left -= more
		if f.d.wants(f.kind) {
			f.d.Odd = append(f.d.Odd, Odd{Kind: f.kind, Key: f.keys.At(i), Partition: f.partition})
		}
		return nil
	}
	half := (i + j) / 2
	if err := f.within(ctx, from, i, half); err != nil {
		return err
	}
	return f.within(ctx, f.keys.Cursor(half-1), half, j)
}
