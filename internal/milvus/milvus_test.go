package milvus

import (
	"errors"
	"strings"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

func TestOneCollectionHasOneLock(t *testing.T) {
	const want = "target/127.0.0.1:19530/default/c"
	for _, address := range []string{"127.0.0.1:19530", "localhost:19530", "LOCALHOST", "tcp://localhost:19530", "tcp://127.0.0.1", "http://localhost:19530/", "[::1]:19530"} {
		if got := lockID(address, "default", "c"); got != want {
			t.Errorf("%s: %s", address, got)
		}
	}
	for address, want := range map[string]string{"https://milvus.example": "target/milvus.example:443/db/c", "milvus.example:1": "target/milvus.example:1/db/c"} {
		if got := lockID(address, "db", "c"); got != want {
			t.Errorf("%s: %s", address, got)
		}
	}
}

func TestIndexIsCompleted(t *testing.T) {
	float := rows.VectorField("v", schemapb.DataType_FloatVector, 8)
	binary := rows.VectorField("v", schemapb.DataType_BinaryVector, 8)
	cases := []struct {
		field        *schemapb.FieldSchema
		wish         job.Index
		source       string
		kind, metric string
		fails        string
	}{
		{float, job.Index{}, "", "HNSW", "L2", ""},
		{float, job.Index{}, "IP", "HNSW", "IP", ""},
		{float, job.Index{Metric: "cosine", Type: "FLAT"}, "IP", "FLAT", "COSINE", ""},
		{binary, job.Index{}, "", "BIN_FLAT", "HAMMING", ""},
		{binary, job.Index{Metric: "L2"}, "", "", "", "write HAMMING or JACCARD"},
		{float, job.Index{Metric: "HAMMING"}, "", "", "", "write L2, IP or COSINE"},
	}
	for _, c := range cases {
		got, err := chooseIndex(c.field, c.wish, c.source)
		switch {
		case c.fails != "":
			if err == nil || !strings.Contains(err.Error(), c.fails) || fault.KindOf(err) != fault.Config {
				t.Errorf("%v %+v: %v", c.field.DataType, c.wish, err)
			}
		case err != nil || got.Type != c.kind || got.Metric != c.metric:
			t.Errorf("%v %+v %s: %+v, %v", c.field.DataType, c.wish, c.source, got, err)
		}
	}
	wish := job.Index{Type: "HNSW", Params: map[string]string{"M": "8"}}
	got, err := chooseIndex(float, wish, "")
	if err != nil || got.Params["M"] != "8" || got.Params["efConstruction"] == "" || len(wish.Params) != 1 {
		t.Errorf("%+v, %v (the job's own parameters: %v)", got, err, wish.Params)
	}
}

func TestEveryDifferenceOfSchemasIsNamed(t *testing.T) {
	from := rows.Schema{CollectionSchema: &schemapb.CollectionSchema{Fields: []*schemapb.FieldSchema{
		rows.KeyField("id"), rows.VectorField("embedding", schemapb.DataType_FloatVector, 8), rows.VarCharField("name", 100)}}}
	same := &collection{Name: "c", Schema: from}
	if notes, err := fits(from, same, "2.3.5"); err != nil || len(notes) > 0 {
		t.Errorf("the same schema: %v, %v", notes, err)
	}
	auto := rows.KeyField("id")
	auto.AutoID = true
	other := &collection{Name: "c", Schema: rows.Schema{CollectionSchema: &schemapb.CollectionSchema{Fields: []*schemapb.FieldSchema{
		auto, rows.VectorField("embedding", schemapb.DataType_FloatVector, 9), rows.VarCharField("title", 100)}}}}
	_, err := fits(from, other, "2.3.5")
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{`"id" is made by the server (autoID)`, `"embedding" has dimension 9, the source's has 8`, `"name" (VarChar) is not there`, `its field "title" (VarChar) is not in the source`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
}

func TestOldServersAreLeftNoFieldToFillIn(t *testing.T) {
	from := rows.Schema{CollectionSchema: &schemapb.CollectionSchema{Fields: []*schemapb.FieldSchema{rows.KeyField("id")}}}
	optional := rows.VarCharField("name", 100)
	optional.DefaultValue = &schemapb.ValueField{Data: &schemapb.ValueField_StringData{StringData: "?"}}
	into := &collection{Name: "c", Schema: rows.Schema{CollectionSchema: &schemapb.CollectionSchema{Fields: []*schemapb.FieldSchema{rows.KeyField("id"), optional}}}}
	for version, ok := range map[string]bool{"v2.3.5-lite": false, "2.4.15": false, "2.5.0": true, "my own": true} {
		if _, err := fits(from, into, version); (err == nil) != ok {
			t.Errorf("%s: %v", version, err)
		}
	}
}

func TestServersAnswersHaveAKind(t *testing.T) {
	cases := []struct {
		status *commonpb.Status
		err    error
		want   fault.Kind
	}{
		{nil, status.Error(codes.Unavailable, "connection refused"), fault.Unavailable},
		{nil, status.Error(codes.DeadlineExceeded, "deadline"), fault.Unavailable},
		{nil, status.Error(codes.Unauthenticated, "auth"), fault.Denied},
		{nil, status.Error(codes.ResourceExhausted, "quota"), fault.Throttled},
		{nil, status.Error(codes.ResourceExhausted, "grpc: received message larger than max (70000000 vs. 67108864)"), fault.Config},
		{&commonpb.Status{ErrorCode: commonpb.ErrorCode_RateLimit, Reason: "request is rejected"}, nil, fault.Throttled},
		{&commonpb.Status{ErrorCode: commonpb.ErrorCode_UnexpectedError, Code: 8, Reason: "rate limit"}, nil, fault.Throttled},
		{&commonpb.Status{ErrorCode: commonpb.ErrorCode_UnexpectedError, Code: 100, Reason: "gone"}, nil, fault.NotFound},
		{&commonpb.Status{ErrorCode: commonpb.ErrorCode_UnexpectedError, Code: 1, Reason: "not ready"}, nil, fault.Unavailable},
		{&commonpb.Status{ErrorCode: commonpb.ErrorCode_UnexpectedError, Code: 1100, Reason: "bad"}, nil, fault.Config},
		{&commonpb.Status{ErrorCode: commonpb.ErrorCode_UnexpectedError, Reason: "who knows"}, nil, fault.Internal},
		{nil, nil, fault.Internal}, // an answer without a status
	}
	for _, c := range cases {
		err := wrap(check(c.status, c.err), "x")
		if err == nil || fault.KindOf(err) != c.want {
			t.Errorf("%v, %v: %v, a %s", c.status, c.err, err, fault.KindOf(err))
		}
	}
	if err := check(&commonpb.Status{}, nil); err != nil {
		t.Error(err)
	}
}

func TestOnlyWholeBatchesAreAcknowledged(t *testing.T) {
	good := &milvuspb.MutationResult{InsertCnt: 5, UpsertCnt: 7}
	if acknowledged(good, 5, true) != nil || acknowledged(good, 7, false) != nil {
		t.Error("a whole batch is not")
	}
	bad := []*milvuspb.MutationResult{{InsertCnt: 4}, {InsertCnt: 5, ErrIndex: []uint32{2}}, {UpsertCnt: 5}, {}}
	for _, r := range bad {
		if acknowledged(r, 5, true) == nil {
			t.Errorf("%v is", r)
		}
	}
}

func TestOldServersAreRefused(t *testing.T) {
	for version, ok := range map[string]bool{"v2.3.5-lite": true, "2.6.4": true, "3.0": true, "my build": true, "v2.2.16": false, "1.1.1": false} {
		err := supported(version)
		if (err == nil) != ok || !ok && fault.KindOf(err) != fault.Unsupported {
			t.Errorf("%s: %v", version, err)
		}
	}
}

func TestStagingNameFits(t *testing.T) {
	long := strings.Repeat("x", maxName)
	if got := stagingName(long, "0123abcd"); len(got) != maxName-len(replaced) || !strings.HasSuffix(got, "__mdm_0123abcd") {
		t.Errorf("%d bytes: %s", len(got), got)
	}
	if other := long[1:] + "y"; stagingName(long, "0123abcd") == stagingName(other, "0123abcd") {
		t.Error("two collections have one staging collection")
	}
}

func TestConnectKindTellsRefusals(t *testing.T) {
	if connectKind(errors.New("connect fail, auth check failure, please check username")) != fault.Denied ||
		connectKind(errors.New("connection refused")) != fault.Unavailable {
		t.Error("wrong kind")
	}
}

func TestSourceWithoutVectorsIsRefused(t *testing.T) {
	s := &sink{}
	structs := []*schemapb.StructArrayFieldSchema{{Name: "s"}}
	for _, from := range []*transfer.Description{
		{Schema: rows.Schema{CollectionSchema: &schemapb.CollectionSchema{StructArrayFields: structs}}},
		{Schema: rows.Schema{CollectionSchema: &schemapb.CollectionSchema{}}, Settings: &transfer.Settings{}},
	} {
		if err := s.planVectors(&transfer.TargetPlan{}, from); fault.KindOf(err) != fault.Unsupported {
			t.Errorf("%v: %v", from, err)
		}
	}
}
