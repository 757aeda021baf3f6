package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"milvusdm/internal/fault"
	"milvusdm/tests/content"
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
type partly map[string]rowSpan

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
	before := rowSpan{9000, 9100, 2}
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
				sets := []rowSpan{r}
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
	all := rowSpan{-300, 900, 1}
	partly{"_default": all}.make(t, from, name)
	for what, c := range map[string]struct {
		choice string
		want   rowSpan
	}{
		"filter":            {"filter: 'id >= 100 and id < 400'", rowSpan{100, 400, 1}},
		"limit":             {"limit: 450", rowSpan{-300, 150, 1}},
		"filter and limit":  {"filter: 'id > 0', limit: 10", rowSpan{1, 11, 1}},
		"nothing is chosen": {"filter: 'id > 100000'", rowSpan{0, 0, 1}},
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
	all, twice := rowSpan{0, 60_000, 1}, rowSpan{0, 40_000, 1}
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
		to.holds(t, fmt.Sprintf("%s_%d", target, i), "", rowSpan{int64(i) * 1000, int64(i)*1000 + 400, 1})
	}
	if err := to.DropCollection(t.Context(), inTheWay); err != nil {
		t.Fatal(err)
	}
	result := milvusdm(t, "-o", "json", "run", path).exits(fault.ExitOK).document().Result
	if result == nil || len(result.Collections) != 3 || result.Rows != 1200 {
		t.Errorf("%+v", result)
	}
	to.holds(t, inTheWay, "", rowSpan{1000, 1400, 1})
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
			keys[i] = row * row * row // a cube: dense at zero
			if row%2 == 1 {
				keys[i] = -keys[i]
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
