package milvus

import (
	"context"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"milvusdm/internal/fault"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// keyPages bounds the pages of a scan that reads keys alone.
var keyPages = transfer.BatchLimit{Rows: maxPage, Bytes: 8 << 20}

// Plan reads all keys, partition by partition, and cuts between them.
func (s *source) Plan(ctx context.Context, rowsPerRange int64, report func(string)) ([]rows.Range, error) {
	if rowsPerRange < 1 {
		return nil, fault.New(fault.Config, "ranges of %d rows: at least 1 is needed", rowsPerRange)
	}
	left := s.view.choice.Limit
	if left == 0 {
		left = math.MaxInt64
	}
	var out []rows.Range
	for _, p := range s.view.partitions {
		if left == 0 {
			break
		}
		n, err := s.countOf(ctx, p, rows.Cursor{}, rows.Cursor{})
		if err != nil {
			return nil, err
		}
		c := newCutter(min(n, left), rowsPerRange)
		if err := s.cutPartition(ctx, p, c, left, report); err != nil {
			return nil, err
		}
		left -= c.total
		repeated, err := s.repeated(ctx, p, c, n, report)
		if err != nil {
			return nil, err
		}
		for i, r := range c.ranges {
			r.ID, r.Partition = len(out), p.target
			if i == len(c.ranges)-1 {
				r.Repeated = repeated
			}
			out = append(out, r)
		}
	}
	return out, nil
}

// cutPartition shows the cutter the first left keys of the partition.
func (s *source) cutPartition(ctx context.Context, p partition, c *cutter, left int64, report func(string)) error {
	pages := s.pages(p, []string{s.view.key}, rows.Cursor{}, rows.Cursor{})
	for {
		got, err := pages.next(ctx, keyPages)
		if err != nil {
			return err
		}
		for i := range got.rows() {
			if c.total == left {
				c.end(c.last)
				return nil
			}
			c.add(got.keys, i)
		}
		if got.rows() == 0 {
			c.end(rows.Cursor{})
			return nil
		}
		report(fmt.Sprintf("read %d keys of %s, up to %s", c.total, s.view.name(), got.keys.At(got.rows()-1)))
	}
}

// cutter cuts ascending keys into ranges of even size. The first has no lower bound and the last, if all rows are taken, no
// upper one.
type cutter struct {
	size   int64
	ranges []rows.Range
	open   rows.Range // the range that is being filled
	last   rows.Cursor
	total  int64
}

func newCutter(rows, rowsPerRange int64) *cutter {
	parts := max((rows+rowsPerRange/2)/rowsPerRange, 1)
	return &cutter{size: max((rows+parts-1)/parts, 1)}
}

// add takes up the next key.
func (c *cutter) add(keys *rows.Keys, i int) {
	at := keys.Cursor(i)
	if c.open.Rows >= c.size {
		if bound, ok := boundary(c.last, at, c.open.Rows >= 2*c.size); ok {
			c.open.To = bound
			c.ranges = append(c.ranges, c.open)
			c.open = rows.Range{From: bound}
		}
	}
	c.open.Rows++
	c.total++
	c.last = at
}

// end closes the last range, if there is one.
func (c *cutter) end(to rows.Cursor) {
	if c.open.Rows > 0 {
		c.open.To = to
		c.ranges = append(c.ranges, c.open)
		c.open = rows.Range{}
	}
}

// Bounds are stored with each range, many times over in a workflow's history: so they are short, unless it takes long ones to
// cut at all.
const (
	shortBound = 64
	longBound  = 1024
)

// boundary returns a place that lies behind one key and not behind the next, which is greater; false if there is no short one.
// Between strings it is, if it can be, as much of the next as it takes, cut between characters.
func boundary(last, next rows.Cursor, long bool) (rows.Cursor, bool) {
	if last.Kind != rows.StringCursor {
		return last, true
	}
	limit := shortBound
	if long {
		limit = longBound
	}
	if len(last.Str) <= limit {
		return last, true
	}
	common := 0
	for common < len(last.Str) && last.Str[common] == next.Str[common] {
		common++
	}
	end := common + 1
	for end < len(next.Str) && !utf8.RuneStart(next.Str[end]) {
		end++
	}
	if end >= len(next.Str) || end > limit { // all of next would lie behind itself
		return rows.Cursor{}, false
	}
	return rows.Cursor{Kind: rows.StringCursor, Str: strings.Clone(next.Str[:end])}, true
}

// repeated is how many rows the partition holds beyond one for each key, up to where the cutter ended. counted rows were there
// before its keys were read.
//
// Others may write meanwhile, so that a count and the keys differ all the same: then both are looked at again, closer.
func (s *source) repeated(ctx context.Context, p partition, c *cutter, counted int64, report func(string)) (int64, error) {
	var to rows.Cursor
	if n := len(c.ranges); n > 0 {
		to = c.ranges[n-1].To
	}
	if !to.IsZero() {
		var err error
		if counted, err = s.countOf(ctx, p, rows.Cursor{}, to); err != nil {
			return 0, err
		}
	}
	if counted == c.total {
		return 0, nil
	}
	total := int64(0)
	pages := s.pages(p, []string{s.view.key}, rows.Cursor{}, to)
	for {
		from := pages.at
		got, err := pages.next(ctx, keyPages)
		if err != nil {
			return 0, err
		}
		end := pages.at
		if got.rows() == 0 {
			end = to
		}
		n, err := s.repeatedIn(ctx, p, from, end, got.keys)
		if err != nil {
			return 0, err
		}
		total += n
		if got.rows() == 0 {
			return total, nil
		}
		report(fmt.Sprintf("found %d repeated keys in %s, up to %v", total, s.view.name(), end))
	}
}

// repeatedIn is how many rows more than the given keys, which are those in (from, to], the server counts there. It is asked
// several times, since others may write: rows that stand there twice do so each time.
func (s *source) repeatedIn(ctx context.Context, p partition, from, to rows.Cursor, keys *rows.Keys) (int64, error) {
	if from == to && !to.IsZero() {
		return 0, nil
	}
	least := int64(math.MaxInt64)
	for range 3 {
		n, err := s.countOf(ctx, p, from, to)
		if err != nil {
			return 0, err
		}
		if least = min(least, n-int64(keys.Len())); least <= 0 {
			return 0, nil
		}
		missing, err := s.missing(ctx, p, from, to, keys)
		if err != nil {
			return 0, err
		}
		if !missing {
			return least, nil
		}
		again := s.pages(p, []string{s.view.key}, from, to)
		keys = &rows.Keys{}
		for {
			got, err := again.next(ctx, keyPages)
			if err != nil {
				return 0, err
			}
			if got.rows() == 0 {
				break
			}
			keys.Ints, keys.Strings = append(keys.Ints, got.keys.Ints...), append(keys.Strings, got.keys.Strings...)
		}
	}
	return 0, fault.New(fault.Unsupported, "%s: between %v and %v the server (Milvus %s) counts at least %d rows more than it answers with, of other keys; "+
		"it can't be read wholly (to Milvus 2.3 the key 9223372036854775807 is such)", s.view.name(), from, to, s.version, least)
}

// missing reports whether the interval (from, to] holds rows of other keys than those given.
func (s *source) missing(ctx context.Context, p partition, from, to rows.Cursor, keys *rows.Keys) (bool, error) {
	if keys.Len() == 0 {
		return true, nil
	}
	where := behind(s.view.key, from, to)
	other := "not (" + isOneOf(s.view.key, keys) + ")"
	if where != "" {
		other = "(" + where + ") and " + other
	}
	n, err := s.countWhere(ctx, p, s.view.and(other))
	return n > 0, err
}
