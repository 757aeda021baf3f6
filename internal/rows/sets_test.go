package rows

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"
)

func TestRowSetHoldsWhatWasPutIn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.Int64Range(1, 5000).Draw(t, "size")
		rows := rapid.SliceOfDistinct(rapid.Int64Range(0, size-1), func(r int64) int64 { return r }).Draw(t, "rows")
		set := NewRowSet(rows, size)
		if (len(set) == 0) != (len(rows) == 0) {
			t.Fatalf("%d bytes for %d rows", len(set), len(rows))
		}
		in, err := set.Rows(size)
		if err != nil {
			t.Fatal(err)
		}
		for r := range size {
			if in(r) != slices.Contains(rows, r) {
				t.Fatalf("row %d: %v", r, in(r))
			}
		}
	})
}

func TestTruncatedRowSetIsAnError(t *testing.T) {
	set := NewRowSet([]int64{1, 77, 300}, 400)
	if _, err := set[:len(set)/2].Rows(400); err == nil {
		t.Error("no error")
	}
}

func TestSumDoesNotDependOnOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 40).Draw(t, "rows")
		order := rapid.Permutation(seq(n)).Draw(t, "order")
		whole := mixed(seq(n))
		want, err := SumBatch("p", whole)
		if err != nil {
			t.Fatal(err)
		}
		cut := rapid.IntRange(0, n).Draw(t, "cut")
		var got Sum
		for _, part := range [][]int{order[:cut], order[cut:]} {
			s, err := SumBatch("p", mixed(part))
			if err != nil {
				t.Fatal(err)
			}
			got.Add(s)
		}
		if got != want {
			t.Fatalf("%v, in another order %v", want, got)
		}
	})
}

func TestSumSeesEveryChange(t *testing.T) {
	base, err := SumBatch("p", mixed(seq(4)))
	if err != nil {
		t.Fatal(err)
	}
	changes := map[string]func(*Batch){
		"a bit of a vector": func(b *Batch) {
			v := b.Field("vector").GetVectors().GetFloatVector().Data
			v[0] = math.Float32frombits(math.Float32bits(v[0]) ^ 1)
		},
		"two values swapped": func(b *Batch) {
			v := b.Field("name").GetScalars().GetStringData().Data
			v[0], v[1] = v[1], v[0]
		},
		"a key":        func(b *Batch) { b.Field("id").GetScalars().GetLongData().Data[3]++ },
		"a JSON value": func(b *Batch) { b.Field("doc").GetScalars().GetJsonData().Data[0] = []byte(`{"a":0,"b":[1,2.50]}`) },
		"a bool":       func(b *Batch) { v := b.Field("flag").GetScalars().GetBoolData().Data; v[0] = !v[0] },
		"a field's name": func(b *Batch) { // the order of fields is by name
			b.Field("flag").FieldName = "zzz"
		},
	}
	for name, change := range changes {
		b := mixed(seq(4))
		change(b)
		if got, err := SumBatch("p", b); err != nil || got == base {
			t.Errorf("%s: not seen (%v)", name, err)
		}
	}
	if got, _ := SumBatch("q", mixed(seq(4))); got == base {
		t.Error("another partition: not seen")
	}
	doubled := mixed([]int{0, 1, 2, 3, 3, 3})
	if got, _ := SumBatch("p", doubled); got.Lo == base.Lo && got.Hi == base.Hi {
		t.Error("rows doubled in pairs: not seen")
	}
}

func TestSumTakesJSONAsJSON(t *testing.T) {
	b := mixed(seq(4))
	b.Field("doc").GetScalars().GetJsonData().Data[1] = []byte(" {\"b\" : [1, 2.5], \n \"a\": 1 }")
	want, _ := SumBatch("p", mixed(seq(4)))
	if got, err := SumBatch("p", b); err != nil || got != want {
		t.Errorf("the same JSON written differently: %v, %v (%v)", want, got, err)
	}
}

func TestSumText(t *testing.T) {
	s := Sum{Rows: 12, Hi: 1, Lo: math.MaxUint64}
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var back Sum
	if err := json.Unmarshal(text, &back); err != nil || back != s {
		t.Errorf("%s became %v (%v)", text, back, err)
	}
}

func TestKeepPicksTheSameRowsOfEveryField(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 30).Draw(t, "rows")
		kept := rapid.SliceOfDistinct(rapid.IntRange(0, n-1), func(i int) int { return i }).Draw(t, "kept")
		slices.Sort(kept)
		b := mixed(seq(n))
		if err := b.Keep(func(i int) bool { return slices.Contains(kept, i) }); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(mixed(kept).Fields, b.Fields, protocmp.Transform(), protocmp.IgnoreEmptyMessages()); d != "" || b.Rows != len(kept) {
			t.Fatalf("%d rows, %s", b.Rows, d)
		}
		for i, row := range kept {
			if got := b.Place(i); got != fmt.Sprintf("row %d", row) {
				t.Fatalf("row %d is called %s", row, got)
			}
		}
	})
}

func TestSchemaPassesThroughJSON(t *testing.T) {
	s := Schema{&schemapb.CollectionSchema{Name: "c", Fields: []*schemapb.FieldSchema{KeyField("id"),
		VectorField("embedding", schemapb.DataType_FloatVector, 8), VarCharField("name", 100)}}}
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var back Schema
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(s.CollectionSchema, back.CollectionSchema, protocmp.Transform()); d != "" {
		t.Error(d)
	}
}

func seq(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// mixed makes a batch with a field of most types, whose row r holds values that depend on numbers[r] only.
func mixed(numbers []int) *Batch {
	var (
		keys   []int64
		names  []string
		docs   [][]byte
		flags  []bool
		small  []int32
		single []float32
		double []float64
		vector []float32
		bits   []byte
		half   []byte
	)
	for _, i := range numbers {
		keys = append(keys, int64(i))
		names = append(names, fmt.Sprint("n", i))
		docs = append(docs, []byte(`{"a":1,"b":[1,2.5]}`))
		flags = append(flags, i%2 == 0)
		small = append(small, int32(-i))
		single = append(single, float32(i)/3)
		double = append(double, float64(i)/7)
		vector = append(vector, float32(i), float32(i)+0.5)
		bits = append(bits, byte(i), byte(i+1))
		half = append(half, byte(i), 0x3c, byte(i+1), 0x3c)
	}
	return &Batch{Rows: len(numbers), Fields: []*schemapb.FieldData{
		Int64Column("id", keys), VarCharColumn("name", names), JSONColumn("doc", docs), BoolColumn("flag", flags),
		Int32Column("small", schemapb.DataType_Int8, small), FloatColumn("single", single), DoubleColumn("double", double),
		FloatVectorColumn("vector", 2, vector), BinaryVectorColumn("bits", 16, bits), Float16VectorColumn("half", 2, half),
		BFloat16VectorColumn("brain", 2, slices.Clone(half)),
	}}
}
