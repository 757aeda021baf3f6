package e2e

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/export"
	"milvusdm/internal/fault"
	"milvusdm/internal/milvus1/milvus1test"
	"milvusdm/internal/rows"
	"milvusdm/tests/content"
)

// oldTables are a collection of float vectors with a partition, and one of binary vectors. Some of their rows are deleted.
func oldTables() []milvus1test.Table {
	return []milvus1test.Table{
		{ID: "movies", Dim: dim, Metric: 2, Segments: []milvus1test.Segment{
			{ID: "1600000000000000", IDs: rowSpan{0, 900, 0}.keys(), Deleted: []int32{0, 7, 899}},
			{ID: "1600000000000001", IDs: rowSpan{2000, 2300, 0}.keys(), Types: []int{milvus1test.FileBackup, milvus1test.FileIndex}},
		}},
		{ID: "movies_p", Owner: "movies", Tag: "new", Dim: dim, Metric: 2, Segments: []milvus1test.Segment{
			{ID: "1600000000000002", IDs: rowSpan{5000, 5400, 0}.keys(), Deleted: []int32{399}},
		}},
		{ID: "codes", Dim: 64, Metric: 3, Segments: []milvus1test.Segment{
			{ID: "1600000000000003", IDs: rowSpan{-100, 500, 0}.keys(), Deleted: []int32{1, 2, 3}},
		}},
	}
}

// sumOfOld is the content sum of rows of a table, without those that are deleted.
func sumOfOld(t *testing.T, table *milvus1test.Table, segments ...milvus1test.Segment) rows.Sum {
	t.Helper()
	var keys []int64
	var raw []byte
	for _, s := range segments {
		for i, id := range s.IDs {
			if !slices.Contains(s.Deleted, int32(i)) {
				keys, raw = append(keys, id), append(raw, table.Vector(id)...)
			}
		}
	}
	b := &rows.Batch{Rows: len(keys), Fields: []*schemapb.FieldData{rows.Int64Column("id", keys)}}
	if table.Metric >= 3 {
		b.Fields = append(b.Fields, rows.BinaryVectorColumn("embedding", int64(table.Dim), raw))
	} else {
		floats := make([]float32, len(raw)/4)
		for i := range floats {
			floats[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
		}
		b.Fields = append(b.Fields, rows.FloatVectorColumn("embedding", int64(table.Dim), floats))
	}
	sum, err := rows.SumBatch("", b)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// holdsOld checks that a server holds what the tables did.
func holdsOld(t *testing.T, m *milvus, movies, codes string) {
	t.Helper()
	tables := oldTables()
	m.holdsSum(t, content.Place{Collection: movies, Partition: "_default"}, sumOfOld(t, &tables[0], tables[0].Segments...))
	m.holdsSum(t, content.Place{Collection: movies, Partition: "new"}, sumOfOld(t, &tables[1], tables[1].Segments...))
	m.holdsSum(t, content.Place{Collection: codes}, sumOfOld(t, &tables[2], tables[2].Segments...))
	for name, metric := range map[string]string{movies: "IP", codes: "HAMMING"} {
		ix, err := m.DescribeIndex(t.Context(), name, "embedding")
		if err != nil || len(ix) != 1 || ix[0].Params()["metric_type"] != metric {
			t.Errorf("the index of %s: %v, %v", name, ix, err)
		}
	}
}

// TestMilvus1: a directory of Milvus 1.x into a server, with metadata in SQLite and in MySQL, in our own form and as MilvusDM 2.0's file.
func TestMilvus1(t *testing.T) {
	t.Parallel()
	m := theMilvus(t)
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		name := m.collection(t)
		dir := milvus1test.NewDirectory(t, oldTables()...)
		path := write(t, "old-"+name+".yaml", fmt.Sprintf("version: 1\nsource:\n  milvus1:\n    path: %s\n    collections: [{name: movies, as: %s_m}, {name: codes, as: %[2]s_c}]\n"+
			"target:\n  milvus:\n    address: %s\ncopy:\n  verify: full\n  batch_rows: 100\n", dir, name, m.address))
		result := verified(t, "run", path)
		if result.Rows != 897+300+399+597 || result.Verified != "full" {
			t.Errorf("%+v", result)
		}
		holdsOld(t, m, name+"_m", name+"_c")
	})
	t.Run("M2M with MySQL", func(t *testing.T) {
		t.Parallel()
		server := milvus1test.StartMySQL(t)
		dir, tables := t.TempDir(), oldTables()
		name := m.collection(t)
		for i := range tables[:2] { // MilvusDM's files can't rename
			tables[i].ID = name + tables[i].ID
		}
		tables[1].Owner = tables[0].ID
		milvus1test.WriteSegments(t, dir, tables)
		db := server.Connect(t)
		milvus1test.WriteMetadata(t, db, milvus1test.MySQLSchema, tables)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		path := write(t, "M2M.yaml", fmt.Sprintf(`M2M:
  milvus_version: 2.0.0
  source_milvus_path: '%s'
  mysql_parameter:
    host: '127.0.0.1'
    user: '%s'
    port: %d
    password: "%s"
    database: '%s'
  source_collection:
    %s:
      - '_default'
      - 'new'
  dest_host: '127.0.0.1'
  dest_port: %s
  mode: 'skip'        # 'skip/append/overwrite'
`, dir, server.User, server.Port, server.Password, server.Database, tables[0].ID, m.port(t)))
		verified(t, "--yaml", path)
		m.holdsSum(t, content.Place{Collection: tables[0].ID, Partition: "_default"}, sumOfOld(t, &tables[0], tables[0].Segments...))
		m.holdsSum(t, content.Place{Collection: tables[0].ID, Partition: "new"}, sumOfOld(t, &tables[1], tables[1].Segments...))
	})
}

// TestMilvus1ToFiles: a directory into files, in our own form and as MilvusDM 2.0's file, and from there into a server. A partition's
// name, which could be any text in Milvus 1.x, leads nowhere else.
func TestMilvus1ToFiles(t *testing.T) {
	t.Parallel()
	m := theMilvus(t)
	name := m.collection(t)
	unsafe := milvus1test.Table{ID: "movies_u", Owner: "movies", Tag: "../../ü p", Dim: dim, Metric: 2,
		Segments: []milvus1test.Segment{{ID: "1600000000000009", IDs: rowSpan{9000, 9050, 0}.keys()}}}
	dir, out := milvus1test.NewDirectory(t, append(oldTables(), unsafe)...), t.TempDir()
	path := write(t, "M2H.yaml", fmt.Sprintf(`M2H:
  milvus_version: 2.0.0
  source_milvus_path: '%s'
  mysql_parameter:
  source_collection:
    movies:
    codes:
  data_dir: '%s'
  run: one
`, dir, out))
	verified(t, "--yaml", path)
	run := filepath.Join(out, "one")
	man, err := export.Check(t.Context(), run, export.Checksums, nil)
	if err != nil || man.Rows() != 897+300+399+597+50 {
		t.Fatalf("%+v, %v", man, err)
	}
	tables := oldTables()
	ids, vectors := readHDF5[int64](t, filepath.Join(run, "movies", "new.h5"), "ids"), readHDF5[float32](t, filepath.Join(run, "movies", "new.h5"), "embeddings")
	if sumOfColumns(t, ids, vectors, dim) != sumOfOld(t, &tables[1], tables[1].Segments...) {
		t.Error("new.h5 holds other rows")
	}
	if _, err := os.Stat(filepath.Join(run, "movies", "%2E%2E%2F%2E%2E%2F%C3%BC%20p.h5")); err != nil {
		t.Error(err)
	}
	verified(t, "run", loadJob(t, "back-"+name, run, fmt.Sprintf("[{name: movies, as: %s_m, rename_partitions: {'../../ü p': up}}, {name: codes, as: %[1]s_c}]", name), m.address, nil, []string{"verify: full"}))
	holdsOld(t, m, name+"_m", name+"_c")
	m.holdsSum(t, content.Place{Collection: name + "_m", Partition: "up"}, sumOfOld(t, &unsafe, unsafe.Segments...))

	own := write(t, "own-"+name+".yaml", fmt.Sprintf("version: 1\nsource:\n  milvus1:\n    path: %s\n    collections: '*'\ntarget:\n  hdf5:\n    directory: %s\n    run: two\n"+
		"copy:\n  verify: full\n", dir, out))
	verified(t, "run", own)
	if again, err := export.Check(t.Context(), filepath.Join(out, "two"), export.Checksums, nil); err != nil || again.Rows() != man.Rows() {
		t.Errorf("%+v, %v", again, err)
	}
}

// TestBadMilvus1: a segment's file that is missing or short, and metadata that names what is not there.
func TestBadMilvus1(t *testing.T) {
	t.Parallel()
	m := theMilvus(t)
	name := m.collection(t)
	segment := func(dir, file string) string {
		return filepath.Join(dir, "db", "tables", "movies", "1600000000000000", file)
	}
	for what, c := range map[string]struct {
		damage func(t *testing.T, dir string)
		kind   fault.Kind
		says   string
	}{
		"no vectors":  {func(t *testing.T, dir string) { remove(t, segment(dir, "1600000000000000.rv")) }, fault.Corrupt, "1600000000000000.rv"},
		"short ids":   {func(t *testing.T, dir string) { cut(t, segment(dir, "1600000000000000.uid")) }, fault.Corrupt, "1600000000000000.uid"},
		"no metadata": {func(t *testing.T, dir string) { remove(t, filepath.Join(dir, "db", "meta.sqlite")) }, fault.NotFound, "meta.sqlite"},
	} {
		t.Run(what, func(t *testing.T) {
			dir := milvus1test.NewDirectory(t, oldTables()...)
			c.damage(t, dir)
			path := write(t, "bad-"+name+".yaml", fmt.Sprintf("version: 1\nsource:\n  milvus1:\n    path: %s\n    collections: [{name: movies, as: %s}]\ntarget:\n  milvus:\n    address: %s\n",
				dir, name, m.address))
			for _, command := range []string{"plan", "run"} {
				milvusdm(t, command, path).fails(c.kind).says(c.says)
			}
			m.only(t, name, false)
		})
	}
}

// cut takes the last byte off a file.
func cut(t *testing.T, path string) {
	t.Helper()
	if err := os.Truncate(path, int64(len(read(t, path))-1)); err != nil {
		t.Fatal(err)
	}
}
