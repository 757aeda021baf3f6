package hdf5

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// Variable-length values lie in collections, all over the file, that HDF5 calls its global heap. The library reads them
// without checking what it finds, so they are read here. Format: HDF5 File Format Specification 3.0, sections III.E (global
// heap) and IV.A.2.d (variable-length types).

// reference is where a variable-length value lies.
type reference struct {
	length  uint32 // of the value
	address uint64 // of the collection, from the base address on
	index   uint32 // in the collection
}

func parseReference(b []byte) reference {
	return reference{binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint64(b[4:]), binary.LittleEndian.Uint32(b[12:])}
}

const (
	// maxValue bounds a value. A row that Milvus takes is no larger.
	maxValue = 64 << 20
	// maxCollection bounds a collection. The library makes them of 4 to 64 KiB, or as large as a single value.
	maxCollection = maxValue + 64<<10
	// maxCollections bounds those that are kept, in bytes.
	maxCollections = 4 << 20
)

// heap reads values of a file's global heap.
type heap struct {
	file io.ReaderAt
	base int64 // the file's base address: where its signature lies
	size int64 // of the file
	// kept holds collections that have been read: values that follow one another mostly share one.
	kept      map[uint64]map[uint32][]byte
	keptBytes int64
}

// text returns a string up to its first NUL, as the library does.
func (h *heap) text(r reference) (string, error) {
	value, err := h.value(r, int64(r.length))
	s, _, _ := bytes.Cut(value, []byte{0})
	return string(s), err
}

// value returns a value of that many bytes. It shares memory with others and must not be changed.
func (h *heap) value(r reference, size int64) ([]byte, error) {
	if size == 0 {
		return nil, nil
	}
	objects, err := h.collection(r.address)
	if err != nil {
		return nil, err
	}
	value, ok := objects[r.index]
	if !ok || size > int64(len(value)) {
		return nil, fmt.Errorf("the file's global heap holds no value of %d bytes at %#x, index %d", size, r.address, r.index)
	}
	return value[:size], nil
}

// collection returns a collection's values by index.
func (h *heap) collection(address uint64) (map[uint32][]byte, error) {
	if objects, ok := h.kept[address]; ok {
		return objects, nil
	}
	raw, err := h.read(address)
	if err != nil {
		return nil, err
	}
	objects, err := parseCollection(raw)
	if err != nil {
		return nil, fmt.Errorf("global heap at %#x: %w", address, err)
	}
	if h.keptBytes += int64(len(raw)); h.kept == nil || h.keptBytes > maxCollections {
		h.kept, h.keptBytes = map[uint64]map[uint32][]byte{}, int64(len(raw))
	}
	h.kept[address] = objects
	return objects, nil
}

const collectionHeader = 16

func (h *heap) read(address uint64) ([]byte, error) {
	room := h.size - h.base
	if room < collectionHeader || address > uint64(room-collectionHeader) {
		return nil, fmt.Errorf("global heap at %#x: is not in the file, which ends at %#x", address, room)
	}
	var header [collectionHeader]byte
	if _, err := h.file.ReadAt(header[:], h.base+int64(address)); err != nil {
		return nil, fmt.Errorf("global heap at %#x: %w", address, err)
	}
	size := binary.LittleEndian.Uint64(header[8:])
	switch {
	case string(header[:4]) != "GCOL" || header[4] != 1:
		return nil, fmt.Errorf("global heap at %#x: there is none: found %q", address, header[:5])
	case size < collectionHeader || size > uint64(room)-address:
		return nil, fmt.Errorf("global heap at %#x: its size, %d, is impossible", address, size)
	case size > maxCollection:
		return nil, fmt.Errorf("global heap at %#x: takes %d bytes; at most %d are read", address, size, maxCollection)
	}
	raw := make([]byte, size)
	if _, err := h.file.ReadAt(raw, h.base+int64(address)); err != nil {
		return nil, fmt.Errorf("global heap at %#x: %w", address, err)
	}
	return raw, nil
}

// parseCollection finds the values of a collection; they share its memory.
func parseCollection(raw []byte) (map[uint32][]byte, error) {
	const header = 16 // index, reference count, reserved, size
	objects := map[uint32][]byte{}
	rest := raw[collectionHeader:]
	for len(rest) >= header {
		index, size := binary.LittleEndian.Uint16(rest), binary.LittleEndian.Uint64(rest[8:])
		if index == 0 {
			break // what is left is free
		}
		if size > uint64(len(rest)-header) {
			return nil, fmt.Errorf("value %d takes %d bytes, and there are %d", index, size, len(rest)-header)
		}
		objects[uint32(index)] = rest[header : header+size]
		padded := (int(size) + 7) &^ 7
		rest = rest[min(header+padded, len(rest)):]
	}
	return objects, nil
}
