package milvus

import (
	"fmt"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

// fill gives an answer's column a value for every row: some servers leave the values of null rows out. What stands there then
// means nothing. A column that has none at all stays empty.
func fill(f *schemapb.FieldData, rows int) error {
	valid := f.GetValidData()
	if len(valid) != 0 && len(valid) != rows {
		return fmt.Errorf("it says of %d rows whether they have a value, of %d", len(valid), rows)
	}
	n, known := values(f)
	if !known || n == rows {
		return nil
	}
	var spans []span
	at := 0
	for _, ok := range valid {
		if !ok {
			spans = append(spans, span{0, 1})
			continue
		}
		spans = append(spans, span{at, at + 1})
		at++
	}
	if len(valid) == 0 || at != n {
		return fmt.Errorf("it has %d values for %d rows", n, rows)
	}
	if n == 0 {
		return nil
	}
	compact := head(f)
	compact.Field = f.GetField()
	full, err := selectRows(compact, spans)
	if err != nil {
		return err
	}
	f.Field = full.GetField()
	return nil
}

// values is how many values a column has, and false if it is of a form that this program does not know.
func values(f *schemapb.FieldData) (int, bool) {
	switch d := f.GetField().(type) {
	case *schemapb.FieldData_Vectors:
		return vectorValues(d.Vectors)
	case *schemapb.FieldData_StructArrays:
		n, known := 0, len(d.StructArrays.GetFields()) > 0
		for i, m := range d.StructArrays.GetFields() {
			k, ok := values(m)
			if known = known && ok; i == 0 || k != n {
				n = max(n, k)
			}
		}
		return n, known
	case *schemapb.FieldData_Scalars:
		return scalarValues(d.Scalars)
	}
	return 0, false
}

func scalarValues(s *schemapb.ScalarField) (int, bool) {
	switch d := s.GetData().(type) {
	case *schemapb.ScalarField_BoolData:
		return len(d.BoolData.GetData()), true
	case *schemapb.ScalarField_IntData:
		return len(d.IntData.GetData()), true
	case *schemapb.ScalarField_LongData:
		return len(d.LongData.GetData()), true
	case *schemapb.ScalarField_FloatData:
		return len(d.FloatData.GetData()), true
	case *schemapb.ScalarField_DoubleData:
		return len(d.DoubleData.GetData()), true
	case *schemapb.ScalarField_StringData:
		return len(d.StringData.GetData()), true
	case *schemapb.ScalarField_BytesData:
		return len(d.BytesData.GetData()), true
	case *schemapb.ScalarField_ArrayData:
		return len(d.ArrayData.GetData()), true
	case *schemapb.ScalarField_JsonData:
		return len(d.JsonData.GetData()), true
	case *schemapb.ScalarField_GeometryData:
		return len(d.GeometryData.GetData()), true
	case *schemapb.ScalarField_GeometryWktData:
		return len(d.GeometryWktData.GetData()), true
	case *schemapb.ScalarField_TimestamptzData:
		return len(d.TimestamptzData.GetData()), true
	}
	return 0, false
}

func vectorValues(v *schemapb.VectorField) (int, bool) {
	dim := int(v.GetDim())
	packed := func(size, width int) (int, bool) {
		if width <= 0 || size%width != 0 {
			return -1, true // which is no number of rows
		}
		return size / width, true
	}
	switch d := v.GetData().(type) {
	case *schemapb.VectorField_FloatVector:
		return packed(len(d.FloatVector.GetData()), dim)
	case *schemapb.VectorField_BinaryVector:
		return packed(len(d.BinaryVector), dim/8)
	case *schemapb.VectorField_Float16Vector:
		return packed(len(d.Float16Vector), 2*dim)
	case *schemapb.VectorField_Bfloat16Vector:
		return packed(len(d.Bfloat16Vector), 2*dim)
	case *schemapb.VectorField_Int8Vector:
		return packed(len(d.Int8Vector), dim)
	case *schemapb.VectorField_SparseFloatVector:
		return len(d.SparseFloatVector.GetContents()), true
	case *schemapb.VectorField_VectorArray:
		return len(d.VectorArray.GetData()), true
	}
	return 0, false
}
