package milvus

import (
	"fmt"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// keyed makes a collection with a partition key. The first rows of tenantRows are inserted; the others are upserted,
// which misplaces them in a Milvus before 2.3.10.
func keyed(t testing.TB, c *testConn, key, tenant schemapb.DataType, all, tenants, inserted int,
	partitions int64) string {
	t.Helper()
	schema := &schemapb.CollectionSchema{Fields: []*schemapb.FieldSchema{keyOf(fieldOf("id", key)),
		tenantField(fieldOf("", tenant)), rows.VectorField("v", schemapb.DataType_FloatVector, 2)}}
	name := c.make(t, fmt.Sprintf("keyed_%s_%s_%d_%d_%d", key, tenant, tenants, inserted, partitions), schema,
		func(r *milvuspb.CreateCollectionRequest) { r.NumPartitions = partitions })
	b := tenantRows(key, tenant, all, tenants, 0)
	part := func(from, to int) (uint32, []*schemapb.FieldData) {
		var out []*schemapb.FieldData
		for _, f := range b.Fields {
			some, err := selectRows(f, []span{{from, to}})
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, some)
		}
		return uint32(to - from), out
	}
	if inserted > 0 {
		n, fields := part(0, inserted)
		c.insert(t, name, "", int(n), fields...)
	}
	if inserted < all {
		n, fields := part(inserted, all)
		resp, err := c.raw.Upsert(t.Context(),
			&milvuspb.UpsertRequest{CollectionName: name, NumRows: n, FieldsData: fields})
		c.must(t, "upsert")(resp.GetStatus(), err)
	}
	c.indexAndLoad(t, name, "v")
	return name
}

// expectedMisplaced is how many rows are in their primary key's partition and not in their tenant's, and the first of
// them.
func expectedMisplaced(t testing.TB, b *rows.Batch, from int, partitions uint32) (n int64, example string) {
	keys, err := rows.KeysOf(b, "id")
	if err != nil {
		t.Fatal(err)
	}
	values, err := rows.KeysOf(b, "tenant")
	if err != nil {
		t.Fatal(err)
	}
	first := -1
	for i := from; i < b.Rows; i++ {
		if valueAt(keys, i).hash()%partitions == valueAt(values, i).hash()%partitions {
			continue
		}
		if n++; first < 0 || keys.Compare(i, keys, first) < 0 {
			first = i
		}
	}
	if first >= 0 {
		example = fmt.Sprintf("key %s with tenant %s", keys.At(first), values.At(first))
	}
	return n, example
}

func TestMisplacedRowsAreFound(t *testing.T) {
	const n, partitions = 3000, 16
	const ints, texts = schemapb.DataType_Int64, schemapb.DataType_VarChar
	for _, x := range []struct {
		key, tenant     schemapb.DataType
		tenants         int // few are asked for one by one, many by partition
		misplacedBehind int
	}{
		{ints, ints, 20, 0}, {texts, texts, 20, 2000}, {ints, texts, 20, n},
		{texts, ints, n, 0}, {ints, texts, n, 2000}, {ints, ints, n, n},
	} {
		what := fmt.Sprintf("key %s, %d tenants %s, from %d", x.key, x.tenants, x.tenant, x.misplacedBehind)
		t.Run(what, func(t *testing.T) {
			c := testServer(t)
			name := keyed(t, c, x.key, x.tenant, n, x.tenants, x.misplacedBehind, partitions)
			b := tenantRows(x.key, x.tenant, n, x.tenants, 0)
			want, example := expectedMisplaced(t, b, x.misplacedBehind, partitions)
			src := opened(t, job.Collection{Name: name})
			got, err := src.FindMisplaced(t.Context(), transfer.Placement{}, func(transfer.Placement) {})
			got.Cursor = rows.Cursor{}
			found := transfer.Placement{Rows: n, Field: "tenant", Misplaced: want, Example: example}
			if err != nil || got != found {
				t.Errorf("%+v, %v; want %+v", got, err, found)
			}
			s := &sink{conn: *c.conn}
			target := &transfer.Target{Name: name, CollectionID: src.there.ID,
				Plan: transfer.TargetPlan{Schema: src.there.Schema}}
			if found, err := s.CountPlaced(t.Context(), target, b); err != nil || found != n-want {
				t.Errorf("%d rows are found, want %d: %v", found, n-want, err)
			}
		})
	}
}

// TestSearchForMisplacedRowsResumes ends the search behind every window and resumes it from what it recorded.
func TestSearchForMisplacedRowsResumes(t *testing.T) {
	const rows, partitions = 1000, 16
	c := testServer(t)
	name := keyed(t, c, schemapb.DataType_Int64, schemapb.DataType_VarChar, rows, rows, 0, partitions)
	b := tenantRows(schemapb.DataType_Int64, schemapb.DataType_VarChar, rows, rows, 0)
	want, example := expectedMisplaced(t, b, 0, partitions)
	src := opened(t, job.Collection{Name: name})
	var found transfer.Placement
	for windows := 0; ; windows++ {
		s := &search{source: src, Placement: found, memory: 100 * valueBytes}
		s.Field = "tenant"
		ended, err := s.window(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if found = s.Placement; !ended {
			continue
		}
		if windows < 1 || found.Rows != rows || found.Misplaced != want || found.Example != example {
			t.Errorf("%d windows: %+v; want %d misplaced, such as %s", windows, found, want, example)
		}
		return
	}
}

// BenchmarkFindMisplaced looks at 200,000 rows of 20 tenants, and of a tenant each.
func BenchmarkFindMisplaced(b *testing.B) {
	c := testServer(b)
	for _, tenants := range []int{20, 200000} {
		b.Run(fmt.Sprint(tenants), func(b *testing.B) {
			name := keyed(b, c, schemapb.DataType_Int64, schemapb.DataType_VarChar, 200000, tenants, 200000, 64)
			src, err := OpenSource(b.Context(),
				&job.MilvusSource{MilvusServer: serverOf(b), Collections: []job.Collection{{Name: name}}})
			if err != nil {
				b.Fatal(err)
			}
			b.ResetTimer()
			for range b.N {
				got, err := src.(*source).FindMisplaced(b.Context(), transfer.Placement{}, func(transfer.Placement) {})
				if err != nil || got.Misplaced != 0 || got.Rows != 200000 {
					b.Fatal(got, err)
				}
			}
		})
	}
}
