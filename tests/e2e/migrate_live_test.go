package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"milvusdm/internal/fault"
	"milvusdm/tests/content"
	"milvusdm/tests/faultproxy"
)

// TestMigrateLiveSource: rows are inserted, changed and deleted in the source during the copy. Every row that is not touched
// arrives, once.
func TestMigrateLiveSource(t *testing.T) {
	t.Parallel()
	from, to := theSource(t), theMilvus(t)
	name, collection := from.collection(t), to.collection(t)
	untouched := rowSpan{0, 6000, 1}
	from.createAs(t, name, dim)
	from.insert(t, name, "", untouched)
	from.insert(t, name, "", rowSpan{10_000, 12_000, 1}) // these are changed and deleted
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
		added := rowSpan{20_000 + 10*i, 20_000 + 10*i + 10, 1}
		m.insert(t, name, "", added)
		changed := rowSpan{10_000 + i%1000, 10_000 + i%1000 + 1, 2}
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
	all := rowSpan{0, 3000, 1}
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
	all := rowSpan{0, 500, 1}
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
