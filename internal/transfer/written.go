package transfer

import (
	"context"

	"milvusdm/internal/fault"
	"milvusdm/internal/rows"
)

// InputOf returns the one of the files, in row order, that a range of rows lies in; nil where there is none, as for a server.
func InputOf(inputs []Input, r *rows.Range) *Input {
	if r.From.Kind != rows.RowCursor {
		return nil
	}
	var end int64
	for i := range inputs {
		if end += inputs[i].Rows; r.From.Int < end {
			return &inputs[i]
		}
	}
	return nil
}

// CheckRead compares what was read of files with what was recorded when they were written: sums[i] covers the rows of ranges[i],
// which together are all rows. A file whose rows are others by now is fault.Corrupt, whatever its size and time say.
func CheckRead(inputs []Input, ranges []rows.Range, sums []rows.Sum) error {
	read := map[*Input]*rows.Sum{}
	for i := range ranges {
		in := InputOf(inputs, &ranges[i])
		if in == nil {
			continue
		}
		if read[in] == nil {
			read[in] = &rows.Sum{}
		}
		read[in].Add(sums[i])
	}
	for i := range inputs {
		in := &inputs[i]
		if in.Written == nil || in.Rows == 0 {
			continue
		}
		sum := rows.Sum{}
		if read[in] != nil {
			sum = *read[in]
		}
		if sum != in.Written.Sum {
			return fault.New(fault.Corrupt, "%s: was edited while it was read: the content sum of its rows is %v, and %v was written", in.Path, sum, in.Written.Sum)
		}
	}
	return nil
}

// Summed is a Reader that sums up what it reads of a file as it was when it was written.
type Summed struct {
	Reader
	Written *Written
	Sum     rows.Sum
}

// Next implements Reader.
func (s *Summed) Next(ctx context.Context) (*rows.Batch, error) {
	b, err := s.Reader.Next(ctx)
	if err != nil {
		return nil, err
	}
	sum, err := rows.SumBatch(s.Written.Partition, b)
	s.Sum.Add(sum)
	return b, err
}
