package hdf5

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"milvusdm/internal/job"
	"milvusdm/internal/transfer"
)

// randomValues makes columns of random values, edges among them.
type randomValues struct{ *rand.Rand }

func (r randomValues) bytes(n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(r.Uint32())
	}
	return out
}

func (r randomValues) text() string {
	return []string{"", "a", "ä\x00b\n", "日本語", strings.Repeat("long ", r.IntN(2000)), fmt.Sprint(r.Uint64()), "\x00", `quotes " and \ `}[r.IntN(8)]
}

func (r randomValues) float32() float32 {
	return math.Float32frombits([]uint32{0, 0x80000000, 0x7f800000, 0x7fc12345, 1, r.Uint32()}[r.IntN(6)])
}

func many[T any](n int, one func() T) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = one()
	}
	return out
}

func (r randomValues) int(bits int) int32 {
	return int32(r.Uint32()) >> (32 - bits)
}

// scalars makes n values of a type; of arrays, the elements of one.
func (r randomValues) scalars(t schemapb.DataType, n int) *schemapb.ScalarField {
	switch t {
	case schemapb.DataType_Bool:
		return &schemapb.ScalarField{Data: &schemapb.ScalarField_BoolData{BoolData: &schemapb.BoolArray{Data: many(n, func() bool { return r.IntN(2) == 1 })}}}
	case schemapb.DataType_Int8, schemapb.DataType_Int16, schemapb.DataType_Int32:
		bits := map[schemapb.DataType]int{schemapb.DataType_Int8: 8, schemapb.DataType_Int16: 16, schemapb.DataType_Int32: 32}[t]
		return &schemapb.ScalarField{Data: &schemapb.ScalarField_IntData{IntData: &schemapb.IntArray{Data: many(n, func() int32 { return r.int(bits) })}}}
	case schemapb.DataType_Int64:
		return &schemapb.ScalarField{Data: &schemapb.ScalarField_LongData{LongData: &schemapb.LongArray{Data: many(n, func() int64 { return int64(r.Uint64()) })}}}
	case schemapb.DataType_Float:
		return &schemapb.ScalarField{Data: &schemapb.ScalarField_FloatData{FloatData: &schemapb.FloatArray{Data: many(n, r.float32)}}}
	case schemapb.DataType_Double:
		return &schemapb.ScalarField{Data: &schemapb.ScalarField_DoubleData{DoubleData: &schemapb.DoubleArray{Data: many(n, func() float64 { return math.Float64frombits(r.Uint64()) })}}}
	case schemapb.DataType_VarChar, schemapb.DataType_String, schemapb.DataType_Text:
		return &schemapb.ScalarField{Data: &schemapb.ScalarField_StringData{StringData: &schemapb.StringArray{Data: many(n, r.text)}}}
	case schemapb.DataType_JSON:
		return &schemapb.ScalarField{Data: &schemapb.ScalarField_JsonData{JsonData: &schemapb.JSONArray{Data: many(n, func() []byte {
			return [][]byte{[]byte(`{"a": 1.0}`), []byte("not JSON\xff\x00"), {}, []byte(`{"b":[1,2,{"c":"ä"}]}`)}[r.IntN(4)]
		})}}}
	}
	panic(t.String())
}

// column makes n values of a field.
func (r randomValues) column(f *schemapb.FieldSchema, wire string, n int) *schemapb.FieldData {
	d := &schemapb.FieldData{Type: f.DataType, FieldName: f.Name, IsDynamic: f.IsDynamic}
	dim, _ := transfer.Dim(f)
	scalar := func(s *schemapb.ScalarField) { d.Field = &schemapb.FieldData_Scalars{Scalars: s} }
	vector := func(v *schemapb.VectorField) { d.Field = &schemapb.FieldData_Vectors{Vectors: v} }
	switch f.DataType {
	case schemapb.DataType_FloatVector:
		vector(&schemapb.VectorField{Dim: dim, Data: &schemapb.VectorField_FloatVector{FloatVector: &schemapb.FloatArray{Data: many(n*int(dim), r.float32)}}})
	case schemapb.DataType_BinaryVector:
		vector(&schemapb.VectorField{Dim: dim, Data: &schemapb.VectorField_BinaryVector{BinaryVector: r.bytes(n * int(dim) / 8)}})
	case schemapb.DataType_Float16Vector:
		vector(&schemapb.VectorField{Dim: dim, Data: &schemapb.VectorField_Float16Vector{Float16Vector: r.bytes(n * int(dim) * 2)}})
	case schemapb.DataType_BFloat16Vector:
		vector(&schemapb.VectorField{Dim: dim, Data: &schemapb.VectorField_Bfloat16Vector{Bfloat16Vector: r.bytes(n * int(dim) * 2)}})
	case schemapb.DataType_Int8Vector:
		vector(&schemapb.VectorField{Dim: dim, Data: &schemapb.VectorField_Int8Vector{Int8Vector: r.bytes(n * int(dim))}})
	case schemapb.DataType_SparseFloatVector:
		vector(&schemapb.VectorField{Data: &schemapb.VectorField_SparseFloatVector{SparseFloatVector: &schemapb.SparseFloatArray{
			Contents: many(n, func() []byte { return r.bytes(8 * r.IntN(5)) })}}})
	case schemapb.DataType_ArrayOfVector:
		vector(&schemapb.VectorField{Dim: dim, Data: &schemapb.VectorField_VectorArray{VectorArray: &schemapb.VectorArray{Dim: dim, ElementType: f.ElementType,
			Data: many(n, func() *schemapb.VectorField {
				return &schemapb.VectorField{Dim: dim, Data: &schemapb.VectorField_FloatVector{FloatVector: &schemapb.FloatArray{Data: many(int(dim)*r.IntN(3), r.float32)}}}
			})}}})
	case schemapb.DataType_Array:
		scalar(&schemapb.ScalarField{Data: &schemapb.ScalarField_ArrayData{ArrayData: &schemapb.ArrayArray{ElementType: f.ElementType,
			Data: many(n, func() *schemapb.ScalarField {
				if r.IntN(5) == 0 {
					return &schemapb.ScalarField{} // as the server answers for an empty one, or none
				}
				return r.scalars(f.ElementType, r.IntN(5))
			})}}})
	case schemapb.DataType_Geometry:
		scalar(map[string]*schemapb.ScalarField{
			"geometry_data":     {Data: &schemapb.ScalarField_GeometryData{GeometryData: &schemapb.GeometryArray{Data: many(n, func() []byte { return r.bytes(r.IntN(40)) })}}},
			"geometry_wkt_data": {Data: &schemapb.ScalarField_GeometryWktData{GeometryWktData: &schemapb.GeometryWktArray{Data: many(n, r.text)}}},
		}[wire])
	case schemapb.DataType_Timestamptz:
		scalar(map[string]*schemapb.ScalarField{
			"timestamptz_data": {Data: &schemapb.ScalarField_TimestamptzData{TimestamptzData: &schemapb.TimestamptzArray{Data: many(n, func() int64 { return int64(r.Uint64()) })}}},
			"long_data":        r.scalars(schemapb.DataType_Int64, n),
			"string_data":      r.scalars(schemapb.DataType_VarChar, n),
		}[wire])
	default:
		scalar(r.scalars(f.DataType, n))
	}
	if f.Nullable && r.IntN(3) > 0 {
		d.ValidData = many(n, func() bool { return r.IntN(3) > 0 })
	}
	return d
}

// tester is what testing's and rapid's T have in common.
type tester interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Fatal(args ...any)
}

// rowsOf tells each value of a column, exactly.
func rowsOf(t tester, f *schemapb.FieldData, n int) []string {
	t.Helper()
	out := make([]string, n)
	put := func(i int, v any) { out[i] = fmt.Sprintf("%T %v", v, v) }
	if s := f.GetStructArrays(); s != nil {
		for _, sub := range s.Fields {
			for i, row := range rowsOf(t, sub, n) {
				out[i] += sub.FieldName + ": " + row + "; "
			}
		}
		return out
	}
	if v := f.GetVectors(); v != nil {
		raw, size := []byte(nil), 0
		switch d := v.Data.(type) {
		case *schemapb.VectorField_SparseFloatVector:
			for i, c := range d.SparseFloatVector.Contents {
				put(i, c)
			}
			return out
		case *schemapb.VectorField_VectorArray:
			for i, c := range d.VectorArray.Data {
				b, err := proto.MarshalOptions{Deterministic: true}.Marshal(c)
				if err != nil {
					t.Fatal(err)
				}
				put(i, b)
			}
			return out
		case *schemapb.VectorField_FloatVector:
			raw, size = rawBytes(d.FloatVector.Data), 4*int(v.Dim)
		case *schemapb.VectorField_BinaryVector:
			raw, size = d.BinaryVector, int(v.Dim)/8
		case *schemapb.VectorField_Float16Vector:
			raw, size = d.Float16Vector, 2*int(v.Dim)
		case *schemapb.VectorField_Bfloat16Vector:
			raw, size = d.Bfloat16Vector, 2*int(v.Dim)
		case *schemapb.VectorField_Int8Vector:
			raw, size = d.Int8Vector, int(v.Dim)
		}
		if len(raw) != n*size {
			t.Fatalf("%s: %d bytes for %d rows of %d", f.FieldName, len(raw), n, size)
		}
		for i := range out {
			put(i, raw[i*size:(i+1)*size])
		}
		return out
	}
	data := reflect.ValueOf(f.GetScalars().Data).Elem().Field(0).Elem().FieldByName("Data")
	if data.Len() != n {
		t.Fatalf("%s: %d values for %d rows", f.FieldName, data.Len(), n)
	}
	for i := range out {
		switch v := data.Index(i).Interface().(type) {
		case float32:
			put(i, math.Float32bits(v))
		case float64:
			put(i, math.Float64bits(v))
		case *schemapb.ScalarField:
			if v.Data == nil || reflect.ValueOf(v.Data).Elem().Field(0).Elem().FieldByName("Data").Len() == 0 {
				out[i] = "empty"
				continue
			}
			b, err := proto.MarshalOptions{Deterministic: true}.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			put(i, b)
		default:
			put(i, v)
		}
	}
	for i := range out {
		out[i] = fmt.Sprintf("%T: %s", f.GetScalars().Data, out[i])
	}
	return out
}

// exactly tells each row of a batch's columns, nulls among them.
func exactly(t tester, b *transfer.Batch) map[string][]string {
	out := map[string][]string{}
	for _, f := range b.Fields {
		rows := rowsOf(t, f, b.Rows)
		for i := range f.ValidData {
			if !f.ValidData[i] {
				rows[i] += " (null)"
			}
		}
		out[f.FieldName] = rows
	}
	return out
}

func dimOf(dim string) []*commonpb.KeyValuePair {
	return []*commonpb.KeyValuePair{{Key: "dim", Value: dim}}
}

// allTypes is a schema of a field of each type, but for the key. wires say how values come of which that can differ.
func allTypes() (fields []*schemapb.FieldSchema, structs []*schemapb.StructArrayFieldSchema, wires map[string]string) {
	wires = map[string]string{}
	for _, t := range []schemapb.DataType{
		schemapb.DataType_Bool, schemapb.DataType_Int8, schemapb.DataType_Int16, schemapb.DataType_Int32, schemapb.DataType_Int64, schemapb.DataType_Float,
		schemapb.DataType_Double, schemapb.DataType_VarChar, schemapb.DataType_JSON, schemapb.DataType_Text,
	} {
		fields = append(fields, &schemapb.FieldSchema{Name: t.String(), DataType: t}, &schemapb.FieldSchema{Name: "null" + t.String(), DataType: t, Nullable: true})
		if t != schemapb.DataType_JSON && t != schemapb.DataType_Text {
			fields = append(fields, &schemapb.FieldSchema{Name: "array" + t.String(), DataType: schemapb.DataType_Array, ElementType: t, Nullable: t == schemapb.DataType_Int16})
		}
	}
	for t, dims := range map[schemapb.DataType][]string{
		schemapb.DataType_FloatVector: {"3", "128"}, schemapb.DataType_BinaryVector: {"8", "40"}, schemapb.DataType_Float16Vector: {"5"}, schemapb.DataType_BFloat16Vector: {"7"},
		schemapb.DataType_Int8Vector: {"9"}, schemapb.DataType_SparseFloatVector: {""},
	} {
		for i, dim := range dims {
			fields = append(fields, &schemapb.FieldSchema{Name: fmt.Sprint(t, i), DataType: t, TypeParams: dimOf(dim), Nullable: i == 1})
		}
	}
	slices.SortFunc(fields, func(a, b *schemapb.FieldSchema) int { return strings.Compare(a.Name, b.Name) })
	for t, all := range map[schemapb.DataType][]string{
		schemapb.DataType_Geometry: {"geometry_data", "geometry_wkt_data"}, schemapb.DataType_Timestamptz: {"timestamptz_data", "long_data", "string_data"},
	} {
		for _, wire := range all {
			name := t.String() + "_" + wire
			fields, wires[name] = append(fields, &schemapb.FieldSchema{Name: name, DataType: t, Nullable: true}), wire
		}
	}
	structs = []*schemapb.StructArrayFieldSchema{{Name: "clips", Fields: []*schemapb.FieldSchema{
		{Name: "start", DataType: schemapb.DataType_Array, ElementType: schemapb.DataType_Int64},
		{Name: "clips[text]", DataType: schemapb.DataType_Array, ElementType: schemapb.DataType_VarChar},
		{Name: "vec", DataType: schemapb.DataType_ArrayOfVector, ElementType: schemapb.DataType_FloatVector, TypeParams: dimOf("4")},
	}}}
	return fields, structs, wires
}

// testCollection is a collection in memory.
type testCollection struct {
	*transfer.Description
	options WriteOptions
	wires   map[string]string
}

func newTestCollection(keyType schemapb.DataType) *testCollection {
	fields, structs, wires := allTypes()
	key := &schemapb.FieldSchema{Name: "embeddings", DataType: keyType, IsPrimaryKey: true, AutoID: true} // not the vector
	made := &schemapb.FieldSchema{Name: "bm25", DataType: schemapb.DataType_SparseFloatVector, IsFunctionOutput: true}
	schema := &schemapb.CollectionSchema{
		Name: "films", Description: "of \"all\" kinds", Fields: append([]*schemapb.FieldSchema{made, key}, fields...), EnableDynamicField: true, StructArrayFields: structs,
		Functions: []*schemapb.FunctionSchema{{Name: "f", Type: schemapb.FunctionType_BM25, InputFieldNames: []string{"Text"}, OutputFieldNames: []string{"bm25"}}},
	}
	return &testCollection{
		Description: &transfer.Description{
			Schema: transfer.Schema{CollectionSchema: schema}, Metric: "COSINE",
			Settings: &transfer.Settings{Collection: "17 of then", Aliases: []string{"a"}, Properties: map[string]string{"collection.ttl.seconds": "3600"}, Shards: 2, Consistency: "Strong",
				Partitions: []string{"x", "empty"}, Loaded: true, Replicas: 1, Indexes: []transfer.FieldIndex{{Field: "FloatVector0", Name: "i", Params: map[string]string{"index_type": "HNSW"}}}},
		},
		options: WriteOptions{Collection: "films", Partition: "x"}, wires: wires,
	}
}

// batch makes n rows of all columns.
func (c *testCollection) batch(r randomValues, n int) *transfer.Batch {
	b := &transfer.Batch{Rows: n, First: -1}
	for _, f := range storedFields(c.Schema.CollectionSchema) {
		b.Fields = append(b.Fields, r.column(f, c.wires[f.Name], n))
	}
	for _, s := range c.Schema.StructArrayFields {
		d := &schemapb.FieldData{Type: schemapb.DataType_ArrayOfStruct, FieldName: s.Name}
		var fields []*schemapb.FieldData
		for _, f := range s.Fields {
			fields = append(fields, r.column(f, "", n))
		}
		d.Field = &schemapb.FieldData_StructArrays{StructArrays: &schemapb.StructArrayField{Fields: fields}}
		b.Fields = append(b.Fields, d)
	}
	r.Shuffle(len(b.Fields), func(i, j int) { b.Fields[i], b.Fields[j] = b.Fields[j], b.Fields[i] })
	return b
}

// write writes a part of batches of those sizes and returns its rows.
func (c *testCollection) write(t tester, path string, r randomValues, sizes []int) map[string][]string {
	t.Helper()
	w, err := CreatePart(path, c.Description, c.options)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abandon()
	want := map[string][]string{}
	total := 0
	for _, n := range sizes {
		b := c.batch(r, n)
		for name, rows := range exactly(t, b) {
			want[name] = append(want[name], rows...)
		}
		if err := w.Append(context.Background(), b); err != nil {
			t.Fatal(err)
		}
		for _, f := range b.Fields { // it keeps nothing
			if v := f.GetVectors().GetFloatVector().GetData(); len(v) > 0 {
				clear(v)
			}
		}
		total += n
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if w.Rows() != int64(total) || total > 0 && w.Bytes() <= 0 {
		t.Errorf("it says %d rows, %d bytes", w.Rows(), w.Bytes())
	}
	return want
}

// readExactly reads all that a source has, range by range.
func readExactly(t tester, source transfer.Source, limit transfer.BatchLimit, rowsPerRange int64) (map[string][]string, []transfer.Range) {
	t.Helper()
	ctx := context.Background()
	ranges, err := source.Plan(ctx, rowsPerRange, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, r := range ranges {
		reader, err := source.Open(ctx, r, transfer.Cursor{}, limit)
		if err != nil {
			t.Fatal(err)
		}
		at := r.From.Int
		for {
			b, err := reader.Next(ctx)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if b.First != at || b.Rows < 1 || b.Rows > limit.Rows {
				t.Fatalf("batch of %d rows from %d, at row %d", b.Rows, b.First, at)
			}
			at += int64(b.Rows)
			for name, rows := range exactly(t, b) {
				got[name] = append(got[name], rows...)
			}
		}
		if at != r.To.Int {
			t.Fatalf("range %+v ended at row %d", r, at)
		}
		if err := reader.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return got, ranges
}

func mustEqualRows(t tester, got, want map[string][]string) {
	t.Helper()
	if len(got) > len(want) {
		t.Fatalf("%d fields, want %d", len(got), len(want))
	}
	for name, rows := range want {
		if len(got[name]) != len(rows) {
			t.Fatalf("%s: %d rows, want %d", name, len(got[name]), len(rows))
		}
		for i := range rows {
			if got[name][i] != rows[i] {
				t.Fatalf("%s, value %d:\n got %.300s\nwant %.300s", name, i, got[name][i], rows[i])
			}
		}
	}
}

// A collection of every type comes back as it was: its rows, by batches and ranges of any size, and all that it is besides.
func TestExportRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newTestCollection(rapid.SampledFrom([]schemapb.DataType{schemapb.DataType_Int64, schemapb.DataType_VarChar}).Draw(t, "key"))
		c.options.Compression = rapid.SampledFrom([]string{"", "none", "gzip"}).Draw(t, "compression")
		c.options.Shuffle, c.options.Fletcher32 = rapid.Bool().Draw(t, "shuffle"), rapid.Bool().Draw(t, "fletcher32")
		sizes := rapid.SliceOfN(rapid.IntRange(0, 400), 0, 4).Draw(t, "batches")
		r := randomValues{rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))}
		dir, err := os.MkdirTemp("", "export")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		path := filepath.Join(dir, "x.h5")
		want := c.write(t, path, r, sizes)
		limit := transfer.BatchLimit{Rows: rapid.IntRange(1, 500).Draw(t, "limit rows"), Bytes: rapid.IntRange(1, 1<<22).Draw(t, "limit bytes")}
		s, err := Open(context.Background(), sourceOf(path))
		if err != nil {
			t.Fatal(err)
		}
		got, ranges := readExactly(t, s, limit, rapid.Int64Range(1, 2000).Draw(t, "range"))
		mustEqualRows(t, got, want)
		for _, r := range ranges {
			if r.Partition != "x" {
				t.Fatalf("range %+v", r)
			}
		}
		if n := onThread(openObjects); n != 0 {
			t.Fatalf("%d objects are left open", n)
		}
	})
}

func TestExportDescription(t *testing.T) {
	c := newTestCollection(schemapb.DataType_Int64)
	path := filepath.Join(t.TempDir(), "x.h5")
	c.write(t, path, randomValues{rand.New(rand.NewPCG(1, 1))}, []int{10, 20})
	d, err := mustOpen(t, sourceOf(path)).Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(d.Schema.CollectionSchema, c.Schema.CollectionSchema) {
		t.Errorf("schema\n%v, was\n%v", d.Schema, c.Schema)
	}
	want := *c.Settings
	want.Collection = ""
	if !reflect.DeepEqual(d.Settings, &want) {
		t.Errorf("settings %+v, were %+v", d.Settings, want)
	}
	if d.Rows != 30 || d.Metric != "COSINE" || d.Format != "HDF5, export of collection films" || !slices.Equal(d.Partitions, []string{"x"}) || d.GeneratedKeys || len(d.Notes) > 0 {
		t.Errorf("%+v", d)
	}
}

// The same batches give the same file, at whatever time.
func TestExportIsReproducible(t *testing.T) {
	dir := t.TempDir()
	var files [2][]byte
	for i := range files {
		c := newTestCollection(schemapb.DataType_VarChar)
		c.options.Compression = "gzip"
		path := filepath.Join(dir, fmt.Sprint(i))
		c.write(t, path, randomValues{rand.New(rand.NewPCG(7, 7))}, []int{1, 700})
		var err error
		if files[i], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(files[0], files[1]) {
		t.Error("the files differ")
	}
}

// Parts of several partitions make one collection again.
func TestExportParts(t *testing.T) {
	dir := t.TempDir()
	c := newTestCollection(schemapb.DataType_Int64)
	r := randomValues{rand.New(rand.NewPCG(3, 4))}
	want := map[string][]string{}
	for i, partition := range []string{"_default", "x", "x", "y"} {
		c.options.Partition = partition
		rows := c.write(t, filepath.Join(dir, fmt.Sprintf("%d.h5", i)), r, []int{i * 50}) // the first is empty
		for name := range rows {
			want[name] = append(want[name], rows[name]...)
		}
	}
	s := mustOpen(t, sourceOf(dir))
	got, ranges := readExactly(t, s, wide, 60)
	mustEqualRows(t, got, want)
	rows := map[string]int64{}
	for _, r := range ranges {
		rows[r.Partition] += r.Rows
	}
	if !reflect.DeepEqual(rows, map[string]int64{"x": 150, "y": 150}) {
		t.Errorf("partitions %v", rows)
	}
	d, err := s.Describe(t.Context())
	if err != nil || !slices.Equal(d.Partitions, []string{"_default", "x", "y"}) {
		t.Errorf("%v, %v", d.Partitions, err)
	}
	if _, ok := s.(transfer.KeyScanner); ok {
		t.Error("keys may stand in two partitions, and are scanned for repeats")
	}
	if _, ok := mustOpen(t, sourceOf(filepath.Join(dir, "1.h5"))).(transfer.KeyScanner); !ok {
		t.Error("a partition's Int64 keys are not scanned")
	}
}

func TestExportEmpty(t *testing.T) {
	c := newTestCollection(schemapb.DataType_VarChar)
	path := filepath.Join(t.TempDir(), "x.h5")
	c.write(t, path, randomValues{rand.New(rand.NewPCG(3, 4))}, nil)
	s := mustOpen(t, sourceOf(path))
	d, err := s.Describe(t.Context())
	if err != nil || d.Rows != 0 {
		t.Errorf("%+v, %v", d, err)
	}
	if _, ranges := readExactly(t, s, wide, 100); len(ranges) != 0 {
		t.Errorf("ranges %+v", ranges)
	}
}

// What MilvusDM's files have is where they have it, whatever the fields are called.
func TestExportIsMilvusDM(t *testing.T) {
	c := newTestCollection(schemapb.DataType_Int64)
	path := filepath.Join(t.TempDir(), "x.h5")
	c.write(t, path, randomValues{rand.New(rand.NewPCG(3, 4))}, []int{33})
	j := sourceOf(path)
	j.Layout = job.LayoutMilvusDM
	d, err := mustOpen(t, j).Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if f := d.Schema.Field("embedding"); d.Rows != 33 || f.GetDataType() != schemapb.DataType_BinaryVector || transfer.TypeParam(f, "dim") != "8" || d.GeneratedKeys {
		t.Errorf("%+v", d)
	}
}
