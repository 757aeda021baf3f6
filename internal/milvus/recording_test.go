package milvus

import (
	"context"
	"net"
	"path"
	"sync"
	"testing"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"milvusdm/internal/job"
)

// recorder is a server that answers every call of Milvus's service with success, or as its answer says, and keeps the requests.
type recorder struct {
	address string
	answer  func(method string) (proto.Message, error) // nil, nil: success

	mu    sync.Mutex
	calls map[string][]proto.Message
}

func startRecorder(t testing.TB) *recorder {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{address: l.Addr().String(), calls: map[string][]proto.Message{}}
	server := grpc.NewServer(grpc.UnaryInterceptor(r.serve))
	milvuspb.RegisterMilvusServiceServer(server, milvuspb.UnimplementedMilvusServiceServer{})
	go func() { _ = server.Serve(l) }() // until it is stopped
	t.Cleanup(server.Stop)
	return r
}

func (r *recorder) serve(_ context.Context, req any, info *grpc.UnaryServerInfo, _ grpc.UnaryHandler) (any, error) {
	method := path.Base(info.FullMethod)
	r.mu.Lock()
	r.calls[method] = append(r.calls[method], req.(proto.Message))
	r.mu.Unlock()
	if r.answer != nil {
		if m, err := r.answer(method); m != nil || err != nil {
			return m, err
		}
	}
	d, err := protoregistry.GlobalFiles.FindDescriptorByName("milvus.proto.milvus.MilvusService")
	if err != nil {
		return nil, err
	}
	out := d.(protoreflect.ServiceDescriptor).Methods().ByName(protoreflect.Name(method)).Output()
	kind, err := protoregistry.GlobalTypes.FindMessageByName(out.FullName())
	if err != nil {
		return nil, err
	}
	return kind.New().Interface(), nil
}

// to is a server as a job names it.
func (r *recorder) to(database string) job.MilvusServer {
	return job.MilvusServer{Address: r.address, Database: database, ConnectTimeout: 10 * time.Second}
}

func (r *recorder) requests(method string) []proto.Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls[method]
}

func recorded(t testing.TB, r *recorder, database string) *conn {
	t.Helper()
	c, err := connect(context.Background(), r.to(database))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.close(); err != nil {
			t.Error(err)
		}
	})
	return c
}
