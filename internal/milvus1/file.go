package milvus1

import (
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	"milvusdm/internal/access"
	"milvusdm/internal/fault"
)

// file is a file as it was found: it is no longer the same when size or modification time differ. The zero file is none.
type file struct {
	path string
	info fs.FileInfo
}

func (f file) size() int64 { return f.info.Size() }

// statFile finds a regular file.
func statFile(path string) (file, error) {
	info, err := os.Stat(path)
	if err != nil {
		return file{}, err
	}
	if !info.Mode().IsRegular() {
		return file{}, fault.New(fault.Corrupt, "%s: is not a regular file (%v; %s)", path, info.Mode().Type(), access.Here())
	}
	return file{path, info}, nil
}

// open opens the file that was found.
func (f file) open() (*os.File, error) {
	r, err := os.Open(f.path)
	if err != nil {
		return nil, access.Failed(err, "read on")
	}
	info, err := r.Stat()
	if err == nil {
		err = f.same(info)
	}
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// unchanged refuses a file that was written since it was found: what was read of it may be a mixture.
func (f file) unchanged() error {
	info, err := os.Stat(f.path)
	if err != nil {
		return fault.Wrap(fault.SourceChanged, err, "read on")
	}
	return f.same(info)
}

func (f file) same(now fs.FileInfo) error {
	if now.Size() == f.size() && now.ModTime().Equal(f.info.ModTime()) && os.SameFile(now, f.info) {
		return nil
	}
	return fault.New(fault.SourceChanged, "%s: changed while it was read: it had %d bytes of %v and has %d of %v; stop the Milvus 1.x server first",
		f.path, f.size(), f.info.ModTime().Format(time.RFC3339Nano), now.Size(), now.ModTime().Format(time.RFC3339Nano))
}

// missing tells whether an error is that of a file that is not there, or of a folder on its path that is none.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// readFault is a failure to read what a file must hold: one that ends too early was cut since it was found.
func readFault(err error, name string) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fault.New(fault.Corrupt, "%s: ends too early", name)
	}
	return access.Failed(err, "read "+name)
}

// lengthBytes is the size of the number that files of a segment begin with: how many bytes follow, little-endian.
const lengthBytes = 8

func readLength(r io.Reader, name string) (uint64, error) {
	var b [lengthBytes]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return 0, readFault(err, name)
	}
	return binary.LittleEndian.Uint64(b[:]), nil
}
