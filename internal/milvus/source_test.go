package milvus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// opened opens a collection of the test server as a source.
func opened(t *testing.T, choice job.Collection) *source {
	t.Helper()
	src, err := OpenSource(context.Background(), &job.MilvusSource{MilvusServer: serverOf(t), Collections: []job.Collection{choice}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { src.Close() })
	return src.(*source)
}

func refusal(t *testing.T, choice job.Collection) error {
	t.Helper()
	src, err := OpenSource(context.Background(), &job.MilvusSource{MilvusServer: serverOf(t), Collections: []job.Collection{choice}})
	if err == nil {
		_, err = src.Describe(context.Background())
		if e := src.Close(); e != nil {
			t.Error(e)
		}
	}
	return err
}

// content is what was read: by key, the row's content as text.
type content map[string]string

func (r content) keys() []string {
	var out []string
	for k := range r {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// readAll reads all ranges and checks what the contracts of Plan and Next promise.
func readAll(t *testing.T, src *source, perRange int64, limit transfer.BatchLimit) (content, []rows.Range) {
	t.Helper()
	ctx := context.Background()
	ranges, err := src.Plan(ctx, perRange, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	got := content{}
	for i, r := range ranges {
		switch {
		case r.ID != i || r.Rows <= 0:
			t.Fatalf("range %d is %+v", i, r)
		case i > 0 && ranges[i-1].Partition == r.Partition && (r.From != ranges[i-1].To || r.From.IsZero()):
			t.Fatalf("range %d is %+v after %+v", i, r, ranges[i-1])
		case (i == 0 || ranges[i-1].Partition != r.Partition) && !r.From.IsZero():
			t.Fatalf("range %d, the first of its partition, is %+v", i, r)
		}
		n := 0
		each(t, src, r, rows.Cursor{}, limit, func(b *rows.Batch) {
			n += b.Rows
			for row := range b.Rows {
				key, text := rowText(t, src, b, row)
				key = r.Partition + "/" + key
				if got[key] != "" {
					t.Fatalf("%s was read twice", key)
				}
				got[key] = text
			}
		})
		if int64(n) != r.Rows {
			t.Errorf("range %d, from %v to %v, was planned with %d rows and has %d", i, r.From, r.To, r.Rows, n)
		}
	}
	return got, ranges
}

func each(t *testing.T, src *source, r rows.Range, from rows.Cursor, limit transfer.BatchLimit, f func(*rows.Batch)) {
	t.Helper()
	reader, err := src.Open(context.Background(), r, from, limit)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	for {
		b, err := reader.Next(context.Background())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if b.Rows < 1 || b.Rows > limit.Rows || b.First != -1 || b.After.IsZero() {
			t.Fatalf("batch of %d rows, first %d, up to %v; at most %d", b.Rows, b.First, b.After, limit.Rows)
		}
		f(b)
	}
	if _, err := reader.Next(context.Background()); !errors.Is(err, io.EOF) {
		t.Errorf("behind the end: %v", err)
	}
}

// rowText is a row's key, and its content with the sum that it has.
func rowText(t *testing.T, src *source, b *rows.Batch, row int) (key, text string) {
	t.Helper()
	keys, err := rows.KeysOf(b, src.view.schema.PrimaryKey().GetName())
	if err != nil {
		t.Fatal(err)
	}
	one := &rows.Batch{Rows: 1}
	for _, f := range b.Fields {
		part, err := selectRows(f, []span{{row, row + 1}})
		if err != nil {
			t.Fatal(err)
		}
		one.Fields = append(one.Fields, part)
	}
	sum, err := rows.SumBatch("", one)
	if err != nil {
		t.Fatal(err)
	}
	return keys.At(row), sum.String()
}

var wide = transfer.BatchLimit{Rows: 16384, Bytes: 1 << 30}

// readSchema is the schema of most tests: an Int64 or VarChar key, a vector and a number.
func readSchema(key *schemapb.FieldSchema) *schemapb.CollectionSchema {
	return &schemapb.CollectionSchema{Fields: []*schemapb.FieldSchema{key, rows.VectorField("v", schemapb.DataType_FloatVector, 4),
		{Name: "n", DataType: schemapb.DataType_Int64}, rows.VarCharField("s", 2000)}}
}

// filled are rows of readSchema with the given keys; what else is in them follows from the key's place.
func filled(key *schemapb.FieldData, n, from int) []*schemapb.FieldData {
	v, numbers, texts := make([]float32, 4*n), make([]int64, n), make([]string, n)
	for i := range n {
		v[4*i], v[4*i+3] = float32(from+i), -float32(i)
		numbers[i] = int64(from + i)
		texts[i] = strings.Repeat("x", (from+i)%40)
	}
	return []*schemapb.FieldData{key, rows.FloatVectorColumn("v", 4, v), rows.Int64Column("n", numbers), rows.VarCharColumn("s", texts)}
}

func (c *testConn) insertInts(t testing.TB, name, partition string, keys []int64) {
	t.Helper()
	for from := 0; from < len(keys); from += 20_000 {
		part := keys[from:min(from+20_000, len(keys))]
		c.insert(t, name, partition, len(part), filled(rows.Int64Column("id", part), len(part), from)...)
	}
}

func (c *testConn) flush(t testing.TB, name string) {
	t.Helper()
	resp, err := c.raw.Flush(context.Background(), &milvuspb.FlushRequest{CollectionNames: []string{name}})
	c.must(t, "flush "+name)(resp.GetStatus(), err)
	if err := wait(context.Background(), func() (bool, error) {
		state, err := c.raw.GetFlushState(context.Background(), &milvuspb.GetFlushStateRequest{CollectionName: name,
			SegmentIDs: resp.GetCollSegIDs()[name].GetData(), FlushTs: resp.GetCollFlushTs()[name]})
		return state.GetFlushed(), check(state.GetStatus(), err)
	}); err != nil {
		t.Fatal(err)
	}
}

func TestReadsEveryRowOnceWhateverTheRangesAndBatches(t *testing.T) {
	c := testServer(t)
	skewed := []int64{math.MinInt64, math.MinInt64 + 1, -1, 0, math.MaxInt64 - 1}
	for i := range int64(5000) {
		skewed = append(skewed, i*i*i*1000, -7*i-2)
	}
	slices.Sort(skewed)
	skewed = slices.Compact(skewed)
	rand.Shuffle(len(skewed), func(i, j int) { skewed[i], skewed[j] = skewed[j], skewed[i] })
	name := c.make(t, "read_ints", readSchema(rows.KeyField("id")), func(r *milvuspb.CreateCollectionRequest) { r.ShardsNum = 2 })
	c.insertInts(t, name, "", skewed)
	c.indexAndLoad(t, name, "v")

	src := opened(t, job.Collection{Name: name})
	d, err := src.Describe(context.Background())
	if err != nil || d.Rows != int64(len(skewed)) || d.Unloaded != nil || len(d.Partitions) != 1 || d.Partitions[0] != "_default" || d.Bytes < 30*d.Rows {
		t.Fatalf("%+v, %v", d, err)
	}
	whole, ranges := readAll(t, src, 1<<40, wide)
	if len(whole) != len(skewed) || len(ranges) != 1 || !ranges[0].To.IsZero() || ranges[0].Repeated != 0 {
		t.Fatalf("%d rows of %d in ranges %+v", len(whole), len(skewed), ranges)
	}
	for _, perRange := range []int64{700, 3333} {
		for _, limit := range []transfer.BatchLimit{{Rows: 97, Bytes: 1 << 30}, {Rows: 1 << 20, Bytes: 20_000}} {
			got, ranges := readAll(t, src, perRange, limit)
			if !sameRows(got, whole) {
				t.Errorf("%d rows of %d, or others, in ranges of %d", len(got), len(whole), perRange)
			}
			for _, r := range ranges {
				if r.Rows > perRange*3/2 || r.Rows < perRange/2 {
					t.Errorf("a range of %d rows, where %d were wanted", r.Rows, perRange)
				}
			}
		}
	}
	again := opened(t, job.Collection{Name: name})
	e, err := again.Describe(context.Background())
	if err != nil || e.Identity != d.Identity {
		t.Errorf("identity %q, then %q (%v)", d.Identity, e.Identity, err)
	}
}

func sameRows(a, b content) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return true
}

func TestReadsStringKeysOfAnyForm(t *testing.T) {
	c := testServer(t)
	keys := []string{"", "a", `q"uote`, `back\slash`, "new\nline", "cr\rx", "tab\t", "nul\x00x", "ünï", "日本", "😀", "'single'", "{x}", "%", `\n`, "\x7f", "\u0085", "\U0010ffff"}
	long := strings.Repeat("https://example.org/ü/", 6)
	for i := range 3000 {
		keys = append(keys, fmt.Sprintf("%s%05d", long[:20+i%110], i))
	}
	for i, k := range keys {
		keys[i] = strings.ToValidUTF8(k, "?")
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	name := c.make(t, "read_strings", readSchema(keyOf(rows.VarCharField("id", 500))))
	shuffled := slices.Clone(keys)
	rand.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	c.insert(t, name, "", len(shuffled), filled(rows.VarCharColumn("id", shuffled), len(shuffled), 0)...)
	c.indexAndLoad(t, name, "v")

	src := opened(t, job.Collection{Name: name})
	whole, _ := readAll(t, src, 1<<40, wide)
	if len(whole) != len(keys) {
		t.Fatalf("%d rows of %d", len(whole), len(keys))
	}
	for _, perRange := range []int64{1, 100} {
		got, ranges := readAll(t, src, perRange, transfer.BatchLimit{Rows: 31, Bytes: 1 << 20})
		if !sameRows(got, whole) {
			t.Errorf("%d rows of %d, or others, in ranges of %d", len(got), len(whole), perRange)
		}
		if len(ranges) < len(keys)/int(perRange)/3 {
			t.Errorf("only %d ranges of %d rows", len(ranges), perRange)
		}
		for _, r := range ranges {
			if len(r.To.Str) > longBound {
				t.Errorf("a bound of %d bytes", len(r.To.Str))
			}
		}
	}
}

func TestReadingGoesOnFromAnyCursor(t *testing.T) {
	c := testServer(t)
	name := c.make(t, "read_on", readSchema(keyOf(rows.VarCharField("id", 500))))
	var keys []string
	for i := range 300 {
		keys = append(keys, strings.Repeat("long ", 20)+fmt.Sprint(i))
	}
	c.insert(t, name, "", len(keys), filled(rows.VarCharColumn("id", keys), len(keys), 0)...)
	c.indexAndLoad(t, name, "v")
	src := opened(t, job.Collection{Name: name})
	ranges, err := src.Plan(context.Background(), 120, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range ranges {
		var order []string
		var after []rows.Cursor
		each(t, src, r, rows.Cursor{}, transfer.BatchLimit{Rows: 1, Bytes: 1 << 30}, func(b *rows.Batch) {
			key, _ := rowText(t, src, b, 0)
			order, after = append(order, key), append(after, b.After)
		})
		for i := 0; i < len(after); i += 17 {
			var rest []string
			each(t, src, r, after[i], transfer.BatchLimit{Rows: 50, Bytes: 1 << 30}, func(b *rows.Batch) {
				for row := range b.Rows {
					key, _ := rowText(t, src, b, row)
					rest = append(rest, key)
				}
			})
			if !slices.Equal(rest, order[i+1:]) {
				t.Errorf("behind %v: %d rows, expected %d", after[i], len(rest), len(order)-i-1)
			}
		}
	}
}

// A server that holds keys twice skips others, if it isn't asked rightly.
func TestRepeatedKeysAreCountedAndNothingIsSkipped(t *testing.T) {
	c := testServer(t)
	name := c.make(t, "read_repeated", readSchema(rows.KeyField("id")))
	var even, odd []int64
	for i := range int64(20_000) {
		even, odd = append(even, 2*i), append(odd, 20_001+2*i)
	}
	c.insertInts(t, name, "", even)
	c.insertInts(t, name, "", even)
	c.flush(t, name)
	c.insertInts(t, name, "", odd)
	c.indexAndLoad(t, name, "v")
	src := opened(t, job.Collection{Name: name})
	for _, perRange := range []int64{1 << 40, 3000} {
		got, ranges := readAll(t, src, perRange, transfer.BatchLimit{Rows: 1000, Bytes: 1 << 30})
		if len(got) != 40_000 {
			t.Errorf("%d rows of 40,000", len(got))
		}
		for i, r := range ranges {
			if want := map[bool]int64{true: 20_000}[i == len(ranges)-1]; r.Repeated != want {
				t.Errorf("range %d of %d: %d repeated rows, not %d", i, len(ranges), r.Repeated, want)
			}
		}
		if n, err := src.CountRange(context.Background(), ranges[len(ranges)-1]); err != nil || perRange > 60_000 && n != 60_000 {
			t.Errorf("counted %d, %v", n, err)
		}
	}
}

func TestAKeyThatTheServerDoesNotAnswerWithIsFound(t *testing.T) {
	c := testServer(t)
	name := c.make(t, "read_greatest", readSchema(rows.KeyField("id")))
	c.insertInts(t, name, "", []int64{1, 2, math.MaxInt64})
	c.indexAndLoad(t, name, "v")
	_, err := opened(t, job.Collection{Name: name}).Plan(context.Background(), 10, func(string) {})
	if fault.KindOf(err) != fault.Unsupported || !strings.Contains(err.Error(), "counts at least 1 rows more than it answers with") {
		t.Error(err)
	}
}
