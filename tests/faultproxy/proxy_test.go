package faultproxy_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

func TestForwardsMetadataBothWays(t *testing.T) {
	_, _, client := setup(t)
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "token", "dbname", "shop")
	var header, trailer metadata.MD
	if _, err := client.Flush(ctx, &milvuspb.FlushRequest{}, grpc.Header(&header), grpc.Trailer(&trailer)); err != nil {
		t.Fatal(err)
	}
	if got := header.Get("seen"); len(got) != 1 || got[0] != "[token] [shop]" {
		t.Errorf("the server saw %q", got)
	}
	if got := trailer.Get("last"); len(got) != 1 || got[0] != "word" {
		t.Errorf("trailer %q", trailer)
	}
	if got := header.Get("content-type"); len(got) != 1 || got[0] != "application/grpc" {
		t.Errorf("content type %q", got)
	}
}

func TestForwardsErrorsWithDetails(t *testing.T) {
	_, _, client := setup(t)
	_, err := client.LoadCollection(t.Context(), &milvuspb.LoadCollectionRequest{})
	s := status.Convert(err)
	if s.Code() != codes.FailedPrecondition || s.Message() != "no index" || len(s.Details()) != 1 {
		t.Fatalf("got %v with details %v", err, s.Details())
	}
	if info, ok := s.Details()[0].(*errdetails.ErrorInfo); !ok || info.Reason != "INDEX" {
		t.Errorf("details %v", s.Details())
	}
	if _, err := client.ShowCollections(t.Context(), &milvuspb.ShowCollectionsRequest{}); status.Code(err) != codes.Unimplemented {
		t.Errorf("a method that the server lacks: %v", err)
	}
}

func TestForwardsMethodsItDoesNotKnow(t *testing.T) {
	m, p, _ := setup(t)
	call := func(addr string) string {
		conn, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		err = conn.Invoke(t.Context(), "/other.Service/Do", &milvuspb.FlushRequest{}, &milvuspb.FlushResponse{})
		if err == nil || conn.Close() != nil {
			t.Fatal("the server has no such method")
		}
		return err.Error()
	}
	if direct, proxied := call(m.addr), call(p.Addr()); direct != proxied {
		t.Errorf("direct %q, through the proxy %q", direct, proxied)
	}
}

func TestForwardsLargeMessages(t *testing.T) {
	m, p, client := setup(t)
	insert := rows(0, 1)
	insert.FieldsData = append(insert.FieldsData, &schemapb.FieldData{Field: &schemapb.FieldData_Vectors{
		Vectors: &schemapb.VectorField{Data: &schemapb.VectorField_BinaryVector{BinaryVector: make([]byte, large)}}}})
	if _, err := client.Insert(t.Context(), insert); err != nil {
		t.Fatal(err)
	}
	if m.copies(0) != 1 || p.RowsSent() != 1 {
		t.Errorf("%d copies, %d rows sent", m.copies(0), p.RowsSent())
	}
	reply, err := client.Query(t.Context(), &milvuspb.QueryRequest{CollectionName: "large"})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(reply.GetFieldsData()[0].GetVectors().GetBinaryVector()); n != large {
		t.Errorf("%d bytes came back", n)
	}
}

func TestForwardsDeadlinesAndCancellation(t *testing.T) {
	m, p, client := setup(t)
	m.delay = 10 * time.Second
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := client.Insert(ctx, rows(0, 1)); status.Code(err) != codes.DeadlineExceeded {
		t.Fatalf("got %v", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.deadlines) != 1 || m.deadlines[0] > 200*time.Millisecond {
		t.Errorf("deadlines at the server: %v", m.deadlines)
	}
	eventually(t, "the write to end upstream", func() bool { return p.Writes()[0].Err != "" })
}

func TestUpstreamGoesAndComesBack(t *testing.T) {
	m, p, client := setup(t)
	if _, err := client.Insert(t.Context(), rows(0, 1)); err != nil {
		t.Fatal(err)
	}
	m.stop()
	for range 3 {
		if _, err := client.Insert(t.Context(), rows(1, 2)); status.Code(err) != codes.Unavailable {
			t.Fatalf("while the server is gone: %v", err)
		}
	}
	m.start(t)
	eventually(t, "an insert after the restart", func() bool {
		_, err := client.Insert(t.Context(), rows(1, 2))
		return err == nil
	})
	if m.copies(1) != 1 {
		t.Errorf("%d copies", m.copies(1))
	}
	if w := p.Writes()[3]; !w.Forwarded.IsZero() || w.Err == "" {
		t.Errorf("a write to a server that is known to be gone: %+v", w)
	}
}

func TestUpstreamDiesDuringACall(t *testing.T) {
	m, p, client := setup(t)
	m.delay = time.Minute
	go func() {
		eventually(t, "the write to be forwarded", func() bool { return p.RowsSent() == 1 })
		m.stop()
	}()
	if _, err := client.Insert(t.Context(), rows(0, 1)); status.Code(err) != codes.Unavailable {
		t.Fatalf("got %v", err)
	}
}

func TestCloseEndsHeldCalls(t *testing.T) {
	m := startMilvus(t)
	p := newProxy(t, m.addr)
	held := p.Hold(anyInsert)
	failed := make(chan error, 1)
	client := dial(t, p.Addr())
	go func() {
		_, err := client.Insert(t.Context(), rows(0, 1))
		failed <- err
	}()
	<-held.Arrived()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err == nil || m.copies(0) != 0 {
		t.Errorf("the client got %v; %d copies", err, m.copies(0))
	}
	if err := held.Release(t.Context()); err == nil || !strings.Contains(err.Error(), "not forwarded") {
		t.Errorf("release after the end: %v", err)
	}
}

// eventually waits up to 10 s for cond.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Errorf("waited 10 s for %s", what)
			return
		}
	}
}
