package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"milvusdm/tests/content"
)

// TestMigrateSettings: indexes, aliases, properties, consistency level and load state arrive.
func TestMigrateSettings(t *testing.T) {
	t.Parallel()
	from, to := theSource(t), theMilvus(t)
	name, collection := from.collection(t), to.collection(t)
	schema := entity.NewSchema().WithName(name).WithDescription("with everything").WithDynamicFieldEnabled(true).
		WithField(entity.NewField().WithName("key").WithDataType(entity.FieldTypeVarChar).WithIsPrimaryKey(true).WithMaxLength(100)).
		WithField(entity.NewField().WithName("year").WithDataType(entity.FieldTypeInt16)).
		WithField(entity.NewField().WithName("embedding").WithDataType(entity.FieldTypeFloatVector).WithDim(4))
	if err := from.CreateCollection(t.Context(), schema, 2, client.WithConsistencyLevel(entity.ClEventually)); err != nil {
		t.Fatal(err)
	}
	hnsw, err := entity.NewIndexHNSW(entity.COSINE, 12, 90)
	if err != nil {
		t.Fatal(err)
	}
	if err := from.CreateIndex(t.Context(), name, "embedding", hnsw, false, client.WithIndexName("by_meaning")); err != nil {
		t.Fatal(err)
	}
	if err := from.CreateIndex(t.Context(), name, "year", entity.NewScalarIndex(), false, client.WithIndexName("by_year")); err != nil {
		t.Fatal(err)
	}
	alias := collection + "_alias"
	if err := from.CreateAlias(t.Context(), name, alias); err != nil {
		t.Fatal(err)
	}
	if err := from.AlterCollection(t.Context(), name, entity.CollectionTTL(86_400)); err != nil {
		t.Fatal(err)
	}
	keys, years, vectors := []string{`"`, `\`, "", "ü\n"}, []int16{-1, 2, 3, 4}, [][]float32{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}}
	extra := entity.NewColumnJSONBytes("", [][]byte{[]byte(`{"a":1}`), []byte(`{}`), []byte(`{"b":[1,2]}`), []byte(`{"c":null}`)}).WithIsDynamic(true)
	if _, err := from.Insert(t.Context(), name, "", entity.NewColumnVarChar("key", keys), entity.NewColumnInt16("year", years), entity.NewColumnFloatVector("embedding", 4, vectors), extra); err != nil {
		t.Fatal(err)
	}
	from.load(t, name)
	path := migrate(t, "job-"+collection, from.address, fmt.Sprintf("[{name: %s, as: %s}]", name, collection), to.address, nil, []string{"verify: full"})
	if r := verified(t, "run", path); r.Verified != "full" {
		t.Errorf("verified by %q", r.Verified)
	}
	raw := func(m *milvus, name string) (*milvuspb.DescribeCollectionResponse, map[string]string) {
		service := m.Client.(*client.GrpcClient).Service
		d, err := service.DescribeCollection(t.Context(), &milvuspb.DescribeCollectionRequest{CollectionName: name})
		if err != nil {
			t.Fatal(err)
		}
		ix, err := service.DescribeIndex(t.Context(), &milvuspb.DescribeIndexRequest{CollectionName: name})
		if err != nil {
			t.Fatal(err)
		}
		indexes := map[string]string{}
		for _, i := range ix.GetIndexDescriptions() {
			indexes[i.GetIndexName()] = i.GetFieldName() + " " + sorted(i.GetParams())
		}
		return d, indexes
	}
	a, aIndexes := raw(from, name)
	b, bIndexes := raw(to, collection)
	if fmt.Sprint(aIndexes) != fmt.Sprint(bIndexes) {
		t.Errorf("indexes\n%v, want\n%v", bIndexes, aIndexes)
	}
	if a.GetShardsNum() != b.GetShardsNum() || a.GetConsistencyLevel() != b.GetConsistencyLevel() || a.GetSchema().GetDescription() != b.GetSchema().GetDescription() {
		t.Errorf("%v\nwant\n%v", b, a)
	}
	if got := b.GetAliases(); !slices.Equal(got, []string{alias}) {
		t.Errorf("aliases %q, want %q", got, alias)
	}
	if got := sorted(b.GetProperties()); !strings.Contains(got, "collection.ttl.seconds=86400") {
		t.Errorf("properties %s", got)
	}
	if !to.isLoaded(t, collection) {
		t.Error("the copy is not loaded, and the source is")
	}
	want, err := content.Read(t.Context(), from.address, content.Place{Collection: name})
	if err != nil {
		t.Fatal(err)
	}
	to.holdsSum(t, content.Place{Collection: collection}, want.Sum)
	if err := to.DropAlias(t.Context(), alias); err != nil {
		t.Error(err)
	}
}

func sorted(pairs []*commonpb.KeyValuePair) string {
	var out []string
	for _, p := range pairs {
		out = append(out, p.GetKey()+"="+p.GetValue())
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}
