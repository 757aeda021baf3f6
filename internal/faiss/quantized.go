package faiss

// The kinds of this file keep vectors in codes that are not decoded here. Their structure is read all the same: to
// find the rows of an index that they are the quantizer or the base of, and to tell a sound file from a damaged
// one.

// lsh reads IndexLSH.
func (d *decoder) lsh(code string) *node {
	n := d.header()
	d.skip(4, "the number of bits")
	d.bool("rotate_data")
	d.bool("train_thresholds")
	d.vector(4, "the thresholds")
	at := d.off
	size := int64(d.int32("the code size"))
	if code == "IxHE" {
		size *= 8
	}
	if d.err == nil && (size < 1 || size > maxDim) {
		d.corrupt(at, "codes of %d bytes", size)
	}
	d.transform()
	d.packed(n, size)
	return d.closed(n, code)
}

// packed passes over codes of all rows in one run.
func (d *decoder) packed(n Info, size int64) {
	if d.err == nil {
		d.oneRun(n, size, 1, nil)
	}
}

// lattice reads IndexLattice, which holds no rows.
func (d *decoder) lattice(code string) *node {
	d.skip(4*4, "the lattice's parameters") // d, nsq, scale_nbit, r2
	n := d.header()
	d.vector(4, "the lattice's ranges")
	return d.closed(n, code)
}

// twoLayer reads Index2Layer.
func (d *decoder) twoLayer(code string) *node {
	n := d.header()
	outer := d.quantizer
	d.quantizer = "2Layer"
	d.index()
	d.quantizer = outer
	d.skip(8+1, "the first layer") // nlist, quantizer_trains_alone
	d.skipProductQuantizer(int64(n.Dim))
	d.skip(16, "the code sizes of the layers")
	d.packed(n, d.codeSize())
	return d.closed(n, code)
}

// codeSize reads the size of a code.
func (d *decoder) codeSize() int64 {
	at := d.off
	size := d.int64("the code size")
	if d.err == nil && (size < 1 || size > maxDim*8) {
		d.corrupt(at, "codes of %d bytes", size)
	}
	return size
}

// rowwise reads IndexRowwiseMinMax.
func (d *decoder) rowwise(code string) *node {
	at := d.off
	n := d.header()
	inner := d.index()
	if d.err == nil && inner.Dim != n.Dim {
		d.corrupt(at, "dimension %d, but %s in it has dimension %d", n.Dim, inner.Kind, inner.Dim)
	}
	return d.closed(n, code)
}

// productFastScan reads IndexPQFastScan.
func (d *decoder) productFastScan(code string) *node {
	n := d.header()
	d.skipProductQuantizer(int64(n.Dim))
	d.skip(3*4+2*8, "search parameters") // implem, bbs, qbs, ntotal2, M2
	d.vector(1, "the codes")
	return d.closed(n, code)
}

// ivfProductFastScan reads IndexIVFPQFastScan.
func (d *decoder) ivfProductFastScan(code string) *node {
	n, lists, _ := d.ivfHeader(d.header, d.index)
	d.bool("by_residual")
	d.skip(8+4+8+4+8, "search parameters") // code_size, bbs, M2, implem, qbs2
	d.skipProductQuantizer(int64(n.Dim))
	d.skipLists(n, lists)
	return d.closed(n, code)
}

// ivfProductRefined reads IndexIVFPQR.
func (d *decoder) ivfProductRefined(code string) *node {
	n, lists, _ := d.ivfHeader(d.header, d.index)
	d.bool("by_residual")
	d.skip(8, "the code size")
	d.skipProductQuantizer(int64(n.Dim))
	d.skipLists(n, lists)
	d.skipProductQuantizer(int64(n.Dim))
	d.vector(1, "the refining codes")
	d.skip(4, "k_factor")
	return d.closed(n, code)
}

// ivfSpectral reads IndexIVFSpectralHash.
func (d *decoder) ivfSpectral(code string) *node {
	n, lists, _ := d.ivfHeader(d.header, d.index)
	d.transform()
	d.skip(3*4, "the hash's parameters") // nbit, period, threshold_type
	d.vector(4, "the hash's thresholds")
	d.skipLists(n, lists)
	return d.closed(n, code)
}

// ivfDedup reads IndexIVFFlatDedup, which keeps of equal vectors one, and in a table the ids of the others.
func (d *decoder) ivfDedup(code string) *node {
	n, lists, _ := d.ivfHeader(d.header, d.index)
	d.vector(8, "the table of equal vectors")
	d.skipLists(n, lists)
	out := d.closed(n, code)
	if out != nil {
		out.losses, out.unread.why = nil, "of equal vectors it keeps one, and a table of the others' ids"
	}
	return out
}

// ivfIndependent reads IndexIVFIndependentQuantizer.
func (d *decoder) ivfIndependent(code string) *node {
	n := d.header()
	outer := d.quantizer
	d.quantizer = "IVFIndependentQuantizer"
	d.index()
	d.quantizer = outer
	if d.bool("has_vt") {
		d.transform()
	}
	at := d.off
	if d.fourCC() == "IwPQ" {
		defer d.skip(4, "use_precomputed_table")
	}
	d.off = at
	inner := d.index()
	out := d.closed(n, code)
	if out != nil {
		out.losses = inner.losses
	}
	return out
}

// rabitq reads IndexRaBitQ.
func (d *decoder) rabitq(code string) *node {
	n := d.header()
	size := d.rabitqQuantizer(code == "Ixrr")
	d.packed(n, size)
	d.vector(4, "the center")
	d.skip(1, "qb")
	return d.closed(n, code)
}

// rabitqQuantizer passes over a RaBitQuantizer and returns the size of its codes.
func (d *decoder) rabitqQuantizer(bits bool) int64 {
	d.skip(8, "the quantizer's dimension")
	size := d.codeSize()
	d.skip(4, "the quantizer's metric")
	if bits {
		d.skip(8, "the number of bits")
	}
	return size
}

// ivfRabitq reads IndexIVFRaBitQ.
func (d *decoder) ivfRabitq(code string) *node {
	n, lists, _ := d.ivfHeader(d.header, d.index)
	d.rabitqQuantizer(code == "Iwrr")
	d.skip(8+1+1, "the code size") // code_size, by_residual, qb
	d.skipLists(n, lists)
	return d.closed(n, code)
}

// rabitqFastScan reads IndexRaBitQFastScan.
func (d *decoder) rabitqFastScan(code string) *node {
	n := d.header()
	d.rabitqQuantizer(true)
	d.vector(4, "the center")
	d.skip(1, "qb")
	d.skip(4+3*8, "search parameters") // bbs, ntotal2, M2, code_size
	d.vector(1, "the codes")
	return d.closed(n, code)
}

// ivfRabitqFastScan reads IndexIVFRaBitQFastScan.
func (d *decoder) ivfRabitqFastScan(code string) *node {
	n, lists, _ := d.ivfHeader(d.header, d.index)
	d.rabitqQuantizer(true)
	d.skip(1+8+4+8+8+4+1+1, "search parameters") // by_residual, code_size, bbs, qbs2, M2, implem, qb, centered
	d.skipLists(n, lists)
	return d.closed(n, code)
}

// eden reads IndexEDEN.
func (d *decoder) eden(code string) *node {
	n := d.header()
	size := d.edenQuantizer(code == "IxEe")
	d.packed(n, size)
	d.vector(4, "the center")
	return d.closed(n, code)
}

// edenQuantizer passes over the quantizer of EDEN and returns the size of its codes.
func (d *decoder) edenQuantizer(scale bool) int64 {
	d.skip(8, "the quantizer's dimension")
	size := d.codeSize()
	d.skip(4+8, "the quantizer's metric and bits")
	if scale {
		d.skip(4, "the type of scale")
	}
	return size
}

// ivfEden reads IndexIVFEDEN.
func (d *decoder) ivfEden(code string) *node {
	n, lists, _ := d.ivfHeader(d.header, d.index)
	d.edenQuantizer(code == "IwEe")
	d.skip(8+1, "the code size") // code_size, by_residual
	d.skipLists(n, lists)
	return d.closed(n, code)
}

// skipLists passes over inverted lists of codes that are not decoded.
func (d *decoder) skipLists(n Info, lists int64) { d.invertedLists(n, lists, anySize, nil, nil) }
