package hdf5

import (
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/transfer"
)

// slice returns rows [from, from+n) of a column without copying. What is appended to it does not reach the column.
func slice(f *schemapb.FieldData, from, n int) *schemapb.FieldData {
	name := f.FieldName
	if v := f.GetVectors(); v != nil {
		switch f.Type {
		case schemapb.DataType_FloatVector:
			return transfer.FloatVectorColumn(name, v.Dim, sub(v.GetFloatVector().GetData(), from, n, int(v.Dim)))
		case schemapb.DataType_BinaryVector:
			return transfer.BinaryVectorColumn(name, v.Dim, sub(v.GetBinaryVector(), from, n, int(v.Dim/8)))
		case schemapb.DataType_Float16Vector:
			return transfer.Float16VectorColumn(name, v.Dim, sub(v.GetFloat16Vector(), from, n, int(2*v.Dim)))
		case schemapb.DataType_BFloat16Vector:
			return transfer.BFloat16VectorColumn(name, v.Dim, sub(v.GetBfloat16Vector(), from, n, int(2*v.Dim)))
		}
	}
	s := f.GetScalars()
	switch f.Type {
	case schemapb.DataType_Bool:
		return transfer.BoolColumn(name, sub(s.GetBoolData().GetData(), from, n, 1))
	case schemapb.DataType_Int8, schemapb.DataType_Int16, schemapb.DataType_Int32:
		return transfer.Int32Column(name, f.Type, sub(s.GetIntData().GetData(), from, n, 1))
	case schemapb.DataType_Int64:
		return transfer.Int64Column(name, sub(s.GetLongData().GetData(), from, n, 1))
	case schemapb.DataType_Float:
		return transfer.FloatColumn(name, sub(s.GetFloatData().GetData(), from, n, 1))
	case schemapb.DataType_Double:
		return transfer.DoubleColumn(name, sub(s.GetDoubleData().GetData(), from, n, 1))
	case schemapb.DataType_VarChar:
		return transfer.VarCharColumn(name, sub(s.GetStringData().GetData(), from, n, 1))
	case schemapb.DataType_JSON:
		return transfer.JSONColumn(name, sub(s.GetJsonData().GetData(), from, n, 1))
	}
	panic("hdf5: no decoder makes columns of type " + f.Type.String())
}

// sub is rows [from, from+n) of width values each.
func sub[T any](v []T, from, n, width int) []T {
	return v[from*width : (from+n)*width : (from+n)*width]
}
