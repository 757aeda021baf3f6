package hdf5

import (
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/fault"
	"milvusdm/internal/rows"
)

// newScalar makes a column of one value a row. Unsigned integers get the next wider type.
func newScalar(p *place, name string, c cells, isJSON bool) (*column, error) {
	f := p.file
	col := &column{cells: c}
	if isJSON && (!c.elem.isText() || c.isMatrix()) {
		return nil, fault.New(fault.Config, "%s: %s names %s, which holds %v and not strings", f.name, p.key("json"), c.path,
			c.elem)
	}
	if c.isMatrix() {
		return nil, c.refuse(f, "field of Milvus")
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
	col.field = rows.VarCharField(name, longest)
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
