package faultproxy

import (
	"context"
	"errors"
	"fmt"
	"path"
	"sync/atomic"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// Call is one call on its way through the proxy.
type Call struct {
	// Method is the method's short name, as "Insert".
	Method string
	// Request is the decoded request, as *milvuspb.InsertRequest; nil for a method that Milvus's protocol doesn't know.
	// It must not be changed.
	Request proto.Message
	// Database, Collection and Partition are those of the request, "" where it names none.
	Database, Collection, Partition string

	proxy      *Proxy
	fullMethod string
	request    rawMessage
	client     context.Context
	clientAddr string
	timeout    time.Duration // what the client had left on arrival; 0: for ever
	hooks      []*Hook
	write      *Write
	keys       []uint64

	answers chan answer                // takes the one answer that the client gets
	done    chan struct{}              // closed when nothing more happens to the call upstream
	reply   atomic.Pointer[rawMessage] // the server's answer; set before Replied
	verdict error                      // what the server made of the call; set before done is closed
}

// answer is what a client gets.
type answer struct {
	message         rawMessage
	header, trailer metadata.MD
	err             error
}

var errNotForwarded = errors.New("not forwarded to the server")

func (p *Proxy) newCall(stream grpc.ServerStream, request rawMessage) (*Call, error) {
	full, ok := grpc.MethodFromServerStream(stream)
	if !ok {
		return nil, status.Error(codes.Internal, "fault proxy: a call without a method")
	}
	c := &Call{Method: path.Base(full), proxy: p, fullMethod: full, request: request, client: stream.Context(),
		answers: make(chan answer, 1), done: make(chan struct{}), verdict: errNotForwarded}
	if from, ok := peer.FromContext(c.client); ok {
		c.clientAddr = from.Addr.String()
	}
	if deadline, ok := c.client.Deadline(); ok {
		c.timeout = max(time.Until(deadline), time.Millisecond)
	}
	if names := metadata.ValueFromIncomingContext(c.client, "dbname"); len(names) > 0 {
		c.Database = names[0]
	}
	if err := c.decodeRequest(); err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls[c.Method]++
	p.books.arrived(c)
	c.hooks = p.matching(c)
	return c, nil
}

func (c *Call) decodeRequest() error {
	method := c.descriptor()
	if method == nil {
		return nil
	}
	request, err := decode(method.Input(), c.request)
	if err != nil {
		return fmt.Errorf("fault proxy: decode the request of %s: %w", c.Method, err)
	}
	c.Request = request
	if r, ok := request.(interface{ GetDbName() string }); ok && r.GetDbName() != "" {
		c.Database = r.GetDbName()
	}
	if r, ok := request.(interface{ GetCollectionName() string }); ok {
		c.Collection = r.GetCollectionName()
	}
	if r, ok := request.(interface{ GetPartitionName() string }); ok {
		c.Partition = r.GetPartitionName()
	}
	return nil
}

// descriptor is nil for methods of other services than Milvus's.
func (c *Call) descriptor() protoreflect.MethodDescriptor {
	service := milvuspb.File_milvus_proto.Services().ByName("MilvusService")
	if path.Dir(c.fullMethod) != "/"+string(service.FullName()) {
		return nil
	}
	return service.Methods().ByName(protoreflect.Name(c.Method))
}

func decode(d protoreflect.MessageDescriptor, raw []byte) (proto.Message, error) {
	t, err := protoregistry.GlobalTypes.FindMessageByName(d.FullName())
	if err != nil {
		return nil, err
	}
	m := t.New().Interface()
	return m, proto.Unmarshal(raw, m)
}

// Reply is the server's decoded answer, from the moment Replied on; nil when it answered an error or
// what can't be decoded.
func (c *Call) Reply() proto.Message {
	method := c.descriptor()
	reply := c.reply.Load()
	if method == nil || reply == nil {
		return nil
	}
	m, err := decode(method.Output(), *reply)
	if err != nil {
		return nil
	}
	return m
}

// Abandon answers the client now, with err (a gRPC status), while the request goes on its way. Later answers are lost.
func (c *Call) Abandon(err error) {
	var r *refusal
	if errors.As(err, &r) {
		message, err := r.encode(c)
		c.answer(answer{message: message, err: err})
		return
	}
	c.answer(answer{err: err})
}

// Reset ends the connection that the call came on, with all calls on it, by a TCP RST.
func (c *Call) Reset() error { return c.proxy.listener.reset(c.clientAddr) }

// answer gives the client a; only the first one counts.
func (c *Call) answer(a answer) {
	select {
	case c.answers <- a:
	default:
	}
}

// run takes the call to the server and back.
func (c *Call) run() {
	defer close(c.done)
	if err := c.fire(BeforeSend); err != nil {
		c.Abandon(err)
		return
	}
	a := c.forward()
	c.verdict = c.judge(a)
	if c.verdict == nil {
		c.proxy.record(c, func(w *Write) { w.Acknowledged = time.Now() })
	} else {
		c.proxy.record(c, func(w *Write) { w.Err = c.verdict.Error() })
	}
	if err := c.fire(Replied); err != nil {
		c.Abandon(err)
		return
	}
	c.answer(a)
}

// forward sends the request and waits for the answer.
func (c *Call) forward() answer {
	ctx, cancel := c.upstreamContext()
	defer cancel()
	stream, err := c.proxy.upstream.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true}, c.fullMethod)
	if err != nil {
		return answer{err: err}
	}
	if stream.SendMsg(c.request) == nil && stream.CloseSend() == nil {
		c.proxy.forwarded(c)
		if err := c.fire(Sent); err != nil {
			c.Abandon(err)
		}
	}
	var message rawMessage
	err = stream.RecvMsg(&message) // tells what went wrong with sending, too
	header, headerErr := stream.Header()
	if err == nil {
		err = headerErr
	}
	if err == nil {
		c.reply.Store(&message)
		c.proxy.learn(c)
	}
	return answer{message: message, header: header, trailer: stream.Trailer(), err: err}
}

// upstreamContext carries the client's metadata and timeout. It ends with the client, as it would without a proxy, unless
// a rule has picked the call: then what the client does no longer matters to it.
func (c *Call) upstreamContext() (context.Context, context.CancelFunc) {
	md, _ := metadata.FromIncomingContext(c.client)
	ctx := metadata.NewOutgoingContext(c.proxy.ctx, md)
	cancel := func() {}
	if c.timeout > 0 {
		ctx, cancel = context.WithTimeout(ctx, c.timeout)
	}
	ctx, stop := context.WithCancel(ctx)
	if len(c.hooks) == 0 {
		context.AfterFunc(c.client, stop)
	}
	return ctx, func() { stop(); cancel() }
}

// judge tells whether the server did what it was asked; only writes and calls picked by a rule are looked into.
func (c *Call) judge(a answer) error {
	if a.err != nil || (c.write == nil && len(c.hooks) == 0) {
		return a.err
	}
	reply := c.Reply()
	if reply == nil && c.descriptor() != nil {
		return fmt.Errorf("the server's answer to %s can't be decoded", c.Method)
	}
	s, ok := reply.(*commonpb.Status)
	if r, has := reply.(interface{ GetStatus() *commonpb.Status }); has {
		s, ok = r.GetStatus(), true
	}
	if ok && (s.GetCode() != 0 || s.GetErrorCode() != commonpb.ErrorCode_Success) {
		return fmt.Errorf("%v (%d): %s", s.GetErrorCode(), s.GetCode(), s.GetReason())
	}
	return nil
}

// pass hands the answer to the client's connection.
func (c *Call) pass(stream grpc.ServerStream, a answer) error {
	if err := stream.SetHeader(a.header); err != nil {
		return err
	}
	stream.SetTrailer(a.trailer)
	if a.err == nil {
		if err := stream.SendMsg(a.message); err != nil {
			return err
		}
	}
	stream.Context().Value(afterAnswerKey{}).(*afterAnswer).do = func() { c.proxy.running.Go(c.answered) }
	return a.err
}

func (c *Call) answered() {
	c.proxy.record(c, func(w *Write) { w.Answered = time.Now() })
	time.Sleep(settle)
	_ = c.fire(Answered) // nobody is left to be given an error
}

// fire runs the actions of the hooks for this moment.
func (c *Call) fire(m Moment) error {
	for _, h := range c.hooks {
		if h.rule.When != m {
			continue
		}
		err := h.rule.Do(c)
		h.once.Do(func() { close(h.fired) })
		if err != nil {
			return err
		}
	}
	return nil
}
