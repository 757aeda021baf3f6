package milvus

import (
	"slices"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/protobuf/proto"
)

// stateElements gives each array that holds nothing the kind of its elements. Milvus 2.3 leaves that out of an answer, and dies of
// an insert without it; later ones refuse it. f's values are replaced by others where need be, and not changed.
func stateElements(f *schemapb.FieldData, element schemapb.DataType) {
	if parts := f.GetStructArrays().GetFields(); len(parts) > 0 {
		stated := make([]*schemapb.FieldData, len(parts))
		for i, p := range parts {
			stated[i] = head(p)
			stated[i].Field, stated[i].ValidData = p.GetField(), p.GetValidData()
			stateElements(stated[i], schemapb.DataType_None)
		}
		f.Field = &schemapb.FieldData_StructArrays{StructArrays: &schemapb.StructArrayField{Fields: stated}}
		return
	}
	array := f.GetScalars().GetArrayData()
	if !slices.ContainsFunc(array.GetData(), statesNothing) {
		return
	}
	if element == schemapb.DataType_None {
		element = array.GetElementType()
	}
	rows := slices.Clone(array.GetData())
	for i, row := range rows {
		if statesNothing(row) {
			rows[i] = emptyArray(element)
		}
	}
	f.Field = &schemapb.FieldData_Scalars{Scalars: &schemapb.ScalarField{Data: &schemapb.ScalarField_ArrayData{
		ArrayData: &schemapb.ArrayArray{Data: rows, ElementType: array.GetElementType()}}}}
}

// statesNothing reports whether an array has neither elements nor their kind, not even one that this program does not know.
func statesNothing(row *schemapb.ScalarField) bool {
	return row.GetData() == nil && proto.Size(row) == 0
}

func emptyArray(element schemapb.DataType) *schemapb.ScalarField {
	switch element {
	case schemapb.DataType_Bool:
		return &schemapb.ScalarField{Data: &schemapb.ScalarField_BoolData{BoolData: &schemapb.BoolArray{}}}
	case schemapb.DataType_Int8, schemapb.DataType_Int16, schemapb.DataType_Int32:
		return &schemapb.ScalarField{Data: &schemapb.ScalarField_IntData{IntData: &schemapb.IntArray{}}}
	case schemapb.DataType_Int64:
		return &schemapb.ScalarField{Data: &schemapb.ScalarField_LongData{LongData: &schemapb.LongArray{}}}
	case schemapb.DataType_Float:
		return &schemapb.ScalarField{Data: &schemapb.ScalarField_FloatData{FloatData: &schemapb.FloatArray{}}}
	case schemapb.DataType_Double:
		return &schemapb.ScalarField{Data: &schemapb.ScalarField_DoubleData{DoubleData: &schemapb.DoubleArray{}}}
	case schemapb.DataType_String, schemapb.DataType_VarChar, schemapb.DataType_Text:
		return &schemapb.ScalarField{Data: &schemapb.ScalarField_StringData{StringData: &schemapb.StringArray{}}}
	}
	return &schemapb.ScalarField{} // there is none of this kind yet
}
