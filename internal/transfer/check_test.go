package transfer

import (
	"math"
	"math/rand/v2"
	"testing"
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
