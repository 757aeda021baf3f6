package milvus1

import (
	"bufio"
	"encoding/binary"
	"io"
	"math/bits"

	"milvusdm/internal/fault"
)

// deletedRows is the set of a segment's rows that are deleted. The zero set is empty.
type deletedRows struct {
	bits    []uint64 // nil: none
	count   int64    // how many are deleted
	entries int64    // how many the file names: a row can be there more than once
}

// readDeleted reads a file deleted_docs of size bytes: a length in bytes, 8 bytes, then offsets of rows, 4 bytes each, in any
// order, repeats included. rows is how many rows the segment has, deleted ones included.
func readDeleted(r io.Reader, name string, size, rows int64) (deletedRows, error) {
	entries, err := deletedEntries(r, name, size)
	if err != nil || entries == 0 {
		return deletedRows{}, err
	}
	d := deletedRows{bits: make([]uint64, (rows+63)/64), entries: entries}
	in := bufio.NewReaderSize(r, 64<<10)
	var b [4]byte
	for range entries {
		if _, err := io.ReadFull(in, b[:]); err != nil {
			return deletedRows{}, readFault(err, name)
		}
		at := int64(int32(binary.LittleEndian.Uint32(b[:])))
		if at < 0 || at >= rows {
			return deletedRows{}, fault.New(fault.Corrupt, "%s: says that row %d is deleted, and the segment has %d rows", name, at, rows)
		}
		if d.live(at) {
			d.bits[at/64] |= 1 << (at % 64)
			d.count++
		}
	}
	return d, nil
}

// deletedEntries reads the file's length and returns how many offsets follow.
func deletedEntries(r io.Reader, name string, size int64) (int64, error) {
	length, err := readLength(r, name)
	switch {
	case err != nil:
		return 0, err
	case length != uint64(size-lengthBytes) || length%4 != 0:
		return 0, fault.New(fault.Corrupt, "%s: says that %d bytes of row offsets follow, 4 each, and %d do", name, length, size-lengthBytes)
	}
	return int64(length / 4), nil
}

func (d *deletedRows) live(at int64) bool {
	return d.bits == nil || d.bits[at/64]&(1<<(at%64)) == 0
}

// nextLive returns the first row from at on that is not deleted, or one not below the number of rows.
func (d *deletedRows) nextLive(at int64) int64 { return d.next(at, ^uint64(0)) }

// nextDeleted returns the first row from at on that is deleted, or one not below the number of rows.
func (d *deletedRows) nextDeleted(at int64) int64 {
	if d.bits == nil {
		return 1 << 62
	}
	return d.next(at, 0)
}

// next finds the first row from at on whose bit is not that of flip's.
func (d *deletedRows) next(at int64, flip uint64) int64 {
	if d.bits == nil {
		return at
	}
	for i := at / 64; i < int64(len(d.bits)); i++ {
		word := d.bits[i] ^ flip
		if i == at/64 {
			word &= ^uint64(0) << (at % 64)
		}
		if word != 0 {
			return i*64 + int64(bits.TrailingZeros64(word))
		}
	}
	return int64(len(d.bits)) * 64
}

// nth returns the row that has n rows before it that are not deleted.
func (d *deletedRows) nth(n int64) int64 {
	if d.bits == nil {
		return n
	}
	for i, word := range d.bits {
		live := int64(64 - bits.OnesCount64(word))
		if n < live {
			at := d.nextLive(int64(i) * 64)
			for ; n > 0; n-- {
				at = d.nextLive(at + 1)
			}
			return at
		}
		n -= live
	}
	return int64(len(d.bits)) * 64
}
