package faiss

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// ivfHeader reads what every IndexIVF begins with: a quantizer that assigns vectors to inverted lists, and a direct map
// from ids to places, which is passed over.
func (d *decoder) ivfHeader(header func() Info, quantizer func() *node) (n Info, lists int64, coarse *node) {
	n = header()
	lists = d.int64("the number of inverted lists")
	d.skip(8, "nprobe")
	outer := d.quantizer
	d.quantizer = cmp.Or(outer, d.within[len(d.within)-1])
	coarse = quantizer()
	d.quantizer = outer
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

// ivfFlat reads IndexIVFFlat: the vectors as they are, in lists.
func (d *decoder) ivfFlat() *node {
	n, lists, _ := d.ivfHeader(d.header, d.index)
	n.Kind = "IVFFlat"
	return d.invertedLists(n, lists, int64(n.Dim)*4, nil, nil)
}

// binaryIVF reads IndexBinaryIVF: packed bits as they are, in lists.
func (d *decoder) binaryIVF() *node {
	n, lists, _ := d.ivfHeader(d.binaryHeader, d.binaryIndex)
	n.Kind = "BinaryIVF"
	return d.invertedLists(n, lists, int64(n.Dim/8), nil, nil)
}

// anySize stands for codes of a size that only the lists tell.
const anySize = -1

// invertedLists reads the lists of an IndexIVF and makes the node. coarse is given when codes are relative to their
// list's centroid.
func (d *decoder) invertedLists(n Info, lists, size int64, decode codec, coarse *node) *node {
	at := d.off
	n.IDs = true
	out := &node{Info: n}
	c := &codes{input: d.input, dim: n.Dim, codec: decode, rows: n.Rows, lists: true}
	if coarse != nil && d.err == nil {
		c.coarse, out.unread = coarse.rows, coarse.unread.asQuantizer(n.Kind)
		if coarse.Dim != n.Dim || coarse.Binary || lists < 0 || lists > coarse.Rows {
			d.corrupt(at, "%d lists of dimension %d, but the quantizer has %d centroids of dimension %d", lists, n.Dim, coarse.Rows, coarse.Dim)
		}
	}
	switch kind := string(d.next(4, "the kind of the inverted lists")); kind {
	case "ilar":
		c.size = d.listHeader(lists, size)
		d.arrayLists(c, lists)
	case "ilpn", "ilp2":
		c.size = d.listHeader(lists, size)
		c.panorama = d.listPanorama(kind == "ilp2", c)
		d.arrayLists(c, lists)
	case "ilbl":
		d.skip(16, "the number of inverted lists and the code size") // Faiss writes -1 for the size
		out.unread = &unread{why: "its vectors are packed in blocks for search"}
		d.blockLists(lists, n)
	case "ilod":
		c.size = d.listHeader(lists, size)
		if u := d.onDisk(c, lists); u != nil {
			out.unread = u
		}
	case "il00":
		out.unread = &unread{lost: true,
			why: "it was written without its inverted lists, so the vectors are not in the file"}
	default:
		d.corrupt(at, "%q is not a kind of inverted lists", kind)
	}
	if d.err != nil {
		return nil
	}
	if out.unread == nil {
		out.rows = c
	}
	return out
}

// listHeader reads what all kinds of inverted lists begin with, and returns the size of a code.
func (d *decoder) listHeader(lists, size int64) int64 {
	at := d.off
	if got := d.int64("the number of inverted lists"); d.err == nil && got != lists {
		d.corrupt(at, "%d inverted lists instead of %d", got, lists)
	}
	got := d.int64("the code size")
	if d.err == nil && (size == anySize && (got < 0 || got > maxDim*8) || size != anySize && got != size) {
		d.corrupt(at, "inverted lists of codes of %d bytes instead of %d", got, size)
	}
	return got
}

// arrayLists reads lists that each hold their codes and then their ids; in a panorama, sums follow them.
func (d *decoder) arrayLists(c *codes, lists int64) {
	at, p := d.off, c.panorama
	var rows int64
	for _, l := range d.listSizes(lists) {
		if l.rows < 0 || l.rows > d.left()/(c.size+8) {
			d.corrupt(d.off, "inverted list %d should hold %d rows of %d bytes, and %d bytes are left in the file",
				l.list, uint64(l.rows), c.size+8, d.left())
			return
		}
		slots := p.slots(l.rows)
		r := run{first: rows, list: l.list, off: d.skip(slots*c.size, "the codes of an inverted list")}
		r.ids = d.skip(l.rows*8, "the ids of an inverted list")
		d.skip(p.sums(slots), "the sums of an inverted list")
		c.runs = append(c.runs, r)
		rows += l.rows
	}
	if d.err == nil && rows != c.rows {
		d.corrupt(at, "the inverted lists hold %d rows instead of %d", rows, c.rows)
	}
}

// blockLists passes over lists of packed blocks.
func (d *decoder) blockLists(lists int64, n Info) {
	at := d.off
	d.skip(16, "the size of a block") // n_per_block, block_size
	rows := int64(0)
	for i := int64(0); i < lists && d.err == nil; i++ {
		_, count := d.vector(8, "the ids of an inverted list")
		d.vector(1, "the blocks of an inverted list")
		rows += count
	}
	if d.err == nil && rows != n.Rows {
		d.corrupt(at, "the inverted lists hold %d rows instead of %d", rows, n.Rows)
	}
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
			d.corrupt(at, "inverted list %d appears twice", out[i].list)
		}
	}
	return out
}
