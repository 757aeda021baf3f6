package hdf5

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/rows"
)

// decoder reads n rows of a column. It gives an error about one row as a *rowError.
type decoder func(c *openColumn, row int64, n int) (*schemapb.FieldData, error)

// rowError is what is wrong with one row of a file.
type rowError struct {
	row  int64
	path string
	err  error
}

func (e *rowError) Error() string { return fmt.Sprintf("row %d of %s: %v", e.row, e.path, e.err) }

func (c *openColumn) badRow(row int64, format string, args ...any) error {
	return &rowError{row, c.path, fmt.Errorf(format, args...)}
}

// readElements reads n rows of size values each, straight into the slice that it returns. The column's memory type is
// T's, or takes size times it.
func readElements[T element](c *openColumn, row int64, n int, size int64) ([]T, error) {
	out := rows.Room[T](n * int(size))
	return out, c.read(row, n, unsafe.Pointer(unsafe.SliceData(out)))
}

type element interface {
	byte | int32 | int64 | uint64 | float32 | float64
}

func decodeFloatVector(c *openColumn, row int64, n int) (*schemapb.FieldData, error) {
	v, err := readElements[float32](c, row, n, c.width)
	return rows.FloatVectorColumn(c.field.Name, c.dim, v), err
}

func decodeFloat16Vector(c *openColumn, row int64, n int) (*schemapb.FieldData, error) {
	v, err := readElements[byte](c, row, n, 2*c.width)
	if c.field.DataType == schemapb.DataType_BFloat16Vector {
		return rows.BFloat16VectorColumn(c.field.Name, c.dim, v), err
	}
	return rows.Float16VectorColumn(c.field.Name, c.dim, v), err
}

func decodeBytes(c *openColumn, row int64, n int) (*schemapb.FieldData, error) {
	v, err := readElements[byte](c, row, n, c.dim/8)
	return rows.BinaryVectorColumn(c.field.Name, c.dim, v), err
}

// decodeBits packs one element a bit, the first into a byte's highest, as Milvus and NumPy's packbits do.
func decodeBits(c *openColumn, row int64, n int) (*schemapb.FieldData, error) {
	bits, err := readElements[byte](c, row, n, c.width)
	if err != nil {
		return nil, err
	}
	rowBytes := int(c.dim / 8)
	packed := make([]byte, n*rowBytes)
	for i := range n {
		to := packed[i*rowBytes:]
		for j, b := range bits[i*int(c.width):][:c.width] {
			if b > 1 {
				return nil, c.badRow(row+int64(i), "element %d is %d, and a bit is 0 or 1%s", j, b, c.hint)
			}
			to[j/8] |= b << (7 - j%8)
		}
	}
	return rows.BinaryVectorColumn(c.field.Name, c.dim, packed), nil
}

func decodeLong(c *openColumn, row int64, n int) (*schemapb.FieldData, error) {
	v, err := readElements[int64](c, row, n, 1)
	return rows.Int64Column(c.field.Name, v), err
}

func decodeUnsignedLong(c *openColumn, row int64, n int) (*schemapb.FieldData, error) {
	v, err := readElements[uint64](c, row, n, 1)
	if err != nil {
		return nil, err
	}
	for i, x := range v {
		if x > math.MaxInt64 {
			return nil, c.badRow(row+int64(i), "%d is above the largest Int64, %d", x, int64(math.MaxInt64))
		}
	}
	// in range the bits are the same
	signed := unsafe.Slice((*int64)(unsafe.Pointer(unsafe.SliceData(v))), len(v))
	return rows.Int64Column(c.field.Name, signed), nil
}

// decodeWholeNumbers reads integers that are kept as float64.
func decodeWholeNumbers(c *openColumn, row int64, n int) (*schemapb.FieldData, error) {
	floats, err := readElements[float64](c, row, n, 1)
	if err != nil {
		return nil, err
	}
	const exact = 1 << 53
	v := make([]int64, n)
	for i, x := range floats {
		if x != math.Trunc(x) || math.Abs(x) > exact {
			return nil, c.badRow(row+int64(i), "%v is no whole number, and keys are", x)
		}
		v[i] = int64(x)
	}
	return rows.Int64Column(c.field.Name, v), nil
}

func decodeInt(t schemapb.DataType) decoder {
	return func(c *openColumn, row int64, n int) (*schemapb.FieldData, error) {
		v, err := readElements[int32](c, row, n, 1)
		return rows.Int32Column(c.field.Name, t, v), err
	}
}

func decodeFloat(c *openColumn, row int64, n int) (*schemapb.FieldData, error) {
	v, err := readElements[float32](c, row, n, 1)
	return rows.FloatColumn(c.field.Name, v), err
}

func decodeDouble(c *openColumn, row int64, n int) (*schemapb.FieldData, error) {
	v, err := readElements[float64](c, row, n, 1)
	return rows.DoubleColumn(c.field.Name, v), err
}

func decodeBool(c *openColumn, row int64, n int) (*schemapb.FieldData, error) {
	raw, err := readElements[byte](c, row, n, 1)
	if err != nil {
		return nil, err
	}
	v := make([]bool, n)
	for i, b := range raw {
		if b > 1 {
			return nil, c.badRow(row+int64(i), "%d is no boolean", b)
		}
		v[i] = b == 1
	}
	return rows.BoolColumn(c.field.Name, v), nil
}

func decodeFixed(c *openColumn, row int64, n int) (*schemapb.FieldData, error) {
	size := c.elem.size
	raw, err := readElements[byte](c, row, n, int64(size))
	if err != nil {
		return nil, err
	}
	all := string(raw) // one allocation, which the values share
	v := make([]string, n)
	for i := range v {
		v[i] = c.elem.padding.strip(all[i*size : (i+1)*size])
	}
	return c.texts(row, v)
}

func (p padding) strip(s string) string {
	switch p {
	case padSpaces:
		return strings.TrimRight(s, " ")
	case padTerminated:
		s, _, _ = strings.Cut(s, "\x00")
		return s
	}
	return strings.TrimRight(s, "\x00")
}

// tooLong is the error of a batch whose texts take more than it may.
type tooLong struct{ fit int } // rows do, at least one

func (e tooLong) Error() string { return fmt.Sprintf("only %d rows fit the batch", e.fit) }

// references finds n values of variable length, of elements of unit bytes, that take at most most bytes each.
func (c *openColumn) references(row int64, n, unit, most int) ([]reference, error) {
	raw, err := readElements[byte](c, row, n, referenceSize)
	if err != nil {
		return nil, err
	}
	at := make([]reference, n)
	left := c.table.budget
	for i := range at {
		at[i] = parseReference(raw[i*referenceSize:])
		size := int64(at[i].length) * int64(unit)
		if size > int64(most) {
			return nil, c.badRow(row+int64(i), "the value takes %d bytes; Milvus takes at most %d", size, most)
		}
		if left -= int(size); left < 0 && i > 0 {
			return nil, tooLong{i}
		}
	}
	c.table.budget = left
	return at, nil
}

func decodeVariable(c *openColumn, row int64, n int) (*schemapb.FieldData, error) {
	at, err := c.references(row, n, 1, maxText)
	if err != nil {
		return nil, err
	}
	v := make([]string, n)
	for i := range v {
		if v[i], err = c.table.heap.text(at[i]); err != nil {
			return nil, c.badRow(row+int64(i), "%w", err)
		}
	}
	return c.texts(row, v)
}

// texts makes the column of strings and checks them.
func (c *openColumn) texts(row int64, v []string) (*schemapb.FieldData, error) {
	for i, s := range v {
		switch {
		case len(s) > maxText:
			return nil, c.badRow(row+int64(i), "the text takes %d bytes; Milvus takes at most %d", len(s), maxText)
		case !utf8.ValidString(s):
			return nil, c.badRow(row+int64(i), "the text is not valid UTF-8: %q", s[:min(len(s), 40)])
		}
	}
	return rows.VarCharColumn(c.field.Name, v), nil
}

// jsonOf makes a decoder of texts one of JSON.
func jsonOf(texts decoder) decoder {
	return func(c *openColumn, row int64, n int) (*schemapb.FieldData, error) {
		f, err := texts(c, row, n)
		if err != nil {
			return nil, err
		}
		in := f.GetScalars().GetStringData().GetData()
		v := make([][]byte, n)
		for i, s := range in {
			v[i] = []byte(s)
			if err := validJSON(v[i]); err != nil {
				return nil, c.badRow(row+int64(i), "the text is not valid JSON (%w): %q", err, s[:min(len(s), 40)])
			}
		}
		return rows.JSONColumn(c.field.Name, v), nil
	}
}

func validJSON(b []byte) error {
	if len(bytes.TrimSpace(b)) == 0 {
		return errors.New("it is empty")
	}
	if json.Valid(b) {
		return nil
	}
	var any json.RawMessage
	return json.Unmarshal(b, &any)
}
