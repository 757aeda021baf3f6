package faultproxy

import (
	"fmt"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// Lost, as a Do, answers as a client does for itself when the connection breaks: Unavailable.
func Lost(*Call) error { return status.Error(codes.Unavailable, "connection reset by peer") }

// Reset, as a Do, breaks the client's connection for real, with all other calls on it.
func Reset(c *Call) error {
	if err := c.Reset(); err != nil {
		return err
	}
	return Lost(c)
}

// Delay makes a Do that keeps the call for d.
func Delay(d time.Duration) func(*Call) error {
	return func(c *Call) error {
		select {
		case <-time.After(d):
			return nil
		case <-c.proxy.ctx.Done():
			return c.proxy.ctx.Err()
		}
	}
}

// Fail makes a Do that answers a gRPC error.
func Fail(code codes.Code, format string, args ...any) func(*Call) error {
	return func(*Call) error { return status.Errorf(code, format, args...) }
}

// TooLarge, as a Do, answers as Milvus does when a request exceeds its limit of 64 MiB.
func TooLarge(c *Call) error {
	return status.Errorf(codes.ResourceExhausted, "grpc: received message larger than max (%d vs. %d)", len(c.request), 64<<20)
}

// RateLimited, as a Do, answers as Milvus 2.3 does when its quotas are exceeded: not a gRPC error but a status in the answer.
func RateLimited(c *Call) error {
	return Refuse(&commonpb.Status{ErrorCode: commonpb.ErrorCode_RateLimit, Code: 8, Retriable: true,
		Reason: "request is rejected by grpc RateLimiter middleware, please retry later: rate limit exceeded[rate=0]"})(c)
}

// Refuse makes a Do that answers a Milvus status, in whichever kind of answer the method has.
func Refuse(s *commonpb.Status) func(*Call) error {
	return func(*Call) error { return &refusal{s} }
}

type refusal struct{ status *commonpb.Status }

func (r *refusal) Error() string { return r.status.GetReason() }

func (r *refusal) encode(c *Call) (rawMessage, error) {
	method := c.descriptor()
	if method == nil {
		return nil, status.Errorf(codes.Internal, "fault proxy: %s is no method of Milvus: it has no status", c.fullMethod)
	}
	if method.Output().FullName() == r.status.ProtoReflect().Descriptor().FullName() {
		return proto.Marshal(r.status)
	}
	field := method.Output().Fields().ByName("status")
	if field == nil {
		return nil, status.Errorf(codes.Internal, "fault proxy: the answer of %s has no status", c.Method)
	}
	t, err := protoregistry.GlobalTypes.FindMessageByName(method.Output().FullName())
	if err != nil {
		return nil, fmt.Errorf("fault proxy: the answer of %s: %w", c.Method, err)
	}
	reply := t.New()
	reply.Set(field, protoreflect.ValueOfMessage(r.status.ProtoReflect()))
	return proto.Marshal(reply.Interface())
}
