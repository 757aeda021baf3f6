package faiss

// hnsw reads IndexHNSW, with floats or bits: a graph to search in, which is passed over, and an index of the rows.
func (d *decoder) hnsw(name string, header func() Info, index func() *node) *node {
	at := d.off
	n := header()
	d.vector(8, "assign_probas")
	d.vector(4, "cum_nneighbor_per_level")
	_, levels := d.vector(4, "the graph's levels")
	_, offsets := d.vector(8, "the graph's offsets")
	d.vector(4, "the graph's neighbors")
	d.skip(5*4, "the graph's parameters") // entry_point, max_level, efConstruction, efSearch, one unused
	if d.err == nil && (levels != n.Rows || offsets != levels+1) {
		d.corrupt(at, "a graph of %d levels and %d offsets for %d rows", levels, offsets, n.Rows)
	}
	inner := index()
	d.same(at, n, inner)
	if d.err != nil {
		return nil
	}
	return over(n, name, inner)
}
