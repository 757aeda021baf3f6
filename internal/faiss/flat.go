package faiss

import "milvusdm/internal/fault"

// flat reads IndexFlat: the vectors as they are. Its kinds differ in the metric only, which the header states.
func (d *decoder) flat() *node {
	n := d.header()
	n.Kind = "Flat"
	if d.err != nil {
		return nil
	}
	return &node{Info: n, rows: d.oneRun(n, int64(n.Dim)*4, 4, nil)}
}

// refine reads IndexRefine, as RFlat: an index to search in, which is passed over, and one that holds the rows better.
func (d *decoder) refine() *node {
	at, after := d.off, d.after
	n := d.header()
	d.after = -1
	base := d.index()
	if d.err != nil {
		d.toRefined(n, after)
	} else {
		d.same(at, n, base)
	}
	inner := d.index()
	d.same(at, n, inner)
	d.float("k_factor")
	d.after = after
	if d.err != nil {
		return nil
	}
	return over(n, "Refine", inner)
}

// toRefined goes on at the vectors of a RefineFlat whose base index is of a kind that can't be read, and so has an
// unknown length: what follows it does not.
func (d *decoder) toRefined(n Info, after int64) {
	const kFactor = 4
	if after < 0 || fault.KindOf(d.err) != fault.Unsupported || n.Rows > d.size/4/int64(n.Dim) {
		return
	}
	length := int64(4+33+8) + n.Rows*int64(n.Dim)*4
	if n.Metric > MetricL2 {
		length += 4
	}
	off := d.size - after - kFactor - length
	if off <= d.off {
		return
	}
	flat := &decoder{input: d.input, off: off}
	if kind := flat.fourCC(); kind != "IxF2" && kind != "IxFI" && kind != "IxFl" {
		return
	}
	if in := flat.header(); flat.err == nil && in == n {
		d.off, d.err = off, nil
	}
}
