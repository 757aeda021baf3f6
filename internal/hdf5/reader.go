package hdf5

import (
	"context"
	"errors"
	"io"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/fault"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// reader reads rows [row, end), numbered over all files.
type reader struct {
	source   *source
	row, end int64
	limit    transfer.BatchLimit
	onlyKeys bool
	open     *openTable // the file that row lies in, or nil
	err      error
}

func (r *reader) Next(ctx context.Context) (*rows.Batch, error) {
	switch {
	case r.err != nil:
		return nil, r.err
	case r.row >= r.end:
		return nil, io.EOF
	}
	batch, err := r.next(ctx)
	if err != nil && ctx.Err() == nil {
		r.err = err
	}
	return batch, err
}

func (r *reader) next(ctx context.Context) (*rows.Batch, error) {
	in := r.source.inputOf(r.row)
	var batch *rows.Batch
	err := do(ctx, func() error {
		if err := r.openInput(in); err != nil {
			return err
		}
		var err error
		batch, err = r.read(in)
		return err
	})
	var bad *rowError
	if errors.As(err, &bad) {
		return nil, fault.New(fault.Corrupt, "%s: %w", in.name, err)
	}
	if err != nil {
		return nil, err
	}
	r.row += int64(batch.Rows)
	batch.After = rows.Row(r.row)
	if r.row == min(r.end, in.first+in.table.rows) {
		// what was read last has to be of the file that was planned, too
		if err := in.unchanged(); err != nil {
			return nil, err
		}
	}
	return batch, nil
}

// openInput makes in the open file. It runs on the library's thread.
func (r *reader) openInput(in *input) error {
	if r.open != nil && r.open.table == in.table {
		return nil
	}
	if err := r.closeInput(); err != nil {
		return err
	}
	if err := in.unchanged(); err != nil {
		return err
	}
	columns := in.table.columns
	if r.onlyKeys {
		columns = in.table.columns[:1]
	}
	var err error
	r.open, err = in.table.openFor(columns, in.fileState, int64(r.rows(in.table)))
	return err
}

// rows is how many rows of a table a batch may have.
func (r *reader) rows(t *table) int {
	return max(min(r.limit.Rows, r.limit.Bytes/t.rowBytes()), 1)
}

// read reads as many rows as the limit allows from the open file. It runs on the library's thread.
func (r *reader) read(in *input) (*rows.Batch, error) {
	row := r.row - in.first
	n := int(min(int64(r.rows(in.table)), in.table.rows-row, r.end-r.row))
	fields, n, err := r.fields(row, n)
	var long tooLong
	for errors.As(err, &long) {
		fields, n, err = r.fields(row, long.fit)
	}
	if err != nil {
		return nil, err
	}
	b := &rows.Batch{Fields: fields, Rows: n, First: r.row, Where: func(i int) string { return in.place(row + int64(i)) }}
	for _, c := range r.open.columns {
		if !c.windowed { // a window is several batches'
			b.Recyclable(b.Field(c.field.Name))
		}
	}
	return b, nil
}

// fields reads n rows of the open file, or the fewer that are unpacked already. It returns how many.
func (r *reader) fields(row int64, n int) ([]*schemapb.FieldData, int, error) {
	for _, c := range r.open.columns {
		if c.windowed {
			has, err := c.fill(row)
			if err != nil {
				return nil, 0, err
			}
			n = int(min(int64(n), has))
		}
	}
	r.open.budget = max(r.limit.Bytes-n*r.open.fixedBytes(), 0)
	var out []*schemapb.FieldData
	if !r.open.hasKey {
		out = append(out, rowNumbers(r.open.keyName, r.row+r.source.offset, n))
	}
	for _, c := range r.open.columns {
		values, err := c.values(row, n)
		if err != nil {
			return nil, n, err
		}
		out = append(out, values)
	}
	return out, n, nil
}

// rowNumbers makes keys of the numbers that rows have over all files.
func rowNumbers(name string, first int64, n int) *schemapb.FieldData {
	v := make([]int64, n)
	for i := range v {
		v[i] = first + int64(i)
	}
	return rows.Int64Column(name, v)
}

func (r *reader) Close() error {
	if r.open == nil {
		return nil
	}
	return do(context.Background(), r.closeInput)
}

func (r *reader) closeInput() error {
	if r.open == nil {
		return nil
	}
	err := r.open.close()
	r.open = nil
	return err
}
