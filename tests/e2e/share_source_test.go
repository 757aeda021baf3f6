package e2e

import (
	"testing"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"go.temporal.io/sdk/client"

	"milvusdm/internal/fault"
	"milvusdm/tests/faultproxy"
	"milvusdm/tests/stack"
	"milvusdm/workflows"
)

// slowReader is an export of a collection whose pages of rows take their time.
type slowReader struct {
	name, path string
	hook       *faultproxy.Hook
}

func newSlowReader(t *testing.T, from *milvus, which, collection string, page time.Duration) *slowReader {
	t.Helper()
	p := faultproxy.Start(t, from.address)
	r := &slowReader{name: which + "-" + collection}
	r.path = exportJob(t, r.name, p.Addr(), "["+collection+"]", t.TempDir(), []string{"split_rows: 100"},
		[]string{"parallel: 1"})
	r.hook = p.On(faultproxy.Rule{Method: "Query", When: faultproxy.BeforeSend, Match: func(c *faultproxy.Call) bool {
		q, ok := c.Request.(*milvuspb.QueryRequest)
		return ok && len(q.GetOutputFields()) > 1 // not the keys alone, of which the ranges are made
	}, Do: faultproxy.Delay(page)})
	cleanUp(t, r.name)
	return r
}

// begin starts the job and waits until it reads rows.
func (r *slowReader) begin(t *testing.T) {
	t.Helper()
	milvusdm(t, "start", r.path).exits(fault.ExitOK)
	within(t, time.Minute, "rows are read", func() bool { return status(t, r.name).Phase == workflows.PhaseCopying })
}

func (r *slowReader) end(t *testing.T) {
	t.Helper()
	r.hook.Remove()
	milvusdm(t, "status", "--follow", r.name).exits(fault.ExitOK).says("verified")
}

// TestLastReaderReleasesTheSource: of two jobs that read a collection which was not loaded, the one that had it loaded
// ends first, and a verification meanwhile.
func TestLastReaderReleasesTheSource(t *testing.T) {
	t.Parallel()
	from := theSource(t)
	collection := from.collection(t)
	from.createAs(t, collection, dim)
	from.insert(t, collection, "", source)
	first := newSlowReader(t, from, "first", collection, time.Second/3)
	last := newSlowReader(t, from, "last", collection, 4*time.Second)
	first.begin(t)
	last.begin(t)
	first.end(t)
	if !from.isLoaded(t, collection) {
		t.Error("the source is released under a job that reads it")
	}
	milvusdm(t, "verify", first.path).exits(fault.ExitOK)
	status(t, last.name) // it is running
	if !from.isLoaded(t, collection) {
		t.Error("the source is released by a verification, under a job that reads it")
	}
	last.end(t)
	if from.isLoaded(t, collection) {
		t.Error("the source is left loaded")
	}
}

// TestTerminatedReaderKeepsNothingLoaded: a job that an operator terminates does not leave; the last of the others
// releases.
func TestTerminatedReaderKeepsNothingLoaded(t *testing.T) {
	t.Parallel()
	from := theSource(t)
	collection := from.collection(t)
	from.createAs(t, collection, dim)
	from.insert(t, collection, "", source)
	terminated := newSlowReader(t, from, "terminated", collection, time.Second)
	last := newSlowReader(t, from, "last", collection, time.Second)
	terminated.begin(t)
	last.begin(t)
	c := temporal(t)
	defer c.Close()
	terminate(t, c, childOf(t, c, terminated.name))
	last.end(t)
	if from.isLoaded(t, collection) {
		t.Error("the source is left loaded")
	}
}

// terminate has Temporal end a workflow, as an operator does.
func terminate(t *testing.T, c client.Client, id string) {
	t.Helper()
	if err := c.TerminateWorkflow(t.Context(), id, "", "an operator's reason"); err != nil {
		t.Fatal(err)
	}
}

// TestOneSlotLoadsASource: a job waits for its source to be loaded without the slot that loading needs.
func TestOneSlotLoadsASource(t *testing.T) {
	t.Parallel()
	from := theSource(t)
	collection := from.collection(t)
	from.createAs(t, collection, dim)
	from.insert(t, collection, "", source)
	queue, name := "queue-"+collection, "export-"+collection
	stack.StartWorkerWith(t, "--task-queue", queue, "--activities", "1")
	cleanUp(t, name)
	path := exportJob(t, name, from.address, "["+collection+"]", t.TempDir(), nil, nil)
	milvusdm(t, "run", "--task-queue", queue, path).exits(fault.ExitOK).says("verified")
	milvusdm(t, "verify", "--task-queue", queue, path).exits(fault.ExitOK)
	if from.isLoaded(t, collection) {
		t.Error("the source is left loaded")
	}
}
