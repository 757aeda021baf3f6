package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
	"google.golang.org/protobuf/encoding/protojson"

	"milvusdm/internal/export"
	"milvusdm/tests/content"
)

// exportJob writes a job that exports collections (a YAML flow sequence) into the run "one" below dir. target and copy are further keys of
// those sections, a line each.
func exportJob(t *testing.T, name, from, collections, dir string, target, copy []string) string {
	t.Helper()
	text := fmt.Sprintf("version: 1\nname: %s\nsource:\n  milvus:\n    address: %s\n    collections: %s\ntarget:\n  hdf5:\n    directory: %s\n    run: one\n",
		name, from, collections, dir)
	for _, line := range target {
		text += "    " + line + "\n"
	}
	if !strings.Contains(strings.Join(copy, ""), "batch_rows:") {
		copy = append(copy, "batch_rows: 200")
	}
	return write(t, name+".yaml", text+"copy:\n  "+strings.Join(copy, "\n  ")+"\n")
}

// loadJob writes a job that loads collections of a run.
func loadJob(t *testing.T, name, run, collections, to string, target, copy []string) string {
	t.Helper()
	text := fmt.Sprintf("version: 1\nname: %s\nsource:\n  export:\n    path: %s\n    collections: %s\ntarget:\n  milvus:\n    address: %s\n", name, run, collections, to)
	for _, line := range target {
		text += "    " + line + "\n"
	}
	return write(t, name+".yaml", text+"copy:\n  "+strings.Join(append(copy, "batch_rows: 300"), "\n  ")+"\n")
}

// collectionOf makes up a name that is dropped on both servers, with its aliases.
func collectionOf(t *testing.T, servers ...*milvus) string {
	t.Helper()
	name := servers[0].collection(t)
	for _, m := range servers {
		t.Cleanup(func() {
			for _, c := range m.collections(t, name) {
				for _, alias := range m.describe(t, c).GetAliases() {
					dropAlias(t, m, alias)
				}
				if err := m.DropCollection(context.Background(), c); err != nil {
					t.Error(err)
				}
			}
		})
	}
	return name
}

func (m *milvus) describe(t *testing.T, collection string) *milvuspb.DescribeCollectionResponse {
	t.Helper()
	d, err := m.Client.(*client.GrpcClient).Service.DescribeCollection(context.Background(), &milvuspb.DescribeCollectionRequest{CollectionName: collection})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// metadata is all that a server says of a collection, without what is the server's own.
func (m *milvus) metadata(t *testing.T, collection string) string {
	t.Helper()
	service := m.Client.(*client.GrpcClient).Service
	d := m.describe(t, collection)
	ix, err := service.DescribeIndex(t.Context(), &milvuspb.DescribeIndexRequest{CollectionName: collection})
	if err != nil {
		t.Fatal(err)
	}
	var indexes []string
	for _, i := range ix.GetIndexDescriptions() {
		indexes = append(indexes, i.GetFieldName()+" "+i.GetIndexName()+" "+sorted(i.GetParams()))
	}
	slices.Sort(indexes)
	aliases := slices.Sorted(slices.Values(d.GetAliases()))
	schema := d.GetSchema()
	schema.Name = ""
	for _, f := range schema.GetFields() {
		slices.SortFunc(f.TypeParams, func(a, b *commonpb.KeyValuePair) int { return strings.Compare(a.Key, b.Key) })
	}
	text, err := protojson.Marshal(schema)
	if err != nil {
		t.Fatal(err)
	}
	var plain any
	if err := json.Unmarshal(text, &plain); err != nil {
		t.Fatal(err)
	}
	text, err = json.MarshalIndent(map[string]any{
		"schema": plain, "aliases": aliases, "indexes": indexes, "partitions": m.partitions(t, collection), "loaded": m.isLoaded(t, collection),
		"shards": d.GetShardsNum(), "consistency": d.GetConsistencyLevel().String(), "properties": sorted(slices.DeleteFunc(d.GetProperties(), func(p *commonpb.KeyValuePair) bool {
			return strings.HasPrefix(p.GetKey(), "milvusdm.")
		})), "keyPartitions": d.GetNumPartitions(),
	}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// same checks that both servers hold a collection with the same rows, in the same partitions, and all else that it is. One
// that is not loaded is loaded for it.
func same(t *testing.T, from *milvus, name string, to *milvus, as string) {
	t.Helper()
	if got, want := to.metadata(t, as), from.metadata(t, name); got != want {
		t.Errorf("%s is\n%s\nwant, as %s,\n%s", as, got, name, want)
	}
	partitions := from.partitions(t, name)
	if from.describe(t, name).GetNumPartitions() > 1 && strings.HasPrefix(partitions[0], "_default_") {
		partitions = []string{""} // a partition key's
	}
	from.load(t, name)
	to.load(t, as)
	for _, p := range partitions {
		want, err := content.Read(t.Context(), from.address, content.Place{Collection: name, Partition: p})
		if err != nil {
			t.Fatal(err)
		}
		to.holdsSum(t, content.Place{Collection: as, Partition: p}, want.Sum)
	}
}

// makeRich makes a collection with string keys, fields of all kinds that the server has, dynamic ones, partitions of which one is empty,
// indexes, an alias, a property and a consistency level of its own; not loaded.
func makeRich(t *testing.T, m *milvus, name string) {
	t.Helper()
	field := func(name string, kind entity.FieldType) *entity.Field {
		return entity.NewField().WithName(name).WithDataType(kind)
	}
	schema := entity.NewSchema().WithName(name).WithDescription("all kinds: \"ü\"").WithDynamicFieldEnabled(true).
		WithField(field("key", entity.FieldTypeVarChar).WithIsPrimaryKey(true).WithMaxLength(200)).
		WithField(field("flag", entity.FieldTypeBool)).WithField(field("tiny", entity.FieldTypeInt8)).WithField(field("small", entity.FieldTypeInt16)).
		WithField(field("medium", entity.FieldTypeInt32)).WithField(field("large", entity.FieldTypeInt64)).WithField(field("real", entity.FieldTypeFloat)).
		WithField(field("precise", entity.FieldTypeDouble)).WithField(field("text", entity.FieldTypeVarChar).WithMaxLength(500).WithDescription("of a title")).
		WithField(field("json", entity.FieldTypeJSON)).
		WithField(field("numbers", entity.FieldTypeArray).WithElementType(entity.FieldTypeInt32).WithMaxCapacity(8)).
		WithField(field("words", entity.FieldTypeArray).WithElementType(entity.FieldTypeVarChar).WithMaxCapacity(8).WithMaxLength(50)).
		WithField(field("embedding", entity.FieldTypeFloatVector).WithDim(dim))
	if err := m.CreateCollection(t.Context(), schema, 2, client.WithConsistencyLevel(entity.ClSession)); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"None", "a_1", "void"} {
		if err := m.CreatePartition(t.Context(), name, p); err != nil {
			t.Fatal(err)
		}
	}
	hnsw, err := entity.NewIndexHNSW(entity.COSINE, 12, 90)
	if err != nil {
		t.Fatal(err)
	}
	for of, index := range map[string]entity.Index{"embedding": hnsw, "large": entity.NewScalarIndex(), "text": entity.NewScalarIndex()} {
		if err := m.CreateIndex(t.Context(), name, of, index, false, client.WithIndexName("by_"+of)); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.CreateAlias(t.Context(), name, name+"_alias"); err != nil {
		t.Fatal(err)
	}
	if err := m.AlterCollection(t.Context(), name, entity.CollectionTTL(864_000)); err != nil {
		t.Fatal(err)
	}
	for i, partition := range []string{"", "None", "a_1"} {
		insertRich(t, m, name, partition, rowSpan{int64(i) * 1000, int64(i)*1000 + 700, i})
	}
}

func insertRich(t *testing.T, m *milvus, name, partition string, r rowSpan) {
	t.Helper()
	var (
		keys, texts   []string
		flags         []bool
		tiny          []int8
		small         []int16
		medium        []int32
		reals         []float32
		precise       []float64
		jsons, extras [][]byte
		numbers       [][]int32
		words         [][][]byte
		vectors       [][]float32
		odd           = []string{`"`, `\`, "日本", "a'b", "\n", " ", "%2E", "\x01"}
	)
	for _, k := range r.keys() {
		o := odd[k%int64(len(odd))]
		keys, texts = append(keys, fmt.Sprintf("%s%d", o, k)), append(texts, strings.Repeat(o, int(k%4)))
		flags, tiny, small = append(flags, k%3 == 0), append(tiny, int8(k)), append(small, int16(-k))
		medium, reals, precise = append(medium, int32(k*1000)), append(reals, float32(k)/3), append(precise, -float64(k)/7)
		jsons = append(jsons, fmt.Appendf(nil, `{"k": %d, "deep": {"list": [1, "two", null]}}`, k))
		extras = append(extras, fmt.Appendf(nil, `{"extra_%d": %d}`, k%5, k))
		numbers = append(numbers, []int32{int32(k), -1, 2}[:k%4%3])
		words = append(words, [][]byte{[]byte(o), []byte("zwei")}[:k%3])
		vectors = append(vectors, vectorOf(k, r.version))
	}
	_, err := m.Insert(t.Context(), name, partition, entity.NewColumnVarChar("key", keys), entity.NewColumnBool("flag", flags), entity.NewColumnInt8("tiny", tiny),
		entity.NewColumnInt16("small", small), entity.NewColumnInt32("medium", medium), entity.NewColumnInt64("large", r.keys()), entity.NewColumnFloat("real", reals),
		entity.NewColumnDouble("precise", precise), entity.NewColumnVarChar("text", texts), entity.NewColumnJSONBytes("json", jsons),
		entity.NewColumnInt32Array("numbers", numbers), entity.NewColumnVarCharArray("words", words), entity.NewColumnFloatVector("embedding", dim, vectors),
		entity.NewColumnJSONBytes("", extras).WithIsDynamic(true))
	if err != nil {
		t.Fatal(err)
	}
}

// makeKeyed makes a collection of binary vectors whose partitions a key chooses.
func makeKeyed(t *testing.T, m *milvus, name string) {
	t.Helper()
	makeKeyedOf(t, m, name, rowSpan{-500, 900, 1})
}

func makeKeyedOf(t *testing.T, m *milvus, name string, r rowSpan) {
	t.Helper()
	schema := entity.NewSchema().WithName(name).
		WithField(entity.NewField().WithName("id").WithDataType(entity.FieldTypeInt64).WithIsPrimaryKey(true)).
		WithField(entity.NewField().WithName("tenant").WithDataType(entity.FieldTypeVarChar).WithMaxLength(20).WithIsPartitionKey(true)).
		WithField(entity.NewField().WithName("bits").WithDataType(entity.FieldTypeBinaryVector).WithDim(64))
	if err := m.CreateCollection(t.Context(), schema, 1, client.WithPartitionNum(5)); err != nil {
		t.Fatal(err)
	}
	index, err := entity.NewIndexBinFlat(entity.JACCARD, 8)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.CreateIndex(t.Context(), name, "bits", index, false); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Insert(t.Context(), name, "", keyedColumns(r)...); err != nil {
		t.Fatal(err)
	}
	m.load(t, name)
}

// keyedColumns are rows of makeKeyed's collection, of 13 tenants.
func keyedColumns(r rowSpan) []entity.Column {
	var tenants []string
	var bits [][]byte
	for _, k := range r.keys() {
		tenants = append(tenants, fmt.Sprintf("t%d", (k+500)%13))
		bits = append(bits, fmt.Appendf(nil, "%08x", uint32(k)))
	}
	return []entity.Column{entity.NewColumnInt64("id", r.keys()), entity.NewColumnVarChar("tenant", tenants),
		entity.NewColumnBinaryVector("bits", 64, bits)}
}

// TestExportAndBack: several collections, whose names are near each other, into files and from there into another server, with
// everything that they are; plain and packed, whole and split.
func TestExportAndBack(t *testing.T) {
	t.Parallel()
	from, to := theSource(t), theMilvus(t)
	name := collectionOf(t, from, to)
	plain, keyed, none := name+"_", name+"_1", name+"_1_"
	makeRich(t, from, name)
	threeParts.make(t, from, plain)
	makeKeyed(t, from, keyed)
	from.createAs(t, none, dim, "north")
	choice := fmt.Sprintf("[%s, %s, %s, %s]", name, plain, keyed, none)
	for what, target := range map[string][]string{
		"plain":  nil,
		"packed": {"compression: gzip", "level: 2", "shuffle: true", "fletcher32: true", "split_rows: 500"},
	} {
		t.Run(what, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "all", "runs")
			result := verified(t, "run", exportJob(t, "out-"+what+"-"+name, from.address, choice, dir, target, []string{"verify: full", "collections: 2"}))
			run := filepath.Join(dir, "one")
			if result.Export != run || result.Verified != "full" || len(result.Collections) != 4 {
				t.Errorf("%+v", result)
			}
			m, err := export.Check(t.Context(), run, export.Checksums, nil)
			if err != nil {
				t.Fatal(err)
			}
			if m.Rows() != 3*700+700+900+300+1400 || m.Verified != "full" || m.Server.Address != from.address {
				t.Errorf("%+v", m)
			}
			if from.isLoaded(t, name) && what == "plain" {
				t.Error("the source is left loaded")
			}
			back := verified(t, "run", loadJob(t, "back-"+what+"-"+name, run, "'*'", to.address, []string{"mode: overwrite"}, []string{"verify: full"}))
			if back.Rows != m.Rows() || back.Verified != "full" {
				t.Errorf("%+v", back)
			}
			for _, c := range []string{plain, keyed, none} {
				same(t, from, c, to, c)
			}
			same(t, from, name, to, name)
			if got := to.collections(t, name); !slices.Equal(got, from.collections(t, name)) {
				t.Errorf("collections %q", got)
			}
			for _, c := range to.collections(t, name) {
				for _, alias := range to.describe(t, c).GetAliases() {
					dropAlias(t, to, alias)
				}
				if err := to.DropCollection(t.Context(), c); err != nil {
					t.Error(err)
				}
			}
			if err := from.ReleaseCollection(t.Context(), name); err != nil {
				t.Error(err)
			}
		})
	}
}
