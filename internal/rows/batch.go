package rows

import (
	"fmt"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

// Batch is a run of rows of one range, as columns.
//
// Fields hold Rows values each, named and typed as the source's Schema says, in any order. A batch belongs to whoever
// received it: the reader that made it neither keeps nor changes it.
type Batch struct {
	Fields []*schemapb.FieldData
	Rows   int
	// First is the number of the first row in the source, where rows are numbered (files), else -1.
	First int64
	// After stands behind the batch's last row: reading on from it yields what follows and nothing twice.
	After Cursor
	// Where names row i (0 <= i < Rows) for a person, as "vectors.h5: row 17". Nil when the source can't tell.
	Where func(i int) string

	recycle []func()
}

// Field returns the column of that name, or nil.
func (b *Batch) Field(name string) *schemapb.FieldData {
	for _, f := range b.Fields {
		if f.GetFieldName() == name {
			return f
		}
	}
	return nil
}

// Place names row i for a message.
func (b *Batch) Place(i int) string {
	switch {
	case b.Where != nil:
		return b.Where(i)
	case b.First >= 0:
		return fmt.Sprintf("row %d", b.First+int64(i))
	}
	return fmt.Sprintf("row %d of the batch before %v", i, b.After)
}

// Int64Column makes a column of 64-bit integers. It takes v over.
func Int64Column(name string, v []int64) *schemapb.FieldData {
	return scalar(name, schemapb.DataType_Int64, &schemapb.ScalarField{
		Data: &schemapb.ScalarField_LongData{LongData: &schemapb.LongArray{Data: v}}})
}

// Int32Column makes a column of type Int8, Int16 or Int32, which all travel as 32-bit integers. It takes v over.
func Int32Column(name string, t schemapb.DataType, v []int32) *schemapb.FieldData {
	return scalar(name, t, &schemapb.ScalarField{
		Data: &schemapb.ScalarField_IntData{IntData: &schemapb.IntArray{Data: v}}})
}

// BoolColumn makes a column of booleans. It takes v over.
func BoolColumn(name string, v []bool) *schemapb.FieldData {
	return scalar(name, schemapb.DataType_Bool, &schemapb.ScalarField{
		Data: &schemapb.ScalarField_BoolData{BoolData: &schemapb.BoolArray{Data: v}}})
}

// FloatColumn makes a column of float32 scalars. It takes v over.
func FloatColumn(name string, v []float32) *schemapb.FieldData {
	return scalar(name, schemapb.DataType_Float, &schemapb.ScalarField{
		Data: &schemapb.ScalarField_FloatData{FloatData: &schemapb.FloatArray{Data: v}}})
}

// DoubleColumn makes a column of float64 scalars. It takes v over.
func DoubleColumn(name string, v []float64) *schemapb.FieldData {
	return scalar(name, schemapb.DataType_Double, &schemapb.ScalarField{
		Data: &schemapb.ScalarField_DoubleData{DoubleData: &schemapb.DoubleArray{Data: v}}})
}

// VarCharColumn makes a column of strings, which must be valid UTF-8. It takes v over.
func VarCharColumn(name string, v []string) *schemapb.FieldData {
	return scalar(name, schemapb.DataType_VarChar, &schemapb.ScalarField{
		Data: &schemapb.ScalarField_StringData{StringData: &schemapb.StringArray{Data: v}}})
}

// JSONColumn makes a column of JSON texts. It takes v over.
func JSONColumn(name string, v [][]byte) *schemapb.FieldData {
	return scalar(name, schemapb.DataType_JSON, &schemapb.ScalarField{
		Data: &schemapb.ScalarField_JsonData{JsonData: &schemapb.JSONArray{Data: v}}})
}

func scalar(name string, t schemapb.DataType, s *schemapb.ScalarField) *schemapb.FieldData {
	return &schemapb.FieldData{FieldName: name, Type: t, Field: &schemapb.FieldData_Scalars{Scalars: s}}
}

// FloatVectorColumn makes a column of float32 vectors laid end to end. It takes v over.
func FloatVectorColumn(name string, dim int64, v []float32) *schemapb.FieldData {
	return vector(name, schemapb.DataType_FloatVector, &schemapb.VectorField{Dim: dim,
		Data: &schemapb.VectorField_FloatVector{FloatVector: &schemapb.FloatArray{Data: v}}})
}

// BinaryVectorColumn makes a column of packed binary vectors laid end to end, dim/8 bytes each. It takes v over.
func BinaryVectorColumn(name string, dim int64, v []byte) *schemapb.FieldData {
	return vector(name, schemapb.DataType_BinaryVector, &schemapb.VectorField{Dim: dim,
		Data: &schemapb.VectorField_BinaryVector{BinaryVector: v}})
}

// Float16VectorColumn makes a column of float16 vectors laid end to end, little-endian. It takes v over.
func Float16VectorColumn(name string, dim int64, v []byte) *schemapb.FieldData {
	return vector(name, schemapb.DataType_Float16Vector, &schemapb.VectorField{Dim: dim,
		Data: &schemapb.VectorField_Float16Vector{Float16Vector: v}})
}

// BFloat16VectorColumn makes a column of bfloat16 vectors laid end to end, little-endian. It takes v over.
func BFloat16VectorColumn(name string, dim int64, v []byte) *schemapb.FieldData {
	return vector(name, schemapb.DataType_BFloat16Vector, &schemapb.VectorField{Dim: dim,
		Data: &schemapb.VectorField_Bfloat16Vector{Bfloat16Vector: v}})
}

func vector(name string, t schemapb.DataType, v *schemapb.VectorField) *schemapb.FieldData {
	return &schemapb.FieldData{FieldName: name, Type: t, Field: &schemapb.FieldData_Vectors{Vectors: v}}
}
