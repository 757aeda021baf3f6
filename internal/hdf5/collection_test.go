package hdf5

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/protobuf/proto"

	"milvusdm/internal/rows"
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
	dim, _ := rows.Dim(f)
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
func exactly(t tester, b *rows.Batch) map[string][]string {
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
	for t, all := range map[schemapb.DataType][]string{
		schemapb.DataType_Geometry: {"geometry_data", "geometry_wkt_data"}, schemapb.DataType_Timestamptz: {"timestamptz_data", "long_data", "string_data"},
	} {
		for _, wire := range all {
			name := t.String() + "_" + wire
			fields, wires[name] = append(fields, &schemapb.FieldSchema{Name: name, DataType: t, Nullable: true}), wire
		}
	}
	slices.SortFunc(fields, func(a, b *schemapb.FieldSchema) int { return strings.Compare(a.Name, b.Name) })
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
			Schema: rows.Schema{CollectionSchema: schema}, Metric: "COSINE",
			Settings: &transfer.Settings{Collection: "17 of then", Aliases: []string{"a"}, Properties: map[string]string{"collection.ttl.seconds": "3600"}, Shards: 2, Consistency: "Strong",
				Partitions: []string{"x", "empty"}, Loaded: true, Replicas: 1, Indexes: []transfer.FieldIndex{{Field: "FloatVector0", Name: "i", Params: map[string]string{"index_type": "HNSW"}}}},
		},
		options: WriteOptions{Collection: "films", Partition: "x"}, wires: wires,
	}
}

// batch makes n rows of all columns.
func (c *testCollection) batch(r randomValues, n int) *rows.Batch {
	b := &rows.Batch{Rows: n, First: -1}
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
