package faiss

import (
	"encoding/binary"
	"fmt"
	"math"
)

// scalarType is ScalarQuantizer::QuantizerType (faiss/impl/ScalarQuantizer.h).
type scalarType int32

const (
	sq8 scalarType = iota
	sq4
	sq8Uniform
	sq4Uniform
	sqFP16
	sq8Direct
	sq6
	sqBF16
	sq8Signed
)

// scalarNames say what is kept of an element. What had no more to it before is kept exactly.
var scalarNames = [...]string{
	"in 8 bits", "in 4 bits", "in 8 bits (uniform)", "in 4 bits (uniform)",
	"as float16 (exact if it was float16 before)",
	"as an unsigned byte (exact for whole numbers from 0 to 255)", "in 6 bits",
	"as bfloat16 (exact if it was bfloat16 before)",
	"as a signed byte (exact for whole numbers from -128 to 127)",
}

// since is the first Faiss that has a type that is not decoded here.
func (t scalarType) since() string {
	switch {
	case t < 15: // 0 bits, and TurboQuant for the mean squared error
		return "1.14.2"
	case t < 19: // TurboQuant
		return "1.14.3"
	}
	return "1.15.0" // EDEN
}

// bits is how many bits an element takes.
func (t scalarType) bits() int64 {
	switch t {
	case sqFP16, sqBF16:
		return 16
	case sq6:
		return 6
	case sq4, sq4Uniform:
		return 4
	}
	return 8
}

// scalar reads IndexScalarQuantizer: each element of a vector in few bits.
func (d *decoder) scalar() *node {
	n := d.header()
	q := d.scalarQuantizer(n)
	n.Kind = "ScalarQuantizer"
	if d.err != nil {
		return nil
	}
	rows := d.oneRun(n, q.size, 1, q.codec)
	return q.node(&node{Info: n, rows: rows})
}

// ivfScalar reads IndexIVFScalarQuantizer.
func (d *decoder) ivfScalar(kind string) *node {
	n, lists, coarse := d.ivfHeader(d.header, d.index)
	at := d.off
	q := d.scalarQuantizer(n)
	if got := d.int64("the code size"); d.err == nil && got != q.size {
		d.corrupt(at, "codes of %d bytes instead of %d", got, q.size)
	}
	residual := kind == "IwSQ" || d.bool("by_residual") // the older kind always was
	if !residual {
		coarse = nil
	}
	n.Kind = "IVFScalarQuantizer"
	out := d.invertedLists(n, lists, q.size, q.codec, coarse)
	if d.err != nil {
		return nil
	}
	return q.node(out)
}

// scalarCoding is how a scalar quantizer codes vectors.
type scalarCoding struct {
	size   int64 // of a code
	codec  codec
	loss   string
	unread *unread // a type that is not decoded here
}

// node completes the node of an index that codes so.
func (c scalarCoding) node(n *node) *node {
	n.losses = []string{c.loss}
	if c.unread != nil {
		n.rows, n.unread = nil, c.unread
	}
	return n
}

// scalarQuantizer reads how elements are coded.
func (d *decoder) scalarQuantizer(n Info) (c scalarCoding) {
	at := d.off
	t := scalarType(d.int32("the type of the scalar quantizer"))
	d.skip(8, "the scalar quantizer's training parameters") // rangestat, rangestat_arg
	dim, stored := d.int64("the dimension"), d.int64("the code size")
	off, count := d.vector(4, "the scalar quantizer's ranges")
	if d.err != nil {
		return c
	}
	if t < 0 || stored < 0 || stored > maxDim*8 || dim != int64(n.Dim) {
		d.corrupt(at, "a scalar quantizer of type %d with dimension %d and codes of %d bytes in an index of "+
			"dimension %d", t, dim, stored, n.Dim)
		return c
	}
	if int(t) >= len(scalarNames) {
		c.size, c.loss = max(stored, 1), "a scalar quantizer keeps an approximation of each element"
		c.unread = &unread{since: t.since(), why: fmt.Sprintf("its scalar quantizer is of type %d (since Faiss %s)", t,
			t.since())}
		return c
	}
	size := (dim*t.bits() + 7) / 8
	want := int64(0)
	switch t {
	case sq8, sq4, sq6:
		want = 2 * dim
	case sq8Uniform, sq4Uniform:
		want = 2
	}
	if n.Rows == 0 && count == 0 {
		want = 0 // not trained yet
	}
	if stored != size || count != want {
		d.corrupt(at, "a scalar quantizer of type %d with dimension %d, codes of %d bytes and %d range values in an index of dimension %d",
			t, dim, stored, count, n.Dim)
		return c
	}
	q := &scalarCodec{scalarType: t, dim: n.Dim, size: int(size)}
	if trained := d.floats(off, count, "the scalar quantizer's ranges"); count > 0 {
		q.low, q.width = trained[:count/2], trained[count/2:]
	}
	q.fill()
	return scalarCoding{size: size, codec: q, loss: "a scalar quantizer stored each element " + scalarNames[t]}
}

// scalarCodec decodes as Faiss's ScalarQuantizer does (faiss/impl/scalar_quantizer): low + (code+0.5)/(2^bits-1) * width.
type scalarCodec struct {
	scalarType
	dim, size  int
	low, width []float32
	unit       [256]float32 // value of each code: in [0, 1], or final where all elements have the same range
}

func (q *scalarCodec) fill() {
	top := float32(int(1)<<min(q.bits(), 8) - 1)
	for c := range q.unit {
		q.unit[c] = (float32(c) + 0.5) / top
		switch {
		case q.scalarType == sq8Direct:
			q.unit[c] = float32(c)
		case q.scalarType == sq8Signed:
			q.unit[c] = float32(c - 128)
		case len(q.low) == 1 && q.uniform():
			q.unit[c] = q.scale(q.unit[c], q.low[0], q.width[0])
		}
	}
}

// scale computes low + unit*width with the rounding of Faiss: on machines with AVX2 it fuses the two operations if the
// dimension is a multiple of 8, else it rounds twice. The product of two float32 is exact in float64.
func (q *scalarCodec) scale(unit, low, width float32) float32 {
	if q.dim%8 == 0 {
		return float32(float64(unit)*float64(width) + float64(low))
	}
	return low + float32(unit*width)
}

func (q *scalarCodec) uniform() bool {
	return q.scalarType == sq8Uniform || q.scalarType == sq4Uniform
}

func (q *scalarCodec) decode(dst []float32, codes []byte) {
	for ; len(dst) > 0; dst, codes = dst[q.dim:], codes[q.size:] {
		q.row(dst[:q.dim], codes[:q.size])
	}
}

func (q *scalarCodec) row(x []float32, code []byte) {
	switch q.scalarType {
	case sqFP16:
		for i := range x {
			x[i] = fromHalf(binary.LittleEndian.Uint16(code[2*i:]))
		}
		return
	case sqBF16:
		for i := range x {
			x[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(code[2*i:])) << 16)
		}
		return
	case sq4, sq4Uniform:
		for i := range x {
			x[i] = q.unit[code[i/2]>>(i&1*4)&15]
		}
	case sq6:
		for i := range x {
			x[i] = q.unit[sixBits(code, i)]
		}
	default:
		for i := range x {
			x[i] = q.unit[code[i]]
		}
	}
	if len(q.low) == q.dim && !q.uniform() {
		for i := range x {
			x[i] = q.scale(x[i], q.low[i], q.width[i])
		}
	}
}

// sixBits returns element i of a row of 6-bit codes: four in three bytes, low bits first.
func sixBits(code []byte, i int) byte {
	b := code[i/4*3:]
	switch i & 3 {
	case 0:
		return b[0] & 63
	case 1:
		return b[0]>>6 | b[1]&15<<2
	case 2:
		return b[1]>>4 | b[2]&3<<4
	}
	return b[2] >> 2
}

// fromHalf converts an IEEE 754 half.
func fromHalf(h uint16) float32 {
	sign, exp, frac := uint32(h>>15)<<31, uint32(h>>10&31), uint32(h&1023)
	switch exp {
	case 31:
		return math.Float32frombits(sign | 0x7f800000 | frac<<13)
	case 0:
		return math.Float32frombits(sign | math.Float32bits(float32(frac)/(1<<24)))
	}
	return math.Float32frombits(sign | (exp+127-15)<<23 | frac<<13)
}
