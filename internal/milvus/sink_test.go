package milvus

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
	"milvusdm/tests/stack"
)

func TestEverythingOfACollectionArrives(t *testing.T) {
	const total = 200
	m := newMigration(t, "everything")
	m.dropAfter(t, "everything")
	schema, fields := everyType(total)
	from := &transfer.Description{Schema: schema, Partitions: []string{"_default", "a"}, Settings: &transfer.Settings{
		Collection: "1/2", Aliases: []string{"everything_alias", "everything"}, Shards: 2, Consistency: "Session", Partitions: []string{"a", "empty"},
		Properties: map[string]string{ttlProperty: "86400", "mmap.enabled": "true", "custom": "x", ownerProperty: "another job", fillingPrefix + "a": "another"},
		Loaded:     true, Replicas: 3,
		Indexes: []transfer.FieldIndex{
			{Field: "vector", Name: "by_vector", Params: map[string]string{indexType: "HNSW", metricType: "COSINE", "params": `{"M":"8","efConstruction":"64"}`}},
			{Field: "int64", Name: "by_int64", Params: map[string]string{indexType: "STL_SORT"}},
			{Field: "text", Name: "by_text", Params: map[string]string{indexType: "Trie"}},
		}}}
	plan := m.inspect(from)
	notes := strings.Join(plan.Notes, "\n")
	for _, want := range []string{"rows expire 86400 seconds", "alias everything is not made", "3 replicas in the source and with 1 here"} {
		if !strings.Contains(notes, want) {
			t.Errorf("%q does not say %q", notes, want)
		}
	}
	target := m.fill(from, total/2, map[string][]*schemapb.FieldData{"_default": halfOf(t, fields, 0, total/2), "a": halfOf(t, fields, total/2, total)})
	if n, err := m.sink().Count(context.Background(), target); err != nil || n != total {
		t.Errorf("%d rows: %v", n, err)
	}
	if ttl := m.see(target.Name).Properties[ttlProperty]; ttl != "" {
		t.Errorf("rows live %s s before they are counted", ttl)
	}
	m.finish(target)

	is := m.see("everything")
	same(t, is.Schema, schema)
	if m.see("everything_alias").ID != is.ID || is.Shards != 2 || is.Consistency != commonpb.ConsistencyLevel_Session {
		t.Errorf("%+v", is)
	}
	if want := map[string]string{ttlProperty: "86400", "mmap.enabled": "true", "custom": "x", ownerProperty: ""}; !maps.Equal(is.Properties, want) {
		t.Errorf("properties %v", is.Properties)
	}
	partitions, err := m.sink().partitionNames(context.Background(), "everything")
	if slices.Sort(partitions); err != nil || !slices.Equal(partitions, []string{"_default", "a", "empty"}) {
		t.Errorf("partitions %v, %v", partitions, err)
	}
	if a, rest, empty := m.rows("everything", "a"), m.rows("everything", "_default"), m.rows("everything", "empty"); a != total/2 || rest != total/2 || empty != 0 {
		t.Errorf("%d rows in a, %d in _default, %d in empty", a, rest, empty)
	}
	indexes, err := m.indexes(context.Background(), "everything")
	if err != nil || len(indexes) != 3 {
		t.Fatalf("indexes %v, %v", indexes, err)
	}
	for _, d := range indexes {
		i := slices.IndexFunc(from.Settings.Indexes, func(ix transfer.FieldIndex) bool { return ix.Name == d.GetIndexName() })
		if i < 0 || from.Settings.Indexes[i].Field != d.GetFieldName() || !maps.Equal(paramsOf(d), from.Settings.Indexes[i].Params) {
			t.Errorf("index %v", d)
		}
	}
	m.holds("everything", "key", fields)
}

func TestPartitionKeyChoosesPartitions(t *testing.T) {
	const total = 100
	m := newMigration(t, "partition_key")
	m.dropAfter(t, "partition_key")
	tenant := rows.VarCharField("tenant", 20)
	tenant.IsPartitionKey = true
	from, fields := plainRows(total)
	from.Schema.Fields = append(from.Schema.Fields, tenant)
	from.Partitions, from.Settings.KeyPartitions = nil, 5
	tenants := make([]string, total)
	for i := range tenants {
		tenants[i] = fmt.Sprint("t", i%7)
	}
	fields = append(fields, rows.VarCharColumn("tenant", tenants))
	m.target.Partition = "_default_1"
	m.refuses(from, fault.Config, "chooses partitions by its field \"tenant\"")
	m.target.Partition = ""
	m.run(from, total, map[string][]*schemapb.FieldData{"": fields})
	is := m.see("partition_key")
	same(t, is.Schema, from.Schema)
	if is.KeyPartitions != 5 || m.rows("partition_key") != total {
		t.Errorf("%d partitions, %d rows", is.KeyPartitions, m.rows("partition_key"))
	}
	m.holds("partition_key", "id", fields)
	// what is there is found by an upsert, which names no partition
	again := m.run(from, total, map[string][]*schemapb.FieldData{"": fields})
	if n, err := m.sink().CountKeys(context.Background(), again, &rows.Keys{Ints: fields[0].GetScalars().GetLongData().GetData()}, ""); err != nil || n != total {
		t.Errorf("%d rows of %d keys, %v", n, total, err)
	}
}

func TestAppendMakesMissingPartitions(t *testing.T) {
	m := newMigration(t, "append_partitions")
	from, fields := plainRows(50)
	m.make(t, "append_partitions", from.Schema.CollectionSchema)
	from.Partitions = []string{"_default", "a", "b"}
	from.Settings.Partitions, from.Settings.Aliases = []string{"a", "b", "c"}, []string{"append_alias"}
	plan := m.inspect(from)
	if plan.Action != transfer.ActionAppend || !plan.OtherPartitions || plan.Indexed || plan.StagingName != "" || plan.KeepLoaded {
		t.Errorf("%+v", plan)
	}
	m.run(from, 25, map[string][]*schemapb.FieldData{"a": halfOf(t, fields, 0, 25), "b": halfOf(t, fields, 25, 50)})
	names, err := m.sink().partitionNames(context.Background(), "append_partitions")
	if slices.Sort(names); err != nil || !slices.Equal(names, []string{"_default", "a", "b"}) {
		t.Errorf("partitions %v, %v", names, err)
	}
	if m.rows("append_partitions", "a") != 25 || m.rows("append_partitions", "b") != 25 {
		t.Error("rows are in the wrong partitions")
	}
	if there, err := m.describe(context.Background(), "append_alias"); err != nil || there != nil {
		t.Errorf("an alias was made of a collection that was there: %v, %v", there, err)
	}
}

func TestEveryDifferenceIsNamed(t *testing.T) {
	m := newMigration(t, "differences")
	want, _ := everyType(0)
	other, _ := everyType(0)
	other.EnableDynamicField = false
	f := func(name string) *schemapb.FieldSchema { return other.Field(name) }
	f("text").TypeParams[0].Value = "299"
	f("int8").DataType, f("int64").IsPartitionKey = schemapb.DataType_Int16, true
	f("texts").TypeParams[0].Value = "19"
	f("int64s").ElementType = schemapb.DataType_Int32
	f("vector").TypeParams[0].Value = "5"
	f("key").IsPrimaryKey = false
	f("json").Name = "jason"
	f("int32").DataType, f("int32").IsPrimaryKey, f("int32").AutoID = schemapb.DataType_Int64, true, true
	m.make(t, "differences", other.CollectionSchema)
	from := &transfer.Description{Schema: want, Settings: flat("vector")}
	m.refuses(from, fault.Conflict, `"text": max_length 299, the source's 300`, `"int8": type Int16, the source's Int8`, `"int64": partition key yes, the source's no`,
		`"texts": max_capacity 19, the source's 20`, `"int64s": type Array of Int32, the source's Array of Int64`, `"vector": dimension 5, the source's 4`,
		`"key": primary key no, the source's yes`, `"json" (JSON) is not there`, `its field "jason" (JSON) is not in the source`,
		`"int32" is made by the server (autoID)`, "dynamic field: has none, the source's collection has one")
	m.target.Mode = job.Skip
	if plan := m.inspect(from); plan.Action != transfer.ActionSkip {
		t.Errorf("%+v", plan)
	}
	m.target.Mode = job.Overwrite
	if plan := m.inspect(from); plan.Action != transfer.ActionReplace {
		t.Errorf("%+v", plan)
	}
}

func TestTheSourceIsNoTarget(t *testing.T) {
	m := newMigration(t, "itself")
	from, _ := plainRows(0)
	m.make(t, "itself", from.Schema.CollectionSchema)
	from.Settings.Collection = m.see("itself").incarnation()
	for _, mode := range []job.Mode{job.Append, job.Overwrite, job.Skip} {
		m.target.Mode = mode
		m.refuses(from, fault.Config, "is the source itself")
	}
}

func TestDatabaseIsMade(t *testing.T) {
	ctx := context.Background()
	m := newMigration(t, "in_a_database")
	m.target.Database = "made_by_a_job"
	from, fields := plainRows(10)
	settings := from.Settings
	from.Settings = nil
	m.refuses(from, fault.NotFound, "made_by_a_job")
	from.Settings = settings
	plan := m.inspect(from)
	if !strings.Contains(strings.Join(plan.Notes, "\n"), "database made_by_a_job is not there and is made") || !strings.HasSuffix(plan.LockID, "/made_by_a_job/in_a_database") {
		t.Errorf("%+v", plan)
	}
	if err := m.sink().Discard(ctx, &transfer.Target{Plan: *plan, Name: plan.StagingName, Fresh: true}); err != nil {
		t.Error(err)
	}
	m.run(from, 10, map[string][]*schemapb.FieldData{"_default": fields})
	there := &testConn{&m.sink().conn}
	t.Cleanup(func() {
		there.must(t, "drop")(there.raw.DropCollection(ctx, &milvuspb.DropCollectionRequest{CollectionName: "in_a_database"}))
		m.must(t, "drop the database")(m.raw.DropDatabase(ctx, &milvuspb.DropDatabaseRequest{DbName: "made_by_a_job"}))
	})
	there.holdsIn(m, "in_a_database", fields)
}

func TestServerMakesNewKeys(t *testing.T) {
	m := newMigration(t, "new_keys")
	m.dropAfter(t, "new_keys")
	from, fields := plainRows(20)
	m.target.IDs = "new"
	m.refuses(from, fault.Config, "accept_repeats: true")
	m.target.AcceptRepeats = true
	m.run(from, 20, map[string][]*schemapb.FieldData{"_default": fields})
	if key := m.see("new_keys").Schema.PrimaryKey(); !key.GetAutoID() || m.rows("new_keys") != 20 {
		t.Errorf("%v, %d rows", key, m.rows("new_keys"))
	}
	if n := len(m.keys(t, "new_keys", "id >= 0 and id < 20").Ints); n != 0 {
		t.Errorf("%d keys are the source's", n)
	}
	// into what is there, by insert as well
	m.run(from, 20, map[string][]*schemapb.FieldData{"_default": fields})
	if n := m.rows("new_keys"); n != 40 {
		t.Errorf("%d rows", n)
	}
	m.target.IDs = "keep"
	m.refuses(from, fault.Conflict, "target.milvus.ids: new makes new ones")
	plain := newMigration(t, "plain_keys")
	plain.make(t, "plain_keys", from.Schema.CollectionSchema)
	plain.target.IDs, plain.target.AcceptRepeats = "new", true
	plain.refuses(from, fault.Conflict, "target.milvus.ids: new is not available")
}

func TestServersKeysAreKept(t *testing.T) {
	m := newMigration(t, "kept_keys")
	m.dropAfter(t, "kept_keys")
	from, fields := plainRows(20)
	from.Schema.PrimaryKey().AutoID = true
	if notes := strings.Join(m.inspect(from).Notes, "\n"); !strings.Contains(notes, "from now on applications send them") {
		t.Error(notes)
	}
	m.run(from, 20, map[string][]*schemapb.FieldData{"_default": fields})
	m.holds("kept_keys", "id", fields)
}

func TestAliasOfAnotherCollectionStaysThere(t *testing.T) {
	ctx := context.Background()
	m := newMigration(t, "aliases")
	m.dropAfter(t, "aliases")
	from, fields := plainRows(10)
	other := m.make(t, "aliases_other", from.Schema.CollectionSchema)
	for _, alias := range []string{"taken", "taken_later"} {
		t.Cleanup(func() { m.must(t, "drop alias")(m.raw.DropAlias(ctx, &milvuspb.DropAliasRequest{Alias: alias})) })
	}
	m.must(t, "make alias")(m.raw.CreateAlias(ctx, &milvuspb.CreateAliasRequest{CollectionName: other, Alias: "taken"}))
	from.Settings.Aliases = []string{"taken", "taken_later", "aliases_other", "free"}
	plan := m.inspect(from)
	if !slices.Equal(plan.Settings.Aliases, []string{"taken_later", "free"}) {
		t.Errorf("%v", plan.Settings.Aliases)
	}
	notes := strings.Join(plan.Notes, "\n")
	for _, want := range []string{"alias taken is not made: it is an alias of collection aliases_other", "alias aliases_other is not made: it is the name of another collection"} {
		if !strings.Contains(notes, want) {
			t.Errorf("%q does not say %q", notes, want)
		}
	}
	target := m.fill(from, 10, map[string][]*schemapb.FieldData{"_default": fields})
	m.must(t, "make alias")(m.raw.CreateAlias(ctx, &milvuspb.CreateAliasRequest{CollectionName: other, Alias: "taken_later"}))
	m.finish(target)
	t.Cleanup(func() { m.must(t, "drop alias")(m.raw.DropAlias(ctx, &milvuspb.DropAliasRequest{Alias: "free"})) })
	if m.see("free").Name != "aliases" || m.see("taken").Name != other || m.see("taken_later").Name != other {
		t.Error("an alias moved")
	}
	// those of a collection that is replaced stay with its name
	m.target.Mode, m.stage = job.Overwrite, "4567cdef"
	before := m.see("aliases").ID
	from.Settings.Aliases = []string{"free"}
	m.run(from, 10, map[string][]*schemapb.FieldData{"_default": fields})
	if now := m.see("free"); now.Name != "aliases" || now.ID == before {
		t.Errorf("%+v, before %d", now, before)
	}
}

func TestServerRefusesAnIndexBeforeRowsAreSent(t *testing.T) {
	m := newMigration(t, "bad_index")
	from, _ := plainRows(0)
	from.Settings.Indexes[0].Params[indexType] = "NO_SUCH_INDEX"
	s := m.sink()
	plan := m.inspect(from)
	_, err := s.Prepare(context.Background(), plan)
	if err == nil || fault.KindOf(err).Transient() || !strings.Contains(err.Error(), "NO_SUCH_INDEX") {
		t.Errorf("%v", err)
	}
	if err := s.Discard(context.Background(), &transfer.Target{Plan: *plan, Name: plan.StagingName, Fresh: true}); err != nil {
		t.Error(err)
	}
	if there, err := m.describe(context.Background(), plan.StagingName); there != nil || err != nil {
		t.Errorf("%v, %v", there, err)
	}
}

// Milvus 2.3.5 makes a collection without what it does not know, and says nothing.
func TestServerThatLeavesSomethingOutIsRefused(t *testing.T) {
	m := newMigration(t, "left_out")
	from, _ := plainRows(0)
	from.Schema.Fields = append(from.Schema.Fields, rows.VarCharField("text", 50), &schemapb.FieldSchema{Name: "n", DataType: schemapb.DataType_Int64})
	s := m.sink()
	plan := m.inspect(from)
	plan.Schema.Field("n").Nullable, plan.Schema.Field("text").IsClusteringKey = true, true
	plan.Schema.Functions = []*schemapb.FunctionSchema{{Name: "f", Type: schemapb.FunctionType_BM25}}
	plan.Schema.StructArrayFields = []*schemapb.StructArrayFieldSchema{{Name: "s"}}
	_, err := s.Prepare(context.Background(), plan)
	if fault.KindOf(err) != fault.Unsupported {
		t.Fatal(err)
	}
	for _, want := range []string{`field "n": nullable no, the source's yes`, `field "text" is no clustering key`, `function "f" is not there`, `array of structs "s" is not there`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	if err := s.Discard(context.Background(), &transfer.Target{Plan: *plan, Name: plan.StagingName, Fresh: true}); err != nil {
		t.Error(err)
	}
	m.refuses(&transfer.Description{Schema: plan.Schema, Settings: from.Settings}, fault.Unsupported, `"n" (a nullable field) needs Milvus 2.5`)
}

// Some that no release notes tell of.
func TestMoreThatMilvus235Holds(t *testing.T) {
	const total = 2000
	m := newMigration(t, "more")
	m.dropAfter(t, "more")
	from, fields := plainRows(total)
	from.Schema.Fields[1] = rows.VectorField("v", schemapb.DataType_Float16Vector, 2)
	fields[1] = rows.Float16VectorColumn("v", 2, make([]byte, 4*total))
	from.Schema.Fields = append(from.Schema.Fields, &schemapb.FieldSchema{Name: "d", DataType: schemapb.DataType_Int64,
		DefaultValue: &schemapb.ValueField{Data: &schemapb.ValueField_LongData{LongData: 5}}})
	numbers := make([]int64, total)
	for i := range numbers {
		numbers[i] = int64(i) * 3
		fields[1].GetVectors().GetFloat16Vector()[4*i] = byte(i)
	}
	fields = append(fields, rows.Int64Column("d", numbers))
	m.run(from, total, map[string][]*schemapb.FieldData{"_default": fields})
	same(t, m.see("more").Schema, from.Schema)
	m.holds("more", "id", fields)
}

// What is too large for a message arrives in parts.
func TestLargeBatchArrives(t *testing.T) {
	const total, dim = 2400, 8000 // 73 MiB
	m := newMigration(t, "large_batch")
	m.dropAfter(t, "large_batch")
	from, fields := plainRows(total)
	from.Schema.Fields[1] = rows.VectorField("v", schemapb.DataType_FloatVector, dim)
	fields[1] = rows.FloatVectorColumn("v", dim, make([]float32, total*dim))
	m.run(from, total, map[string][]*schemapb.FieldData{"_default": fields})
	if n := m.rows("large_batch"); n != total {
		t.Errorf("%d rows", n)
	}
}

// Servers without numbers for collections, and one that can't rename, are written all the same.
func TestMilvusLiteIsWritten(t *testing.T) {
	for _, version := range []string{stack.LiteCpp, stack.LitePython} {
		t.Run(version, func(t *testing.T) {
			server := job.MilvusServer{Address: stack.MilvusLite(t, version).Address, ConnectTimeout: 30 * time.Second}
			c, err := connect(context.Background(), server)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := c.close(); err != nil {
					t.Error(err)
				}
			})
			m := &migration{t, &testConn{c}, job.MilvusTarget{MilvusServer: server, Collection: "lite", Mode: job.Append, Load: "keep"}, "0123abcd"}
			m.dropAfter(t, "lite")
			from, fields := plainRows(20)
			from.Settings.Aliases, from.Settings.Collection = []string{"lite_alias"}, "1/2"
			if notes := strings.Join(m.inspect(from).Notes, "\n"); strings.Contains(notes, "can't rename") != (version == stack.LiteCpp) {
				t.Error(notes)
			}
			m.run(from, 20, map[string][]*schemapb.FieldData{"_default": fields})
			m.holds("lite", "id", fields)
			same(t, m.see("lite").Schema, from.Schema)
			if version == stack.LitePython && m.see("lite_alias").Name != "lite" {
				t.Error("the alias is not there")
			}
			m.target.Mode = job.Overwrite
			m.refuses(from, fault.Unsupported, "drop it first")
			from.Settings.Collection = m.see("lite").incarnation()
			m.refuses(from, fault.Config, "is the source itself")
			// another collection on such a server is not the source
			m.make(t, "lite_other", from.Schema.CollectionSchema)
			m.target.Mode, m.target.Collection = job.Append, "lite_other"
			m.inspect(from)
		})
	}
}
