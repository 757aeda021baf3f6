package faiss

// binaryFlat reads IndexBinaryFlat: packed bits as they are.
func (d *decoder) binaryFlat() *node {
	n := d.binaryHeader()
	n.Kind = "BinaryFlat"
	if d.err != nil {
		return nil
	}
	return &node{Info: n, rows: d.oneRun(n, int64(n.Dim/8), 1, nil)}
}

// binaryIVF reads IndexBinaryIVF: packed bits as they are, in lists.
func (d *decoder) binaryIVF() *node {
	n, lists, _ := d.ivfHeader(d.binaryHeader, d.binaryIndex)
	n.Kind = "BinaryIVF"
	return d.invertedLists(n, lists, int64(n.Dim/8), nil, nil)
}
