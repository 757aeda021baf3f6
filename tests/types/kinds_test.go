package types_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"pgregory.net/rapid"
)

// kind is a type of a field: how it is declared and what values it takes.
type kind struct {
	name    string
	schema  *schemapb.FieldSchema                 // without a name
	values  *rapid.Generator[*schemapb.FieldData] // each a column of one row
	edges   []*schemapb.FieldData                 // values that stand in every test
	missing func() *schemapb.ValueField           // a default value; nil where the type takes none
	structs *schemapb.StructArrayFieldSchema      // instead of schema, for arrays of structs
}

const (
	dimension   = 16
	maxLength   = 256 // bytes
	maxCapacity = 8
)

// element is a scalar type that arrays are made of as well.
type element struct {
	name  string
	typ   schemapb.DataType
	pack  func(v []any) *schemapb.ScalarField
	any   *rapid.Generator[any]
	edges []any
	dflt  *schemapb.ValueField
}

func elements() []element {
	ints := func(v []any) *schemapb.ScalarField {
		return &schemapb.ScalarField{Data: &schemapb.ScalarField_IntData{IntData: &schemapb.IntArray{Data: typed[int32](v)}}}
	}
	small := func(name string, t schemapb.DataType, low, high int32) element {
		return element{name, t, ints, rapid.Int32Range(low, high).AsAny(), []any{low, high, int32(0), int32(-1)},
			&schemapb.ValueField{Data: &schemapb.ValueField_IntData{IntData: high}}}
	}
	return []element{
		{"Bool", schemapb.DataType_Bool, func(v []any) *schemapb.ScalarField {
			return &schemapb.ScalarField{Data: &schemapb.ScalarField_BoolData{BoolData: &schemapb.BoolArray{Data: typed[bool](v)}}}
		}, rapid.Bool().AsAny(), []any{false, true}, &schemapb.ValueField{Data: &schemapb.ValueField_BoolData{BoolData: true}}},
		small("Int8", schemapb.DataType_Int8, math.MinInt8, math.MaxInt8),
		small("Int16", schemapb.DataType_Int16, math.MinInt16, math.MaxInt16),
		small("Int32", schemapb.DataType_Int32, math.MinInt32, math.MaxInt32),
		{"Int64", schemapb.DataType_Int64, func(v []any) *schemapb.ScalarField {
			return &schemapb.ScalarField{Data: &schemapb.ScalarField_LongData{LongData: &schemapb.LongArray{Data: typed[int64](v)}}}
		}, rapid.Int64().AsAny(), []any{int64(math.MinInt64), int64(math.MaxInt64), int64(0), int64(1<<53 + 1)},
			&schemapb.ValueField{Data: &schemapb.ValueField_LongData{LongData: 1<<53 + 1}}},
		{"Float", schemapb.DataType_Float, func(v []any) *schemapb.ScalarField {
			return &schemapb.ScalarField{Data: &schemapb.ScalarField_FloatData{FloatData: &schemapb.FloatArray{Data: typed[float32](v)}}}
		}, float32s().AsAny(), toAny(edgeFloats), &schemapb.ValueField{Data: &schemapb.ValueField_FloatData{FloatData: 1.5}}},
		{"Double", schemapb.DataType_Double, func(v []any) *schemapb.ScalarField {
			return &schemapb.ScalarField{Data: &schemapb.ScalarField_DoubleData{DoubleData: &schemapb.DoubleArray{Data: typed[float64](v)}}}
		}, rapid.Float64Range(-math.MaxFloat64, math.MaxFloat64).AsAny(),
			[]any{0.0, math.Copysign(0, -1), math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64, 0x1p-1022, 0.1},
			&schemapb.ValueField{Data: &schemapb.ValueField_DoubleData{DoubleData: 0.1}}},
		{"VarChar", schemapb.DataType_VarChar, stringData, text().AsAny(), toAny(edgeTexts),
			&schemapb.ValueField{Data: &schemapb.ValueField_StringData{StringData: "für \"alle\"\n"}}},
	}
}

var edgeFloats = []float32{0, float32(math.Copysign(0, -1)), math.MaxFloat32, -math.MaxFloat32, math.SmallestNonzeroFloat32, 0x1p-126, 0.1}

var edgeTexts = []string{"", " ", `"`, `\`, `'`, `\"\\'`, "line\r\nline\ttab", "\x01\x7f", "ß", "中文 \\u4e2d", "👩‍👩‍👧 e\u0301", "\U0010fffd", "null", "%s",
	strings.Repeat("x", maxLength), strings.Repeat("中", maxLength/3)}

func float32s() *rapid.Generator[float32] {
	return rapid.Float32Range(-math.MaxFloat32, math.MaxFloat32)
}

// text makes strings of any Unicode but NUL, which ends a string for servers in C.
func text() *rapid.Generator[string] {
	return rapid.Map(rapid.StringN(-1, -1, maxLength), func(s string) string { return strings.ReplaceAll(s, "\x00", "") })
}

func stringData(v []any) *schemapb.ScalarField {
	return &schemapb.ScalarField{Data: &schemapb.ScalarField_StringData{StringData: &schemapb.StringArray{Data: typed[string](v)}}}
}

func typed[T any](v []any) []T {
	out := make([]T, len(v))
	for i := range v {
		out[i] = v[i].(T)
	}
	return out
}

func toAny[T any](v []T) []any {
	out := make([]any, len(v))
	for i := range v {
		out[i] = v[i]
	}
	return out
}

func params(kv ...string) []*commonpb.KeyValuePair {
	var out []*commonpb.KeyValuePair
	for i := 0; i < len(kv); i += 2 {
		out = append(out, &commonpb.KeyValuePair{Key: kv[i], Value: kv[i+1]})
	}
	return out
}

func scalarCell(t schemapb.DataType, s *schemapb.ScalarField) *schemapb.FieldData {
	return &schemapb.FieldData{Type: t, Field: &schemapb.FieldData_Scalars{Scalars: s}}
}

// scalarKinds are the scalar types, and arrays of them.
func scalarKinds() []kind {
	var out []kind
	for _, e := range elements() {
		schema := &schemapb.FieldSchema{DataType: e.typ}
		if e.typ == schemapb.DataType_VarChar {
			schema.TypeParams = params("max_length", strconv.Itoa(maxLength))
		}
		one := func(v any) *schemapb.FieldData { return scalarCell(e.typ, e.pack([]any{v})) }
		out = append(out, kind{name: e.name, schema: schema, values: rapid.Map(e.any, one), edges: mapped(e.edges, one),
			missing: func() *schemapb.ValueField { return e.dflt }})
	}
	out = append(append(append(out, jsonKinds()...), geometryKinds()...), timestamptzKind())
	for _, e := range elements() {
		out = append(out, arrayKind(e))
	}
	return out
}

func mapped[T, U any](v []T, f func(T) U) []U {
	out := make([]U, len(v))
	for i := range v {
		out[i] = f(v[i])
	}
	return out
}

func arrayKind(e element) kind {
	schema := &schemapb.FieldSchema{DataType: schemapb.DataType_Array, ElementType: e.typ, TypeParams: params("max_capacity", strconv.Itoa(maxCapacity))}
	if e.typ == schemapb.DataType_VarChar {
		schema.TypeParams = append(schema.TypeParams, params("max_length", strconv.Itoa(maxLength))...)
	}
	one := func(v []any) *schemapb.FieldData {
		return scalarCell(schemapb.DataType_Array, &schemapb.ScalarField{Data: &schemapb.ScalarField_ArrayData{
			ArrayData: &schemapb.ArrayArray{Data: []*schemapb.ScalarField{e.pack(v)}, ElementType: e.typ}}})
	}
	full := make([]any, maxCapacity)
	for i := range full {
		full[i] = e.edges[i%len(e.edges)]
	}
	return kind{name: "Array of " + e.name, schema: schema, values: rapid.Map(rapid.SliceOfN(e.any, 0, maxCapacity), one),
		edges: []*schemapb.FieldData{one(nil), one(full), one(e.edges[:1])}}
}

// jsonKinds are two, since not all servers take JSON that is no object.
func jsonKinds() []kind {
	one := func(text string) *schemapb.FieldData {
		return scalarCell(schemapb.DataType_JSON, &schemapb.ScalarField{Data: &schemapb.ScalarField_JsonData{JsonData: &schemapb.JSONArray{Data: [][]byte{[]byte(text)}}}})
	}
	schema := &schemapb.FieldSchema{DataType: schemapb.DataType_JSON}
	objects := []string{`{}`, `{"a":{"b":[1,2.5,{"c":null}]},"":"empty name"}`, `{"n":9007199254740993,"e":1e300,"f":-0.0}`, `{"中":"\"\\\n"}`,
		`{ "space" : [ 1 , 2 ] }`, `{"deep":` + strings.Repeat("[", 20) + strings.Repeat("]", 20) + `}`}
	others := []string{`[]`, `""`, `0`, `true`, `[[],{},""]`, `-0.5e-7`, `"\u0000"`}
	return []kind{
		{name: "JSON object", schema: schema, values: rapid.Map(jsonText(), one), edges: mapped(objects, one)},
		{name: "JSON of other kinds", schema: schema, values: rapid.Map(rapid.SampledFrom(others), one), edges: mapped(others, one)},
	}
}

// jsonText makes objects with members of any kind.
func jsonText() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		object := map[string]any{}
		for range rapid.IntRange(0, 5).Draw(t, "members") {
			member := rapid.OneOf(rapid.Bool().AsAny(), rapid.Int64Range(-1<<53, 1<<53).AsAny(), text().AsAny(),
				rapid.Float64Range(-1e9, 1e9).AsAny(), rapid.SliceOfN(rapid.Int16(), 0, 4).AsAny(), rapid.Just[any](nil))
			// a name that the tests' fields don't have, as Milvus asks of the members of the dynamic field
			object["m_"+text().Draw(t, "name")] = member.Draw(t, "value")
		}
		text, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	})
}

// geometryKinds are two, since not all servers know more than points.
func geometryKinds() []kind {
	one := func(wkt string) *schemapb.FieldData {
		return scalarCell(schemapb.DataType_Geometry, &schemapb.ScalarField{Data: &schemapb.ScalarField_GeometryWktData{
			GeometryWktData: &schemapb.GeometryWktArray{Data: []string{wkt}}}})
	}
	point := rapid.Custom(func(t *rapid.T) string {
		c := rapid.IntRange(-180, 180)
		return fmt.Sprintf("POINT (%d %d)", c.Draw(t, "x"), c.Draw(t, "y"))
	})
	others := []string{"LINESTRING (0 0, 1 1, 2 1)", "POLYGON ((0 0, 4 0, 4 4, 0 4, 0 0), (1 1, 2 1, 2 2, 1 1))", "MULTIPOINT ((1 2), (3 4))"}
	schema := &schemapb.FieldSchema{DataType: schemapb.DataType_Geometry}
	missing := func() *schemapb.ValueField {
		return &schemapb.ValueField{Data: &schemapb.ValueField_StringData{StringData: "POINT (1 2)"}}
	}
	return []kind{
		{name: "Geometry point", schema: schema, values: rapid.Map(point, one), edges: mapped([]string{"POINT (0.1 -0.25)"}, one), missing: missing},
		{name: "Geometry of other kinds", schema: schema, values: rapid.Map(rapid.SampledFrom(others), one), edges: mapped(others, one), missing: missing},
	}
}

func timestamptzKind() kind {
	one := func(micros int64) *schemapb.FieldData {
		text := time.UnixMicro(micros).UTC().Format("2006-01-02T15:04:05.000000Z")
		if micros%1_000_000 == 0 {
			text = time.UnixMicro(micros).UTC().Format("2006-01-02T15:04:05Z")
		}
		return scalarCell(schemapb.DataType_Timestamptz, stringData([]any{text}))
	}
	return kind{name: "Timestamptz", schema: &schemapb.FieldSchema{DataType: schemapb.DataType_Timestamptz},
		values: rapid.Map(rapid.Int64Range(-2_000_000_000_000_000, 4_000_000_000_000_000), one),
		edges:  mapped([]int64{0, 1, -1, 951_782_400_000_000}, one),
		missing: func() *schemapb.ValueField {
			return &schemapb.ValueField{Data: &schemapb.ValueField_TimestamptzData{TimestamptzData: 951_782_400_000_000}}
		}}
}

// vectorKinds are the vector types.
func vectorKinds() []kind {
	vector := func(name string, t schemapb.DataType, dim int, values *rapid.Generator[*schemapb.VectorField], edges ...*schemapb.VectorField) kind {
		schema := &schemapb.FieldSchema{DataType: t}
		if dim > 0 {
			schema.TypeParams = params("dim", strconv.Itoa(dim))
		}
		one := func(v *schemapb.VectorField) *schemapb.FieldData {
			return &schemapb.FieldData{Type: t, Field: &schemapb.FieldData_Vectors{Vectors: v}}
		}
		return kind{name: name, schema: schema, values: rapid.Map(values, one), edges: mapped(edges, one)}
	}
	floats := func(v []float32) *schemapb.VectorField {
		return &schemapb.VectorField{Dim: dimension, Data: &schemapb.VectorField_FloatVector{FloatVector: &schemapb.FloatArray{Data: v}}}
	}
	edge := make([]float32, dimension)
	for i := range edge {
		// not the greatest, whose distance to anything is infinite
		edge[i] = []float32{0, float32(math.Copysign(0, -1)), 1e18, -1e18, math.SmallestNonzeroFloat32, 0x1p-126, 0.1}[i%7]
	}
	packed := func(width int, wrap func([]byte) *schemapb.VectorField) *rapid.Generator[*schemapb.VectorField] {
		return rapid.Map(rapid.SliceOfN(rapid.Byte(), width, width), wrap)
	}
	// halves without NaN and infinity: the exponent's highest bit is not set
	halves := func(wrap func([]byte) *schemapb.VectorField) *rapid.Generator[*schemapb.VectorField] {
		return rapid.Map(rapid.SliceOfN(rapid.Uint16(), dimension, dimension), func(v []uint16) *schemapb.VectorField {
			var b []byte
			for _, u := range v {
				b = binary.LittleEndian.AppendUint16(b, u&^0x4000)
			}
			return wrap(b)
		})
	}
	binaryOf := func(b []byte) *schemapb.VectorField {
		return &schemapb.VectorField{Dim: dimension, Data: &schemapb.VectorField_BinaryVector{BinaryVector: b}}
	}
	float16 := func(b []byte) *schemapb.VectorField {
		return &schemapb.VectorField{Dim: dimension, Data: &schemapb.VectorField_Float16Vector{Float16Vector: b}}
	}
	bfloat16 := func(b []byte) *schemapb.VectorField {
		return &schemapb.VectorField{Dim: dimension, Data: &schemapb.VectorField_Bfloat16Vector{Bfloat16Vector: b}}
	}
	int8s := func(b []byte) *schemapb.VectorField {
		return &schemapb.VectorField{Dim: dimension, Data: &schemapb.VectorField_Int8Vector{Int8Vector: b}}
	}
	negativeZeros := slices.Repeat([]byte{0, 0x80}, dimension)
	return []kind{
		vector("FloatVector", schemapb.DataType_FloatVector, dimension, rapid.Map(rapid.SliceOfN(rapid.Float32Range(-1e6, 1e6), dimension, dimension), floats), floats(edge)),
		vector("BinaryVector", schemapb.DataType_BinaryVector, dimension, packed(dimension/8, binaryOf), binaryOf([]byte{0, 0}), binaryOf([]byte{0xff, 0xff})),
		vector("Float16Vector", schemapb.DataType_Float16Vector, dimension, halves(float16), float16(negativeZeros)),
		vector("BFloat16Vector", schemapb.DataType_BFloat16Vector, dimension, halves(bfloat16), bfloat16(negativeZeros)),
		vector("SparseFloatVector", schemapb.DataType_SparseFloatVector, 0, sparse(), sparseOf(map[uint32]float32{0: 1}), sparseOf(map[uint32]float32{math.MaxUint32 - 1: 0.5})),
		vector("Int8Vector", schemapb.DataType_Int8Vector, dimension, packed(dimension, int8s), int8s(slices.Repeat([]byte{0x80, 0x7f}, dimension/2))),
	}
}

func sparse() *rapid.Generator[*schemapb.VectorField] {
	return rapid.Map(rapid.MapOfN(rapid.Uint32Range(0, math.MaxUint32-1), rapid.Float32Range(0.01, 1e6), 1, 10), sparseOf)
}

// sparseOf packs a sparse vector as Milvus does: index and value by turns, by index.
func sparseOf(v map[uint32]float32) *schemapb.VectorField {
	var indices []uint32
	for i := range v {
		indices = append(indices, i)
	}
	slices.Sort(indices)
	var b []byte
	for _, i := range indices {
		b = binary.LittleEndian.AppendUint32(b, i)
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v[i]))
	}
	return &schemapb.VectorField{Dim: int64(indices[len(indices)-1]) + 1, Data: &schemapb.VectorField_SparseFloatVector{
		SparseFloatVector: &schemapb.SparseFloatArray{Contents: [][]byte{b}, Dim: int64(indices[len(indices)-1]) + 1}}}
}

// structKind is an array of structs of a number, a string and a vector.
func structKind() kind {
	fields := []*schemapb.FieldSchema{
		{Name: "clip_start", DataType: schemapb.DataType_Array, ElementType: schemapb.DataType_Int64, TypeParams: params("max_capacity", "8")},
		{Name: "clip_text", DataType: schemapb.DataType_Array, ElementType: schemapb.DataType_VarChar, TypeParams: params("max_capacity", "8", "max_length", strconv.Itoa(maxLength))},
		{Name: "clip_vector", DataType: schemapb.DataType_ArrayOfVector, ElementType: schemapb.DataType_FloatVector, TypeParams: params("max_capacity", "8", "dim", "4")},
	}
	values := rapid.Custom(func(t *rapid.T) *schemapb.FieldData {
		n := rapid.IntRange(1, maxCapacity).Draw(t, "structs")
		return structOf(fields, rapid.SliceOfN(rapid.Int64(), n, n).Draw(t, "starts"), rapid.SliceOfN(text(), n, n).Draw(t, "texts"),
			rapid.SliceOfN(rapid.Float32Range(-1e6, 1e6), 4*n, 4*n).Draw(t, "vectors"))
	})
	return kind{name: "Array of structs", structs: &schemapb.StructArrayFieldSchema{Fields: fields}, values: values,
		edges: []*schemapb.FieldData{structOf(fields, nil, nil, nil), structOf(fields, []int64{math.MinInt64}, []string{""}, []float32{0, 1, 2, 3})}}
}

func structOf(fields []*schemapb.FieldSchema, starts []int64, texts []string, vectors []float32) *schemapb.FieldData {
	array := func(f *schemapb.FieldSchema, s *schemapb.ScalarField) *schemapb.FieldData {
		d := scalarCell(schemapb.DataType_Array, &schemapb.ScalarField{Data: &schemapb.ScalarField_ArrayData{
			ArrayData: &schemapb.ArrayArray{Data: []*schemapb.ScalarField{s}, ElementType: f.ElementType}}})
		d.FieldName = f.Name
		return d
	}
	vector := &schemapb.VectorField{Dim: 4, Data: &schemapb.VectorField_VectorArray{VectorArray: &schemapb.VectorArray{Dim: 4, ElementType: schemapb.DataType_FloatVector,
		Data: []*schemapb.VectorField{{Dim: 4, Data: &schemapb.VectorField_FloatVector{FloatVector: &schemapb.FloatArray{Data: vectors}}}}}}}
	return &schemapb.FieldData{Type: schemapb.DataType_ArrayOfStruct, Field: &schemapb.FieldData_StructArrays{StructArrays: &schemapb.StructArrayField{Fields: []*schemapb.FieldData{
		array(fields[0], &schemapb.ScalarField{Data: &schemapb.ScalarField_LongData{LongData: &schemapb.LongArray{Data: starts}}}),
		array(fields[1], stringData(toAny(texts))),
		{FieldName: fields[2].Name, Type: schemapb.DataType_ArrayOfVector, Field: &schemapb.FieldData_Vectors{Vectors: vector}},
	}}}}
}
