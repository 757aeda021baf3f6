package faiss

import "strings"

// search types of an additive quantizer that keep more than codebooks (faiss/impl/AdditiveQuantizer.h).
const (
	normClustered8 = 6
	normClustered4 = 7
	normLocal2x4   = 8
	normResidual2  = 9
)

// additiveParts passes over an additive quantizer of the kind that name, an index's, ends with.
func (d *decoder) additiveParts(name string, dim int) {
	name = strings.TrimSuffix(strings.TrimSuffix(name, "FastScan"), "Quantizer")
	one := d.residual
	if strings.HasSuffix(name, "LocalSearch") {
		one = d.localSearch
	}
	if !strings.Contains(name, "Product") {
		one(dim)
		return
	}
	d.additiveBase(dim)
	at := d.off
	splits := d.int64("the number of splits")
	if d.err == nil && (splits < 1 || splits > int64(dim)) {
		d.corrupt(at, "a product of %d quantizers for dimension %d", splits, dim)
	}
	for i := int64(0); i < splits && d.err == nil; i++ {
		one(anyDim)
	}
}

// anyDim stands for the dimension of one quantizer of a product.
const anyDim = -1

func (d *decoder) additiveBase(dim int) {
	at := d.off
	if got := d.int64("the quantizer's dimension"); d.err == nil && dim != anyDim && got != int64(dim) {
		d.corrupt(at, "a quantizer of dimension %d in an index of dimension %d", got, dim)
	}
	d.skip(8, "the number of codebooks")
	d.vector(8, "the bits of the codebooks")
	d.bool("is_trained")
	d.vector(4, "the codebooks")
	search := d.int32("the search type")
	d.skip(8, "the range of norms")
	switch search {
	case normClustered8, normClustered4:
		d.vector(4, "the norms")
	case normLocal2x4, normResidual2:
		d.vector(4, "the norms")
		d.vector(4, "the table of norms")
	}
}

func (d *decoder) residual(dim int) {
	d.additiveBase(dim)
	d.skip(4+4, "the training's parameters") // train_type, max_beam_size
}

func (d *decoder) localSearch(dim int) {
	d.additiveBase(dim)
	// K, four counts of iterations, p, lambd, chunk_size, random_seed, nperts, update_codebooks_with_double
	d.skip(5*8+2*4+8+4+8+1, "the training's parameters")
}

// additive reads IndexResidualQuantizer, IndexLocalSearchQuantizer and the products of them.
func (d *decoder) additive(code string) *node {
	n := d.header()
	d.additiveParts(kinds[code].name, n.Dim)
	d.packed(n, d.codeSize())
	return d.closed(n, code)
}

// additiveCoarse reads ResidualCoarseQuantizer, whose rows are the sums of its codebooks' entries.
func (d *decoder) additiveCoarse(code string) *node {
	n := d.header()
	d.residual(n.Dim)
	d.skip(4, "beam_factor")
	return d.closed(n, code)
}

// additiveFastScan reads the kinds of additive for fast search.
func (d *decoder) additiveFastScan(code string) *node {
	n := d.header()
	d.additiveParts(kinds[code].name, n.Dim)
	// implem, bbs, qbs; M, nbits, ksub, code_size, ntotal2, M2; rescale_norm, norm_scale, max_train_points
	d.skip(3*4+6*8+1+4+8, "search parameters")
	d.vector(1, "the codes")
	return d.closed(n, code)
}

// ivfAdditive reads IndexIVFAdditiveQuantizer.
func (d *decoder) ivfAdditive(code string) *node {
	n, lists, _ := d.ivfHeader(d.header, d.index)
	d.skip(8, "the code size")
	d.additiveParts(kinds[code].name, n.Dim)
	d.skip(1+4, "by_residual and use_precomputed_table")
	d.skipLists(n, lists)
	return d.closed(n, code)
}

// ivfAdditiveFastScan reads IndexIVFAdditiveQuantizerFastScan.
func (d *decoder) ivfAdditiveFastScan(code string) *node {
	n, lists, _ := d.ivfHeader(d.header, d.index)
	d.additiveParts(kinds[code].name, n.Dim)
	// by_residual; implem, bbs, qbs; M, nbits, ksub, code_size, qbs2, M2; rescale_norm, norm_scale, max_train_points
	d.skip(1+3*4+6*8+1+4+8, "search parameters")
	d.skipLists(n, lists)
	return d.closed(n, code)
}
