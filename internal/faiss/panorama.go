package faiss

// panorama is a layout of rows in batches. A batch holds a part of each of its rows, then the next part of each,
// and so on; the last batch has room for all its rows. Sums of the parts, which serve search, follow elsewhere.
type panorama struct {
	batch  int64 // rows; 0: rows lie one after another
	levels int64 // parts of a row, as the file says
	width  int64 // of a part, in bytes; the last may be narrower
}

// legacyBatch is the batch size of the first files of the kind, which do not state it.
const legacyBatch = 128

// newPanorama checks what a file says of the layout. As in Faiss, parts are of equal width but for the last, so
// that there may be fewer of them.
func (d *decoder) newPanorama(at int64, dim, levels, batch int64) panorama {
	if d.err == nil && (levels < 1 || levels > dim || batch < 1 || batch > d.size) {
		d.corrupt(at, "a panorama of %d levels and batches of %d rows for dimension %d", levels, batch, dim)
	}
	if d.err != nil {
		return panorama{batch: 1, levels: 1, width: 4}
	}
	return panorama{batch: batch, levels: levels, width: (dim + levels - 1) / levels * 4}
}

// slots is how many rows there is room for.
func (p panorama) slots(rows int64) int64 {
	if p.batch == 0 {
		return rows
	}
	return (rows + p.batch - 1) / p.batch * p.batch
}

// sums is how many bytes the sums of an inverted list take.
func (p panorama) sums(slots int64) int64 {
	if p.batch == 0 {
		return 0
	}
	return slots * (p.levels + 1) * 4
}

// flatPanorama reads IndexFlatPanorama: the vectors as they are, in batches.
func (d *decoder) flatPanorama(code string) *node {
	at := d.off
	n := Info{Kind: kinds[code].name, Dim: int(d.int32("the dimension")), Metric: MetricL2}
	if code == "IxFp" {
		n.Metric = MetricIP
	}
	levels, batch := d.int64("the number of levels"), d.int64("the batch size")
	n.Rows = d.int64("the number of rows")
	d.bool("is_trained")
	d.check(at, n)
	p := d.newPanorama(at, int64(n.Dim), levels, batch)
	c := &codes{input: d.input, size: int64(n.Dim) * 4, dim: n.Dim, rows: n.Rows, panorama: p}
	at = d.off
	off, count := d.vector(1, "the vectors")
	if d.err == nil && (n.Rows > d.size || count != p.slots(n.Rows)*c.size) {
		d.corrupt(at, "the vectors take %d bytes, which does not fit %d rows of %d bytes in batches of %d", count,
			n.Rows, c.size, p.batch)
	}
	d.vector(4, "the sums")
	if d.err != nil {
		return nil
	}
	c.runs = []run{{off: off}}
	return &node{Info: n, rows: c}
}

// ivfPanorama reads IndexIVFFlatPanorama: an IVFFlat whose lists are in batches.
func (d *decoder) ivfPanorama(code string) *node {
	n, lists, _ := d.ivfHeader(d.header, d.index)
	n.Kind = kinds[code].name
	d.skip(8, "the number of levels")
	if code == "IwP2" {
		d.skip(8, "the batch size")
	}
	out := d.invertedLists(n, lists, int64(n.Dim)*4, nil, nil)
	if d.err != nil {
		return nil
	}
	if c, ok := out.rows.(*codes); ok && code == "IwPn" && c.batch > 0 && c.size%c.width != 0 {
		out.rows, out.unread = nil, &unread{code: code, name: n.Kind, since: kinds[code].since,
			why: "its levels are of unequal width, and Faiss 1.13.0 lays them out differently from later versions, " +
				"under the same code"}
	}
	return out
}

// listPanorama reads what inverted lists say of their layout.
func (d *decoder) listPanorama(stated bool, c *codes) panorama {
	at := d.off
	levels, batch := d.int64("the number of levels"), int64(legacyBatch)
	if stated {
		batch = d.int64("the batch size")
	}
	if d.err == nil && (c.codec != nil || c.size != int64(c.dim)*4) {
		d.corrupt(at, "a panorama of codes of %d bytes for dimension %d", c.size, c.dim)
	}
	return d.newPanorama(at, int64(c.dim), levels, batch)
}

// readParts fills dst with whole rows of a run, from its row skip on.
func (c *codes) readParts(dst []byte, r run, skip int64) error {
	p := c.panorama
	scratch := make([]byte, min(p.batch*p.width, int64(len(dst))))
	for len(dst) > 0 {
		batch, at := skip/p.batch, skip%p.batch
		k := min(p.batch-at, int64(len(dst))/c.size)
		for from := int64(0); from < c.size; from += p.width {
			width := min(p.width, c.size-from)
			part := scratch[:min(k*width, int64(len(scratch)))]
			if err := c.read(part, r.off+batch*p.batch*c.size+from*p.batch+at*width); err != nil {
				return err
			}
			for i := range k {
				copy(dst[i*c.size+from:], part[i*width:(i+1)*width])
			}
		}
		dst, skip = dst[k*c.size:], skip+k
	}
	return nil
}
