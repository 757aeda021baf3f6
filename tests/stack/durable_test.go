package stack

import (
	"fmt"
	"strings"
	"testing"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
)

// manyCollections are more than the 16 physical channels that Milvus has by default, so that some would share one.
const manyCollections = 26

// Milvus 2.3.5 loses rows that it acknowledged and did not flush where shards share a channel.
func TestStoppedMilvusKeepsRowsThatWereNotFlushed(t *testing.T) {
	t.Parallel()
	server := MilvusWith(t, "shared-channels", "ROOTCOORD_DMLCHANNELNUM=16")
	milvus := dialMilvus(t, server)
	fillMany(t, milvus)
	if got := channels(t, milvus); got > 16 { // the setting takes precedence over the script's own
		t.Fatalf("%d collections use %d channels; none is shared", manyCollections, got)
	}
	must(t, milvus.CreateDatabase(t.Context(), "second"))
	must(t, milvus.UsingDatabase(t.Context(), "second"))
	makeCollection(t, milvus, "many_0")
	insertRows(t, milvus, "many_0", 20)
	for range 2 {
		server.Stop(t)
		server.Start(t)
		milvus = dialMilvus(t, server)
		checkMany(t, milvus)
		must(t, milvus.UsingDatabase(t.Context(), "second"))
		if got := countRows(t, milvus, "many_0"); got != 20 {
			t.Errorf("second.many_0 has %d rows, want 20", got)
		}
	}
}

func TestKilledMilvusKeepsRowsThatWereNotFlushed(t *testing.T) {
	t.Parallel()
	server := MilvusWith(t, "killed")
	milvus := dialMilvus(t, server)
	fillMany(t, milvus)
	if got := channels(t, milvus); got != manyCollections {
		t.Errorf("%d collections of one shard use %d channels", manyCollections, got)
	}
	for range 2 {
		server.Kill9(t)
		server.Start(t)
		checkMany(t, dialMilvus(t, server))
	}
}

func TestMilvusTakesMoreThan64Collections(t *testing.T) {
	milvus := dialMilvus(t, Milvus(t, 0))
	for i := range 66 {
		name := fmt.Sprintf("more_%d", i)
		makeCollection(t, milvus, name)
		defer func() { must(t, milvus.DropCollection(t.Context(), name)) }()
	}
}

// A server that does not answer is stopped all the same, and the warning says what that may cost.
func TestStopOfAHangingMilvusIsBounded(t *testing.T) {
	server := MilvusWith(t, "hanging")
	server.Pause(t)
	said, err := scriptSays(Root(t), "milvus.sh", "stop", server.state, server.name)
	must(t, err)
	if want := "rows that were not flushed may be lost"; !strings.Contains(said, want) {
		t.Errorf("%q is not in %q", want, said)
	}
	if _, running := server.PID(); running {
		t.Error("the server still runs")
	}
}

// fillMany makes collections with rows that are not flushed, all loaded.
func fillMany(t *testing.T, milvus client.Client) {
	t.Helper()
	for i := range manyCollections {
		name := fmt.Sprintf("many_%d", i)
		makeCollection(t, milvus, name)
		must(t, milvus.LoadCollection(t.Context(), name, false))
		insertRows(t, milvus, name, 10)
	}
}

func checkMany(t *testing.T, milvus client.Client) {
	t.Helper()
	for i := range manyCollections {
		name := fmt.Sprintf("many_%d", i)
		if got := countRows(t, milvus, name); got != 10 {
			t.Errorf("%s has %d rows, want 10", name, got)
		}
	}
}

// channels returns the number of physical channels that the collections of fillMany use.
func channels(t *testing.T, milvus client.Client) int {
	t.Helper()
	used := map[string]bool{}
	for i := range manyCollections {
		collection, err := milvus.DescribeCollection(t.Context(), fmt.Sprintf("many_%d", i))
		must(t, err)
		for _, channel := range collection.PhysicalChannels {
			used[channel] = true
		}
	}
	return len(used)
}

// makeCollection makes a collection of one shard with an index.
func makeCollection(t *testing.T, milvus client.Client, name string) {
	t.Helper()
	schema := entity.NewSchema().WithName(name).
		WithField(entity.NewField().WithName("id").WithDataType(entity.FieldTypeInt64).WithIsPrimaryKey(true)).
		WithField(entity.NewField().WithName("embedding").WithDataType(entity.FieldTypeFloatVector).WithDim(2))
	must(t, milvus.CreateCollection(t.Context(), schema, 1))
	index, err := entity.NewIndexFlat(entity.L2)
	must(t, err)
	must(t, milvus.CreateIndex(t.Context(), name, "embedding", index, false))
}

func insertRows(t *testing.T, milvus client.Client, name string, rows int) {
	t.Helper()
	ids, vectors := make([]int64, rows), make([][]float32, rows)
	for i := range ids {
		ids[i], vectors[i] = int64(i), []float32{float32(i), 1}
	}
	_, err := milvus.Insert(t.Context(), name, "",
		entity.NewColumnInt64("id", ids), entity.NewColumnFloatVector("embedding", 2, vectors))
	must(t, err)
}

// countRows loads a collection and counts its rows.
func countRows(t *testing.T, milvus client.Client, name string) int64 {
	t.Helper()
	awaitLoad(t, milvus, name)
	result, err := milvus.Query(t.Context(), name, nil, "", []string{"count(*)"},
		client.WithSearchQueryConsistencyLevel(entity.ClStrong))
	must(t, err)
	count, err := result.GetColumn("count(*)").GetAsInt64(0)
	must(t, err)
	return count
}
