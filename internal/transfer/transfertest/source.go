// Package transfertest checks implementations of the contracts of package transfer: one suite for each contract.
package transfertest

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"testing"

	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// Source checks a source of numbered rows (files) against the contract. open opens it anew; it must have at least 10 rows.
func Source(t *testing.T, open func(t *testing.T) transfer.Source) {
	t.Helper()
	src := open(t)
	defer closed(t, src)
	d, err := src.Describe(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if d.Rows < 10 || d.Bytes <= 0 || d.Identity == "" || d.Format == "" || d.Schema.PrimaryKey() == nil {
		t.Fatalf("description %+v", d)
	}
	whole := content(t, src, d, transfer.BatchLimit{Rows: 1 << 20, Bytes: 1 << 30}, d.Rows)

	t.Run("described alike by another", func(t *testing.T) {
		again := open(t)
		defer closed(t, again)
		e, err := again.Describe(context.Background())
		if err != nil || e.Identity != d.Identity || e.Rows != d.Rows {
			t.Errorf("%+v, %v; first %+v", e, err, d)
		}
	})
	t.Run("ranges and batches of any size give the same rows", func(t *testing.T) {
		for _, rangeRows := range []int64{d.Rows/5 + 1, d.Rows} {
			for _, limit := range []transfer.BatchLimit{{Rows: 1, Bytes: 1 << 30}, {Rows: 7, Bytes: 1 << 30}, {Rows: 1 << 20, Bytes: 1}, {Rows: 1 << 20, Bytes: 4096}} {
				if got := content(t, src, d, limit, rangeRows); got != whole {
					t.Errorf("ranges of %d, batches of %+v: %v, whole %v", rangeRows, limit, got, whole)
				}
			}
		}
	})
	t.Run("reading goes on from any cursor", func(t *testing.T) { resumes(t, src, d, whole) })
	t.Run("keys are those of the rows", func(t *testing.T) { keys(t, src, d) })
	t.Run("a cancelled context ends reading", func(t *testing.T) {
		ranges := plan(t, src, d, d.Rows)
		ctx, cancel := context.WithCancel(context.Background())
		r, err := src.Open(ctx, ranges[0], rows.Cursor{}, transfer.BatchLimit{Rows: 1, Bytes: 1 << 30})
		if err != nil {
			t.Fatal(err)
		}
		defer closed(t, r)
		cancel()
		for range ranges[0].Rows + 1 {
			if _, err := r.Next(ctx); err != nil {
				return
			}
		}
		t.Error("read to the end")
	})
}

func closed(t *testing.T, c io.Closer) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// plan cuts the source into ranges and checks that they are disjoint and complete.
func plan(t *testing.T, src transfer.Source, d *transfer.Description, size int64) []rows.Range {
	t.Helper()
	ranges, err := src.Plan(context.Background(), size, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	total := int64(0)
	for i, r := range ranges {
		if r.ID != i || r.Rows <= 0 || r.To.Int-r.From.Int != r.Rows || i > 0 && r.From != ranges[i-1].To {
			t.Fatalf("range %d is %+v", i, r)
		}
		total += r.Rows
	}
	if total != d.Rows {
		t.Fatalf("ranges of %d hold %d of %d rows", size, total, d.Rows)
	}
	return ranges
}

// each reads a range from a cursor on and checks what every batch promises.
func each(t *testing.T, src transfer.Source, d *transfer.Description, r rows.Range, from rows.Cursor, limit transfer.BatchLimit, f func(*rows.Batch)) {
	t.Helper()
	reader, err := src.Open(context.Background(), r, from, limit)
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, reader)
	at := r.From.Int
	if !from.IsZero() {
		at = from.Int
	}
	for {
		b, err := reader.Next(context.Background())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if b.Rows < 1 || b.Rows > limit.Rows || b.First != at || b.After != rows.Row(at+int64(b.Rows)) || b.Place(0) == "" {
			t.Fatalf("batch of %d rows from %d to %v; expected from %d, at most %d rows", b.Rows, b.First, b.After, at, limit.Rows)
		}
		if len(b.Fields) != len(d.Schema.GetFields()) {
			t.Fatalf("batch has %d fields, the schema %d", len(b.Fields), len(d.Schema.GetFields()))
		}
		for _, s := range d.Schema.GetFields() {
			if got := b.Field(s.GetName()); got == nil || got.GetType() != s.GetDataType() {
				t.Fatalf("field %q of the schema is %v in the batch", s.GetName(), got.GetType())
			}
		}
		at = b.After.Int
		f(b)
	}
	if at != r.To.Int {
		t.Fatalf("range to %v ended at row %d", r.To, at)
	}
	if _, err := reader.Next(context.Background()); !errors.Is(err, io.EOF) {
		t.Errorf("behind the end: %v", err)
	}
}

// content sums up all rows.
func content(t *testing.T, src transfer.Source, d *transfer.Description, limit transfer.BatchLimit, rangeRows int64) rows.Sum {
	t.Helper()
	var total rows.Sum
	for _, r := range plan(t, src, d, rangeRows) {
		each(t, src, d, r, rows.Cursor{}, limit, func(b *rows.Batch) { total.Add(sum(t, b)) })
	}
	if total.Rows != d.Rows {
		t.Fatalf("read %d of %d rows", total.Rows, d.Rows)
	}
	return total
}

func sum(t *testing.T, b *rows.Batch) rows.Sum {
	t.Helper()
	s, err := rows.SumBatch("", b)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func resumes(t *testing.T, src transfer.Source, d *transfer.Description, whole rows.Sum) {
	limit := transfer.BatchLimit{Rows: 3, Bytes: 1 << 30}
	ranges := plan(t, src, d, d.Rows)
	first := ranges[0]
	for at := first.From.Int; at < first.To.Int; at += max(first.Rows/5, 1) {
		var total rows.Sum
		head := first
		head.To, head.Rows = rows.Row(at), at-first.From.Int
		if head.Rows > 0 {
			each(t, src, d, head, rows.Cursor{}, limit, func(b *rows.Batch) { total.Add(sum(t, b)) })
		}
		each(t, src, d, first, rows.Row(at), limit, func(b *rows.Batch) { total.Add(sum(t, b)) })
		for _, r := range ranges[1:] {
			each(t, src, d, r, rows.Cursor{}, limit, func(b *rows.Batch) { total.Add(sum(t, b)) })
		}
		if total != whole {
			t.Errorf("cut at row %d: %v, whole %v", at, total, whole)
		}
	}
}

func keys(t *testing.T, src transfer.Source, d *transfer.Description) {
	scanner, ok := src.(transfer.KeyScanner)
	if !ok {
		t.Fatal("a source of files is a transfer.KeyScanner")
	}
	var want, got []int64
	var texts []string
	name := d.Schema.PrimaryKey().GetName()
	for _, r := range plan(t, src, d, d.Rows) {
		each(t, src, d, r, rows.Cursor{}, transfer.BatchLimit{Rows: 100, Bytes: 1 << 30}, func(b *rows.Batch) {
			want = append(want, b.Field(name).GetScalars().GetLongData().GetData()...)
			texts = append(texts, b.Field(name).GetScalars().GetStringData().GetData()...)
		})
	}
	begin := plan(t, src, d, d.Rows)[0].From.Int
	err := scanner.ScanKeys(context.Background(), func(first int64, keys []int64) error {
		if first != begin+int64(len(got)) {
			t.Errorf("keys from row %d follow %d rows", first, len(got))
		}
		got = append(got, keys...)
		return nil
	})
	if h, ok := src.(transfer.Hashed); ok && h.HashedKeys() {
		numbers := map[string]int64{} // hashes of equal keys are equal, and of others not
		want = nil
		for i, text := range texts {
			if _, there := numbers[text]; !there && i < len(got) && !slices.Contains(slices.Collect(maps.Values(numbers)),
				got[i]) {
				numbers[text] = got[i]
			}
			want = append(want, numbers[text])
		}
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%d keys, the rows have %d (%v)", len(got), len(want), err)
	}
	stop := errors.New("stop")
	if err := scanner.ScanKeys(context.Background(), func(int64, []int64) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the scan did not hand on its caller's error: %v", err)
	}
	if scanner.Place(begin) == "" {
		t.Error("a row has no name")
	}
}
