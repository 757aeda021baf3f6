package rows

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

// encoder appends a row's value in the form in which it is hashed and compared: integers and floats little-endian by their
// bits (of scalars all NaN alike: Milvus writes another NaN when it flushes), strings and packed vectors with their length
// before them, JSON in its canonical form, arrays element by element.
type encoder func(b []byte, row int) []byte

// Unknown reports whether t is a type that the proto does not know: its columns are passed through whole, and neither
// sliced nor summed up.
func Unknown(t schemapb.DataType) bool {
	_, known := schemapb.DataType_name[int32(t)]
	return !known
}

// UnknownFields names the fields of such types: of them it can only be said "copied, content not verified".
func UnknownFields(s Schema) []string {
	var names []string
	for _, f := range s.GetFields() {
		if Unknown(f.GetDataType()) {
			names = append(names, f.GetName())
		}
	}
	return names
}

// newEncoder returns the encoder of a column, and how many values the column holds.
func newEncoder(f *schemapb.FieldData, rows int) (encoder, int, error) {
	switch {
	case f.GetVectors() != nil:
		return vectorEncoder(f.GetType(), f.GetVectors())
	case f.GetStructArrays() != nil:
		return structEncoder(f.GetStructArrays().GetFields(), rows)
	}
	switch d := f.GetScalars().GetData().(type) {
	case *schemapb.ScalarField_BoolData:
		v := d.BoolData.GetData()
		return func(b []byte, i int) []byte { return appendBool(b, v[i]) }, len(v), nil
	case *schemapb.ScalarField_IntData:
		v := d.IntData.GetData()
		return func(b []byte, i int) []byte { return le.AppendUint32(b, uint32(v[i])) }, len(v), nil
	case *schemapb.ScalarField_LongData:
		v := d.LongData.GetData()
		return func(b []byte, i int) []byte { return le.AppendUint64(b, uint64(v[i])) }, len(v), nil
	case *schemapb.ScalarField_FloatData:
		v := d.FloatData.GetData()
		return func(b []byte, i int) []byte { return appendFloat(b, v[i]) }, len(v), nil
	case *schemapb.ScalarField_DoubleData:
		v := d.DoubleData.GetData()
		return func(b []byte, i int) []byte { return appendDouble(b, v[i]) }, len(v), nil
	case *schemapb.ScalarField_StringData:
		v := d.StringData.GetData()
		if f.GetType() == schemapb.DataType_Timestamptz {
			return func(b []byte, i int) []byte { return appendTime(b, v[i]) }, len(v), nil
		}
		return func(b []byte, i int) []byte { return appendString(b, v[i]) }, len(v), nil
	case *schemapb.ScalarField_BytesData:
		return bytesEncoder(d.BytesData.GetData())
	case *schemapb.ScalarField_JsonData:
		v := d.JsonData.GetData()
		var c canonicalizer
		return func(b []byte, i int) []byte { return c.append(b, v[i]) }, len(v), nil
	case *schemapb.ScalarField_ArrayData:
		v := d.ArrayData.GetData()
		if err := knownArrays(v); err != nil {
			return nil, 0, err
		}
		return func(b []byte, i int) []byte { return appendArray(b, v[i]) }, len(v), nil
	case *schemapb.ScalarField_GeometryData:
		return bytesEncoder(d.GeometryData.GetData())
	case *schemapb.ScalarField_GeometryWktData:
		v := d.GeometryWktData.GetData()
		return func(b []byte, i int) []byte { return appendString(b, v[i]) }, len(v), nil
	case *schemapb.ScalarField_TimestamptzData:
		v := d.TimestamptzData.GetData()
		return func(b []byte, i int) []byte { return appendInstant(b, v[i]) }, len(v), nil
	}
	return nil, 0, fmt.Errorf("no content sum for a column of type %v in this form", f.GetType())
}

func appendFloat(b []byte, x float32) []byte {
	if x != x {
		x = float32(math.NaN())
	}
	return le.AppendUint32(b, math.Float32bits(x))
}

func appendDouble(b []byte, x float64) []byte {
	if x != x {
		x = math.NaN()
	}
	return le.AppendUint64(b, math.Float64bits(x))
}

func bytesEncoder(v [][]byte) (encoder, int, error) {
	return func(b []byte, i int) []byte { return appendBytes(b, v[i]) }, len(v), nil
}

func vectorEncoder(t schemapb.DataType, v *schemapb.VectorField) (encoder, int, error) {
	switch d := v.GetData().(type) {
	case *schemapb.VectorField_SparseFloatVector:
		rows := d.SparseFloatVector.GetContents()
		return func(b []byte, i int) []byte { return appendSparse(b, rows[i]) }, len(rows), nil
	case *schemapb.VectorField_VectorArray:
		rows := d.VectorArray.GetData()
		for _, r := range rows {
			if _, _, err := packed(r); err != nil {
				return nil, 0, err
			}
		}
		return func(b []byte, i int) []byte {
			data, _, _ := packed(rows[i])
			return appendBytes(b, data)
		}, len(rows), nil
	}
	data, bits, err := packed(v)
	if err != nil {
		return nil, 0, fmt.Errorf("no content sum for type %v: %w", t, err)
	}
	width := int(v.GetDim()) * bits / 8
	if width <= 0 || len(data)%width != 0 {
		return nil, 0, fmt.Errorf("%d bytes are no vectors of dimension %d", len(data), v.GetDim())
	}
	return func(b []byte, i int) []byte { return appendBytes(b, data[i*width:(i+1)*width]) }, len(data) / width, nil
}

// packed returns the memory of dense vectors laid end to end, and how many bits an element takes.
func packed(v *schemapb.VectorField) ([]byte, int, error) {
	switch d := v.GetData().(type) {
	case *schemapb.VectorField_FloatVector:
		return FloatBytes(d.FloatVector.GetData()), 32, nil
	case *schemapb.VectorField_BinaryVector:
		return d.BinaryVector, 1, nil
	case *schemapb.VectorField_Float16Vector:
		return d.Float16Vector, 16, nil
	case *schemapb.VectorField_Bfloat16Vector:
		return d.Bfloat16Vector, 16, nil
	case *schemapb.VectorField_Int8Vector:
		return d.Int8Vector, 8, nil
	case nil:
		if len(v.ProtoReflect().GetUnknown()) == 0 {
			return nil, 8, nil // an empty array of vectors
		}
	}
	return nil, 0, fmt.Errorf("vectors come in a form (%T) that is not known", v.GetData())
}

// structEncoder encodes an array of structs field by field.
func structEncoder(fields []*schemapb.FieldData, rows int) (encoder, int, error) {
	for _, f := range fields {
		if Unknown(f.GetType()) {
			return nil, 0, fmt.Errorf("its field %q is of type %v, which is not known", f.GetFieldName(), f.GetType())
		}
	}
	parts, err := columnsOf(fields, rows)
	if err != nil {
		return nil, 0, err
	}
	return func(b []byte, i int) []byte {
		for p := range parts {
			b = parts[p].append(appendString(b, parts[p].name), i)
		}
		return b
	}, rows, nil
}

// knownArrays refuses rows whose elements are in a form that appendArray does not know.
func knownArrays(rows []*schemapb.ScalarField) error {
	for _, r := range rows {
		switch d := r.GetData().(type) {
		case *schemapb.ScalarField_BoolData, *schemapb.ScalarField_IntData, *schemapb.ScalarField_LongData,
			*schemapb.ScalarField_FloatData, *schemapb.ScalarField_DoubleData, *schemapb.ScalarField_StringData:
		case nil:
			if len(r.ProtoReflect().GetUnknown()) > 0 {
				return fmt.Errorf("an array's elements come in a form that is not known")
			}
		default:
			return fmt.Errorf("an array's elements come in a form (%T) that is not known", d)
		}
	}
	return nil
}

// appendArray appends the number of elements and, if there are any, their kind and values, in order. So an empty array is
// the same however the wire writes it.
func appendArray(b []byte, a *schemapb.ScalarField) []byte {
	begin := func(kind schemapb.DataType, n int) bool {
		b = le.AppendUint32(b, uint32(n))
		if n > 0 {
			b = append(b, byte(kind))
		}
		return n > 0
	}
	switch d := a.GetData().(type) {
	case *schemapb.ScalarField_BoolData:
		begin(schemapb.DataType_Bool, len(d.BoolData.GetData()))
		for _, x := range d.BoolData.GetData() {
			b = appendBool(b, x)
		}
	case *schemapb.ScalarField_IntData:
		begin(schemapb.DataType_Int32, len(d.IntData.GetData()))
		for _, x := range d.IntData.GetData() {
			b = le.AppendUint32(b, uint32(x))
		}
	case *schemapb.ScalarField_LongData:
		begin(schemapb.DataType_Int64, len(d.LongData.GetData()))
		for _, x := range d.LongData.GetData() {
			b = le.AppendUint64(b, uint64(x))
		}
	case *schemapb.ScalarField_FloatData:
		begin(schemapb.DataType_Float, len(d.FloatData.GetData()))
		for _, x := range d.FloatData.GetData() {
			b = appendFloat(b, x)
		}
	case *schemapb.ScalarField_DoubleData:
		begin(schemapb.DataType_Double, len(d.DoubleData.GetData()))
		for _, x := range d.DoubleData.GetData() {
			b = appendDouble(b, x)
		}
	case *schemapb.ScalarField_StringData:
		begin(schemapb.DataType_VarChar, len(d.StringData.GetData()))
		for _, x := range d.StringData.GetData() {
			b = appendString(b, x)
		}
	default:
		begin(schemapb.DataType_None, 0)
	}
	return b
}

// appendSparse appends a sparse vector, pairs of a uint32 index and a float32 value, by index. Milvus and pymilvus sort
// them; others need not.
func appendSparse(b, row []byte) []byte {
	b = appendBytes(b, row)
	if len(row)%8 != 0 || sortedSparse(row) {
		return b
	}
	pairs := b[len(b)-len(row):]
	words := make([][8]byte, len(row)/8)
	for i := range words {
		copy(words[i][:], pairs[8*i:])
	}
	slices.SortStableFunc(words, func(x, y [8]byte) int { return int(int64(le.Uint32(x[:])) - int64(le.Uint32(y[:]))) })
	for i := range words {
		copy(pairs[8*i:], words[i][:])
	}
	return b
}

func sortedSparse(row []byte) bool {
	for i := 8; i < len(row); i += 8 {
		if le.Uint32(row[i:]) <= le.Uint32(row[i-8:]) {
			return false
		}
	}
	return true
}

// appendTime appends a time that is written as text, as Milvus answers it, in whatever time zone: the instant counts.
func appendTime(b []byte, text string) []byte {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return appendString(append(b, 0), text)
	}
	return appendInstant(b, t.UnixMicro())
}

// appendInstant appends microseconds since 1970.
func appendInstant(b []byte, micros int64) []byte {
	return le.AppendUint64(append(b, 1), uint64(micros))
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

func appendBytes(b, v []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(v))), v...)
}

func appendString(b []byte, v string) []byte {
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(v))), v...)
}
