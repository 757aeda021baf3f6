package faiss

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"milvusdm/internal/access"
	"milvusdm/internal/fault"
	"milvusdm/internal/transfer"
)

// part is one file of a source.
type part struct {
	path   string
	stat   fs.FileInfo
	info   Info
	index  *Index // nil: the helper reads the file
	helper Helper

	first    int64 // number of the file's row 0 over all files
	numbered bool  // keys are row numbers
	offset   int64 // is added to row numbers that are keys
	report   func(string)
}

// end is the number of the row behind the last.
func (p *part) end() int64 { return p.first + p.info.Rows }

// expand replaces directories by the index files in them, by name.
func expand(paths []string) ([]string, error) {
	var out []string
	var infos []fs.FileInfo
	for _, path := range paths {
		names, err := inDirectory(path)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			info, err := os.Stat(name)
			if err != nil {
				return nil, access.Failed(err, "find the Faiss index")
			}
			if i := slices.IndexFunc(infos, func(other fs.FileInfo) bool { return os.SameFile(info, other) }); i >= 0 {
				return nil, fault.New(fault.Config, "%s and %s are the same file; leave one out", out[i], name)
			}
			out, infos = append(out, name), append(infos, info)
		}
	}
	if len(out) == 0 {
		return nil, fault.New(fault.Config, "the job names no Faiss file")
	}
	return out, nil
}

// extensions are those of a directory's files that are taken.
var extensions = []string{".faiss", ".index"}

// inDirectory returns the index files of a directory, by name, or the path itself.
func inDirectory(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, access.Failed(err, "find the Faiss index")
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path) // sorted by name
	if err != nil {
		return nil, access.Failed(err, "find the Faiss index")
	}
	var out []string
	for _, e := range entries {
		hidden := strings.HasPrefix(e.Name(), ".")
		if !e.IsDir() && !hidden && slices.Contains(extensions, strings.ToLower(filepath.Ext(e.Name()))) {
			out = append(out, filepath.Join(path, e.Name()))
		}
	}
	if len(out) == 0 {
		return nil, fault.New(fault.NotFound, "%s: holds no Faiss index (%s); directories in it are not looked into (%s)",
			path, strings.Join(extensions, ", "), access.Here())
	}
	return out, nil
}

func openPart(ctx context.Context, path string, helper Helper) (*part, error) {
	stat, err := os.Stat(path)
	if err != nil {
		return nil, access.Failed(err, "open Faiss index")
	}
	p := &part{path: path, stat: stat}
	index, err := OpenIndex(path)
	var u *unreadError
	switch {
	case err == nil:
		p.index, p.info = index, index.Info
		return p, nil
	case !errors.As(err, &u), u.lost, u.info.Binary:
		return nil, err
	case helper == nil:
		return nil, fault.New(fault.Unsupported,
			"%w; this worker was built without go-faiss, which reads some of these kinds", err)
	case u.tooNewFor(helper.Version()):
		return nil, fault.New(fault.Unsupported, "%w; go-faiss can't read it either: it is linked with Faiss %s", err,
			helper.Version())
	}
	p.helper = helper
	if p.info, err = helper.Describe(ctx, path); err != nil {
		return nil, fmt.Errorf("%w (the index is %s; Faiss %s is linked)", err, u.info.Kind, helper.Version())
	}
	p.info.Kind, p.info.Lossy = u.info.Kind, u.info.Lossy
	return p, nil
}

func (p *part) close() error {
	if p.index == nil {
		return nil
	}
	return p.index.Close()
}

// kind says what the file is and who reads it.
func (p *part) kind() string {
	if p.index == nil {
		return p.info.Kind + " (read by go-faiss)"
	}
	return p.info.Kind
}

// place names a row, numbered over all files.
func (p *part) place(row int64) string { return fmt.Sprintf("%s: row %d", p.path, row-p.first) }

// open reads rows [row, to), numbered over all files, one after another.
func (p *part) open(ctx context.Context, row, to int64, vectors bool) (*rowReader, error) {
	r := &rowReader{part: p, row: row}
	if p.index != nil || !vectors && p.numbered {
		return r, nil
	}
	var err error
	r.stream, err = p.helper.Open(transfer.Reporting(ctx, p.report), p.path, row-p.first, to-row, vectors)
	return r, err
}

// rowReader yields the rows of one part one after another: by offset, or as a helper sends them.
type rowReader struct {
	*part
	row    int64
	stream Stream // nil: by offset
}

// read fills keys with the next keys, and vectors, unless it is nil, with as many vectors.
func (r *rowReader) read(ctx context.Context, vectors []byte, keys []int64) error {
	if err := r.fill(ctx, vectors, keys); err != nil {
		return err
	}
	if r.numbered {
		for i := range keys {
			keys[i] = r.offset + r.row + int64(i)
		}
	}
	r.row += int64(len(keys))
	return nil
}

func (r *rowReader) fill(ctx context.Context, vectors []byte, keys []int64) error {
	if r.stream != nil {
		return r.stream.Read(ctx, floatsOf(vectors), keys)
	}
	at := r.row - r.first
	if vectors != nil {
		if err := r.index.root.rows.vectors(at, vectors); err != nil {
			return err
		}
	}
	if !r.numbered {
		return r.index.ReadIDs(at, keys)
	}
	return nil
}

func (r *rowReader) close() error {
	if r.stream == nil {
		return nil
	}
	return r.stream.Close()
}

// check reads what tells whether the rows can be trusted; a helper's process does so itself.
func (p *part) check(ctx context.Context, report func(string)) error {
	if p.index == nil {
		return nil
	}
	return p.index.check(ctx, !p.numbered, report)
}

// scan reads the keys of rows [row, to), numbered over all files; keys is room for some.
func (p *part) scan(ctx context.Context, row, to int64, keys []int64, yield func(first int64, keys []int64) error) (err error) {
	rows, err := p.open(ctx, row, to, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.close()) }()
	for row < to {
		if err := ctx.Err(); err != nil {
			return err
		}
		k := keys[:min(int64(len(keys)), to-row)]
		if err := rows.read(ctx, nil, k); err != nil {
			return err
		}
		if err := yield(row, k); err != nil {
			return err
		}
		row += int64(len(k))
	}
	return p.unchanged()
}

// unchanged refuses a file that was written since it was opened: what was read of it may be a mixture.
func (p *part) unchanged() error {
	if err := sameFile(p.path, p.stat); err != nil || p.index == nil {
		return err
	}
	for _, s := range p.index.sides {
		if err := sameFile(s.name, s.stat); err != nil {
			return err
		}
	}
	return nil
}

func sameFile(path string, was fs.FileInfo) error {
	now, err := os.Stat(path)
	if err != nil {
		return access.Failed(err, "read on")
	}
	if now.Size() != was.Size() || !now.ModTime().Equal(was.ModTime()) || !os.SameFile(now, was) {
		return fault.New(fault.SourceChanged,
			"%s: the file changed while it was read: it had %d bytes of %v and has %d of %v", path,
			was.Size(), was.ModTime().Format(time.RFC3339Nano), now.Size(), now.ModTime().Format(time.RFC3339Nano))
	}
	return nil
}

// identity is made from each file's size, modification time, beginning and end.
func (s *source) identity() (string, error) {
	h := sha256.New()
	for _, p := range s.parts {
		fmt.Fprintln(h, p.stat.Size(), p.stat.ModTime().UnixNano())
		ends, err := p.ends()
		if err != nil {
			return "", access.Failed(err, "identify the Faiss index")
		}
		h.Write(ends)
		if p.index == nil {
			continue
		}
		for _, s := range p.index.sides {
			fmt.Fprintln(h, s.stat.Size(), s.stat.ModTime().UnixNano())
		}
	}
	return "faiss:" + hex.EncodeToString(h.Sum(nil)[:16]), nil
}

// ends returns the first and the last 4 KiB of the file.
func (p *part) ends() ([]byte, error) {
	f, err := os.Open(p.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	n := min(p.stat.Size(), 4<<10)
	head, tail := make([]byte, n), make([]byte, n)
	if _, err := f.ReadAt(head, 0); err != nil {
		return nil, err
	}
	if _, err := f.ReadAt(tail, p.stat.Size()-n); err != nil {
		return nil, err
	}
	return slices.Concat(head, tail), nil
}
