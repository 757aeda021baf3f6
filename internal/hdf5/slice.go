package hdf5

import (
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

// slice returns rows [from, from+n) of a column of values of one size, without copying. What is appended to it does not
// reach the column.
func slice(f *schemapb.FieldData, from, n int) *schemapb.FieldData {
	out := &schemapb.FieldData{Type: f.Type, FieldName: f.FieldName, IsDynamic: f.IsDynamic}
	if len(f.ValidData) > 0 {
		out.ValidData = sub(f.ValidData, from, n, 1)
	}
	if v := f.GetVectors(); v != nil {
		out.Field = &schemapb.FieldData_Vectors{Vectors: sliceVectors(v, from, n)}
	} else {
		out.Field = &schemapb.FieldData_Scalars{Scalars: sliceScalars(f.GetScalars(), from, n)}
	}
	return out
}

func sliceVectors(v *schemapb.VectorField, from, n int) *schemapb.VectorField {
	out := &schemapb.VectorField{Dim: v.Dim}
	dim := int(v.Dim)
	switch d := v.Data.(type) {
	case *schemapb.VectorField_FloatVector:
		out.Data = &schemapb.VectorField_FloatVector{FloatVector: &schemapb.FloatArray{Data: sub(d.FloatVector.Data, from, n, dim)}}
	case *schemapb.VectorField_BinaryVector:
		out.Data = &schemapb.VectorField_BinaryVector{BinaryVector: sub(d.BinaryVector, from, n, dim/8)}
	case *schemapb.VectorField_Float16Vector:
		out.Data = &schemapb.VectorField_Float16Vector{Float16Vector: sub(d.Float16Vector, from, n, 2*dim)}
	case *schemapb.VectorField_Bfloat16Vector:
		out.Data = &schemapb.VectorField_Bfloat16Vector{Bfloat16Vector: sub(d.Bfloat16Vector, from, n, 2*dim)}
	case *schemapb.VectorField_Int8Vector:
		out.Data = &schemapb.VectorField_Int8Vector{Int8Vector: sub(d.Int8Vector, from, n, dim)}
	default:
		panic("hdf5: no decoder of values of one size makes these vectors")
	}
	return out
}

func sliceScalars(s *schemapb.ScalarField, from, n int) *schemapb.ScalarField {
	out := &schemapb.ScalarField{}
	switch d := s.Data.(type) {
	case *schemapb.ScalarField_BoolData:
		out.Data = &schemapb.ScalarField_BoolData{BoolData: &schemapb.BoolArray{Data: sub(d.BoolData.Data, from, n, 1)}}
	case *schemapb.ScalarField_IntData:
		out.Data = &schemapb.ScalarField_IntData{IntData: &schemapb.IntArray{Data: sub(d.IntData.Data, from, n, 1)}}
	case *schemapb.ScalarField_LongData:
		out.Data = &schemapb.ScalarField_LongData{LongData: &schemapb.LongArray{Data: sub(d.LongData.Data, from, n, 1)}}
	case *schemapb.ScalarField_TimestamptzData:
		out.Data = &schemapb.ScalarField_TimestamptzData{TimestamptzData: &schemapb.TimestamptzArray{Data: sub(d.TimestamptzData.Data, from, n, 1)}}
	case *schemapb.ScalarField_FloatData:
		out.Data = &schemapb.ScalarField_FloatData{FloatData: &schemapb.FloatArray{Data: sub(d.FloatData.Data, from, n, 1)}}
	case *schemapb.ScalarField_DoubleData:
		out.Data = &schemapb.ScalarField_DoubleData{DoubleData: &schemapb.DoubleArray{Data: sub(d.DoubleData.Data, from, n, 1)}}
	case *schemapb.ScalarField_StringData: // of fixed length in the file
		out.Data = &schemapb.ScalarField_StringData{StringData: &schemapb.StringArray{Data: sub(d.StringData.Data, from, n, 1)}}
	case *schemapb.ScalarField_JsonData:
		out.Data = &schemapb.ScalarField_JsonData{JsonData: &schemapb.JSONArray{Data: sub(d.JsonData.Data, from, n, 1)}}
	default:
		panic("hdf5: no decoder of values of one size makes these scalars")
	}
	return out
}

// sub is rows [from, from+n) of width values each.
func sub[T any](v []T, from, n, width int) []T {
	return v[from*width : (from+n)*width : (from+n)*width]
}
