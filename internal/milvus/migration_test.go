package milvus

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/protobuf/testing/protocmp"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// everyType is a schema of all that a Milvus 2.3.5 holds, but for a partition key, and rows of it.
func everyType(n int) (rows.Schema, []*schemapb.FieldData) {
	schema := rows.Schema{CollectionSchema: &schemapb.CollectionSchema{Description: "all types", EnableDynamicField: true, Fields: []*schemapb.FieldSchema{
		keyOf(rows.VarCharField("key", 100)),
		{Name: "bool", DataType: schemapb.DataType_Bool, Description: "yes or no"},
		{Name: "int8", DataType: schemapb.DataType_Int8}, {Name: "int16", DataType: schemapb.DataType_Int16},
		{Name: "int32", DataType: schemapb.DataType_Int32}, {Name: "int64", DataType: schemapb.DataType_Int64},
		{Name: "float", DataType: schemapb.DataType_Float}, {Name: "double", DataType: schemapb.DataType_Double},
		rows.VarCharField("text", 300), {Name: "json", DataType: schemapb.DataType_JSON},
		arrayField("bools", schemapb.DataType_Bool), arrayField("int8s", schemapb.DataType_Int8), arrayField("int64s", schemapb.DataType_Int64),
		arrayField("floats", schemapb.DataType_Float), arrayField("doubles", schemapb.DataType_Double), arrayField("texts", schemapb.DataType_VarChar),
		rows.VectorField("vector", schemapb.DataType_FloatVector, 4),
	}}}
	var (
		keys, texts        []string
		bools              []bool
		small              []int32
		large              []int64
		floats             []float32
		doubles            []float64
		jsons, meta        [][]byte
		vectors            []float32
		boolArrays, int8s  []*schemapb.ScalarField
		int64s, floatLists []*schemapb.ScalarField
		doubleLists, lists []*schemapb.ScalarField
	)
	for i := range n {
		keys, texts = append(keys, fmt.Sprintf("k%04d \"'\\ü", i)), append(texts, strings.Repeat("é\x00\n", i%50))
		bools, small, large = append(bools, i%3 == 0), append(small, int32(i%256-128)), append(large, int64(i)<<40-5)
		floats, doubles = append(floats, float32(i)/3), append(doubles, float64(i)/7)
		jsons, meta = append(jsons, fmt.Appendf(nil, `{"a":[%d,null,"x"]}`, i)), append(meta, fmt.Appendf(nil, `{"d%d":{"deep":%d}}`, i%2, i))
		vectors = append(vectors, float32(i), 0, -1, 1e-30)
		n := i % 5
		boolArrays = append(boolArrays, &schemapb.ScalarField{Data: &schemapb.ScalarField_BoolData{BoolData: &schemapb.BoolArray{Data: bools[:n]}}})
		int8s = append(int8s, &schemapb.ScalarField{Data: &schemapb.ScalarField_IntData{IntData: &schemapb.IntArray{Data: small[:n]}}})
		int64s = append(int64s, &schemapb.ScalarField{Data: &schemapb.ScalarField_LongData{LongData: &schemapb.LongArray{Data: large[:n]}}})
		floatLists = append(floatLists, &schemapb.ScalarField{Data: &schemapb.ScalarField_FloatData{FloatData: &schemapb.FloatArray{Data: floats[:n]}}})
		doubleLists = append(doubleLists, &schemapb.ScalarField{Data: &schemapb.ScalarField_DoubleData{DoubleData: &schemapb.DoubleArray{Data: doubles[:n]}}})
		lists = append(lists, &schemapb.ScalarField{Data: &schemapb.ScalarField_StringData{StringData: &schemapb.StringArray{Data: texts[:n]}}})
	}
	dynamic := rows.JSONColumn("$meta", meta)
	dynamic.IsDynamic = true
	return schema, []*schemapb.FieldData{
		rows.VarCharColumn("key", keys), rows.BoolColumn("bool", bools),
		rows.Int32Column("int8", schemapb.DataType_Int8, small), rows.Int32Column("int16", schemapb.DataType_Int16, small),
		rows.Int32Column("int32", schemapb.DataType_Int32, small), rows.Int64Column("int64", large),
		rows.FloatColumn("float", floats), rows.DoubleColumn("double", doubles), rows.VarCharColumn("text", texts), rows.JSONColumn("json", jsons),
		arrayColumn("bools", schemapb.DataType_Bool, boolArrays), arrayColumn("int8s", schemapb.DataType_Int8, int8s),
		arrayColumn("int64s", schemapb.DataType_Int64, int64s), arrayColumn("floats", schemapb.DataType_Float, floatLists),
		arrayColumn("doubles", schemapb.DataType_Double, doubleLists), arrayColumn("texts", schemapb.DataType_VarChar, lists),
		rows.FloatVectorColumn("vector", 4, vectors), dynamic,
	}
}

func arrayField(name string, element schemapb.DataType) *schemapb.FieldSchema {
	f := &schemapb.FieldSchema{Name: name, DataType: schemapb.DataType_Array, ElementType: element, TypeParams: []*commonpb.KeyValuePair{{Key: "max_capacity", Value: "20"}}}
	if element == schemapb.DataType_VarChar {
		f.TypeParams = append(f.TypeParams, &commonpb.KeyValuePair{Key: "max_length", Value: "400"})
	}
	return f
}

func arrayColumn(name string, element schemapb.DataType, v []*schemapb.ScalarField) *schemapb.FieldData {
	return &schemapb.FieldData{FieldName: name, Type: schemapb.DataType_Array, Field: &schemapb.FieldData_Scalars{Scalars: &schemapb.ScalarField{
		Data: &schemapb.ScalarField_ArrayData{ArrayData: &schemapb.ArrayArray{Data: v, ElementType: element}}}}}
}

// flat is the settings of a collection whose vector field has the plainest index.
func flat(field string) *transfer.Settings {
	return &transfer.Settings{Shards: 1, Consistency: "Bounded", Loaded: true, Replicas: 1,
		Indexes: []transfer.FieldIndex{{Field: field, Name: "idx_" + field, Params: map[string]string{indexType: "FLAT", metricType: "L2"}}}}
}

// plainRows is a collection of keys and vectors, which most of what a sink does can be seen by.
func plainRows(n int) (*transfer.Description, []*schemapb.FieldData) {
	schema := rows.Schema{CollectionSchema: &schemapb.CollectionSchema{Fields: []*schemapb.FieldSchema{
		rows.KeyField("id"), rows.VectorField("v", schemapb.DataType_FloatVector, 2)}}}
	ids := make([]int64, n)
	for i := range ids {
		ids[i] = int64(i)
	}
	return &transfer.Description{Schema: schema, Settings: flat("v"), Partitions: []string{defaultPartition}},
		[]*schemapb.FieldData{rows.Int64Column("id", ids), rows.FloatVectorColumn("v", 2, make([]float32, 2*n))}
}

// migration is what the engine does with a sink.
type migration struct {
	*testing.T
	*testConn
	target job.MilvusTarget
	stage  string
}

func newMigration(t *testing.T, collection string) *migration {
	return &migration{t, testServer(t), job.MilvusTarget{MilvusServer: serverOf(t), Collection: collection, Mode: job.Append, Load: "keep"}, "0123abcd"}
}

func (m *migration) sink() *sink {
	m.Helper()
	s, err := OpenSink(context.Background(), &m.target, job.Copy{WriteTimeout: time.Minute, OnExisting: "fail"}, Owner{Job: "test", Stage: m.stage})
	if err != nil {
		m.Fatal(err)
	}
	m.Cleanup(func() {
		if err := s.Close(); err != nil {
			m.Error(err)
		}
	})
	return s.(*sink)
}

func (m *migration) inspect(from *transfer.Description) *transfer.TargetPlan {
	m.Helper()
	plan, err := m.sink().Inspect(context.Background(), from)
	if err != nil {
		m.Fatal(err)
	}
	return plan
}

// refuses checks that nothing would be written, for a reason that says all of this.
func (m *migration) refuses(from *transfer.Description, kind fault.Kind, says ...string) {
	m.Helper()
	_, err := m.sink().Inspect(context.Background(), from)
	if fault.KindOf(err) != kind {
		m.Fatalf("not refused as %s: %v", kind, err)
	}
	for _, text := range says {
		if !strings.Contains(err.Error(), text) {
			m.Errorf("%q does not say %q", err, text)
		}
	}
}

// run writes fields, by the partitions they go to, as a job does. It returns the target as it was published.
func (m *migration) run(from *transfer.Description, rows int, byPartition map[string][]*schemapb.FieldData) *transfer.Target {
	m.Helper()
	t := m.fill(from, rows, byPartition)
	m.finish(t)
	return t
}

func (m *migration) fill(from *transfer.Description, n int, byPartition map[string][]*schemapb.FieldData) *transfer.Target {
	m.Helper()
	ctx := context.Background()
	s := m.sink()
	plan := m.inspect(from)
	var t *transfer.Target
	for range 2 { // each step may be repeated
		var err error
		if t, err = s.Prepare(ctx, plan); err != nil {
			m.Fatal(err)
		}
	}
	for _, partition := range slices.Sorted(maps.Keys(byPartition)) {
		w, err := s.Open(ctx, t, partition, t.Fresh, func(string) {})
		if err != nil {
			m.Fatal(err)
		}
		if err := w.Write(ctx, &rows.Batch{Fields: byPartition[partition], Rows: n, First: -1}); err != nil {
			m.Fatal(err)
		}
		if err := w.Close(); err != nil {
			m.Fatal(err)
		}
	}
	if _, err := s.Flush(ctx, t, func(string) {}); err != nil {
		m.Fatal(err)
	}
	for _, step := range t.Steps {
		if out, err := s.Finalize(ctx, t, step, func(string) {}); err != nil || out.Missing != "" {
			m.Fatal(step, out, err)
		}
	}
	return t
}

func (m *migration) finish(t *transfer.Target) {
	m.Helper()
	s := m.sink()
	for range 2 {
		if err := s.Publish(context.Background(), t); err != nil {
			m.Fatal(err)
		}
	}
}

func (m *migration) see(name string) *collection {
	m.Helper()
	c, err := m.describe(context.Background(), name)
	if err != nil || c == nil {
		m.Fatalf("collection %s: %v, %v", name, c, err)
	}
	return c
}

func (m *migration) rows(name string, partitions ...string) int {
	m.Helper()
	n, err := m.count(context.Background(), name, "", partitions)
	if err != nil {
		m.Fatal(err)
	}
	return int(n)
}

// same compares the schemas of collections, but for what only their servers gave them.
func same(t *testing.T, got, want rows.Schema) {
	t.Helper()
	g := newSchema(got, false)
	g.Name = want.GetName()
	if diff := cmp.Diff(want.CollectionSchema, g.CollectionSchema, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
}

// holds checks that the collection holds these columns' rows, by reading those with the keys of the first column.
func (m *migration) holds(name, key string, fields []*schemapb.FieldData) {
	m.Helper()
	var names []string
	for _, f := range fields {
		names = append(names, f.GetFieldName())
	}
	wanted := &rows.Batch{Fields: fields}
	column := wanted.Field(key).GetScalars()
	keys := &rows.Keys{Ints: column.GetLongData().GetData(), Strings: column.GetStringData().GetData()}
	wanted.Rows = keys.Len()
	resp, err := m.raw.Query(context.Background(), &milvuspb.QueryRequest{CollectionName: name, Expr: isOneOf(key, keys), OutputFields: names})
	if err := check(resp.GetStatus(), err); err != nil {
		m.Fatal(err)
	}
	got := &rows.Batch{Rows: wanted.Rows}
	for _, f := range resp.GetFieldsData() {
		if f.GetFieldName() == "$meta" || wanted.Field(f.GetFieldName()) != nil {
			got.Fields = append(got.Fields, f)
		}
	}
	is, err := rows.SumBatch("", got)
	if err != nil {
		m.Fatal(err)
	}
	want, err := rows.SumBatch("", wanted)
	if err != nil {
		m.Fatal(err)
	}
	if is != want {
		m.Errorf("%s holds other rows: %v, not %v", name, is, want)
	}
}

// halfOf cuts columns.
func halfOf(t *testing.T, fields []*schemapb.FieldData, from, to int) []*schemapb.FieldData {
	t.Helper()
	var out []*schemapb.FieldData
	for _, f := range fields {
		part, err := selectRows(f, []span{{from, to}})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, part)
	}
	return out
}

func (c *testConn) holdsIn(m *migration, name string, fields []*schemapb.FieldData) {
	(&migration{m.T, c, m.target, m.stage}).holds(name, "id", fields)
}
