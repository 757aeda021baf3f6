package hdf5

import (
	"fmt"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/fault"
	"milvusdm/internal/rows"
)

// column is one field and where a file holds it.
type column struct {
	field *schemapb.FieldSchema
	// source is the field's name in the file, "" where it has none of its own.
	source string
	dim    int64 // of a vector, as Milvus counts it
	cells
	mem    memType
	decode decoder
	// rowBytes is about what a row takes while it is read; guess of them are for what lies elsewhere, and are not known before.
	rowBytes, guess int
	// subs are what the decoder reads with it: of several datasets' columns the others.
	subs  []*column
	notes []string
	hint  string // of what to write where a value does not fit
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
	member         string      // of a compound
	objects        *objectList // rows are datasets of their own, else nil
	array          int64       // the elements are arrays of that many, else 0
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

// isMatrix reports whether a row has several elements. A dataset of N x 1 is a list as one of N is.
func (c cells) isMatrix() bool {
	p := c.parts[0]
	return p.array > 0 || len(c.parts) > 1 || p.member == "" && len(p.data.dims) == 2 && c.width > 1
}

func (c cells) refuse(f *file, want string) error {
	return fault.New(fault.Unsupported, "%s: %s holds %s, which is no %s", f.name, c.path, c.shape(), want)
}

// shape says what a row holds.
func (c cells) shape() string {
	if c.isMatrix() {
		return fmt.Sprintf("%d x %v in each row", c.width, c.elem)
	}
	return c.elem.String()
}

// vectorTypes are those that job.Vector may name.
var vectorTypes = map[string]schemapb.DataType{
	"FloatVector": schemapb.DataType_FloatVector, "BinaryVector": schemapb.DataType_BinaryVector,
	"Float16Vector": schemapb.DataType_Float16Vector, "BFloat16Vector": schemapb.DataType_BFloat16Vector,
}

// newVector makes a vector column. want is the type that the job names, or None: then the elements decide.
// bits says that a uint8 element is one bit, not eight.
func newVector(p *place, name string, c cells, want schemapb.DataType, bits bool) (*column, error) {
	f := p.file
	if err := p.vectorShape(c); err != nil {
		return nil, err
	}
	if want == schemapb.DataType_None {
		if want = naturalVector(c); want == schemapb.DataType_None {
			return nil, c.refuse(f, "vector by itself"+p.advise([]change{{"vector", "FloatVector"}}))
		}
	}
	col := &column{cells: c, dim: c.width}
	if d := c.parts[0].data; d.turned {
		col.notes = append(col.notes,
			fmt.Sprintf("%s: MATLAB stores matrices by column; this is %d rows of %d there, and is read so", c.path, d.rows(),
				d.cols()))
	}
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
		} else {
			col.hint = p.advise([]change{{"vector", "FloatVector"}})
		}
		if col.dim != c.width {
			col.notes = append(col.notes, fmt.Sprintf("%s: %d bits are padded with zeros to %d, which changes no distance", c.path, c.width, col.dim))
		}
	case want == schemapb.DataType_BinaryVector && bytes:
		col.dim = 8 * c.width
		col.mem, col.decode, col.rowBytes = memUint8, decodeBytes, int(c.width)
	case want == schemapb.DataType_BinaryVector && c.elem.class == classFixed && len(c.parts[0].data.dims) == 1 &&
		c.parts[0].array == 0:
		col.dim = 8 * int64(c.elem.size)
		col.mem, col.decode, col.rowBytes = memAsFile, decodeBytes, c.elem.size
	default:
		return nil, c.refuse(f, want.String())
	}
	if most := rows.MaxDimension(want); col.dim > most {
		return nil, fault.New(fault.Unsupported,
			"%s: %s holds vectors of dimension %d, and Milvus takes at most %d: make them shorter first, "+
				"as by pooling or PCA%s", f.name, c.path, col.dim, most, p.adviseExcept(name))
	}
	col.field = rows.VectorField(name, want, col.dim)
	return col, nil
}

// vectorShape refuses what is not a vector in each row: a single number, and text.
func (p *place) vectorShape(c cells) error {
	f := p.file
	if c.elem.isText() {
		return p.refuseText(c)
	}
	switch {
	case c.width < 1:
		return fault.New(fault.Corrupt, "%s: %s has rows of no elements", f.name, c.path)
	case !c.hasRows():
		hint := ""
		if c.elem.isFloat() { // other numbers are rarely one vector
			hint = p.advise([]change{{"layout", "objects"}})
		}
		return fault.New(fault.Unsupported,
			"%s: %s holds one value for each of %d rows, or is a single vector of %d: it has one dimension, "+
				"and vectors are read from rows of several%s", f.name, c.path, c.rows(), c.rows(), hint)
	case c.width == 1 && c.parts[0].data.matlab:
		return fault.New(fault.Unsupported, "%s: %s holds a single number in each of %d rows, which is no vector", f.name,
			c.path, c.rows())
	case c.elem.class == classUint && c.elem.size == 1 && !p.file.trying:
		return p.refuseText(c)
	}
	return nil
}

// hasRows reports whether the file says that a row has several elements: a list of N numbers is not N vectors of one.
func (c cells) hasRows() bool {
	p := c.parts[0]
	return c.isMatrix() || p.objects != nil || p.member == "" && len(p.data.dims) == 2
}

// refuseText refuses vectors that are written as text.
func (p *place) refuseText(c cells) error {
	const how = "%s: %s holds text and no numbers, as %.40q: write the vectors as numbers (h5py: f[name] = " +
		"numpy.array([json.loads(t) for t in texts], \"f4\"))"
	d := c.parts[0].data
	if c.elem.class == classVariable {
		return fault.New(fault.Unsupported, how, p.file.name, c.path, "text of variable length")
	}
	if c.parts[0].objects != nil || c.parts[0].member != "" || d.turned {
		return nil
	}
	sample, err := p.file.sample(d)
	if err != nil || !isText(sample) {
		return err
	}
	if c.elem.class == classUint && sample[0] != '[' && sample[0] != '(' {
		return nil // bytes that are all below 128 may be numbers
	}
	return fault.New(fault.Unsupported, how, p.file.name, c.path, sample)
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

// newKey makes the primary key column: of integers, strings, or whole numbers as MATLAB keeps them.
func newKey(p *place, name string, c cells) (*column, error) {
	col := &column{cells: c, field: rows.KeyField(name)}
	switch {
	case c.isMatrix(), len(c.parts) != 1:
	case c.elem.isInt():
		col.longs()
		return col, nil
	case c.elem.isText():
		col = newText(col, name, false)
		col.field.IsPrimaryKey = true
		return col, nil
	case c.elem.class == classFloat64 && c.parts[0].data.matlab:
		col.mem, col.decode, col.rowBytes = memFloat64, decodeWholeNumbers, 8
		return col, nil
	}
	return nil, fault.New(fault.Config, "%s: %s holds %s, and keys are integers or strings%s", p.file.name, c.path,
		c.shape(),
		p.advise([]change{{"key", keyNumbered}}, []change{{"key", keyNumbered}, {"key_field", "row"}}))
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
