package milvus

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// tenantField is a partition key.
func tenantField(f *schemapb.FieldSchema) *schemapb.FieldSchema {
	f.Name, f.IsPartitionKey = "tenant", true
	return f
}

// tenantRows are rows of so many tenants, whose numbers are shifted. Names of more than 20 are longer than the 100 bytes that
// Milvus hashes.
func tenantRows(key, tenant schemapb.DataType, n, many, shift int) *rows.Batch {
	b := &rows.Batch{Rows: n}
	ints, texts := make([]int64, n), make([]string, n)
	for i := range n {
		ints[i], texts[i] = int64(i), fmt.Sprintf("k\"%d\\u", i)
	}
	ints[0] = math.MinInt64
	tail := ""
	if many > 20 {
		tail = strings.Repeat("x", 120)
	}
	tenants, names := make([]int64, n), make([]string, n)
	for i := range n {
		tenants[i], names[i] = int64((i+shift)%many), fmt.Sprint("t", (i+shift)%many, tail)
	}
	column := func(name string, kind schemapb.DataType, ints []int64, texts []string) *schemapb.FieldData {
		if kind == schemapb.DataType_Int64 {
			return rows.Int64Column(name, ints)
		}
		return rows.VarCharColumn(name, texts)
	}
	b.Fields = []*schemapb.FieldData{column("id", key, ints, texts), column("tenant", tenant, tenants, names),
		rows.FloatVectorColumn("v", 2, make([]float32, 2*n))}
	return b
}

func fieldOf(name string, kind schemapb.DataType) *schemapb.FieldSchema {
	if kind == schemapb.DataType_Int64 {
		return &schemapb.FieldSchema{Name: name, DataType: kind}
	}
	return rows.VarCharField(name, 200)
}

// Rows that may be there already are found by their tenants' queries when they were written again: also those that another
// program's upsert had misplaced.
func TestReplacedRowsAreFoundByPartitionKey(t *testing.T) {
	const total = 2000
	for _, key := range []schemapb.DataType{schemapb.DataType_Int64, schemapb.DataType_VarChar} {
		for _, tenant := range []schemapb.DataType{schemapb.DataType_Int64, schemapb.DataType_VarChar} {
			t.Run(fmt.Sprintf("key %s, tenant %s", key, tenant), func(t *testing.T) {
				ctx := context.Background()
				c := testServer(t)
				schema := &schemapb.CollectionSchema{Fields: []*schemapb.FieldSchema{keyOf(fieldOf("id", key)),
					tenantField(fieldOf("", tenant)), rows.VectorField("v", schemapb.DataType_FloatVector, 2)}}
				name := c.make(t, "replaced", schema, func(r *milvuspb.CreateCollectionRequest) { r.NumPartitions = 16 })
				w := &writer{sink: &sink{conn: *c.conn, copy: job.Copy{WriteTimeout: time.Minute}}, report: func(string) {},
					target: &transfer.Target{Name: name, CollectionID: 1, Plan: transfer.TargetPlan{Schema: rows.Schema{CollectionSchema: schema}}}}
				write := func(b *rows.Batch) {
					t.Helper()
					if err := w.Write(ctx, b); err != nil {
						t.Fatal(err)
					}
				}
				byTenant := func(when string) {
					t.Helper()
					counted, err := c.count(ctx, name, "", nil)
					if err != nil || counted != total {
						t.Errorf("%s: %d rows of %d, %v", when, counted, total, err)
					}
					for i := range 20 {
						expr := fmt.Sprintf("tenant == %d", i)
						if tenant == schemapb.DataType_VarChar {
							expr = fmt.Sprintf(`tenant == "t%d"`, i)
						}
						if n, err := c.count(ctx, name, expr, nil); err != nil || n != total/20 {
							t.Errorf("%s: %s: %d rows of %d, %v", when, expr, n, total/20, err)
						}
					}
				}
				misplaced := tenantRows(key, tenant, total, 20, 3)
				resp, err := c.raw.Upsert(ctx, &milvuspb.UpsertRequest{CollectionName: name, NumRows: total, FieldsData: misplaced.Fields})
				c.must(t, "upsert")(resp.GetStatus(), err)
				write(tenantRows(key, tenant, total, 20, 1)) // of a collection that is not loaded
				c.indexAndLoad(t, name, "v")
				byTenant("written once")
				flush, err := c.raw.Flush(ctx, &milvuspb.FlushRequest{CollectionNames: []string{name}})
				c.must(t, "flush")(flush.GetStatus(), err)
				write(tenantRows(key, tenant, total, 20, 2))
				byTenant("written again")
				c.release(t, name)
				c.must(t, "load")(c.raw.LoadCollection(ctx, &milvuspb.LoadCollectionRequest{CollectionName: name, ReplicaNumber: 1}))
				if loaded, err := c.loaded(ctx, name); !loaded || err != nil {
					t.Fatal(loaded, err)
				}
				byTenant("loaded again")
			})
		}
	}
}

// replacing records the writes of a server, whose answers a test can change.
type replacing struct {
	milvuspb.MilvusServiceClient
	calls  []string
	answer func(call string, n int) error
}

func (r *replacing) did(call string) (*milvuspb.MutationResult, error) {
	r.calls = append(r.calls, call)
	return &milvuspb.MutationResult{Status: &commonpb.Status{}, InsertCnt: 3, UpsertCnt: 3, DeleteCnt: 3}, r.answer(call, len(r.calls))
}

func (r *replacing) Delete(_ context.Context, in *milvuspb.DeleteRequest, _ ...grpc.CallOption) (*milvuspb.MutationResult, error) {
	return r.did("delete " + in.GetPartitionName() + in.GetExpr())
}

func (r *replacing) Insert(context.Context, *milvuspb.InsertRequest, ...grpc.CallOption) (*milvuspb.MutationResult, error) {
	return r.did("insert")
}

func (r *replacing) Upsert(context.Context, *milvuspb.UpsertRequest, ...grpc.CallOption) (*milvuspb.MutationResult, error) {
	return r.did("upsert")
}

// Nothing is inserted unless the delete before it was acknowledged, and rows that were deleted are never called not sent.
func TestReplacesInOrderOrSaysThatItDidNot(t *testing.T) {
	const deleted = "delete id in [1,2,3]"
	busy := status.Error(codes.ResourceExhausted, "quota")
	lost := status.Error(codes.Unavailable, "connection lost")
	for name, x := range map[string]struct {
		version string
		answer  func(call string, n int) error
		timeout time.Duration
		calls   string
		fails   fault.Kind
	}{
		"before 2.3.10":   {"v2.3.5-lite", nil, time.Minute, "[" + deleted + " insert]", ""},
		"unknown version": {"my build", nil, time.Minute, "[" + deleted + " insert]", ""},
		"milvus-lite":     {"", nil, time.Minute, "[upsert]", ""},
		"since 2.3.10":    {"v2.3.10", nil, time.Minute, "[upsert]", ""},
		"delete's answer lost": {"2.3.5", func(string, int) error { return lost }, time.Minute, "[" + deleted + "]",
			fault.Unavailable},
		"insert's answer lost": {"2.3.5", func(c string, _ int) error {
			if c == "insert" {
				return lost
			}
			return nil
		}, time.Minute, "[" + deleted + " insert]", fault.Unavailable},
		"refused for load in between": {"2.3.5", func(_ string, n int) error {
			if n == 2 {
				return busy
			}
			return nil
		}, time.Minute, "[" + deleted + " insert insert]", ""},
		"refused for load past the deadline": {"2.3.5", func(c string, _ int) error {
			if c == "insert" {
				return busy
			}
			return nil
		}, 50 * time.Millisecond, "[" + deleted + " insert]", fault.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			if x.answer == nil {
				x.answer = func(string, int) error { return nil }
			}
			s := &replacing{answer: x.answer}
			w := writerTo(s, keyOf(fieldOf("id", schemapb.DataType_Int64)), tenantField(fieldOf("", schemapb.DataType_Int64)))
			w.insert, w.version, w.copy.WriteTimeout = false, x.version, x.timeout
			if x.version != "" {
				w.target.CollectionID = 1
			}
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			if x.timeout < time.Second {
				s.answer = func(call string, n int) error {
					cancel() // the job is being stopped
					return x.answer(call, n)
				}
			}
			err := w.Write(ctx, &rows.Batch{Rows: 3, Fields: []*schemapb.FieldData{rows.Int64Column("id", []int64{1, 2, 3}),
				rows.Int64Column("tenant", []int64{1, 1, 1})}})
			if got := fmt.Sprint(s.calls); got != x.calls {
				t.Errorf("calls: %s, not %s", got, x.calls)
			}
			if (err == nil) != (x.fails == "") || err != nil && fault.KindOf(err) != x.fails {
				t.Errorf("%v, not a fault %q", err, x.fails)
			}
		})
	}
}
