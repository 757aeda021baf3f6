package milvus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-sdk-go/v2/merr"
	"google.golang.org/grpc"

	"milvusdm/internal/fault"
	"milvusdm/internal/human"
)

// quota waits where a server asks for fewer calls. All calls of a connection share it. It is safe for concurrent use.
type quota struct {
	mu     sync.Mutex
	report func(string)
	giveUp time.Duration // how long one refusal after another is borne, 0: for ever
	since  time.Time     // when the server began to refuse, zero while it does not
}

// onWait has report called with what is waited for.
func (q *quota) onWait(report func(string)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.report = report
}

// passed: the server took a call.
func (q *quota) passed() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.since = time.Time{}
}

// wait waits before a refused call is sent again. Its error, of kind Throttled, says that the job does not wait longer;
// another is the context's end.
func (q *quota) wait(ctx context.Context, refusal error, pause time.Duration) error {
	q.mu.Lock()
	if q.since.IsZero() {
		q.since = time.Now()
	}
	waited, report := time.Since(q.since), q.report
	left := q.giveUp - waited
	q.mu.Unlock()
	if q.giveUp > 0 {
		if left <= 0 {
			return fault.New(fault.Throttled, "gave up after %s (give_up_after): %s", human.Duration(waited), asks(refusal))
		}
		pause = min(pause, left)
	}
	if report != nil {
		report(asks(refusal))
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(pause):
		return nil
	}
}

// asks says what a server that refuses wants of us.
func asks(refusal error) string {
	what := "asks to wait"
	switch {
	case errors.Is(refusal, merr.ErrServiceForceDeny):
		what = "denies writes"
	case errors.Is(refusal, merr.ErrServiceDiskLimitExceeded):
		what = "denies writes, its disk quota is used up"
	case errors.Is(refusal, merr.ErrServiceMemoryLimitExceeded):
		what = "has no memory left"
	case errors.Is(refusal, merr.ErrServiceRateLimit):
		what = "limits the rate of calls"
	}
	return fmt.Sprintf("Milvus %s: %v", what, refusal)
}

// The pauses before a refused call is sent again double from the first to the longest.
const (
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
)

// ownPace are the calls whose senders wait themselves, since they have more to look at meanwhile.
var ownPace = []string{"Insert", "Upsert", "Query"}

// intercept sends a call again that the server refused for its rate: nothing was done then.
func (q *quota) intercept(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn,
	invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	short := method[strings.LastIndexByte(method, '/')+1:]
	if slices.Contains(ownPace, short) {
		return invoke(ctx, method, req, reply, cc, opts...)
	}
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err := invoke(ctx, method, req, reply, cc, opts...)
		refusal := err
		if err == nil {
			refusal = refusalIn(reply)
		}
		if refusal == nil || !paced(refusal) {
			q.passed()
			return err
		}
		if e := q.wait(ctx, fmt.Errorf("%s: %w", short, refusal), pause); e != nil {
			return e
		}
	}
}

// refusalIn is the error that an answer's status tells, if it has one.
func refusalIn(reply any) error {
	switch r := reply.(type) {
	case *commonpb.Status:
		return merr.Error(r)
	case interface{ GetStatus() *commonpb.Status }:
		return merr.Error(r.GetStatus())
	}
	return nil
}
