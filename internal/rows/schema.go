package rows

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// MetaField is the name of the dynamic field's column.
const MetaField = "$meta"

// Schema is a collection's schema as Milvus states it. It passes through Temporal as protojson, readable in the Web UI; where a
// newer server states what protojson has no name for, with the message's bytes beside it.
type Schema struct{ *schemapb.CollectionSchema }

// wireKey holds a schema's bytes in its JSON. No name of a field in protojson begins like this.
const wireKey = "@wire"

// MarshalJSON writes the schema as protojson.
func (s Schema) MarshalJSON() ([]byte, error) {
	if s.CollectionSchema == nil {
		return []byte("null"), nil
	}
	text, err := protojson.Marshal(s.CollectionSchema)
	if err != nil || !hasUnknown(s.ProtoReflect()) {
		return text, err
	}
	wire, err := proto.Marshal(s.CollectionSchema)
	if err != nil {
		return nil, err
	}
	object := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &object); err != nil {
		return nil, err
	}
	if object[wireKey], err = json.Marshal(wire); err != nil {
		return nil, err
	}
	return json.Marshal(object)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *Schema) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		s.CollectionSchema = nil
		return nil
	}
	s.CollectionSchema = &schemapb.CollectionSchema{}
	var raw struct {
		Wire []byte `json:"@wire"`
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	if len(raw.Wire) > 0 {
		return proto.Unmarshal(raw.Wire, s.CollectionSchema)
	}
	return protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(b, s.CollectionSchema)
}

// hasUnknown reports whether a message, or one in it, has fields that this program's version of the proto does not.
func hasUnknown(m protoreflect.Message) bool {
	found := len(m.GetUnknown()) > 0
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.Message() == nil || f.IsMap():
		case f.IsList():
			for i := range v.List().Len() {
				found = found || hasUnknown(v.List().Get(i).Message())
			}
		default:
			found = found || hasUnknown(v.Message())
		}
		return !found
	})
	return found
}

// PrimaryKey returns the primary key field, or nil.
func (s Schema) PrimaryKey() *schemapb.FieldSchema {
	for _, f := range s.GetFields() {
		if f.GetIsPrimaryKey() {
			return f
		}
	}
	return nil
}

// PartitionKey returns the field whose values choose the rows' partitions, or nil.
func (s Schema) PartitionKey() *schemapb.FieldSchema {
	for _, f := range s.GetFields() {
		if f.GetIsPartitionKey() {
			return f
		}
	}
	return nil
}

// Field returns the field of that name, or nil.
func (s Schema) Field(name string) *schemapb.FieldSchema {
	for _, f := range s.GetFields() {
		if f.GetName() == name {
			return f
		}
	}
	return nil
}

// Vectors returns the vector fields, in schema order.
func (s Schema) Vectors() []*schemapb.FieldSchema {
	var out []*schemapb.FieldSchema
	for _, f := range s.GetFields() {
		if IsVector(f.GetDataType()) {
			out = append(out, f)
		}
	}
	return out
}

// IsVector reports whether t is a vector type.
func IsVector(t schemapb.DataType) bool {
	return t >= schemapb.DataType_BinaryVector && t < schemapb.DataType_BinaryVector+100 && t != schemapb.DataType_ArrayOfStruct
}

// TypeParam returns a field's type parameter, as "dim" or "max_length", or "".
func TypeParam(f *schemapb.FieldSchema, key string) string {
	for _, kv := range f.GetTypeParams() {
		if kv.GetKey() == key {
			return kv.GetValue()
		}
	}
	return ""
}

// Dim returns a vector field's dimension (for a binary vector in bits), or an error when it states none.
func Dim(f *schemapb.FieldSchema) (int64, error) {
	d, err := strconv.ParseInt(TypeParam(f, "dim"), 10, 64)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("field %q has no valid dimension: %q", f.GetName(), TypeParam(f, "dim"))
	}
	return d, nil
}

// KeyField makes an Int64 primary key field without autoID.
func KeyField(name string) *schemapb.FieldSchema {
	return &schemapb.FieldSchema{Name: name, DataType: schemapb.DataType_Int64, IsPrimaryKey: true}
}

// VectorField makes a vector field; dim is in elements (for a binary vector in bits).
func VectorField(name string, t schemapb.DataType, dim int64) *schemapb.FieldSchema {
	return &schemapb.FieldSchema{Name: name, DataType: t,
		TypeParams: []*commonpb.KeyValuePair{{Key: "dim", Value: strconv.FormatInt(dim, 10)}}}
}

// VarCharField makes a VarChar field; maxLength is in bytes, 1 to 65,535.
func VarCharField(name string, maxLength int) *schemapb.FieldSchema {
	return &schemapb.FieldSchema{Name: name, DataType: schemapb.DataType_VarChar,
		TypeParams: []*commonpb.KeyValuePair{{Key: "max_length", Value: strconv.Itoa(maxLength)}}}
}
