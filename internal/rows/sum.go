package rows

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"github.com/zeebo/xxh3"
)

// Sum is an order-free content sum: how many rows, and the sum modulo 2^128 of their hashes. Two sets of rows are equal
// when their sums are, whatever the order and the batches they were read in. (Addition, not XOR, which would miss rows
// doubled in pairs.)
type Sum struct {
	Rows   int64
	Hi, Lo uint64
}

// Add adds what t covers.
func (s *Sum) Add(t Sum) {
	s.AddHash(Hash{t.Hi, t.Lo})
	s.Rows += t.Rows
}

// AddHashes adds rows.
func (s *Sum) AddHashes(hashes []Hash) {
	for _, h := range hashes {
		s.AddHash(h)
	}
	s.Rows += int64(len(hashes))
}

// AddHash adds the hash of a row to the sum, and no row to its count.
func (s *Sum) AddHash(h Hash) {
	var carry uint64
	s.Lo, carry = bits.Add64(s.Lo, h.Lo, 0)
	s.Hi, _ = bits.Add64(s.Hi, h.Hi, carry)
}

func (s Sum) String() string { return fmt.Sprintf("%d:%016x%016x", s.Rows, s.Hi, s.Lo) }

// MarshalText writes the sum as rows:hex.
func (s Sum) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *Sum) UnmarshalText(b []byte) error {
	if _, err := fmt.Sscanf(string(b), "%d:%16x%16x", &s.Rows, &s.Hi, &s.Lo); err != nil {
		return fmt.Errorf("content sum %q: %w", b, err)
	}
	return nil
}

// Hash is the content hash of one row: the 128-bit xxh3 of its partition and then, by field name, of type, a presence byte
// (0 for null, which has no value) and the value as encode.go writes it. Fields of a type that the proto does not know (see
// Unknown) are left out.
type Hash struct{ Hi, Lo uint64 }

// SumBatch returns the sum of a batch's rows.
func SumBatch(partition string, b *Batch) (Sum, error) {
	h, err := newHasher(partition, b)
	if err != nil {
		return Sum{}, err
	}
	total := Sum{Rows: int64(b.Rows)}
	for row := range b.Rows {
		total.AddHash(h.row(row))
	}
	return total, nil
}

// RowHashes returns the hash of each row. Their sum is SumBatch's.
func RowHashes(partition string, b *Batch) ([]Hash, error) {
	h, err := newHasher(partition, b)
	if err != nil {
		return nil, err
	}
	hashes := make([]Hash, b.Rows)
	for row := range hashes {
		hashes[row] = h.row(row)
	}
	return hashes, nil
}

// DifferingFields names the fields that row i of a and row j of b have both, by other values.
func DifferingFields(a *Batch, i int, b *Batch, j int) ([]string, error) {
	x, err := columns(a)
	if err != nil {
		return nil, err
	}
	y, err := columns(b)
	if err != nil {
		return nil, err
	}
	var names []string
	var left, right []byte
	for _, c := range x {
		at := slices.IndexFunc(y, func(d column) bool { return d.name == c.name })
		if at < 0 {
			continue
		}
		if left, right = c.append(left[:0], i), y[at].append(right[:0], j); string(left) != string(right) {
			names = append(names, c.name)
		}
	}
	return names, nil
}

// FieldHashes returns the hash of each field of row i.
func FieldHashes(b *Batch, i int) (map[string]Hash, error) {
	columns, err := columns(b)
	if err != nil {
		return nil, err
	}
	out := make(map[string]Hash, len(columns))
	for _, c := range columns {
		out[c.name] = Hash(xxh3.Hash128(c.append(nil, i)))
	}
	return out, nil
}

// hasher hashes the rows of one batch.
type hasher struct {
	columns []column
	head    int    // length of what all rows begin with
	buf     []byte // that, and the row that was hashed last
}

func newHasher(partition string, b *Batch) (*hasher, error) {
	c, err := columns(b)
	if err != nil {
		return nil, err
	}
	head := appendBytes(nil, []byte(partition))
	return &hasher{columns: c, head: len(head), buf: head}, nil
}

func (h *hasher) row(i int) Hash {
	b := h.buf[:h.head]
	for c := range h.columns {
		b = h.columns[c].append(b, i)
	}
	h.buf = b
	return Hash(xxh3.Hash128(b))
}

// column is a field of a batch, ready to be hashed.
type column struct {
	name   string
	tag    byte
	valid  []bool // nil: no value is null
	encode encoder
}

// append appends type, presence and value of a row.
func (c *column) append(b []byte, row int) []byte {
	if c.valid != nil && !c.valid[row] {
		return append(b, c.tag, 0)
	}
	return c.encode(append(b, c.tag, 1), row)
}

// columns returns the batch's fields by name.
func columns(b *Batch) ([]column, error) { return columnsOf(b.Fields, b.Rows) }

func columnsOf(fields []*schemapb.FieldData, rows int) ([]column, error) {
	out := make([]column, 0, len(fields))
	for _, f := range fields {
		if Unknown(f.GetType()) {
			continue
		}
		c := column{name: f.GetFieldName(), tag: byte(f.GetType())}
		if v := f.GetValidData(); len(v) > 0 {
			if len(v) != rows {
				return nil, fmt.Errorf("field %q says of %d rows whether they are null, in a batch of %d", c.name, len(v), rows)
			}
			c.valid = v
		}
		var n int
		var err error
		if c.encode, n, err = newEncoder(f, rows); err != nil {
			return nil, fmt.Errorf("field %q: %w", c.name, err)
		}
		if allNull := n == 0 && c.valid != nil && !slices.Contains(c.valid, true); n != rows && !allNull {
			return nil, fmt.Errorf("field %q holds %d values in a batch of %d rows", c.name, n, rows)
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(x, y column) int { return strings.Compare(x.name, y.name) })
	return out, nil
}
