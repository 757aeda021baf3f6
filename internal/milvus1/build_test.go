package milvus1_test

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"milvusdm/internal/job"
	"milvusdm/internal/milvus1"
	"milvusdm/internal/transfer"
)

// File types and states of the metadata.
const (
	fileNew, fileRaw, fileToIndex, fileIndex = 0, 1, 2, 3
	fileToDelete, fileNewIndex, fileBackup   = 4, 6, 7
	normal, toDelete                         = 0, 1
)

// tableSpec is a collection or a partition, as a test wants it.
type tableSpec struct {
	id, owner, tag     string
	dim, metric, state int
	segments           []segmentSpec
}

// segmentSpec is a segment as a test wants it.
type segmentSpec struct {
	id      string
	ids     []int64
	deleted []int32
	types   []int // of its rows in TableFiles; nil: raw
	bare    bool  // files without the length that they begin with
}

func (t *tableSpec) binary() bool { return t.metric >= 3 }

func (t *tableSpec) rowBytes() int {
	if t.binary() {
		return t.dim / 8
	}
	return t.dim * 4
}

// vector is what a test writes for an id, and expects to read.
func (t *tableSpec) vector(id int64) []byte {
	out := make([]byte, t.rowBytes())
	for i := range out {
		if t.binary() {
			out[i] = byte(id + int64(i))
		} else if i%4 == 0 {
			binary.LittleEndian.PutUint32(out[i:], 0x3f800000+uint32(id)<<4+uint32(i)) // from 1 on, finite
		}
	}
	return out
}

// sqliteSchema is what Milvus creates (SqliteMetaImpl.cpp).
const sqliteSchema = `
CREATE TABLE Tables(id INTEGER PRIMARY KEY NOT NULL, table_id TEXT UNIQUE NOT NULL, state INTEGER NOT NULL, dimension INTEGER NOT NULL,
  created_on INTEGER NOT NULL, flag INTEGER DEFAULT (0) NOT NULL, index_file_size INTEGER NOT NULL, engine_type INTEGER NOT NULL,
  index_params TEXT NOT NULL, metric_type INTEGER NOT NULL, owner_table TEXT DEFAULT ('') NOT NULL,
  partition_tag TEXT DEFAULT ('') NOT NULL, version TEXT DEFAULT ('1.1.1') NOT NULL, flush_lsn INTEGER NOT NULL);
CREATE TABLE TableFiles(id INTEGER PRIMARY KEY NOT NULL, table_id TEXT NOT NULL, segment_id TEXT DEFAULT ('') NOT NULL,
  engine_type INTEGER NOT NULL, file_id TEXT NOT NULL, file_type INTEGER NOT NULL, file_size INTEGER DEFAULT (0) NOT NULL,
  row_count INTEGER DEFAULT (0) NOT NULL, updated_time INTEGER NOT NULL, created_on INTEGER NOT NULL, date INTEGER NOT NULL,
  flush_lsn INTEGER NOT NULL);`

// newDirectory makes a server's directory with SQLite metadata.
func newDirectory(t testing.TB, tables ...tableSpec) string {
	t.Helper()
	dir := t.TempDir()
	writeSegments(t, dir, tables)
	db := openSQLite(t, dir)
	must(t, execute(db, sqliteSchema))
	writeMetadata(t, db, tables)
	must(t, db.Close())
	return dir
}

func openSQLite(t testing.TB, dir string) *sql.DB {
	t.Helper()
	must(t, os.MkdirAll(filepath.Join(dir, "db"), 0o755))
	db, err := sql.Open("sqlite", filepath.Join(dir, "db", "meta.sqlite")+"?_pragma=synchronous(0)") // no test ends the machine
	must(t, err)
	return db
}

func execute(db *sql.DB, text string, args ...any) error {
	_, err := db.Exec(text, args...)
	return err
}

func writeMetadata(t testing.TB, db *sql.DB, tables []tableSpec) {
	t.Helper()
	for _, table := range tables {
		must(t, execute(db, `INSERT INTO Tables(table_id, state, dimension, created_on, index_file_size, engine_type, index_params,
			metric_type, owner_table, partition_tag, flush_lsn) VALUES (?, ?, ?, 0, 1073741824, 1, '{}', ?, ?, ?, 0)`,
			table.id, table.state, table.dim, table.metric, table.owner, table.tag))
		for _, s := range table.segments {
			types := s.types
			if types == nil {
				types = []int{fileRaw}
			}
			for i, kind := range types {
				must(t, execute(db, `INSERT INTO TableFiles(table_id, segment_id, engine_type, file_id, file_type, file_size, row_count,
					updated_time, created_on, date, flush_lsn) VALUES (?, ?, 1, ?, ?, 0, ?, 0, 0, 0, 0)`,
					table.id, s.id, fmt.Sprint(s.id, "_", i), kind, len(s.ids)-len(s.deleted)))
			}
		}
	}
}

func writeSegments(t testing.TB, dir string, tables []tableSpec) {
	t.Helper()
	for _, table := range tables {
		for _, s := range table.segments {
			folder := filepath.Join(dir, "db", "tables", table.id, s.id)
			must(t, os.MkdirAll(folder, 0o755))
			var ids, vectors, deleted []byte
			for _, id := range s.ids {
				ids = binary.LittleEndian.AppendUint64(ids, uint64(id))
				vectors = append(vectors, table.vector(id)...)
			}
			for _, row := range s.deleted {
				deleted = binary.LittleEndian.AppendUint32(deleted, uint32(row))
			}
			writeFile(t, filepath.Join(folder, s.id+".uid"), ids, !s.bare)
			writeFile(t, filepath.Join(folder, s.id+".rv"), vectors, !s.bare)
			writeFile(t, filepath.Join(folder, "deleted_docs"), deleted, true)
		}
	}
}

func writeFile(t testing.TB, path string, content []byte, length bool) {
	t.Helper()
	var head []byte
	if length {
		head = binary.LittleEndian.AppendUint64(nil, uint64(len(content)))
	}
	must(t, os.WriteFile(path, append(head, content...), 0o644))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// through returns first, first+1, ... up to last.
func through(first, last int64) []int64 {
	var out []int64
	for id := first; id <= last; id++ {
		out = append(out, id)
	}
	return out
}

// faces is a collection of float vectors with two partitions beside the default one; of its 100 rows 5 are deleted.
func faces() []tableSpec {
	return []tableSpec{
		{id: "faces", dim: 4, metric: 2, segments: []segmentSpec{
			{id: "1600000000000000001", ids: through(1, 40), deleted: []int32{0, 39, 17, 18}},
			{id: "1600000000000000002", ids: through(41, 50)},
		}},
		{id: "1600000000000000100", owner: "faces", tag: "2020-01", dim: 4, metric: 2},
		{id: "1600000000000000200", owner: "faces", tag: "y2021", dim: 4, metric: 2, segments: []segmentSpec{
			{id: "1600000000000000003", ids: through(51, 51), deleted: []int32{0}},
			{id: "1600000000000000004", ids: through(52, 100), types: []int{fileIndex, fileBackup}},
		}},
	}
}

// prints is a collection of binary vectors.
func prints() []tableSpec {
	return []tableSpec{{id: "prints", dim: 16, metric: 4, segments: []segmentSpec{
		{id: "7", ids: through(1, 30), deleted: []int32{1, 3, 5}, types: []int{fileToIndex}},
	}}}
}

// job names a collection of a directory, and partitions of it.
func sourceOf(dir, collection string, partitions ...string) *job.Milvus1Source {
	return &job.Milvus1Source{Path: dir, Collections: []job.Collection{{Name: collection, Partitions: partitions}}}
}

func open(t testing.TB, src *job.Milvus1Source) transfer.Source {
	t.Helper()
	s, err := milvus1.Open(context.Background(), src)
	must(t, err)
	return s
}

func describe(t testing.TB, src transfer.Source) *transfer.Description {
	t.Helper()
	d, err := src.Describe(context.Background())
	must(t, err)
	return d
}

// row is a row as it was read.
type row struct {
	partition string
	id        int64
	vector    string
}

// readAll reads all rows.
func readAll(t testing.TB, src transfer.Source, rangeRows int64, limit transfer.BatchLimit) []row {
	t.Helper()
	out, err := tryReadAll(src, rangeRows, limit)
	must(t, err)
	return out
}

func tryReadAll(src transfer.Source, rangeRows int64, limit transfer.BatchLimit) (out []row, err error) {
	ranges, err := src.Plan(context.Background(), rangeRows, func(string) {})
	if err != nil {
		return nil, err
	}
	for _, r := range ranges {
		if out, err = readRange(src, r, limit, out); err != nil {
			return out, err
		}
	}
	return out, nil
}

func readRange(src transfer.Source, r transfer.Range, limit transfer.BatchLimit, out []row) (_ []row, err error) {
	reader, err := src.Open(context.Background(), r, transfer.Cursor{}, limit)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	for {
		b, err := reader.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		vectors := b.Field("embedding").GetVectors().GetBinaryVector()
		if vectors == nil {
			vectors = transfer.FloatBytes(b.Field("embedding").GetVectors().GetFloatVector().GetData())
		}
		w := len(vectors) / b.Rows
		for i, id := range b.Field("id").GetScalars().GetLongData().GetData() {
			out = append(out, row{r.Partition, id, string(vectors[i*w : (i+1)*w])})
		}
		b.Recycle()
	}
}
