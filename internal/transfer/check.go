package transfer

import (
	"encoding/binary"
	"math"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/fault"
)

// CheckFinite refuses a batch with a NaN or infinite element in a vector, naming its row.
func CheckFinite(b *Batch) error {
	for _, f := range b.Fields {
		v := f.GetVectors()
		at := -1
		switch d := v.GetData().(type) {
		case *schemapb.VectorField_FloatVector:
			at = firstNotFinite(d.FloatVector.GetData())
		case *schemapb.VectorField_Float16Vector:
			at = firstAllOnes(d.Float16Vector, 0x7c00)
		case *schemapb.VectorField_Bfloat16Vector:
			at = firstAllOnes(d.Bfloat16Vector, 0x7f80)
		}
		if at >= 0 {
			dim := int(v.GetDim())
			return fault.New(fault.Corrupt, "%s: element %d of %q is NaN or infinite; mend the data, or set allow_nan: true if the server takes such vectors",
				b.Place(at/dim), at%dim, f.GetFieldName())
		}
	}
	return nil
}

var le = binary.LittleEndian

const exponent = 0x7f800000 // of a float32: all ones in NaN and infinities only

// firstNotFinite looks at 8 elements at once: without its sign, a float whose exponent is all ones, and no other, grows into
// the sign's bit when the exponent's lowest bit is added.
func firstNotFinite(v []float32) int {
	const signs, lowest = 1<<63 | 1<<31, 1<<55 | 1<<23
	b := FloatBytes(v)
	for i := 0; i+8 <= len(v); i += 8 {
		eight := b[4*i : 4*i+32]
		grown := (le.Uint64(eight)&^signs + lowest) | (le.Uint64(eight[8:])&^signs + lowest) |
			(le.Uint64(eight[16:])&^signs + lowest) | (le.Uint64(eight[24:])&^signs + lowest)
		if grown&signs != 0 {
			return i + firstBad(v[i:i+8])
		}
	}
	whole := len(v) &^ 7
	if at := firstBad(v[whole:]); at >= 0 {
		return whole + at
	}
	return -1
}

func firstBad(v []float32) int {
	for i, x := range v {
		if math.Float32bits(x)&exponent == exponent {
			return i
		}
	}
	return -1
}

// firstAllOnes finds the first little-endian 16-bit value in which all bits of mask are set.
func firstAllOnes(v []byte, mask uint16) int {
	for i := 0; i+1 < len(v); i += 2 {
		if (uint16(v[i])|uint16(v[i+1])<<8)&mask == mask {
			return i / 2
		}
	}
	return -1
}
