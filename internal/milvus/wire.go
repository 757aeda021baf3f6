package milvus

import (
	"fmt"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/grpc/encoding"
	grpcproto "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"milvusdm/internal/rows"
)

// columns is a gRPC codec for one Insert or Upsert: it adds the columns to a request that was made without them. Vectors of
// floats, which are nearly all of the request, are sent from where they lie, since protobuf's packed floats are the
// memory of a []float32 on a little-endian machine; proto.Marshal would copy them one by one.
//
// A call that failed may leave the connection still reading from that memory.
type columns []*schemapb.FieldData

var _ encoding.CodecV2 = columns(nil)

// Name is empty, for the plain content type "application/grpc": Milvus 2.3 refuses the one with a codec's name.
func (columns) Name() string { return "" }

func (columns) Unmarshal(data mem.BufferSlice, v any) error {
	return encoding.GetCodecV2(grpcproto.Name).Unmarshal(data, v)
}

// size is how many bytes the columns take on the wire, but for what precedes each.
func (c columns) size() int {
	n := 0
	for _, f := range c {
		n += proto.Size(f)
	}
	return n
}

// Numbers of fields in Milvus's msg.proto and schema.proto.
const (
	requestFieldsData = 5 // InsertRequest.fields_data, UpsertRequest.fields_data
	fieldDataVectors  = 4 // FieldData.vectors
	vectorDim         = 1 // VectorField.dim
	vectorFloats      = 2 // VectorField.float_vector
	floatArrayData    = 1 // FloatArray.data
)

func (c columns) Marshal(v any) (mem.BufferSlice, error) {
	m, ok := v.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("marshal: %T is no protobuf message", v)
	}
	buf, err := proto.Marshal(m)
	if err != nil {
		return nil, err
	}
	var out mem.BufferSlice
	for _, f := range c {
		if !plainFloats(f) {
			buf = appendHead(buf, requestFieldsData, proto.Size(f))
			if buf, err = (proto.MarshalOptions{}).MarshalAppend(buf, f); err != nil {
				return nil, err
			}
			continue
		}
		floats := rows.FloatBytes(f.GetVectors().GetFloatVector().GetData())
		if buf, err = appendVectorHead(buf, f, len(floats)); err != nil {
			return nil, err
		}
		out = append(out, mem.SliceBuffer(buf), mem.SliceBuffer(floats))
		buf = nil
	}
	return append(out, mem.SliceBuffer(buf)), nil
}

// plainFloats reports whether a column is one of float vectors, and nothing that this program does not know.
func plainFloats(f *schemapb.FieldData) bool {
	floats := f.GetVectors().GetFloatVector()
	return floats != nil && len(f.ProtoReflect().GetUnknown())+len(f.GetVectors().ProtoReflect().GetUnknown())+len(floats.ProtoReflect().GetUnknown()) == 0
}

// appendVectorHead appends a column of float vectors up to the floats, which take n bytes.
func appendVectorHead(buf []byte, f *schemapb.FieldData, n int) ([]byte, error) {
	floats := appendHead(nil, floatArrayData, n)
	vector := protowire.AppendVarint(protowire.AppendTag(nil, vectorDim, protowire.VarintType), uint64(f.GetVectors().GetDim()))
	vector = appendHead(vector, vectorFloats, len(floats)+n)
	vector = append(vector, floats...)
	field, err := proto.Marshal(&schemapb.FieldData{Type: f.Type, FieldName: f.FieldName, FieldId: f.FieldId, IsDynamic: f.IsDynamic, ValidData: f.ValidData})
	if err != nil {
		return nil, err
	}
	field = appendHead(field, fieldDataVectors, len(vector)+n)
	field = append(field, vector...)
	buf = appendHead(buf, requestFieldsData, len(field)+n)
	return append(buf, field...), nil
}

// appendHead appends what precedes a field of n bytes.
func appendHead(buf []byte, number protowire.Number, n int) []byte {
	return protowire.AppendVarint(protowire.AppendTag(buf, number, protowire.BytesType), uint64(n))
}
