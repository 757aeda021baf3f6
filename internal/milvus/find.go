package milvus

import (
	"context"
	"fmt"

	"milvusdm/internal/fault"
	"milvusdm/internal/rows"
)

// findBytes is about how large an answer to a look-up of keys, or the question, may get.
const findBytes = 4 << 20

// Find implements transfer.Finder. What it yields has no cursor.
func (s *source) Find(ctx context.Context, target string, keys *rows.Keys, yield func(*rows.Batch) error) error {
	p := partition{}
	if target != "" {
		var err error
		if p, err = s.view.partition(target); err != nil {
			return err
		}
	} else if len(s.view.choice.Partitions) > 0 {
		for _, p := range s.view.partitions {
			if err := s.Find(ctx, p.target, keys, yield); err != nil {
				return err
			}
		}
		return nil
	}
	for from := 0; from < keys.Len(); {
		n := s.findable(keys, from)
		if err := s.find(ctx, p, keysIn(keys, from, from+n), yield); err != nil {
			return err
		}
		from += n
	}
	return nil
}

// findable is how many keys from one on may be asked for at once.
func (s *source) findable(keys *rows.Keys, from int) int {
	left := findBytes
	for i := from; i < keys.Len(); i++ {
		left -= int(s.view.rowBytes()) + 24
		if keys.Strings != nil {
			left -= 4 * len(keys.Strings[i]) // as a literal
		}
		if left < 0 || i-from >= maxPage {
			return max(i-from, 1)
		}
	}
	return keys.Len() - from
}

// find asks for the rows of some keys, of fewer at once where the answer is too large.
func (s *source) find(ctx context.Context, p partition, keys *rows.Keys, yield func(*rows.Batch) error) error {
	resp, size, err := s.read(ctx, query{expr: s.view.and(isOneOf(s.view.key, keys)), outputs: s.view.outputs, partition: p.source})
	if n := keys.Len(); answerTooLarge(err) && n > 1 {
		if err := s.find(ctx, p, keysIn(keys, 0, n/2), yield); err != nil {
			return err
		}
		return s.find(ctx, p, keysIn(keys, n/2, n), yield)
	}
	if err != nil {
		return s.explain(ctx, err, "look up %d keys in %s", keys.Len(), s.view.name())
	}
	got, err := s.view.page(resp.GetFieldsData(), s.view.outputs)
	if err != nil {
		return fault.New(fault.Internal, "look up %d keys in %s: %w", keys.Len(), s.view.name(), err)
	}
	s.throttle.charge(got.rows(), func() int { return size })
	if got.rows() == 0 {
		return nil
	}
	b := got.batch(s.view, p.source)
	b.After = rows.Cursor{}
	return yield(b)
}

func keysIn(k *rows.Keys, from, to int) *rows.Keys {
	if k.Strings != nil {
		return &rows.Keys{Strings: k.Strings[from:to]}
	}
	return &rows.Keys{Ints: k.Ints[from:to]}
}

// CountRange implements transfer.Counter. It counts what was acknowledged before it is called.
func (s *source) CountRange(ctx context.Context, r rows.Range) (int64, error) {
	p, err := s.view.partition(r.Partition)
	if err != nil {
		return 0, err
	}
	n, err := s.count(ctx, s.view.choice.Name, s.view.where(r.From, r.To), partitions(p.source))
	if notLoaded(err) && s.isVoid(ctx) {
		return 0, nil
	}
	return n, s.explain(ctx, err, "count the rows of %s", s.view.name())
}

// countRead is how many rows there are to read, the job's limit left aside.
func (s *source) countRead(ctx context.Context) (int64, error) {
	if len(s.view.choice.Partitions) == 0 {
		return s.countWhere(ctx, partition{}, s.view.filter)
	}
	total := int64(0)
	for _, p := range s.view.partitions {
		n, err := s.countWhere(ctx, p, s.view.filter)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

// countOf counts the rows to read in (from, to] of a partition.
func (s *source) countOf(ctx context.Context, p partition, from, to rows.Cursor) (int64, error) {
	return s.countWhere(ctx, p, s.view.where(from, to))
}

// countWhere counts what was acknowledged before the source was opened.
func (s *source) countWhere(ctx context.Context, p partition, expr string) (int64, error) {
	resp, _, err := s.ask(ctx, query{expr: expr, outputs: []string{"count(*)"}, partition: p.source})
	if notLoaded(err) && s.isVoid(ctx) {
		return 0, nil
	}
	if err != nil {
		return 0, s.explain(ctx, err, "count the rows of %s", s.view.name())
	}
	for _, f := range resp.GetFieldsData() {
		if v := f.GetScalars().GetLongData().GetData(); len(v) == 1 && f.GetFieldName() == "count(*)" {
			return v[0], nil
		}
	}
	return 0, fault.New(fault.Internal, "count the rows of %s: the server's answer holds no count", s.view.name())
}

// sampleBytes is how large the first rows are, on average; 0 where there are none.
func (s *source) sampleBytes(ctx context.Context) (int64, error) {
	if s.view.fixed() {
		return 0, nil
	}
	resp, size, err := s.ask(ctx, query{expr: s.view.filter, outputs: s.view.outputs, partition: s.view.partitions[0].source, limit: 100})
	if err != nil {
		return 0, err
	}
	keys, err := s.view.keys(resp.GetFieldsData())
	if err != nil || keys.Len() == 0 {
		return 0, err
	}
	return int64(size / keys.Len()), nil
}

// stated is how many rows the server says that it holds, without looking: deleted ones are among them, and a filter does not
// count.
func (s *source) stated(ctx context.Context) (int64, error) {
	total := int64(0)
	for _, p := range s.view.partitions {
		n, err := s.statedOf(ctx, p)
		if err != nil {
			return 0, fmt.Errorf("ask how many rows %s holds: %w", s.view.name(), err)
		}
		total += n
	}
	return total, nil
}
