package hdf5run_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/export"
	"milvusdm/internal/fault"
	"milvusdm/internal/hdf5run"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
	"milvusdm/internal/transfer/transfertest"
)

const stage = "stage"

// description is of a collection with two partitions.
func description() *transfer.Description {
	schema := &schemapb.CollectionSchema{Fields: []*schemapb.FieldSchema{rows.KeyField("id"),
		rows.VectorField("v", schemapb.DataType_FloatVector, 2)}}
	return &transfer.Description{Schema: rows.Schema{CollectionSchema: schema}, Rows: 60, Bytes: 60 * 16,
		Partitions: []string{"_default", "p"},
		Settings: &transfer.Settings{Partitions: []string{"p"}, Loaded: true, LoadedPartitions: []string{"p"},
			Aliases: []string{"also"}, Shards: 2}}
}

func batch(first, n int64) *rows.Batch {
	var keys []int64
	var vectors []float32
	for k := first; k < first+n; k++ {
		keys, vectors = append(keys, k), append(vectors, float32(k), -1)
	}
	return &rows.Batch{Rows: int(n), Fields: []*schemapb.FieldData{rows.Int64Column("id", keys),
		rows.FloatVectorColumn("v", 2, vectors)}}
}

func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func quiet(string) {}

// write exports collections into a run, as a job does: rows 0 to 39 are in _default, 40 to 59 in p.
func write(t *testing.T, dir, run string, collections ...string) {
	t.Helper()
	m := export.Manifest{Run: run, Job: "j", Stage: stage, Started: time.Now()}
	for _, name := range collections {
		sink := must(hdf5run.OpenSink(&job.HDF5Target{Directory: dir, Run: run}, name, "j",
			stage))(t).(transfer.PartSink)
		plan := must(sink.Inspect(t.Context(), description()))(t)
		target := must(sink.Prepare(t.Context(), plan))(t)
		for i, r := range []rows.Range{{Partition: "_default", Rows: 40}, {ID: 1, Partition: "p", Rows: 20}} {
			part := writePart(t, sink, target, r, int64(40*i))
			target.Parts = append(target.Parts, *part)
		}
		if n, err := sink.Count(t.Context(), target); err != nil || n != 60 {
			t.Fatalf("%d rows are counted, %v", n, err)
		}
		m.Collections = append(m.Collections, export.Collection{Name: name, Identity: "x", Parts: target.Parts})
	}
	r := must(export.Open(dir, run, stage))(t)
	if err := r.Finish(m); err != nil {
		t.Fatal(err)
	}
}

func writePart(t *testing.T, sink transfer.PartSink, target *transfer.Target, r rows.Range, first int64) *transfer.Part {
	t.Helper()
	w, done, err := sink.OpenPart(t.Context(), target, r, "1", quiet)
	if err != nil || done != nil {
		t.Fatal(done, err)
	}
	b := batch(first, r.Rows)
	if err := w.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	part := must(w.Finish(t.Context(), must(rows.SumBatch(r.Partition, b))(t)))(t)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, again, err := sink.OpenPart(t.Context(), target, r, "2", quiet); err != nil || again == nil ||
		again.SHA256 != part.SHA256 {
		t.Errorf("the part that is there: %+v, %v", again, err)
	}
	return part
}

// open opens the run that is named, as it is now.
func open(t *testing.T, s *job.ExportSource) (transfer.Source, error) {
	t.Helper()
	fixed, err := hdf5run.Fix(s)
	if err != nil {
		return nil, err
	}
	return hdf5run.OpenSource(t.Context(), fixed)
}

func source(path string, c job.Collection) *job.ExportSource {
	return &job.ExportSource{Path: path, Collections: []job.Collection{c}}
}

// TestSource: each partition of a run keeps the contract of sources whose keys must not repeat.
func TestSource(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "one", "a")
	for _, partition := range []string{"_default", "p"} {
		c := job.Collection{Name: "a", Partitions: []string{partition}}
		t.Run(partition, func(t *testing.T) {
			transfertest.Source(t, func(t *testing.T) transfer.Source {
				return must(open(t, source(filepath.Join(dir, "one"), c)))(t)
			})
		})
	}
}

// TestRenamed: partitions have the target's names, however often they are asked for.
func TestRenamed(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "one", "a")
	src := must(open(t, source(filepath.Join(dir, "one"), job.Collection{Name: "a",
		RenamePartitions: map[string]string{"p": "q", "_default": "p"}})))(t)
	for range 2 {
		d := must(src.Describe(t.Context()))(t)
		if !slices.Equal(d.Partitions, []string{"p", "q"}) || !slices.Equal(d.Settings.Partitions, []string{"q"}) ||
			!slices.Equal(d.Settings.LoadedPartitions, []string{"q"}) || d.Rows != 60 || d.Settings.Shards != 2 {
			t.Errorf("%+v %+v", d, d.Settings)
		}
	}
	ranges := must(src.Plan(t.Context(), 30, quiet))(t)
	if ranges[0].Partition != "p" || ranges[len(ranges)-1].Partition != "q" {
		t.Errorf("%+v", ranges)
	}
	if _, ok := src.(transfer.KeyScanner); ok {
		t.Error("a key may stand in both partitions, and is looked for as if it could not")
	}
	one := must(open(t, source(filepath.Join(dir, "one"), job.Collection{Name: "a", Partitions: []string{"p"}})))(t)
	if _, ok := one.(transfer.KeyScanner); !ok {
		t.Error("keys of one partition are not looked through")
	}
	both := job.Collection{Name: "a", RenamePartitions: map[string]string{"p": "_default"}}
	src = must(open(t, source(filepath.Join(dir, "one"), both)))(t)
	if _, err := src.Describe(t.Context()); fault.KindOf(err) != fault.Config {
		t.Errorf("two partitions become one: %v", err)
	}
}

func TestList(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "one", "a", "b", "c")
	write(t, dir, "two", "b", "d")
	for path, want := range map[string]string{"one": "b as x, a, c", "two": "b as x, d",
		".": "b as x, d"} { // of all runs the newest
		got := must(hdf5run.List(must(hdf5run.Fix(&job.ExportSource{Path: filepath.Join(dir, path),
			Collections: []job.Collection{{Name: "b", As: "x"}, {Name: "*"}}}))(t)))(t)
		var names []string
		for _, c := range got {
			if c.As != "" {
				c.Name += " as " + c.As
			}
			names = append(names, c.Name)
		}
		if strings.Join(names, ", ") != want {
			t.Errorf("%s: %q, want %s", path, names, want)
		}
	}
	most := must(hdf5run.List(must(hdf5run.Fix(source(filepath.Join(dir, "one"), job.Collection{Name: "*",
		As: "{name}_x", Except: []string{"b"}})))(t)))(t)
	if len(most) != 2 || most[0].Target() != "a_x" || most[1].Target() != "c_x" {
		t.Errorf("all but b: %+v", most)
	}
	for _, c := range []struct {
		path string
		job.Collection
		says string
	}{
		{"two", job.Collection{Name: "a*"}, "holds no collection that a* matches; it has b, d"},
		{"two", job.Collection{Name: "a"}, `holds no collection "a"; it has b, d`},
		{"one", job.Collection{Name: "a", Partitions: []string{"z"}}, `no partition "z" of it; it has _default, p`},
		{"one", job.Collection{Name: "a", RenamePartitions: map[string]string{"z": "y"}}, `no partition "z"`},
		{"none", job.Collection{Name: "a"}, "no such file"},
	} {
		fixed, err := hdf5run.Fix(source(filepath.Join(dir, c.path), c.Collection))
		if err == nil {
			_, err = hdf5run.List(fixed)
		}
		if err == nil {
			_, err = open(t, source(filepath.Join(dir, c.path), c.Collection))
		}
		if fault.KindOf(err) != fault.NotFound || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// TestCheck: contents of other collections, and of no part, do not count.
func TestCheck(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "one", "a", "b")
	run := filepath.Join(dir, "one")
	check := func(name string) error {
		src := must(open(t, source(run, job.Collection{Name: name})))(t)
		return src.(transfer.Checker).Check(t.Context(), quiet)
	}
	path := filepath.Join(run, "b", "p.h5")
	text := must(os.ReadFile(path))(t)
	text[len(text)-3]++
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := check("a"); err != nil {
		t.Error(err)
	}
	if err := check("b"); fault.KindOf(err) != fault.Corrupt || !strings.Contains(err.Error(), "b/p.h5: was edited") {
		t.Errorf("a changed byte: %v", err)
	}
	if err := os.Truncate(path, int64(len(text))-1); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, source(run, job.Collection{Name: "b"})); fault.KindOf(err) != fault.Corrupt {
		t.Errorf("a truncated file: %v", err)
	}
}

// TestFixedRun: a source that was fixed reads that run, whatever is finished later, and no other one in its place.
func TestFixedRun(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "one", "a")
	fixed := must(hdf5run.Fix(source(dir, job.Collection{Name: "a"})))(t)
	first := must(must(hdf5run.OpenSource(t.Context(), fixed))(t).Describe(t.Context()))(t)
	write(t, dir, "two", "a", "b")
	if d := must(must(hdf5run.OpenSource(t.Context(),
		fixed))(t).Describe(t.Context()))(t); d.Identity != first.Identity {
		t.Error("the newer run is read")
	}
	if got := must(hdf5run.List(fixed))(t); len(got) != 1 {
		t.Errorf("the newer run is listed: %+v", got)
	}
	one := filepath.Join(dir, "one")
	if err := os.Rename(one, one+".away"); err != nil {
		t.Fatal(err)
	}
	gone := func(says string) {
		t.Helper()
		_, listed := hdf5run.List(fixed)
		_, opened := hdf5run.OpenSource(t.Context(), fixed)
		for _, err := range []error{listed, opened} {
			if fault.KindOf(err) != fault.SourceChanged || !strings.Contains(err.Error(), says) {
				t.Errorf("%v, want it to say %q", err, says)
			}
		}
	}
	gone("is gone")
	if err := os.Rename(filepath.Join(dir, "two"), one); err != nil {
		t.Fatal(err)
	}
	gone("another export is there")
	if _, err := hdf5run.OpenSource(t.Context(), source(dir,
		job.Collection{Name: "a"})); fault.KindOf(err) != fault.Internal {
		t.Errorf("a run that was not chosen: %v", err)
	}
}

// TestReadIsComparedWithTheManifest: a vector that is edited behind the check, in a file of the same size and time, is found,
// with and without renamed partitions.
func TestReadIsComparedWithTheManifest(t *testing.T) {
	for _, rename := range []map[string]string{nil, {"p": "q", "_default": "p"}} {
		dir := t.TempDir()
		write(t, dir, "one", "a")
		src := must(open(t, source(dir, job.Collection{Name: "a", RenamePartitions: rename})))(t)
		if err := checkRead(t, src); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "one", "a", "p.h5")
		info := must(os.Stat(path))(t)
		text := must(os.ReadFile(path))(t)
		at := bytes.Index(text, binary.LittleEndian.AppendUint32(nil, math.Float32bits(50))) // of a vector
		text[at]++
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
			t.Fatal(err)
		}
		src = must(open(t, source(dir, job.Collection{Name: "a", RenamePartitions: rename})))(t)
		if err := checkRead(t, src); fault.KindOf(err) != fault.Corrupt || !strings.Contains(err.Error(),
			"p.h5: was edited while it was read") {
			t.Errorf("an edited vector: %v", err)
		}
	}
}

// checkRead copies a source, of whose rows every other is left out, and compares what was read with what was written.
func checkRead(t *testing.T, src transfer.Source) error {
	t.Helper()
	d := must(src.Describe(t.Context()))(t)
	ranges := must(src.Plan(t.Context(), 7, quiet))(t)
	var sums []rows.Sum
	for _, r := range ranges {
		reader := must(src.Open(t.Context(), r, rows.Cursor{}, transfer.BatchLimit{Rows: 3, Bytes: 1 << 20}))(t)
		c := transfer.Copier{Reader: reader, Writer: nowhere{}, Writers: 2, Range: r,
			Written: transfer.InputOf(d.Inputs, &r).Written,
			Check:   func(b *rows.Batch) error { return b.Keep(func(i int) bool { return i%2 == 0 }) }}
		reached, done, err := c.Run(t.Context(), transfer.Checkpoint{})
		if err != nil || !done || reached.Read == nil {
			t.Fatal(reached, done, err)
		}
		sums = append(sums, *reached.Read)
		if err := reader.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return transfer.CheckRead(d.Inputs, ranges, sums)
}

// nowhere acknowledges all.
type nowhere struct{}

func (nowhere) Write(context.Context, *rows.Batch) error { return nil }
func (nowhere) Close() error                             { return nil }
