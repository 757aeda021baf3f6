package compare

import (
	"fmt"
	"slices"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/rows"
)

// CommonFields returns the fields by which rows of two schemas can be compared. apart says of each other field of the left
// side why it can't be: the right side lacks it, or has it with another type. more says it of fields that only the right side
// has. Fields that a function makes are in neither; those of a type that is not known (see Unknown) are left out without a word.
func CommonFields(left, right rows.Schema, leftName, rightName string) (common, apart, more []string) {
	r := rowFields(right)
	for _, f := range rowFields(left) {
		i := slices.IndexFunc(r, func(g rowField) bool { return g.name == f.name })
		switch {
		case i < 0:
			apart = append(apart, fmt.Sprintf("field %q is in %s only", f.name, leftName))
			continue
		case f.kind != r[i].kind:
			apart = append(apart, fmt.Sprintf("field %q is %s in %s, %s in %s", f.name, f.kind, leftName, r[i].kind, rightName))
		case !f.unknown:
			common = append(common, f.name)
		}
		r = slices.Delete(r, i, i+1)
	}
	for _, g := range r {
		more = append(more, fmt.Sprintf("field %q is in %s only", g.name, rightName))
	}
	return common, apart, more
}

// rowField is a field that rows hold; kind says what its values are.
type rowField struct {
	name, kind string
	unknown    bool
}

func rowFields(s rows.Schema) []rowField {
	var out []rowField
	for _, f := range s.GetFields() {
		if f.GetIsFunctionOutput() || f.GetIsDynamic() {
			continue
		}
		kind := f.GetDataType().String()
		if f.GetDataType() == schemapb.DataType_Array {
			kind += " of " + f.GetElementType().String()
		}
		if dim := rows.TypeParam(f, "dim"); dim != "" {
			kind += " of dimension " + dim
		}
		out = append(out, rowField{name: f.GetName(), kind: kind, unknown: rows.Unknown(f.GetDataType())})
	}
	for _, f := range s.GetStructArrayFields() {
		kind := "ArrayOfStruct"
		for _, part := range f.GetFields() {
			kind += fmt.Sprintf(" %s %v", part.GetName(), part.GetElementType())
		}
		out = append(out, rowField{name: f.GetName(), kind: kind})
	}
	if s.GetEnableDynamicField() {
		out = append(out, rowField{name: rows.MetaField, kind: "dynamic field"})
	}
	return out
}
