package compare_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"milvusdm/internal/compare"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
	"milvusdm/internal/transfer/transfertest"
)

var small = transfer.BatchLimit{Rows: 7, Bytes: 1 << 20}

// numbered makes rows of keys 0, 3, 6, ... in turn in the partitions a and b.
func numbered(n int) []transfertest.Row {
	out := make([]transfertest.Row, n)
	for i := range out {
		out[i] = transfertest.Row{Partition: string(rune('a' + i%2)), Key: int64(3 * i), Name: fmt.Sprintf("name %03d", i), Value: float32(i)}
	}
	return out
}

// faults are what can be wrong with a copy of numbered(100), and what there is to say about it by partition.
var faults = map[string]struct {
	plant func([]transfertest.Row) []transfertest.Row
	says  []string
}{
	"nothing": {func(r []transfertest.Row) []transfertest.Row { return r }, nil},
	"a row dropped": {func(r []transfertest.Row) []transfertest.Row { return slices.Delete(r, 41, 42) },
		[]string{"1 rows only in the source: key 123 in partition b"}},
	"the last row dropped": {func(r []transfertest.Row) []transfertest.Row { return r[:99] },
		[]string{"1 rows only in the source: key 297 in partition b"}},
	"a row too many": {func(r []transfertest.Row) []transfertest.Row {
		return append(r, transfertest.Row{Partition: "a", Key: 100})
	}, []string{"1 rows only in the target: key 100 in partition a"}},
	"a row doubled": {func(r []transfertest.Row) []transfertest.Row { return append(r, r[60]) },
		[]string{"1 rows too many in the target, beyond one of each key: key 180 in partition a"}},
	"two rows doubled": {func(r []transfertest.Row) []transfertest.Row { return append(r, r[3], r[97]) },
		[]string{"2 rows too many in the target, beyond one of each key: key 9 in partition b, 291 in partition b"}},
	"a row thrice": {func(r []transfertest.Row) []transfertest.Row { return append(r, r[0], r[0]) },
		[]string{"2 rows too many in the target, beyond one of each key: key 0 in partition a, ..."}},
	"two values swapped": {func(r []transfertest.Row) []transfertest.Row {
		r[10].Name, r[12].Name = r[12].Name, r[10].Name
		return r
	}, []string{"2 rows with other contents: key 30 in partition a (name), 36 in partition a (name)"}},
	"one bit flipped": {func(r []transfertest.Row) []transfertest.Row { r[55].Value = 57; return r },
		[]string{"1 rows with other contents: key 165 in partition b (v)"}},
	"moved to another partition": {func(r []transfertest.Row) []transfertest.Row { r[20].Partition = "b"; return r },
		[]string{"1 rows only in the source: key 60 in partition a (there in partition b)", "1 rows only in the target: key 60 in partition b (there in partition a)"}},
	"everything gone": {func(r []transfertest.Row) []transfertest.Row { return nil },
		[]string{"100 rows only in the source: key 0 in partition a, 6 in partition a, 12 in partition a, 18 in partition a, 24 in partition a, 30 in partition a, 36 in partition a, 42 in partition a, 48 in partition a, 54 in partition a, ..."}},
}

// server holds rows in the partitions a and b.
func server(r []transfertest.Row) *transfertest.Server {
	return &transfertest.Server{File: transfertest.File{Rows: r}, Partitions: []string{"a", "b"}}
}

// join compares two servers range by range, as the activities do.
func join(t *testing.T, left, right *transfertest.Server, rangeRows int64) compare.Difference {
	t.Helper()
	ctx := context.Background()
	var d compare.Difference
	ranges, err := left.Plan(ctx, rangeRows, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range ranges {
		l, _ := left.Open(ctx, r, rows.Cursor{}, small)
		m, _ := right.Open(ctx, r, rows.Cursor{}, transfer.BatchLimit{Rows: 5})
		j := compare.Join{Left: l, Right: m, Comparing: compare.Comparing{Key: "id", Partition: r.Partition,
			Elsewhere: func(ctx context.Context, missesLeft bool, key *rows.Keys) (string, error) {
				side := right
				if missesLeft {
					side = left
				}
				for _, p := range side.Partitions {
					found := ""
					err := side.Find(ctx, p, key, func(*rows.Batch) error { found = p; return nil })
					if found != "" || err != nil {
						return found, err
					}
				}
				return "", nil
			}}}
		c, err := j.Run(ctx, compare.Compared{})
		if err != nil {
			t.Fatal(err)
		}
		d.Add(c.Difference)
		if n, _ := right.CountRange(ctx, r); n > c.Right.Rows {
			var doubled compare.Difference
			if err := compare.Doubled(ctx, right, r, "id", small, n-c.Right.Rows, compare.DoubledRight, &doubled); err != nil {
				t.Fatal(err)
			}
			d.Add(doubled)
		}
	}
	return d
}

func TestJoinNamesEveryFault(t *testing.T) {
	for name, f := range faults {
		for _, size := range []int64{1000, 11} {
			d := join(t, server(numbered(100)), server(f.plant(numbered(100))), size)
			if got := d.Tell("the source", "the target"); !slices.Equal(got, f.says) || d.Empty() != (f.says == nil) {
				t.Errorf("%s, ranges of %d rows:\n got %q\nwant %q", name, size, got, f.says)
			}
		}
	}
}

func TestJoinGoesOnFromWhereItWas(t *testing.T) {
	left, right := server(numbered(100)), server(faults["two values swapped"].plant(numbered(100)))
	whole := join(t, left, right, 1000)
	r := rows.Range{Partition: "a"}
	for stop := range 12 {
		var kept compare.Compared
		run := func(from compare.Compared, batches int) (compare.Compared, error) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			l, _ := left.Open(ctx, r, from.Cursor, small)
			m, _ := right.Open(ctx, r, from.Cursor, transfer.BatchLimit{Rows: 5})
			j := compare.Join{Left: l, Right: m, Comparing: compare.Comparing{Key: "id", Partition: "a"}}
			j.Record = func(c compare.Compared) {
				kept = c
				if batches--; batches == 0 {
					cancel()
				}
			}
			return j.Run(ctx, from)
		}
		if _, err := run(compare.Compared{}, stop); err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		c, err := run(kept, 0)
		if err != nil || c.Left.Rows != 50 || c.Right.Rows != 50 || !slices.Equal(c.Difference.Tell("l", "r"), whole.Tell("l", "r")) {
			t.Errorf("stopped after %d batches: %+v, %v", stop, c, err)
		}
	}
}

func TestJoinOfStringKeysAndOfNothing(t *testing.T) {
	left, right := server(numbered(30)), server(numbered(30))
	left.Strings, right.Strings = true, true
	right.Rows[7].Value++
	l, _ := left.Open(context.Background(), rows.Range{}, rows.Cursor{}, small)
	r, _ := right.Open(context.Background(), rows.Range{}, rows.Cursor{}, small)
	j := compare.Join{Left: l, Right: r, Comparing: compare.Comparing{Key: "name", Fields: []string{"name", "v"}}}
	c, err := j.Run(context.Background(), compare.Compared{})
	if got := c.Difference.Tell("l", "r"); err != nil || len(got) != 1 || got[0] != `1 rows with other contents: key "name 007" (v)` {
		t.Errorf("%q, %v", got, err)
	}
	l, _ = left.Open(context.Background(), rows.Range{}, rows.Cursor{}, small)
	j = compare.Join{Left: l, Comparing: compare.Comparing{Key: "name"}}
	if c, err = j.Run(context.Background(), compare.Compared{}); err != nil || c.Difference.OnlyLeft != 30 || c.Right.Rows != 0 {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestJoinRefusesKeysOutOfOrder(t *testing.T) {
	shuffled := &transfertest.File{Rows: []transfertest.Row{{Key: 1}, {Key: 3}, {Key: 2}}}
	for _, limit := range []int{1, 2, 3} {
		r, _ := shuffled.Open(context.Background(), rows.Range{To: rows.Row(3)}, rows.Cursor{}, transfer.BatchLimit{Rows: limit})
		j := compare.Join{Left: r, Comparing: compare.Comparing{Key: "id"}}
		if _, err := j.Run(context.Background(), compare.Compared{}); err == nil || !strings.Contains(err.Error(), "key 2 was read out of order") {
			t.Errorf("batches of %d: %v", limit, err)
		}
	}
}

func TestJoinEndsWithTheErrorOfASide(t *testing.T) {
	boom := errors.New("boom")
	left, right := server(numbered(100)), server(numbered(100))
	reads := 0
	right.Before = func() error {
		if reads++; reads == 4 {
			return boom
		}
		return nil
	}
	l, _ := left.Open(context.Background(), rows.Range{}, rows.Cursor{}, small)
	r, _ := right.Open(context.Background(), rows.Range{}, rows.Cursor{}, small)
	j := compare.Join{Left: l, Right: r, Comparing: compare.Comparing{Key: "id"}}
	if c, err := j.Run(context.Background(), compare.Compared{}); !errors.Is(err, boom) || c.Right.Rows != 21 || !c.Difference.Empty() {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestLookupIsBlindToOtherRows(t *testing.T) {
	for name, f := range faults {
		source, target := server(numbered(100)), server(f.plant(numbered(100)))
		target.Rows = append(target.Rows, transfertest.Row{Partition: "a", Key: 1}, transfertest.Row{Partition: "b", Key: 1000})
		var d compare.Difference
		for _, p := range source.Partitions {
			left, _ := source.Open(context.Background(), rows.Range{Partition: p}, rows.Cursor{}, small)
			l := compare.Lookup{Left: left, Right: target, Partition: p, Comparing: compare.Comparing{Key: "id", Partition: p}}
			c, err := l.Run(context.Background(), compare.Compared{})
			if err != nil || c.Left.Rows != 50 {
				t.Fatalf("%+v, %v", c, err)
			}
			d.Add(c.Difference)
		}
		var want []string
		for _, s := range f.says {
			if !strings.Contains(s, "in the target") { // rows too many are others', as far as a lookup can tell
				want = append(want, strings.ReplaceAll(s, " (there in partition b)", ""))
			}
		}
		if got := d.Tell("the source", "the target"); !slices.Equal(got, want) {
			t.Errorf("%s:\n got %q\nwant %q", name, got, want)
		}
	}
}

// naming compares two sides that are read in any order, with buckets.
func naming(t interface{ Fatal(...any) }, left, right []transfertest.Row) compare.Difference {
	read := func(all []transfertest.Row) func(context.Context, func(string, *rows.Batch) error) error {
		return func(ctx context.Context, yield func(string, *rows.Batch) error) error {
			for _, p := range []string{"a", "b"} {
				f := &transfertest.File{Rows: slices.DeleteFunc(slices.Clone(all), func(r transfertest.Row) bool { return r.Partition != p })}
				r, _ := f.Open(ctx, rows.Range{To: rows.Row(int64(len(f.Rows)))}, rows.Cursor{}, small)
				for b, err := r.Next(ctx); err == nil; b, err = r.Next(ctx) {
					if err := yield(p, b); err != nil {
						return err
					}
				}
			}
			return nil
		}
	}
	n := compare.Naming{Comparing: compare.Comparing{Key: "id"}, Left: read(left), Right: read(right)}
	for _, side := range []struct {
		read    func(context.Context, func(string, *rows.Batch) error) error
		buckets *compare.Buckets
	}{{n.Left, &n.LeftBuckets}, {n.Right, &n.RightBuckets}} {
		err := side.read(context.Background(), func(p string, b *rows.Batch) error {
			keys, err := rows.KeysOf(b, "id")
			if err != nil {
				return err
			}
			hashes, err := rows.RowHashes(p, b)
			side.buckets.Add(keys, hashes)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	d, err := n.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if same := len(n.LeftBuckets.Differing(n.RightBuckets)) == 0; same != d.Empty() {
		t.Fatal("buckets are equal:", same, "difference:", d)
	}
	return d
}

func TestBucketsNameEveryFault(t *testing.T) {
	for name, f := range faults {
		left, right := numbered(100), f.plant(numbered(100))
		slices.Reverse(right)
		says := f.says
		switch name { // a file's rows are read one by one, and named in the order in which they were
		case "a row thrice":
			says = []string{"2 rows too many in the target, beyond one of each key: key 0 in partition a, 0 in partition a"}
		case "two rows doubled":
			says = []string{"2 rows too many in the target, beyond one of each key: key 291 in partition b, 9 in partition b"}
		}
		d := naming(t, left, right)
		if got := d.Tell("the source", "the target"); !slices.Equal(got, says) {
			t.Errorf("%s:\n got %q\nwant %q", name, got, says)
		}
	}
	d := naming(t, append(numbered(100), numbered(1)...), numbered(100))
	if got := d.Tell("the source", "the target"); !slices.Equal(got, []string{"1 rows too many in the source, beyond one of each key: key 0 in partition a"}) {
		t.Errorf("a row doubled in the source: %q", got)
	}
}

// Whatever is done to a copy, buckets and the join of two servers see it alike, if no key stands twice.
func TestBothWaysOfComparingAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		left, right := numbered(rapid.IntRange(0, 60).Draw(t, "rows")), []transfertest.Row(nil)
		var want compare.Difference
		for _, r := range left {
			switch rapid.IntRange(0, 12).Draw(t, "fault") {
			case 0:
				want.OnlyLeft++
				continue
			case 1:
				r.Value++
				want.Differing++
			case 2:
				right = append(right, transfertest.Row{Partition: r.Partition, Key: r.Key + 1})
				want.OnlyRight++
			}
			right = append(right, r)
		}
		check := func(how string, d compare.Difference) {
			if d.OnlyLeft != want.OnlyLeft || d.OnlyRight != want.OnlyRight || d.Differing != want.Differing || d.DoubledRight != 0 {
				t.Fatalf("%s: %+v, want %+v", how, d, want)
			}
		}
		check("buckets", naming(t, left, right))
		var joined compare.Difference
		for _, p := range []string{"a", "b"} {
			l, _ := server(left).Open(context.Background(), rows.Range{Partition: p}, rows.Cursor{}, small)
			r, _ := server(right).Open(context.Background(), rows.Range{Partition: p}, rows.Cursor{}, transfer.BatchLimit{Rows: rapid.IntRange(1, 9).Draw(t, "batch")})
			j := compare.Join{Left: l, Right: r, Comparing: compare.Comparing{Key: "id", Partition: p}}
			c, err := j.Run(context.Background(), compare.Compared{})
			if err != nil {
				t.Fatal(err)
			}
			joined.Add(c.Difference)
		}
		check("join", joined)
	})
}

func TestBucketsPassThroughText(t *testing.T) {
	var b, back compare.Buckets
	if text, err := b.MarshalText(); err != nil || back.UnmarshalText(text) != nil || back != nil {
		t.Error("no buckets:", back, err)
	}
	b.Add(&rows.Keys{Ints: []int64{1, 2, -1 << 63}}, []rows.Hash{{Hi: 1, Lo: 2}, {Lo: 1<<64 - 1}, {Hi: 7}})
	text, err := b.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	if err := back.UnmarshalText(text); err != nil || !slices.Equal(b, back) || back.Total().Rows != 3 {
		t.Error(err, back.Total())
	}
	if err := back.UnmarshalText(text[:len(text)/2]); err == nil {
		t.Error("half of it was taken")
	}
}

func FuzzBucketsText(f *testing.F) {
	var b compare.Buckets
	b.Add(&rows.Keys{Strings: []string{"x"}}, []rows.Hash{{Hi: 1}})
	text, err := b.MarshalText()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("AAAA"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var b compare.Buckets
		if b.UnmarshalText(text) != nil {
			return
		}
		again, err := b.MarshalText()
		var back compare.Buckets
		if err != nil || back.UnmarshalText(again) != nil || !slices.Equal(b, back) {
			t.Fatalf("%v %v", err, back)
		}
	})
}
