package milvus

import (
	"errors"
	"fmt"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

// span is the rows [from, to) of a batch.
type span struct{ from, to int }

// errUnknownType says that a column is of a type that is newer than this program.
var errUnknownType = errors.New("a type that this program does not know")

// selectRows returns a column with only the rows in spans, in their order. Rows of a single span are not copied.
func selectRows(f *schemapb.FieldData, spans []span) (*schemapb.FieldData, error) {
	out := head(f)
	var err error
	if len(f.GetValidData()) > 0 {
		if out.ValidData, err = pick(f.ValidData, 1, spans); err != nil {
			return nil, fmt.Errorf("field %q: %w", f.GetFieldName(), err)
		}
	}
	switch d := f.GetField().(type) {
	case *schemapb.FieldData_Scalars:
		var s *schemapb.ScalarField
		s, err = selectScalars(d.Scalars, spans)
		out.Field = &schemapb.FieldData_Scalars{Scalars: s}
	case *schemapb.FieldData_Vectors:
		var v *schemapb.VectorField
		v, err = selectVectors(d.Vectors, spans)
		out.Field = &schemapb.FieldData_Vectors{Vectors: v}
	case *schemapb.FieldData_StructArrays:
		members := &schemapb.StructArrayField{}
		for _, m := range d.StructArrays.GetFields() {
			if m, err = selectRows(m, spans); err != nil {
				break
			}
			members.Fields = append(members.Fields, m)
		}
		out.Field = &schemapb.FieldData_StructArrays{StructArrays: members}
	default:
		err = errUnknownType
	}
	if err != nil {
		return nil, fmt.Errorf("field %q: %w", f.GetFieldName(), err)
	}
	return out, nil
}

// head returns a column's name and type, without values and without the ID that the field has on some server.
func head(f *schemapb.FieldData) *schemapb.FieldData {
	return &schemapb.FieldData{Type: f.GetType(), FieldName: f.GetFieldName(), IsDynamic: f.GetIsDynamic()}
}

func selectScalars(s *schemapb.ScalarField, spans []span) (*schemapb.ScalarField, error) {
	out := &schemapb.ScalarField{}
	var err error
	switch d := s.GetData().(type) {
	case *schemapb.ScalarField_BoolData:
		v := &schemapb.BoolArray{}
		v.Data, err = pick(d.BoolData.GetData(), 1, spans)
		out.Data = &schemapb.ScalarField_BoolData{BoolData: v}
	case *schemapb.ScalarField_IntData:
		v := &schemapb.IntArray{}
		v.Data, err = pick(d.IntData.GetData(), 1, spans)
		out.Data = &schemapb.ScalarField_IntData{IntData: v}
	case *schemapb.ScalarField_LongData:
		v := &schemapb.LongArray{}
		v.Data, err = pick(d.LongData.GetData(), 1, spans)
		out.Data = &schemapb.ScalarField_LongData{LongData: v}
	case *schemapb.ScalarField_FloatData:
		v := &schemapb.FloatArray{}
		v.Data, err = pick(d.FloatData.GetData(), 1, spans)
		out.Data = &schemapb.ScalarField_FloatData{FloatData: v}
	case *schemapb.ScalarField_DoubleData:
		v := &schemapb.DoubleArray{}
		v.Data, err = pick(d.DoubleData.GetData(), 1, spans)
		out.Data = &schemapb.ScalarField_DoubleData{DoubleData: v}
	case *schemapb.ScalarField_StringData:
		v := &schemapb.StringArray{}
		v.Data, err = pick(d.StringData.GetData(), 1, spans)
		out.Data = &schemapb.ScalarField_StringData{StringData: v}
	case *schemapb.ScalarField_BytesData:
		v := &schemapb.BytesArray{}
		v.Data, err = pick(d.BytesData.GetData(), 1, spans)
		out.Data = &schemapb.ScalarField_BytesData{BytesData: v}
	case *schemapb.ScalarField_ArrayData:
		v := &schemapb.ArrayArray{ElementType: d.ArrayData.GetElementType()}
		v.Data, err = pick(d.ArrayData.GetData(), 1, spans)
		out.Data = &schemapb.ScalarField_ArrayData{ArrayData: v}
	case *schemapb.ScalarField_JsonData:
		v := &schemapb.JSONArray{}
		v.Data, err = pick(d.JsonData.GetData(), 1, spans)
		out.Data = &schemapb.ScalarField_JsonData{JsonData: v}
	case *schemapb.ScalarField_GeometryData:
		v := &schemapb.GeometryArray{}
		v.Data, err = pick(d.GeometryData.GetData(), 1, spans)
		out.Data = &schemapb.ScalarField_GeometryData{GeometryData: v}
	case *schemapb.ScalarField_GeometryWktData:
		v := &schemapb.GeometryWktArray{}
		v.Data, err = pick(d.GeometryWktData.GetData(), 1, spans)
		out.Data = &schemapb.ScalarField_GeometryWktData{GeometryWktData: v}
	case *schemapb.ScalarField_TimestamptzData:
		v := &schemapb.TimestamptzArray{}
		v.Data, err = pick(d.TimestamptzData.GetData(), 1, spans)
		out.Data = &schemapb.ScalarField_TimestamptzData{TimestamptzData: v}
	default:
		return nil, errUnknownType
	}
	return out, err
}

func selectVectors(f *schemapb.VectorField, spans []span) (*schemapb.VectorField, error) {
	out := &schemapb.VectorField{Dim: f.GetDim()}
	dim := int(f.GetDim())
	var err error
	switch d := f.GetData().(type) {
	case *schemapb.VectorField_FloatVector:
		v := &schemapb.FloatArray{}
		v.Data, err = pick(d.FloatVector.GetData(), dim, spans)
		out.Data = &schemapb.VectorField_FloatVector{FloatVector: v}
	case *schemapb.VectorField_BinaryVector:
		v := &schemapb.VectorField_BinaryVector{}
		v.BinaryVector, err = pick(d.BinaryVector, dim/8, spans)
		out.Data = v
	case *schemapb.VectorField_Float16Vector:
		v := &schemapb.VectorField_Float16Vector{}
		v.Float16Vector, err = pick(d.Float16Vector, dim*2, spans)
		out.Data = v
	case *schemapb.VectorField_Bfloat16Vector:
		v := &schemapb.VectorField_Bfloat16Vector{}
		v.Bfloat16Vector, err = pick(d.Bfloat16Vector, dim*2, spans)
		out.Data = v
	case *schemapb.VectorField_Int8Vector:
		v := &schemapb.VectorField_Int8Vector{}
		v.Int8Vector, err = pick(d.Int8Vector, dim, spans)
		out.Data = v
	case *schemapb.VectorField_SparseFloatVector:
		v := &schemapb.SparseFloatArray{Dim: d.SparseFloatVector.GetDim()}
		v.Contents, err = pick(d.SparseFloatVector.GetContents(), 1, spans)
		out.Data = &schemapb.VectorField_SparseFloatVector{SparseFloatVector: v}
	case *schemapb.VectorField_VectorArray:
		v := &schemapb.VectorArray{Dim: d.VectorArray.GetDim(), ElementType: d.VectorArray.GetElementType()}
		v.Data, err = pick(d.VectorArray.GetData(), 1, spans)
		out.Data = &schemapb.VectorField_VectorArray{VectorArray: v}
	default:
		return nil, errUnknownType
	}
	return out, err
}

// pick returns the rows of width elements each that lie in spans.
func pick[T any](v []T, width int, spans []span) ([]T, error) {
	rows := 0
	for _, s := range spans {
		if width <= 0 || s.to*width > len(v) {
			return nil, fmt.Errorf("no row %d of %d values, %d a row", s.to-1, len(v), width)
		}
		rows += s.to - s.from
	}
	if len(spans) == 1 {
		return v[spans[0].from*width : spans[0].to*width], nil
	}
	out := make([]T, 0, rows*width)
	for _, s := range spans {
		out = append(out, v[s.from*width:s.to*width]...)
	}
	return out, nil
}
