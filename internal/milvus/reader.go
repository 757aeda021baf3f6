package milvus

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/protobuf/proto"

	"milvusdm/internal/fault"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// reader reads the rows of one range, page by page.
type reader struct {
	*pager
	limit transfer.BatchLimit
	leave func() // of the server's limit of ranges; nil before the first page
	rest  *page  // what is left of a page that is larger than a batch
	done  bool
	err   error
}

func (s *source) Open(ctx context.Context, r rows.Range, from rows.Cursor, limit transfer.BatchLimit) (transfer.Reader, error) {
	if from.IsZero() {
		from = r.From
	}
	p, err := s.view.partition(r.Partition)
	if err != nil {
		return nil, err
	}
	want := rows.Int64Cursor
	if s.view.strings {
		want = rows.StringCursor
	}
	for _, c := range []rows.Cursor{r.From, r.To, from} {
		if !c.IsZero() && c.Kind != want {
			return nil, fault.New(fault.SourceChanged, "%v is no place in %s", c, s.view.name())
		}
	}
	return &reader{pager: s.pages(p, s.view.outputs, from, r.To), limit: limit}, nil
}

func (r *reader) Next(ctx context.Context) (*rows.Batch, error) {
	if r.err != nil {
		return nil, r.err
	}
	if r.done {
		return nil, io.EOF
	}
	b, err := r.next(ctx)
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		r.done = true
	case ctx.Err() == nil:
		r.err = err
	}
	return b, err
}

func (r *reader) next(ctx context.Context) (*rows.Batch, error) {
	if r.leave == nil {
		leave, err := r.source.throttle.enter(ctx, r.source.limit, "read", r.source.report)
		if err != nil {
			return nil, err
		}
		r.leave = leave
	}
	if r.rest == nil {
		p, err := r.pager.next(ctx, r.limit)
		if err != nil {
			return nil, err
		}
		if p.rows() == 0 {
			if err := r.source.unchanged(ctx, r.partition); err != nil {
				return nil, err
			}
			return nil, io.EOF
		}
		r.rest = p
	}
	return r.cut()
}

// cut makes a batch of the next rows of the page.
func (r *reader) cut() (*rows.Batch, error) {
	p := r.rest
	if p.rows() <= r.limit.Rows && p.size <= r.limit.Bytes || p.rows() == 1 || !p.sliceable() {
		r.rest = nil
		b := r.batch(p)
		if p.whole {
			for _, f := range b.Fields {
				b.Recyclable(f)
			}
		}
		return b, nil
	}
	n := max(min(r.limit.Rows, int(int64(p.rows())*int64(r.limit.Bytes)/int64(max(p.size, 1))), p.rows()), 1)
	for {
		head, err := p.slice(0, n)
		if err != nil {
			return nil, fault.New(fault.Internal, "%s: %w", r.source.view.name(), err)
		}
		if head.size > r.limit.Bytes && n > 1 {
			n = max(min(n-1, int(int64(n)*int64(r.limit.Bytes)/int64(head.size))), 1)
			continue
		}
		if r.rest = nil; n < p.rows() {
			if r.rest, err = p.slice(n, p.rows()); err != nil {
				return nil, fault.New(fault.Internal, "%s: %w", r.source.view.name(), err)
			}
		}
		return r.batch(head), nil
	}
}

// batch gives a page's columns their names in the target.
func (r *reader) batch(p *page) *rows.Batch {
	return p.batch(r.source.view, r.partition.source)
}

func (p *page) batch(v *view, partition string) *rows.Batch {
	keys, where := p.keys, v.choice.Name
	if partition != "" {
		where += "/" + partition
	}
	b := &rows.Batch{Rows: p.rows(), First: -1, After: keys.Cursor(keys.Len() - 1),
		Where: func(i int) string { return "key " + keys.At(i) + " of " + where }}
	for _, f := range p.columns {
		f.FieldName = v.renamed[f.FieldName]
		b.Fields = append(b.Fields, f)
	}
	return b
}

func (r *reader) Close() error {
	if r.leave != nil {
		r.leave()
	}
	return nil
}

// unchanged checks at the end of a range that its rows were, all the time, those of the collection that was opened.
func (s *source) unchanged(ctx context.Context, p partition) error {
	there, err := s.describe(ctx, s.view.choice.Name)
	if err != nil {
		return err
	}
	name := s.view.choice.Name
	switch {
	case there == nil:
		return fault.New(fault.SourceChanged, "collection %s was dropped while it was read", name)
	case there.incarnation() != s.there.incarnation():
		return fault.New(fault.SourceChanged, "collection %s was dropped and made anew while it was read", name)
	case schemaHash(there.Schema) != schemaHash(s.there.Schema):
		return fault.New(fault.SourceChanged, "the schema of collection %s was changed while it was read", name)
	}
	if p.source == "" || p.id == 0 {
		return nil
	}
	id, err := s.partitionID(ctx, name, p.source)
	if err == nil && id != p.id {
		err = fault.New(fault.SourceChanged, "partition %s of collection %s was dropped while it was read", p.source, name)
	}
	return err
}

// page is the answer to one question: columns in the source's names, rows in the order of their keys.
type page struct {
	columns []*schemapb.FieldData
	keys    *rows.Keys
	size    int // about, in bytes
	// whole: it has its memory for itself.
	whole bool
}

func (p *page) rows() int { return p.keys.Len() }

// sliceable reports whether all columns are of a form that this program knows.
func (p *page) sliceable() bool {
	for _, f := range p.columns {
		if _, err := selectRows(f, []span{{0, 1}}); err != nil {
			return false
		}
	}
	return true
}

// slice returns rows [from, to), which share their memory with the page.
func (p *page) slice(from, to int) (*page, error) {
	out := &page{keys: &rows.Keys{}}
	if p.keys.Strings != nil {
		out.keys.Strings = p.keys.Strings[from:to]
	} else {
		out.keys.Ints = p.keys.Ints[from:to]
	}
	for _, f := range p.columns {
		part, err := selectRows(f, []span{{from, to}})
		if err != nil {
			return nil, err
		}
		out.columns = append(out.columns, part)
		out.size += proto.Size(part)
	}
	return out, nil
}

// pager pages through the rows of a partition in the order of their keys. Its place is a key, so that it need not end.
type pager struct {
	source    *source
	partition partition
	outputs   []string
	at, to    rows.Cursor
	ceiling   int     // most rows to ask for, after an answer was too large
	spread    float64 // rows answered for each one asked for
	rowBytes  float64 // of the last page; 0 before
}

func (s *source) pages(p partition, outputs []string, from, to rows.Cursor) *pager {
	return &pager{source: s, partition: p, outputs: outputs, at: from, to: to, ceiling: maxPage, spread: 1}
}

// firstRows is how many rows are asked for as long as their size is not known.
const firstRows = 256

// next returns the next page, an empty one behind the last. What a page may hold is aimed at, and missed when rows are larger
// than those before.
func (p *pager) next(ctx context.Context, limit transfer.BatchLimit) (*page, error) {
	if p.at == p.to && !p.to.IsZero() {
		return &page{keys: &rows.Keys{}}, nil
	}
	want := p.aim(limit)
	for {
		got, err := p.get(ctx, want)
		if !answerTooLarge(err) || want == 1 {
			if err != nil {
				return nil, p.source.explain(ctx, err, "read %s behind %v", p.source.view.name(), p.at)
			}
			p.learn(got, want)
			if got.size > limit.Bytes && got.rows() > 1 && want > 1 && !got.sliceable() {
				want = max(want*limit.Bytes/got.size, 1)
				p.ceiling = want
				continue
			}
			return got, p.advance(got)
		}
		want /= 2
		p.ceiling = want
	}
}

// aim is how many rows to ask for.
func (p *pager) aim(limit transfer.BatchLimit) int {
	size := p.rowBytes
	rows := float64(min(limit.Rows, maxPage))
	switch v := p.source.view; {
	case size > 0:
		rows = min(rows, 0.95*float64(limit.Bytes)/size)
	case v.fixed():
		rows = min(rows, 0.95*float64(limit.Bytes)/float64(v.rowBytes()))
	default:
		rows = min(rows, firstRows)
	}
	want := max(min(int(rows/p.spread), p.ceiling), 1)
	p.ceiling = min(p.ceiling+p.ceiling/8+1, maxPage) // grows back
	return want
}

func (p *pager) learn(got *page, want int) {
	if n := got.rows(); n > 0 {
		p.rowBytes = float64(got.size) / float64(n)
		p.spread = max(float64(n)/float64(want), 1)
	}
}

// get asks for about want rows.
func (p *pager) get(ctx context.Context, want int) (*page, error) {
	v := p.source.view
	resp, size, err := p.source.read(ctx, query{expr: v.where(p.at, p.to), outputs: p.outputs, partition: p.partition.source, limit: want})
	if err != nil {
		return nil, err
	}
	got, err := v.page(resp.GetFieldsData(), p.outputs)
	if err != nil {
		return nil, fault.New(fault.Internal, "read %s behind %v: %w", v.name(), p.at, err)
	}
	got.size = size
	p.source.throttle.charge(got.rows(), func() int { return size })
	return got, nil
}

// advance checks that the page's rows follow in order what was read before, and goes on behind them.
func (p *pager) advance(got *page) error {
	n := got.rows()
	if n == 0 {
		return nil
	}
	wrong := func(what string, i int) error {
		return fault.New(fault.Unsupported, "the server (Milvus %s) answers %s with key %s %s: it can't be read in order",
			p.source.version, p.source.view.name(), got.keys.At(i), what)
	}
	if !p.at.IsZero() && compare(got.keys, 0, p.at) <= 0 {
		return wrong(fmt.Sprintf("when asked for those behind %v", p.at), 0)
	}
	for i := 1; i < n; i++ {
		if got.keys.Compare(i-1, got.keys, i) >= 0 {
			return wrong("behind "+got.keys.At(i-1), i)
		}
	}
	if !p.to.IsZero() && compare(got.keys, n-1, p.to) > 0 {
		return wrong(fmt.Sprintf("when asked for those up to %v", p.to), n-1)
	}
	p.at = got.keys.Cursor(n - 1)
	return nil
}

// compare orders key i and the key that a cursor stands behind.
func compare(k *rows.Keys, i int, c rows.Cursor) int {
	if c.Kind == rows.StringCursor {
		return k.Compare(i, &rows.Keys{Strings: []string{c.Str}}, 0)
	}
	return k.Compare(i, &rows.Keys{Ints: []int64{c.Int}}, 0)
}

// page takes from an answer the columns that were asked for, each with a value for every row.
func (v *view) page(columns []*schemapb.FieldData, outputs []string) (*page, error) {
	keys, err := v.keys(columns)
	if err != nil {
		return nil, err
	}
	out := &page{keys: keys, whole: true}
	by := map[string]*schemapb.FieldData{}
	for _, f := range columns {
		if n, known := values(f); known && n != 0 && keys.Len() == 0 {
			return nil, fmt.Errorf("field %q has %d values, and there are no keys", f.GetFieldName(), n)
		}
		by[f.GetFieldName()] = f
	}
	if keys.Len() == 0 {
		return out, nil
	}
	for _, name := range outputs {
		f := by[name]
		if f == nil {
			return nil, fmt.Errorf("the server's answer lacks field %q", name)
		}
		if err := fill(f, keys.Len()); err != nil {
			return nil, fmt.Errorf("field %q: %w", name, err)
		}
		out.columns = append(out.columns, f)
	}
	return out, nil
}
