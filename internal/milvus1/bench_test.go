package milvus1_test

import (
	"fmt"
	"testing"

	"milvusdm/internal/milvus1/milvus1test"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// Reading in batches of the default size, without deleted rows, with few and with many.
func BenchmarkRead(b *testing.B) {
	const rows, dim = 200_000, 128
	for _, every := range []int64{0, 100, 2} {
		b.Run(fmt.Sprint("deleted one in ", every), func(b *testing.B) {
			s := milvus1test.Segment{ID: "1", IDs: through(1, rows)}
			for row := int64(0); every > 0 && row < rows; row += every {
				s.Deleted = append(s.Deleted, int32(row))
			}
			src := open(b, sourceOf(milvus1test.NewDirectory(b, milvus1test.Table{ID: "c", Dim: dim, Metric: 1, Segments: []milvus1test.Segment{s}}), "c"))
			d := describe(b, src)
			b.SetBytes(d.Bytes)
			b.ReportAllocs()
			for b.Loop() {
				if n := drain(b, src, transfer.BatchLimit{Rows: 8000, Bytes: 8 << 20}); n != d.Rows {
					b.Fatalf("%d rows of %d", n, d.Rows)
				}
			}
		})
	}
}

// drain reads all rows and forgets them.
func drain(t testing.TB, src transfer.Source, limit transfer.BatchLimit) (n int64) {
	t.Helper()
	ranges, err := src.Plan(t.Context(), 1<<40, func(string) {})
	must(t, err)
	for _, r := range ranges {
		reader, err := src.Open(t.Context(), r, rows.Cursor{}, limit)
		must(t, err)
		for at := r.From.Int; at < r.To.Int; {
			batch, err := reader.Next(t.Context())
			must(t, err)
			at, n = batch.After.Int, n+int64(batch.Rows)
			batch.Recycle()
		}
		must(t, reader.Close())
	}
	return n
}
