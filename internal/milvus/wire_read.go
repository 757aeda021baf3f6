package milvus

import (
	"errors"
	"fmt"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/grpc/encoding"
	grpcproto "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"milvusdm/internal/rows"
)

// answer is a gRPC codec for one Query. Vectors of floats, which are nearly all of an answer, are moved at once from where
// they were received to memory of transfer.Room, since protobuf's packed floats are the memory of a []float32 on a
// little-endian machine; proto.Unmarshal would take them one by one. It decodes everything else.
type answer struct {
	size int // of what was received
}

var _ encoding.CodecV2 = (*answer)(nil)

// Name is empty, for the plain content type "application/grpc": Milvus 2.3 refuses the one with a codec's name.
func (*answer) Name() string { return "" }

func (*answer) Marshal(v any) (mem.BufferSlice, error) {
	return encoding.GetCodecV2(grpcproto.Name).Marshal(v)
}

func (a *answer) Unmarshal(data mem.BufferSlice, v any) error {
	results, ok := v.(*milvuspb.QueryResults)
	if !ok {
		return encoding.GetCodecV2(grpcproto.Name).Unmarshal(data, v)
	}
	a.size = data.Len()
	return decodeResults(data, results)
}

// Numbers of fields in Milvus's milvus.proto and schema.proto; see wire.go for more.
const (
	resultsFieldsData = 2 // QueryResults.fields_data
	// maxColumns bounds the columns of an answer: a server takes collections of at most some hundred fields.
	maxColumns = 4096
)

var (
	errTruncated = errors.New("the server's answer is cut off or no protobuf")
	errGroup     = errors.New("the server's answer holds a group, which no form of Milvus's messages has")
)

// decodeResults does what proto.Unmarshal does, but for refusing groups and more than maxColumns columns.
func decodeResults(data mem.BufferSlice, into *milvuspb.QueryResults) error {
	in := wireOf(data)
	var columns []*schemapb.FieldData
	var rest []byte
	for in.left > 0 {
		number, kind, tag, err := in.tag()
		if err != nil {
			return err
		}
		if number != resultsFieldsData || kind != protowire.BytesType {
			if rest, err = in.appendValue(append(rest, tag...), kind); err != nil {
				return err
			}
			continue
		}
		column, err := in.message()
		if err != nil {
			return err
		}
		if len(columns) == maxColumns {
			return fmt.Errorf("the server's answer holds more than %d columns", maxColumns)
		}
		f := &schemapb.FieldData{}
		if err := decodeColumn(column, f); err != nil {
			return err
		}
		columns = append(columns, f)
	}
	if err := proto.Unmarshal(rest, into); err != nil {
		return err
	}
	into.FieldsData = append(into.FieldsData, columns...)
	return nil
}

// decodeColumn decodes a column in one of two ways: as one of float vectors, as servers send it, or as any other.
func decodeColumn(in wire, into *schemapb.FieldData) error {
	scratch := mem.DefaultBufferPool().Get(in.left)
	defer mem.DefaultBufferPool().Put(scratch)
	rest, vectors := (*scratch)[:0], (*schemapb.VectorField)(nil)
	for at := in; at.left > 0; {
		number, kind, tag, err := at.tag()
		if err != nil {
			return err
		}
		if number == fieldDataVectors && kind == protowire.BytesType && vectors == nil {
			m, err := at.message()
			if err != nil {
				return err
			}
			if vectors = decodeFloats(m); vectors != nil {
				continue
			}
			return in.unmarshal((*scratch)[:0], into)
		}
		if rest, err = at.appendValue(append(rest, tag...), kind); err != nil {
			return err
		}
	}
	if err := proto.Unmarshal(rest, into); err != nil {
		return err
	}
	switch {
	case vectors == nil:
	case into.Field != nil: // there are two values of which the last counts
		return in.unmarshal((*scratch)[:0], into)
	default:
		into.Field = &schemapb.FieldData_Vectors{Vectors: vectors}
	}
	return nil
}

// decodeFloats decodes a VectorField that is a dimension and float vectors, once each; nil if it is anything else.
func decodeFloats(in wire) *schemapb.VectorField {
	out := &schemapb.VectorField{}
	var floats []float32
	for in.left > 0 {
		number, kind, _, err := in.tag()
		switch {
		case err != nil:
			return nil
		case number == vectorDim && kind == protowire.VarintType:
			dim, err := in.varint()
			if err != nil {
				return nil
			}
			out.Dim = int64(dim)
		case number == vectorFloats && kind == protowire.BytesType && floats == nil:
			array, err := in.message()
			if err != nil {
				return nil
			}
			number, kind, _, err := array.tag()
			if err != nil || number != floatArrayData || kind != protowire.BytesType {
				return nil
			}
			size, err := array.varint()
			if err != nil || size != uint64(array.left) || size%4 != 0 || size == 0 {
				return nil
			}
			floats = rows.Room[float32](int(size / 4))
			array.read(rows.FloatBytes(floats))
		default:
			return nil
		}
	}
	if floats == nil {
		return nil
	}
	out.Data = &schemapb.VectorField_FloatVector{FloatVector: &schemapb.FloatArray{Data: floats}}
	return out
}

// wire reads protobuf's wire format from the pieces in which a message was received. A copy of it stays where it was.
type wire struct {
	piece []byte // what is left of the piece that is read
	more  mem.BufferSlice
	left  int // bytes left, of the message that is read
}

func wireOf(data mem.BufferSlice) wire { return wire{more: data, left: data.Len()} }

// read fills b, which is not longer than what is left.
func (w *wire) read(b []byte) {
	w.left -= len(b)
	for len(b) > 0 {
		for len(w.piece) == 0 {
			w.piece, w.more = w.more[0].ReadOnlyData(), w.more[1:]
		}
		n := copy(b, w.piece)
		b, w.piece = b[n:], w.piece[n:]
	}
}

// skip leaves n bytes out, of those that are left.
func (w *wire) skip(n int) {
	w.left -= n
	for n > 0 {
		for len(w.piece) == 0 {
			w.piece, w.more = w.more[0].ReadOnlyData(), w.more[1:]
		}
		k := min(n, len(w.piece))
		n, w.piece = n-k, w.piece[k:]
	}
}

// raw reads a varint's bytes.
func (w *wire) raw() ([]byte, error) {
	var b [10]byte
	for n := range b {
		if w.left == 0 {
			return nil, errTruncated
		}
		w.read(b[n : n+1])
		if b[n] < 0x80 {
			return b[:n+1], nil
		}
	}
	return nil, errTruncated
}

func (w *wire) varint() (uint64, error) {
	b, err := w.raw()
	if err != nil {
		return 0, err
	}
	v, n := protowire.ConsumeVarint(b)
	if n < 0 {
		return 0, protowire.ParseError(n)
	}
	return v, nil
}

// tag reads what precedes a value; encoded is its bytes.
func (w *wire) tag() (number protowire.Number, kind protowire.Type, encoded []byte, err error) {
	if encoded, err = w.raw(); err != nil {
		return 0, 0, nil, err
	}
	number, kind, n := protowire.ConsumeTag(encoded)
	if n < 0 {
		return 0, 0, nil, protowire.ParseError(n)
	}
	return number, kind, encoded, nil
}

// message returns a reader of the message that follows, and goes on behind it.
func (w *wire) message() (wire, error) {
	n, err := w.varint()
	if err != nil || n > uint64(w.left) {
		return wire{}, errTruncated
	}
	m := *w
	m.left = int(n)
	w.skip(int(n))
	return m, nil
}

// appendValue appends the bytes of the value that follows.
func (w *wire) appendValue(b []byte, kind protowire.Type) ([]byte, error) {
	n := 0
	switch kind {
	case protowire.VarintType:
		raw, err := w.raw()
		return append(b, raw...), err
	case protowire.Fixed32Type:
		n = 4
	case protowire.Fixed64Type:
		n = 8
	case protowire.BytesType:
		raw, err := w.raw()
		if err != nil {
			return nil, err
		}
		size, k := protowire.ConsumeVarint(raw)
		if k < 0 || size > uint64(w.left) {
			return nil, errTruncated
		}
		b, n = append(b, raw...), int(size)
	default:
		return nil, errGroup
	}
	if n > w.left {
		return nil, errTruncated
	}
	at := len(b)
	b = append(b, make([]byte, n)...)
	w.read(b[at:])
	return b, nil
}

// unmarshal decodes all that is left; buf is memory to use.
func (w *wire) unmarshal(buf []byte, into proto.Message) error {
	if cap(buf) < w.left {
		buf = make([]byte, w.left)
	}
	buf = buf[:w.left]
	w.read(buf)
	return proto.Unmarshal(buf, into)
}
