package milvus

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

func (c *testConn) partition(t *testing.T, collection, name string) {
	t.Helper()
	c.must(t, "make partition "+name)(c.raw.CreatePartition(context.Background(), &milvuspb.CreatePartitionRequest{CollectionName: collection, PartitionName: name}))
}

func (c *testConn) release(t *testing.T, name string) {
	t.Helper()
	c.must(t, "release "+name)(c.raw.ReleaseCollection(context.Background(), &milvuspb.ReleaseCollectionRequest{CollectionName: name}))
}

// sequence is n integers from first on.
func sequence(first int64, n int) []int64 {
	out := make([]int64, n)
	for i := range out {
		out[i] = first + int64(i)
	}
	return out
}

// partitioned makes a collection with 500 rows in _default and 300 and 200 in partitions a and b, loaded.
func partitioned(t *testing.T, c *testConn, name string) string {
	t.Helper()
	schema := readSchema(rows.KeyField("id"))
	schema.EnableDynamicField = true
	c.make(t, name, schema, func(r *milvuspb.CreateCollectionRequest) {
		r.Properties = keyValues(map[string]string{"collection.ttl.seconds": "0", ownerProperty: "another"})
	})
	c.partition(t, name, "a")
	c.partition(t, name, "b")
	meta := func(n int) *schemapb.FieldData {
		texts := make([][]byte, n)
		for i := range texts {
			texts[i] = fmt.Appendf(nil, `{"more": %d}`, i)
		}
		f := rows.JSONColumn(rows.MetaField, texts)
		f.IsDynamic = true
		return f
	}
	for i, p := range []string{"", "a", "b"} {
		n := []int{500, 300, 200}[i]
		c.insert(t, name, p, n, append(filled(rows.Int64Column("id", sequence(int64(10_000*i), n)), n, 0), meta(n))...)
	}
	c.indexAndLoad(t, name, "v")
	return name
}

func TestReadsWhatTheJobChooses(t *testing.T) {
	c := testServer(t)
	name := partitioned(t, c, "choose")
	for what, x := range map[string]struct {
		choice     job.Collection
		partitions []string
		rows       int
		first      string
	}{
		"all":            {job.Collection{}, []string{"_default", "a", "b"}, 1000, "_default/0"},
		"one partition":  {job.Collection{Partitions: []string{"a"}}, []string{"a"}, 300, "a/10000"},
		"renamed":        {job.Collection{RenamePartitions: map[string]string{"a": "b", "b": "a"}}, []string{"_default", "b", "a"}, 1000, "_default/0"},
		"filter":         {job.Collection{Filter: "n < 100 or n >= 450"}, []string{"_default", "a", "b"}, 350, "_default/0"},
		"limit":          {job.Collection{Limit: 601}, []string{"_default", "a", "b"}, 601, "_default/0"},
		"limit at end":   {job.Collection{Limit: 500}, []string{"_default", "a", "b"}, 500, "_default/0"},
		"limit beyond":   {job.Collection{Limit: 5000}, []string{"_default", "a", "b"}, 1000, "_default/0"},
		"filter, limit":  {job.Collection{Filter: "n >= 190", Limit: 350}, []string{"_default", "a", "b"}, 350, "_default/190"},
		"nothing":        {job.Collection{Filter: "n < 0"}, []string{"_default", "a", "b"}, 0, ""},
		"dynamic filter": {job.Collection{Filter: `more in [7, 8]`}, []string{"_default", "a", "b"}, 6, "_default/7"},
	} {
		t.Run(what, func(t *testing.T) {
			x.choice.Name = name
			src := opened(t, x.choice)
			d, err := src.Describe(context.Background())
			if err != nil || d.Rows != int64(x.rows) || !slices.Equal(d.Partitions, x.partitions) {
				t.Errorf("%d rows in %v, %v; expected %d in %v", d.Rows, d.Partitions, err, x.rows, x.partitions)
			}
			for _, perRange := range []int64{1 << 40, 90} {
				got, ranges := readAll(t, src, perRange, transfer.BatchLimit{Rows: 64, Bytes: 1 << 20})
				if len(got) != x.rows || x.rows > 0 && !slices.Contains(got.keys(), x.first) {
					t.Errorf("%d rows, expected %d with %s", len(got), x.rows, x.first)
				}
				total := int64(0)
				for _, r := range ranges {
					n, err := src.CountRange(context.Background(), r)
					if err != nil || n != r.Rows || r.Repeated != 0 {
						t.Errorf("range %+v counts %d rows, %v", r, n, err)
					}
					total += n
				}
				if total != int64(x.rows) {
					t.Errorf("ranges hold %d rows of %d", total, x.rows)
				}
			}
		})
	}
}

func TestFieldsAreChosenAndRenamed(t *testing.T) {
	c := testServer(t)
	name := partitioned(t, c, "rename")
	c.must(t, "index")(c.raw.CreateIndex(context.Background(), &milvuspb.CreateIndexRequest{CollectionName: name, FieldName: "n", IndexName: "by_n"}))
	src := opened(t, job.Collection{Name: name, Fields: []string{"v", "n"}, RenameFields: map[string]string{"v": "n", "n": "number", "id": "key"}})
	d, err := src.Describe(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if got := allFields(d.Schema); !slices.Equal(got, []string{"key", "n", "number"}) || d.Schema.PrimaryKey().GetName() != "key" || len(d.Notes) != 1 {
		t.Errorf("fields %v, notes %q", got, d.Notes)
	}
	indexes := map[string]string{}
	for _, ix := range d.Settings.Indexes {
		indexes[ix.Name] = ix.Field
	}
	if !cmp.Equal(indexes, map[string]string{"v": "n", "by_n": "number"}) && !cmp.Equal(indexes, map[string]string{"_default_idx_101": "n", "by_n": "number"}) {
		t.Errorf("indexes %v", indexes)
	}
	ranges, err := src.Plan(context.Background(), 1<<40, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	each(t, src, ranges[0], rows.Cursor{}, wide, func(b *rows.Batch) {
		v, numbers := b.Field("n").GetVectors().GetFloatVector().GetData(), b.Field("number").GetScalars().GetLongData().GetData()
		if len(b.Fields) != 3 || b.Rows != 500 || v[4*9] != 9 || numbers[9] != 9 || b.Place(9) != "key 9 of rename/_default" {
			t.Errorf("%d fields, %d rows, %v %v %s", len(b.Fields), b.Rows, v[36], numbers[9], b.Place(9))
		}
	})
	// a whole row has its dynamic field
	src = opened(t, job.Collection{Name: name})
	each(t, src, ranges[0], rows.Cursor{}, wide, func(b *rows.Batch) {
		f := b.Field(rows.MetaField)
		want := fmt.Sprintf(`{"more": %d}`, b.Field("n").GetScalars().GetLongData().GetData()[9])
		if len(b.Fields) != 5 || !f.GetIsDynamic() || string(f.GetScalars().GetJsonData().GetData()[9]) != want {
			t.Errorf("%d fields, %.100v", len(b.Fields), f)
		}
	})
}

func TestSettingsAreThoseOfTheCollection(t *testing.T) {
	c := testServer(t)
	ctx := context.Background()
	schema := readSchema(rows.KeyField("id"))
	schema.Fields[2].IsPartitionKey = true
	name := c.make(t, "settle", schema, func(r *milvuspb.CreateCollectionRequest) {
		r.ShardsNum, r.NumPartitions, r.ConsistencyLevel = 2, 5, commonpb.ConsistencyLevel_Session
		r.Properties = keyValues(map[string]string{"collection.ttl.seconds": "86400", ownerProperty: "somebody"})
	})
	c.insertInts(t, name, "", sequence(0, 1000))
	c.must(t, "alias")(c.raw.CreateAlias(ctx, &milvuspb.CreateAliasRequest{CollectionName: name, Alias: "settle_alias"}))
	t.Cleanup(func() {
		c.must(t, "drop alias")(c.raw.DropAlias(ctx, &milvuspb.DropAliasRequest{Alias: "settle_alias"}))
	})
	c.must(t, "index")(c.raw.CreateIndex(ctx, &milvuspb.CreateIndexRequest{CollectionName: name, FieldName: "v", IndexName: "vx",
		ExtraParams: keyValues(map[string]string{"index_type": "HNSW", "metric_type": "IP", "params": `{"M":"8","efConstruction":"64"}`})}))
	src := opened(t, job.Collection{Name: name})
	d, err := src.Describe(ctx)
	if err != nil {
		t.Fatal(err)
	}
	want := &transfer.Settings{Collection: src.there.incarnation(), Aliases: []string{"settle_alias"}, Properties: map[string]string{"collection.ttl.seconds": "86400"},
		Shards: 2, Consistency: "Session", KeyPartitions: 5,
		Indexes: []transfer.FieldIndex{{Field: "v", Name: "vx", Params: map[string]string{"index_type": "HNSW", "metric_type": "IP", "params": `{"M":"8","efConstruction":"64"}`}}}}
	if diff := cmp.Diff(want, d.Settings); diff != "" {
		t.Error(diff)
	}
	if d.Unloaded == nil || d.Partitions != nil {
		t.Errorf("unloaded %v, partitions %v", d.Unloaded, d.Partitions)
	}
	if _, err := load(src); err != nil {
		t.Fatal(err)
	}
	d, err = src.Describe(ctx)
	if err != nil || d.Unloaded != nil || !d.Settings.Loaded || d.Settings.Replicas != 1 || d.Rows != 1000 {
		t.Errorf("%+v, %v", d, err)
	}
	got, ranges := readAll(t, src, 300, wide)
	if len(got) != 1000 || len(ranges) != 3 || ranges[0].Partition != "" {
		t.Errorf("%d rows in %d ranges", len(got), len(ranges))
	}
}

func TestWhatHappensToTheSourceWhileItIsReadIsTold(t *testing.T) {
	c := testServer(t)
	ctx := context.Background()
	for what, x := range map[string]struct {
		do   func(name string)
		kind fault.Kind
		says string
	}{
		"released": {func(name string) { c.release(t, name) }, fault.Conflict, "was released while it was read"},
		"partition released": {func(name string) {
			c.must(t, "release")(c.raw.ReleasePartitions(ctx, &milvuspb.ReleasePartitionsRequest{CollectionName: name, PartitionNames: []string{"a"}}))
		}, fault.Conflict, "released while it was read: a;"},
		"made anew": {func(name string) {
			if err := (&sink{conn: *c.conn}).drop(ctx, name); err != nil {
				t.Fatal(err)
			}
			partitioned(t, c, name)
		}, fault.SourceChanged, "dropped and made anew"},
		"partition made anew": {func(name string) {
			c.must(t, "release")(c.raw.ReleasePartitions(ctx, &milvuspb.ReleasePartitionsRequest{CollectionName: name, PartitionNames: []string{"a"}}))
			c.must(t, "drop")(c.raw.DropPartition(ctx, &milvuspb.DropPartitionRequest{CollectionName: name, PartitionName: "a"}))
			c.partition(t, name, "a")
			c.must(t, "load")(c.raw.LoadPartitions(ctx, &milvuspb.LoadPartitionsRequest{CollectionName: name, PartitionNames: []string{"a"}, ReplicaNumber: 1}))
		}, fault.SourceChanged, "partition a of collection"},
		"partition dropped": {func(name string) {
			c.must(t, "release")(c.raw.ReleasePartitions(ctx, &milvuspb.ReleasePartitionsRequest{CollectionName: name, PartitionNames: []string{"a"}}))
			c.must(t, "drop")(c.raw.DropPartition(ctx, &milvuspb.DropPartitionRequest{CollectionName: name, PartitionName: "a"}))
		}, fault.SourceChanged, "dropped while it was read"},
	} {
		t.Run(what, func(t *testing.T) {
			name := partitioned(t, c, "change_"+strings.ReplaceAll(what, " ", "_"))
			src := opened(t, job.Collection{Name: name})
			r, err := src.Open(ctx, rows.Range{Partition: "a"}, rows.Cursor{}, transfer.BatchLimit{Rows: 100, Bytes: 1 << 20})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if _, err := r.Next(ctx); err != nil {
				t.Fatal(err)
			}
			x.do(name)
			for range 10 {
				if _, err = r.Next(ctx); err != nil {
					break
				}
			}
			if fault.KindOf(err) != x.kind || !strings.Contains(err.Error(), x.says) {
				t.Errorf("%v, a %s", err, fault.KindOf(err))
			}
			if _, again := r.Next(ctx); again == nil || again.Error() != err.Error() {
				t.Errorf("then %v", again)
			}
		})
	}
}

func TestRowsAreFoundByTheirKeys(t *testing.T) {
	c := testServer(t)
	ctx := context.Background()
	name := partitioned(t, c, "find")
	src := opened(t, job.Collection{Name: name, RenamePartitions: map[string]string{"a": "z"}})
	find := func(src *source, partition string, keys *rows.Keys) content {
		t.Helper()
		got := content{}
		err := src.Find(ctx, partition, keys, func(b *rows.Batch) error {
			for row := range b.Rows {
				key, text := rowText(t, src, b, row)
				got[key] = text
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	keys := &rows.Keys{Ints: append(sequence(490, 30), sequence(10_000, 5)...)}
	if got := find(src, "", keys); len(got) != 15 {
		t.Errorf("found %v", got.keys())
	}
	if got := find(src, "z", keys); len(got) != 5 {
		t.Errorf("found %v", got.keys())
	}
	if got := find(opened(t, job.Collection{Name: name, Filter: "n < 3"}), "", keys); len(got) != 3 {
		t.Errorf("found %v", got.keys())
	}
	if got := find(opened(t, job.Collection{Name: name, Partitions: []string{"a", "b"}}), "", keys); len(got) != 5 {
		t.Errorf("found %v", got.keys())
	}
	if got := find(src, "", &rows.Keys{Ints: sequence(-100_000, 111_000)}); len(got) != 1000-200+0 {
		t.Errorf("found %d", len(got))
	}
}

func TestWrongFiltersAreRefusedWithTheServersWords(t *testing.T) {
	c := testServer(t)
	name := c.make(t, "filters", readSchema(rows.KeyField("id")))
	c.indexAndLoad(t, name, "v")
	for filter, says := range map[string]string{
		"n >> x":            "shift is not supported",
		"n > 3) or (n < 2":  "invalid expression",
		"nosuch > 3":        "field nosuch not exist",
		"n > \"text\"":      "cannot parse expression",
		"(n > 3":            "missing ')'",
		"s like \"a%b\"":    "",
		"n in [1, 2] // no": "cannot parse expression",
	} {
		err := refusal(t, job.Collection{Name: name, Filter: filter})
		if says == "" {
			if err != nil && fault.KindOf(err) != fault.Config {
				t.Errorf("%s: %v", filter, err)
			}
			continue
		}
		if fault.KindOf(err) != fault.Config || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "source.milvus.collections.filters.filter: ") {
			t.Errorf("%s: %v, a %s", filter, err, fault.KindOf(err))
		}
	}
}
