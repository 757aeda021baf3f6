package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/rows"
)

// numbers is a reader of rows whose key is their number, five to a batch.
type numbers struct{ at, end int64 }

func (n *numbers) Next(context.Context) (*rows.Batch, error) {
	if n.at >= n.end {
		return nil, io.EOF
	}
	b := batchOf(n.at, min(n.at+5, n.end))
	n.at = b.After.Int
	return b, nil
}

func (n *numbers) Close() error { return nil }

func batchOf(from, to int64) *rows.Batch {
	keys, vectors := make([]int64, 0, 5), make([]float32, 0, 10)
	for k := from; k < to; k++ {
		keys, vectors = append(keys, k), append(vectors, float32(k), -float32(k))
	}
	return &rows.Batch{Fields: []*schemapb.FieldData{rows.Int64Column("id", keys), rows.FloatVectorColumn("embedding", 2, vectors)},
		Rows: len(keys), First: from, After: rows.Row(to)}
}

// collector is a writer that remembers keys, after a random while; fail decides about each batch.
type collector struct {
	mu   sync.Mutex
	keys map[int64]int
	fail func(first int64) error
}

func (c *collector) Write(ctx context.Context, b *rows.Batch) error {
	if ctx.Err() != nil {
		return ErrNotSent
	}
	time.Sleep(rand.N(300 * time.Microsecond))
	keys := b.Field("id").GetScalars().GetLongData().GetData()
	if c.fail != nil {
		if err := c.fail(keys[0]); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range keys {
		c.keys[k]++
	}
	return nil
}

func (c *collector) Close() error { return nil }

func copier(c *collector, n int64, recorded *[]Checkpoint) *Copier {
	return &Copier{Reader: &numbers{0, n}, Writer: c, Writers: 4, Range: rows.Range{Rows: n, From: rows.Row(0), To: rows.Row(n)},
		Record: func(cp Checkpoint) { *recorded = append(*recorded, cp) }}
}

func TestCopyWritesEveryRowOnce(t *testing.T) {
	c := &collector{keys: map[int64]int{}}
	var recorded []Checkpoint
	reached, done, err := copier(c, 1003, &recorded).Run(context.Background(), Checkpoint{Cursor: rows.Row(0)})
	if err != nil || !done || reached.Rows != 1003 || reached.Cursor != rows.Row(1003) {
		t.Fatalf("reached %+v, done %v, err %v", reached, done, err)
	}
	if len(c.keys) != 1003 {
		t.Fatalf("%d keys written", len(c.keys))
	}
	for k, n := range c.keys {
		if n != 1 {
			t.Errorf("key %d written %d times", k, n)
		}
	}
	whole, err := rows.SumBatch("", batchOf(0, 1003))
	if err != nil || whole != reached.Sum {
		t.Errorf("sum %v in batches, %v in one (%v)", reached.Sum, whole, err)
	}
	for i, cp := range recorded {
		if i > 0 && cp.Cursor.Int <= recorded[i-1].Cursor.Int {
			t.Fatalf("checkpoint %d does not advance: %v after %v", i, cp.Cursor, recorded[i-1].Cursor)
		}
	}
}

// A checkpoint covers only what was acknowledged, whatever the order of the answers.
func TestCheckpointNeverPassesAFailedBatch(t *testing.T) {
	boom := errors.New("boom")
	for range 50 {
		c := &collector{keys: map[int64]int{}, fail: func(first int64) error {
			if first == 300 {
				return boom
			}
			return nil
		}}
		var recorded []Checkpoint
		reached, done, err := copier(c, 1000, &recorded).Run(context.Background(), Checkpoint{Cursor: rows.Row(0)})
		if !errors.Is(err, boom) || done {
			t.Fatalf("err %v, done %v", err, done)
		}
		if reached.Cursor.Int > 300 {
			t.Fatalf("checkpoint at %v is behind the failed batch", reached.Cursor)
		}
		for k := range reached.Cursor.Int {
			if c.keys[k] != 1 {
				t.Fatalf("checkpoint %v covers key %d, written %d times", reached.Cursor, k, c.keys[k])
			}
		}
	}
}

func TestStopCoversAllThatWasSent(t *testing.T) {
	stops := map[string]func(*Copier) context.Context{
		"stop channel": func(c *Copier) context.Context {
			stop := make(chan struct{})
			c.Stop = stop
			time.AfterFunc(2*time.Millisecond, func() { close(stop) })
			return context.Background()
		},
		"context": func(*Copier) context.Context {
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Millisecond)
			t.Cleanup(cancel)
			return ctx
		},
	}
	for name, prepare := range stops {
		t.Run(name, func(t *testing.T) {
			c := &collector{keys: map[int64]int{}}
			var recorded []Checkpoint
			x := copier(c, 1_000_000, &recorded)
			reached, done, err := x.Run(prepare(x), Checkpoint{Cursor: rows.Row(0)})
			if err != nil || done {
				t.Fatalf("err %v, done %v", err, done)
			}
			if int64(len(c.keys)) != reached.Rows || reached.Cursor.Int != reached.Rows {
				t.Errorf("%d keys written, checkpoint %+v", len(c.keys), reached)
			}
		})
	}
}

func TestCopyGoesOnFromACheckpoint(t *testing.T) {
	c := &collector{keys: map[int64]int{}}
	x := &Copier{Reader: &numbers{400, 1000}, Writer: c, Writers: 2, Range: rows.Range{Rows: 1000, From: rows.Row(0), To: rows.Row(1000)}}
	first, err := rows.SumBatch("", batchOf(0, 400))
	if err != nil {
		t.Fatal(err)
	}
	reached, done, err := x.Run(context.Background(), Checkpoint{Cursor: rows.Row(400), Rows: 400, Sum: first})
	if err != nil || !done || reached.Rows != 1000 || len(c.keys) != 600 {
		t.Fatalf("reached %+v, done %v, err %v, %d keys", reached, done, err, len(c.keys))
	}
	if whole, _ := rows.SumBatch("", batchOf(0, 1000)); whole != reached.Sum {
		t.Errorf("sum %v over two runs, %v in one", reached.Sum, whole)
	}
}

func TestSkippedRowsAreReadAndNotWritten(t *testing.T) {
	c := &collector{keys: map[int64]int{}}
	var recorded []Checkpoint
	x := copier(c, 100, &recorded)
	x.Range.Skip = rows.NewRowSet([]int64{0, 5, 6, 7, 8, 9, 99}, 100) // one whole batch among them
	reached, done, err := x.Run(context.Background(), Checkpoint{})
	if err != nil || !done || reached.Rows != 100 || reached.Sum.Rows != 93 || len(c.keys) != 93 {
		t.Fatalf("reached %+v, done %v, err %v, %d keys", reached, done, err, len(c.keys))
	}
	for _, k := range []int64{0, 5, 9, 99} {
		if c.keys[k] != 0 {
			t.Errorf("skipped key %d was written", k)
		}
	}
}

func TestCheckStopsTheCopyBeforeTheBadBatch(t *testing.T) {
	c := &collector{keys: map[int64]int{}}
	var recorded []Checkpoint
	x := copier(c, 1000, &recorded)
	x.Check = func(b *rows.Batch) error {
		if b.First == 500 {
			return fmt.Errorf("bad %s", b.Place(0))
		}
		return nil
	}
	reached, done, err := x.Run(context.Background(), Checkpoint{})
	if err == nil || err.Error() != "bad row 500" || done || reached.Cursor.Int > 500 {
		t.Fatalf("reached %+v, done %v, err %v", reached, done, err)
	}
	if c.keys[500] != 0 {
		t.Error("the bad batch was written")
	}
}

func TestCheckFinite(t *testing.T) {
	bad := map[string]*schemapb.FieldData{
		"float32 NaN":   rows.FloatVectorColumn("v", 2, []float32{1, 2, 3, float32(math.NaN())}),
		"float32 -Inf":  rows.FloatVectorColumn("v", 2, []float32{1, 2, 3, float32(math.Inf(-1))}),
		"float16 NaN":   rows.Float16VectorColumn("v", 2, []byte{0, 0x3c, 0, 0x3c, 0, 0x3c, 1, 0x7e}),
		"bfloat16 +Inf": rows.BFloat16VectorColumn("v", 2, []byte{0x80, 0x3f, 0x80, 0x3f, 0x80, 0x3f, 0x80, 0x7f}),
	}
	for name, f := range bad {
		err := rows.CheckFinite(&rows.Batch{Fields: []*schemapb.FieldData{f}, Rows: 2, First: 40})
		if err == nil || err.Error()[:6] != "row 41" {
			t.Errorf("%s: %v", name, err)
		}
	}
	good := rows.FloatVectorColumn("v", 2, []float32{math.MaxFloat32, -math.MaxFloat32, 0, math.SmallestNonzeroFloat32})
	if err := rows.CheckFinite(&rows.Batch{Fields: []*schemapb.FieldData{good}, Rows: 2}); err != nil {
		t.Error(err)
	}
}
