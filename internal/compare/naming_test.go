package compare

import (
	"context"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/rows"
)

// Where all rows differ, some buckets are looked into, and it is said that there is more.
func TestNamingRemembersABoundedNumberOfRows(t *testing.T) {
	defer func(n int64) { maxRemembered = n }(maxRemembered)
	maxRemembered = 100
	side := func(value float32) (func(context.Context, func(string, *rows.Batch) error) error, Buckets) {
		read := func(_ context.Context, yield func(string, *rows.Batch) error) error {
			for from := int64(0); from < 5000; from += 500 {
				keys := make([]int64, 500)
				for i := range keys {
					keys[i] = from + int64(i)
				}
				values := make([]float32, len(keys))
				for i := range values {
					values[i] = value
				}
				b := &rows.Batch{Rows: len(keys), First: -1, Fields: []*schemapb.FieldData{rows.Int64Column("id", keys), rows.FloatColumn("f", values)}}
				if err := yield("", b); err != nil {
					return err
				}
			}
			return nil
		}
		var buckets Buckets
		err := read(context.Background(), func(_ string, b *rows.Batch) error {
			keys, err := rows.KeysOf(b, "id")
			if err != nil {
				return err
			}
			hashes, err := rows.RowHashes("", b)
			buckets.Add(keys, hashes)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return read, buckets
	}
	n := Naming{Comparing: Comparing{Key: "id"}}
	n.Left, n.LeftBuckets = side(1)
	n.Right, n.RightBuckets = side(2)
	d, err := n.Run(context.Background())
	if err != nil || !d.AtLeast || d.Differing == 0 || d.Differing > 100 || len(d.Odd) != mostNamed || d.Odd[0].Fields[0] != "f" {
		t.Errorf("%+v, %v", d, err)
	}
}
