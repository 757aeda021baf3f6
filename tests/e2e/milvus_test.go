package e2e

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"milvusdm/internal/rows"
	"milvusdm/tests/content"
	"milvusdm/tests/stack"
)

// milvus is a server that tests share; see theMilvus.
type milvus struct {
	client.Client
	address string
}

var shared struct {
	sync.Mutex
	servers map[int]*milvus
}

func theMilvus(t *testing.T) *milvus { return milvusAt(t, 0) }

// theSource is the server that tests share as their source of collections.
func theSource(t *testing.T) *milvus { return milvusAt(t, 1) }

func milvusAt(t *testing.T, i int) *milvus {
	t.Helper()
	address := stack.Milvus(t, i).Address
	shared.Lock()
	defer shared.Unlock()
	if shared.servers[i] == nil {
		c, err := client.NewClient(context.Background(), client.Config{Address: address})
		if err != nil {
			t.Fatal(err)
		}
		if shared.servers == nil {
			shared.servers = map[int]*milvus{}
		}
		shared.servers[i] = &milvus{c, address}
	}
	return shared.servers[i]
}

func (m *milvus) port(t *testing.T) string { return portOf(t, m.address) }

func portOf(t *testing.T, address string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

var names atomic.Int64

// collection makes up a name that no other test's begins with. Whatever is called so is dropped at the end of the test.
func (m *milvus) collection(t *testing.T) string {
	t.Helper()
	legal := func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}
	name := fmt.Sprintf("e%d_%s", names.Add(1), strings.Map(legal, strings.TrimPrefix(t.Name(), "Test")))
	name = name[:min(len(name), 60)]
	t.Cleanup(func() {
		for _, c := range m.collections(t, name) {
			if err := m.DropCollection(context.Background(), c); err != nil {
				t.Error(err)
			}
		}
	})
	return name
}

// collections lists the collections whose names begin with the prefix, sorted.
func (m *milvus) collections(t *testing.T, prefix string) []string {
	t.Helper()
	list, err := m.ListCollections(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, c := range list {
		if strings.HasPrefix(c.Name, prefix) {
			names = append(names, c.Name)
		}
	}
	slices.Sort(names)
	return names
}

// only checks that of a collection's names there is the one, and nothing staged beside it; with "" that there is none.
func (m *milvus) only(t *testing.T, name string, there bool) {
	t.Helper()
	want := []string{}
	if there {
		want = append(want, name)
	}
	if got := m.collections(t, name); !slices.Equal(got, want) {
		t.Errorf("the server has collections %q, want %q", got, want)
	}
}

func (m *milvus) partitions(t *testing.T, collection string) []string {
	t.Helper()
	list, err := m.ShowPartitions(t.Context(), collection)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, p := range list {
		names = append(names, p.Name)
	}
	slices.Sort(names)
	return names
}

// createAs makes a collection with an index.
func (m *milvus) createAs(t *testing.T, name string, dim int64, partitions ...string) {
	t.Helper()
	schema := entity.NewSchema().WithName(name).
		WithField(entity.NewField().WithName("id").WithDataType(entity.FieldTypeInt64).WithIsPrimaryKey(true)).
		WithField(entity.NewField().WithName("embedding").WithDataType(entity.FieldTypeFloatVector).WithDim(dim))
	if err := m.CreateCollection(t.Context(), schema, 1); err != nil {
		t.Fatal(err)
	}
	for _, p := range partitions {
		if err := m.CreatePartition(t.Context(), name, p); err != nil {
			t.Fatal(err)
		}
	}
	index, err := entity.NewIndexFlat(entity.L2)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.CreateIndex(t.Context(), name, "embedding", index, false); err != nil {
		t.Fatal(err)
	}
}

func (m *milvus) load(t *testing.T, name string) {
	t.Helper()
	if err := m.LoadCollection(t.Context(), name, false); err != nil {
		t.Fatal(err)
	}
}

func (m *milvus) isLoaded(t *testing.T, name string) bool {
	t.Helper()
	state, err := m.GetLoadState(t.Context(), name, nil)
	if err != nil {
		t.Fatal(err)
	}
	return state == entity.LoadStateLoaded
}

// insert adds rows to a partition, "" for the default one.
func (m *milvus) insert(t *testing.T, name, partition string, r rowSpan) {
	t.Helper()
	vectors := make([][]float32, 0, r.count())
	for _, k := range r.keys() {
		vectors = append(vectors, vectorOf(k, r.version))
	}
	_, err := m.Insert(t.Context(), name, partition, entity.NewColumnInt64("id", r.keys()), entity.NewColumnFloatVector("embedding", dim, vectors))
	if err != nil {
		t.Fatal(err)
	}
}

// holds checks that a collection (or, with a partition, that) holds these rows, each once, and nothing else.
func (m *milvus) holds(t *testing.T, name, partition string, sets ...rowSpan) {
	t.Helper()
	m.holdsSum(t, content.Place{Collection: name, Partition: partition}, sumOf(t, sets...))
}

func (m *milvus) holdsSum(t *testing.T, place content.Place, want rows.Sum) {
	t.Helper()
	got, err := content.Read(t.Context(), m.address, place)
	if err != nil {
		t.Error(err)
		return
	}
	if err := got.Check(want); err != nil {
		t.Errorf("%s %s: %v", place.Collection, place.Partition, err)
	}
}

// within waits for something that is about to be so.
func within(t *testing.T, limit time.Duration, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !so(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after %v still not so: %s", limit, what)
		}
	}
}
