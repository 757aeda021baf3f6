package rows

import (
	"strings"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/fault"
)

// lengthsSchema has a VarChar field of 4 bytes, and an array of 2 of them.
func lengthsSchema() Schema {
	words := VarCharField("words", 4)
	words.DataType, words.ElementType = schemapb.DataType_Array, schemapb.DataType_VarChar
	words.TypeParams = append(words.TypeParams, &commonpb.KeyValuePair{Key: "max_capacity", Value: "2"})
	return Schema{CollectionSchema: &schemapb.CollectionSchema{Fields: []*schemapb.FieldSchema{KeyField("id"),
		VarCharField("title", 4), words}}}
}

func stringScalars(s ...string) *schemapb.ScalarField {
	return &schemapb.ScalarField{Data: &schemapb.ScalarField_StringData{StringData: &schemapb.StringArray{Data: s}}}
}

func scalars(name string, s *schemapb.ScalarField) *schemapb.FieldData {
	return &schemapb.FieldData{FieldName: name, Field: &schemapb.FieldData_Scalars{Scalars: s}}
}

// TestLongValuesAreNamed: row, field, length and limit, and the key that widens where there is one.
func TestLongValuesAreNamed(t *testing.T) {
	arrays := func(a ...*schemapb.ScalarField) *schemapb.ScalarField {
		return &schemapb.ScalarField{Data: &schemapb.ScalarField_ArrayData{ArrayData: &schemapb.ArrayArray{Data: a}}}
	}
	for _, x := range []struct {
		column *schemapb.FieldData
		widen  string
		says   []string
	}{
		{scalars("title", stringScalars("abcd", "")), "", nil},
		{scalars("title", stringScalars("abcd", "héll")), "max_length",
			[]string{`row 1: the value of "title" has 5 bytes, and the field takes 4 (max_length)`,
				"max_length: {FIELD: 5}"}},
		{scalars("title", stringScalars("abcde")), "", []string{"row 0", "correct the row in the source"}},
		{scalars("words", arrays(stringScalars("a", "b"), stringScalars("abcde"))), "w",
			[]string{`row 1: the value of "words" has 5 bytes`, "w: {FIELD: 5}"}},
		{scalars("words", arrays(stringScalars("a", "b", "c"))), "w",
			[]string{`row 0: the value of "words" has 3 items, and the field takes 2 (max_capacity)`}},
		{scalars("unknown", stringScalars("abcdefgh")), "", nil},
	} {
		b := &Batch{Rows: 2, Fields: []*schemapb.FieldData{x.column},
			Where: func(i int) string { return "row " + string(rune('0'+i)) }}
		err := CheckLengths(b, lengthsSchema(), x.widen)
		if (err == nil) != (x.says == nil) || err != nil && fault.KindOf(err) != fault.Corrupt {
			t.Errorf("%v: %v", x.column, err)
			continue
		}
		for _, says := range x.says {
			if !strings.Contains(err.Error(), says) {
				t.Errorf("%q lacks %q", err, says)
			}
		}
		if x.widen == "" && err != nil && strings.Contains(err.Error(), "FIELD") {
			t.Errorf("%q names a key, and there is none", err)
		}
	}
}

func TestWiden(t *testing.T) {
	s := lengthsSchema()
	if err := Widen(s, map[string]string{"title": "40", "words": "4"}, "at"); err != nil || TypeParam(s.Field("title"),
		"max_length") != "40" ||
		TypeParam(s.Field("words"), "max_length") != "4" || TypeParam(s.Field("words"), "max_capacity") != "2" {
		t.Errorf("%v, %v", s, err)
	}
	for name, says := range map[string]string{"titel": "at.titel: there is no such field",
		"id":    "at.id: the field is Int64 and has no max_length",
		"words": "at.words: is 3, and the source's field takes 4"} {
		if err := Widen(lengthsSchema(), map[string]string{name: "3"}, "at"); fault.KindOf(err) != fault.Config ||
			!strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
