package transfer

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"github.com/zeebo/xxh3"
	"google.golang.org/protobuf/proto"
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
	var carry uint64
	s.Lo, carry = bits.Add64(s.Lo, t.Lo, 0)
	s.Hi, _ = bits.Add64(s.Hi, t.Hi, carry)
	s.Rows += t.Rows
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

// SumBatch returns the sum of a batch's rows. A row's hash is the 128-bit xxh3 of its partition and then, by field name, of
// type, a presence byte and the value; floats count by their bits, JSON by its sorted form with numbers as they are written.
func SumBatch(partition string, b *Batch) (Sum, error) {
	fields := slices.Clone(b.Fields)
	slices.SortFunc(fields, func(x, y *schemapb.FieldData) int { return strings.Compare(x.GetFieldName(), y.GetFieldName()) })
	encoders := make([]func([]byte, int) ([]byte, error), len(fields))
	for i, f := range fields {
		enc, n, err := encoder(f)
		if err != nil {
			return Sum{}, err
		}
		if n != b.Rows {
			return Sum{}, fmt.Errorf("field %q holds %d values in a batch of %d rows", f.GetFieldName(), n, b.Rows)
		}
		encoders[i] = enc
	}
	head := appendBytes(nil, []byte(partition))
	total := Sum{Rows: int64(b.Rows)}
	var buf []byte
	for row := range b.Rows {
		buf = append(buf[:0], head...)
		for i, f := range fields {
			buf = append(buf, byte(f.GetType()), 1)
			var err error
			if buf, err = encoders[i](buf, row); err != nil {
				return Sum{}, fmt.Errorf("field %q, %s: %w", f.GetFieldName(), b.Place(row), err)
			}
		}
		h := xxh3.Hash128(buf)
		total.Add(Sum{Hi: h.Hi, Lo: h.Lo})
	}
	return total, nil
}

// encoder returns a function that appends a row's value to a buffer, and how many rows the column has.
func encoder(f *schemapb.FieldData) (func([]byte, int) ([]byte, error), int, error) {
	if v := f.GetVectors(); v != nil {
		return vectorEncoder(f, v)
	}
	switch d := f.GetScalars().GetData().(type) {
	case *schemapb.ScalarField_BoolData:
		v := d.BoolData.GetData()
		return func(b []byte, i int) ([]byte, error) {
			if v[i] {
				return append(b, 1), nil
			}
			return append(b, 0), nil
		}, len(v), nil
	case *schemapb.ScalarField_IntData:
		v := d.IntData.GetData()
		return func(b []byte, i int) ([]byte, error) { return binary.LittleEndian.AppendUint32(b, uint32(v[i])), nil }, len(v), nil
	case *schemapb.ScalarField_LongData:
		v := d.LongData.GetData()
		return func(b []byte, i int) ([]byte, error) { return binary.LittleEndian.AppendUint64(b, uint64(v[i])), nil }, len(v), nil
	case *schemapb.ScalarField_FloatData:
		v := d.FloatData.GetData()
		return func(b []byte, i int) ([]byte, error) {
			return binary.LittleEndian.AppendUint32(b, math.Float32bits(v[i])), nil
		}, len(v), nil
	case *schemapb.ScalarField_DoubleData:
		v := d.DoubleData.GetData()
		return func(b []byte, i int) ([]byte, error) {
			return binary.LittleEndian.AppendUint64(b, math.Float64bits(v[i])), nil
		}, len(v), nil
	case *schemapb.ScalarField_StringData:
		v := d.StringData.GetData()
		return func(b []byte, i int) ([]byte, error) { return appendBytes(b, []byte(v[i])), nil }, len(v), nil
	case *schemapb.ScalarField_JsonData:
		v := d.JsonData.GetData()
		return func(b []byte, i int) ([]byte, error) { return appendJSON(b, v[i]) }, len(v), nil
	case *schemapb.ScalarField_ArrayData:
		v := d.ArrayData.GetData()
		return func(b []byte, i int) ([]byte, error) {
			raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(v[i])
			return appendBytes(b, raw), err
		}, len(v), nil
	}
	return nil, 0, fmt.Errorf("field %q: no content sum for type %v", f.GetFieldName(), f.GetType())
}

func vectorEncoder(f *schemapb.FieldData, v *schemapb.VectorField) (func([]byte, int) ([]byte, error), int, error) {
	dim := int(v.GetDim())
	if dim <= 0 && v.GetSparseFloatVector() == nil {
		return nil, 0, fmt.Errorf("field %q: vectors of dimension %d", f.GetFieldName(), dim)
	}
	packed := func(data []byte, width int) (func([]byte, int) ([]byte, error), int, error) {
		if width <= 0 || len(data)%width != 0 {
			return nil, 0, fmt.Errorf("field %q: %d bytes are no vectors of %d", f.GetFieldName(), len(data), width)
		}
		return func(b []byte, i int) ([]byte, error) { return appendBytes(b, data[i*width:(i+1)*width]), nil }, len(data) / width, nil
	}
	switch d := v.GetData().(type) {
	case *schemapb.VectorField_FloatVector:
		return packed(FloatBytes(d.FloatVector.GetData()), dim*4)
	case *schemapb.VectorField_BinaryVector:
		return packed(d.BinaryVector, dim/8)
	case *schemapb.VectorField_Float16Vector:
		return packed(d.Float16Vector, dim*2)
	case *schemapb.VectorField_Bfloat16Vector:
		return packed(d.Bfloat16Vector, dim*2)
	case *schemapb.VectorField_Int8Vector:
		return packed(d.Int8Vector, dim)
	case *schemapb.VectorField_SparseFloatVector:
		rows := d.SparseFloatVector.GetContents()
		return func(b []byte, i int) ([]byte, error) { return appendBytes(b, rows[i]), nil }, len(rows), nil
	}
	return nil, 0, fmt.Errorf("field %q: no content sum for type %v", f.GetFieldName(), f.GetType())
}

func appendBytes(b, v []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(v))), v...)
}

// appendJSON appends the JSON text with sorted keys and without insignificant space.
func appendJSON(b, text []byte) ([]byte, error) {
	dec := json.NewDecoder(strings.NewReader(string(text)))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, fmt.Errorf("JSON %.80q: %w", text, err)
	}
	canonical, err := json.Marshal(v)
	return appendBytes(b, canonical), err
}
