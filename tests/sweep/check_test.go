package sweep

import (
	"strings"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"milvusdm/tests/content"
	"milvusdm/workflows"
)

// books are what a job did.
type books struct {
	again    int64 // rows sent to Milvus again
	allowed  int64 // at most so many: those behind the last recorded checkpoints
	repaired int64
	took     time.Duration
}

// finish waits for the end of the job and checks everything that is promised.
func (m *migration) finish() books {
	m.t.Helper()
	<-m.ended
	b := books{took: time.Since(m.started)}
	if m.err != nil {
		m.t.Fatalf("the job did not end well after %v: %v", b.took.Round(time.Second), m.err)
	}
	if r := m.result; r.Outcome != workflows.OutcomeVerified || r.Rows != rows || r.Counted != rows || r.Sum != m.source.label(m.partition).String() {
		m.t.Errorf("the job's result: %+v; want %d rows, verified, with the sum %v", r, rows, m.source.label(m.partition))
	}
	m.checkContent()
	m.checkNames()
	var err error
	b.again, b.repaired = m.proxy.RowsSentAgain(), m.result.Repaired
	b.allowed, err = m.ledger.allowed(m.t.Context(), m.proxy.Writes())
	must(m.t, err)
	b.allowed += int64(m.kills) * rows // a restart may cost all that is not flushed
	if b.again > b.allowed+b.repaired {
		m.t.Errorf("%d rows were sent again, where at most %d stood behind the last checkpoints that Temporal had, and %d were repaired",
			b.again, b.allowed, b.repaired)
	}
	m.checkEndures()
	return b
}

func (m *migration) checkContent() {
	m.t.Helper()
	m.awaitLoaded()
	place := content.Place{Collection: m.collection, Partition: m.partition}
	got, err := content.Read(m.t.Context(), m.milvus.Address, place)
	if err == nil {
		err = got.Check(m.source.sum)
	}
	if err != nil {
		m.t.Errorf("content: %v", err)
	}
	if place.Partition == "" {
		return
	}
	all, err := content.Read(m.t.Context(), m.milvus.Address, content.Place{Collection: m.collection})
	must(m.t, err)
	if all.Count != rows+oldRows {
		m.t.Errorf("%d rows in all partitions, want %d and the %d of another partition", all.Count, rows, oldRows)
	}
}

// awaitLoaded waits for a server that was killed after the collection had been loaded: it loads it again by itself, and
// the job need not wait for that.
func (m *migration) awaitLoaded() {
	m.t.Helper()
	c := m.dialMilvus()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		state, err := c.GetLoadState(m.t.Context(), m.collection, nil)
		if err == nil && state == entity.LoadStateLoaded {
			return
		}
	}
	m.t.Fatalf("collection %s is not loaded", m.collection)
}

// checkNames finds no staging collection.
func (m *migration) checkNames() {
	m.t.Helper()
	c := m.dialMilvus()
	list, err := c.Service.ShowCollections(m.t.Context(), &milvuspb.ShowCollectionsRequest{})
	must(m.t, err)
	for _, name := range list.GetCollectionNames() {
		if strings.HasPrefix(name, m.collection+"__") {
			m.t.Errorf("staging collection %s is left", name)
		}
	}
}
