package types_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	"milvusdm/tests/stack"
	"milvusdm/tests/types/fakemilvus"
)

// server is a Milvus of some kind, and a connection to it that shares no code with the program's.
type server struct {
	name    string // as docs/types.md calls it
	address string
	milvuspb.MilvusServiceClient
	// start starts it again when it is dead.
	start func()
}

// The servers of the matrix.
const (
	standalone = "Milvus 2.3.5"
	liteCpp    = "milvus-lite " + stack.LiteCpp
	litePython = "milvus-lite " + stack.LitePython
	wire       = "wire-tested"
)

var serverNames = []string{standalone, liteCpp, litePython, wire}

func start(t *testing.T, name string) *server {
	t.Helper()
	s := &server{name: name, start: func() {}}
	switch name {
	case standalone:
		s.start = func() { s.address = stack.Milvus(t, 0).Address }
		s.start()
	case liteCpp:
		s.start = func() { s.address = stack.MilvusLite(t, stack.LiteCpp).Address }
		s.start()
	case litePython:
		s.address = stack.MilvusLite(t, stack.LitePython).Address
	default:
		s.address = fakemilvus.Start(t).Address
	}
	conn, err := grpc.NewClient("passthrough:///"+s.address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithUnaryInterceptor(patient),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20), grpc.WaitForReady(true)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	s.MilvusServiceClient = milvuspb.NewMilvusServiceClient(conn)
	return s
}

// patient gives each call a deadline: a server that died would else be waited for.
func patient(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return invoke(ctx, method, req, reply, conn, opts...)
}

// failure makes one error of the two ways in which a call fails.
func failure(st *commonpb.Status, err error) error {
	switch {
	case err != nil:
		return err
	case st == nil:
		return fmt.Errorf("no status")
	case st.GetErrorCode() != commonpb.ErrorCode_Success || st.GetCode() != 0: //nolint:staticcheck // of Milvus 2.3
		return fmt.Errorf("code %d, %v: %s", st.GetCode(), st.GetErrorCode(), st.GetReason()) //nolint:staticcheck // the same
	}
	return nil
}

// collections counts those that were made.
var collections int

// create makes a collection as the spec says, without rows, and gives it a name.
func (s *server) create(ctx context.Context, sp *spec) error {
	collections++
	sp.collection = fmt.Sprintf("%s_%d", sp.name, collections)
	schema := sp.schema()
	raw, err := proto.Marshal(schema)
	if err != nil {
		return err
	}
	req := &milvuspb.CreateCollectionRequest{CollectionName: sp.collection, Schema: raw, ShardsNum: sp.shards,
		ConsistencyLevel: sp.consistency, Properties: sp.properties, NumPartitions: sp.keyPartitions}
	if err := failure(s.CreateCollection(ctx, req)); err != nil {
		return fmt.Errorf("create: %w", err)
	}
	for _, p := range sp.partitions {
		if err := failure(s.CreatePartition(ctx, &milvuspb.CreatePartitionRequest{CollectionName: sp.collection, PartitionName: p})); err != nil {
			return fmt.Errorf("create partition %s: %w", p, err)
		}
	}
	for _, a := range sp.aliasNames() {
		if err := failure(s.CreateAlias(ctx, &milvuspb.CreateAliasRequest{CollectionName: sp.collection, Alias: a})); err != nil {
			return fmt.Errorf("create alias %s: %w", a, err)
		}
	}
	return nil
}

// insert writes the spec's rows: row i into partition i modulo how many there are.
func (s *server) insert(ctx context.Context, sp *spec, from, to int) error {
	homes := sp.homes()
	for h, partition := range homes {
		var rows []int
		for i := from; i < to; i++ {
			if i%len(homes) == h {
				rows = append(rows, i)
			}
		}
		if len(rows) == 0 {
			continue
		}
		resp, err := s.Insert(ctx, &milvuspb.InsertRequest{CollectionName: sp.collection, PartitionName: partition, NumRows: uint32(len(rows)), FieldsData: sp.columns(rows)})
		if err := failure(resp.GetStatus(), err); err != nil {
			return fmt.Errorf("insert: %w", err)
		}
		if resp.GetInsertCnt() != int64(len(rows)) {
			return fmt.Errorf("%d of %d rows were inserted", resp.GetInsertCnt(), len(rows))
		}
	}
	return nil
}

// load makes the spec's indexes and loads the collection.
func (s *server) load(ctx context.Context, sp *spec) error {
	for _, ix := range sp.indexes() {
		if err := failure(s.CreateIndex(ctx, &milvuspb.CreateIndexRequest{CollectionName: sp.collection, FieldName: ix.field, IndexName: ix.name, ExtraParams: ix.params})); err != nil {
			return fmt.Errorf("index %s: %w", ix.field, err)
		}
	}
	if err := failure(s.LoadCollection(ctx, &milvuspb.LoadCollectionRequest{CollectionName: sp.collection, ReplicaNumber: 1})); err != nil {
		return fmt.Errorf("load: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		resp, err := s.GetLoadState(ctx, &milvuspb.GetLoadStateRequest{CollectionName: sp.collection})
		if err := failure(resp.GetStatus(), err); err != nil {
			return fmt.Errorf("load: %w", err)
		}
		if resp.GetState() == commonpb.LoadState_LoadStateLoaded {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// drop drops a collection and its aliases: servers have room for few.
func (s *server) drop(ctx context.Context, name string, aliases []string) error {
	for _, a := range aliases {
		if err := failure(s.DropAlias(ctx, &milvuspb.DropAliasRequest{Alias: a})); err != nil {
			return fmt.Errorf("drop alias %s: %w", a, err)
		}
	}
	if err := failure(s.DropCollection(ctx, &milvuspb.DropCollectionRequest{CollectionName: name})); err != nil {
		return fmt.Errorf("drop %s: %w", name, err)
	}
	return nil
}

// stored is a row as a server answers it, by field name; a null is nil.
type stored struct {
	partition string
	values    map[string]*schemapb.FieldData
}

// read reads all rows of a collection, in order of the partitions and of the keys. Rows that stand twice are an error.
func (s *server) read(ctx context.Context, name string) ([]stored, error) {
	described, err := s.DescribeCollection(ctx, &milvuspb.DescribeCollectionRequest{CollectionName: name})
	if err := failure(described.GetStatus(), err); err != nil {
		return nil, err
	}
	schema := described.GetSchema()
	var fields []string
	pk := ""
	for _, f := range schema.GetFields() {
		if f.GetIsPrimaryKey() {
			pk = f.GetName()
		}
		if !isOutput(schema, f.GetName()) {
			fields = append(fields, f.GetName())
		}
	}
	for _, st := range schema.GetStructArrayFields() {
		fields = append(fields, st.GetName())
	}
	if schema.GetEnableDynamicField() {
		fields = append(fields, dynamicField)
	}
	shown, err := s.ShowPartitions(ctx, &milvuspb.ShowPartitionsRequest{CollectionName: name})
	partitions := shown.GetPartitionNames()
	if err := failure(shown.GetStatus(), err); err != nil {
		partitions = []string{""} // milvus-lite in C++ knows none
	}
	if slices.ContainsFunc(schema.GetFields(), (*schemapb.FieldSchema).GetIsPartitionKey) {
		partitions = []string{""} // where rows are is the server's own business
	}
	slices.Sort(partitions)
	var out []stored
	for _, p := range partitions {
		rows, err := s.query(ctx, name, p, fields)
		if err != nil {
			return nil, fmt.Errorf("query %s/%s: %w", name, p, err)
		}
		slices.SortFunc(rows, func(a, b stored) int { return compareKeys(a.values[pk], b.values[pk]) })
		out = append(out, rows...)
	}
	count, err := s.count(ctx, name)
	if err == nil && count != int64(len(out)) {
		err = fmt.Errorf("%s holds %d rows and answers %d", name, count, len(out))
	}
	return out, err
}

// answersByKey reports why the server can't be asked for rows from a key on.
func (s *server) answersByKey(ctx context.Context, name string, key *field) error {
	expr := key.name + " >= 0"
	if key.kind.name == "VarChar" {
		expr = key.name + ` >= ""`
	}
	resp, err := s.Query(ctx, &milvuspb.QueryRequest{CollectionName: name, Expr: expr, OutputFields: []string{key.name},
		ConsistencyLevel: commonpb.ConsistencyLevel_Strong, QueryParams: params("limit", "1", "iterator", "True")})
	return failure(resp.GetStatus(), err)
}

func (s *server) query(ctx context.Context, name, partition string, fields []string) ([]stored, error) {
	req := &milvuspb.QueryRequest{CollectionName: name, OutputFields: fields, ConsistencyLevel: commonpb.ConsistencyLevel_Strong,
		QueryParams: params("limit", strconv.Itoa(16384))}
	if partition != "" {
		req.PartitionNames = []string{partition}
	}
	resp, err := s.Query(ctx, req)
	if err := failure(resp.GetStatus(), err); err != nil {
		return nil, err
	}
	var out []stored
	for _, f := range resp.GetFieldsData() {
		name := f.GetFieldName()
		if f.GetIsDynamic() {
			name = dynamicField
		}
		if !slices.Contains(fields, name) {
			return nil, fmt.Errorf("field %q was not asked for", name)
		}
		n := len(f.GetValidData())
		if n == 0 {
			if n, err = fakemilvus.Length(f); err != nil {
				return nil, err
			}
		}
		values, err := fakemilvus.Values(f, n)
		if err != nil {
			return nil, err
		}
		if out == nil {
			for range n {
				out = append(out, stored{partition: partition, values: map[string]*schemapb.FieldData{}})
			}
		}
		if n != len(out) {
			return nil, fmt.Errorf("field %s has %d rows, others %d", name, n, len(out))
		}
		for i, v := range values {
			out[i].values[name] = v
		}
	}
	return out, nil
}

func (s *server) count(ctx context.Context, name string) (int64, error) {
	resp, err := s.Query(ctx, &milvuspb.QueryRequest{CollectionName: name, OutputFields: []string{"count(*)"}, ConsistencyLevel: commonpb.ConsistencyLevel_Strong})
	if err := failure(resp.GetStatus(), err); err != nil {
		return 0, err
	}
	v := resp.GetFieldsData()[0].GetScalars().GetLongData().GetData()
	if len(v) != 1 {
		return 0, fmt.Errorf("no count in %v", resp)
	}
	return v[0], nil
}

func compareKeys(a, b *schemapb.FieldData) int {
	if v := a.GetScalars().GetLongData().GetData(); len(v) == 1 {
		return cmp.Compare(v[0], b.GetScalars().GetLongData().GetData()[0])
	}
	return cmp.Compare(a.GetScalars().GetStringData().GetData()[0], b.GetScalars().GetStringData().GetData()[0])
}

func isOutput(schema *schemapb.CollectionSchema, field string) bool {
	return slices.ContainsFunc(schema.GetFunctions(), func(f *schemapb.FunctionSchema) bool {
		return slices.Contains(f.GetOutputFieldNames(), field)
	})
}
