package faultproxy_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"milvusdm/tests/faultproxy"
)

var anyInsert = faultproxy.Rule{Method: "Insert"}

func newProxy(t *testing.T, upstream string) *faultproxy.Proxy {
	t.Helper()
	p, err := faultproxy.New(upstream)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// At each moment the server and the client know what the moment's name says, and no more.
func TestMoments(t *testing.T) {
	for _, tc := range []struct {
		when            faultproxy.Moment
		server, replied bool // the server has the row; its answer is known
	}{
		{faultproxy.BeforeSend, false, false},
		{faultproxy.Sent, true, false},
		{faultproxy.Replied, true, true},
		{faultproxy.Answered, true, true},
	} {
		t.Run(tc.when.String(), func(t *testing.T) {
			m, p, client := setup(t)
			answered := make(chan struct{})
			hook := p.On(faultproxy.Rule{Method: "Insert", When: tc.when, Do: func(c *faultproxy.Call) error {
				if tc.when == faultproxy.Answered {
					<-answered
				} else {
					time.Sleep(100 * time.Millisecond)
					select {
					case <-answered:
						t.Error("the client has its answer already")
					default:
					}
				}
				if got := m.copies(7) == 1; got != tc.server {
					t.Errorf("the server has the row: %v", got)
				}
				if r, ok := c.Reply().(*milvuspb.MutationResult); ok != tc.replied || ok && r.GetInsertCnt() != 1 {
					t.Errorf("the server's answer: %v", r)
				}
				return nil
			}})
			if _, err := client.Insert(t.Context(), rows(7, 8)); err != nil {
				t.Fatal(err)
			}
			close(answered)
			<-hook.Fired()
			if m.copies(7) != 1 {
				t.Errorf("%d copies", m.copies(7))
			}
		})
	}
}

func TestPicksCalls(t *testing.T) {
	_, p, client := setup(t)
	var mu sync.Mutex
	fired := map[string][]string{}
	note := func(name string) func(*faultproxy.Call) error {
		return func(c *faultproxy.Call) error {
			mu.Lock()
			defer mu.Unlock()
			fired[name] = append(fired[name], c.Method+" "+c.Collection)
			return nil
		}
	}
	p.On(faultproxy.Rule{Do: note("every")})
	p.On(faultproxy.Rule{Method: faultproxy.AnyWrite, Nth: 2, Do: note("second write")})
	p.On(faultproxy.Rule{Do: note("fiction"), Match: func(c *faultproxy.Call) bool { return c.Collection == "fiction" }})
	p.On(faultproxy.Rule{Do: note("count"), Match: faultproxy.IsCount})
	p.On(faultproxy.Rule{Do: note("removed")}).Remove()

	for _, collection := range []string{"books", "fiction", "fiction"} {
		if _, err := client.Insert(t.Context(), &milvuspb.InsertRequest{CollectionName: collection}); err != nil {
			t.Fatal(err)
		}
	}
	for _, field := range []string{"count(*)", "id"} {
		if _, err := client.Query(t.Context(), &milvuspb.QueryRequest{CollectionName: field, OutputFields: []string{field}}); err != nil {
			t.Fatal(err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	for name, want := range map[string]int{"every": 5, "second write": 1, "fiction": 2, "count": 1, "removed": 0} {
		if len(fired[name]) != want {
			t.Errorf("rule %q acted on %q, want %d calls", name, fired[name], want)
		}
	}
	if got := fired["second write"]; len(got) == 1 && got[0] != "Insert fiction" {
		t.Errorf("the second write: %q", got)
	}
	if p.Calls("Insert") != 3 || p.Calls("Query") != 2 || p.Calls("Upsert") != 0 {
		t.Errorf("counted %d inserts, %d queries, %d upserts", p.Calls("Insert"), p.Calls("Query"), p.Calls("Upsert"))
	}
}

// An answer that is lost leaves the row written; a call that is refused leaves nothing.
func TestErrorsOfDo(t *testing.T) {
	for _, tc := range []struct {
		name   string
		when   faultproxy.Moment
		do     func(*faultproxy.Call) error
		want   codes.Code
		copies int
	}{
		{"refused before the send", faultproxy.BeforeSend, faultproxy.Lost, codes.Unavailable, 0},
		{"lost when sent", faultproxy.Sent, faultproxy.Lost, codes.Unavailable, 1},
		{"lost when replied", faultproxy.Replied, faultproxy.Lost, codes.Unavailable, 1},
		{"connection reset", faultproxy.Replied, faultproxy.Reset, codes.Unavailable, 1},
		{"connection reset when answered", faultproxy.Answered, faultproxy.Reset, codes.OK, 1},
		{"error of choice", faultproxy.BeforeSend, faultproxy.Fail(codes.Aborted, "no"), codes.Aborted, 0},
		{"too large", faultproxy.BeforeSend, faultproxy.TooLarge, codes.ResourceExhausted, 0},
		{"delayed", faultproxy.BeforeSend, faultproxy.Delay(50 * time.Millisecond), codes.OK, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m, p, client := setup(t)
			hook := p.On(faultproxy.Rule{Method: "Insert", Nth: 1, When: tc.when, Do: tc.do})
			start := time.Now()
			_, err := client.Insert(t.Context(), rows(0, 1))
			if status.Code(err) != tc.want {
				t.Errorf("the client got %v", err)
			}
			if tc.name == "delayed" && time.Since(start) < 50*time.Millisecond {
				t.Errorf("answered after %v", time.Since(start))
			}
			<-hook.Fired()
			eventually(t, "the server to do it", func() bool { return m.copies(0) == tc.copies })
			eventually(t, "a call to succeed", func() bool { // the client may not know yet that it must connect again
				_, err := client.Insert(t.Context(), rows(1, 2))
				return err == nil
			})
		})
	}
}

func TestRefusalsAreMilvusStatuses(t *testing.T) {
	m, p, client := setup(t)
	p.On(faultproxy.Rule{Method: "Insert", Do: faultproxy.RateLimited})
	result, err := client.Insert(t.Context(), rows(0, 1))
	if err != nil || result.GetStatus().GetErrorCode() != commonpb.ErrorCode_RateLimit || m.copies(0) != 0 {
		t.Errorf("got %v, %v; %d copies", result, err, m.copies(0))
	}
	p.On(faultproxy.Rule{Method: "CreateCollection", Do: faultproxy.Refuse(&commonpb.Status{Code: 5, Reason: "full"})})
	s, err := client.CreateCollection(t.Context(), &milvuspb.CreateCollectionRequest{})
	if err != nil || s.GetCode() != 5 || s.GetReason() != "full" {
		t.Errorf("got %v, %v", s, err)
	}
}

// A write held back arrives after its client has given up, and after a later write of the same rows.
func TestLateWrite(t *testing.T) {
	m, p, client := setup(t)
	held := p.Hold(anyInsert)
	ctx, giveUp := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer giveUp()
	if _, err := client.Insert(ctx, rows(0, 1)); status.Code(err) != codes.DeadlineExceeded {
		t.Fatalf("the client of the held write got %v", err)
	}
	if _, err := client.Insert(t.Context(), rows(0, 1)); err != nil || m.copies(0) != 1 {
		t.Fatalf("the write after it: %v; %d copies", err, m.copies(0))
	}
	if err := held.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if m.copies(0) != 2 || p.RowsSentAgain() != 1 {
		t.Errorf("%d copies, %d rows sent again", m.copies(0), p.RowsSentAgain())
	}
	if w := p.Writes(); !w[0].Answered.IsZero() || w[0].Acknowledged.IsZero() {
		t.Errorf("the held write: %+v", w[0])
	}
}

func TestHeldWriteTellsTheClientAtOnce(t *testing.T) {
	m, p, client := setup(t)
	held := p.Hold(faultproxy.Rule{Method: "Insert", Do: faultproxy.Lost})
	if _, err := client.Insert(t.Context(), rows(0, 1)); status.Code(err) != codes.Unavailable {
		t.Fatalf("the client got %v", err)
	}
	if m.copies(0) != 0 {
		t.Fatal("the held write has arrived")
	}
	if err := held.Release(t.Context()); err != nil || m.copies(0) != 1 {
		t.Errorf("%v; %d copies", err, m.copies(0))
	}
}

func TestReleaseTellsWhatTheServerSays(t *testing.T) {
	_, p, client := setup(t)
	held := p.Hold(faultproxy.Rule{Method: "Insert", Do: faultproxy.Lost})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := held.Release(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("release without a call: %v", err)
	}
	if _, err := client.Insert(t.Context(), &milvuspb.InsertRequest{CollectionName: "gone"}); err == nil {
		t.Fatal("the client got an answer")
	}
	if err := held.Release(t.Context()); err == nil || err.Error() != "Success (100): collection not found" {
		t.Errorf("release: %v", err)
	}
}

// A call that a rule has picked reaches the server though its client is gone, as when the worker is killed by the rule.
func TestPickedCallOutlivesItsClient(t *testing.T) {
	m, p, client := setup(t)
	m.delay = 100 * time.Millisecond
	ctx, kill := context.WithCancel(t.Context())
	p.On(faultproxy.Rule{Method: "Insert", When: faultproxy.Sent, Do: func(*faultproxy.Call) error { kill(); return nil }})
	if _, err := client.Insert(ctx, rows(0, 1)); status.Code(err) != codes.Canceled {
		t.Fatalf("the client got %v", err)
	}
	eventually(t, "the write to be done", func() bool { return m.copies(0) == 1 })
}

// Calls go on while another one is held.
func TestOthersGoOn(t *testing.T) {
	_, p, client := setup(t)
	held := p.Hold(faultproxy.Rule{Method: "Insert", Nth: 3, When: faultproxy.Replied})
	var clients sync.WaitGroup
	for i := range int64(8) {
		clients.Go(func() {
			if _, err := client.Insert(t.Context(), rows(i, i+1)); err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, "seven answers", func() bool {
		n := 0
		for _, w := range p.Writes() {
			if !w.Answered.IsZero() {
				n++
			}
		}
		return n == 7
	})
	if err := held.Release(t.Context()); err != nil {
		t.Error(err)
	}
	clients.Wait()
}
