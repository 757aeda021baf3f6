package hdf5

import (
	"fmt"
	"math"

	"gonum.org/v1/hdf5"
)

// class is what an element of a dataset is, as far as it matters here.
type class int

const (
	classOther class = iota
	classInt
	classUint
	classFloat16
	classBFloat16
	classFloat32
	classFloat64
	classBool
	classFixed    // fixed-length string
	classVariable // variable-length string
	classSequence // variable-length sequence of elem
	classArray
	classCompound
)

// padding says what follows a fixed-length string that is shorter than its place.
type padding int

const (
	padNULs padding = iota
	padTerminated
	padSpaces
)

// elemType is the type of a dataset's elements.
type elemType struct {
	class   class
	size    int // bytes in the file; not known where a variable-length string is part of it
	padding padding
	length  int64     // of an array
	elem    *elemType // of an array or a sequence
	members []member
	name    string // of classOther, for messages
}

type member struct {
	name string
	elemType
}

func (t elemType) isInt() bool   { return t.class == classInt || t.class == classUint }
func (t elemType) isFloat() bool { return t.class >= classFloat16 && t.class <= classFloat64 }
func (t elemType) isText() bool  { return t.class == classFixed || t.class == classVariable }

// holdsVariable reports whether elements lie elsewhere in the file, so that size says nothing.
func (t elemType) holdsVariable() bool {
	switch t.class {
	case classVariable, classSequence, classOther:
		return true
	case classArray:
		return t.elem.holdsVariable()
	}
	for _, m := range t.members {
		if m.holdsVariable() {
			return true
		}
	}
	return false
}

// equal reports whether both types are the same to a reader.
func (t elemType) equal(o elemType) bool {
	if t.class != o.class || t.size != o.size || t.padding != o.padding || t.length != o.length || len(t.members) != len(o.members) {
		return false
	}
	if (t.class == classArray || t.class == classSequence) && !t.elem.equal(*o.elem) {
		return false
	}
	for i, m := range t.members {
		if m.name != o.members[i].name || !m.equal(o.members[i].elemType) {
			return false
		}
	}
	return true
}

// fileSize is what an element takes in its place in the file.
func (t elemType) fileSize() int {
	if t.class == classVariable || t.class == classSequence {
		return referenceSize
	}
	return t.size
}

func (t elemType) String() string {
	switch t.class {
	case classInt:
		return fmt.Sprintf("int%d", 8*t.size)
	case classUint:
		return fmt.Sprintf("uint%d", 8*t.size)
	case classFloat16:
		return "float16"
	case classBFloat16:
		return "bfloat16"
	case classFloat32:
		return "float32"
	case classFloat64:
		return "float64"
	case classBool:
		return "bool"
	case classFixed:
		return fmt.Sprintf("string of %d bytes", t.size)
	case classVariable:
		return "variable-length string"
	case classSequence:
		return "variable-length sequence"
	case classArray:
		return fmt.Sprintf("array of %d %v", t.length, *t.elem)
	case classCompound:
		return fmt.Sprintf("compound of %d members", len(t.members))
	}
	return t.name
}

// maxMembers bounds what is read of a compound type; Milvus takes 64 fields.
const maxMembers = 1024

// describeType closes t.
func describeType(t *hdf5.Datatype, depth int) (elemType, error) {
	defer t.Close()
	e := elemType{size: int(t.Size()), name: fmt.Sprintf("an HDF5 type of class %d", t.Class())}
	switch t.Class() {
	case hdf5.T_INTEGER:
		e.name = fmt.Sprintf("integer of %d bytes", e.size)
		if e.size == 1 || e.size == 2 || e.size == 4 || e.size == 8 {
			e.class = classUint
			if isSigned(t) {
				e.class = classInt
			}
		}
	case hdf5.T_FLOAT:
		e.name = fmt.Sprintf("float of %d bytes", e.size)
		var err error
		if e.class, err = floatClass(t); err != nil {
			return e, libraryError(err)
		}
	case hdf5.T_ENUM, hdf5.T_BITFIELD:
		e.name = "enumeration"
		if isBool(t) {
			e.class = classBool
		}
	case hdf5.T_STRING:
		e.class, e.padding = classFixed, paddingOf(t)
		if isVariable(t) {
			e.class = classVariable
		}
	case hdf5.T_VLEN:
		e.name = "nested sequence"
		return e, describeSequence(&e, t, depth)
	case hdf5.T_OPAQUE:
		e.name = "opaque bytes"
	case hdf5.T_REFERENCE:
		e.name = "reference"
	case hdf5.T_ARRAY:
		e.name = "nested array"
		return e, describeArray(&e, t, depth)
	case hdf5.T_COMPOUND:
		e.name = "nested compound"
		return e, describeCompound(&e, t, depth)
	}
	return e, nil
}

func describeArray(e *elemType, t *hdf5.Datatype, depth int) error {
	array := hdf5.ArrayType{Datatype: *t}
	if depth > 1 || array.NDims() != 1 {
		return nil // stays classOther
	}
	dims := array.ArrayDims()
	if len(dims) != 1 || dims[0] <= 0 || dims[0] > e.size {
		return fmt.Errorf("array type has an impossible length")
	}
	base, err := elementType(t)
	if err != nil {
		return err
	}
	elem, err := describeType(base, depth+1)
	if err != nil {
		return err
	}
	e.class, e.length, e.elem = classArray, int64(dims[0]), &elem
	return nil
}

func describeSequence(e *elemType, t *hdf5.Datatype, depth int) error {
	if depth > 0 {
		return nil // stays classOther
	}
	base, err := elementType(t)
	if err != nil {
		return err
	}
	elem, err := describeType(base, depth+1)
	if err != nil {
		return err
	}
	e.class, e.elem = classSequence, &elem
	return nil
}

func describeCompound(e *elemType, t *hdf5.Datatype, depth int) error {
	whole := hdf5.CompoundType{Datatype: *t}
	n := whole.NMembers()
	if depth > 0 || n > maxMembers {
		return nil // stays classOther
	}
	for i := range n {
		mt, err := whole.MemberType(i)
		if err != nil {
			return libraryError(err)
		}
		m, err := describeType(mt, depth+1)
		if err != nil {
			return err
		}
		if from := whole.MemberOffset(i); from < 0 || from+m.size > e.size {
			return fmt.Errorf("compound type has member %q outside of it", whole.MemberName(i))
		}
		e.members = append(e.members, member{whole.MemberName(i), m})
	}
	e.class = classCompound
	return nil
}

// memType is what a read converts elements to.
type memType int

const (
	memInt32 memType = iota
	memInt64
	memUint8
	memUint16
	memUint32
	memUint64
	memFloat32
	memFloat64
	memFloat16
	memBFloat16
	memReference // where a variable-length string lies
	memAsFile    // nothing: fixed-length strings and booleans are taken over as they lie in the file
)

// newType makes the library's type; the caller closes it.
func (m memType) newType() (*hdf5.Datatype, error) {
	switch m {
	case memInt32:
		return hdf5.T_NATIVE_INT32.Copy()
	case memInt64:
		return hdf5.T_NATIVE_INT64.Copy()
	case memUint8:
		return hdf5.T_NATIVE_UINT8.Copy()
	case memUint16:
		return hdf5.T_NATIVE_UINT16.Copy()
	case memUint32:
		return hdf5.T_NATIVE_UINT32.Copy()
	case memUint64:
		return hdf5.T_NATIVE_UINT64.Copy()
	case memFloat32:
		return hdf5.T_NATIVE_FLOAT.Copy()
	case memFloat64:
		return hdf5.T_NATIVE_DOUBLE.Copy()
	case memFloat16:
		return newSmallFloat(5, 10)
	case memBFloat16:
		return newSmallFloat(8, 7)
	case memReference:
		return newReferenceType()
	}
	return nil, fmt.Errorf("no type of its own for memory type %d", m)
}

// floatClasses are the floats that are read; no other has a counterpart in Milvus.
var floatClasses = []struct {
	memType
	class
}{{memFloat32, classFloat32}, {memFloat64, classFloat64}, {memFloat16, classFloat16}, {memBFloat16, classBFloat16}}

func floatClass(t *hdf5.Datatype) (class, error) {
	for _, f := range floatClasses {
		known, err := f.newType()
		if err != nil {
			return classOther, err
		}
		same := sameButOrder(t, known)
		known.Close()
		if same {
			return f.class, nil
		}
	}
	return classOther, nil
}

// newReadType makes the memory type for reading a dataset of type fileType; the caller closes it. With a member, a read
// takes that member of a compound alone; where elements are arrays, length is theirs, else 0.
func newReadType(m memType, fileType *hdf5.Datatype, member string, length int64) (*hdf5.Datatype, error) {
	t, err := newElementType(m, fileType, member)
	if err == nil && length > 0 && m != memAsFile {
		t, err = arrayOf(t, int(length))
	}
	if err == nil && member != "" {
		t, err = memberAlone(t, member)
	}
	return t, err
}

func newElementType(m memType, fileType *hdf5.Datatype, member string) (*hdf5.Datatype, error) {
	switch {
	case m != memAsFile:
		return m.newType()
	case member == "":
		return fileType.Copy()
	}
	whole := hdf5.CompoundType{Datatype: *fileType}
	return whole.MemberType(whole.MemberIndex(member))
}

// arrayOf closes elem.
func arrayOf(elem *hdf5.Datatype, length int) (*hdf5.Datatype, error) {
	defer elem.Close()
	array, err := hdf5.NewArrayType(elem, []int{length})
	if err != nil {
		return nil, err
	}
	return &array.Datatype, nil
}

// memberAlone makes a compound type of one member without padding, so that what is read lies as if it were no
// compound. It closes t.
func memberAlone(t *hdf5.Datatype, member string) (*hdf5.Datatype, error) {
	defer t.Close()
	whole, err := hdf5.NewCompoundType(int(t.Size()))
	if err != nil {
		return nil, err
	}
	if err := whole.Insert(member, 0, t); err != nil {
		whole.Close()
		return nil, err
	}
	return &whole.Datatype, nil
}

// times multiplies sizes; it reports false when the product is no int64.
func times(factors ...int64) (int64, bool) {
	p := int64(1)
	for _, f := range factors {
		if f < 0 || f != 0 && p > math.MaxInt64/f {
			return 0, false
		}
		p *= f
	}
	return p, true
}
