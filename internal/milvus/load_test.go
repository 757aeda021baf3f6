package milvus

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
)

// load has what is not loaded loaded, and returns what that was.
func load(src *source) ([]string, error) {
	d, err := src.Describe(context.Background())
	if err != nil {
		return nil, err
	}
	return d.Unloaded, src.Load(context.Background(), d.Unloaded, func(string) {})
}

func TestWhatIsNotLoadedIsLoadedAndReleased(t *testing.T) {
	c := testServer(t)
	ctx := context.Background()
	name := partitioned(t, c, "unload")
	loaded := func() []string {
		t.Helper()
		any, err := c.loaded(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		if !any {
			return nil
		}
		resp, err := c.raw.ShowPartitions(ctx, &milvuspb.ShowPartitionsRequest{CollectionName: name, Type: milvuspb.ShowType_InMemory})
		c.must(t, "loaded partitions")(resp.GetStatus(), err)
		return slices.Sorted(slices.Values(resp.GetPartitionNames()))
	}
	c.release(t, name)
	whole, part := opened(t, job.Collection{Name: name}), opened(t, job.Collection{Name: name, Partitions: []string{"a"}})
	for _, src := range []*source{whole, part} {
		if d, err := src.Describe(ctx); err != nil || d.Unloaded == nil || d.Settings.Loaded {
			t.Errorf("%+v, %v", d, err)
		}
		if _, err := src.Plan(ctx, 100, func(string) {}); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "is not loaded") {
			t.Errorf("planned what is not loaded: %v", err)
		}
	}
	if err := refusal(t, job.Collection{Name: name, Filter: "n >> x"}); fault.KindOf(err) != fault.Config {
		t.Errorf("a wrong filter of what is not loaded: %v", err)
	}
	did, err := load(part)
	if err != nil || !slices.Equal(did, []string{"a"}) || !slices.Equal(loaded(), []string{"a"}) {
		t.Fatalf("loaded %v, now %v, %v", did, loaded(), err)
	}
	if d, err := whole.Describe(ctx); err != nil || d.Unloaded == nil {
		t.Errorf("loaded in part: %+v, %v", d, err)
	}
	if got, _ := readAll(t, part, 100, wide); len(got) != 300 {
		t.Errorf("%d rows", len(got))
	}
	more, err := load(whole)
	if err != nil || !slices.Equal(more, []string{"_default", "b"}) || len(loaded()) != 3 {
		t.Fatalf("loaded %v, now %v, %v", more, loaded(), err)
	}
	if again, err := load(whole); err != nil || len(again) != 0 {
		t.Errorf("loaded %v again, %v", again, err)
	}
	if got, _ := readAll(t, whole, 100, wide); len(got) != 1000 {
		t.Errorf("%d rows", len(got))
	}
	if err := whole.Release(ctx, more); err != nil || !slices.Equal(loaded(), []string{"a"}) {
		t.Errorf("released: now %v, %v", loaded(), err)
	}
	if err := part.Release(ctx, did); err != nil || len(loaded()) != 0 {
		t.Errorf("released: now %v, %v", loaded(), err)
	}
	if did, err = load(whole); err != nil || !slices.Equal(did, []string{"*"}) {
		t.Fatalf("loaded %v, %v", did, err)
	}
	if err := whole.Release(ctx, did); err != nil || len(loaded()) != 0 {
		t.Errorf("released: now %v, %v", loaded(), err)
	}
}

func TestACollectionWithoutAnIndexCantBeLoaded(t *testing.T) {
	c := testServer(t)
	name := c.make(t, "no_index", readSchema(rows.KeyField("id")))
	void := opened(t, job.Collection{Name: name})
	if _, err := load(void); err != nil {
		t.Errorf("an empty one is there to be read: %v", err)
	}
	if ranges, err := void.Plan(t.Context(), 100, func(string) {}); err != nil || len(ranges) != 0 {
		t.Errorf("%v, %v", ranges, err)
	}
	c.insertInts(t, name, "", []int64{1, 2, 3}) // not flushed, so that the server counts none
	src := opened(t, job.Collection{Name: name})
	if _, err := load(src); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "without an index") {
		t.Error(err)
	}
	if _, err := src.Plan(t.Context(), 100, func(string) {}); fault.KindOf(err) != fault.Conflict {
		t.Errorf("rows that can't be read are taken for none: %v", err)
	}
}
