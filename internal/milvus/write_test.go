package milvus

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// smallServer takes messages of at most some bytes.
type smallServer struct {
	milvuspb.MilvusServiceClient
	limit   int
	ingress bool // it is a web server in front that does not take more
	got     []*milvuspb.InsertRequest
}

func (s *smallServer) Insert(_ context.Context, in *milvuspb.InsertRequest, opts ...grpc.CallOption) (*milvuspb.MutationResult, error) {
	codec := opts[0].(grpc.ForceCodecV2CallOption).CodecV2
	wire, err := codec.Marshal(in)
	if err != nil {
		return nil, err
	}
	if wire.Len() > s.limit {
		if s.ingress {
			return nil, status.Error(codes.Unknown, "unexpected HTTP status code received from server: 413 (Request Entity Too Large); "+
				`transport: received unexpected content-type "text/html"`)
		}
		return nil, status.Errorf(codes.ResourceExhausted, "grpc: received message larger than max (%d vs. %d)", wire.Len(), s.limit)
	}
	var req milvuspb.InsertRequest
	if err := proto.Unmarshal(wire.Materialize(), &req); err != nil {
		return nil, err
	}
	s.got = append(s.got, &req)
	return &milvuspb.MutationResult{Status: &commonpb.Status{}, InsertCnt: int64(in.GetNumRows())}, nil
}

func writerTo(s milvuspb.MilvusServiceClient, schema ...*schemapb.FieldSchema) *writer {
	return &writer{sink: &sink{conn: conn{raw: s, quota: &quota{}, throttle: &throttle{running: map[string]int{}}}, copy: job.Copy{WriteTimeout: time.Minute}}, insert: true, report: func(string) {},
		target: &transfer.Target{Name: "c", Plan: transfer.TargetPlan{Schema: rows.Schema{CollectionSchema: &schemapb.CollectionSchema{Fields: schema}}}}}
}

func TestBatchIsHalvedUntilItFits(t *testing.T) {
	for _, ingress := range []bool{false, true} {
		t.Run(map[bool]string{false: "Milvus", true: "an ingress"}[ingress], func(t *testing.T) { testHalves(t, &smallServer{limit: 3000, ingress: ingress}) })
	}
}

func testHalves(t *testing.T, s *smallServer) {
	const total = 1000
	ids, texts := make([]int64, total), make([]string, total)
	for i := range ids {
		ids[i], texts[i] = int64(i), fmt.Sprint("row ", i)
	}
	b := &rows.Batch{Rows: total, Fields: []*schemapb.FieldData{rows.Int64Column("id", ids), rows.VarCharColumn("text", texts), rows.FloatVectorColumn("v", 2, make([]float32, 2*total))}}
	if err := writerTo(s).Write(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	var got []int64
	for _, r := range s.got {
		f := (&rows.Batch{Fields: r.FieldsData}).Field
		part := f("id").GetScalars().GetLongData().GetData()
		if len(part) != int(r.NumRows) || len(f("text").GetScalars().GetStringData().GetData()) != len(part) || len(f("v").GetVectors().GetFloatVector().GetData()) != 2*len(part) {
			t.Errorf("%d rows: %v", r.NumRows, r)
		}
		got = append(got, part...)
	}
	if !slices.Equal(got, ids) || len(s.got) < 8 {
		t.Errorf("%d rows in %d messages", len(got), len(s.got))
	}
	s.limit = 50
	err := writerTo(s).Write(context.Background(), b)
	if fault.KindOf(err) != fault.Config || s.ingress && !strings.Contains(err.Error(), "batch_bytes") {
		t.Errorf("a row that does not fit: %v", err)
	}
}

// unknownColumn is one of a type that a later Milvus has.
func unknownColumn(name string, size int) *schemapb.FieldData {
	f := &schemapb.FieldData{FieldName: name, Type: 77, FieldId: 104}
	f.ProtoReflect().SetUnknown(protowire.AppendBytes(protowire.AppendTag(nil, 50, protowire.BytesType), make([]byte, size)))
	return f
}

func TestUnknownTypePassesWholeOrNotAtAll(t *testing.T) {
	unknown := unknownColumn("x", 2000)
	b := &rows.Batch{Rows: 3, Fields: []*schemapb.FieldData{rows.Int64Column("id", []int64{1, 2, 3}), unknown}}
	s := &smallServer{limit: 3000}
	if err := writerTo(s).Write(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	got := s.got[0].FieldsData[1]
	if !slices.Equal(got.ProtoReflect().GetUnknown(), unknown.ProtoReflect().GetUnknown()) || got.Type != 77 || got.FieldId != 0 {
		t.Errorf("%.200v", got)
	}
	s.limit = 1000
	if err := writerTo(s).Write(context.Background(), b); fault.KindOf(err) != fault.Config || len(s.got) != 1 {
		t.Errorf("%v, %d messages", err, len(s.got))
	}
}

// What Query answers with is what Insert takes, when nulls are left out and no field is numbered.
func TestNullsAreLeftOut(t *testing.T) {
	nullable := func(f *schemapb.FieldSchema) *schemapb.FieldSchema { f.Nullable = true; return f }
	withDefault := &schemapb.FieldSchema{Name: "d", DataType: schemapb.DataType_Int32, DefaultValue: &schemapb.ValueField{Data: &schemapb.ValueField_IntData{IntData: 7}}}
	schema := []*schemapb.FieldSchema{rows.KeyField("id"), nullable(rows.VarCharField("some", 9)), nullable(rows.VarCharField("all", 9)), nullable(rows.VarCharField("none", 9)),
		withDefault, rows.VarCharField("plain", 9), nullable(rows.VectorField("v", schemapb.DataType_FloatVector, 2))}
	valid := func(f *schemapb.FieldData, v ...bool) *schemapb.FieldData { f.ValidData = v; return f }
	id := rows.Int64Column("id", []int64{1, 2, 3})
	id.FieldId = 100
	b := &rows.Batch{Rows: 3, Fields: []*schemapb.FieldData{id,
		valid(rows.VarCharColumn("some", []string{"a", "", "c"}), true, false, true),
		rows.VarCharColumn("all", []string{"a", "b", "c"}),
		valid(rows.VarCharColumn("none", []string{"", "", ""}), false, false, false),
		rows.Int32Column("d", schemapb.DataType_Int32, []int32{1, 2, 3}),
		valid(rows.VarCharColumn("plain", []string{"a", "b", "c"}), true, true, true),
		valid(rows.FloatVectorColumn("v", 2, []float32{0, 0, 1, 2, 3, 4}), false, true, true)}}
	before := proto.Clone(&milvuspb.InsertRequest{FieldsData: b.Fields})
	s := &smallServer{limit: 1 << 20}
	if err := writerTo(s, schema...).Write(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	want := &milvuspb.InsertRequest{CollectionName: "c", NumRows: 3, FieldsData: []*schemapb.FieldData{
		rows.Int64Column("id", []int64{1, 2, 3}),
		valid(rows.VarCharColumn("some", []string{"a", "c"}), true, false, true),
		valid(rows.VarCharColumn("all", []string{"a", "b", "c"}), true, true, true),
		valid(rows.VarCharColumn("none", nil), false, false, false),
		valid(rows.Int32Column("d", schemapb.DataType_Int32, []int32{1, 2, 3}), true, true, true),
		rows.VarCharColumn("plain", []string{"a", "b", "c"}),
		valid(rows.FloatVectorColumn("v", 2, []float32{1, 2, 3, 4}), false, true, true)}}
	if diff := cmp.Diff(want, s.got[0], protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	if !proto.Equal(before, &milvuspb.InsertRequest{FieldsData: b.Fields}) {
		t.Error("the batch was changed")
	}
	b.Fields[5].ValidData[1] = false
	if err := writerTo(s, schema...).Write(context.Background(), b); fault.KindOf(err) != fault.Internal {
		t.Errorf("a null in a field that takes none: %v", err)
	}
}

// Spans are the valid rows, and selecting them is what picking one by one is.
func TestSpansAreTheValidRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		valid := rapid.SliceOfN(rapid.Bool(), 1, 50).Draw(t, "valid")
		v := make([]float32, 3*len(valid))
		var want []float32
		for i := range v {
			v[i] = float32(i)
			if valid[i/3] {
				want = append(want, v[i])
			}
		}
		got, err := selectRows(rows.FloatVectorColumn("v", 3, v), spansOf(valid))
		if err != nil || !slices.Equal(got.GetVectors().GetFloatVector().GetData(), want) {
			t.Errorf("%v: %v, %v", valid, got, err)
		}
	})
}

func TestColumnThatIsTooShortIsNoPanic(t *testing.T) {
	short := rows.Int64Column("id", []int64{1})
	if _, err := selectRows(short, []span{{0, 2}}); err == nil {
		t.Error("row 1 of 1 was found")
	}
	if _, err := selectRows(&schemapb.FieldData{FieldName: "v", Field: &schemapb.FieldData_Vectors{Vectors: &schemapb.VectorField{Data: &schemapb.VectorField_BinaryVector{BinaryVector: []byte{1}}}}}, []span{{0, 1}}); err == nil {
		t.Error("a vector without a dimension was found")
	}
}
