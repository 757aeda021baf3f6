package hdf5

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"
	"unsafe"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"milvusdm/internal/fault"
)

// fixedBytes returns the values of a column as they lie in the file, all of one size. It shares the column's memory where
// it can.
func fixedBytes(f *schemapb.FieldSchema, d *schemapb.FieldData) ([]byte, error) {
	s, v := d.GetScalars(), d.GetVectors()
	switch f.GetDataType() {
	case schemapb.DataType_Bool:
		return bytesOf(s.GetBoolData().GetData()), nil
	case schemapb.DataType_Int8:
		return narrow[int8](s.GetIntData().GetData())
	case schemapb.DataType_Int16:
		return narrow[int16](s.GetIntData().GetData())
	case schemapb.DataType_Int32:
		return bytesOf(s.GetIntData().GetData()), nil
	case schemapb.DataType_Int64:
		return bytesOf(s.GetLongData().GetData()), nil
	case schemapb.DataType_Timestamptz:
		if t, ok := s.GetData().(*schemapb.ScalarField_TimestamptzData); ok {
			return bytesOf(t.TimestamptzData.GetData()), nil
		}
		return bytesOf(s.GetLongData().GetData()), nil
	case schemapb.DataType_Float:
		return bytesOf(s.GetFloatData().GetData()), nil
	case schemapb.DataType_Double:
		return bytesOf(s.GetDoubleData().GetData()), nil
	case schemapb.DataType_FloatVector:
		return bytesOf(v.GetFloatVector().GetData()), nil
	case schemapb.DataType_BinaryVector:
		return v.GetBinaryVector(), nil
	case schemapb.DataType_Float16Vector:
		return v.GetFloat16Vector(), nil
	case schemapb.DataType_BFloat16Vector:
		return v.GetBfloat16Vector(), nil
	case schemapb.DataType_Int8Vector:
		return v.GetInt8Vector(), nil
	}
	return nil, fmt.Errorf("values of type %v have no size", f.GetDataType())
}

// bytesOf is the memory of v, which is little-endian: package transfer sees to it.
func bytesOf[T bool | int8 | int16 | int32 | int64 | float32 | float64](v []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), len(v)*int(unsafe.Sizeof(*new(T))))
}

// narrow makes integers of what travels as 32-bit ones.
func narrow[T int8 | int16](v []int32) ([]byte, error) {
	out := make([]T, len(v))
	for i, x := range v {
		if out[i] = T(x); int32(out[i]) != x {
			return nil, fault.New(fault.Corrupt, "value %d, %d, does not fit its type", i, x)
		}
	}
	return bytesOf(out), nil
}

// eachValue calls add with each value of variable length, as it lies in the file. add does not keep it.
func eachValue(f *schemapb.FieldSchema, d *schemapb.FieldData, add func([]byte) error) error {
	switch x := d.GetScalars().GetData().(type) {
	case *schemapb.ScalarField_StringData:
		return textValues(x.StringData.GetData(), add)
	case *schemapb.ScalarField_GeometryWktData:
		return textValues(x.GeometryWktData.GetData(), add)
	case *schemapb.ScalarField_JsonData:
		return each(x.JsonData.GetData(), add)
	case *schemapb.ScalarField_GeometryData:
		return each(x.GeometryData.GetData(), add)
	case *schemapb.ScalarField_ArrayData:
		var buf []byte
		for _, a := range x.ArrayData.GetData() {
			var err error
			if buf, err = appendArray(buf[:0], f.GetElementType(), a); err != nil {
				return err
			}
			if err := add(buf); err != nil {
				return err
			}
		}
		return nil
	}
	var buf []byte
	for _, v := range d.GetVectors().GetVectorArray().GetData() {
		var err error
		if buf, err = (proto.MarshalOptions{Deterministic: true}).MarshalAppend(buf[:0], v); err != nil {
			return err
		}
		if err := add(buf); err != nil {
			return err
		}
	}
	return nil
}

func textValues(v []string, add func([]byte) error) error {
	for i, s := range v {
		if !utf8.ValidString(s) {
			return fault.New(fault.Corrupt, "value %d is not valid UTF-8: %.40q", i, s)
		}
		if err := add(unsafe.Slice(unsafe.StringData(s), len(s))); err != nil {
			return err
		}
	}
	return nil
}

func each(v [][]byte, add func([]byte) error) error {
	for _, b := range v {
		if err := add(b); err != nil {
			return err
		}
	}
	return nil
}

// appendArray appends the elements of one array, or, of strings, their JSON text. An empty array may be without a type.
func appendArray(to []byte, t schemapb.DataType, a *schemapb.ScalarField) ([]byte, error) {
	if held := memberOf(a); held != "" && held != wires[t] {
		return to, fault.New(fault.Corrupt, "an array of %v holds %s", t, held)
	}
	if wires[t] == "string_data" {
		return appendStrings(to, a.GetStringData().GetData())
	}
	raw, err := fixedBytes(&schemapb.FieldSchema{DataType: t}, &schemapb.FieldData{Field: &schemapb.FieldData_Scalars{Scalars: a}})
	return append(to, raw...), err
}

// appendStrings appends strings as JSON.
func appendStrings(to []byte, v []string) ([]byte, error) {
	for i, s := range v {
		if !utf8.ValidString(s) {
			return to, fault.New(fault.Corrupt, "element %d of an array is not valid UTF-8: %.40q", i, s)
		}
	}
	if v == nil {
		v = []string{}
	}
	buf := bytes.NewBuffer(to)
	e := json.NewEncoder(buf)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), err
}

// wires are the members of schemapb.ScalarField and VectorField that hold the values of a type, where there is only one.
var wires = map[schemapb.DataType]string{
	schemapb.DataType_Bool: "bool_data", schemapb.DataType_Int8: "int_data", schemapb.DataType_Int16: "int_data", schemapb.DataType_Int32: "int_data",
	schemapb.DataType_Int64: "long_data", schemapb.DataType_Float: "float_data", schemapb.DataType_Double: "double_data",
	schemapb.DataType_String: "string_data", schemapb.DataType_VarChar: "string_data", schemapb.DataType_Text: "string_data",
	schemapb.DataType_JSON: "json_data", schemapb.DataType_Array: "array_data", schemapb.DataType_ArrayOfVector: "vector_array",
	schemapb.DataType_FloatVector: "float_vector", schemapb.DataType_BinaryVector: "binary_vector", schemapb.DataType_Float16Vector: "float16_vector",
	schemapb.DataType_BFloat16Vector: "bfloat16_vector", schemapb.DataType_Int8Vector: "int8_vector",
	schemapb.DataType_SparseFloatVector: "sparse_float_vector",
}

// wireOf names the member that holds a column's values, "" for none.
func wireOf(d *schemapb.FieldData) string {
	if v := d.GetVectors(); v != nil {
		return memberOf(v)
	}
	return memberOf(d.GetScalars())
}

// memberOf names the member of a message's oneof that is set, "" for none.
func memberOf(m interface {
	ProtoReflect() protoreflect.Message
}) string {
	r := m.ProtoReflect()
	if d := r.WhichOneof(r.Descriptor().Oneofs().Get(0)); d != nil {
		return string(d.Name())
	}
	return ""
}
