package faiss

import (
	"encoding/binary"
	"fmt"
)

// product reads IndexPQ: each vector as a sequence of codebook entries.
func (d *decoder) product(kind string) *node {
	n := d.header()
	pq := d.productQuantizer(int64(n.Dim))
	if d.err != nil {
		return nil
	}
	n.Kind = "PQ"
	rows := d.oneRun(n, pq.size(), 1, pq)
	if kind != "IxPQ" {
		d.skip(4+1+4, "search parameters") // search_type, encode_signs, polysemous_ht
	}
	if kind != "IxPq" {
		n.Metric = MetricL2 // older kinds state the inner product and mean L2
	}
	return &node{Info: n, losses: []string{pq.loss()}, rows: rows}
}

// ivfProduct reads IndexIVFPQ.
func (d *decoder) ivfProduct() *node {
	n, lists, coarse := d.ivfHeader(d.header, d.index)
	if !d.bool("by_residual") {
		coarse = nil
	}
	at := d.off
	size := d.int64("the code size")
	pq := d.productQuantizer(int64(n.Dim))
	if d.err == nil && size != pq.size() {
		d.corrupt(at, "codes of %d bytes instead of %d", size, pq.size())
	}
	if d.err != nil {
		return nil
	}
	n.Kind = "IVFPQ"
	out := d.invertedLists(n, lists, size, pq, coarse)
	if d.err != nil {
		return nil
	}
	out.losses = []string{pq.loss()}
	return out
}

// productCodec decodes as Faiss's ProductQuantizer does: sub-vector i is entry code[i] of codebook i. A code's entries
// are nbits wide, packed low bits first.
type productCodec struct {
	parts, width, nbits int
	entries             []float32 // parts x 2^nbits x width
}

func (d *decoder) productQuantizer(dim int64) *productCodec {
	q := d.productShape(dim)
	if d.err != nil {
		return nil
	}
	q.entries = d.floatVector(dim<<q.nbits, "the product quantizer's codebook")
	return q
}

// skipProductQuantizer passes over a product quantizer and returns the size of its codes.
func (d *decoder) skipProductQuantizer(dim int64) int64 {
	q := d.productShape(dim)
	at := d.off
	_, count := d.vector(4, "the product quantizer's codebook")
	if d.err == nil && count != dim<<q.nbits {
		d.corrupt(at, "the product quantizer's codebook has %d values instead of %d", count, dim<<q.nbits)
	}
	return q.size()
}

// productShape reads what a product quantizer is, up to its codebook.
func (d *decoder) productShape(dim int64) *productCodec {
	at := d.off
	got, parts, nbits := d.int64("the dimension"), d.int64("the number of sub-quantizers"), d.int64("nbits")
	if d.err == nil && (got != dim || parts < 1 || parts > dim || dim%parts != 0 || nbits < 1 || nbits > 24) {
		d.corrupt(at, "a product quantizer of dimension %d in %d parts of %d bits in an index of dimension %d", got, parts, nbits, dim)
	}
	if d.err != nil {
		return &productCodec{}
	}
	return &productCodec{parts: int(parts), width: int(dim / parts), nbits: int(nbits)}
}

func (q *productCodec) size() int64 { return int64(q.parts*q.nbits+7) / 8 }

func (q *productCodec) loss() string {
	return fmt.Sprintf("a product quantizer stored each vector in %d bytes", q.size())
}

func (q *productCodec) decode(dst []float32, codes []byte) {
	dim, size := q.parts*q.width, int(q.size())
	for ; len(dst) > 0; dst, codes = dst[dim:], codes[size:] {
		code := codes[:size]
		for part := range q.parts {
			q.part(dst[part*q.width:(part+1)*q.width], part, q.entry(code, part))
		}
	}
}

// entry extracts the number of the entry of a part from a code.
func (q *productCodec) entry(code []byte, part int) int {
	switch q.nbits {
	case 8:
		return int(code[part])
	case 16:
		return int(binary.LittleEndian.Uint16(code[2*part:]))
	}
	var v uint64
	bit := part * q.nbits
	last := (bit + q.nbits - 1) / 8
	for i := last; i >= bit/8; i-- {
		v = v<<8 | uint64(code[i])
	}
	return int(v>>(bit&7)) & (1<<q.nbits - 1)
}

func (q *productCodec) part(dst []float32, part, entry int) {
	copy(dst, q.entries[(part<<q.nbits+entry)*q.width:])
}

// multiIndex reads MultiIndexQuantizer, whose centroids are all combinations of a product
// quantizer's entries: row r takes entry r%2^nbits in the first part, and so on.
func (d *decoder) multiIndex() *node {
	n := d.header()
	n.Kind = "MultiIndexQuantizer"
	pq := d.productQuantizer(int64(n.Dim))
	if d.err != nil {
		return nil
	}
	if pq.parts*pq.nbits > 62 || n.Rows != 1<<(pq.parts*pq.nbits) {
		d.corrupt(d.off, "a multi-index of %d parts of %d bits with %d centroids", pq.parts, pq.nbits, n.Rows)
		return nil
	}
	out := &node{Info: n, rows: combinations{pq}}
	if d.quantizer == "" {
		out.unread = &unread{lost: true, why: "it holds centroids and no vectors"}
	}
	return out
}

type combinations struct{ *productCodec }

func (c combinations) vectors(first int64, dst []byte) error {
	dim := c.parts * c.width
	for out := floatsOf(dst); len(out) > 0; out = out[dim:] {
		rest := first
		for part := range c.parts {
			c.part(out[part*c.width:(part+1)*c.width], part, int(rest)&(1<<c.nbits-1))
			rest >>= c.nbits
		}
		first++
	}
	return nil
}

func (c combinations) ids(first int64, dst []int64) error {
	for i := range dst {
		dst[i] = first + int64(i)
	}
	return nil
}
