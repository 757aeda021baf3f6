// Package gofaiss reads Faiss indexes with Faiss itself, by way of go-faiss, for kinds that internal/faiss does not know.
//
// Faiss crashes on some damaged files, and loads whole indexes into memory; so it runs in a child process: this program,
// started again with a hidden first argument. What the child dies of is an error of the file it read. Everything that
// touches Faiss needs the build tag gofaiss.
package gofaiss

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"unsafe"
)

// command is the hidden first argument; path, first row, row count and one of the modes follow it.
const command = "faiss-read"

const (
	modeInfo    = "info"    // say what the index holds, nothing more
	modeIDs     = "ids"     // then send ids
	modeVectors = "vectors" // then send ids, where the index has any, and vectors
)

// channel is the file descriptor that the child writes to. Its standard output is Faiss's to print to.
const channel = 3

// The child sends frames: a type, a length of 4 bytes, and as many bytes. An info frame or an error frame comes first;
// then row frames, which hold the ids of some rows, if the index has ids, and their vectors, if asked for; then an end
// frame.
const (
	frameInfo  = 'I' // JSON of info
	frameError = 'E' // JSON of failure
	frameRows  = 'R'
	frameEnd   = 'Z'
)

// frameBytes bounds a frame of rows that has more than one row, and every other frame.
const frameBytes = 1 << 20

// info is what the child says of an index.
type info struct {
	Rows   int64
	Dim    int
	Metric int32
	IDs    bool
}

// failure is what the child says when Faiss, or the child itself, refuses a file.
type failure struct {
	Unsupported bool // the kind can't be read; else the file is bad
	Text        string
}

func writeFrame(w *bufio.Writer, kind byte, parts ...[]byte) error {
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	if err := w.WriteByte(kind); err != nil {
		return err
	}
	if _, err := w.Write(binary.LittleEndian.AppendUint32(nil, uint32(size))); err != nil {
		return err
	}
	for _, p := range parts {
		if _, err := w.Write(p); err != nil {
			return err
		}
	}
	return nil
}

// readFrame reads a frame of at most limit bytes into buf, which it returns, grown if need be.
func readFrame(r *bufio.Reader, buf []byte, limit int) (kind byte, _ []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, buf, err
	}
	size := int(binary.LittleEndian.Uint32(head[1:]))
	if size > limit {
		return 0, buf, fmt.Errorf("a frame of %d bytes, more than %d", size, limit)
	}
	if cap(buf) < size {
		buf = make([]byte, size)
	}
	buf = buf[:size]
	_, err = io.ReadFull(r, buf)
	return head[0], buf, err
}

func bytesOf[T int64 | float32](v []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), len(v)*int(unsafe.Sizeof(*new(T))))
}
