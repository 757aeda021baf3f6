package faiss

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"milvusdm/internal/fault"
)

// idMap reads IndexIDMap and its likes: an index, and an id for each of its rows.
func (d *decoder) idMap(name string, header func() Info, index func() *node) *node {
	at := d.off
	n := header()
	inner := index()
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
	out.IDs = true
	if out.rows == nil {
		return out
	}
	m := &mapped{table: inner.rows, input: d.input, off: off, rows: n.Rows, sparse: inner.IDs}
	out.rows = m
	if m.sparse {
		out.checks = append(slices.Clip(out.checks), m.check)
	}
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

// placesAtOnce bounds how many places check follows at once: a bit each, so 32 MiB.
var placesAtOnce int64 = 1 << 28

// check refuses a table that does not have each place of the map exactly once. IndexIDMap.remove_ids leaves such a one
// of an IVF index: it moves the map up, but not the places in the lists.
func (m *mapped) check(ctx context.Context, report func(string)) error {
	for from := int64(0); from < m.rows; from += placesAtOnce {
		if err := m.checkPlaces(ctx, from, min(m.rows-from, placesAtOnce), report); err != nil {
			return err
		}
	}
	return nil
}

// checkPlaces refuses places outside of the map, and those in [from, from+n) that two rows have.
func (m *mapped) checkPlaces(ctx context.Context, from, n int64, report func(string)) error {
	seen := make([]uint64, (n+63)/64)
	places := make([]int64, min(m.rows, scanKeys))
	for row := int64(0); row < m.rows; {
		if err := ctx.Err(); err != nil {
			return err
		}
		report(fmt.Sprintf("checking the id map of %s: row %d", m.name, row))
		k := places[:min(int64(len(places)), m.rows-row)]
		if err := m.table.ids(row, k); err != nil {
			return err
		}
		for i, place := range k {
			if place < 0 || place >= m.rows {
				return m.outside(row+int64(i), place)
			}
			at := place - from
			if at < 0 || at >= n {
				continue
			}
			if seen[at/64]&(1<<(at%64)) != 0 {
				return m.untrusted("two rows of the lists point at place %d of the id map, the second is row %d",
					place, row+int64(i))
			}
			seen[at/64] |= 1 << (at % 64)
		}
		row += int64(len(k))
	}
	return nil
}

func (m *mapped) outside(row, place int64) error {
	return m.untrusted("row %d of the lists points at place %d of an id map of %d", row, place, m.rows)
}

// untrusted is the error of a map that does not belong to the rows.
func (m *mapped) untrusted(format string, args ...any) error {
	return fault.New(fault.Corrupt, "%s: the ids can't be trusted: %s. This happens when ids are removed from an "+
		"IDMap over IVF: Faiss moves the map up, but not the places in the lists. The vectors are right: write key: none to "+
		"copy them all with row numbers as keys, or use what the index was made from",
		m.name, fmt.Sprintf(format, args...))
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
			return m.outside(first+int64(i), place)
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
