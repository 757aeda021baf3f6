package milvus

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"milvusdm/internal/fault"
	"milvusdm/internal/transfer"
)

// TestAnswersOfMilvus has each answer as Milvus 2.3.5 gave it (code, words), its kind, and a part of what the user is told to do.
func TestAnswersOfMilvus(t *testing.T) {
	for _, c := range []struct {
		code   int32
		words  string
		kind   fault.Kind
		advice string
	}{
		{65535, "maximum shards's number should be limited to 4", fault.Config, "proxy.maxShardNum"},
		{65535, "partition number (9) exceeds max configuration (8), collection: parts", fault.Conflict, "rootCoord.maxPartitionNum"},
		{65535, "maximum field's number should be limited to 64", fault.Unsupported, "proxy.maxFieldNum"},
		{65535, "multiple vector fields is not supported, fields name: v0, v1", fault.Unsupported, "fields"},
		{65535, "invalid dimension: 40000. should be in range 1 ~ 32768", fault.Unsupported, ""},
		{1100, "the maximum length specified for a VarChar should be in (0, 65535]: invalid parameter", fault.Config, ""},
		{1701, "Invalid field name: f-0.", fault.Config, "rename_fields"},
		{65535, "Invalid partition name: bad-p. Partition name can only contain numbers, letters and underscores.", fault.Config, "rename_partitions"},
		{65535, "invalid index type: GPU_CAGRA", fault.Config, "index"},
		{65535, "index type not supported[indexType=DISKANN]", fault.Config, "index"},
		{65535, "M out of range: [1, 2048]", fault.Config, "index.params"},
		{65535, "metric type not found or not supported, supported: [L2 IP COSINE HAMMING JACCARD]", fault.Config, "index"},
		{700, "index not found[collection=a]", fault.NotFound, ""},
		{65535, "nodes not enough", fault.Conflict, "query nodes"},
		{65535, "create duplicate collection with different parameters, collection: a", fault.Conflict, ""},
		{102, "max number of collection has reached the limit in DB: exceeded the limit number of collections[limit=6]", fault.Conflict, "maxCollectionNumPerDB"},
		{1601, "alias and collection name conflict[database=default][alias=b]", fault.Conflict, "rename"},
		{65535, "duplicated new collection name default:b with other collection name or alias", fault.Conflict, ""},
		{100, "can't find collection collection not found[database=default][collection=zzz]", fault.NotFound, ""},
		{802, "invalid database name[database=b-b]", fault.Config, "another database"},
		{801, "exceeded the limit number of database[limit=2]", fault.Conflict, "rootCoord.maxDatabaseNum"},
		{65535, "value 'NaN' is not a number or infinity", fault.Unsupported, ""},
		{65535, "cannot parse expression: idd >= 0, error: field idd not exist", fault.Config, ""},
		{8, "request is rejected by grpc RateLimiter middleware, please retry later: rate limit exceeded[rate=1]", fault.Throttled, ""},
		{9, "quota exceeded[reason=the writing has been deactivated by the administrator]", fault.Throttled, ""},
		{3, "memory limit exceeded", fault.Throttled, ""},
		{7, "disk limit exceeded", fault.Throttled, ""},
		{1, "service not ready", fault.Unavailable, ""},
		{2, "service unavailable", fault.Unavailable, ""},
		{1400, "not authenticated", fault.Denied, ""},
		{1401, "privilege not permitted", fault.Denied, ""},
		{65535, "segment 12 has moved", fault.Internal, ""},
	} {
		err := wrap(wrap(check(&commonpb.Status{ErrorCode: commonpb.ErrorCode_UnexpectedError, Code: c.code, Reason: c.words}, nil), "in"), "out")
		if got := fault.KindOf(err); got != c.kind {
			t.Errorf("%d %s: %s, want %s", c.code, c.words, got, c.kind)
		}
		text := err.Error()
		if !strings.Contains(text, c.words) || !strings.Contains(strings.TrimPrefix(text, "out: in: "+c.words), c.advice) {
			t.Errorf("%d: %q lacks the server's words, or %q", c.code, text, c.advice)
		}
		if c.advice != "" && strings.Count(text, "; ") != 1+strings.Count(c.words, "; ") {
			t.Errorf("advised more than once: %s", text)
		}
	}
}

// TestDocumentedAnswers: docs/milvus.md has every row of the table.
func TestDocumentedAnswers(t *testing.T) {
	text, err := os.ReadFile("../../docs/milvus.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range refusals {
		want := "`" + r.words + "`"
		if r.code != 0 {
			want = fmt.Sprintf("%d ", r.code)
		}
		if !strings.Contains(string(text), want) {
			t.Errorf("docs/milvus.md does not have %s", want)
		}
	}
	for code := range httpKinds {
		if !strings.Contains(string(text), fmt.Sprint(code)) {
			t.Errorf("docs/milvus.md does not have HTTP %d", code)
		}
	}
}

func TestOnlyAnswersAboutTheRequestArePermanent(t *testing.T) {
	answer := func(words string) error {
		return check(&commonpb.Status{ErrorCode: commonpb.ErrorCode_UnexpectedError, Code: 65535, Reason: words}, nil)
	}
	for _, c := range []struct {
		err  error
		want bool
	}{
		{answer("this schema is strange"), true},
		{answer("context deadline exceeded"), false},
		{answer("rpc error: code = Unavailable desc = x"), false},
		{answer("node offline"), false},
		{status.Error(codes.Internal, "broken stream"), false},
		{errNoStatus, false},
		{nil, false},
	} {
		if got := permanent(c.err); got != c.want {
			t.Errorf("%v: permanent is %v", c.err, got)
		}
	}
}

// TestAnswersOfAnIngress has a web server answer a gRPC call with each HTTP status.
func TestAnswersOfAnIngress(t *testing.T) {
	var code int
	protocols := &http.Protocols{}
	protocols.SetUnencryptedHTTP2(true)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Protocols: protocols, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(code)
		_, _ = fmt.Fprint(w, "<html></html>")
	})}
	go func() { _ = server.Serve(l) }() // until it is closed
	t.Cleanup(func() { _ = server.Close() })
	cc, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cc.Close() })
	for _, c := range []struct {
		code   int
		kind   fault.Kind
		advice string
	}{
		{413, fault.Config, "batch_bytes"}, {429, fault.Throttled, ""}, {502, fault.Unavailable, ""}, {503, fault.Unavailable, ""}, {504, fault.Unavailable, ""},
		{401, fault.Denied, "credentials"}, {403, fault.Denied, "forbids"}, {404, fault.Config, "web server"}, {200, fault.Config, "web server"},
		{500, fault.Unavailable, ""}, {405, fault.Config, ""},
	} {
		code = c.code
		_, err := milvuspb.NewMilvusServiceClient(cc).Insert(context.Background(), &milvuspb.InsertRequest{})
		if isTooLarge(err) != (c.code == 413) {
			t.Errorf("HTTP %d is too large: %v", c.code, isTooLarge(err))
		}
		err = wrap(err, "insert")
		if fault.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.advice) {
			t.Errorf("HTTP %d: %s %v, want %s and %q", c.code, fault.KindOf(err), err, c.kind, c.advice)
		}
	}
}

// limited answers the first calls of a method with a refusal for load.
func limited(method string, times int, st *commonpb.Status) func(string) (proto.Message, error) {
	return func(called string) (proto.Message, error) {
		if called != method || times == 0 {
			return nil, nil
		}
		times--
		return st, nil
	}
}

func TestRateLimitIsWaitedFor(t *testing.T) {
	r := startRecorder(t)
	c := recorded(t, r, "")
	var said []string
	c.quota.onWait(func(s string) { said = append(said, s) })
	r.answer = limited("CreatePartition", 3, &commonpb.Status{Code: 8, Reason: "rate limit exceeded[rate=1]"})
	st, err := c.raw.CreatePartition(context.Background(), &milvuspb.CreatePartitionRequest{})
	if err := check(st, err); err != nil {
		t.Fatal(err)
	}
	if len(said) != 3 || !strings.Contains(said[0], "Milvus limits the rate of calls: CreatePartition: rate limit exceeded[rate=1]") {
		t.Errorf("%q", said)
	}
	if n := len(r.requests("CreatePartition")); n != 4 {
		t.Errorf("%d calls", n)
	}
}

func TestDeniedWritesEndAfterGiveUp(t *testing.T) {
	r := startRecorder(t)
	c := recorded(t, r, "")
	c.quota.giveUp = 500 * time.Millisecond
	said := ""
	c.quota.onWait(func(s string) { said = s })
	r.answer = limited("DropPartition", -1, &commonpb.Status{Code: 9, Reason: "deactivated by the administrator"})
	begin := time.Now()
	_, err := c.raw.DropPartition(context.Background(), &milvuspb.DropPartitionRequest{})
	if fault.KindOf(wrap(err, "drop")) != fault.Throttled || !strings.Contains(err.Error(), "gave up after") {
		t.Errorf("%v", err)
	}
	if d := time.Since(begin); d > 5*time.Second {
		t.Errorf("took %v", d)
	}
	if !strings.HasPrefix(said, "Milvus denies writes: ") {
		t.Errorf("said %q", said)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.quota.giveUp = 0
	c.quota.onWait(func(string) { cancel() })
	if _, err := c.raw.DropPartition(ctx, &milvuspb.DropPartitionRequest{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled call: %v", err)
	}
}

func TestRefusedIndexIsTheJobsMistake(t *testing.T) {
	ix := transfer.FieldIndex{Field: "v", Params: map[string]string{indexType: "NOPE"}}
	if err := refused(nil, ix); err != nil {
		t.Error(err)
	}
	answer := check(&commonpb.Status{ErrorCode: commonpb.ErrorCode_UnexpectedError, Code: 65535, Reason: "invalid index type: NOPE"}, nil)
	if err := refused(answer, ix); fault.KindOf(err) != fault.Config || !strings.Contains(err.Error(), "target.milvus.index") {
		t.Error(err)
	}
}
