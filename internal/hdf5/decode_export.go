package hdf5

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"
	"unsafe"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/protobuf/proto"

	"milvusdm/internal/rows"
)

func decodeInt8Vector(c *openColumn, row int64, n int) (*schemapb.FieldData, error) {
	v, err := readElements[byte](c, row, n, c.width)
	return vectorData(c, &schemapb.VectorField{Dim: c.dim, Data: &schemapb.VectorField_Int8Vector{Int8Vector: v}}), err
}

func decodeTimestamps(wire string) decoder {
	return func(c *openColumn, row int64, n int) (*schemapb.FieldData, error) {
		v, err := readElements[int64](c, row, n, 1)
		s := &schemapb.ScalarField{Data: &schemapb.ScalarField_LongData{LongData: &schemapb.LongArray{Data: v}}}
		if wire == "timestamptz_data" {
			s.Data = &schemapb.ScalarField_TimestamptzData{TimestamptzData: &schemapb.TimestamptzArray{Data: v}}
		}
		return scalarData(c, s), err
	}
}

func scalarData(c *openColumn, s *schemapb.ScalarField) *schemapb.FieldData {
	return &schemapb.FieldData{Type: c.field.GetDataType(), FieldName: c.field.GetName(), IsDynamic: c.field.GetIsDynamic(),
		Field: &schemapb.FieldData_Scalars{Scalars: s}}
}

func vectorData(c *openColumn, v *schemapb.VectorField) *schemapb.FieldData {
	return &schemapb.FieldData{Type: c.field.GetDataType(), FieldName: c.field.GetName(), Field: &schemapb.FieldData_Vectors{Vectors: v}}
}

// withValid reads the column's last sub for which values there are.
func withValid(values decoder) decoder {
	return func(c *openColumn, row int64, n int) (*schemapb.FieldData, error) {
		f, err := values(c, row, n)
		if err != nil {
			return nil, err
		}
		sub := c.subs[len(c.subs)-1]
		valid, err := sub.decode(sub, row, n)
		if err != nil {
			return nil, err
		}
		if v := valid.GetScalars().GetBoolData().GetData(); slices.Contains(v, false) {
			f.ValidData = v
		}
		return f, nil
	}
}

// variableDecoder makes the decoder of values of variable length. wire is as attrWire.
func variableDecoder(f *schemapb.FieldSchema, wire string) decoder {
	t := f.GetDataType()
	switch {
	case t == schemapb.DataType_Array:
		return decodeArrays
	case t == schemapb.DataType_ArrayOfVector:
		return decodeVectorArrays
	case t == schemapb.DataType_JSON:
		return func(c *openColumn, row int64, n int) (*schemapb.FieldData, error) {
			v, err := readValues(c, row, n, 1, copied)
			return scalarData(c, &schemapb.ScalarField{Data: &schemapb.ScalarField_JsonData{JsonData: &schemapb.JSONArray{Data: v}}}), err
		}
	case wire == "geometry_data":
		return func(c *openColumn, row int64, n int) (*schemapb.FieldData, error) {
			v, err := readValues(c, row, n, 1, copied)
			return scalarData(c, &schemapb.ScalarField{Data: &schemapb.ScalarField_GeometryData{GeometryData: &schemapb.GeometryArray{Data: v}}}), err
		}
	case wire == "geometry_wkt_data":
		return func(c *openColumn, row int64, n int) (*schemapb.FieldData, error) {
			v, err := readValues(c, row, n, 1, validText)
			return scalarData(c, &schemapb.ScalarField{Data: &schemapb.ScalarField_GeometryWktData{GeometryWktData: &schemapb.GeometryWktArray{Data: v}}}), err
		}
	}
	return func(c *openColumn, row int64, n int) (*schemapb.FieldData, error) {
		v, err := readValues(c, row, n, 1, validText)
		return scalarData(c, &schemapb.ScalarField{Data: &schemapb.ScalarField_StringData{StringData: &schemapb.StringArray{Data: v}}}), err
	}
}

// readValues reads n values of variable length, of elements of unit bytes. parse must not keep its argument.
func readValues[T any](c *openColumn, row int64, n, unit int, parse func([]byte) (T, error)) ([]T, error) {
	at, err := c.references(row, n, unit, maxValue)
	if err != nil {
		return nil, err
	}
	out := make([]T, n)
	for i, r := range at {
		raw, err := c.table.heap.value(r, int64(r.length)*int64(unit))
		if err == nil {
			out[i], err = parse(raw)
		}
		if err != nil {
			return nil, c.badRow(row+int64(i), "%w", err)
		}
	}
	return out, nil
}

func copied(raw []byte) ([]byte, error) { return append([]byte{}, raw...), nil }

func validText(raw []byte) (string, error) {
	if !utf8.Valid(raw) {
		return "", fmt.Errorf("the text is not valid UTF-8: %.40q", raw)
	}
	return string(raw), nil
}

func decodeArrays(c *openColumn, row int64, n int) (*schemapb.FieldData, error) {
	unit := 1
	if c.elem.class == classSequence {
		unit = c.elem.elem.size
	}
	elem := c.field.GetElementType()
	v, err := readValues(c, row, n, unit, func(raw []byte) (*schemapb.ScalarField, error) { return parseArray(elem, raw) })
	return scalarData(c, &schemapb.ScalarField{Data: &schemapb.ScalarField_ArrayData{ArrayData: &schemapb.ArrayArray{Data: v, ElementType: elem}}}), err
}

// parseArray reads what appendArray wrote; raw holds whole elements.
func parseArray(t schemapb.DataType, raw []byte) (*schemapb.ScalarField, error) {
	switch t {
	case schemapb.DataType_Bool:
		v := make([]bool, len(raw))
		for i, b := range raw {
			if b > 1 {
				return nil, fmt.Errorf("element %d, %d, is no boolean", i, b)
			}
			v[i] = b == 1
		}
		return &schemapb.ScalarField{Data: &schemapb.ScalarField_BoolData{BoolData: &schemapb.BoolArray{Data: v}}}, nil
	case schemapb.DataType_Int8:
		return intArray(elements[int8](raw)), nil
	case schemapb.DataType_Int16:
		return intArray(elements[int16](raw)), nil
	case schemapb.DataType_Int32:
		return intArray(elements[int32](raw)), nil
	case schemapb.DataType_Int64:
		return &schemapb.ScalarField{Data: &schemapb.ScalarField_LongData{LongData: &schemapb.LongArray{Data: elements[int64](raw)}}}, nil
	case schemapb.DataType_Float:
		return &schemapb.ScalarField{Data: &schemapb.ScalarField_FloatData{FloatData: &schemapb.FloatArray{Data: elements[float32](raw)}}}, nil
	case schemapb.DataType_Double:
		return &schemapb.ScalarField{Data: &schemapb.ScalarField_DoubleData{DoubleData: &schemapb.DoubleArray{Data: elements[float64](raw)}}}, nil
	}
	var v []string
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &v); err != nil {
			return nil, fmt.Errorf("the text is no JSON array of strings: %w: %.40q", err, raw)
		}
	}
	return &schemapb.ScalarField{Data: &schemapb.ScalarField_StringData{StringData: &schemapb.StringArray{Data: v}}}, nil
}

// elements copies raw, which need not be aligned, into a slice.
func elements[T int8 | int16 | int32 | int64 | float32 | float64](raw []byte) []T {
	out := make([]T, len(raw)/int(unsafe.Sizeof(*new(T))))
	copy(bytesOf(out), raw)
	return out
}

func intArray[T int8 | int16 | int32](v []T) *schemapb.ScalarField {
	wide := make([]int32, len(v))
	for i, x := range v {
		wide[i] = int32(x)
	}
	return &schemapb.ScalarField{Data: &schemapb.ScalarField_IntData{IntData: &schemapb.IntArray{Data: wide}}}
}

func decodeVectorArrays(c *openColumn, row int64, n int) (*schemapb.FieldData, error) {
	v, err := readValues(c, row, n, 1, func(raw []byte) (*schemapb.VectorField, error) {
		v := &schemapb.VectorField{}
		return v, proto.Unmarshal(raw, v)
	})
	dim, _ := strconv.ParseInt(rows.TypeParam(c.field, "dim"), 10, 64) // 0 where the schema has none
	array := &schemapb.VectorArray{Dim: dim, Data: v, ElementType: c.field.GetElementType()}
	return vectorData(c, &schemapb.VectorField{Dim: dim, Data: &schemapb.VectorField_VectorArray{VectorArray: array}}), err
}

// decodeSparse reads where the vectors end, and of the subs their indices and values.
func decodeSparse(c *openColumn, row int64, n int) (*schemapb.FieldData, error) {
	ends, err := readElements[int64](c, row, n+1, 1)
	if err != nil {
		return nil, err
	}
	indices, data := c.subs[0], c.subs[1]
	all := indices.rows()
	left := int64(c.table.budget)
	for i := range n {
		from, to := ends[i], ends[i+1]
		switch size := 8 * (to - from); {
		case from < 0 || to < from || to > all:
			return nil, c.badRow(row+int64(i), "a sparse vector takes entries %d to %d of %d", from, to, all)
		case size > maxValue:
			return nil, c.badRow(row+int64(i), "the value takes %d bytes; Milvus takes at most %d", size, maxValue)
		case left < size && i > 0:
			return nil, tooLong{i}
		default:
			left -= size
		}
	}
	c.table.budget = int(left)
	first, count := ends[0], int(ends[n]-ends[0])
	index, err := readElements[byte](indices, first, count, 4)
	if err != nil {
		return nil, err
	}
	value, err := readElements[byte](data, first, count, 4)
	if err != nil {
		return nil, err
	}
	return sparseVectors(c, ends, index, value), nil
}

// sparseVectors puts vectors together again: pairs of index and value, of four bytes each.
func sparseVectors(c *openColumn, ends []int64, index, value []byte) *schemapb.FieldData {
	pairs := make([]byte, 0, len(index)+len(value))
	dim := int64(0)
	for i := 0; i < len(index); i += 4 {
		pairs = append(append(pairs, index[i:i+4]...), value[i:i+4]...)
		dim = max(dim, int64(binary.LittleEndian.Uint32(index[i:]))+1)
	}
	contents := make([][]byte, len(ends)-1)
	for i := range contents {
		from, to := 8*(ends[i]-ends[0]), 8*(ends[i+1]-ends[0])
		contents[i] = pairs[from:to:to]
	}
	return vectorData(c, &schemapb.VectorField{Dim: dim, Data: &schemapb.VectorField_SparseFloatVector{
		SparseFloatVector: &schemapb.SparseFloatArray{Contents: contents, Dim: dim}}})
}

// decodeStructs reads the fields of structs, the column's subs.
func decodeStructs(c *openColumn, row int64, n int) (*schemapb.FieldData, error) {
	fields := make([]*schemapb.FieldData, len(c.subs))
	for i, s := range c.subs {
		var err error
		if fields[i], err = s.decode(s, row, n); err != nil {
			return nil, err
		}
	}
	return &schemapb.FieldData{Type: schemapb.DataType_ArrayOfStruct, FieldName: c.field.GetName(),
		Field: &schemapb.FieldData_StructArrays{StructArrays: &schemapb.StructArrayField{Fields: fields}}}, nil
}
