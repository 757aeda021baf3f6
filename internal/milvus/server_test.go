package milvus

import (
	"context"
	"testing"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/protobuf/proto"

	"milvusdm/internal/job"
	"milvusdm/tests/stack"
)

// testConn is a connection to a real server, by which tests make collections and look at them.
type testConn struct{ *conn }

func testServer(t testing.TB) *testConn {
	t.Helper()
	c, err := connect(context.Background(), serverOf(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.close(); err != nil {
			t.Error(err)
		}
	})
	return &testConn{c}
}

func serverOf(t testing.TB) job.MilvusServer {
	return job.MilvusServer{Address: stack.Milvus(t, 0).Address, ConnectTimeout: 30 * time.Second}
}

// make makes a collection that is dropped when the test ends, and returns its name.
func (c *testConn) make(t testing.TB, name string, schema *schemapb.CollectionSchema, more ...func(*milvuspb.CreateCollectionRequest)) string {
	t.Helper()
	schema = proto.Clone(schema).(*schemapb.CollectionSchema)
	schema.Name = name
	raw, err := proto.Marshal(schema)
	if err != nil {
		t.Fatal(err)
	}
	req := &milvuspb.CreateCollectionRequest{CollectionName: name, Schema: raw, ShardsNum: 1, ConsistencyLevel: commonpb.ConsistencyLevel_Strong}
	for _, f := range more {
		f(req)
	}
	c.must(t, "create "+name)(c.raw.CreateCollection(context.Background(), req))
	c.dropAfter(t, name)
	return name
}

func (c *testConn) dropAfter(t testing.TB, name string) {
	t.Cleanup(func() {
		c.must(t, "drop "+name)(c.raw.DropCollection(context.Background(), &milvuspb.DropCollectionRequest{CollectionName: name}))
	})
}

// must fails the test when the call did.
func (c *testConn) must(t testing.TB, what string) func(*commonpb.Status, error) {
	return func(st *commonpb.Status, err error) {
		t.Helper()
		if err := check(st, err); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
}

func (c *testConn) insert(t testing.TB, name, partition string, rows int, fields ...*schemapb.FieldData) {
	t.Helper()
	resp, err := c.raw.Insert(context.Background(), &milvuspb.InsertRequest{CollectionName: name, PartitionName: partition, NumRows: uint32(rows), FieldsData: fields})
	c.must(t, "insert into "+name)(resp.GetStatus(), err)
}

// indexAndLoad gives a vector field an index and loads the collection.
func (c *testConn) indexAndLoad(t testing.TB, name, field string) {
	t.Helper()
	ctx := context.Background()
	c.must(t, "index "+name)(c.raw.CreateIndex(ctx, &milvuspb.CreateIndexRequest{CollectionName: name, FieldName: field,
		ExtraParams: keyValues(map[string]string{"index_type": "FLAT", "metric_type": "L2"})}))
	c.must(t, "load "+name)(c.raw.LoadCollection(ctx, &milvuspb.LoadCollectionRequest{CollectionName: name, ReplicaNumber: 1}))
	if err := wait(ctx, func() (bool, error) {
		p, err := c.raw.GetLoadingProgress(ctx, &milvuspb.GetLoadingProgressRequest{CollectionName: name})
		return p.GetProgress() == 100, check(p.GetStatus(), err)
	}); err != nil {
		t.Fatal(err)
	}
}

// keyOf makes a field the primary key.
func keyOf(f *schemapb.FieldSchema) *schemapb.FieldSchema {
	f.IsPrimaryKey = true
	return f
}
