package rows

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/fault"
)

// CheckFinite refuses a batch with a NaN or infinite element in a vector, naming its row.
func CheckFinite(b *Batch) error {
	for _, f := range b.Fields {
		v := f.GetVectors()
		var first func(from int) int
		switch d := v.GetData().(type) {
		case *schemapb.VectorField_FloatVector:
			first = behind(d.FloatVector.GetData(), 1, firstNotFinite)
		case *schemapb.VectorField_Float16Vector:
			first = behind(d.Float16Vector, 2, func(v []byte) int { return firstAllOnes(v, 0x7c00) })
		case *schemapb.VectorField_Bfloat16Vector:
			first = behind(d.Bfloat16Vector, 2, func(v []byte) int { return firstAllOnes(v, 0x7f80) })
		default:
			continue
		}
		if at := first(0); at >= 0 {
			return notFinite(b, f.GetFieldName(), at, int(v.GetDim()), first)
		}
	}
	return nil
}

// behind makes of a search in a slice, whose elements take width of its items, one that begins at an element.
func behind[T any](v []T, width int, search func([]T) int) func(from int) int {
	return func(from int) int {
		at := search(v[min(from*width, len(v)):])
		if at < 0 {
			return -1
		}
		return from + at
	}
}

// notFinite tells of the rows of a batch that have such elements: their number, and where the first few are.
func notFinite(b *Batch, field string, at, dim int, first func(from int) int) error {
	const named = 3
	element, rows, more := at%dim, 0, ""
	place := b.Place(at / dim)
	for ; at >= 0; at = first((at/dim + 1) * dim) {
		if rows++; rows > 1 && rows <= named {
			more += ", " + b.Place(at/dim)
		}
	}
	text := ""
	if rows > 1 {
		text = fmt.Sprintf(" (so have %d of the %d rows that were read with it: also%s)", rows, b.Rows, more[1:])
		if rows > named {
			text = strings.TrimSuffix(text, ")") + ", ...)"
		}
	}
	return fault.New(fault.Corrupt, "%s: element %d of %q is NaN or infinite%s; mend the data, or set allow_nan: true if the server takes such vectors",
		place, element, field, text)
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
