package transfer

import (
	"fmt"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

// Keep leaves only the rows i of the batch for which keep(i) is true, in place. First and Where then no longer fit and are
// made to: First is -1 once a row was dropped, Where still names each row that is left.
func (b *Batch) Keep(keep func(i int) bool) error {
	var rows []int
	for i := range b.Rows {
		if keep(i) {
			rows = append(rows, i)
		}
	}
	if len(rows) == b.Rows {
		return nil
	}
	for _, f := range b.Fields {
		if err := keepRows(f, rows); err != nil {
			return fmt.Errorf("field %q: %w", f.GetFieldName(), err)
		}
	}
	old := *b
	b.Where = func(i int) string { return old.Place(rows[i]) }
	b.Rows, b.First = len(rows), -1
	return nil
}

func keepRows(f *schemapb.FieldData, rows []int) error {
	if v := f.GetVectors(); v != nil {
		dim := int(v.GetDim())
		switch d := v.GetData().(type) {
		case *schemapb.VectorField_FloatVector:
			d.FloatVector.Data = pick(d.FloatVector.Data, dim, rows)
		case *schemapb.VectorField_BinaryVector:
			d.BinaryVector = pick(d.BinaryVector, dim/8, rows)
		case *schemapb.VectorField_Float16Vector:
			d.Float16Vector = pick(d.Float16Vector, dim*2, rows)
		case *schemapb.VectorField_Bfloat16Vector:
			d.Bfloat16Vector = pick(d.Bfloat16Vector, dim*2, rows)
		case *schemapb.VectorField_Int8Vector:
			d.Int8Vector = pick(d.Int8Vector, dim, rows)
		case *schemapb.VectorField_SparseFloatVector:
			d.SparseFloatVector.Contents = pick(d.SparseFloatVector.Contents, 1, rows)
		default:
			return fmt.Errorf("rows of type %v can't be picked", f.GetType())
		}
		return nil
	}
	switch d := f.GetScalars().GetData().(type) {
	case *schemapb.ScalarField_BoolData:
		d.BoolData.Data = pick(d.BoolData.Data, 1, rows)
	case *schemapb.ScalarField_IntData:
		d.IntData.Data = pick(d.IntData.Data, 1, rows)
	case *schemapb.ScalarField_LongData:
		d.LongData.Data = pick(d.LongData.Data, 1, rows)
	case *schemapb.ScalarField_FloatData:
		d.FloatData.Data = pick(d.FloatData.Data, 1, rows)
	case *schemapb.ScalarField_DoubleData:
		d.DoubleData.Data = pick(d.DoubleData.Data, 1, rows)
	case *schemapb.ScalarField_StringData:
		d.StringData.Data = pick(d.StringData.Data, 1, rows)
	case *schemapb.ScalarField_JsonData:
		d.JsonData.Data = pick(d.JsonData.Data, 1, rows)
	case *schemapb.ScalarField_ArrayData:
		d.ArrayData.Data = pick(d.ArrayData.Data, 1, rows)
	default:
		return fmt.Errorf("rows of type %v can't be picked", f.GetType())
	}
	return nil
}

// pick moves the given rows, ascending, of width elements each, to the front of v.
func pick[T any](v []T, width int, rows []int) []T {
	for to, from := range rows {
		copy(v[to*width:(to+1)*width], v[from*width:(from+1)*width])
	}
	return v[:len(rows)*width]
}
