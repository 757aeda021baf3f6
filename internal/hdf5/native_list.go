package hdf5

// #include "native.h"
// #include <stdlib.h>
import "C"

import (
	"bytes"
	"errors"
	"fmt"
	"unsafe"

	"gonum.org/v1/hdf5"
)

// memberKind is what a member of a group is.
type memberKind byte

const (
	memberAbsent   = memberKind(C.MDM_ABSENT)
	memberGroup    = memberKind(C.MDM_GROUP)
	memberDataset  = memberKind(C.MDM_DATASET)
	memberSoft     = memberKind(C.MDM_SOFT_LINK)
	memberExternal = memberKind(C.MDM_EXTERNAL_LINK)
)

// listMembers calls yield with each member of a group, in the library's order. It fails if there are more than most.
func listMembers(g *hdf5.Group, most int, yield func(memberKind, string)) error {
	var list *C.char
	var length C.size_t
	var count C.hsize_t
	if err := check(C.mdm_list(C.hid_t(g.ID()), C.hsize_t(most), &list, &length, &count)); err != nil {
		return err
	}
	defer C.free(unsafe.Pointer(list))
	if count > C.hsize_t(most) {
		return errTooMany
	}
	for rest := unsafe.Slice((*byte)(unsafe.Pointer(list)), int(length)); len(rest) > 0; {
		name, after, _ := bytes.Cut(rest[1:], []byte{0})
		yield(memberKind(rest[0]), string(name))
		rest = after
	}
	return nil
}

var errTooMany = errors.New("too many members")

// kindOf says what the member of that name is.
func kindOf(g *hdf5.Group, name string) (memberKind, error) {
	c := C.CString(name)
	defer C.free(unsafe.Pointer(c))
	kind := C.mdm_kind(C.hid_t(g.ID()), c)
	if kind < 0 {
		return 0, libraryError(fmt.Errorf("HDF5 library: code %d", kind))
	}
	return memberKind(kind), nil
}

// objectKey tells an object from all others of its file.
type objectKey [16]byte

func keyOfObject(object hdf5.Identifier) (key objectKey, err error) {
	err = check(C.mdm_object_key(C.hid_t(object.ID()), (*C.uchar)(unsafe.Pointer(&key[0]))))
	return key, err
}

// firstMissing returns the first row that lies in a chunk which was never written; rows are dimension axis.
func firstMissing(d *hdf5.Dataset, axis int) (int64, error) {
	var row C.hsize_t
	err := check(C.mdm_first_missing(C.hid_t(d.ID()), C.int(axis), &row))
	return int64(row), err
}

// hasAttribute reports whether an object has an attribute of that name, of whatever type.
func hasAttribute(object hdf5.Identifier, name string) bool {
	c := C.CString(name)
	defer C.free(unsafe.Pointer(c))
	return C.H5Aexists(C.hid_t(object.ID()), c) > 0
}

// libraryVersion is the HDF5 library's, as "1.10.8".
func libraryVersion() string {
	var major, minor, release C.uint
	if C.H5get_libversion(&major, &minor, &release) < 0 {
		return "?"
	}
	return fmt.Sprintf("%d.%d.%d", major, minor, release)
}
