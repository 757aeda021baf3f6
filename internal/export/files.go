package export

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"milvusdm/internal/access"
	"milvusdm/internal/fault"
)

// explain gives an error of the file system a kind, and says what was being done. What a user has to mend fails the job, so
// that it is run again and goes on; the rest may pass.
func explain(err error, format string, args ...any) error {
	kind := fault.Internal
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fault.New(fault.Denied, format+": the disk is full, or the quota used up; make room and run the job again: %w (%s)", append(args, err, access.Here())...)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		kind = fault.Denied
	case errors.Is(err, fs.ErrNotExist):
		kind = fault.NotFound
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.ELOOP), errors.Is(err, errNotRegular), strings.Contains(err.Error(), leadsOut):
		kind = fault.Conflict
	}
	if kind == fault.Denied || kind == fault.NotFound {
		err = fmt.Errorf("%w (%s)", err, access.Here())
	}
	return fault.Wrap(kind, err, format, args...)
}

// leadsOut is what package os says of a path in a root that a symbolic link would lead out of it.
const leadsOut = "path escapes from parent"

// explainRead is explain for what is read: links, loops of them and other things in the place of a file or a directory are
// damage, which is there at the next try too.
func explainRead(err error, format string, args ...any) error {
	switch {
	case err == nil:
		return nil
	case strings.Contains(err.Error(), leadsOut):
		return fault.New(fault.Corrupt, format+": a symbolic link leads out of the export; put what it points to in its place: %w", append(args, err)...)
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.ELOOP), errors.Is(err, errNotRegular):
		return fault.New(fault.Corrupt, format+": %w", append(args, err)...)
	}
	return explain(err, format, args...)
}

// Explain gives an error of a file that is written here a kind: a full disk, a missing right.
func Explain(err error, doing string) error { return explain(err, "%s", doing) }

// openRoot opens a directory that a user named.
func openRoot(dir string) (*os.Root, error) {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "open", Path: dir, Err: syscall.ENOTDIR}
	}
	if err != nil {
		return nil, err
	}
	return os.OpenRoot(dir)
}

// openDir opens a directory in root that is one itself, and no symbolic link to one.
func openDir(root *os.Root, name string) (*os.Root, error) {
	before, err := root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !before.IsDir() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.ENOTDIR}
	}
	dir, err := root.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	after, err := dir.Stat(".")
	if err == nil && !os.SameFile(before, after) {
		err = &fs.PathError{Op: "open", Path: name, Err: syscall.ENOTDIR} // it became a link in between
	}
	if err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	return dir, nil
}

// openFile opens a regular file to read.
func openFile(root *os.Root, name string) (*os.File, fs.FileInfo, error) {
	before, err := root.Lstat(name)
	if err != nil {
		return nil, nil, err
	}
	if !before.Mode().IsRegular() { // of a pipe, opening would not return
		return nil, nil, &fs.PathError{Op: "open", Path: name, Err: errNotRegular}
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, nil, err
	}
	after, err := f.Stat()
	if err == nil && !os.SameFile(before, after) {
		err = &fs.PathError{Op: "open", Path: name, Err: errNotRegular}
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, after, nil
}

var errNotRegular = errors.New("not a regular file")

// readFile reads a regular file of at most limit bytes.
func readFile(root *os.Root, name string, limit int64) ([]byte, error) {
	f, _, err := openFile(root, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fault.New(fault.Corrupt, "%s has more than %d bytes", name, limit)
	}
	return data, err
}

// writeOnce writes a file, whole and synced, unless there is one of that name: then it returns fs.ErrExist. The entry in the
// directory is not yet synced.
func writeOnce(root *os.Root, name string, data []byte) error {
	mode, _, err := modes(root)
	if err != nil {
		return err
	}
	temp := tempPath(name, rand.Text())
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = link(root, temp, name)
	}
	return errors.Join(err, root.Remove(temp))
}

// link gives a file a further name, which nothing has yet.
func link(root *os.Root, from, to string) error {
	err := root.Link(from, to)
	if errors.Is(err, syscall.EPERM) || errors.Is(err, errors.ErrUnsupported) {
		return fault.New(fault.Unsupported, "this file system has no hard links, by which files are published; choose a directory on another: %w", err)
	}
	return err
}

// syncDir makes the entries of a directory durable.
func syncDir(root *os.Root, name string) error {
	d, err := root.Open(name)
	if err != nil {
		return err
	}
	err = d.Sync()
	if closed := d.Close(); err == nil {
		err = closed
	}
	return err
}

// syncPath is syncDir for a directory outside of any root.
func syncPath(name string) error {
	root, err := openRoot(name)
	if err != nil {
		return err
	}
	defer root.Close()
	return syncDir(root, ".")
}

// entries lists a directory by name.
func entries(root *os.Root, name string) ([]fs.DirEntry, error) {
	return fs.ReadDir(root.FS(), path.Clean(name))
}

// progress is called now and then with how many bytes of how many were read. It may be nil.
type progress = func(done, total int64)

// checksum returns the SHA-256 of a file, in hexadecimal, and how many bytes it has. total is how many are expected.
func checksum(ctx context.Context, f *os.File, total int64, seen progress) (sum string, size int64, err error) {
	h := sha256.New()
	buf := make([]byte, 1<<20)
	for {
		if err := ctx.Err(); err != nil {
			return "", size, err
		}
		n, err := f.Read(buf)
		h.Write(buf[:n])
		size += int64(n)
		if seen != nil {
			seen(size, total)
		}
		if errors.Is(err, io.EOF) {
			return hex.EncodeToString(h.Sum(nil)), size, nil
		}
		if err != nil {
			return "", size, err
		}
	}
}
