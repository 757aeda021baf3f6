package hdf5

import (
	"fmt"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/fault"
	"milvusdm/internal/transfer"
)

// column is one field and where a file holds it.
type column struct {
	field *schemapb.FieldSchema
	dim   int64 // of a vector, as Milvus counts it
	cells
	mem    memType
	decode decoder
	// rowBytes is about what a row takes while it is read; guess of them are for what lies elsewhere, and are not known before.
	rowBytes, guess int
	// subs are what the decoder reads with it: of several datasets' columns the others.
	subs  []*column
	notes []string
}

// cells is where a column's elements lie: width of them in each row.
type cells struct {
	elem  elemType
	width int64
	parts []part
	// path names the place in messages.
	path string
}

// part is a rectangle of a dataset: all its rows, and width elements from col on, which go to at in the column's row.
type part struct {
	data           *dataset
	member         string // of a compound
	array          int64  // the elements are arrays of that many, else 0
	col, at, width int64
}

func (c cells) rows() int64 { return c.parts[0].data.rows() }

// band is the number of rows that are unpacked together, at least.
func (c cells) band() int64 {
	var band int64
	for _, p := range c.parts {
		band = max(band, p.data.band())
	}
	return band
}

// bandBytes is what a band takes unpacked.
func (c cells) bandBytes() int64 {
	var bytes int64
	for _, p := range c.parts {
		bytes = max(bytes, p.data.bandBytes())
	}
	return bytes
}

// cellsOf takes all of a dataset for a column.
func cellsOf(d *dataset) cells {
	c := cells{elem: d.elem, width: d.cols(), path: d.path, parts: []part{{data: d, width: d.cols()}}}
	return c.unfold()
}

// memberCells takes a member of a compound for a column.
func memberCells(d *dataset, m member) cells {
	c := cells{elem: m.elemType, width: 1, path: d.path + ", member " + m.name, parts: []part{{data: d, member: m.name, width: 1}}}
	return c.unfold()
}

// unfold takes a row of one array for a row of its elements.
func (c cells) unfold() cells {
	if c.elem.class == classArray && c.width == 1 {
		c.width, c.elem, c.parts[0].array = c.elem.length, *c.elem.elem, c.elem.length
	}
	return c
}

// isMatrix reports whether a row has several elements, or might have.
func (c cells) isMatrix() bool {
	p := c.parts[0]
	return p.array > 0 || p.member == "" && len(p.data.dims) == 2
}

func (c cells) refuse(f *file, want string) error {
	shape := c.elem.String()
	if c.isMatrix() {
		shape = fmt.Sprintf("%d x %v in each row", c.width, c.elem)
	}
	return fault.New(fault.Unsupported, "%s: %s holds %s, which is no %s", f.name, c.path, shape, want)
}

// vectorTypes are those that job.Vector may name.
var vectorTypes = map[string]schemapb.DataType{
	"FloatVector": schemapb.DataType_FloatVector, "BinaryVector": schemapb.DataType_BinaryVector,
	"Float16Vector": schemapb.DataType_Float16Vector, "BFloat16Vector": schemapb.DataType_BFloat16Vector,
}

// newVector makes a vector column. want is the type that the job names, or None: then the elements decide.
// bits says that a uint8 element is one bit, not eight.
func newVector(f *file, name string, c cells, want schemapb.DataType, bits bool) (*column, error) {
	if c.width < 1 {
		return nil, fault.New(fault.Corrupt, "%s: %s has rows of no elements", f.name, c.path)
	}
	if want == schemapb.DataType_None {
		if want = naturalVector(c); want == schemapb.DataType_None {
			return nil, c.refuse(f, "vector by itself; source.hdf5.vector can name the type to take it for")
		}
	}
	col := &column{cells: c, dim: c.width}
	bytes := c.elem.class == classUint && c.elem.size == 1
	halves := c.elem.class == classUint && c.elem.size == 2 // 16-bit floats, kept as what NumPy has for their bits
	switch {
	case want == schemapb.DataType_FloatVector && (c.elem.isFloat() || c.elem.isInt()):
		col.mem, col.decode, col.rowBytes = memFloat32, decodeFloatVector, 4*int(c.width)
		if c.elem.class != classFloat32 {
			col.notes = append(col.notes, fmt.Sprintf("%s: %v is converted to float32", c.path, c.elem))
		}
	case want == schemapb.DataType_Float16Vector && c.elem.class == classFloat16:
		col.mem, col.decode, col.rowBytes = memFloat16, decodeFloat16Vector, 2*int(c.width)
	case want == schemapb.DataType_BFloat16Vector && c.elem.class == classBFloat16:
		col.mem, col.decode, col.rowBytes = memBFloat16, decodeFloat16Vector, 2*int(c.width)
	case (want == schemapb.DataType_Float16Vector || want == schemapb.DataType_BFloat16Vector) && halves:
		col.mem, col.decode, col.rowBytes = memUint16, decodeFloat16Vector, 2*int(c.width)
	case want == schemapb.DataType_BinaryVector && (c.elem.class == classBool || bytes && bits):
		col.dim = (c.width + 7) / 8 * 8
		col.mem, col.decode, col.rowBytes = memUint8, decodeBits, int(c.width)
		if c.elem.class == classBool {
			col.mem = memAsFile
		}
		if col.dim != c.width {
			col.notes = append(col.notes, fmt.Sprintf("%s: %d bits are padded with zeros to %d, which changes no distance", c.path, c.width, col.dim))
		}
	case want == schemapb.DataType_BinaryVector && bytes:
		col.dim = 8 * c.width
		col.mem, col.decode, col.rowBytes = memUint8, decodeBytes, int(c.width)
	case want == schemapb.DataType_BinaryVector && c.elem.class == classFixed && !c.isMatrix():
		col.dim = 8 * int64(c.elem.size)
		col.mem, col.decode, col.rowBytes = memAsFile, decodeBytes, c.elem.size
	default:
		return nil, c.refuse(f, want.String())
	}
	col.field = transfer.VectorField(name, want, col.dim)
	return col, nil
}

// naturalVector is what elements are taken for where nothing else is said, or None.
func naturalVector(c cells) schemapb.DataType {
	switch {
	case c.elem.class == classFloat16:
		return schemapb.DataType_Float16Vector
	case c.elem.class == classBFloat16:
		return schemapb.DataType_BFloat16Vector
	case c.elem.class == classBool, c.elem.class == classFixed, c.elem.class == classUint && c.elem.size == 1:
		return schemapb.DataType_BinaryVector
	case c.elem.isFloat():
		return schemapb.DataType_FloatVector
	}
	return schemapb.DataType_None
}

// newKey makes the primary key column.
func newKey(f *file, name string, c cells) (*column, error) {
	if !c.elem.isInt() || c.isMatrix() && c.width != 1 {
		return nil, fault.New(fault.Config, "%s: %s holds %v, and keys are integers: "+
			"set source.hdf5.key to what holds integers, or to \"none\" to number the rows", f.name, c.path, c.elem)
	}
	col := &column{cells: c, field: transfer.KeyField(name)}
	col.longs()
	return col, nil
}

// longs reads 64-bit integers.
func (col *column) longs() {
	col.mem, col.decode, col.rowBytes = memInt64, decodeLong, 8
	if col.elem.class == classUint && col.elem.size == 8 {
		col.mem, col.decode = memUint64, decodeUnsignedLong
	}
}

// maxText is the longest VarChar and JSON that Milvus takes, in bytes.
const maxText = 65535

// newScalar makes a column of one value a row. Unsigned integers get the next wider type.
func newScalar(f *file, name string, c cells, isJSON bool) (*column, error) {
	col := &column{cells: c}
	if isJSON && (!c.elem.isText() || c.isMatrix()) {
		return nil, fault.New(fault.Config, "%s: source.hdf5.json names %s, which holds %v and not strings", f.name, c.path, c.elem)
	}
	var t schemapb.DataType
	switch {
	case c.elem.isInt():
		t = integerType(c.elem)
		col.mem, col.decode, col.rowBytes = memInt32, decodeInt(t), 4
		if t == schemapb.DataType_Int64 {
			col.longs()
		}
	case c.elem.class == classFloat64:
		t = schemapb.DataType_Double
		col.mem, col.decode, col.rowBytes = memFloat64, decodeDouble, 8
	case c.elem.isFloat():
		t = schemapb.DataType_Float
		col.mem, col.decode, col.rowBytes = memFloat32, decodeFloat, 4
	case c.elem.class == classBool:
		t = schemapb.DataType_Bool
		col.mem, col.decode, col.rowBytes = memAsFile, decodeBool, 1
	case c.elem.isText():
		return newText(col, name, isJSON), nil
	default:
		return nil, c.refuse(f, "field of Milvus")
	}
	col.field = &schemapb.FieldSchema{Name: name, DataType: t}
	return col, nil
}

// usualText is what a variable-length string is taken to need before it is read.
const usualText = 64

func newText(col *column, name string, isJSON bool) *column {
	const header = 16 // a Go string, beside its bytes
	col.mem, col.decode, col.rowBytes, col.guess = memReference, decodeVariable, header+usualText, usualText
	longest := maxText
	if col.elem.class == classFixed {
		col.mem, col.decode, col.rowBytes, col.guess = memAsFile, decodeFixed, header+col.elem.size, 0
		longest = min(col.elem.size, maxText)
	}
	if isJSON {
		col.decode = jsonOf(col.decode)
		col.field = &schemapb.FieldSchema{Name: name, DataType: schemapb.DataType_JSON}
		return col
	}
	col.field = transfer.VarCharField(name, longest)
	return col
}

// integerType is the narrowest of Milvus's types that holds an integer type's values, except those above the range of
// int64.
func integerType(e elemType) schemapb.DataType {
	size := e.size
	if e.class == classUint {
		size *= 2
	}
	switch size {
	case 1:
		return schemapb.DataType_Int8
	case 2:
		return schemapb.DataType_Int16
	case 4:
		return schemapb.DataType_Int32
	}
	return schemapb.DataType_Int64
}
