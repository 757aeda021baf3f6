package faiss

import "strings"

// hnsw reads IndexHNSW, with floats or bits: a graph to search in, which is passed over, and an index of the rows.
// before passes over what a kind has before the graph.
func (d *decoder) hnsw(name string, header func(*decoder) Info, index func(*decoder) *node,
	before func(*decoder)) *node {
	at := d.off
	n := header(d)
	if before != nil {
		before(d)
	}
	d.vector(8, "assign_probas")
	d.vector(4, "cum_nneighbor_per_level")
	_, levels := d.vector(4, "the graph's levels")
	_, offsets := d.vector(8, "the graph's offsets")
	d.vector(4, "the graph's neighbors")
	d.skip(5*4, "the graph's parameters") // entry_point, max_level, efConstruction, efSearch, one unused
	if d.err == nil && (levels != n.Rows || offsets != levels+1) {
		d.corrupt(at, "a graph of %d levels and %d offsets for %d rows", levels, offsets, n.Rows)
	}
	return d.storage(at, n, name, index)
}

// storage reads the index that holds the rows of a graph.
func (d *decoder) storage(at int64, n Info, name string, index func(*decoder) *node) *node {
	inner := index(d)
	if inner.unread == nil || !inner.unread.lost {
		d.same(at, n, inner)
	}
	if d.err != nil {
		return nil
	}
	out := over(n, name, inner)
	if inner.Kind == "Flat" && strings.Contains(name, "Flat") {
		out.Kind = name
	}
	out.Rows, out.Dim, out.Binary = n.Rows, n.Dim, n.Binary
	return out
}

// graphSums passes over what IndexHNSWFlatPanorama adds.
func (d *decoder) graphSums() {
	d.skip(8, "the number of levels")
	d.vector(4, "the sums")
}

// cagra passes over what IndexHNSWCagra adds.
func (d *decoder) cagra() {
	d.bool("keep_max_size_level0")
	d.bool("base_level_only")
	d.skip(4, "the number of entry points")
}

func (d *decoder) cagra2() {
	d.cagra()
	d.skip(4, "the numeric type")
}

// nsg reads IndexNSG: a graph, which is passed over, and an index of the rows.
func (d *decoder) nsg(code string) *node {
	at := d.off
	n := d.header()
	d.skip(4+1+4*4, "the graph's building parameters") // GK, build_type, nndescent_S, _R, _L, _iter
	rows, degree := d.int32("the graph's nodes"), d.int32("the graph's degree")
	d.skip(4*4, "the graph's parameters") // L, C, search_L, enterpoint
	built := d.bool("is_built")
	if d.err == nil && built && (int64(rows) != n.Rows || degree < 1) {
		d.corrupt(at, "a graph of %d nodes of degree %d for %d rows", rows, degree, n.Rows)
	}
	for i := int32(0); built && i < rows && d.err == nil; i++ {
		d.neighbors(degree)
	}
	return d.storage(at, n, kinds[code].name, (*decoder).index)
}

// neighbors passes over the neighbors of a node: at most degree, and -1 behind them.
func (d *decoder) neighbors(degree int32) {
	at := d.off
	for i := int32(0); d.err == nil && d.int32("a neighbor") != -1; i++ {
		if i == degree {
			d.corrupt(at, "a node of more than %d neighbors", degree)
		}
	}
}

// nnDescent reads IndexNNDescentFlat.
func (d *decoder) nnDescent(code string) *node {
	at := d.off
	n := d.header()
	rows := d.int32("the graph's nodes")
	d.skip(8*4, "the graph's parameters") // d, K, S, R, L, iter, search_L, random_seed
	built := d.bool("has_built")
	if d.err == nil && built && int64(rows) != n.Rows {
		d.corrupt(at, "a graph of %d nodes for %d rows", rows, n.Rows)
	}
	d.vector(4, "the graph")
	return d.storage(at, n, kinds[code].name, (*decoder).index)
}

// binaryMultiHash reads IndexBinaryMultiHash: an index of the rows, and hash tables to search in, which are passed
// over.
func (d *decoder) binaryMultiHash(code string) *node {
	at := d.off
	n := d.binaryHeader()
	inner := d.binaryIndex()
	d.same(at, n, inner)
	d.skip(4, "the width of a hash")
	tables := d.int32("the number of hash tables")
	d.skip(4, "nflip")
	if d.err == nil && (tables < 1 || int(tables) > n.Dim) {
		d.corrupt(at, "%d hash tables for dimension %d", tables, n.Dim)
	}
	for i := int32(0); i < tables && d.err == nil; i++ {
		d.skip(4+8, "the head of a hash table") // id_bits, entries
		d.vector(1, "a hash table")
	}
	if d.err != nil {
		return nil
	}
	return over(n, binaryKinds[code].name, inner)
}
