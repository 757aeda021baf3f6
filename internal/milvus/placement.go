package milvus

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/fault"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// Bounds of a search for misplaced rows.
const (
	// windowRows is about how many rows are checked together: from there a search resumes.
	windowRows = 1 << 22
	// windowBytes is about how much memory the distinct values of the rows take that are checked together.
	windowBytes = 8 << 20
	valueBytes  = 64 // of a value in the window, beside its text
	// maxListed is how many values a query names.
	maxListed = 4096
	// maxSingle is up to how many values of a window are asked for one by one.
	maxSingle = 256
)

// FindMisplaced implements transfer.Placer.
//
// A query without the partition key reads every partition, one with `field in [values]` only those of the values. The
// search reads the rows of an interval of primary keys and counts them by value. Then it has the server count them by
// queries that name values of a single partition. Where the server counts less, it looks the rows up.
func (s *source) FindMisplaced(ctx context.Context, from transfer.Placement,
	record func(transfer.Placement)) (transfer.Placement, error) {
	field := s.there.Schema.PartitionKey()
	if field == nil || s.there.ID == 0 { // milvus-lite keeps all rows together
		return from, nil
	}
	if t := field.GetDataType(); t != schemapb.DataType_Int64 && t != schemapb.DataType_VarChar {
		return from, fault.New(fault.Unsupported, "the partition key %q of %s is %v; only Int64 and VarChar can be checked",
			field.GetName(), s.view.name(), t)
	}
	search := &search{source: s, Placement: from, memory: windowBytes}
	search.Field = field.GetName()
	for {
		ended, err := search.window(ctx)
		if err != nil || ended {
			return search.Placement, err
		}
		record(search.Placement)
	}
}

// search is a FindMisplaced at work.
type search struct {
	*source
	transfer.Placement
	memory int // for the values of a window
}

// window checks the next rows: as many as have no more distinct values than fit into memory.
func (s *search) window(ctx context.Context) (ended bool, err error) {
	from := s.Cursor
	pages := s.pages(s.view.partitions[0], s.outputs(), from, rows.Cursor{})
	counts := map[value]int64{}
	for left, rows := s.memory, s.Rows+windowRows; left > 0 && s.Rows < rows; {
		got, values, err := s.next(ctx, pages)
		if err != nil {
			return false, err
		}
		if got.rows() == 0 {
			ended = true
			break
		}
		s.Rows += int64(got.rows())
		for i := range got.rows() {
			v := valueAt(values, i)
			if counts[v] == 0 {
				v.text = strings.Clone(v.text) // or all of the page would be kept
				left -= valueBytes + len(v.text)
			}
			counts[v]++
		}
		last := got.keys.At(got.rows() - 1)
		s.report(fmt.Sprintf("checked the partitions of %d rows of %s, up to key %s", s.Rows, s.view.name(), last))
	}
	s.Cursor = pages.at
	suspects, err := s.suspects(ctx, from, counts)
	if err != nil || len(suspects) == 0 {
		return ended, err
	}
	return ended, s.lookUp(ctx, from, suspects)
}

func (s *search) outputs() []string { return []string{s.view.key, s.Field} }

// next reads a page of keys and values of the partition key.
func (s *search) next(ctx context.Context, pages *pager) (*page, *rows.Keys, error) {
	got, err := pages.next(ctx, keyPages)
	if err != nil || got.rows() == 0 {
		return got, nil, err
	}
	values, err := rows.KeysOf(&rows.Batch{Fields: got.columns, Rows: got.rows(), First: -1}, s.Field)
	if err != nil {
		return nil, nil, fault.New(fault.Internal, "read the partition key of %s: %w", s.view.name(), err)
	}
	return got, values, nil
}

// suspects are values of which a query finds fewer rows in (from, Cursor] than were read there.
func (s *search) suspects(ctx context.Context, from rows.Cursor, counts map[value]int64) (map[value]bool, error) {
	parts := s.there.KeyPartitions
	if len(counts) <= maxSingle {
		parts = 0 // one by one, whatever the server's hash is
	}
	suspects := map[value]bool{}
	for _, all := range byPartition(maps.Keys(counts), parts) {
		for some := range slices.Chunk(all, maxListed) {
			want := int64(0)
			for _, v := range some {
				want += counts[v]
			}
			n, err := s.countWhere(ctx, s.view.partitions[0], s.found(s.view.where(from, s.Cursor), some))
			if err != nil {
				return nil, err
			}
			s.report(fmt.Sprintf("counting the rows of %s by %s", s.view.name(), s.Field))
			if n >= want {
				continue
			}
			for _, v := range some {
				suspects[v] = true
			}
		}
	}
	return suspects, nil
}

// found is the expression of those rows that the server finds when it looks for the values.
func (s *search) found(expr string, values []value) string {
	return both(expr, isOneOf(s.Field, keysFrom(values)))
}

// lookUp reads the rows in (from, Cursor] again and counts those of suspect values that a query for the value does not
// find.
func (s *search) lookUp(ctx context.Context, from rows.Cursor, suspects map[value]bool) error {
	pages := s.pages(s.view.partitions[0], s.outputs(), from, s.Cursor)
	for {
		got, values, err := s.next(ctx, pages)
		if err != nil || got.rows() == 0 {
			return err
		}
		rows := map[value][]int{}
		for i := range got.rows() {
			if v := valueAt(values, i); suspects[v] {
				rows[v] = append(rows[v], i)
			}
		}
		first := got.rows()
		for _, some := range byPartition(maps.Keys(rows), s.there.KeyPartitions) {
			at, err := s.lost(ctx, got, rows, some)
			if err != nil {
				return err
			}
			s.Misplaced += int64(len(at))
			if len(at) > 0 {
				first = min(first, slices.Min(at))
			}
		}
		if s.Example == "" && first < got.rows() {
			s.Example = fmt.Sprintf("key %s with %s %s", got.keys.At(first), s.Field, values.At(first))
		}
		last := got.keys.At(got.rows() - 1)
		s.report(fmt.Sprintf("found %d misplaced rows in %s, up to key %s", s.Misplaced, s.view.name(), last))
	}
}

// lost returns which of the page's rows with some values of one partition a query for the values does not find. Rows
// that were deleted or changed since they were read do not count.
func (s *search) lost(ctx context.Context, p *page, rows map[value][]int, some []value) ([]int, error) {
	var at []int
	for _, v := range some {
		at = append(at, rows[v]...)
	}
	found, err := s.have(ctx, p, at, func(keys string) string { return s.found(keys, some) })
	if err != nil {
		return nil, err
	}
	at = slices.DeleteFunc(at, func(i int) bool { return found.Has(p.keys, i) })
	if len(at) == 0 {
		return nil, nil
	}
	everywhere := unpruned(s.there.Schema.PartitionKey(), isOneOf(s.Field, keysFrom(some)))
	there, err := s.have(ctx, p, at, func(keys string) string { return both(keys, everywhere) })
	return slices.DeleteFunc(at, func(i int) bool { return !there.Has(p.keys, i) }), err
}

// have returns which of the page's keys at the places the server answers with.
func (s *search) have(ctx context.Context, p *page, at []int, expr func(keys string) string) (rows.KeySet, error) {
	var found rows.KeySet
	keys := isOneOf(s.view.key, keysAt(p.keys, at))
	resp, _, err := s.ask(ctx, query{expr: expr(keys), outputs: []string{s.view.key}})
	if err != nil {
		return found, s.explain(ctx, err, "look up %d keys in %s", len(at), s.view.name())
	}
	for _, f := range resp.GetFieldsData() {
		found.Add(f.GetScalars())
	}
	return found, nil
}

// CountPlaced implements transfer.PlacedCounter.
func (s *sink) CountPlaced(ctx context.Context, t *transfer.Target, b *rows.Batch) (int64, error) {
	name, err := s.currentName(ctx, t)
	if err != nil {
		return 0, err
	}
	pk, field := t.Plan.Schema.PrimaryKey().GetName(), t.Plan.Schema.PartitionKey().GetName()
	keys, err := rows.KeysOf(b, pk)
	if err != nil {
		return 0, fault.Wrap(fault.Internal, err, "find the primary keys")
	}
	values, err := rows.KeysOf(b, field)
	if err != nil {
		return 0, fault.Wrap(fault.Internal, err, "find the partition keys")
	}
	rows := map[value][]int{}
	for i := range b.Rows {
		v := valueAt(values, i)
		rows[v] = append(rows[v], i)
	}
	there, err := s.describe(ctx, name)
	if err == nil && there == nil {
		err = fault.New(fault.NotFound, "collection %s is gone", name)
	}
	if err != nil {
		return 0, err
	}
	total := int64(0)
	for _, some := range byPartition(maps.Keys(rows), there.KeyPartitions) {
		var at []int
		for _, v := range some {
			at = append(at, rows[v]...)
		}
		n, err := s.count(ctx, name, both(isOneOf(pk, keysAt(keys, at)), isOneOf(field, keysFrom(some))), nil)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}
