package milvus1

import (
	"context"
	"io"
	"unsafe"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/rows"
)

// reader reads rows [row, end) of a source in batches of at most rows, which do not cross from one segment to the next.
type reader struct {
	source   *source
	row, end int64
	rows     int64

	open *segmentReader // of the segment that row lies in, or nil
	err  error          // sticks
}

// Next implements transfer.Reader.
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
	if ctx.Err() == nil {
		r.err = err
	}
	return b, err
}

func (r *reader) next(ctx context.Context) (*rows.Batch, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	last := min(r.end, r.open.end())
	n := min(r.rows, last-r.row)
	keys := make([]int64, n)
	vectors, column := r.source.vectors(n)
	if err := r.open.read(keys, vectors); err != nil {
		return nil, err
	}
	if r.row+n == last {
		if err := r.open.unchanged(); err != nil {
			return nil, err
		}
	}
	first := r.row
	r.row += n
	b := &rows.Batch{
		Fields: []*schemapb.FieldData{rows.Int64Column(r.source.keyField, keys), column},
		Rows:   int(n), First: first, After: rows.Row(r.row),
		Where: func(i int) string { return r.source.Place(first + int64(i)) },
	}
	b.Recyclable(column)
	return b, nil
}

// enter opens the segment that the next row lies in.
func (r *reader) enter(ctx context.Context) error {
	s := r.source.segmentOf(r.row)
	if r.open != nil && r.open.segment == s {
		return nil
	}
	if err := r.Close(); err != nil {
		return err
	}
	var err error
	r.open, err = s.open(ctx, r.row-s.first, r.source.shape.rowBytes, true)
	return err
}

// Close implements transfer.Reader.
func (r *reader) Close() error {
	if r.open == nil {
		return nil
	}
	open := r.open
	r.open = nil
	return open.close()
}

// vectors makes room for n vectors, and the column made of it.
func (s *source) vectors(n int64) ([]byte, *schemapb.FieldData) {
	if s.shape.binary {
		v := rows.Room[byte](int(n * s.shape.rowBytes))
		return v, rows.BinaryVectorColumn(s.vectorField, s.shape.dim, v)
	}
	v := rows.Room[float32](int(n * s.shape.dim))
	return rows.FloatBytes(v), rows.FloatVectorColumn(s.vectorField, s.shape.dim, v)
}

// int64Bytes returns the memory of v, which machines that this program runs on keep little-endian, as in the files.
func int64Bytes(v []int64) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), len(v)*8)
}
