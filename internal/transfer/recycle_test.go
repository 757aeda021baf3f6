package transfer

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/rows"
)

// numbered yields batches whose vectors all hold the batch's number, in recycled memory.
type numbered struct{ next, batches, floats int }

func (r *numbered) Next(context.Context) (*rows.Batch, error) {
	if r.next == r.batches {
		return nil, io.EOF
	}
	r.next++
	v := rows.Room[float32](r.floats)
	for i := range v {
		v[i] = float32(r.next)
	}
	b := &rows.Batch{Fields: []*schemapb.FieldData{rows.FloatVectorColumn("v", int64(r.floats), v)}, Rows: 1, First: int64(r.next), After: rows.Row(int64(r.next))}
	b.Recyclable(b.Fields[0])
	return b, nil
}

func (r *numbered) Close() error { return nil }

// slow looks at a batch's vectors for a while.
type slow struct{}

func (slow) Write(_ context.Context, b *rows.Batch) error {
	v := b.Fields[0].GetVectors().GetFloatVector().GetData()
	for range 3 {
		for i, x := range v {
			if x != float32(b.First) {
				return fmt.Errorf("batch %d holds %v at %d: its memory was given to another", b.First, x, i)
			}
		}
		runtime.Gosched()
	}
	return nil
}

func (slow) Close() error { return nil }

func TestRecycledMemoryIsOneBatchAtATime(t *testing.T) {
	for _, floats := range []int{1, 1000, 1024, 5000} {
		c := Copier{Reader: &numbered{batches: 200, floats: floats}, Writer: slow{}, Writers: 4}
		reached, done, err := c.Run(t.Context(), Checkpoint{})
		if err != nil || !done || reached.Rows != 200 {
			t.Errorf("%d floats: %d rows, done %v: %v", floats, reached.Rows, done, err)
		}
	}
}
