package fakemilvus

import (
	"fmt"
	"strings"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// cell is a value: a column of one row; nil is null.
type cell = *schemapb.FieldData

// row holds a row's values by field name.
type row map[string]cell

// Length is how many values a column holds, which are fewer than its rows where some are null.
func Length(f *schemapb.FieldData) (int, error) {
	switch d := f.GetField().(type) {
	case *schemapb.FieldData_Scalars:
		list, err := scalars(d.Scalars)
		if err != nil {
			return 0, fmt.Errorf("field %s: %w", f.GetFieldName(), err)
		}
		return list.Len(), nil
	case *schemapb.FieldData_Vectors:
		return vectorCount(f.GetFieldName(), d.Vectors)
	case *schemapb.FieldData_StructArrays:
		n := -1
		for _, sub := range d.StructArrays.GetFields() {
			m, err := Length(sub)
			if err != nil {
				return 0, err
			}
			if n >= 0 && m != n {
				return 0, fmt.Errorf("fields of struct %s have %d and %d values", f.GetFieldName(), n, m)
			}
			n = m
		}
		return n, nil
	}
	return 0, fmt.Errorf("field %s holds nothing", f.GetFieldName())
}

// scalars is the list of values of a scalar column, whatever their type: each kind of array of the proto has one, "data".
func scalars(s *schemapb.ScalarField) (protoreflect.List, error) {
	m := s.ProtoReflect()
	slot := m.WhichOneof(m.Descriptor().Oneofs().ByName("data"))
	if slot == nil {
		return nil, fmt.Errorf("no data that this proto knows")
	}
	array := m.Get(slot).Message()
	return array.Get(array.Descriptor().Fields().ByName("data")).List(), nil
}

// vectorWidth returns the bytes of a packed vector, or 0 for the other kinds.
func vectorWidth(v *schemapb.VectorField) (packed []byte, width int) {
	dim := int(v.GetDim())
	switch d := v.GetData().(type) {
	case *schemapb.VectorField_BinaryVector:
		return d.BinaryVector, dim / 8
	case *schemapb.VectorField_Float16Vector:
		return d.Float16Vector, dim * 2
	case *schemapb.VectorField_Bfloat16Vector:
		return d.Bfloat16Vector, dim * 2
	case *schemapb.VectorField_Int8Vector:
		return d.Int8Vector, dim
	}
	return nil, 0
}

func vectorCount(name string, v *schemapb.VectorField) (int, error) {
	switch d := v.GetData().(type) {
	case *schemapb.VectorField_SparseFloatVector:
		return len(d.SparseFloatVector.GetContents()), nil
	case *schemapb.VectorField_VectorArray:
		return len(d.VectorArray.GetData()), nil
	case *schemapb.VectorField_FloatVector:
		if n := len(d.FloatVector.GetData()); v.GetDim() > 0 && n%int(v.GetDim()) == 0 {
			return n / int(v.GetDim()), nil
		}
		return 0, fmt.Errorf("field %s: %d floats are no vectors of %d", name, len(d.FloatVector.GetData()), v.GetDim())
	case nil:
		return 0, nil // a column of nulls alone
	}
	packed, width := vectorWidth(v)
	if width == 0 || len(packed)%width != 0 {
		return 0, fmt.Errorf("field %s: %d bytes are no vectors of dimension %d", name, len(packed), v.GetDim())
	}
	return len(packed) / width, nil
}

// cut copies value i of a column.
func cut(f *schemapb.FieldData, i int) cell {
	out := &schemapb.FieldData{Type: f.Type, FieldName: f.FieldName, FieldId: f.FieldId, IsDynamic: f.IsDynamic}
	switch d := f.GetField().(type) {
	case *schemapb.FieldData_Scalars:
		s := &schemapb.ScalarField{}
		appendScalar(s, d.Scalars, i)
		out.Field = &schemapb.FieldData_Scalars{Scalars: s}
	case *schemapb.FieldData_Vectors:
		v := &schemapb.VectorField{Dim: d.Vectors.GetDim()}
		appendVector(v, d.Vectors, i)
		out.Field = &schemapb.FieldData_Vectors{Vectors: v}
	case *schemapb.FieldData_StructArrays:
		st := &schemapb.StructArrayField{}
		for _, sub := range d.StructArrays.GetFields() {
			st.Fields = append(st.Fields, cut(sub, i))
		}
		out.Field = &schemapb.FieldData_StructArrays{StructArrays: st}
	}
	return out
}

// add appends a value to a column of the same kind.
func add(to *schemapb.FieldData, c cell) {
	switch d := to.GetField().(type) {
	case *schemapb.FieldData_Scalars:
		appendScalar(d.Scalars, c.GetScalars(), 0)
	case *schemapb.FieldData_Vectors:
		d.Vectors.Dim = c.GetVectors().GetDim()
		appendVector(d.Vectors, c.GetVectors(), 0)
	case *schemapb.FieldData_StructArrays:
		for i, sub := range d.StructArrays.GetFields() {
			add(sub, c.GetStructArrays().GetFields()[i])
		}
	}
}

func appendScalar(to, from *schemapb.ScalarField, i int) {
	source := from.ProtoReflect()
	slot := source.WhichOneof(source.Descriptor().Oneofs().ByName("data"))
	array := source.Get(slot).Message()
	data := array.Descriptor().Fields().ByName("data")
	into := to.ProtoReflect().Mutable(slot).Message()
	into.Mutable(data).List().Append(array.Get(data).List().Get(i))
	if element := array.Descriptor().Fields().ByName("element_type"); element != nil {
		into.Set(element, array.Get(element))
	}
}

// addNull appends what a server puts where a scalar is null.
func addNull(to *schemapb.ScalarField) {
	m := to.ProtoReflect()
	slot := m.WhichOneof(m.Descriptor().Oneofs().ByName("data"))
	array := m.Mutable(slot).Message()
	list := array.Mutable(array.Descriptor().Fields().ByName("data")).List()
	list.Append(list.NewElement())
}

func appendVector(to, from *schemapb.VectorField, i int) {
	switch d := from.GetData().(type) {
	case *schemapb.VectorField_FloatVector:
		dim := int(from.GetDim())
		all := append(to.GetFloatVector().GetData(), d.FloatVector.GetData()[i*dim:(i+1)*dim]...)
		to.Data = &schemapb.VectorField_FloatVector{FloatVector: &schemapb.FloatArray{Data: all}}
		return
	case *schemapb.VectorField_SparseFloatVector:
		all := append(to.GetSparseFloatVector().GetContents(), d.SparseFloatVector.GetContents()[i])
		to.Data = &schemapb.VectorField_SparseFloatVector{SparseFloatVector: &schemapb.SparseFloatArray{Contents: all, Dim: max(to.GetSparseFloatVector().GetDim(), d.SparseFloatVector.GetDim())}}
		return
	case *schemapb.VectorField_VectorArray:
		all := append(to.GetVectorArray().GetData(), d.VectorArray.GetData()[i])
		to.Data = &schemapb.VectorField_VectorArray{VectorArray: &schemapb.VectorArray{Data: all, Dim: d.VectorArray.GetDim(), ElementType: d.VectorArray.GetElementType()}}
		return
	}
	packed, width := vectorWidth(from)
	before, _ := vectorWidth(to)
	all := append(before, packed[i*width:(i+1)*width]...)
	switch from.GetData().(type) {
	case *schemapb.VectorField_BinaryVector:
		to.Data = &schemapb.VectorField_BinaryVector{BinaryVector: all}
	case *schemapb.VectorField_Float16Vector:
		to.Data = &schemapb.VectorField_Float16Vector{Float16Vector: all}
	case *schemapb.VectorField_Bfloat16Vector:
		to.Data = &schemapb.VectorField_Bfloat16Vector{Bfloat16Vector: all}
	case *schemapb.VectorField_Int8Vector:
		to.Data = &schemapb.VectorField_Int8Vector{Int8Vector: all}
	}
}

// newColumn makes an empty column for an answer.
func newColumn(name string, t, element schemapb.DataType, dim int64) *schemapb.FieldData {
	f := &schemapb.FieldData{FieldName: name, Type: t}
	scalar := func(s *schemapb.ScalarField) { f.Field = &schemapb.FieldData_Scalars{Scalars: s} }
	vector := func(v *schemapb.VectorField) { f.Field = &schemapb.FieldData_Vectors{Vectors: v} }
	switch t {
	case schemapb.DataType_Bool:
		scalar(&schemapb.ScalarField{Data: &schemapb.ScalarField_BoolData{BoolData: &schemapb.BoolArray{}}})
	case schemapb.DataType_Int8, schemapb.DataType_Int16, schemapb.DataType_Int32:
		scalar(&schemapb.ScalarField{Data: &schemapb.ScalarField_IntData{IntData: &schemapb.IntArray{}}})
	case schemapb.DataType_Int64:
		scalar(&schemapb.ScalarField{Data: &schemapb.ScalarField_LongData{LongData: &schemapb.LongArray{}}})
	case schemapb.DataType_Float:
		scalar(&schemapb.ScalarField{Data: &schemapb.ScalarField_FloatData{FloatData: &schemapb.FloatArray{}}})
	case schemapb.DataType_Double:
		scalar(&schemapb.ScalarField{Data: &schemapb.ScalarField_DoubleData{DoubleData: &schemapb.DoubleArray{}}})
	case schemapb.DataType_JSON:
		scalar(&schemapb.ScalarField{Data: &schemapb.ScalarField_JsonData{JsonData: &schemapb.JSONArray{}}})
	case schemapb.DataType_Geometry:
		scalar(&schemapb.ScalarField{Data: &schemapb.ScalarField_GeometryWktData{GeometryWktData: &schemapb.GeometryWktArray{}}})
	case schemapb.DataType_Array:
		scalar(&schemapb.ScalarField{Data: &schemapb.ScalarField_ArrayData{ArrayData: &schemapb.ArrayArray{ElementType: element}}})
	case schemapb.DataType_FloatVector:
		vector(&schemapb.VectorField{Dim: dim, Data: &schemapb.VectorField_FloatVector{FloatVector: &schemapb.FloatArray{}}})
	case schemapb.DataType_SparseFloatVector:
		vector(&schemapb.VectorField{Dim: dim, Data: &schemapb.VectorField_SparseFloatVector{SparseFloatVector: &schemapb.SparseFloatArray{}}})
	case schemapb.DataType_BinaryVector:
		vector(&schemapb.VectorField{Dim: dim, Data: &schemapb.VectorField_BinaryVector{}})
	case schemapb.DataType_Float16Vector:
		vector(&schemapb.VectorField{Dim: dim, Data: &schemapb.VectorField_Float16Vector{}})
	case schemapb.DataType_BFloat16Vector:
		vector(&schemapb.VectorField{Dim: dim, Data: &schemapb.VectorField_Bfloat16Vector{}})
	case schemapb.DataType_Int8Vector:
		vector(&schemapb.VectorField{Dim: dim, Data: &schemapb.VectorField_Int8Vector{}})
	case schemapb.DataType_ArrayOfVector:
		vector(&schemapb.VectorField{Dim: dim, Data: &schemapb.VectorField_VectorArray{VectorArray: &schemapb.VectorArray{Dim: dim, ElementType: element}}})
	case schemapb.DataType_ArrayOfStruct:
		f.Field = &schemapb.FieldData_StructArrays{StructArrays: &schemapb.StructArrayField{}}
	default: // VarChar, Text and Timestamptz travel as strings
		scalar(&schemapb.ScalarField{Data: &schemapb.ScalarField_StringData{StringData: &schemapb.StringArray{}}})
	}
	return f
}

// defaultCell makes a value of a field's default.
func defaultCell(f *schemapb.FieldSchema) (cell, error) {
	column := newColumn(f.GetName(), f.GetDataType(), f.GetElementType(), 0)
	s := column.GetScalars()
	slot := map[schemapb.DataType]string{schemapb.DataType_Bool: "BoolData", schemapb.DataType_Int8: "IntData", schemapb.DataType_Int16: "IntData",
		schemapb.DataType_Int32: "IntData", schemapb.DataType_Int64: "LongData", schemapb.DataType_Float: "FloatData", schemapb.DataType_Double: "DoubleData",
		schemapb.DataType_VarChar: "StringData", schemapb.DataType_Geometry: "StringData", schemapb.DataType_JSON: "BytesData",
		schemapb.DataType_Timestamptz: "TimestamptzData"}[f.GetDataType()]
	if got := strings.TrimPrefix(fmt.Sprintf("%T", f.GetDefaultValue().GetData()), "*schemapb.ValueField_"); got != slot {
		return nil, fmt.Errorf("type (%v) of field (%s) is not equal to the type (%s) of default_value", f.GetDataType(), f.GetName(), got)
	}
	switch v := f.GetDefaultValue().GetData().(type) {
	case *schemapb.ValueField_BoolData:
		s.GetBoolData().Data = []bool{v.BoolData}
	case *schemapb.ValueField_IntData:
		s.GetIntData().Data = []int32{v.IntData}
	case *schemapb.ValueField_LongData:
		s.GetLongData().Data = []int64{v.LongData}
	case *schemapb.ValueField_FloatData:
		s.GetFloatData().Data = []float32{v.FloatData}
	case *schemapb.ValueField_DoubleData:
		s.GetDoubleData().Data = []float64{v.DoubleData}
	case *schemapb.ValueField_StringData:
		if s.GetGeometryWktData() != nil {
			s.GetGeometryWktData().Data = []string{v.StringData}
		} else {
			s.GetStringData().Data = []string{v.StringData}
		}
	case *schemapb.ValueField_BytesData:
		s.GetJsonData().Data = [][]byte{v.BytesData}
	case *schemapb.ValueField_TimestamptzData:
		s.GetStringData().Data = []string{time.UnixMicro(v.TimestamptzData).UTC().Format(time.RFC3339Nano)}
	default:
		return nil, fmt.Errorf("field %s has a default of type %T", f.GetName(), v)
	}
	return column, nil
}

// merge makes a column of values, of which some may be null, as an answer holds it.
func merge(column *schemapb.FieldData, cells []cell, nullable bool) *schemapb.FieldData {
	for _, c := range cells {
		if c != nil { // the values say more than the schema: where they travel, and the fields of a struct
			column = proto.Clone(c).(*schemapb.FieldData)
			empty(column)
			break
		}
	}
	for _, c := range cells {
		if nullable {
			column.ValidData = append(column.ValidData, c != nil)
		}
		switch {
		case c != nil:
			add(column, c)
		case column.GetScalars() != nil:
			addNull(column.GetScalars())
		}
	}
	forgetElements(column)
	return column
}

// forgetElements leaves out of arrays that hold nothing what they would hold, as Milvus does when it answers.
func forgetElements(f *schemapb.FieldData) {
	for _, sub := range f.GetStructArrays().GetFields() {
		forgetElements(sub)
	}
	rows := f.GetScalars().GetArrayData().GetData()
	for i, row := range rows {
		if list, err := scalars(row); err == nil && list.Len() == 0 {
			rows[i] = &schemapb.ScalarField{}
		}
	}
}

// checkElements refuses arrays that do not say what they would hold: older servers die of them.
func checkElements(f *schemapb.FieldData) error {
	for _, sub := range f.GetStructArrays().GetFields() {
		if err := checkElements(sub); err != nil {
			return err
		}
	}
	for _, row := range f.GetScalars().GetArrayData().GetData() {
		if row.GetData() == nil {
			return invalid("array field %s has a nil array", f.GetFieldName())
		}
	}
	return nil
}

// empty takes the values out of a column and leaves the rest.
func empty(f *schemapb.FieldData) {
	switch d := f.GetField().(type) {
	case *schemapb.FieldData_Scalars:
		m := d.Scalars.ProtoReflect()
		slot := m.WhichOneof(m.Descriptor().Oneofs().ByName("data"))
		array := m.Mutable(slot).Message()
		array.Clear(array.Descriptor().Fields().ByName("data"))
	case *schemapb.FieldData_Vectors:
		d.Vectors.Data = newColumn("", f.GetType(), d.Vectors.GetVectorArray().GetElementType(), d.Vectors.GetVectorArray().GetDim()).GetVectors().GetData()
	case *schemapb.FieldData_StructArrays:
		for _, sub := range d.StructArrays.GetFields() {
			empty(sub)
		}
	}
}

// Values takes a column apart: one value a row, nil where it is null. Values may lack where they are null, or stand for them.
func Values(f *schemapb.FieldData, rows int) ([]*schemapb.FieldData, error) {
	n, err := Length(f)
	if err != nil {
		return nil, err
	}
	valid, there := f.GetValidData(), rows
	if len(valid) != 0 {
		if len(valid) != rows {
			return nil, fmt.Errorf("field %s: valid_data of %d for %d rows", f.GetFieldName(), len(valid), rows)
		}
		for _, v := range valid {
			if !v {
				there--
			}
		}
	}
	if n != rows && n != there {
		return nil, fmt.Errorf("field %s: %d values for %d rows, of which %d are not null", f.GetFieldName(), n, rows, there)
	}
	out := make([]*schemapb.FieldData, rows)
	at := 0
	for i := range out {
		null := len(valid) > 0 && !valid[i]
		if !null {
			out[i] = cut(f, at)
		}
		if !null || n == rows {
			at++
		}
	}
	return out, nil
}

// Column makes a column of values, nil where null: as Milvus takes it with an insert, without room for those that are null.
// like is a value of the column's kind.
func Column(like *schemapb.FieldData, values []*schemapb.FieldData, withValid bool) *schemapb.FieldData {
	out := proto.Clone(like).(*schemapb.FieldData)
	empty(out)
	for _, v := range values {
		if withValid {
			out.ValidData = append(out.ValidData, v != nil)
		}
		if v != nil {
			add(out, v)
		}
	}
	return out
}
