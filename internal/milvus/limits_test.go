package milvus

import (
	"fmt"
	"strings"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/transfer"
)

func TestLimitsNameWhatNoServerTakes(t *testing.T) {
	vector := func(name string, kind schemapb.DataType, dim int64) *schemapb.FieldSchema {
		return transfer.VectorField(name, kind, dim)
	}
	many := []*schemapb.FieldSchema{transfer.KeyField("id"), vector("v", schemapb.DataType_FloatVector, 8)}
	for i := range 63 {
		many = append(many, transfer.VarCharField(fmt.Sprintf("f%d", i), 10))
	}
	vectors := []*schemapb.FieldSchema{transfer.KeyField("id")}
	for i := range 11 {
		vectors = append(vectors, vector(fmt.Sprintf("v%d", i), schemapb.DataType_FloatVector, 8))
	}
	for _, c := range []struct {
		fields []*schemapb.FieldSchema
		says   string
	}{
		{many[:64], ""},
		{many, "65 fields"},
		{vectors, "11 vector fields"},
		{[]*schemapb.FieldSchema{transfer.KeyField("id"), vector("v", schemapb.DataType_FloatVector, 32768)}, ""},
		{[]*schemapb.FieldSchema{transfer.KeyField("id"), vector("v", schemapb.DataType_Float16Vector, 32769)},
			`dimension 32769 of field "v"`},
		{[]*schemapb.FieldSchema{transfer.KeyField("id"), vector("v", schemapb.DataType_BinaryVector, 262144)}, ""},
		{[]*schemapb.FieldSchema{transfer.KeyField("id"), vector("my-vec", schemapb.DataType_FloatVector, 8)}, `"my-vec"`},
		{[]*schemapb.FieldSchema{transfer.KeyField("2d"), vector("v", schemapb.DataType_FloatVector, 8)}, `"2d"`},
	} {
		err := limits(transfer.Schema{CollectionSchema: &schemapb.CollectionSchema{Fields: c.fields}})
		if (err == nil) != (c.says == "") || !strings.Contains(fmt.Sprint(err), c.says) && c.says != "" {
			t.Errorf("%v, want %q", err, c.says)
		}
	}
}
