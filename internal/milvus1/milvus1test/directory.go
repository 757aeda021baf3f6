// Package milvus1test makes directories as Milvus 1.x servers leave them, for tests.
package milvus1test

import (
	"database/sql"
	"encoding/binary"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite" // driver "sqlite"
)

// File types of a segment's rows in the metadata, and the state of a table that is about to be deleted.
const (
	FileNew, FileRaw, FileToIndex, FileIndex, FileToDelete, FileNewMerge, FileNewIndex, FileBackup = 0, 1, 2, 3, 4, 5, 6, 7

	StateToDelete = 1
)

// Table is a collection, or a partition of one other than the default one, which is the collection's own table.
type Table struct {
	ID          string // a collection's is its name
	Owner, Tag  string // of a partition: the collection's ID, and its name
	Dim, Metric int    // metrics are those of Milvus 1.x: 1 is L2; from 3 on for binary vectors
	State       int
	Segments    []Segment
}

// Segment is a part of a table's rows; their vectors are Table.Vector of their ids.
type Segment struct {
	ID      string
	IDs     []int64
	Deleted []int32 // numbers of rows
	Types   []int   // of its rows in the metadata; nil: FileRaw
	Bare    bool    // files of ids and vectors do not begin with a length
}

func (t *Table) binary() bool { return t.Metric >= 3 }

func (t *Table) rowBytes() int {
	if t.binary() {
		return t.Dim / 8
	}
	return t.Dim * 4
}

// Vector returns the vector of the row with an id, as its bytes.
func (t *Table) Vector(id int64) []byte {
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

// NewDirectory makes a server's directory with its metadata in SQLite.
func NewDirectory(t testing.TB, tables ...Table) string {
	t.Helper()
	dir := t.TempDir()
	WriteSegments(t, dir, tables)
	db := OpenSQLite(t, dir)
	WriteMetadata(t, db, SQLiteSchema, tables)
	must(t, db.Close())
	return dir
}

// OpenSQLite opens the metadata of a directory, to write it.
func OpenSQLite(t testing.TB, dir string) *sql.DB {
	t.Helper()
	must(t, os.MkdirAll(filepath.Join(dir, "db"), 0o755))
	path := url.URL{Path: filepath.Join(dir, "db", "meta.sqlite")}
	db, err := sql.Open("sqlite", "file:"+path.EscapedPath()+"?_pragma=synchronous(0)") // no test ends the machine
	must(t, err)
	return db
}

func execute(t testing.TB, db *sql.DB, text string, args ...any) {
	t.Helper()
	_, err := db.Exec(text, args...)
	must(t, err)
}

// SQLiteSchema is what Milvus creates (SqliteMetaImpl.cpp).
const SQLiteSchema = `
CREATE TABLE Tables(id INTEGER PRIMARY KEY NOT NULL, table_id TEXT UNIQUE NOT NULL, state INTEGER NOT NULL, dimension INTEGER NOT NULL,
  created_on INTEGER NOT NULL, flag INTEGER DEFAULT (0) NOT NULL, index_file_size INTEGER NOT NULL, engine_type INTEGER NOT NULL,
  index_params TEXT NOT NULL, metric_type INTEGER NOT NULL, owner_table TEXT DEFAULT ('') NOT NULL,
  partition_tag TEXT DEFAULT ('') NOT NULL, version TEXT DEFAULT ('1.1.1') NOT NULL, flush_lsn INTEGER NOT NULL);
CREATE TABLE TableFiles(id INTEGER PRIMARY KEY NOT NULL, table_id TEXT NOT NULL, segment_id TEXT DEFAULT ('') NOT NULL,
  engine_type INTEGER NOT NULL, file_id TEXT NOT NULL, file_type INTEGER NOT NULL, file_size INTEGER DEFAULT (0) NOT NULL,
  row_count INTEGER DEFAULT (0) NOT NULL, updated_time INTEGER NOT NULL, created_on INTEGER NOT NULL, date INTEGER NOT NULL,
  flush_lsn INTEGER NOT NULL);`

// WriteMetadata makes the schema, SQLiteSchema or MySQLSchema, unless it is "", and fills it.
func WriteMetadata(t testing.TB, db *sql.DB, schema string, tables []Table) {
	t.Helper()
	for statement := range strings.SplitSeq(schema, ";") {
		if statement != "" {
			execute(t, db, statement)
		}
	}
	for _, table := range tables {
		execute(t, db, `INSERT INTO Tables(table_id, state, dimension, created_on, index_file_size, engine_type, index_params,
			metric_type, owner_table, partition_tag, flush_lsn) VALUES (?, ?, ?, 0, 1073741824, 1, '{}', ?, ?, ?, 0)`,
			table.ID, table.State, table.Dim, table.Metric, table.Owner, table.Tag)
		for _, s := range table.Segments {
			types := s.Types
			if types == nil {
				types = []int{FileRaw}
			}
			for i, kind := range types {
				execute(t, db, `INSERT INTO TableFiles(table_id, segment_id, engine_type, file_id, file_type, file_size, row_count,
					updated_time, created_on, date, flush_lsn) VALUES (?, ?, 1, ?, ?, 0, ?, 0, 0, 0, 0)`,
					table.ID, s.ID, fmt.Sprint(s.ID, "_", i), kind, len(s.IDs)-len(s.Deleted))
			}
		}
	}
}

// WriteSegments writes the files of the tables' segments into a directory.
func WriteSegments(t testing.TB, dir string, tables []Table) {
	t.Helper()
	for _, table := range tables {
		for _, s := range table.Segments {
			folder := filepath.Join(dir, "db", "tables", table.ID, s.ID)
			must(t, os.MkdirAll(folder, 0o755))
			var ids, vectors, deleted []byte
			for _, id := range s.IDs {
				ids = binary.LittleEndian.AppendUint64(ids, uint64(id))
				vectors = append(vectors, table.Vector(id)...)
			}
			for _, row := range s.Deleted {
				deleted = binary.LittleEndian.AppendUint32(deleted, uint32(row))
			}
			writeFile(t, filepath.Join(folder, s.ID+".uid"), ids, !s.Bare)
			writeFile(t, filepath.Join(folder, s.ID+".rv"), vectors, !s.Bare)
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
