package hdf5

// #cgo LDFLAGS: -lhdf5 -lz
// #cgo linux,amd64 CFLAGS: -I/usr/lib/x86_64-linux-gnu/hdf5/serial/include
// #cgo linux,amd64 LDFLAGS: -L/usr/lib/x86_64-linux-gnu/hdf5/serial
// #cgo linux,arm64 CFLAGS: -I/usr/lib/aarch64-linux-gnu/hdf5/serial/include
// #cgo linux,arm64 LDFLAGS: -L/usr/lib/aarch64-linux-gnu/hdf5/serial
// #include "native.h"
// #include <stdlib.h>
//
// static ssize_t open_objects(void) { return H5Fget_obj_count(H5F_OBJ_ALL, H5F_OBJ_FILE | H5F_OBJ_GROUP | H5F_OBJ_DATASET | H5F_OBJ_ATTR); }
import "C"

import (
	"bytes"
	"errors"
	"fmt"
	"unsafe"

	"gonum.org/v1/hdf5"
)

// This file is all the Go there is between this package and native.c. Everything in it runs on the library's thread.

// libraryError returns the library's own account of a call that has just failed, else err.
func libraryError(err error) error {
	text := C.mdm_error()
	if text == nil {
		return err
	}
	defer C.free(unsafe.Pointer(text))
	return errors.New("HDF5 library: " + C.GoString(text))
}

func check(rc C.herr_t) error {
	if rc < 0 {
		return libraryError(fmt.Errorf("HDF5 library: code %d", rc))
	}
	return nil
}

// adopt makes an id of this package's cgo into one of gonum's objects, whose id type has no name outside gonum.
func adopt[ID ~int64, T any](wrap func(ID) T, id C.hid_t) T { return wrap(ID(id)) }

// newSmallFloat makes a little-endian 16-bit float type; the caller closes it.
func newSmallFloat(exponent, mantissa int) (*hdf5.Datatype, error) {
	id := C.mdm_small_float(C.size_t(exponent), C.size_t(mantissa))
	if id < 0 {
		return nil, libraryError(errors.New("HDF5 library: no 16-bit float type"))
	}
	return adopt(hdf5.NewDatatype, id), nil
}

func sameButOrder(a, b *hdf5.Datatype) bool {
	return C.mdm_same_but_order(C.hid_t(a.ID()), C.hid_t(b.ID())) != 0
}

// readInto reads the elements selected by file into those of dst selected by mem, which must lie within dst. chunk is how
// many bytes the dataset's chunks have, 0 when it has none.
func readInto(d *hdf5.Dataset, t *hdf5.Datatype, mem, file *hdf5.Dataspace, dst unsafe.Pointer, chunk int64) error {
	if err := check(C.mdm_limit_inflate(C.size_t(chunk))); err != nil {
		return err
	}
	return check(C.H5Dread(C.hid_t(d.ID()), C.hid_t(t.ID()), C.hid_t(mem.ID()), C.hid_t(file.ID()), C.H5P_DEFAULT, dst))
}

// referenceSize is what a variable-length value takes in place.
const referenceSize = C.MDM_REFERENCE_SIZE

// newReferenceType makes the memory type for reading where variable-length strings lie; the caller closes it.
func newReferenceType() (*hdf5.Datatype, error) {
	id := C.mdm_reference_type()
	if id < 0 {
		return nil, libraryError(errors.New("HDF5 library: no reference type"))
	}
	return adopt(hdf5.NewDatatype, id), nil
}

// elementType returns the type of an array type's elements; the caller closes it.
func elementType(array *hdf5.Datatype) (*hdf5.Datatype, error) {
	id := C.H5Tget_super(C.hid_t(array.ID()))
	if id < 0 {
		return nil, libraryError(errors.New("HDF5 library: array type without elements"))
	}
	return adopt(hdf5.NewDatatype, id), nil
}

func isBool(t *hdf5.Datatype) bool { return C.mdm_is_bool(C.hid_t(t.ID())) != 0 }

func isSigned(t *hdf5.Datatype) bool { return C.H5Tget_sign(C.hid_t(t.ID())) == C.H5T_SGN_2 }

func isVariable(t *hdf5.Datatype) bool { return C.H5Tis_variable_str(C.hid_t(t.ID())) > 0 }

func paddingOf(t *hdf5.Datatype) padding {
	switch C.H5Tget_strpad(C.hid_t(t.ID())) {
	case C.H5T_STR_NULLTERM:
		return padTerminated
	case C.H5T_STR_SPACEPAD:
		return padSpaces
	}
	return padNULs
}

// storage says how a dataset lies in its file.
type storage struct {
	virtual, chunked bool
	external         bool
	bytes            uint64    // allocated
	chunk            [2]uint64 // extent of a chunk
	chunks           uint64    // how many have been written
	oddChunks        uint64    // how many of them have a size that is wrong
	filters          []filter
}

type filter struct {
	id        int
	name      string
	available bool
}

// storageOf describes a dataset's storage; element is the size of its elements; chunks are looked
// at only where there is 1 dimension or 2.
func storageOf(d *hdf5.Dataset, element int) (storage, error) {
	var c C.mdm_storage
	if err := check(C.mdm_get_storage(C.hid_t(d.ID()), C.size_t(element), &c)); err != nil {
		return storage{}, err
	}
	s := storage{
		virtual: c.layout == C.H5D_VIRTUAL, chunked: c.layout == C.H5D_CHUNKED, external: c.external > 0,
		bytes: uint64(c.size), chunks: uint64(c.chunks), oddChunks: uint64(c.odd_chunks), chunk: [2]uint64{uint64(c.chunk[0]), uint64(c.chunk[1])},
	}
	for i := range int(c.filters) {
		s.filters = append(s.filters, filter{int(c.filter_id[i]), C.GoString(&c.filter_name[i][0]), c.filter_available[i] != 0})
	}
	return s, nil
}

// attribute reads a string attribute of an object: the text, or the reference to one of variable length. Both are nil
// when the object has no such attribute.
func attribute(object hdf5.Identifier, name string) (text, reference []byte, err error) {
	c := C.CString(name)
	defer C.free(unsafe.Pointer(c))
	buf := make([]byte, 1024)
	switch C.mdm_attribute_string(C.hid_t(object.ID()), c, (*C.char)(unsafe.Pointer(&buf[0])), C.size_t(len(buf))) {
	case C.MDM_NO_STRING:
		return nil, nil, nil
	case C.MDM_STRING:
		text, _, _ = bytes.Cut(buf, []byte{0})
		return text, nil, nil
	case C.MDM_REFERENCE:
		return nil, buf[:referenceSize], nil
	}
	return nil, nil, libraryError(fmt.Errorf("attribute %q can't be read", name))
}

// denyExternal makes opening a dataset with this access list fail when the way to it leads through another file.
func denyExternal(access *hdf5.PropList) error {
	return check(C.mdm_deny_external(C.hid_t(access.ID())))
}

// openObjects counts the files, groups, datasets and attributes that are open.
func openObjects() int { return int(C.open_objects()) }
