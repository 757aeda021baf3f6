package faiss

// flat reads IndexFlat: the vectors as they are. Its kinds differ in the metric only, which the header states.
func (d *decoder) flat() *node {
	n := d.header()
	n.Kind = "Flat"
	if d.err != nil {
		return nil
	}
	return &node{Info: n, rows: d.oneRun(n, int64(n.Dim)*4, 4, nil)}
}

// refine reads IndexRefine, as RFlat, and IndexRefinePanorama: an index to search in, which is passed over, and one
// that holds the rows better.
func (d *decoder) refine(code string) *node {
	at := d.off
	n := d.header()
	base := d.index()
	d.same(at, n, base)
	inner := d.index()
	d.same(at, n, inner)
	d.float("k_factor")
	if d.err != nil {
		return nil
	}
	return over(n, kinds[code].name, inner)
}

// binaryFlat reads IndexBinaryFlat: packed bits as they are.
func (d *decoder) binaryFlat() *node {
	n := d.binaryHeader()
	n.Kind = "BinaryFlat"
	if d.err != nil {
		return nil
	}
	return &node{Info: n, rows: d.oneRun(n, int64(n.Dim/8), 1, nil)}
}
