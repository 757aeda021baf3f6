// Package fakemilvus is a Milvus server for tests that keeps everything in memory and knows every type of Milvus 2.6.
//
// It stands in for servers that can't be had here, so it is as strict as those: what Milvus's proxy refuses of an insert
// (a nullable column whose values are not only those that are there, a column with a default and without valid_data, ...),
// it refuses as well. It keeps rows as they came over the wire, and answers without knowing what they mean.
//
// What it does like Milvus 2.6: a key that was inserted twice is answered once and counted twice; an upsert replaces keys
// of its own partition only; a page without the iterator's mark is in no order; a collection that is not loaded can't be
// read; vectors that are null take no room in an answer, scalars that are null do.
package fakemilvus

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"google.golang.org/grpc"
)

const (
	version    = "2.6.6"
	maxMessage = 64 << 20 // Milvus's limit
)

// Server is a running server.
type Server struct {
	milvuspb.UnimplementedMilvusServiceServer
	// Address is host:port.
	Address string

	mu          sync.Mutex
	lastID      int64
	clock       uint64
	collections []*collection
}

// Start starts a server on a free port of the loopback address; it ends with the test.
func Start(t testing.TB) *Server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Address: listener.Addr().String(), lastID: 450_000_000_000_000_000, clock: 450_000_000_000_000_000}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage), grpc.UnaryInterceptor(s.oneByOne))
	milvuspb.RegisterMilvusServiceServer(server, s)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s
}

// oneByOne makes handlers run one after another, so that they need no locks.
func (s *Server) oneByOne(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock++
	return handler(ctx, req)
}

func (s *Server) nextID() int64 {
	s.lastID++
	return s.lastID
}

// find returns the collection of that name or alias, or an error as Milvus answers it.
func (s *Server) find(name string) (*collection, error) {
	for _, c := range s.collections {
		if c.name == name || slices.Contains(c.aliases, name) {
			return c, nil
		}
	}
	return nil, refusal{100, fmt.Sprintf("collection not found[database=default][collection=%s]", name)}
}

// refusal is an error with one of Milvus's codes.
type refusal struct {
	code int32
	text string
}

func (r refusal) Error() string { return r.text }

// invalid is the refusal of a request that is wrong.
func invalid(format string, args ...any) error { return refusal{1100, fmt.Sprintf(format, args...)} }

// statusOf makes of an error what Milvus answers.
func statusOf(err error) *commonpb.Status {
	if err == nil {
		return &commonpb.Status{}
	}
	code := int32(65535)
	if r, ok := err.(refusal); ok {
		code = r.code
	}
	return &commonpb.Status{ErrorCode: commonpb.ErrorCode_UnexpectedError, Code: code, Reason: err.Error()}
}

func (s *Server) Connect(context.Context, *milvuspb.ConnectRequest) (*milvuspb.ConnectResponse, error) {
	return &milvuspb.ConnectResponse{Status: &commonpb.Status{}, Identifier: s.nextID(),
		ServerInfo: &commonpb.ServerInfo{BuildTags: version, DeployMode: "STANDALONE"}}, nil
}

func (s *Server) GetVersion(context.Context, *milvuspb.GetVersionRequest) (*milvuspb.GetVersionResponse, error) {
	return &milvuspb.GetVersionResponse{Status: &commonpb.Status{}, Version: version}, nil
}

func (s *Server) CheckHealth(context.Context, *milvuspb.CheckHealthRequest) (*milvuspb.CheckHealthResponse, error) {
	return &milvuspb.CheckHealthResponse{Status: &commonpb.Status{}, IsHealthy: true}, nil
}

func (s *Server) AllocTimestamp(context.Context, *milvuspb.AllocTimestampRequest) (*milvuspb.AllocTimestampResponse, error) {
	return &milvuspb.AllocTimestampResponse{Status: &commonpb.Status{}, Timestamp: s.clock}, nil
}

func (s *Server) ListDatabases(context.Context, *milvuspb.ListDatabasesRequest) (*milvuspb.ListDatabasesResponse, error) {
	return &milvuspb.ListDatabasesResponse{Status: &commonpb.Status{}, DbNames: []string{"default"}}, nil
}

func (s *Server) DescribeDatabase(context.Context, *milvuspb.DescribeDatabaseRequest) (*milvuspb.DescribeDatabaseResponse, error) {
	return &milvuspb.DescribeDatabaseResponse{Status: &commonpb.Status{}, DbName: "default"}, nil
}
