package hdf5

// #cgo LDFLAGS: -lhdf5
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

// readInto reads the elements selected by file into those of dst selected by mem, which must lie within dst.
func readInto(d *hdf5.Dataset, t *hdf5.Datatype, mem, file *hdf5.Dataspace, dst unsafe.Pointer) error {
	return check(C.H5Dread(C.hid_t(d.ID()), C.hid_t(t.ID()), C.hid_t(mem.ID()), C.hid_t(file.ID()), C.H5P_DEFAULT, dst))
}

// errFull is readStrings's error when the values take more memory than is allowed.
var errFull = errors.New("variable-length values take more than is allowed")

// readStrings reads n variable-length strings that take at most maxBytes, their ends included.
func readStrings(d *hdf5.Dataset, t *hdf5.Datatype, mem, file *hdf5.Dataspace, n, maxBytes int) ([]string, error) {
	arena := (*C.mdm_arena)(C.malloc(C.sizeof_mdm_arena + C.size_t(maxBytes)))
	defer C.free(unsafe.Pointer(arena))
	*arena = C.mdm_arena{cap: C.size_t(maxBytes)}
	// pointers into the arena, never to Go memory
	values := make([]*C.char, n)
	rc := C.mdm_read_strings(C.hid_t(d.ID()), C.hid_t(t.ID()), C.hid_t(mem.ID()), C.hid_t(file.ID()), &values[0], arena)
	if rc < 0 && arena.full != 0 {
		return nil, errFull
	}
	if rc < 0 {
		return nil, check(rc)
	}
	out := make([]string, n)
	for i, v := range values {
		out[i] = C.GoString(v)
	}
	return out, nil
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
	filters          []filter
}

type filter struct {
	id        int
	name      string
	available bool
}

// storageOf describes a dataset's storage; chunks only where there is 1 dimension or 2.
func storageOf(d *hdf5.Dataset) (storage, error) {
	var c C.mdm_storage
	if err := check(C.mdm_get_storage(C.hid_t(d.ID()), &c)); err != nil {
		return storage{}, err
	}
	s := storage{
		virtual: c.layout == C.H5D_VIRTUAL, chunked: c.layout == C.H5D_CHUNKED, external: c.external > 0,
		bytes: uint64(c.size), chunks: uint64(c.chunks), chunk: [2]uint64{uint64(c.chunk[0]), uint64(c.chunk[1])},
	}
	for i := range int(c.filters) {
		s.filters = append(s.filters, filter{int(c.filter_id[i]), C.GoString(&c.filter_name[i][0]), c.filter_available[i] != 0})
	}
	return s, nil
}

// attributeString returns a string attribute of an object, "" when it has none of that name.
func attributeString(object hdf5.Identifier, name string) (string, error) {
	c := C.CString(name)
	defer C.free(unsafe.Pointer(c))
	var buf [1024]C.char
	rc := C.mdm_attribute_string(C.hid_t(object.ID()), c, &buf[0], C.size_t(len(buf)))
	switch {
	case rc < 0:
		return "", libraryError(fmt.Errorf("attribute %q can't be read", name))
	case rc > 0:
		return "", nil
	}
	return C.GoString(&buf[0]), nil
}

// denyExternal makes opening a dataset with this access list fail when the way to it leads through another file.
func denyExternal(access *hdf5.PropList) error {
	return check(C.mdm_deny_external(C.hid_t(access.ID())))
}

// openObjects counts the files, groups, datasets and attributes that are open.
func openObjects() int { return int(C.open_objects()) }
