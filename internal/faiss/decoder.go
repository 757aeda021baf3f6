package faiss

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
	"unsafe"

	"milvusdm/internal/fault"
)

const (
	maxDim   = 1 << 20 // Faiss's own bound
	maxDepth = 16      // indexes nested in indexes; real ones nest 4 deep
	// maxTable bounds, in floats, what is held in memory of one file: a codebook or a matrix.
	maxTable = 1 << 27
)

// input is a file that is read by offset. Its errors name file and offset.
type input struct {
	r    io.ReaderAt
	name string
	size int64
}

// read fills p from offset off. It reads no more than p, whatever the file claims.
func (in *input) read(p []byte, off int64) error {
	n, err := in.r.ReadAt(p, off)
	switch {
	case n == len(p):
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return fault.New(fault.Corrupt, "%s: offset %d: the file ended after %d of %d bytes: it became shorter since it was opened",
			in.name, off, n, len(p))
	}
	return fault.New(fault.Internal, "%s: offset %d: read %d bytes: %w", in.name, off, len(p), err)
}

// decoder reads the structure of an index file front to back and skips its data. The first error sticks: after it
// everything reads as zero, and callers check err once.
//
// A count from the file is compared with what is left of the file before it is used.
type decoder struct {
	*input
	off int64
	err error

	within    []string                         // names of the indexes that the one being read lies in
	openSide  func(name string) (*side, error) // opens a file beside the index; nil: there is none
	quantizer string                           // the index whose coarse quantizer is being read, "" outside of one

	window [4096]byte // file contents from windowAt on
	at     int64
	filled int64
}

func (d *decoder) fail(kind fault.Kind, off int64, format string, args ...any) {
	if d.err == nil {
		d.err = fault.Wrap(kind, fault.New(kind, format, args...), "%s: offset %d", d.name, off)
	}
}

func (d *decoder) corrupt(off int64, format string, args ...any) {
	d.fail(fault.Corrupt, off, format, args...)
}

func (d *decoder) left() int64 { return d.size - d.off }

var zeros [8]byte

// next returns the next n <= 8 bytes, valid until the next call.
func (d *decoder) next(n int64, what string) []byte {
	if d.err != nil {
		return zeros[:n]
	}
	if n > d.left() {
		d.corrupt(d.off, "the file ends where %s (%d bytes) should be", what, n)
		return zeros[:n]
	}
	if d.off < d.at || d.off+n > d.at+d.filled {
		d.at, d.filled = d.off, min(int64(len(d.window)), d.left())
		if d.err = d.read(d.window[:d.filled], d.at); d.err != nil {
			d.filled = 0
			return zeros[:n]
		}
	}
	b := d.window[d.off-d.at:][:n]
	d.off += n
	return b
}

func (d *decoder) byte(what string) byte   { return d.next(1, what)[0] }
func (d *decoder) int32(what string) int32 { return int32(binary.LittleEndian.Uint32(d.next(4, what))) }
func (d *decoder) int64(what string) int64 { return int64(binary.LittleEndian.Uint64(d.next(8, what))) }
func (d *decoder) fourCC() string          { return string(d.next(4, "the kind of an index")) }
func (d *decoder) float(what string) float32 {
	return math.Float32frombits(binary.LittleEndian.Uint32(d.next(4, what)))
}

func (d *decoder) bool(what string) bool {
	b := d.byte(what)
	if b > 1 {
		d.corrupt(d.off-1, "%s is %d, not 0 or 1", what, b)
	}
	return b == 1
}

// skip passes over n bytes and returns where they begin.
func (d *decoder) skip(n int64, what string) int64 {
	off := d.off
	if d.err != nil {
		return off
	}
	if n < 0 || n > d.left() {
		d.corrupt(off, "%s should be %d bytes, and %d are left in the file", what, n, d.left())
		return off
	}
	d.off += n
	return off
}

// vector passes over a counted array, as Faiss writes std::vector: the number of elements, then the elements. It
// returns where they begin and how many there are, which is never more than the file holds.
func (d *decoder) vector(elem int64, what string) (off, count int64) {
	at := d.off
	count = d.int64("the length of " + what)
	if d.err != nil {
		return 0, 0
	}
	if count < 0 || count > d.left()/elem {
		d.corrupt(at, "%s should be %d elements of %d bytes, and %d bytes are left in the file", what, uint64(count), elem, d.left())
		return 0, 0
	}
	return d.skip(count*elem, what), count
}

// floats loads an array that vector passed over.
func (d *decoder) floats(off, count int64, what string) []float32 {
	return load[float32](d, off, count, what)
}

// load reads an array of 4-byte elements that vector passed over.
func load[T float32 | int32](d *decoder, off, count int64, what string) []T {
	if d.err == nil && count > maxTable {
		d.fail(fault.Unsupported, off, "%s has %d values; at most %d are held in memory", what, count, maxTable)
	}
	if d.err != nil || count == 0 {
		return nil
	}
	v := make([]T, count)
	d.err = d.read(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), count*4), off)
	return v
}

// floatVector loads a counted array of floats that must have count elements.
func (d *decoder) floatVector(count int64, what string) []float32 {
	at := d.off
	off, n := d.vector(4, what)
	if d.err == nil && n != count {
		d.corrupt(at, "%s has %d values instead of %d", what, n, count)
	}
	return d.floats(off, n, what)
}

// floatBytes returns the memory of v as bytes; files are little-endian, and so is every machine this runs on.
func floatBytes(v []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), len(v)*4)
}

// floatsOf is the inverse of floatBytes; b must come from a []float32.
func floatsOf(b []byte) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/4)
}

func int64Bytes(v []int64) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), len(v)*8)
}
