package milvus

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"milvusdm/internal/rows"
)

// pieces cuts a message as a connection may.
func pieces(b []byte, size int) mem.BufferSlice {
	var out mem.BufferSlice
	for len(b) > 0 {
		n := min(size, len(b))
		out = append(out, mem.SliceBuffer(b[:n]), mem.SliceBuffer(nil))
		b = b[n:]
	}
	return out
}

func answers() map[string]*milvuspb.QueryResults {
	odd := rows.FloatVectorColumn("odd", 3, []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Copysign(0, -1)), 1, 2, 3})
	odd.FieldId, odd.ValidData, odd.IsDynamic = 7, []bool{true, false}, true
	newer := &schemapb.FieldData{Type: 999, FieldName: "newer"}
	newer.ProtoReflect().SetUnknown(protowire.AppendBytes(protowire.AppendTag(nil, 77, protowire.BytesType), []byte("values")))
	return map[string]*milvuspb.QueryResults{
		"empty":  {},
		"status": {Status: &commonpb.Status{Code: 65535, Reason: "no"}, CollectionName: "c"},
		"rows": {Status: &commonpb.Status{}, OutputFields: []string{"id", "v"}, PrimaryFieldName: "id", FieldsData: []*schemapb.FieldData{
			rows.Int64Column("id", []int64{1, -2}), rows.FloatVectorColumn("v", 2, []float32{1, 2, 3, 4}),
			rows.VarCharColumn("s", []string{"", "ü"}), rows.JSONColumn("$meta", [][]byte{[]byte("{}"), nil}), odd, newer,
			rows.BinaryVectorColumn("b", 8, []byte{1, 2}), rows.FloatVectorColumn("none", 2, nil)}},
		"large": {FieldsData: []*schemapb.FieldData{rows.FloatVectorColumn("v", 100, make([]float32, 100_000)), rows.Int64Column("id", make([]int64, 1000))}},
	}
}

func TestAnswersAreDecodedAsProtobufDoes(t *testing.T) {
	for name, want := range answers() {
		raw, err := proto.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		for _, size := range []int{1, 3, 1000, 1 << 20} {
			got, codec := &milvuspb.QueryResults{}, &answer{}
			if err := codec.Unmarshal(pieces(raw, size), got); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			// by their bytes, in which NaN equals itself
			again, err := proto.MarshalOptions{Deterministic: true}.Marshal(got)
			if expected, _ := (proto.MarshalOptions{Deterministic: true}).Marshal(want); err != nil || !bytes.Equal(again, expected) || codec.size != len(raw) {
				t.Errorf("%s in pieces of %d: %.300v, %v", name, size, got, err)
			}
		}
	}
}

func TestAnAnswerOfTooManyColumnsIsRefused(t *testing.T) {
	raw := bytes.Repeat([]byte{resultsFieldsData<<3 | 2, 0}, maxColumns+1)
	if err := decodeResults(pieces(raw, 1000), &milvuspb.QueryResults{}); err == nil {
		t.Error("it is taken")
	}
}

func FuzzAnswer(f *testing.F) {
	for _, a := range answers() {
		raw, err := proto.Marshal(a)
		if err != nil {
			f.Fatal(err)
		}
		if len(raw) < 10_000 {
			f.Add(raw, 5)
		}
	}
	vectors, err := proto.Marshal(&milvuspb.QueryResults{FieldsData: []*schemapb.FieldData{rows.FloatVectorColumn("v", 1, []float32{1})}})
	if err != nil {
		f.Fatal(err)
	}
	column := vectors[2:]
	twice := append(append([]byte{resultsFieldsData<<3 | 2, byte(2 * len(column))}, column...), column...)
	f.Add(twice, 2)
	f.Add([]byte{resultsFieldsData<<3 | 2, 0x80, 0x80, 0x80, 0x80, 0x08, 1}, 3)
	f.Fuzz(func(t *testing.T, raw []byte, size int) {
		var want, got milvuspb.QueryResults
		wantErr := proto.Unmarshal(raw, &want)
		err := decodeResults(pieces(raw, max(size, 1)), &got)
		if len(want.FieldsData) > maxColumns || errors.Is(err, errGroup) {
			return
		}
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("error %v, of protobuf %v", err, wantErr)
		}
		if err != nil {
			return
		}
		a, errA := proto.MarshalOptions{Deterministic: true}.Marshal(&got)
		b, errB := proto.MarshalOptions{Deterministic: true}.Marshal(&want)
		if (errA == nil) != (errB == nil) || !bytes.Equal(a, b) {
			t.Errorf("%v\n%v", &got, &want)
		}
	})
}
