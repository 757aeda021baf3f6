package faiss

import (
	"encoding/binary"
	"slices"
)

// ivfHeader reads what every IndexIVF begins with: a quantizer that assigns vectors to inverted lists, and a direct map
// from ids to places, which is passed over.
func (d *decoder) ivfHeader(header func() Info, quantizer func() *node) (n Info, lists int64, coarse *node) {
	n = header()
	lists = d.int64("the number of inverted lists")
	d.skip(8, "nprobe")
	after := d.after
	d.after = -1
	coarse = quantizer()
	d.after = after
	at := d.off
	switch kind := d.byte("the kind of the direct map"); kind {
	case 0, 1:
		d.vector(8, "the direct map")
	case 2: // a hash table, written as pairs behind an empty array
		d.vector(8, "the direct map")
		d.vector(16, "the direct map")
	default:
		d.corrupt(at, "direct map of kind %d", kind)
	}
	return n, lists, coarse
}

// quantizer reads the index that assigns vectors to lists. It may be of a kind that is not an index of rows.
func (d *decoder) quantizer() *node {
	if d.err == nil && d.fourCC() == "Imiq" {
		return d.multiIndex()
	}
	if d.err == nil {
		d.off -= 4
	}
	return d.index()
}

// ivfFlat reads IndexIVFFlat: the vectors as they are, in lists.
func (d *decoder) ivfFlat() *node {
	n, lists, _ := d.ivfHeader(d.header, d.quantizer)
	n.Kind = "IVFFlat"
	return d.invertedLists(n, lists, int64(n.Dim)*4, nil, nil)
}

// invertedLists reads the lists of an IndexIVF and makes the node. coarse is given when codes are relative to their
// list's centroid.
func (d *decoder) invertedLists(n Info, lists, size int64, decode codec, coarse *node) *node {
	at := d.off
	n.IDs = true
	c := &codes{input: d.input, size: size, dim: n.Dim, codec: decode, rows: n.Rows, lists: true}
	if coarse != nil && d.err == nil {
		c.coarse = coarse.rows
		if coarse.Dim != n.Dim || coarse.Binary || lists < 0 || lists > coarse.Rows {
			d.corrupt(at, "%d lists of dimension %d, but the quantizer has %d centroids of dimension %d", lists, n.Dim, coarse.Rows, coarse.Dim)
		}
	}
	switch kind := d.next(4, "the kind of the inverted lists"); string(kind) {
	case "ilar":
	case "il00":
		d.unsupported(at, `"il00", an IVF index without its inverted lists,`)
	case "ilod":
		d.unsupported(at, `"ilod", inverted lists kept in another file,`)
	case "ilpn", "ilp2", "ilbl":
		d.unsupported(at, `"`+string(kind)+`", inverted lists in a layout for search,`)
	default:
		d.corrupt(at, "%q is not a kind of inverted lists", kind)
	}
	if got := d.int64("the number of inverted lists"); d.err == nil && got != lists {
		d.corrupt(at, "%d inverted lists instead of %d", got, lists)
	}
	if got := d.int64("the code size"); d.err == nil && got != size {
		d.corrupt(at, "inverted lists of codes of %d bytes instead of %d", got, size)
	}
	var rows int64
	sizes := d.listSizes(lists)
	for _, l := range sizes {
		if l.rows < 0 || l.rows > d.left()/(size+8) {
			d.corrupt(d.off, "inverted list %d should hold %d rows of %d bytes, and %d bytes are left in the file", l.list, uint64(l.rows), size+8, d.left())
			break
		}
		c.runs = append(c.runs, run{first: rows, list: l.list, off: d.skip(l.rows*(size+8), "an inverted list")})
		rows += l.rows
	}
	if d.err == nil && rows != n.Rows {
		d.corrupt(at, "the inverted lists hold %d rows instead of %d", rows, n.Rows)
	}
	if d.err != nil {
		return nil
	}
	return &node{Info: n, rows: c}
}

type listSize struct{ list, rows int64 }

// listSizes reads how many rows the lists have, and returns those that have any, in list order.
func (d *decoder) listSizes(lists int64) []listSize {
	at := d.off
	kind := string(d.next(4, "the form of the list sizes"))
	elem := int64(8)
	switch kind {
	case "full": // a size per list
	case "sprs": // pairs of list and size
		elem = 16
	default:
		d.corrupt(at, "%q is not a form of list sizes", kind)
		return nil
	}
	at = d.off
	count := d.int64("the number of list sizes")
	if kind == "sprs" {
		if count%2 != 0 {
			d.corrupt(at, "an odd number %d of lists and sizes", count)
		}
		count /= 2
	} else if d.err == nil && count != lists {
		d.corrupt(at, "sizes of %d inverted lists instead of %d", count, lists)
	}
	if d.err != nil || count < 0 || count > d.left()/elem {
		d.corrupt(at, "sizes of %d inverted lists, and %d bytes are left in the file", uint64(count), d.left())
		return nil
	}
	var out []listSize
	for i := int64(0); i < count && d.err == nil; i++ {
		l := listSize{list: i}
		if kind == "sprs" {
			l.list = d.int64("the number of a list")
		}
		l.rows = int64(binary.LittleEndian.Uint64(d.next(8, "the size of a list")))
		if l.list < 0 || l.list >= lists {
			d.corrupt(d.off, "inverted list %d of %d", l.list, lists)
		}
		if l.rows != 0 {
			out = append(out, l)
		}
	}
	byList := func(a, b listSize) int { return int(min(max(a.list-b.list, -1), 1)) }
	if !slices.IsSortedFunc(out, byList) {
		slices.SortFunc(out, byList)
	}
	for i := 1; i < len(out); i++ {
		if out[i].list == out[i-1].list {
			d.corrupt(at, "inverted list %d is there twice", out[i].list)
		}
	}
	return out
}
