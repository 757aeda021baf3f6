package faiss

import (
	"cmp"
	"fmt"
	"slices"

	"milvusdm/internal/fault"
)

// idMap reads IndexIDMap and its likes: an index, and an id for each of its rows.
func (d *decoder) idMap(name string, header func() Info, index func() *node) *node {
	at, after := d.off, d.after
	n := header()
	if after >= 0 {
		d.after = after + 8 + 8*min(n.Rows, d.size)
	}
	inner := index()
	d.after = after
	d.same(at, n, inner)
	at = d.off
	off, count := d.vector(8, "the id map")
	if d.err == nil && count != n.Rows {
		d.corrupt(at, "the id map has %d ids for %d rows", count, n.Rows)
	}
	if d.err != nil {
		return nil
	}
	out := over(n, name, inner)
	out.rows = &mapped{table: inner.rows, input: d.input, off: off, rows: n.Rows, sparse: inner.IDs}
	out.IDs = true
	return out
}

// mapped gives the rows of another table ids from a map: that table's ids are places in it.
type mapped struct {
	table
	*input
	off    int64
	rows   int64
	sparse bool // the table's ids are not just its row numbers
}

func (m *mapped) ids(first int64, dst []int64) error {
	if !m.sparse {
		return m.read(int64Bytes(dst), m.off+first*8)
	}
	if err := m.table.ids(first, dst); err != nil {
		return err
	}
	return m.look(first, dst)
}

const (
	lookGap   = 2 << 10 // places nearer than this are read together: copying them is cheaper than another read
	lookBytes = 1 << 20 // what is read together at most
)

// look replaces places in the map by the ids that stand there. Neighbouring places are read at once.
func (m *mapped) look(first int64, dst []int64) error {
	order := make([]int32, len(dst))
	for i, place := range dst {
		if place < 0 || place >= m.rows {
			return fault.New(fault.Corrupt, "%s: row %d points at id %d of an id map of %d; the file is damaged: write it anew with faiss.write_index",
				m.name, first+int64(i), place, m.rows)
		}
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(dst[a], dst[b]) })
	var block []int64
	for len(order) > 0 {
		from := dst[order[0]]
		k, to := 1, from+1
		for k < len(order) && dst[order[k]]-to < lookGap && dst[order[k]]-from < lookBytes/8 {
			to = dst[order[k]] + 1
			k++
		}
		block = slices.Grow(block[:0], int(to-from))[:to-from]
		if err := m.read(int64Bytes(block), m.off+from*8); err != nil {
			return fmt.Errorf("id map: %w", err)
		}
		for _, i := range order[:k] {
			dst[i] = block[dst[i]-from]
		}
		order = order[k:]
	}
	return nil
}
