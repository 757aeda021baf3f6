package compare

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"milvusdm/internal/fault"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// Comparing is what rows are compared by.
type Comparing struct {
	// Key is the primary key's field.
	Key string
	// Fields are compared; the key is among them. Nil: all.
	Fields []string
	// Partition counts in the rows' hashes and is named with their keys.
	Partition string
	// Elsewhere looks for a key that the left side (or the right) lacks in the partition, and returns the partition in which
	// it has it, or "". Nil: nothing is looked for.
	Elsewhere func(ctx context.Context, left bool, key *rows.Keys) (string, error)
}

// Each reads to the end and calls f with the keys and hashes of every batch that keep has left rows in; a nil keep leaves
// all.
func (c *Comparing) Each(ctx context.Context, r transfer.Reader, keep func(*rows.Batch) error, f func(*rows.Keys, []rows.Hash)) error {
	for {
		b, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if keep != nil {
			if err := keep(b); err != nil {
				return err
			}
		}
		h := c.hash(b)
		if h.err != nil {
			return h.err
		}
		f(h.keys, h.hashes)
		b.Recycle()
	}
}

// Compared is how far a comparison has come.
type Compared struct {
	// Cursor: what precedes it was compared.
	Cursor rows.Cursor `json:"cursor"`
	// Left and Right cover the rows that were read.
	Left       rows.Sum   `json:"left"`
	Right      rows.Sum   `json:"right"`
	Difference Difference `json:"difference,omitzero"`
}

// Join compares two sides that are read in key order, each key once, as sources of servers are. It reads both ahead and
// holds no more than three batches of each.
type Join struct {
	Comparing
	// Left and Right stand at the same place; nil has no rows.
	Left, Right transfer.Reader
	// Record is told how far the comparison has come, in order.
	Record func(Compared)
}

// Run compares from where from stands to the end.
func (j *Join) Run(ctx context.Context, from Compared) (Compared, error) {
	ctx, stop := context.WithCancel(ctx)
	m := merge{Comparing: &j.Comparing, Compared: from}
	var reading sync.WaitGroup
	defer reading.Wait()
	defer stop()
	// the left side begins first, everywhere: comparisons that wait for a server's limit of ranges never wait for each other
	m.left.stream = j.stream(ctx, &reading, j.Left)
	if err := m.left.fill(ctx); err != nil {
		return m.Compared, err
	}
	m.right.stream = j.stream(ctx, &reading, j.Right)
	for {
		if err := m.fill(ctx); err != nil {
			return m.Compared, err
		}
		if m.left.rows() == 0 && m.right.rows() == 0 {
			return m.Compared, ctx.Err()
		}
		if err := m.compare(ctx); err != nil {
			return m.Compared, err
		}
		if j.Record != nil {
			j.Record(m.Compared)
		}
	}
}

// stream reads and hashes ahead.
func (j *Join) stream(ctx context.Context, wg *sync.WaitGroup, r transfer.Reader) <-chan hashed {
	c := make(chan hashed)
	if r == nil {
		close(c)
		return c
	}
	wg.Go(func() {
		defer close(c)
		for {
			h := j.Comparing.next(ctx, r)
			if errors.Is(h.err, io.EOF) {
				return
			}
			select {
			case c <- h:
			case <-ctx.Done():
				return
			}
			if h.err != nil {
				return
			}
		}
	})
	return c
}

// hashed is a batch with the hashes of its rows.
type hashed struct {
	*rows.Batch
	keys   *rows.Keys
	hashes []rows.Hash
	err    error
}

func (c *Comparing) next(ctx context.Context, r transfer.Reader) hashed {
	b, err := r.Next(ctx)
	if err != nil {
		return hashed{err: err}
	}
	return c.hash(b)
}

// hash leaves the fields that are compared, and hashes the rows.
func (c *Comparing) hash(b *rows.Batch) (h hashed) {
	if c.Fields != nil {
		names := make(map[string]bool, len(c.Fields))
		for _, f := range c.Fields {
			names[f] = true
		}
		b.Only(names)
	}
	h.Batch = b
	if h.keys, h.err = rows.KeysOf(b, c.Key); h.err != nil {
		return h
	}
	h.hashes, h.err = rows.RowHashes(c.Partition, b)
	return h
}

// side is what is left of a side's current batch.
type side struct {
	stream <-chan hashed
	hashed
	at    int
	last  *rows.Keys // the key before the batch
	ended bool
}

func (s *side) rows() int {
	if s.Batch == nil {
		return 0
	}
	return s.Batch.Rows - s.at
}

// fill gets the next batch where the current one is used up.
func (s *side) fill(ctx context.Context) error {
	if s.rows() > 0 || s.ended {
		return nil
	}
	if s.Batch != nil {
		s.last = s.keys.One(s.keys.Len() - 1)
		s.Batch.Recycle()
		s.Batch = nil
	}
	h, ok := <-s.stream
	if !ok {
		s.ended = true
		return ctx.Err()
	}
	if h.err != nil {
		return h.err
	}
	s.hashed, s.at = h, 0
	return ascending(s.last, s.keys)
}

// ascending checks that keys ascend, from behind last on.
func ascending(last, keys *rows.Keys) error {
	for i := range keys.Len() {
		if i == 0 && (last == nil || last.Compare(0, keys, 0) < 0) || i > 0 && keys.Compare(i-1, keys, i) < 0 {
			continue
		}
		return fault.New(fault.Internal, "key %s was read out of order", keys.At(i))
	}
	return nil
}

// merge is the state of a Join.
type merge struct {
	*Comparing
	Compared
	left, right side
}

func (m *merge) fill(ctx context.Context) error {
	if err := m.left.fill(ctx); err != nil {
		return err
	}
	return m.right.fill(ctx)
}

// compare goes on to the end of one of the two batches.
func (m *merge) compare(ctx context.Context) error {
	l, r := &m.left, &m.right
	for {
		order := 0
		switch {
		case l.rows() == 0 && r.rows() == 0:
			return nil
		case l.rows() == 0 && l.ended:
			order = 1
		case r.rows() == 0 && r.ended:
			order = -1
		case l.rows() == 0 || r.rows() == 0:
			return nil
		default:
			if (l.keys.Strings == nil) != (r.keys.Strings == nil) {
				return fault.New(fault.Internal, "one side's keys are numbers, the other's are strings")
			}
			order = l.keys.Compare(l.at, r.keys, r.at)
		}
		switch {
		case order < 0:
			if err := m.lone(ctx, OnlyLeft, l); err != nil {
				return err
			}
			m.take(l, &m.Left)
		case order > 0:
			if err := m.lone(ctx, OnlyRight, r); err != nil {
				return err
			}
			m.take(r, &m.Right)
		default:
			if l.hashes[l.at] != r.hashes[r.at] {
				if err := m.differing(l.hashed, l.at, r.hashed, r.at, &m.Difference); err != nil {
					return err
				}
			}
			m.take(l, &m.Left)
			m.take(r, &m.Right)
		}
	}
}

// take leaves a row behind.
func (m *merge) take(s *side, sum *rows.Sum) {
	sum.AddHash(s.hashes[s.at])
	sum.Rows++
	m.Cursor = s.keys.Cursor(s.at)
	s.at++
}

func (m *merge) lone(ctx context.Context, kind OddKind, s *side) error {
	return m.Comparing.lone(ctx, kind, s.keys, s.at, &m.Difference)
}

// lone notes a key that one side lacks.
func (c *Comparing) lone(ctx context.Context, kind OddKind, keys *rows.Keys, at int, d *Difference) (err error) {
	*d.Count(kind)++
	if !d.wants(kind) {
		return nil
	}
	odd := Odd{Kind: kind, Key: keys.At(at), Partition: c.Partition}
	if c.Elsewhere != nil {
		if odd.Elsewhere, err = c.Elsewhere(ctx, kind == OnlyRight, keys.One(at)); err != nil {
			return fmt.Errorf("look for key %s in other partitions: %w", odd.Key, err)
		}
	}
	d.Odd = append(d.Odd, odd)
	return nil
}

// differing notes a key whose rows differ.
func (c *Comparing) differing(l hashed, i int, r hashed, j int, d *Difference) error {
	d.Differing++
	if !d.wants(Differing) {
		return nil
	}
	fields, err := rows.DifferingFields(l.Batch, i, r.Batch, j)
	if err != nil {
		return err
	}
	d.Odd = append(d.Odd, Odd{Kind: Differing, Key: l.keys.At(i), Partition: c.Partition, Fields: fields})
	return nil
}
