package hdf5

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// write writes a part of batches of those sizes and returns its rows.
func (c *testCollection) write(t tester, path string, r randomValues, sizes []int) map[string][]string {
	t.Helper()
	w, err := CreatePart(path, c.Description, c.options)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abandon()
	want := map[string][]string{}
	total := 0
	for _, n := range sizes {
		b := c.batch(r, n)
		for name, rows := range exactly(t, b) {
			want[name] = append(want[name], rows...)
		}
		if err := w.Append(context.Background(), b); err != nil {
			t.Fatal(err)
		}
		for _, f := range b.Fields { // it keeps nothing
			if v := f.GetVectors().GetFloatVector().GetData(); len(v) > 0 {
				clear(v)
			}
		}
		total += n
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if w.Rows() != int64(total) || total > 0 && w.Bytes() <= 0 {
		t.Errorf("it says %d rows, %d bytes", w.Rows(), w.Bytes())
	}
	return want
}

// readExactly reads all that a source has, range by range.
func readExactly(t tester, source transfer.Source, limit transfer.BatchLimit, rowsPerRange int64) (map[string][]string, []rows.Range) {
	t.Helper()
	ctx := context.Background()
	ranges, err := source.Plan(ctx, rowsPerRange, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, r := range ranges {
		reader, err := source.Open(ctx, r, rows.Cursor{}, limit)
		if err != nil {
			t.Fatal(err)
		}
		at := r.From.Int
		for {
			b, err := reader.Next(ctx)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if b.First != at || b.Rows < 1 || b.Rows > limit.Rows {
				t.Fatalf("batch of %d rows from %d, at row %d", b.Rows, b.First, at)
			}
			at += int64(b.Rows)
			for name, rows := range exactly(t, b) {
				got[name] = append(got[name], rows...)
			}
		}
		if at != r.To.Int {
			t.Fatalf("range %+v ended at row %d", r, at)
		}
		if err := reader.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return got, ranges
}

func mustEqualRows(t tester, got, want map[string][]string) {
	t.Helper()
	if len(got) > len(want) {
		t.Fatalf("%d fields, want %d", len(got), len(want))
	}
	for name, rows := range want {
		if len(got[name]) != len(rows) {
			t.Fatalf("%s: %d rows, want %d", name, len(got[name]), len(rows))
		}
		for i := range rows {
			if got[name][i] != rows[i] {
				t.Fatalf("%s, value %d:\n got %.300s\nwant %.300s", name, i, got[name][i], rows[i])
			}
		}
	}
}

// A collection of every type comes back as it was: its rows, by batches and ranges of any size, and all that it is besides.
func TestExportRoundTrip(t *testing.T) {
	defer func(size int) { chunkBytes = size }(chunkBytes)
	dir, files := t.TempDir(), 0
	rapid.Check(t, func(t *rapid.T) {
		c := newTestCollection(rapid.SampledFrom([]schemapb.DataType{schemapb.DataType_Int64, schemapb.DataType_VarChar}).Draw(t, "key"))
		c.options.Compression = rapid.SampledFrom([]string{"", "none", "gzip"}).Draw(t, "compression")
		c.options.Shuffle, c.options.Fletcher32 = rapid.Bool().Draw(t, "shuffle"), rapid.Bool().Draw(t, "fletcher32")
		sizes := rapid.SliceOfN(rapid.IntRange(0, 99), 0, 4).Draw(t, "batches")
		chunkBytes = rapid.SampledFrom([]int{100, 1 << 10, 1 << 20}).Draw(t, "chunks")
		r := randomValues{rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))}
		path := filepath.Join(dir, fmt.Sprint(files))
		files++
		want := c.write(t, path, r, sizes)
		limit := transfer.BatchLimit{Rows: rapid.IntRange(3, 300).Draw(t, "limit rows"), Bytes: rapid.IntRange(1<<10, 1<<22).Draw(t, "limit bytes")}
		s, err := Open(context.Background(), sourceOf(path))
		if err != nil {
			t.Fatal(err)
		}
		got, ranges := readExactly(t, s, limit, rapid.Int64Range(10, 300).Draw(t, "range"))
		mustEqualRows(t, got, want)
		for _, r := range ranges {
			if r.Partition != "x" {
				t.Fatalf("range %+v", r)
			}
		}
		if n := onThread(openObjects); n != 0 {
			t.Fatalf("%d objects are left open", n)
		}
	})
}

func TestExportDescription(t *testing.T) {
	c := newTestCollection(schemapb.DataType_Int64)
	path := filepath.Join(t.TempDir(), "x.h5")
	c.write(t, path, randomValues{rand.New(rand.NewPCG(1, 1))}, []int{10, 20})
	d, err := mustOpen(t, sourceOf(path)).Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(d.Schema.CollectionSchema, c.Schema.CollectionSchema) {
		t.Errorf("schema\n%v, was\n%v", d.Schema, c.Schema)
	}
	want := *c.Settings
	want.Collection = ""
	if !reflect.DeepEqual(d.Settings, &want) {
		t.Errorf("settings %+v, were %+v", d.Settings, want)
	}
	if d.Rows != 30 || d.Metric != "COSINE" || d.Format != "HDF5, export of collection films" || !slices.Equal(d.Partitions, []string{"x"}) || d.GeneratedKeys || len(d.Notes) > 0 {
		t.Errorf("%+v", d)
	}
}

// The same batches give the same file, at whatever time.
func TestExportIsReproducible(t *testing.T) {
	dir := t.TempDir()
	var files [2][]byte
	for i := range files {
		c := newTestCollection(schemapb.DataType_VarChar)
		c.options.Compression = "gzip"
		path := filepath.Join(dir, fmt.Sprint(i))
		c.write(t, path, randomValues{rand.New(rand.NewPCG(7, 7))}, []int{1, 700})
		var err error
		if files[i], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(files[0], files[1]) {
		t.Error("the files differ")
	}
}

// Parts of several partitions make one collection again.
func TestExportParts(t *testing.T) {
	dir := t.TempDir()
	c := newTestCollection(schemapb.DataType_Int64)
	r := randomValues{rand.New(rand.NewPCG(3, 4))}
	want := map[string][]string{}
	for i, partition := range []string{"_default", "x", "x", "y"} {
		c.options.Partition = partition
		rows := c.write(t, filepath.Join(dir, fmt.Sprintf("%d.h5", i)), r, []int{i * 50}) // the first is empty
		for name := range rows {
			want[name] = append(want[name], rows[name]...)
		}
	}
	s := mustOpen(t, sourceOf(dir))
	got, ranges := readExactly(t, s, wide, 60)
	mustEqualRows(t, got, want)
	rows := map[string]int64{}
	for _, r := range ranges {
		rows[r.Partition] += r.Rows
	}
	if !reflect.DeepEqual(rows, map[string]int64{"x": 150, "y": 150}) {
		t.Errorf("partitions %v", rows)
	}
	d, err := s.Describe(t.Context())
	if err != nil || !slices.Equal(d.Partitions, []string{"_default", "x", "y"}) {
		t.Errorf("%v, %v", d.Partitions, err)
	}
	if _, ok := s.(transfer.KeyScanner); ok {
		t.Error("keys may stand in two partitions, and are scanned for repeats")
	}
	if _, ok := mustOpen(t, sourceOf(filepath.Join(dir, "1.h5"))).(transfer.KeyScanner); !ok {
		t.Error("a partition's Int64 keys are not scanned")
	}
}

func TestExportEmpty(t *testing.T) {
	c := newTestCollection(schemapb.DataType_VarChar)
	path := filepath.Join(t.TempDir(), "x.h5")
	c.write(t, path, randomValues{rand.New(rand.NewPCG(3, 4))}, nil)
	s := mustOpen(t, sourceOf(path))
	d, err := s.Describe(t.Context())
	if err != nil || d.Rows != 0 {
		t.Errorf("%+v, %v", d, err)
	}
	if _, ranges := readExactly(t, s, wide, 100); len(ranges) != 0 {
		t.Errorf("ranges %+v", ranges)
	}
}

// What MilvusDM's files have is where they have it, whatever the fields are called.
func TestExportIsMilvusDM(t *testing.T) {
	c := newTestCollection(schemapb.DataType_Int64)
	path := filepath.Join(t.TempDir(), "x.h5")
	c.write(t, path, randomValues{rand.New(rand.NewPCG(3, 4))}, []int{33})
	j := sourceOf(path)
	j.Layout = job.LayoutMilvusDM
	// as MilvusDM 2.0's own form has it
	j.AnyLayout, j.Form, j.KeyField, j.VectorField = true, job.FormH2M, "id", "embedding"
	d, err := mustOpen(t, j).Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if f := d.Schema.Field("embedding"); d.Rows != 33 || f.GetDataType() != schemapb.DataType_BinaryVector || rows.TypeParam(f, "dim") != "8" || d.GeneratedKeys {
		t.Errorf("%+v", d)
	}
}
