package sweep

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
	temporal "go.temporal.io/sdk/client"

	"milvusdm/internal/transfer"
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
	if r := m.result; r.Outcome != workflows.OutcomeVerified || r.Rows != totalRows || r.Counted != totalRows || r.Sum != m.source.label(m.partition).String() {
		m.t.Errorf("the job's result: %+v; want %d rows, verified, with the sum %v", r, totalRows, m.source.label(m.partition))
	}
	m.checkNames()
	var err error
	b.again, b.repaired = m.proxy.RowsSentAgain(), m.result.Repaired
	b.allowed, err = m.ledger.allowed(m.t.Context(), m.proxy.Writes())
	must(m.t, err)
	b.allowed += int64(m.kills) * totalRows // a restart may cost all that is not flushed
	if b.again > b.allowed+b.repaired {
		m.t.Errorf("%d rows were sent again, where at most %d stood behind the last checkpoints that Temporal had, and %d were repaired",
			b.again, b.allowed, b.repaired)
	}
	if err = m.content(); err == nil {
		err = m.endures()
	}
	if err != nil && m.warned() { // then what it says to do helps
		m.t.Logf("as the job warned: %v", err)
		m.runAgain()
		if err = m.content(); err == nil {
			err = m.endures()
		}
	}
	if err != nil {
		m.t.Error(err)
	}
	return b
}

// content compares what stands in the target with the source.
func (m *migration) content() error {
	m.t.Helper()
	m.awaitLoaded()
	place := content.Place{Collection: m.collection, Partition: m.partition}
	got, err := content.Read(m.t.Context(), m.milvus.Address, place)
	if err == nil {
		err = got.Check(m.source.sum)
	}
	if err != nil || place.Partition == "" {
		return err
	}
	all, err := content.Read(m.t.Context(), m.milvus.Address, content.Place{Collection: m.collection})
	if err == nil && all.Count != totalRows+oldRows {
		err = fmt.Errorf("%d rows in all partitions, want %d and the %d of another partition", all.Count, totalRows, oldRows)
	}
	return err
}

// warned reports whether the job said that a restart may have brought replaced rows back.
func (m *migration) warned() bool {
	return slices.ContainsFunc(m.result.Notes, func(note string) bool {
		return strings.HasPrefix(note, transfer.Warning) && strings.Contains(note, "was restarted while rows of")
	})
}

// runAgain runs the job once more, with nobody struck.
func (m *migration) runAgain() {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), patience)
	defer cancel()
	run, err := m.client.ExecuteWorkflow(ctx, temporal.StartWorkflowOptions{ID: workflows.WorkflowID(m.job), TaskQueue: workflows.TaskQueue},
		m.job.Direction(), workflows.Input{Job: *m.job, Hash: m.job.Hash()})
	must(m.t, err)
	must(m.t, m.await(ctx, run))
	if m.result.Outcome != workflows.OutcomeVerified || m.warned() {
		m.t.Errorf("the job, run again: %+v", m.result)
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
