package e2e

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"milvusdm/internal/export"
	"milvusdm/internal/fault"
	"milvusdm/tests/content"
)

// createBare makes a collection without an index.
func (m *milvus) createBare(t *testing.T, name string) {
	t.Helper()
	schema := entity.NewSchema().WithName(name).
		WithField(entity.NewField().WithName("id").WithDataType(entity.FieldTypeInt64).WithIsPrimaryKey(true)).
		WithField(entity.NewField().WithName("embedding").WithDataType(entity.FieldTypeFloatVector).WithDim(dim))
	if err := m.CreateCollection(t.Context(), schema, 1); err != nil {
		t.Fatal(err)
	}
}

// indexCount is how many indexes a collection has.
func (m *milvus) indexCount(t *testing.T, name string) int {
	t.Helper()
	resp, err := m.Client.(*client.GrpcClient).Service.DescribeIndex(t.Context(),
		&milvuspb.DescribeIndexRequest{CollectionName: name})
	if err != nil {
		t.Fatal(err)
	}
	return len(resp.GetIndexDescriptions())
}

// loadedPartitions are those of a collection that are in memory, sorted.
func (m *milvus) loadedPartitions(t *testing.T, name string) []string {
	t.Helper()
	resp, err := m.Client.(*client.GrpcClient).Service.ShowPartitions(t.Context(),
		&milvuspb.ShowPartitionsRequest{CollectionName: name, Type: milvuspb.ShowType_InMemory})
	if err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(slices.Values(resp.GetPartitionNames()))
}

// TestAllWithUnreadableCollections: '*' where a collection is empty and has no index, one has an index and is not
// loaded, and one has rows and no index. Milvus can't read the last one: it is refused by name, and the others arrive
// as they are.
func TestAllWithUnreadableCollections(t *testing.T) {
	t.Parallel()
	from, to := theSource(t), theMilvus(t)
	name := collectionOf(t, from, to)
	database := "d" + name
	source, target := from.inDatabase(t, database), to.inDatabase(t, database)
	in := "database: " + database
	idle, whole := rowSpan{0, 300, 1}, rowSpan{0, 200, 2}
	source.createBare(t, "void")
	source.createAs(t, "idle", dim)
	source.insert(t, "idle", "", idle)
	source.createBare(t, "bare")
	source.insert(t, "bare", "", rowSpan{0, 100, 3})
	partly{"_default": whole}.make(t, source, "whole")

	dir := t.TempDir()
	for _, path := range []string{
		migrate(t, "m2m-"+name, from.address, "['*']\n    "+in, to.address, []string{in}, []string{"verify: full"}),
		exportJob(t, "m2h-"+name, from.address, "['*']\n    "+in, dir, nil, nil),
	} {
		milvusdm(t, "run", path).fails(fault.Conflict).says("1 of 4 collections", "bare is not loaded",
			"without an index")
	}
	if got, want := target.collections(t, ""), []string{"idle", "void", "whole"}; !slices.Equal(got, want) {
		t.Errorf("the target has %q, want %q", got, want)
	}
	if target.isLoaded(t, "idle") || target.isLoaded(t, "void") || source.isLoaded(t, "idle") || source.isLoaded(t,
		"void") {
		t.Error("what was not loaded is loaded")
	}
	if n := target.indexCount(t, "void"); n != 0 {
		t.Errorf("the copy of a collection without an index has %d", n)
	}
	target.load(t, "idle")
	to.holdsSum(t, content.Place{Database: database, Collection: "idle"}, sumOf(t, idle))
	to.holdsSum(t, content.Place{Database: database, Collection: "whole"}, sumOf(t, whole))

	// without the one that can't be read, the export is finished
	if err := source.DropCollection(t.Context(), "bare"); err != nil {
		t.Fatal(err)
	}
	verified(t, "run", exportJob(t, "again-"+name, from.address, "['*']\n    "+in, filepath.Join(dir, "again"), nil,
		nil))
	man, err := export.Check(t.Context(), filepath.Join(dir, "again", "one"), export.Checksums, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(man.Collections) != 3 || man.Rows() != int64(idle.count()+whole.count()) {
		t.Errorf("the export holds %+v", man.Collections)
	}
}

// TestLoadedInPart: of a collection's three partitions one is loaded. The same one is loaded in the copy, and rows are
// appended to a collection that is loaded so without a change of what is loaded.
func TestLoadedInPart(t *testing.T) {
	t.Parallel()
	from, to := theSource(t), theMilvus(t)
	name := collectionOf(t, from, to)
	threeParts.make(t, from, name)
	if err := from.ReleaseCollection(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	if err := from.LoadPartitions(t.Context(), name, []string{"north"}, false); err != nil {
		t.Fatal(err)
	}
	north := []string{"north"}
	verified(t, "run", migrate(t, "job-"+name, from.address, "["+name+"]", to.address, nil, []string{"verify: full"}))
	if got := from.loadedPartitions(t, name); !slices.Equal(got, north) {
		t.Errorf("of the source %q are loaded, want %q", got, north)
	}
	if got := to.loadedPartitions(t, name); !slices.Equal(got, north) {
		t.Errorf("of the copy %q are loaded, want %q", got, north)
	}
	more := rowSpan{20_000, 20_300, 1}
	verified(t, "run", own(t, "more-"+name, more.hdf5File(t), to.address, name, nil, []string{"verify: full"}))
	// keys that exist are found in partitions that are not loaded, too
	milvusdm(t, "run", own(t, "twice-"+name, more.hdf5File(t), to.address, name, nil,
		nil)).fails(fault.Conflict).says("already")
	if got := to.loadedPartitions(t, name); !slices.Equal(got, north) {
		t.Errorf("after rows were appended %q are loaded, want %q", got, north)
	}
	if err := to.ReleaseCollection(t.Context(),
		name); err != nil { // 2.3.5 does not load the rest of what is loaded in part
		t.Fatal(err)
	}
	to.load(t, name)
	to.holds(t, name, "", more, threeParts["_default"], threeParts["north"], threeParts["south"])
	to.holds(t, name, "north", threeParts["north"])
}
