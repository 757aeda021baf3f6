package rows

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

// Reports and states of released versions hold sums: they must not change for the types that files have.
func TestSumIsThatOfReleasedVersions(t *testing.T) {
	docs := []string{`{"b":[1,2.50,-0,1E5],"a":null}`, " [ true , false ] ", `"<&> \u00e9\n\u2028\/\ud83d\ude00"`, `{"k\u0041":{},"k":[{}]}`, `1.0`}
	texts := make([][]byte, len(docs))
	for i, d := range docs {
		texts[i] = []byte(d)
	}
	batches := map[string]struct {
		partition string
		batch     *Batch
		want      string
	}{
		"every type":    {"p", mixed(seq(100)), "100:4321bdf895059d0f1a55cdb6c7f51a49"},
		"no partition":  {"", mixed(seq(3)), "3:49cb47244627edbf9c1fb36f0b9722b1"},
		"key, vector":   {"", keyed(0, 1000), "1000:1fc0bc32b6f6a3af1f15fd76fd008bd4"},
		"JSON":          {"", &Batch{Rows: len(texts), Fields: []*schemapb.FieldData{JSONColumn("doc", texts)}}, "5:db9f10e7ffeecff4afff2ebef10307ad"},
		"no rows":       {"p", mixed(nil), "0:00000000000000000000000000000000"},
		"Int16 and 32":  {"", &Batch{Rows: 2, Fields: []*schemapb.FieldData{Int32Column("a", schemapb.DataType_Int16, []int32{-1, 2}), Int32Column("b", schemapb.DataType_Int32, []int32{1 << 30, 0})}}, "2:069b81635138f58929cd209260ddd3bb"},
		"empty strings": {"é", &Batch{Rows: 2, Fields: []*schemapb.FieldData{VarCharColumn("s", []string{"", "\x00"})}}, "2:ac689955d38d225469a1a6a96553bd94"},
	}
	for name, c := range batches {
		got, err := SumBatch(c.partition, c.batch)
		if err != nil || got.String() != c.want {
			t.Errorf("%s: %v (%v), want %s", name, got, err, c.want)
		}
	}
}

func BenchmarkSumBatch(b *testing.B) {
	const rows = 4000
	var keys []int64
	var names []string
	var sorted, unsorted [][]byte
	for i := range rows {
		keys = append(keys, int64(i))
		names = append(names, fmt.Sprint("a name of some length ", i))
		sorted = append(sorted, fmt.Appendf(nil, `{"category":"books","count":%d,"price":12.5,"tags":["a","b","c"]}`, i))
		unsorted = append(unsorted, fmt.Appendf(nil, `{"title": "some title", "count": %d, "price": 12.5, "attributes": {"y": 1, "x": 2}}`, i))
	}
	batch := func(f ...*schemapb.FieldData) *Batch {
		return &Batch{Rows: rows, Fields: append([]*schemapb.FieldData{Int64Column("id", keys)}, f...)}
	}
	for _, c := range []struct {
		name  string
		batch *Batch
	}{
		{"key+128 floats", batch(FloatVectorColumn("v", 128, make([]float32, 128*rows)))},
		{"key+128 floats+VarChar+Int64", batch(FloatVectorColumn("v", 128, make([]float32, 128*rows)), VarCharColumn("name", names), Int64Column("n", keys))},
		{"key+JSON", batch(JSONColumn("doc", sorted))},
		{"key+JSON unsorted", batch(JSONColumn("doc", unsorted))},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := SumBatch("p", c.batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
		})
	}
}

func longs(v ...int64) *schemapb.ScalarField {
	return &schemapb.ScalarField{Data: &schemapb.ScalarField_LongData{LongData: &schemapb.LongArray{Data: v}}}
}

func texts(v ...string) *schemapb.ScalarField {
	return &schemapb.ScalarField{Data: &schemapb.ScalarField_StringData{StringData: &schemapb.StringArray{Data: v}}}
}

func arrays(rows ...*schemapb.ScalarField) *schemapb.FieldData {
	return scalar("a", schemapb.DataType_Array, &schemapb.ScalarField{Data: &schemapb.ScalarField_ArrayData{ArrayData: &schemapb.ArrayArray{Data: rows}}})
}

func sparse(rows ...[]byte) *schemapb.FieldData {
	return vector("s", schemapb.DataType_SparseFloatVector, &schemapb.VectorField{Data: &schemapb.VectorField_SparseFloatVector{
		SparseFloatVector: &schemapb.SparseFloatArray{Contents: rows}}})
}

func nullable(f *schemapb.FieldData, valid ...bool) *schemapb.FieldData {
	f.ValidData = valid
	return f
}

func int8s(dim int64, v ...byte) *schemapb.FieldData {
	return vector("v", schemapb.DataType_Int8Vector, &schemapb.VectorField{Dim: dim, Data: &schemapb.VectorField_Int8Vector{Int8Vector: v}})
}

func structs(names []string, vectors ...[]float32) *schemapb.FieldData {
	var name []*schemapb.ScalarField
	for _, n := range names {
		name = append(name, texts(n, n))
	}
	var vecs []*schemapb.VectorField
	for _, v := range vectors {
		vecs = append(vecs, &schemapb.VectorField{Dim: 2, Data: &schemapb.VectorField_FloatVector{FloatVector: &schemapb.FloatArray{Data: v}}})
	}
	parts := []*schemapb.FieldData{arrays(name...), vector("v", schemapb.DataType_ArrayOfVector, &schemapb.VectorField{Dim: 2,
		Data: &schemapb.VectorField_VectorArray{VectorArray: &schemapb.VectorArray{Data: vecs}}})}
	return &schemapb.FieldData{FieldName: "st", Type: schemapb.DataType_ArrayOfStruct,
		Field: &schemapb.FieldData_StructArrays{StructArrays: &schemapb.StructArrayField{Fields: parts}}}
}

func timesAs(v ...string) *schemapb.FieldData {
	return scalar("t", schemapb.DataType_Timestamptz, texts(v...))
}

func sumOf(t *testing.T, fields ...*schemapb.FieldData) Sum {
	t.Helper()
	s, err := SumBatch("", &Batch{Rows: 2, Fields: fields})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSumIsTheSameForTheSameValues(t *testing.T) {
	empty := &schemapb.ScalarField{}
	for name, pair := range map[string][2]*schemapb.FieldData{
		"what stands under a null":            {nullable(Int64Column("n", []int64{1, 7}), true, false), nullable(Int64Column("n", []int64{1, 0}), true, false)},
		"nulls only, with and without values": {nullable(VarCharColumn("n", []string{"", "x"}), false, false), nullable(VarCharColumn("n", nil), false, false)},
		"no null said in two ways":            {nullable(Int64Column("n", []int64{1, 7}), true, true), Int64Column("n", []int64{1, 7})},
		"an empty array":                      {arrays(longs(1), longs()), arrays(longs(1), empty)},
		"an empty array of another kind":      {arrays(longs(1), texts()), arrays(longs(1), empty)},
		"the order of a sparse vector":        {sparse([]byte("\x02\x00\x00\x00abcd\x01\x00\x00\x00efgh"), nil), sparse([]byte("\x01\x00\x00\x00efgh\x02\x00\x00\x00abcd"), nil)},
		"time zones":                          {timesAs("2025-01-02T03:04:05Z", "2025-01-02T03:04:05.5+08:00"), timesAs("2025-01-02T04:04:05+01:00", "2025-01-01T19:04:05.500Z")},
		"time as text and as a number": {timesAs("1970-01-01T00:00:01Z", "1970-01-01T00:00:00.000002Z"), scalar("t", schemapb.DataType_Timestamptz,
			&schemapb.ScalarField{Data: &schemapb.ScalarField_TimestamptzData{TimestamptzData: &schemapb.TimestamptzArray{Data: []int64{1_000_000, 2}}}})},
		"NaN of other bits": {DoubleColumn("d", []float64{math.NaN(), 1}), DoubleColumn("d", []float64{math.Float64frombits(0xfff8000000000000), 1})},
		"a float's NaN of other bits": {FloatColumn("f", []float32{math.Float32frombits(0x7fc00001), 0}),
			FloatColumn("f", []float32{math.Float32frombits(0xffc00002), 0})},
		"a sparse vector's dim": {sparse(nil, nil), func() *schemapb.FieldData { f := sparse(nil, nil); f.GetVectors().Dim = 7; return f }()},
	} {
		if x, y := sumOf(t, pair[0]), sumOf(t, pair[1]); x != y {
			t.Errorf("%s: %v and %v", name, x, y)
		}
	}
}

func TestSumDiffersForOtherValues(t *testing.T) {
	for name, pair := range map[string][2]*schemapb.FieldData{
		"null and zero":           {nullable(Int64Column("n", []int64{1, 0}), true, false), Int64Column("n", []int64{1, 0})},
		"which one is null":       {nullable(Int64Column("n", []int64{5, 5}), true, false), nullable(Int64Column("n", []int64{6, 5}), true, false)},
		"order of an array":       {arrays(longs(1, 2), longs()), arrays(longs(2, 1), longs())},
		"where an array is cut":   {arrays(texts("a", "b"), texts()), arrays(texts("a"), texts("b"))},
		"elements of an array":    {arrays(texts("ab"), texts()), arrays(texts("a", "b"), texts())},
		"a sparse value":          {sparse([]byte("\x01\x00\x00\x00efgh"), nil), sparse([]byte("\x01\x00\x00\x00efgi"), nil)},
		"a sparse index":          {sparse([]byte("\x01\x00\x00\x00efgh"), nil), sparse([]byte("\x02\x00\x00\x00efgh"), nil)},
		"an int8":                 {int8s(2, 1, 2, 3, 4), int8s(2, 1, 2, 3, 5)},
		"a struct's text":         {structs([]string{"a", "b"}, []float32{1, 2}, nil), structs([]string{"a", "c"}, []float32{1, 2}, nil)},
		"a struct's vector":       {structs([]string{"a", "b"}, []float32{1, 2}, nil), structs([]string{"a", "b"}, []float32{1, 3}, nil)},
		"whose a struct's vector": {structs([]string{"a", "b"}, []float32{1, 2}, nil), structs([]string{"a", "b"}, nil, []float32{1, 2})},
		"time":                    {timesAs("2025-01-02T03:04:05Z", "x"), timesAs("2025-01-02T03:04:06Z", "x")},
		"1 and 1.0":               {JSONColumn("j", [][]byte{[]byte("1"), nil}), JSONColumn("j", [][]byte{[]byte("1.0"), nil})},
		"NaN of other bits in a vector": {FloatVectorColumn("f", 1, []float32{math.Float32frombits(0x7fc00001), 0}),
			FloatVectorColumn("f", 1, []float32{math.Float32frombits(0x7fc00002), 0})},
		"NaN and a number": {DoubleColumn("d", []float64{math.NaN(), 1}), DoubleColumn("d", []float64{0, 1})},
		"0 and -0":         {DoubleColumn("d", []float64{0, 1}), DoubleColumn("d", []float64{math.Copysign(0, -1), 1})},
	} {
		if x, y := sumOf(t, pair[0]), sumOf(t, pair[1]); x == y {
			t.Errorf("%s: not seen", name)
		}
	}
}

// A type that is to come is copied as it is; what it holds can't be looked at.
func TestSumLeavesOutATypeThatIsNotKnown(t *testing.T) {
	later := &schemapb.FieldData{FieldName: "later", Type: 199}
	id := Int64Column("id", []int64{1, 2})
	if x, y := sumOf(t, id, later), sumOf(t, id); x != y {
		t.Errorf("%v, without it %v", x, y)
	}
	b := &Batch{Rows: 2, Fields: []*schemapb.FieldData{id, later}}
	if err := b.Keep(func(i int) bool { return i == 0 }); err == nil {
		t.Error("a row of it was dropped")
	}
	s := Schema{&schemapb.CollectionSchema{Fields: []*schemapb.FieldSchema{KeyField("id"), {Name: "later", DataType: 199}}}}
	if got := UnknownFields(s); !slices.Equal(got, []string{"later"}) {
		t.Errorf("unknown fields: %q", got)
	}
}

func TestColumnsThatDoNotFitAreErrors(t *testing.T) {
	for name, f := range map[string]*schemapb.FieldData{
		"too few values":        Int64Column("n", []int64{1}),
		"too many values":       Int64Column("n", []int64{1, 2, 3}),
		"too few validities":    nullable(Int64Column("n", []int64{1, 2}), true),
		"no values, one valid":  nullable(Int64Column("n", nil), true, false),
		"nothing":               {FieldName: "n", Type: schemapb.DataType_VarChar},
		"a cut vector":          FloatVectorColumn("v", 3, []float32{1, 2, 3, 4}),
		"no dimension":          FloatVectorColumn("v", 0, []float32{1, 2, 3, 4}),
		"array of byte strings": arrays(&schemapb.ScalarField{Data: &schemapb.ScalarField_BytesData{}}, nil),
	} {
		b := &Batch{Rows: 2, Fields: []*schemapb.FieldData{f}}
		if _, err := SumBatch("", b); err == nil {
			t.Errorf("%s: summed up", name)
		}
		if err := b.Keep(func(i int) bool { return i == 1 }); err == nil && name[0] != 'a' {
			t.Errorf("%s: picked from", name)
		}
	}
}

func TestKeepPicksRowsOfTheOtherTypes(t *testing.T) {
	make := func(i, j int) *Batch { // rows i and j of three
		pickOf := func(v ...*schemapb.ScalarField) []*schemapb.ScalarField { return []*schemapb.ScalarField{v[i], v[j]} }
		vec := [][]float32{{1, 2}, nil, {3, 4, 5, 6}}
		valid := []bool{true, false, true}
		names := []string{"x", "y", "z"}
		bytes := []byte{1, 2, 3, 4, 5, 6}
		s := [][]byte{nil, []byte("\x01\x00\x00\x00efgh"), []byte("\x02\x00\x00\x00efgh")}
		return &Batch{Rows: 2, Fields: []*schemapb.FieldData{
			nullable(Int64Column("n", []int64{int64(i), int64(j)}), valid[i], valid[j]),
			arrays(pickOf(longs(1), longs(), longs(3, 4))...), sparse(s[i], s[j]),
			int8s(2, bytes[2*i], bytes[2*i+1], bytes[2*j], bytes[2*j+1]), structs([]string{names[i], names[j]}, vec[i], vec[j]),
			timesAs(names[i], names[j]), nullable(scalar("null", schemapb.DataType_Text, texts()), false, false),
		}}
	}
	for _, rows := range [][2]int{{0, 1}, {1, 2}, {2, 0}} {
		whole, err := RowHashes("", make(rows[0], rows[1]))
		if err != nil {
			t.Fatal(err)
		}
		for kept := range 2 {
			b := make(rows[0], rows[1])
			if err := b.Keep(func(i int) bool { return i == kept }); err != nil {
				t.Fatal(err)
			}
			if got, err := RowHashes("", b); err != nil || len(got) != 1 || got[0] != whole[kept] {
				t.Errorf("row %d of %v: %v, want %v (%v)", kept, rows, got, whole[kept], err)
			}
		}
	}
}

func TestDifferingFields(t *testing.T) {
	a, b := mixed(seq(3)), mixed([]int{5, 1, 2})
	got, err := DifferingFields(a, 1, b, 1)
	if err != nil || len(got) != 0 {
		t.Errorf("equal rows differ in %q (%v)", got, err)
	}
	b.Field("name").GetScalars().GetStringData().Data[1] = "other"
	b.Field("bits").GetVectors().GetData().(*schemapb.VectorField_BinaryVector).BinaryVector[2] ^= 1
	b.Fields = append(b.Fields, Int64Column("more", []int64{1, 2, 3}))
	if got, err = DifferingFields(a, 1, b, 1); err != nil || !slices.Equal(got, []string{"bits", "name"}) {
		t.Errorf("differ in %q (%v)", got, err)
	}
}

// keyed makes rows of a key and a vector.
func keyed(from, to int64) *Batch {
	keys, vectors := make([]int64, 0, 5), make([]float32, 0, 10)
	for k := from; k < to; k++ {
		keys, vectors = append(keys, k), append(vectors, float32(k), -float32(k))
	}
	return &Batch{Fields: []*schemapb.FieldData{Int64Column("id", keys), FloatVectorColumn("embedding", 2, vectors)},
		Rows: len(keys), First: from, After: Row(to)}
}
