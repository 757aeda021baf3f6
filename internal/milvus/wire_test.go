package milvus

import (
	"runtime"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/protobuf/proto"

	"milvusdm/internal/rows"
)

// What the codec puts on the wire is the request that protobuf itself makes.
func TestColumnsOnTheWire(t *testing.T) {
	floats := []float32{1, -2, 3.5, 0, 5, 6}
	full := rows.FloatVectorColumn("full", 2, floats)
	full.FieldId, full.IsDynamic, full.ValidData = 104, true, []bool{true, false, true}
	for name, fields := range map[string][]*schemapb.FieldData{
		"none":        nil,
		"scalars":     {rows.Int64Column("id", []int64{1, -2, 1 << 62}), rows.VarCharColumn("s", []string{"", "a", "ü"}), rows.BoolColumn("b", []bool{true, false, true})},
		"vector":      {rows.Int64Column("id", []int64{1, 2, 3}), rows.FloatVectorColumn("v", 2, floats)},
		"all set":     {full, rows.JSONColumn("j", [][]byte{[]byte("{}"), []byte("1"), []byte("[]")})},
		"two vectors": {rows.FloatVectorColumn("v", 2, floats), rows.FloatVectorColumn("w", 1, floats[:3])},
		"others":      {rows.BinaryVectorColumn("b", 8, []byte{1, 2, 3}), rows.Float16VectorColumn("h", 1, make([]byte, 6))},
		"empty":       {rows.FloatVectorColumn("v", 2, nil)},
		"long":        {rows.FloatVectorColumn("v", 1000, make([]float32, 300_000)), rows.Int64Column("id", make([]int64, 300))},
	} {
		t.Run(name, func(t *testing.T) {
			want := &milvuspb.InsertRequest{CollectionName: "c", PartitionName: "p", NumRows: 3, FieldsData: fields}
			wire, err := columns(fields).Marshal(&milvuspb.InsertRequest{CollectionName: "c", PartitionName: "p", NumRows: 3})
			if err != nil {
				t.Fatal(err)
			}
			var got milvuspb.InsertRequest
			if err := proto.Unmarshal(wire.Materialize(), &got); err != nil {
				t.Fatal(err)
			}
			if !proto.Equal(&got, want) {
				t.Errorf("insert of %d fields reads as %.500v", len(fields), &got)
			}
			wire, err = columns(fields).Marshal(&milvuspb.UpsertRequest{CollectionName: "c"})
			if err != nil {
				t.Fatal(err)
			}
			var upsert milvuspb.UpsertRequest
			if err := proto.Unmarshal(wire.Materialize(), &upsert); err != nil {
				t.Fatal(err)
			}
			if !proto.Equal(&upsert, &milvuspb.UpsertRequest{CollectionName: "c", FieldsData: fields}) {
				t.Errorf("upsert of %d fields reads as %.500v", len(fields), &upsert)
			}
		})
	}
}

// Vectors are not copied on their way to gRPC.
func TestVectorsAreSentFromWhereTheyLie(t *testing.T) {
	v := make([]float32, 128_000)
	fields := columns{rows.FloatVectorColumn("v", 128, v)}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 10 {
		if _, err := fields.Marshal(&milvuspb.InsertRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if allocated := (after.TotalAlloc - before.TotalAlloc) / 10; allocated > 16<<10 {
		t.Errorf("%d bytes are allocated for a request with %d bytes of vectors", allocated, 4*len(v))
	}
}
