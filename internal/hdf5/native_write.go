package hdf5

// #include "native_write.h"
// #include <stdlib.h>
import "C"

import (
	"errors"
	"unsafe"

	"gonum.org/v1/hdf5"
)

// This file is all the Go there is between this package and native_write.c. All but pack runs on the library's thread.

func newBoolType() (*hdf5.Datatype, error) {
	return newType(C.mdm_bool_type(), "boolean")
}

func newTextType() (*hdf5.Datatype, error) {
	return newType(C.mdm_text_type(), "variable-length string")
}

// newSequenceType makes the type of variable-length values of a type.
func newSequenceType(element *hdf5.Datatype) (*hdf5.Datatype, error) {
	return newType(C.mdm_sequence_type(C.hid_t(element.ID())), "variable-length sequence")
}

func newType(id C.hid_t, what string) (*hdf5.Datatype, error) {
	if id < 0 {
		return nil, libraryError(errors.New("HDF5 library: no type for a " + what))
	}
	return adopt(hdf5.NewDatatype, id), nil
}

// packing is what is done with chunks before they are written.
type packing struct {
	shuffle, fletcher32 bool
	gzip                int // level, or 0
}

func (p packing) none() bool { return p == packing{} }

func (p packing) native() C.mdm_packing {
	flag := map[bool]C.int{true: 1}
	return C.mdm_packing{shuffle: flag[p.shuffle], gzip: C.int(p.gzip), fletcher32: flag[p.fletcher32]}
}

// pack packs a chunk of elements of a size, into buf if that is large enough. It runs on any thread.
func (p packing) pack(chunk []byte, element int, buf []byte) ([]byte, error) {
	native := p.native()
	if bound := int(C.mdm_packed_bound(C.size_t(len(chunk)))); cap(buf) < bound {
		buf = make([]byte, bound)
	}
	buf = buf[:cap(buf)]
	n := C.mdm_pack(&native, C.size_t(element), (*C.uchar)(unsafe.SliceData(chunk)), C.size_t(len(chunk)),
		(*C.uchar)(unsafe.SliceData(buf)), C.size_t(len(buf)))
	if n == 0 {
		return nil, errors.New("pack a chunk: out of memory")
	}
	return buf[:n], nil
}

// newDataset is a dataset that is being written.
type newDataset struct {
	id    C.hid_t
	width int
}

func createDataset(f *hdf5.File, path string, t *hdf5.Datatype, width, chunkRows int, p packing) (newDataset, error) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	native := p.native()
	id := C.mdm_create_dataset(C.hid_t(f.ID()), name, C.hid_t(t.ID()), C.hsize_t(width), C.hsize_t(chunkRows), &native)
	if id < 0 {
		return newDataset{}, libraryError(errors.New("HDF5 library: no dataset"))
	}
	return newDataset{id, width}, nil
}

func (d newDataset) writeChunk(row, end int64, packed []byte) error {
	return check(C.mdm_write_chunk(d.id, C.hsize_t(d.width), C.hsize_t(row), C.hsize_t(end),
		unsafe.Pointer(unsafe.SliceData(packed)), C.size_t(len(packed))))
}

func (d newDataset) writeVariable(element *hdf5.Datatype, row int64, counts []uint64, bytes []byte) error {
	return check(C.mdm_write_variable(d.id, C.hid_t(element.ID()), C.hsize_t(row), C.size_t(len(counts)),
		(*C.uint64_t)(unsafe.SliceData(counts)), (*C.uchar)(unsafe.SliceData(bytes))))
}

func (d newDataset) writeText(name, text string) error { return writeText(d.id, name, text) }

func (d newDataset) close() error { return check(C.H5Dclose(d.id)) }

// writeFileText gives the file's root group an attribute.
func writeFileText(f *hdf5.File, name, text string) error {
	return writeText(C.hid_t(f.ID()), name, text)
}

func writeText(object C.hid_t, name, text string) error {
	cName, cText := C.CString(name), C.CString(text)
	defer C.free(unsafe.Pointer(cName))
	defer C.free(unsafe.Pointer(cText))
	return check(C.mdm_write_text(object, cName, cText))
}
