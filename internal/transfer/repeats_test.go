package transfer

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// keyList is a KeyScanner over a slice.
type keyList []int64

func (l keyList) ScanKeys(_ context.Context, yield func(int64, []int64) error) error {
	for at := 0; at < len(l); at += 7 {
		if err := yield(int64(at), l[at:min(at+7, len(l))]); err != nil {
			return err
		}
	}
	return nil
}

func (keyList) Place(row int64) string { return fmt.Sprintf("row %d", row) }

func TestFindRepeats(t *testing.T) {
	defer func(n int) { runKeys = n }(runKeys)
	runKeys = 16 // so that runs are merged from disk
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SliceOf(rapid.Int64Range(-20, 20)).Draw(t, "keys")
		if rapid.Bool().Draw(t, "extreme") {
			keys = append(keys, math.MinInt64, math.MaxInt64, math.MinInt64)
		}
		var want Repeats
		rows := map[int64][]int64{}
		for i, k := range keys {
			rows[k] = append(rows[k], int64(i))
		}
		for k, at := range rows {
			if len(at) > 1 {
				want.Keys = append(want.Keys, k)
				want.Superseded = append(want.Superseded, at[:len(at)-1]...)
			}
		}
		slices.Sort(want.Keys)
		slices.Sort(want.Superseded)
		got, err := FindRepeats(context.Background(), keyList(keys))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got.Keys, want.Keys) || !slices.Equal(got.Superseded, want.Superseded) || (got.First == "") != (len(want.Keys) == 0) {
			t.Fatalf("keys %v: got %+v, want %+v", keys, got, want)
		}
	})
}
