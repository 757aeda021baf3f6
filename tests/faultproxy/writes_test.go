package faultproxy_test

import (
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/grpc/metadata"

	"milvusdm/tests/faultproxy"
)

func TestCountsRows(t *testing.T) {
	_, p, client := setup(t)
	insert := func(r *milvuspb.InsertRequest) {
		t.Helper()
		if _, err := client.Insert(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	want := func(sent, again int64) {
		t.Helper()
		if p.RowsSent() != sent || p.RowsSentAgain() != again {
			t.Errorf("%d rows sent, %d again; want %d and %d", p.RowsSent(), p.RowsSentAgain(), sent, again)
		}
	}
	insert(rows(0, 100))
	insert(rows(100, 200))
	want(200, 0)
	insert(rows(150, 250))
	want(300, 50)
	insert(rows(150, 151))
	want(301, 51)

	other := rows(0, 100)
	other.PartitionName = "q"
	insert(other)
	other = rows(0, 100)
	other.CollectionName = "films"
	insert(other)
	want(501, 51)

	p.ResetWrites()
	want(0, 0)
	insert(rows(0, 100))
	want(100, 0)
}

// A call that never reached the server sent no rows; one whose answer was lost did.
func TestCountsOnlyWhatReachedTheServer(t *testing.T) {
	_, p, client := setup(t)
	p.On(faultproxy.Rule{Method: "Insert", Nth: 1, Do: faultproxy.Lost})
	p.On(faultproxy.Rule{Method: "Insert", Nth: 2, When: faultproxy.Replied, Do: faultproxy.Lost})
	for i := range 3 {
		if _, err := client.Insert(t.Context(), rows(0, 10)); (err == nil) != (i == 2) {
			t.Fatalf("insert %d: %v", i, err)
		}
	}
	if p.RowsSent() != 20 || p.RowsSentAgain() != 10 {
		t.Errorf("%d rows sent, %d again", p.RowsSent(), p.RowsSentAgain())
	}
}

func TestWritesLog(t *testing.T) {
	_, p, client := setup(t)
	ctx := metadata.AppendToOutgoingContext(t.Context(), "dbname", "shop")
	if _, err := client.Insert(ctx, rows(3, 9)); err != nil {
		t.Fatal(err)
	}
	gone := rows(3, 9)
	gone.CollectionName = "gone"
	if _, err := client.Insert(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Upsert(t.Context(), &milvuspb.UpsertRequest{CollectionName: "books", NumRows: 2,
		FieldsData: []*schemapb.FieldData{{FieldName: "name", Type: schemapb.DataType_VarChar,
			Field: &schemapb.FieldData_Scalars{Scalars: &schemapb.ScalarField{Data: &schemapb.ScalarField_StringData{
				StringData: &schemapb.StringArray{Data: []string{"a", "b"}}}}}}}}); err == nil {
		t.Fatal("the server knows no upsert")
	}
	eventually(t, "the last answer", func() bool { w := p.Writes(); return !w[len(w)-1].Answered.IsZero() })

	w := p.Writes()
	if len(w) != 3 {
		t.Fatalf("%d writes", len(w))
	}
	first := w[0]
	if first.Method != "Insert" || first.Database != "shop" || first.Collection != "books" || first.Partition != "p" ||
		first.Rows != 6 || first.FirstKey != "3" || first.LastKey != "8" || first.Err != "" {
		t.Errorf("first write %+v", first)
	}
	if first.Forwarded.Before(first.Arrived) || first.Acknowledged.Before(first.Forwarded) || first.Answered.Before(first.Acknowledged) {
		t.Errorf("times of the first write %+v", first)
	}
	if w[1].Err != "Success (100): collection not found" || !w[1].Acknowledged.IsZero() || w[1].KeyHash != first.KeyHash {
		t.Errorf("refused write %+v", w[1])
	}
	if w[2].Method != "Upsert" || w[2].FirstKey != "a" || w[2].LastKey != "b" || w[2].Err == "" || w[2].Forwarded.IsZero() {
		t.Errorf("failed upsert %+v", w[2])
	}
}

// The primary key's name is known from a schema that has passed by, else it is guessed.
func TestFindsThePrimaryKey(t *testing.T) {
	columns := func(collection string) *milvuspb.InsertRequest {
		return &milvuspb.InsertRequest{CollectionName: collection, NumRows: 1,
			FieldsData: []*schemapb.FieldData{ints("year", []int64{1984}), ints("id", []int64{5})}}
	}
	for name, tc := range map[string]struct {
		teach func(*testing.T, milvuspb.MilvusServiceClient)
		want  string
	}{
		"guessed": {func(*testing.T, milvuspb.MilvusServiceClient) {}, "1984"},
		"created": {func(t *testing.T, c milvuspb.MilvusServiceClient) {
			if _, err := c.CreateCollection(t.Context(), &milvuspb.CreateCollectionRequest{CollectionName: "books",
				Schema: marshal(t, schema())}); err != nil {
				t.Fatal(err)
			}
		}, "5"},
		"described": {func(t *testing.T, c milvuspb.MilvusServiceClient) {
			if _, err := c.DescribeCollection(t.Context(), &milvuspb.DescribeCollectionRequest{CollectionName: "books"}); err != nil {
				t.Fatal(err)
			}
		}, "5"},
	} {
		t.Run(name, func(t *testing.T) {
			_, p, client := setup(t)
			tc.teach(t, client)
			if _, err := client.Insert(t.Context(), columns("books")); err != nil {
				t.Fatal(err)
			}
			if w := p.Writes(); w[0].FirstKey != tc.want {
				t.Errorf("key %q, want %q", w[0].FirstKey, tc.want)
			}
		})
	}
}
