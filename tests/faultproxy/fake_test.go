package faultproxy_test

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"milvusdm/tests/faultproxy"
)

const (
	large      = 65 << 20 // more than Milvus takes
	maxMessage = 2 * large
)

// fakeMilvus keeps the keys that it is given; it may be stopped and started again on the same address.
type fakeMilvus struct {
	milvuspb.UnimplementedMilvusServiceServer
	addr   string
	server *grpc.Server

	mu        sync.Mutex
	keys      map[int64]int
	deadlines []time.Duration
	delay     time.Duration
}

func startMilvus(t *testing.T) *fakeMilvus {
	t.Helper()
	m := &fakeMilvus{addr: "127.0.0.1:0", keys: map[int64]int{}}
	m.start(t)
	t.Cleanup(m.stop)
	return m
}

func (m *fakeMilvus) start(t *testing.T) {
	t.Helper()
	lis, err := net.Listen("tcp", m.addr)
	if err != nil {
		t.Fatal(err)
	}
	m.addr = lis.Addr().String()
	m.server = grpc.NewServer(grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage))
	milvuspb.RegisterMilvusServiceServer(m.server, m)
	go func(s *grpc.Server) { _ = s.Serve(lis) }(m.server)
}

func (m *fakeMilvus) stop() { m.server.Stop() }

// copies tells how often the key stands in the collection.
func (m *fakeMilvus) copies(key int64) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.keys[key]
}

func (m *fakeMilvus) Insert(ctx context.Context, r *milvuspb.InsertRequest) (*milvuspb.MutationResult, error) {
	m.mu.Lock()
	delay := m.delay
	if d, ok := ctx.Deadline(); ok {
		m.deadlines = append(m.deadlines, time.Until(d))
	}
	m.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-ctx.Done():
		return nil, status.FromContextError(ctx.Err()).Err()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if r.GetCollectionName() == "gone" {
		return &milvuspb.MutationResult{Status: &commonpb.Status{Code: 100, Reason: "collection not found"}}, nil
	}
	for _, f := range r.GetFieldsData() {
		for _, k := range f.GetScalars().GetLongData().GetData() {
			m.keys[k]++
		}
	}
	return &milvuspb.MutationResult{Status: &commonpb.Status{}, InsertCnt: int64(r.GetNumRows())}, nil
}

func (m *fakeMilvus) DescribeCollection(_ context.Context, r *milvuspb.DescribeCollectionRequest) (*milvuspb.DescribeCollectionResponse, error) {
	return &milvuspb.DescribeCollectionResponse{Status: &commonpb.Status{}, CollectionName: r.GetCollectionName(),
		Schema: schema()}, nil
}

// schema has the primary key behind another column of integers.
func schema() *schemapb.CollectionSchema {
	return &schemapb.CollectionSchema{Fields: []*schemapb.FieldSchema{
		{Name: "year", DataType: schemapb.DataType_Int64},
		{Name: "id", DataType: schemapb.DataType_Int64, IsPrimaryKey: true}}}
}

func (m *fakeMilvus) CreateCollection(context.Context, *milvuspb.CreateCollectionRequest) (*commonpb.Status, error) {
	return &commonpb.Status{}, nil
}

func (m *fakeMilvus) Flush(ctx context.Context, _ *milvuspb.FlushRequest) (*milvuspb.FlushResponse, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	if err := grpc.SetHeader(ctx, metadata.Pairs("seen", fmt.Sprint(md.Get("authorization"), md.Get("dbname")))); err != nil {
		return nil, err
	}
	if err := grpc.SetTrailer(ctx, metadata.Pairs("last", "word")); err != nil {
		return nil, err
	}
	return &milvuspb.FlushResponse{Status: &commonpb.Status{}}, nil
}

// LoadCollection fails with a status that has details.
func (m *fakeMilvus) LoadCollection(context.Context, *milvuspb.LoadCollectionRequest) (*commonpb.Status, error) {
	s, err := status.New(codes.FailedPrecondition, "no index").WithDetails(&errdetails.ErrorInfo{Reason: "INDEX"})
	if err != nil {
		return nil, err
	}
	return nil, s.Err()
}

// Query answers large bytes from the collection "large", else none.
func (m *fakeMilvus) Query(_ context.Context, r *milvuspb.QueryRequest) (*milvuspb.QueryResults, error) {
	if r.GetCollectionName() != "large" {
		return &milvuspb.QueryResults{Status: &commonpb.Status{}}, nil
	}
	return &milvuspb.QueryResults{Status: &commonpb.Status{}, FieldsData: []*schemapb.FieldData{{
		Field: &schemapb.FieldData_Vectors{Vectors: &schemapb.VectorField{
			Data: &schemapb.VectorField_BinaryVector{BinaryVector: make([]byte, large)}}}}}}, nil
}

func dial(t *testing.T, addr string) milvuspb.MilvusServiceClient {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return milvuspb.NewMilvusServiceClient(conn)
}

func setup(t *testing.T) (*fakeMilvus, *faultproxy.Proxy, milvuspb.MilvusServiceClient) {
	t.Helper()
	m := startMilvus(t)
	p := faultproxy.Start(t, m.addr)
	return m, p, dial(t, p.Addr())
}

// rows makes an insert of rows [from, to); its other integer column holds the same value everywhere.
func rows(from, to int64) *milvuspb.InsertRequest {
	var ids, years []int64
	for i := from; i < to; i++ {
		ids, years = append(ids, i), append(years, -1)
	}
	return &milvuspb.InsertRequest{CollectionName: "books", PartitionName: "p", NumRows: uint32(to - from),
		FieldsData: []*schemapb.FieldData{ints("id", ids), ints("year", years)}}
}

func ints(name string, v []int64) *schemapb.FieldData {
	return &schemapb.FieldData{FieldName: name, Type: schemapb.DataType_Int64, Field: &schemapb.FieldData_Scalars{
		Scalars: &schemapb.ScalarField{Data: &schemapb.ScalarField_LongData{LongData: &schemapb.LongArray{Data: v}}}}}
}

func marshal(t *testing.T, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
