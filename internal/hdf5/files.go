package hdf5

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"milvusdm/internal/access"
	"milvusdm/internal/fault"
	"milvusdm/internal/job"
)

// extensions are those of a directory's files that are taken.
var extensions = []string{".h5", ".hdf5", ".hdf"}

// fileState is a file as it was found: it is no longer the same when size or modification time differ.
type fileState struct {
	name    string
	size    int64
	base    int64 // where HDF5 begins in it
	modTime time.Time
	info    fs.FileInfo
	header  [sha256.Size]byte // of the first bytes
}

// findFiles expands directories and looks at each file.
func findFiles(j *job.HDF5Source) ([]fileState, error) {
	key := j.KeyName("paths")
	if len(j.Paths) == 0 {
		return nil, fault.New(fault.Config, "%s names no file", key)
	}
	var out []fileState
	for _, path := range j.Paths {
		names, err := expand(path, key)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			state, err := stateOf(name, key)
			if err != nil {
				return nil, err
			}
			for _, other := range out {
				if os.SameFile(other.info, state.info) {
					return nil, fault.New(fault.Config, "%s: %s and %s are the same file", key, other.name, name)
				}
			}
			out = append(out, state)
		}
	}
	return out, nil
}

// expand returns the HDF5 files of a directory by name, or the path itself.
func expand(path, key string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, access.Failed(err, key)
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, access.Failed(err, key)
	}
	var out []string
	for _, e := range entries {
		hidden := strings.HasPrefix(e.Name(), ".")
		if !e.IsDir() && !hidden && slices.Contains(extensions, strings.ToLower(filepath.Ext(e.Name()))) {
			out = append(out, filepath.Join(path, e.Name()))
		}
	}
	if len(out) == 0 {
		return nil, fault.New(fault.NotFound, "%s: holds no HDF5 files (%s); directories in it are not looked into (%s)",
			path, strings.Join(extensions, ", "), access.Here())
	}
	return out, nil
}

// signature begins an HDF5 file, at 0 or, behind a block of the user's, at 512, 1024, 2048, ...
const signature = "\x89HDF\r\n\x1a\n"

// stateOf looks at a file and refuses what is no HDF5 file before the library sees it.
func stateOf(name, key string) (fileState, error) {
	f, err := os.Open(name)
	if err != nil {
		return fileState{}, access.Failed(err, key)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fileState{}, access.Failed(err, key)
	}
	switch {
	case !info.Mode().IsRegular():
		return fileState{}, fault.New(fault.Config, "%s: is not a regular file (%v; %s)", name, info.Mode().Type(), access.Here())
	case info.Size() == 0:
		return fileState{}, fault.New(fault.Corrupt, "%s: is empty (0 bytes); copy it again from where it is whole", name)
	}
	const most = 64 << 10
	header, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return fileState{}, access.Failed(err, "read the header")
	}
	base, ok := findSignature(f, info.Size())
	if !ok {
		kind, what := looksLike(header)
		return fileState{}, fault.New(kind, "%s: is no HDF5 file: %s", name, what)
	}
	return fileState{name, info.Size(), base, info.ModTime(), info, sha256.Sum256(header)}, nil
}

func findSignature(r io.ReaderAt, size int64) (offset int64, ok bool) {
	var at [len(signature)]byte
	for ; offset < size; offset = max(512, 2*offset) {
		if _, err := r.ReadAt(at[:], offset); err == nil && string(at[:]) == signature {
			return offset, true
		}
	}
	return 0, false
}

// unchanged makes sure that the file is still the one that was found.
func (s *fileState) unchanged() error {
	info, err := os.Stat(s.name)
	if err != nil {
		return access.Failed(err, "read on")
	}
	if info.Size() != s.size || !info.ModTime().Equal(s.modTime) || !os.SameFile(info, s.info) {
		return fault.New(fault.SourceChanged, "%s: changed while it was read: it had %d bytes of %v and has %d of %v",
			s.name, s.size, s.modTime.Format(time.RFC3339Nano), info.Size(), info.ModTime().Format(time.RFC3339Nano))
	}
	return nil
}

// identity changes when the content of the files does, as far as sizes, times and headers tell.
func identity(files []fileState) string {
	h := sha256.New()
	for _, f := range files {
		fmt.Fprintf(h, "%d %d %x\n", f.size, f.modTime.UnixNano(), f.header)
	}
	return "files:" + hex.EncodeToString(h.Sum(nil)[:16])
}
