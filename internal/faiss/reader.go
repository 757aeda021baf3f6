package faiss

import (
	"context"
	"errors"
	"io"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/rows"
)

// reader reads rows [row, end) of a source in batches of at most rows.
type reader struct {
	source   *source
	row, end int64
	rows     int64

	part *part // that row lies in, or nil
	open *rowReader
	err  error // sticks
}

// Next implements transfer.Reader. The batch's columns are filled straight from the file.
func (r *reader) Next(ctx context.Context) (*rows.Batch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if r.err != nil {
		return nil, r.err
	}
	if r.row >= r.end {
		return nil, io.EOF
	}
	b, err := r.next(ctx)
	switch {
	case err == nil:
	case ctx.Err() == nil:
		r.err = err
	default:
		err = errors.Join(ctx.Err(), r.Close()) // a helper's stream has ended with ctx; the next call opens another
	}
	return b, err
}

func (r *reader) next(ctx context.Context) (*rows.Batch, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	p := r.part
	last := min(r.end, p.end())
	n := min(r.rows, last-r.row)
	keys := make([]int64, n)
	vectors, column := r.vectors(int(n))
	if err := r.open.read(ctx, vectors, keys); err != nil {
		return nil, err
	}
	if r.row+n == last {
		if err := p.unchanged(); err != nil {
			return nil, err
		}
	}
	first := r.row
	r.row += n
	b := &rows.Batch{
		Fields: []*schemapb.FieldData{rows.Int64Column(r.source.keyField, keys), column},
		Rows:   int(n), First: first, After: rows.Row(r.row),
		Where: func(i int) string { return p.place(first + int64(i)) },
	}
	b.Recyclable(column)
	return b, nil
}

// vectors makes room for n vectors, and the column made of it.
func (r *reader) vectors(n int) ([]byte, *schemapb.FieldData) {
	name, info := r.source.vectorField, r.part.info
	if info.Binary {
		v := rows.Room[byte](n * info.RowBytes())
		return v, rows.BinaryVectorColumn(name, int64(info.Dim), v)
	}
	v := rows.Room[float32](n * info.Dim)
	return floatBytes(v), rows.FloatVectorColumn(name, int64(info.Dim), v)
}

// enter opens the part that the next row lies in.
func (r *reader) enter(ctx context.Context) error {
	p := r.source.partOf(r.row)
	if p == r.part && r.open != nil {
		return nil
	}
	if err := r.Close(); err != nil {
		return err
	}
	rows, err := p.open(ctx, r.row, min(r.end, p.end()), true)
	if err != nil {
		return err
	}
	r.part, r.open = p, rows
	return nil
}

// Close implements transfer.Reader.
func (r *reader) Close() error {
	if r.open == nil {
		return nil
	}
	open := r.open
	r.part, r.open = nil, nil
	return open.close()
}
