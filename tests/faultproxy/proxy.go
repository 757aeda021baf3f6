// Package faultproxy stands between a worker and a Milvus server and makes things go wrong at a named moment of a named
// call: the worker is killed when the third insert is sent and unanswered, an answer is lost after the write succeeded, a
// write is held back and arrives when everyone has given it up.
//
// It also keeps the books: which writes reached the server, which of them the server acknowledged, and how many rows were
// sent more than once.
//
//	proxy := faultproxy.Start(t, "127.0.0.1:19530")
//	hook := proxy.On(faultproxy.Rule{Method: faultproxy.AnyWrite, Nth: 3, When: faultproxy.Sent,
//		Do: func(*faultproxy.Call) error { return worker.Process.Kill() }})
//	... run a job against proxy.Addr() ...
//	<-hook.Fired()
//	fmt.Println(proxy.RowsSentAgain())
package faultproxy

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
)

// window is the flow control window of both sides: a whole message of the largest size that Milvus takes.
const window = 64 << 20

// settle is how long a finished answer gets to leave for the client: gRPC hands its last frame to a goroutine that writes
// it, and says nothing when that is done.
const settle = 2 * time.Millisecond

// Proxy forwards unary gRPC calls of any method, unread, to one server. It is safe for concurrent use.
type Proxy struct {
	server   *grpc.Server
	upstream *grpc.ClientConn
	listener *listener

	// ctx ends with the proxy. It bounds the calls whose client may have gone.
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu    sync.Mutex
	hooks []*Hook
	calls map[string]int
	books books
}

// Start starts a proxy for the duration of a test.
func Start(t testing.TB, upstream string) *Proxy {
	t.Helper()
	p, err := New(upstream)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// New starts a proxy on a free port of 127.0.0.1. The server at upstream (host:port, no TLS) need not be there yet, and
// may go and come back: while it is gone, calls answer Unavailable.
func New(upstream string) (*Proxy, error) {
	conn, err := grpc.NewClient("passthrough:///"+upstream,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithNoProxy(),
		grpc.WithDisableRetry(),
		grpc.WithIdleTimeout(0),
		grpc.WithInitialWindowSize(window), grpc.WithInitialConnWindowSize(window),
		grpc.WithConnectParams(grpc.ConnectParams{
			// soon back after a restart
			Backoff:           backoff.Config{BaseDelay: 20 * time.Millisecond, Multiplier: 1.5, MaxDelay: 200 * time.Millisecond},
			MinConnectTimeout: 5 * time.Second,
		}),
		// a stopped server must look dead to the client, whose own pings are answered here
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 10 * time.Second}),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawCodec{}),
			grpc.MaxCallRecvMsgSize(math.MaxInt32), grpc.MaxCallSendMsgSize(math.MaxInt32)))
	if err != nil {
		return nil, fmt.Errorf("fault proxy for %s: %w", upstream, err)
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("fault proxy for %s: %w", upstream, err), conn.Close())
	}
	p := &Proxy{
		upstream: conn,
		listener: &listener{Listener: tcp, conns: map[string]*net.TCPConn{}},
		calls:    map[string]int{},
		books:    newBooks(),
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.server = grpc.NewServer(
		grpc.UnknownServiceHandler(p.handle),
		grpc.ForceServerCodecV2(rawCodec{}),
		grpc.StatsHandler(endOfCall{}),
		grpc.WaitForHandlers(true),
		grpc.InitialWindowSize(window), grpc.InitialConnWindowSize(window),
		grpc.MaxRecvMsgSize(math.MaxInt32), grpc.MaxSendMsgSize(math.MaxInt32),
		// clients ping as often as Milvus lets them
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Second, PermitWithoutStream: true}))
	p.running.Go(func() { _ = p.server.Serve(p.listener) }) // returns when Close stops it
	return p, nil
}

// Addr is where clients connect, as host:port.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Close ends all calls, held ones too, and waits for every running Do.
func (p *Proxy) Close() error {
	p.cancel()
	p.server.Stop()
	err := p.upstream.Close()
	p.running.Wait()
	return err
}

// Calls tells how many calls of a method, as "Insert", have arrived.
func (p *Proxy) Calls(method string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[method]
}

// handle serves one call of any method. What happens to the call upstream does not end with the client.
func (p *Proxy) handle(_ any, stream grpc.ServerStream) error {
	var request rawMessage
	if err := stream.RecvMsg(&request); err != nil {
		return err
	}
	c, err := p.newCall(stream, request)
	if err != nil {
		return err
	}
	p.running.Go(c.run)
	select {
	case <-stream.Context().Done():
		return status.FromContextError(stream.Context().Err()).Err()
	case a := <-c.answers:
		return c.pass(stream, a)
	}
}

// endOfCall runs what a handler left to do when its whole answer, status included, has been given to the connection.
type endOfCall struct{}

type afterAnswer struct{ do func() }

type afterAnswerKey struct{}

func (endOfCall) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context {
	return context.WithValue(ctx, afterAnswerKey{}, &afterAnswer{})
}

func (endOfCall) HandleRPC(ctx context.Context, s stats.RPCStats) {
	if _, end := s.(*stats.End); !end {
		return
	}
	if a := ctx.Value(afterAnswerKey{}).(*afterAnswer); a.do != nil {
		a.do()
	}
}

func (endOfCall) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (endOfCall) HandleConn(context.Context, stats.ConnStats)                       {}
