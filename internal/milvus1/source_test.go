package milvus1_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"pgregory.net/rapid"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/milvus1"
	"milvusdm/internal/milvus1/milvus1test"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
	"milvusdm/internal/transfer/transfertest"
)

var large = transfer.BatchLimit{Rows: 1 << 20, Bytes: 1 << 30}

func TestContract(t *testing.T) {
	bare := faces()
	for i := range bare {
		for j := range bare[i].Segments {
			bare[i].Segments[j].Bare = true
		}
	}
	for name, src := range map[string]*job.Milvus1Source{
		"float":                  sourceOf(milvus1test.NewDirectory(t, faces()...), "faces"),
		"a partition":            sourceOf(milvus1test.NewDirectory(t, faces()...), "faces", "y2021"),
		"binary":                 sourceOf(milvus1test.NewDirectory(t, prints()...), "prints"),
		"files without a length": sourceOf(milvus1test.NewDirectory(t, bare...), "faces"),
	} {
		t.Run(name, func(t *testing.T) {
			transfertest.Source(t, func(t *testing.T) transfer.Source { return open(t, src) })
		})
	}
}

// expected is every row of the tables that is not deleted.
func expected(tables []milvus1test.Table, partitions ...string) []row {
	var out []row
	for _, t := range tables {
		name := t.Tag
		if t.Owner == "" {
			name = "_default"
		}
		if len(partitions) > 0 && !slices.Contains(partitions, name) {
			continue
		}
		for _, s := range t.Segments {
			for i, id := range s.IDs {
				if !slices.Contains(s.Deleted, int32(i)) {
					out = append(out, row{name, id, string(t.Vector(id))})
				}
			}
		}
	}
	return out
}

func TestRows(t *testing.T) {
	for name, tables := range map[string][]milvus1test.Table{"faces": faces(), "prints": prints()} {
		dir := milvus1test.NewDirectory(t, append(faces(), prints()...)...)
		for _, limit := range []transfer.BatchLimit{large, {Rows: 3, Bytes: 1 << 20}} {
			got := readAll(t, open(t, sourceOf(dir, name)), 20, limit)
			if diff := cmp.Diff(expected(tables), got, cmp.AllowUnexported(row{})); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
	}
}

func TestPartitions(t *testing.T) {
	dir := milvus1test.NewDirectory(t, faces()...)
	got := readAll(t, open(t, sourceOf(dir, "faces", "y2021", "_default")), 1000, large)
	want := append(expected(faces(), "y2021"), expected(faces(), "_default")...)
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(row{})); diff != "" {
		t.Error(diff)
	}
	renamed := sourceOf(dir, "faces")
	renamed.Collections[0].RenamePartitions = map[string]string{"2020-01": "jan", "y2021": "later"}
	src := open(t, renamed)
	if d := describe(t, src); !slices.Equal(d.Partitions, []string{"_default", "jan", "later"}) {
		t.Errorf("partitions %q", d.Partitions)
	}
	for _, r := range readAll(t, src, 1000, large) {
		if (r.partition == "later") != (r.id > 50) {
			t.Errorf("row %d is in partition %q", r.id, r.partition)
		}
	}
}

func TestDescribe(t *testing.T) {
	dir := milvus1test.NewDirectory(t, append(faces(), prints()...)...)
	d := describe(t, open(t, sourceOf(dir, "faces")))
	vector := d.Schema.Field("embedding")
	if d.Rows != 95 || d.Bytes != 95*24 || d.Metric != "IP" || d.GeneratedKeys || vector.GetDataType() != schemapb.DataType_FloatVector ||
		rows.TypeParam(vector, "dim") != "4" || !d.Schema.Field("id").GetIsPrimaryKey() {
		t.Errorf("%+v", d)
	}
	if !slices.Equal(d.Partitions, []string{"_default", "2020-01", "y2021"}) || len(d.Inputs) != 3 || d.Inputs[0].Rows != 46 ||
		d.Inputs[1].Rows != 0 || d.Inputs[2].Path != filepath.Join(dir, "db/tables/1600000000000000200") {
		t.Errorf("partitions %q, inputs %+v", d.Partitions, d.Inputs)
	}
	if text := strings.Join(d.Notes, "\n"); !strings.Contains(text, "5 deleted rows in the files are skipped") {
		t.Errorf("notes %q", text)
	}
	src := sourceOf(dir, "prints")
	src.KeyField, src.VectorField = "pk", "hash"
	d = describe(t, open(t, src))
	vector = d.Schema.Field("hash")
	if d.Rows != 27 || d.Metric != "JACCARD" || vector.GetDataType() != schemapb.DataType_BinaryVector ||
		rows.TypeParam(vector, "dim") != "16" || d.Schema.PrimaryKey().GetName() != "pk" {
		t.Errorf("%+v", d)
	}
}

func TestMetrics(t *testing.T) {
	for i, want := range []string{"L2", "IP", "HAMMING", "JACCARD", "TANIMOTO", "SUBSTRUCTURE", "SUPERSTRUCTURE"} {
		d := describe(t, open(t, sourceOf(milvus1test.NewDirectory(t, milvus1test.Table{ID: "c", Dim: 8, Metric: i + 1}), "c")))
		binary := d.Schema.Field("embedding").GetDataType() == schemapb.DataType_BinaryVector
		advised := strings.Contains(strings.Join(d.Notes, ""), "JACCARD")
		if d.Metric != want || binary != (i >= 2) || advised != (want == "TANIMOTO") {
			t.Errorf("metric type %d: %s, binary %v, notes %q", i+1, d.Metric, binary, d.Notes)
		}
	}
}

// A collection without rows, or without segments, is one all the same.
func TestEmpty(t *testing.T) {
	src := open(t, sourceOf(milvus1test.NewDirectory(t, milvus1test.Table{ID: "none", Dim: 4, Metric: 1, Segments: []milvus1test.Segment{
		{ID: "1", IDs: through(1, 3), Deleted: []int32{2, 0, 1}}}}), "none"))
	d := describe(t, src)
	if rows := readAll(t, src, 10, large); d.Rows != 0 || len(rows) != 0 {
		t.Errorf("%d rows are described, %d read", d.Rows, len(rows))
	}
	if err := src.(transfer.KeyScanner).ScanKeys(context.Background(), func(int64, []int64) error { return fmt.Errorf("a key") }); err != nil {
		t.Error(err)
	}
}

// Of a segment's files those count that a server counts, and raw vectors beside an index are not read twice.
func TestFileTypes(t *testing.T) {
	table := milvus1test.Table{ID: "c", Dim: 4, Metric: 1}
	want := map[int64]bool{}
	for i, types := range [][]int{
		{milvus1test.FileRaw}, {milvus1test.FileToIndex}, {milvus1test.FileBackup}, {milvus1test.FileIndex}, {milvus1test.FileIndex, milvus1test.FileBackup}, {milvus1test.FileBackup, milvus1test.FileIndex, milvus1test.FileIndex}, {milvus1test.FileToDelete, milvus1test.FileRaw},
		{milvus1test.FileNew}, {milvus1test.FileToDelete}, {5}, {milvus1test.FileNewIndex}, {milvus1test.FileNewIndex, milvus1test.FileToDelete},
	} {
		table.Segments = append(table.Segments, milvus1test.Segment{ID: fmt.Sprint(i + 1), IDs: []int64{int64(i)}, Types: types})
		want[int64(i)] = i < 7
	}
	rows := readAll(t, open(t, sourceOf(milvus1test.NewDirectory(t, table), "c")), 100, large)
	for _, r := range rows {
		if !want[r.id] {
			t.Errorf("segment %d was read, or read twice", r.id+1)
		}
		delete(want, r.id)
	}
	for id, there := range want {
		if there {
			t.Errorf("segment %d was not read", id+1)
		}
	}
}

func TestList(t *testing.T) {
	dir := milvus1test.NewDirectory(t, append(append(faces(), prints()...), milvus1test.Table{ID: "dropped", Dim: 4, Metric: 1, State: milvus1test.StateToDelete},
		milvus1test.Table{ID: "other", Dim: 4, Metric: 1})...)
	list := func(chosen ...job.Collection) []string {
		t.Helper()
		got, err := milvus1.List(context.Background(), &job.Milvus1Source{Path: dir, Collections: chosen})
		must(t, err)
		var names []string
		for _, c := range got {
			names = append(names, c.Name+c.As+strings.Join(c.Partitions, "+"))
		}
		return names
	}
	for want, got := range map[string][]string{
		"faces other prints":       list(job.Collection{Name: "*"}),
		"other":                    list(job.Collection{Name: "other"}),
		"faces other":              list(job.Collection{Name: "*", Except: []string{"p*"}}),
		"prints":                   list(job.Collection{Name: "pr?nts"}),
		"printshashes faces other": list(job.Collection{Name: "prints", As: "hashes"}, job.Collection{Name: "*"}),
	} {
		if strings.Join(got, " ") != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
	for _, name := range []string{"dropped", "drop*"} {
		_, err := milvus1.List(context.Background(), &job.Milvus1Source{Path: dir, Collections: []job.Collection{{Name: name}}})
		if fault.KindOf(err) != fault.NotFound || !strings.Contains(err.Error(), "there are faces, other, prints") {
			t.Error(err)
		}
	}
}

// Milvus 1.x lets an id stand more than once.
func TestRepeats(t *testing.T) {
	dir := milvus1test.NewDirectory(t, milvus1test.Table{ID: "c", Dim: 4, Metric: 1, Segments: []milvus1test.Segment{
		{ID: "1", IDs: []int64{9, 1, 2}, Deleted: []int32{1}}, {ID: "2", IDs: []int64{1, 2, -5}}}})
	r, err := transfer.FindRepeats(context.Background(), open(t, sourceOf(dir, "c")).(transfer.KeyScanner))
	must(t, err)
	if !slices.Equal(r.Keys, []int64{2}) || !slices.Equal(r.Superseded, []int64{1}) ||
		!strings.Contains(r.First, "tables/c/1: row 1 of those that are not deleted") || !strings.Contains(r.First, "tables/c/2: row 1") {
		t.Errorf("%+v", r)
	}
}

// However rows, deleted ones and repeats of these lie, what remains is what a model says, from any cursor.
func TestAnySegments(t *testing.T) {
	dir := t.TempDir()
	runs := 0
	rapid.Check(t, func(r *rapid.T) {
		runs++
		table := milvus1test.Table{ID: fmt.Sprint("c", runs), Dim: rapid.IntRange(1, 5).Draw(r, "dim"), Metric: 1}
		var next int64
		for i := range rapid.IntRange(1, 4).Draw(r, "segments") {
			s := milvus1test.Segment{ID: fmt.Sprint(i)}
			n := rapid.SampledFrom([]int64{0, 1, 63, 64, 65, 200}).Draw(r, "rows")
			s.IDs, next = through(next, next+n-1), next+n
			density := rapid.IntRange(0, 4).Draw(r, "deleted in 4")
			for row := range n {
				if rapid.IntRange(0, 3).Draw(r, "deleted") < density {
					s.Deleted = append(s.Deleted, int32(row))
				}
			}
			table.Segments = append(table.Segments, s)
		}
		home := filepath.Join(dir, table.ID)
		milvus1test.WriteSegments(t, home, []milvus1test.Table{table})
		db := milvus1test.OpenSQLite(t, home)
		milvus1test.WriteMetadata(t, db, milvus1test.SQLiteSchema, []milvus1test.Table{table})
		must(t, db.Close())
		src := open(t, sourceOf(home, table.ID))
		want := expected([]milvus1test.Table{table})
		limit := transfer.BatchLimit{Rows: rapid.IntRange(1, 100).Draw(r, "batch"), Bytes: 1 << 20}
		got := readAll(t, src, rapid.Int64Range(1, 300).Draw(r, "range"), limit)
		if !slices.Equal(got, want) {
			r.Fatalf("%d rows, expected %d", len(got), len(want))
		}
		if len(want) > 0 {
			from := rapid.IntRange(0, len(want)-1).Draw(r, "from")
			rest, err := readRange(src, rows.Range{Partition: "_default", From: rows.Row(int64(from)), To: rows.Row(int64(len(want)))}, limit, nil)
			if err != nil || !slices.Equal(rest, want[from:]) {
				r.Fatalf("from row %d: %d rows (%v), expected %d", from, len(rest), err, len(want)-from)
			}
		}
	})
}

// Nothing is written beside the metadata, and what a killed server left in SQLite's log counts. Milvus has SQLite keep a log.
func TestLeavesNoTrace(t *testing.T) {
	tables := faces()
	killed, stopped := t.TempDir(), filepath.Join(t.TempDir(), "100% ?of=#1&2")
	milvus1test.WriteSegments(t, killed, tables)
	milvus1test.WriteSegments(t, stopped, tables)
	db := milvus1test.OpenSQLite(t, stopped)
	db.SetMaxOpenConns(1)
	must(t, execute(db, "PRAGMA journal_mode = WAL"))
	milvus1test.WriteMetadata(t, db, milvus1test.SQLiteSchema, nil)
	must(t, execute(db, "PRAGMA wal_checkpoint(TRUNCATE)"))
	milvus1test.WriteMetadata(t, db, "", tables) // in the log until the database is closed
	for _, name := range []string{"db/meta.sqlite", "db/meta.sqlite-wal"} {
		content, err := os.ReadFile(filepath.Join(stopped, name))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(killed, name), content, 0o444))
	}
	must(t, db.Close())
	for name, dir := range map[string]string{"clean": milvus1test.NewDirectory(t, tables...), "stopped": stopped, "killed": killed} {
		before := listing(t, dir)
		if strings.Contains(before, "-wal") != (name == "killed") {
			t.Fatalf("%s: %s", name, before)
		}
		if got := readAll(t, open(t, sourceOf(dir, "faces")), 1000, large); !slices.Equal(got, expected(tables)) {
			t.Errorf("%s: %d rows, expected %d", name, len(got), len(expected(tables)))
		}
		if after := listing(t, dir); after != before {
			t.Errorf("%s: before:\n%safter:\n%s", name, before, after)
		}
	}
}

// listing is all that can be seen of a directory.
func listing(t *testing.T, dir string) string {
	t.Helper()
	var out strings.Builder
	must(t, filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		fmt.Fprintln(&out, path, info.Size(), info.ModTime().UnixNano(), info.Mode())
		return err
	}))
	return out.String()
}
