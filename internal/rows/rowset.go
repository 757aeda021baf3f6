package rows

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
)

// RowSet is a set of row numbers of a range, counted from its first row: a bitmap, deflated. Nil is the empty set.
type RowSet []byte

// NewRowSet makes the set of the given rows, each in [0, size).
func NewRowSet(rows []int64, size int64) RowSet {
	if len(rows) == 0 {
		return nil
	}
	bits := make([]byte, (size+7)/8)
	for _, r := range rows {
		bits[r/8] |= 1 << (r % 8)
	}
	var buf bytes.Buffer
	w, err := flate.NewWriter(&buf, flate.BestCompression)
	if err != nil {
		panic(err) // only for a wrong level
	}
	_, err = w.Write(bits)
	if err := errors.Join(err, w.Close()); err != nil {
		panic(err) // a bytes.Buffer takes everything
	}
	return buf.Bytes()
}

// Rows returns a membership test for a range of size rows.
func (s RowSet) Rows(size int64) (func(row int64) bool, error) {
	if len(s) == 0 {
		return func(int64) bool { return false }, nil
	}
	bits := make([]byte, (size+7)/8)
	if _, err := io.ReadFull(flate.NewReader(bytes.NewReader(s)), bits); err != nil {
		return nil, fmt.Errorf("set of skipped rows: %w", err)
	}
	return func(row int64) bool { return bits[row/8]>>(row%8)&1 == 1 }, nil
}
