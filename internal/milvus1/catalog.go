package milvus1

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"milvusdm/internal/access"
	"milvusdm/internal/fault"
	"milvusdm/internal/job"
)

// catalog is a server's metadata, read in one transaction: tables Tables and TableFiles, the same in SQLite and MySQL.
type catalog struct {
	tx    *sql.Tx
	place string                 // for a person
	kind  func(error) fault.Kind // of the database's errors
	close func() error
}

// openCatalog opens the metadata of a server's directory.
func openCatalog(ctx context.Context, src *job.Milvus1Source) (*catalog, error) {
	if err := checkDirectory(src.Path); err != nil {
		return nil, err
	}
	if src.MySQL != nil {
		return openMySQL(ctx, src.MySQL)
	}
	return openSQLite(ctx, filepath.Join(src.Path, "db", "meta.sqlite"))
}

// checkDirectory refuses what is not the directory of a Milvus 1.x server.
func checkDirectory(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return access.Failed(err, "source.milvus1.path")
	case !info.IsDir():
		return fault.New(fault.Config, "source.milvus1.path: %s is not a directory; write the directory in which the Milvus 1.x server kept its data", path)
	}
	if info, err = os.Stat(filepath.Join(path, "db")); err == nil && info.IsDir() {
		return nil
	}
	if info, err := os.Stat(filepath.Join(path, "tables")); err == nil && info.IsDir() {
		return fault.New(fault.Config, "source.milvus1.path: %s is the folder db of a Milvus 1.x server; write %s", path, filepath.Dir(path))
	}
	return fault.New(fault.NotFound, "source.milvus1.path: %s has no folder db; write the directory in which the Milvus 1.x server kept its data (storage.path)", path)
}

// table is a collection, or a partition of one. The default partition is the collection's own table.
type table struct {
	id          string // of a collection: its name
	owner, tag  string // of a partition: the collection's id, and its name
	dim, metric int64
}

// States of a table, and types of a file of a segment: enums TABLE_STATE and FILE_TYPE of Milvus's MetaTypes.h.
const (
	stateNormal   = 0
	stateToDelete = 1

	fileRaw     = 1 // the segment's raw vectors are all there is
	fileToIndex = 2 // an index is to be made of it, or was being made
	fileIndex   = 3 // an index
	fileBackup  = 7 // the raw vectors, beside an index
)

// maxRows bounds what is read of the metadata.
const maxRows = 1 << 17

// tables returns the collections and partitions that are not about to be deleted, in the order of their creation.
func (c *catalog) tables(ctx context.Context) ([]table, error) {
	var out []table
	// nothing of Milvus's is longer than 255; what is, is seen to be too long
	err := c.query(ctx, `SELECT SUBSTR(table_id, 1, 256), state, dimension, metric_type, SUBSTR(owner_table, 1, 256),
		SUBSTR(partition_tag, 1, 256) FROM Tables ORDER BY id`, nil, func(rows *sql.Rows) error {
		var t table
		var state int64
		if err := rows.Scan(&t.id, &state, &t.dim, &t.metric, &t.owner, &t.tag); err != nil {
			return err
		}
		switch state {
		case stateNormal:
			out = append(out, t)
		case stateToDelete:
		default:
			return fmt.Errorf("table %.80q is in state %d, which is unknown", t.id, state)
		}
		return nil
	})
	return out, err
}

// segmentRows is what the metadata says of a segment.
type segmentRows struct {
	id   string
	rows int64 // not deleted
	raw  bool  // the number is that of the raw vectors
}

// segments returns the segments of a table, in the order of their creation. A segment is what its raw vectors are, whether
// they stand alone, wait for an index or have one: a server counts the first two and the index, and takes deleted rows off
// all of them.
func (c *catalog) segments(ctx context.Context, tableID string) ([]segmentRows, error) {
	var out []segmentRows
	at := map[string]int{}
	err := c.query(ctx, `SELECT SUBSTR(table_id, 1, 256), SUBSTR(segment_id, 1, 256), file_type, row_count FROM TableFiles
		WHERE table_id = ? AND file_type IN (?, ?, ?, ?) ORDER BY id`, []any{tableID, fileRaw, fileToIndex, fileIndex, fileBackup}, func(rows *sql.Rows) error {
		var owner string
		var s segmentRows
		var kind int64
		if err := rows.Scan(&owner, &s.id, &kind, &s.rows); err != nil {
			return err
		}
		if owner != tableID { // MySQL takes a and A for the same
			return nil
		}
		if !validName(s.id) {
			return fmt.Errorf("segment %.80q of %q: no name of a folder of Milvus's", s.id, tableID)
		}
		s.raw = kind != fileIndex
		i, known := at[s.id]
		switch {
		case !known:
			at[s.id] = len(out)
			out = append(out, s)
		case s.raw && out[i].raw:
			return fmt.Errorf("segment %.80q of %q is listed twice", s.id, tableID)
		case s.raw:
			out[i] = s
		}
		return nil
	})
	return out, err
}

// validName tells whether Milvus may have made the name, which becomes a part of a path: letters, digits, '_', '$' and '-'.
func validName(name string) bool {
	const others = "_$-"
	return name != "" && len(name) <= 255 && strings.IndexFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune(others, r)
	}) < 0
}

// query calls each with every row of the answer. What is wrong with a row is fault.Corrupt.
func (c *catalog) query(ctx context.Context, text string, args []any, each func(*sql.Rows) error) error {
	rows, err := c.tx.QueryContext(ctx, fmt.Sprintf("%s LIMIT %d", text, maxRows+1), args...)
	if err != nil {
		return c.wrap(ctx, err)
	}
	defer rows.Close()
	for n := 0; rows.Next(); n++ {
		if n == maxRows {
			return fault.New(fault.Unsupported, "%s: more than %d rows of metadata", c.place, maxRows)
		}
		if err := each(rows); err != nil {
			return fault.Wrap(fault.Corrupt, err, "%s", c.place)
		}
	}
	return c.wrap(ctx, rows.Err())
}

// wrap gives an error of the database its kind.
func (c *catalog) wrap(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil {
		return nil
	}
	return fault.Wrap(c.kind(err), err, "%s", c.place)
}

// begin makes a catalog of a database, which is closed with it.
func begin(ctx context.Context, db *sql.DB, c *catalog, options *sql.TxOptions) (*catalog, error) {
	tx, err := db.BeginTx(ctx, options)
	if err != nil {
		return nil, errors.Join(c.wrap(ctx, err), c.close())
	}
	c.tx = tx
	rest := c.close
	c.close = func() error { return errors.Join(tx.Rollback(), rest()) }
	return c, nil
}
