package milvus

import (
	"os"
	"strings"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/fault"
	"milvusdm/internal/rows"
)

func TestWhatAServerCannotHoldIsNamed(t *testing.T) {
	of := func(name string, t schemapb.DataType) *schemapb.FieldSchema {
		return &schemapb.FieldSchema{Name: name, DataType: t}
	}
	nullable, clustering, output, analyzed := of("n", schemapb.DataType_Int64), of("c", schemapb.DataType_Int64), of("o", schemapb.DataType_SparseFloatVector), of("a", schemapb.DataType_VarChar)
	nullable.Nullable, clustering.IsClusteringKey, output.IsFunctionOutput = true, true, true
	analyzed.TypeParams = []*commonpb.KeyValuePair{{Key: "enable_analyzer", Value: "true"}}
	cases := []struct {
		fields  []*schemapb.FieldSchema
		since   string
		refused []string // versions that can't
		held    []string
	}{
		{[]*schemapb.FieldSchema{of("x", schemapb.DataType_FloatVector), of("y", schemapb.DataType_BinaryVector)}, `"y" (a second vector field) needs Milvus 2.4`, []string{"v2.3.5-lite"}, []string{"2.4.0"}},
		{[]*schemapb.FieldSchema{of("x", schemapb.DataType_Float16Vector)}, `"x" (type Float16Vector) needs Milvus 2.3.5`, []string{"2.3.4"}, []string{"v2.4.0-rc.1", "v2.3.5-lite", "2.10.1", "3.0", "my own"}},
		{[]*schemapb.FieldSchema{of("x", schemapb.DataType_BFloat16Vector)}, `"x" (type BFloat16Vector)`, []string{"2.3.5"}, []string{"2.4.1"}},
		{[]*schemapb.FieldSchema{of("x", schemapb.DataType_SparseFloatVector)}, `"x" (type SparseFloatVector)`, []string{"2.3.5"}, []string{"2.4.1"}},
		{[]*schemapb.FieldSchema{of("x", schemapb.DataType_Array)}, `"x" (type Array) needs Milvus 2.3.2`, []string{"2.3.1"}, []string{"2.3.5"}},
		{[]*schemapb.FieldSchema{clustering}, `"c" (a clustering key) needs Milvus 2.4.7`, []string{"2.4.6"}, []string{"2.4.7"}},
		{[]*schemapb.FieldSchema{nullable}, `"n" (a nullable field) needs Milvus 2.5`, []string{"2.4.15"}, []string{"2.5.0"}},
		{[]*schemapb.FieldSchema{output}, `"o" (the output of a function) needs Milvus 2.5`, []string{"2.4.15"}, []string{"2.5.0"}},
		{[]*schemapb.FieldSchema{analyzed}, `"a" (text analysis) needs Milvus 2.5`, []string{"2.4.15"}, []string{"2.5.0"}},
		{[]*schemapb.FieldSchema{of("x", schemapb.DataType_Int8Vector)}, `"x" (type Int8Vector) needs Milvus 2.6`, []string{"2.5.9"}, []string{"2.6.0"}},
		{[]*schemapb.FieldSchema{of("x", schemapb.DataType_Text)}, `"x" (type Text) needs Milvus 2.6`, []string{"2.5.9"}, []string{"2.6.0"}},
		{[]*schemapb.FieldSchema{of("x", schemapb.DataType_Geometry)}, `"x" (type Geometry) needs Milvus 2.6.4`, []string{"2.6.3"}, []string{"2.6.4"}},
		{[]*schemapb.FieldSchema{of("x", schemapb.DataType_Timestamptz)}, `"x" (type Timestamptz) needs Milvus 2.6.6`, []string{"2.6.5"}, []string{"2.6.6"}},
		{[]*schemapb.FieldSchema{of("x", 77)}, `"x" (type 77, which this program does not know)`, []string{"2.5.0"}, []string{"2.6.9"}},
	}
	for _, c := range cases {
		s := rows.Schema{CollectionSchema: &schemapb.CollectionSchema{Fields: c.fields}}
		for _, version := range c.refused {
			if err := holds(version, s); fault.KindOf(err) != fault.Unsupported || !strings.Contains(err.Error(), c.since) {
				t.Errorf("%s: %v, not %s", version, err, c.since)
			}
		}
		for _, version := range c.held {
			if err := holds(version, s); err != nil {
				t.Errorf("%s: %v", version, err)
			}
		}
	}
	structs := rows.Schema{CollectionSchema: &schemapb.CollectionSchema{StructArrayFields: []*schemapb.StructArrayFieldSchema{{Name: "s"}}}}
	if err := holds("2.6.3", structs); err == nil || !strings.Contains(err.Error(), `"s" (an array of structs) needs Milvus 2.6.4`) {
		t.Error(err)
	}
}

// Every type has a release, or is one that all servers take.
func TestEveryTypeHasARelease(t *testing.T) {
	always := []schemapb.DataType{schemapb.DataType_Bool, schemapb.DataType_Int8, schemapb.DataType_Int16, schemapb.DataType_Int32, schemapb.DataType_Int64,
		schemapb.DataType_Float, schemapb.DataType_Double, schemapb.DataType_VarChar, schemapb.DataType_JSON, schemapb.DataType_FloatVector, schemapb.DataType_BinaryVector}
	// kinds of members of structs, and of texts before there was VarChar
	never := []schemapb.DataType{schemapb.DataType_None, schemapb.DataType_String, schemapb.DataType_ArrayOfVector, schemapb.DataType_ArrayOfStruct}
	rest := map[schemapb.DataType]bool{}
	for n := range schemapb.DataType_name {
		rest[schemapb.DataType(n)] = true
	}
	for _, t := range append(always, never...) {
		delete(rest, t)
	}
	for dt := range rest {
		s := rows.Schema{CollectionSchema: &schemapb.CollectionSchema{Fields: []*schemapb.FieldSchema{{Name: "x", DataType: dt}}}}
		if holds("2.3.0", s) == nil {
			t.Errorf("%v is in no release", dt)
		}
	}
}

// The table in the docs is the one in the code.
func TestDocsSayWhatAVersionHolds(t *testing.T) {
	text, err := os.ReadFile("../../docs/milvus.md")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]release{"a second vector field": severalVectorsSince, "an array of structs": structArraysSince, "a type newer than this program": unknownTypesSince}
	for _, f := range fieldFeatures {
		want[f.what] = f.since
	}
	_, table, _ := strings.Cut(string(text), "| | since Milvus |\n|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(line, "| \n"), " | ")
		since, ok := want[cells[0]]
		if !ok || len(cells) != 2 || since.String() != cells[1] {
			t.Errorf("docs: %q, code: %v", line, since)
		}
		delete(want, cells[0])
	}
	for what, since := range want {
		t.Errorf("docs do not say that %s needs %v", what, since)
	}
}
