package transfer

import (
	"testing"

	"pgregory.net/rapid"

	"milvusdm/internal/rows"
)

func TestRowRangesAreDisjointAndComplete(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var inputs []Input
		total := int64(0)
		for _, n := range rapid.SliceOfN(rapid.Int64Range(0, 10_000), 1, 5).Draw(t, "rows") {
			inputs = append(inputs, Input{Rows: n})
			total += n
		}
		size := rapid.Int64Range(1, 3000).Draw(t, "size")
		at := int64(0)
		for i, r := range RowRanges(inputs, size) {
			if r.ID != i || r.From != rows.Row(at) || r.To.Int-r.From.Int != r.Rows || r.Rows <= 0 || r.Rows > 2*size {
				t.Fatalf("range %d is %+v, expected to begin at %d", i, r, at)
			}
			at = r.To.Int
		}
		if at != total {
			t.Fatalf("ranges end at %d of %d", at, total)
		}
	})
}
