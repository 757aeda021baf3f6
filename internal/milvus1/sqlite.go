package milvus1

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"net/url"
	"os"
	"path/filepath"

	"modernc.org/sqlite" // also driver "sqlite"
	lib "modernc.org/sqlite/lib"

	"milvusdm/internal/access"
	"milvusdm/internal/fault"
)

// openSQLite opens the file without a trace beside it. What a server that was killed left in a log next to it counts: then
// both are copied, and the copy is opened.
func openSQLite(ctx context.Context, path string) (*catalog, error) {
	if err := checkSQLite(path); err != nil {
		return nil, err
	}
	mode, opened, remove := "mode=ro&immutable=1", path, func() error { return nil }
	logs, err := pending(path)
	if err != nil {
		return nil, err
	}
	if len(logs) > 0 {
		dir, err := copyFiles(ctx, append(logs, path))
		remove = func() error { return os.RemoveAll(dir) }
		if err != nil {
			return nil, errors.Join(err, remove())
		}
		mode, opened = "mode=rw", filepath.Join(dir, filepath.Base(path))
	}
	// of a damaged or hostile file no function is called, and pages are checked
	name := "file:" + (&url.URL{Path: opened}).EscapedPath() + "?" + mode +
		"&_pragma=trusted_schema(0)&_pragma=cell_size_check(1)&_pragma=query_only(1)"
	db, err := sql.Open("sqlite", name)
	if err != nil {
		return nil, errors.Join(fault.Wrap(fault.Internal, err, "%s", path), remove())
	}
	c := &catalog{place: path, kind: sqliteKind, close: func() error { return errors.Join(db.Close(), remove()) }}
	return begin(ctx, db, c, nil)
}

// sqliteKind: what is wrong is wrong with the file, unless it is the machine.
func sqliteKind(err error) fault.Kind {
	var e *sqlite.Error
	if errors.As(err, &e) {
		switch e.Code() & 0xff {
		case lib.SQLITE_IOERR, lib.SQLITE_NOMEM, lib.SQLITE_FULL:
			return fault.Internal
		}
	}
	return fault.Corrupt
}

// checkSQLite refuses what is no SQLite file before the library sees it.
func checkSQLite(path string) error {
	info, err := os.Stat(path)
	if missing(err) {
		return fault.New(fault.NotFound, "%s is not there; if the server kept its metadata in MySQL, write source.milvus1.mysql", path)
	}
	if err != nil {
		return access.Failed(err, "open the metadata")
	}
	if !info.Mode().IsRegular() {
		return fault.New(fault.Corrupt, "%s: is not a regular file (%s)", path, access.Here())
	}
	f, err := os.Open(path)
	if err != nil {
		return access.Failed(err, "open the metadata")
	}
	defer f.Close()
	const signature = "SQLite format 3\x00"
	head := make([]byte, len(signature))
	if _, err := io.ReadFull(f, head); err != nil || string(head) != signature {
		return fault.New(fault.Corrupt, "%s: is not an SQLite file", path)
	}
	return nil
}

// pending returns the logs beside an SQLite file that hold what is not in it yet, or is to be taken out of it.
func pending(path string) ([]string, error) {
	var out []string
	for _, suffix := range []string{"-wal", "-journal"} {
		info, err := os.Stat(path + suffix)
		switch {
		case missing(err):
		case err != nil:
			return nil, access.Failed(err, "open the metadata")
		case !info.Mode().IsRegular():
			return nil, fault.New(fault.Corrupt, "%s: is not a regular file (%s)", path+suffix, access.Here())
		case info.Size() > 0:
			out = append(out, path+suffix)
		}
	}
	return out, nil
}

// maxCopy bounds the metadata that is copied.
const maxCopy = 1 << 30

// copyFiles copies files that belong together into a new temporary directory, which it returns even with an error.
func copyFiles(ctx context.Context, paths []string) (string, error) {
	dir, err := os.MkdirTemp("", "milvusdm-meta-*")
	if err != nil {
		return "", fault.Wrap(fault.Internal, err, "copy the metadata, to read it with its log")
	}
	var before []file
	for _, path := range paths {
		f, err := statFile(path)
		if err == nil {
			err = copyFile(ctx, filepath.Join(dir, filepath.Base(path)), f)
		}
		if err != nil {
			return dir, err
		}
		before = append(before, f)
	}
	for _, f := range before {
		if err := f.unchanged(); err != nil {
			return dir, fault.New(fault.Unavailable, "the metadata is being written; stop the Milvus 1.x server: %w", err)
		}
	}
	return dir, nil
}

func copyFile(ctx context.Context, to string, from file) error {
	if from.size() > maxCopy {
		return fault.New(fault.Unsupported, "%s: has %d bytes, more than %d; start the Milvus 1.x server once more and stop it cleanly, so that it leaves no log",
			from.path, from.size(), maxCopy)
	}
	in, err := from.open()
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "copy the metadata")
	}
	_, err = io.CopyN(out, in, from.size())
	if err = errors.Join(err, out.Close(), ctx.Err()); err != nil {
		return fault.Wrap(fault.Internal, err, "copy the metadata")
	}
	return nil
}
