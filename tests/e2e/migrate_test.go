package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"milvusdm/internal/fault"
	"milvusdm/tests/content"
	"milvusdm/tests/faultproxy"
	"milvusdm/workflows"
)

// migrate writes a job that copies collections (a YAML flow sequence) from one address to another. target and copy are
// further keys of those sections, a line each.
func migrate(t *testing.T, name, from, collections, to string, target, copy []string) string {
	t.Helper()
	text := fmt.Sprintf("version: 1\nname: %s\nsource:\n  milvus:\n    address: %s\n    collections: %s\ntarget:\n  milvus:\n    address: %s\n", name, from, collections, to)
	for _, line := range target {
		text += "    " + line + "\n"
	}
	if !strings.Contains(strings.Join(copy, ""), "batch_rows:") {
		copy = append(copy, "batch_rows: 200")
	}
	text += "copy:\n"
	for _, line := range copy {
		text += "  " + line + "\n"
	}
	return write(t, name+".yaml", text)
}

// partly is a collection on the source's server: rows by partition.
type partly map[string]rows

// make makes the collection, loaded.
func (p partly) make(t *testing.T, m *milvus, name string) {
	t.Helper()
	var partitions []string
	for partition := range p {
		if partition != "_default" {
			partitions = append(partitions, partition)
		}
	}
	slices.Sort(partitions)
	m.createAs(t, name, dim, partitions...)
	for partition, r := range p {
		m.insert(t, name, partition, r)
	}
	m.load(t, name)
}

var threeParts = partly{"_default": {0, 700, 1}, "north": {1000, 1900, 1}, "south": {5000, 5300, 1}}

// TestMigrateWhole: a collection with three partitions, onto each state of the target, in each mode.
func TestMigrateWhole(t *testing.T) {
	t.Parallel()
	from := theSource(t)
	name := from.collection(t)
	threeParts.make(t, from, name)
	before := rows{9000, 9100, 2}
	for _, c := range []struct {
		mode     string
		there    bool // the target has a collection with one other row set in partition north
		want     partly
		skipped  bool
		existing string
	}{
		{mode: "append", want: threeParts},
		{mode: "skip", want: threeParts},
		{mode: "overwrite", want: threeParts},
		{mode: "append", there: true, want: partly{"_default": {0, 700, 1}, "south": {5000, 5300, 1}, "north": {1000, 1900, 1}}},
		{mode: "skip", there: true, want: partly{"north": before}, skipped: true},
		{mode: "overwrite", there: true, want: threeParts},
	} {
		t.Run(fmt.Sprintf("%s, %v", c.mode, c.there), func(t *testing.T) {
			t.Parallel()
			to := theMilvus(t)
			collection := to.collection(t)
			if c.there {
				to.createAs(t, collection, dim, "north")
				to.insert(t, collection, "north", before)
				to.load(t, collection)
			}
			path := migrate(t, "job-"+collection, from.address, fmt.Sprintf("[{name: %s, as: %s}]", name, collection), to.address, []string{"mode: " + c.mode}, nil)
			if c.skipped {
				milvusdm(t, "run", path).exits(fault.ExitOK).says("skip")
			} else {
				verified(t, "run", path)
			}
			to.only(t, collection, true)
			for partition, r := range c.want {
				sets := []rows{r}
				if c.there && c.mode == "append" && partition == "north" {
					sets = append(sets, before)
				}
				to.holds(t, collection, partition, sets...)
			}
		})
	}
}

// TestMigrateParts: chosen partitions one after another into the same collection, under other names, and refilled.
func TestMigrateParts(t *testing.T) {
	t.Parallel()
	from, to := theSource(t), theMilvus(t)
	name, collection := from.collection(t), to.collection(t)
	threeParts.make(t, from, name)
	job := func(mode, choice string) string {
		return migrate(t, "job-"+collection, from.address, fmt.Sprintf("[{name: %s, as: %s, %s}]", name, collection, choice), to.address, []string{"mode: " + mode}, nil)
	}
	verified(t, "run", job("append", "partitions: [north]"))
	to.holds(t, collection, "north", threeParts["north"])
	verified(t, "run", job("append", "partitions: [_default, south], rename_partitions: {south: sued}"))
	to.holds(t, collection, "sued", threeParts["south"])
	to.holds(t, collection, "", threeParts["_default"], threeParts["north"], threeParts["south"])
	verified(t, "run", job("overwrite", "partitions: [north]"))
	to.holds(t, collection, "", threeParts["_default"], threeParts["north"], threeParts["south"])
	milvusdm(t, "run", job("skip", "partitions: [north]")).exits(fault.ExitOK).says("skip")
	if got, want := to.partitions(t, collection), []string{"_default", "north", "sued"}; !slices.Equal(got, want) {
		t.Errorf("partitions %q, want %q", got, want)
	}
	milvusdm(t, "run", job("append", "partitions: [north]")).fails(fault.Conflict).says("already")
}

// TestMigrateChoice: a filter, a limit, fields and their names.
func TestMigrateChoice(t *testing.T) {
	t.Parallel()
	from := theSource(t)
	name := from.collection(t)
	all := rows{-300, 900, 1}
	partly{"_default": all}.make(t, from, name)
	for what, c := range map[string]struct {
		choice string
		want   rows
	}{
		"filter":            {"filter: 'id >= 100 and id < 400'", rows{100, 400, 1}},
		"limit":             {"limit: 450", rows{-300, 150, 1}},
		"filter and limit":  {"filter: 'id > 0', limit: 10", rows{1, 11, 1}},
		"nothing is chosen": {"filter: 'id > 100000'", rows{0, 0, 1}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			to := theMilvus(t)
			collection := to.collection(t)
			path := migrate(t, "job-"+collection, from.address, fmt.Sprintf("[{name: %s, as: %s, %s}]", name, collection, c.choice), to.address, nil, []string{"range_rows: 250"})
			verified(t, "run", path)
			to.holds(t, collection, "", c.want)
		})
	}
	t.Run("fields", func(t *testing.T) {
		t.Parallel()
		to := theMilvus(t)
		collection := to.collection(t)
		path := migrate(t, "job-"+collection, from.address, fmt.Sprintf("[{name: %s, as: %s, rename_fields: {id: number, embedding: vector}}]", name, collection), to.address, nil, nil)
		verified(t, "run", path)
		described, err := to.DescribeCollection(t.Context(), collection)
		if err != nil {
			t.Fatal(err)
		}
		if f := described.Schema.Fields; len(f) != 2 || f[0].Name != "number" || !f[0].PrimaryKey || f[1].Name != "vector" {
			t.Errorf("fields %v", f)
		}
		if got, err := content.Read(t.Context(), to.address, content.Place{Collection: collection}); err != nil || got.Count != int64(all.count()) || got.Duplicates() != 0 {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// TestMigrateRepeats: keys that stand twice, which only a count shows.
func TestMigrateRepeats(t *testing.T) {
	t.Parallel()
	from, to := theSource(t), theMilvus(t)
	name, collection := from.collection(t), to.collection(t)
	all, twice := rows{0, 60_000, 1}, rows{0, 40_000, 1}
	from.createAs(t, name, dim)
	from.insert(t, name, "", all)
	from.insert(t, name, "", twice)
	from.load(t, name)
	choice := fmt.Sprintf("[{name: %s, as: %s}]", name, collection)
	milvusdm(t, "run", migrate(t, "job-"+collection, from.address, choice, to.address, nil, nil)).fails(fault.Config).says("40000 rows more than primary keys", "on_duplicate: one")
	to.only(t, collection, false)
	result := verified(t, "run", migrate(t, "job-"+collection, from.address, choice, to.address, nil, []string{"on_duplicate: one", "batch_rows: 8000"}))
	if !strings.Contains(strings.Join(result.Notes, "\n"), "40000 rows are left out") {
		t.Errorf("notes %q", result.Notes)
	}
	to.holds(t, collection, "", all)
}

// TestMigrateMany: several collections, of which one can't be copied; the others are, and the next run does only what is left.
func TestMigrateMany(t *testing.T) {
	t.Parallel()
	from, to := theSource(t), theMilvus(t)
	prefix := from.collection(t)
	target := to.collection(t)
	var choice []string
	for i := range 3 {
		name := fmt.Sprintf("%s_%d", prefix, i)
		partly{"_default": {int64(i) * 1000, int64(i)*1000 + 400, 1}}.make(t, from, name)
		choice = append(choice, fmt.Sprintf("{name: %s, as: %s_%d}", name, target, i))
	}
	inTheWay := fmt.Sprintf("%s_1", target)
	to.createAs(t, inTheWay, dim+1)
	path := migrate(t, "job-"+target, from.address, "["+strings.Join(choice, ", ")+"]", to.address, nil, []string{"collections: 2"})
	milvusdm(t, "run", path).exits(fault.ExitCode(fault.Conflict)).says("1 of 3 collections", inTheWay, "dim")
	for _, i := range []int{0, 2} {
		to.holds(t, fmt.Sprintf("%s_%d", target, i), "", rows{int64(i) * 1000, int64(i)*1000 + 400, 1})
	}
	if err := to.DropCollection(t.Context(), inTheWay); err != nil {
		t.Fatal(err)
	}
	result := milvusdm(t, "-o", "json", "run", path).exits(fault.ExitOK).document().Result
	if result == nil || len(result.Collections) != 3 || result.Rows != 1200 {
		t.Errorf("%+v", result)
	}
	to.holds(t, inTheWay, "", rows{1000, 1400, 1})
}

// TestMigrateLiveSource: rows are inserted, changed and deleted in the source during the copy. Every row that is not touched
// arrives, once.
func TestMigrateLiveSource(t *testing.T) {
	t.Parallel()
	from, to := theSource(t), theMilvus(t)
	name, collection := from.collection(t), to.collection(t)
	untouched := rows{0, 6000, 1}
	from.createAs(t, name, dim)
	from.insert(t, name, "", untouched)
	from.insert(t, name, "", rows{10_000, 12_000, 1}) // these are changed and deleted
	from.load(t, name)
	proxy := faultproxy.Start(t, to.address)
	slow(proxy, 60*time.Millisecond)
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() { stopped <- disturb(t, from, name, stop) }()
	path := migrate(t, "job-"+collection, from.address, fmt.Sprintf("[{name: %s, as: %s}]", name, collection), proxy.Addr(), nil, []string{"range_rows: 1500", "verify: full"})
	result := verified(t, "run", path)
	close(stop)
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	if result.Rows < int64(untouched.count()) {
		t.Errorf("%d rows were copied", result.Rows)
	}
	read, err := to.Query(t.Context(), collection, nil, "id < 6000", []string{"count(*)"})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := read.GetColumn("count(*)").GetAsInt64(0); err != nil || n != int64(untouched.count()) {
		t.Errorf("%d of the %d untouched rows arrived, %v", n, untouched.count(), err)
	}
	if got, err := content.Read(t.Context(), to.address, content.Place{Collection: collection}); err != nil || got.Duplicates() != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

// disturb writes into the source until it is told to stop.
func disturb(t *testing.T, m *milvus, name string, stop <-chan struct{}) error {
	for i := int64(0); ; i++ {
		select {
		case <-stop:
			return nil
		case <-time.After(20 * time.Millisecond):
		}
		added := rows{20_000 + 10*i, 20_000 + 10*i + 10, 1}
		m.insert(t, name, "", added)
		changed := rows{10_000 + i%1000, 10_000 + i%1000 + 1, 2}
		_, err := m.Upsert(t.Context(), name, "", entity.NewColumnInt64("id", changed.keys()), entity.NewColumnFloatVector("embedding", dim, [][]float32{vectorOf(changed.from, 2)}))
		if err == nil {
			err = m.Delete(t.Context(), name, "", fmt.Sprintf("id in [%d]", 11_000+i%1000))
		}
		if err != nil {
			return err
		}
	}
}

// TestMigrateRefusals: quotas and messages that are too large, on both sides, slow a copy down and never fail it.
func TestMigrateRefusals(t *testing.T) {
	t.Parallel()
	from, to := theSource(t), theMilvus(t)
	name, collection := from.collection(t), to.collection(t)
	all := rows{0, 3000, 1}
	partly{"_default": all}.make(t, from, name)
	source, target := faultproxy.Start(t, from.address), faultproxy.Start(t, to.address)
	for nth := 2; nth < 14; nth += 3 {
		for _, p := range []*faultproxy.Proxy{source, target} {
			method := "Query"
			if p == target {
				method = faultproxy.AnyWrite
			}
			p.On(faultproxy.Rule{Method: method, Nth: nth, Do: faultproxy.RateLimited, Match: notCount})
			p.On(faultproxy.Rule{Method: method, Nth: nth + 1, Do: faultproxy.TooLarge, Match: notCount})
		}
	}
	path := migrate(t, "job-"+collection, source.Addr(), fmt.Sprintf("[{name: %s, as: %s}]", name, collection), target.Addr(), nil, nil)
	if result := verified(t, "run", path); result.Lost != 0 {
		t.Errorf("%d attempts were lost", result.Lost)
	}
	to.holds(t, collection, "", all)
}

func notCount(c *faultproxy.Call) bool { return !faultproxy.IsCount(c) }

// TestMigrateUnloaded: a source that is not loaded is loaded for the copy and released again, also when the copy fails.
func TestMigrateUnloaded(t *testing.T) {
	t.Parallel()
	from, to := theSource(t), theMilvus(t)
	name, collection := from.collection(t), to.collection(t)
	all := rows{0, 500, 1}
	from.createAs(t, name, dim)
	from.insert(t, name, "", all)
	choice := fmt.Sprintf("[{name: %s, as: %s}]", name, collection)
	path := migrate(t, "job-"+collection, from.address, choice, to.address, nil, nil)
	milvusdm(t, "plan", path).exits(fault.ExitOK)
	if from.isLoaded(t, name) {
		t.Error("plan loads the source")
	}
	verified(t, "run", path)
	if from.isLoaded(t, name) {
		t.Error("the source is left loaded")
	}
	to.load(t, collection)
	to.holds(t, collection, "", all)
	milvusdm(t, "run", path).fails(fault.Conflict).says("already")
	if from.isLoaded(t, name) {
		t.Error("the source is left loaded by a job that failed")
	}
}

// TestMigrateSourceGone: a source that is dropped in the middle fails the copy, and the target's name stays as it was.
func TestMigrateSourceGone(t *testing.T) {
	t.Parallel()
	from, to := theSource(t), theMilvus(t)
	name, collection := from.collection(t), to.collection(t)
	partly{"_default": {0, 6000, 1}}.make(t, from, name)
	proxy := faultproxy.Start(t, to.address)
	path := migrate(t, "job-"+collection, from.address, fmt.Sprintf("[{name: %s, as: %s}]", name, collection), proxy.Addr(), nil, []string{"range_rows: 1000"})
	job := startSlow(t, proxy, path)
	if err := from.DropCollection(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	milvusdm(t, "status", "--follow", job).fails(fault.SourceChanged).says(name)
	if got := to.collections(t, collection); slices.Contains(got, collection) {
		t.Errorf("the server has collections %q", got)
	}
}

// TestMigrateBadJobs: what is wrong with a job is said before anything is written.
func TestMigrateBadJobs(t *testing.T) {
	t.Parallel()
	from, to := theSource(t), theMilvus(t)
	name, collection := from.collection(t), to.collection(t)
	threeParts.make(t, from, name)
	other := to.collection(t)
	to.createAs(t, other, dim+1)
	for what, c := range map[string]struct {
		choice, address string
		target          []string
		kind            fault.Kind
		says            []string
	}{
		"no collection":      {choice: "[nowhere_to_be_found]", kind: fault.NotFound, says: []string{"nowhere_to_be_found"}},
		"no partition":       {choice: fmt.Sprintf("[{name: %s, partitions: [east]}]", name), kind: fault.NotFound, says: []string{"east", "north", "south"}},
		"no field":           {choice: fmt.Sprintf("[{name: %s, fields: [colour]}]", name), kind: fault.Config, says: []string{"colour", "embedding"}},
		"a bad filter":       {choice: fmt.Sprintf("[{name: %s, filter: 'id >< 5'}]", name), kind: fault.Config, says: []string{"filter", name, "id >< 5"}},
		"another schema":     {choice: fmt.Sprintf("[{name: %s, as: %s}]", name, other), kind: fault.Conflict, says: []string{"embedding", "dim", "8", "9"}},
		"itself":             {choice: "[" + name + "]", address: from.address, kind: fault.Config, says: []string{"itself"}},
		"itself, localhost":  {choice: "[" + name + "]", address: strings.Replace(from.address, "127.0.0.1", "localhost", 1), kind: fault.Config, says: []string{"itself"}},
		"itself, by a proxy": {choice: "[" + name + "]", address: faultproxy.Start(t, from.address).Addr(), kind: fault.Config, says: []string{"is the source itself"}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			address := to.address
			if c.address != "" {
				address = c.address
			}
			path := migrate(t, "job-"+collection+"-"+strings.NewReplacer(" ", "-", ",", "").Replace(what), from.address, c.choice, address, c.target, nil)
			for _, command := range []string{"plan", "run"} {
				milvusdm(t, command, path).fails(c.kind).says(c.says...)
			}
		})
	}
}

// TestMigrateAMillion: a collection of a million rows with skewed keys in three partitions: one alone, then the rest.
func TestMigrateAMillion(t *testing.T) {
	from, to := theSource(t), theMilvus(t)
	name, collection := from.collection(t), to.collection(t)
	want := fillSkewed(t, from, name, 1_000_000)
	run := func(choice string) *workflows.Result {
		path := migrate(t, "job-"+collection, from.address, fmt.Sprintf("[{name: %s, as: %s, partitions: %s}]", name, collection, choice), to.address,
			nil, []string{"batch_rows: 8000", "range_rows: 100000"})
		return milvusdm(t, "-o", "json", "run", path).exits(fault.ExitOK).document().Result
	}
	if r := run("[north]"); r.Rows != want["north"].Count {
		t.Errorf("%d rows, want %d", r.Rows, want["north"].Count)
	}
	if r := run("[_default, south]"); r.Rows+want["north"].Count != 1_000_000 {
		t.Errorf("%d rows", r.Rows)
	}
	for partition, c := range want {
		to.holdsSum(t, content.Place{Collection: collection, Partition: partition}, c.Sum)
	}
}

// fillSkewed makes a collection whose keys lie close together in some places and far apart in others, negative ones too.
func fillSkewed(t *testing.T, m *milvus, name string, n int) map[string]content.Content {
	t.Helper()
	partitions := []string{"_default", "north", "south"}
	m.createAs(t, name, 2, partitions[1:]...)
	const block = 50_000
	for first := 0; first < n; first += block {
		keys, vectors := make([]int64, block), make([][]float32, block)
		for i := range keys {
			row := int64(first + i)
			switch key := row * row * row; { // a cube: dense at zero
			case row%2 == 0:
				keys[i] = key
			default:
				keys[i] = -key
			}
			vectors[i] = []float32{float32(row), float32(i)}
		}
		_, err := m.Insert(t.Context(), name, partitions[first/block%3], entity.NewColumnInt64("id", keys), entity.NewColumnFloatVector("embedding", 2, vectors))
		if err != nil {
			t.Fatal(err)
		}
	}
	m.load(t, name)
	want := map[string]content.Content{}
	for _, p := range partitions {
		c, err := content.Read(t.Context(), m.address, content.Place{Collection: name, Partition: p})
		if err != nil {
			t.Fatal(err)
		}
		want[p] = c
	}
	return want
}

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
