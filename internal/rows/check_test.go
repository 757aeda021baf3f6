package rows

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

func TestFirstNotFinite(t *testing.T) {
	bad := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), math.Float32frombits(0x7f800001), math.Float32frombits(0xffffffff)}
	odd := []float32{0, float32(math.Copysign(0, -1)), math.MaxFloat32, -math.MaxFloat32, math.SmallestNonzeroFloat32, 1, -2}
	for n := range 40 {
		v := make([]float32, n)
		for i := range v {
			v[i] = odd[rand.IntN(len(odd))]
		}
		if at := firstNotFinite(v); at != -1 {
			t.Fatalf("%v: element %d is called not finite", v, at)
		}
		for i := range v {
			good := v[i]
			for _, x := range bad {
				v[i] = x
				if at := firstNotFinite(v); at != i {
					t.Fatalf("%v: found %d, want %d", v, at, i)
				}
			}
			v[i] = bad[0]
			if i+1 < n {
				v[i+1] = bad[1] // a second one does not hide the first
				if at := firstNotFinite(v); at != i {
					t.Fatalf("%v: found %d, want %d", v, at, i)
				}
				v[i+1] = odd[0]
			}
			v[i] = good
		}
	}
}

// TestNaNsAreCounted: the first few places are named, and how many rows there are.
func TestNaNsAreCounted(t *testing.T) {
	nan := float32(math.NaN())
	for _, c := range []struct {
		bad  []int // elements of 10 rows of 4
		want string
	}{
		{[]int{6, 7}, `row 101: element 2 of "v" is NaN or infinite; mend`},
		{[]int{6, 9, 10}, `row 101: element 2 of "v" is NaN or infinite (so have 2 of the 10 rows that were read with it: also row 102); mend`},
		{[]int{0, 4, 8, 12, 39}, `row 100: element 0 of "v" is NaN or infinite (so have 5 of the 10 rows that were read with it: also row 101, row 102, ...); mend`},
	} {
		v := make([]float32, 40)
		for _, i := range c.bad {
			v[i] = nan
		}
		b := &Batch{Rows: 10, First: 100, Fields: []*schemapb.FieldData{FloatVectorColumn("v", 4, v)}}
		if err := CheckFinite(b); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%v", err)
		}
		half := make([]byte, 80)
		for _, i := range c.bad {
			half[2*i], half[2*i+1] = 0x00, 0x7e
		}
		b.Fields = []*schemapb.FieldData{{FieldName: "v", Field: &schemapb.FieldData_Vectors{Vectors: &schemapb.VectorField{Dim: 4,
			Data: &schemapb.VectorField_Float16Vector{Float16Vector: half}}}}}
		if err := CheckFinite(b); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("Float16: %v", err)
		}
	}
}
