package rows

import (
	"fmt"
	"slices"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

// Keep leaves only the rows i of the batch for which keep(i) is true, in place. First and Where then no longer fit and are
// made to: First is -1 once a row was dropped, Where still names each row that is left. A batch with a column of a type that
// is not known (see Unknown) can't lose rows: that is an error, and so is a column that does not hold a value for each row.
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
		if err := keepRows(f, b.Rows, rows); err != nil {
			return fmt.Errorf("field %q: %w", f.GetFieldName(), err)
		}
	}
	old := *b
	b.Where = func(i int) string { return old.Place(rows[i]) }
	b.Rows, b.First = len(rows), -1
	return nil
}

// Only leaves only the named fields.
func (b *Batch) Only(names map[string]bool) {
	var fields []*schemapb.FieldData
	for _, f := range b.Fields {
		if names[f.GetFieldName()] {
			fields = append(fields, f)
		}
	}
	b.Fields = fields
}

// keepRows leaves the given rows, ascending, of n.
func keepRows(f *schemapb.FieldData, n int, rows []int) error {
	p := picker{n: n, rows: rows}
	if len(f.GetValidData()) > 0 {
		allNull := !slices.Contains(f.ValidData, true)
		pick(&p, &f.ValidData, 1) // which is never left out itself
		p.mayBeEmpty = allNull
	}
	switch {
	case f.GetVectors() != nil:
		keepVectors(&p, f.GetVectors())
	case f.GetStructArrays() != nil:
		for _, part := range f.GetStructArrays().GetFields() {
			if err := keepRows(part, n, rows); err != nil {
				return fmt.Errorf("field %q: %w", part.GetFieldName(), err)
			}
		}
	default:
		keepScalars(&p, f.GetScalars())
	}
	if p.err != nil {
		return fmt.Errorf("rows of type %v can't be picked: %w", f.GetType(), p.err)
	}
	return nil
}

func keepVectors(p *picker, v *schemapb.VectorField) {
	dim := int(v.GetDim())
	switch d := v.GetData().(type) {
	case *schemapb.VectorField_FloatVector:
		pick(p, &d.FloatVector.Data, dim)
	case *schemapb.VectorField_BinaryVector:
		pick(p, &d.BinaryVector, dim/8)
	case *schemapb.VectorField_Float16Vector:
		pick(p, &d.Float16Vector, dim*2)
	case *schemapb.VectorField_Bfloat16Vector:
		pick(p, &d.Bfloat16Vector, dim*2)
	case *schemapb.VectorField_Int8Vector:
		pick(p, &d.Int8Vector, dim)
	case *schemapb.VectorField_SparseFloatVector:
		pick(p, &d.SparseFloatVector.Contents, 1)
	case *schemapb.VectorField_VectorArray:
		pick(p, &d.VectorArray.Data, 1)
	default:
		p.err = fmt.Errorf("it comes in a form (%T) that is not known", d)
	}
}

func keepScalars(p *picker, s *schemapb.ScalarField) {
	switch d := s.GetData().(type) {
	case *schemapb.ScalarField_BoolData:
		pick(p, &d.BoolData.Data, 1)
	case *schemapb.ScalarField_IntData:
		pick(p, &d.IntData.Data, 1)
	case *schemapb.ScalarField_LongData:
		pick(p, &d.LongData.Data, 1)
	case *schemapb.ScalarField_FloatData:
		pick(p, &d.FloatData.Data, 1)
	case *schemapb.ScalarField_DoubleData:
		pick(p, &d.DoubleData.Data, 1)
	case *schemapb.ScalarField_StringData:
		pick(p, &d.StringData.Data, 1)
	case *schemapb.ScalarField_BytesData:
		pick(p, &d.BytesData.Data, 1)
	case *schemapb.ScalarField_JsonData:
		pick(p, &d.JsonData.Data, 1)
	case *schemapb.ScalarField_ArrayData:
		pick(p, &d.ArrayData.Data, 1)
	case *schemapb.ScalarField_GeometryData:
		pick(p, &d.GeometryData.Data, 1)
	case *schemapb.ScalarField_GeometryWktData:
		pick(p, &d.GeometryWktData.Data, 1)
	case *schemapb.ScalarField_TimestamptzData:
		pick(p, &d.TimestamptzData.Data, 1)
	default:
		p.err = fmt.Errorf("it comes in a form (%T) that is not known", d)
	}
}

// picker leaves the given rows, ascending, of n. mayBeEmpty: a column of nulls may hold no values at all.
type picker struct {
	n          int
	rows       []int
	mayBeEmpty bool
	err        error
}

// pick moves the rows, of width elements each, to the front of v and drops what is behind them.
func pick[T any](p *picker, v *[]T, width int) {
	switch {
	case p.mayBeEmpty && len(*v) == 0:
		return
	case width <= 0 || len(*v) != p.n*width:
		p.err = fmt.Errorf("%d elements are not %d rows of %d", len(*v), p.n, width)
		return
	}
	for to, from := range p.rows {
		copy((*v)[to*width:(to+1)*width], (*v)[from*width:(from+1)*width])
	}
	*v = (*v)[:len(p.rows)*width]
}
