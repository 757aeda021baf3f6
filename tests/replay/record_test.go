package replay

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
	temporal "go.temporal.io/sdk/client"

	"milvusdm/internal/job"
	"milvusdm/tests/faultproxy"
	"milvusdm/tests/stack"
	"milvusdm/workflows"
)

var record = flag.Bool("record", false, "record the histories in testdata anew, on real servers")

// scenario is a run whose histories are kept: of the job's workflow ("job"), of its child's ("copy"), of those that they
// continued as or that went on from them ("copy-2", "job-2").
type scenario struct {
	name  string
	parts []string
	// target and copy are keys of the job beside what all have.
	file, target, copy string
	run                func(*recording)
}

const (
	vectors  = "debian-packages.h5"
	index    = "debian-packages.idmap-flat.faiss"
	repeated = "idmap-flat-repeated.faiss"
)

var scenarios = []scenario{
	{name: "hdf5", parts: []string{"job", "copy"}, file: vectors, run: func(r *recording) { r.start(nil).ends("") }},
	{name: "faiss", parts: []string{"job", "copy"}, file: index, run: func(r *recording) { r.start(nil).ends("") }},
	{name: "overwrite", parts: []string{"job", "copy"}, file: index, target: "mode: overwrite", run: func(r *recording) {
		r.start(nil).ends("")
		r.start(nil).ends("")
	}},
	{name: "append", parts: []string{"job", "copy"}, file: index, copy: "on_existing: replace", run: func(r *recording) {
		r.start(nil).ends("")
		r.start(nil).ends("")
	}},
	{name: "skip", parts: []string{"job"}, file: vectors, target: "mode: skip", run: func(r *recording) {
		r.start(nil).ends("")
		r.start(nil).ends("")
	}},
	{name: "failed", parts: []string{"job", "copy"}, file: repeated, run: func(r *recording) { r.start(nil).ends("stand more than once") }},
	{name: "paused", parts: []string{"job", "copy"}, file: vectors, copy: "batch_rows: 50", run: func(r *recording) {
		p := r.slowly().start(nil).inTheMiddle()
		p.update(workflows.PauseUpdate)
		time.Sleep(3 * time.Second)
		p.update(workflows.ResumeUpdate)
		p.ends("")
	}},
	{name: "lost", parts: []string{"job", "copy"}, file: vectors, copy: "batch_rows: 50\n  heartbeat_timeout: 3s\n  write_timeout: 2s", run: func(r *recording) {
		p := r.slowly().start(nil).inTheMiddle()
		r.worker.Kill9(r.T)
		r.worker.Start(r.T)
		p.ends("")
	}},
	{name: "cancelled", parts: []string{"job", "copy", "job-2", "copy-2"}, file: vectors, copy: "batch_rows: 50", run: func(r *recording) {
		p := r.slowly().start(nil).inTheMiddle()
		r.do(r.CancelWorkflow(r.Context(), r.id, ""))
		state := workflows.StateOf(p.failure("canceled"))
		if state == nil || state.Rows() == 0 {
			r.Fatal("the cancelled job left no state")
		}
		r.start(state).ends("")
	}},
	{name: "continued", parts: []string{"job", "copy", "copy-2"}, file: index, copy: "range_rows: 100\n  parallel: 1", run: func(r *recording) { r.start(nil).ends("") }},
}

// TestRecord runs the scenarios and writes their histories. The job's files lie in a folder of a fixed name: their paths are
// in the histories.
func TestRecord(t *testing.T) {
	if !*record {
		t.Skip("histories are recorded with -record only")
	}
	dir := filepath.Join(os.TempDir(), "milvusdm-record")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	root := stack.Root(t)
	for _, file := range []string{"examples/data/" + vectors, "examples/data/" + index, "internal/faiss/testdata/" + repeated} {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, filepath.Base(file)), text, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) { s.record(t, dir) })
	}
}

// recording is a scenario that is being recorded.
type recording struct {
	*testing.T
	temporal.Client
	worker *stack.Worker
	proxy  *faultproxy.Proxy
	job    *job.Job
	id     string
	runs   []temporal.WorkflowRun
}

func (s *scenario) record(t *testing.T, dir string) {
	server := stack.Temporal(t)
	if s.name == "continued" {
		server = stack.TemporalWith(t, "short", "limit.historyCount.suggestContinueAsNew=60")
	}
	c, err := temporal.Dial(temporal.Options{HostPort: server.Address})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r := &recording{T: t, Client: c, worker: stack.StartWorkerAt(t, server), proxy: faultproxy.Start(t, stack.Milvus(t, 0).Address), id: "record-" + s.name}
	t.Cleanup(func() { drop(t, r.id) })
	kind := "hdf5"
	if strings.HasSuffix(s.file, ".faiss") {
		kind = "faiss"
	}
	text := fmt.Sprintf("version: 1\nname: %s\nsource: {%s: {paths: %s}}\ntarget:\n  milvus:\n    address: %s\n    collection: %s\n    %s\ncopy:\n  batch_bytes: 1MiB\n  %s\n",
		r.id, kind, filepath.Join(dir, s.file), r.proxy.Addr(), strings.ReplaceAll(r.id, "-", "_"), s.target, s.copy)
	if r.job, _, err = job.Parse(s.name+".yaml", []byte(text), job.Options{}); err != nil {
		t.Fatal(err)
	}
	s.run(r)
	histories := map[string]*historypb.History{}
	last := r.runs
	if s.name == "overwrite" || s.name == "append" || s.name == "skip" {
		last = r.runs[1:] // the first only filled the target
	}
	var copies []*historypb.History
	for i, run := range last {
		h := r.history(run.GetID(), run.GetRunID())
		histories[numbered("job", i)] = h
		for _, e := range h.GetEvents() {
			if child := e.GetChildWorkflowExecutionStartedEventAttributes(); child != nil {
				copies = append(copies, r.chain(child.GetWorkflowExecution().GetWorkflowId(), child.GetWorkflowExecution().GetRunId())...)
			}
		}
	}
	for i, h := range copies {
		histories[numbered("copy", i)] = h
	}
	for _, part := range s.parts {
		h := histories[part]
		if h == nil {
			t.Fatalf("there is no history %s, but %d others", part, len(histories))
		}
		text, err := temporalproto.CustomJSONMarshalOptions{}.Marshal(h)
		if err == nil {
			err = os.WriteFile(filepath.Join("testdata", "next", s.name+"."+part+".json"), append(text, '\n'), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func numbered(name string, i int) string {
	if i == 0 {
		return name
	}
	return fmt.Sprintf("%s-%d", name, i+1)
}

// drop drops the scenario's collection, and what it staged.
func drop(t *testing.T, id string) {
	c, err := client.NewClient(context.Background(), client.Config{Address: stack.Milvus(t, 0).Address})
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	list, err := c.ListCollections(context.Background())
	for _, collection := range list {
		if strings.HasPrefix(collection.Name, strings.ReplaceAll(id, "-", "_")) {
			err = errors.Join(err, c.DropCollection(context.Background(), collection.Name))
		}
	}
	if err != nil {
		t.Error(err)
	}
}

func (r *recording) do(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// slowly makes every write take a while.
func (r *recording) slowly() *recording {
	r.proxy.On(faultproxy.Rule{Method: faultproxy.AnyWrite, When: faultproxy.BeforeSend, Do: faultproxy.Delay(250 * time.Millisecond)})
	return r
}

// start starts the job, as the program would.
func (r *recording) start(resume *workflows.State) *running {
	r.Helper()
	run, err := r.ExecuteWorkflow(r.Context(), temporal.StartWorkflowOptions{ID: r.id, TaskQueue: workflows.TaskQueue}, r.job.Direction(),
		workflows.Input{Job: *r.job, Hash: r.job.Hash(), Resume: resume})
	r.do(err)
	r.runs = append(r.runs, run)
	return &running{r, run}
}

// running is a run of the job.
type running struct {
	*recording
	temporal.WorkflowRun
}

// ends waits for the end of the run, which must be with an error of that text, or with none.
func (p *running) ends(text string) {
	p.Helper()
	_ = p.failure(text) // which has checked it
}

// failure is ends, and returns the error.
func (p *running) failure(text string) error {
	p.Helper()
	err := p.Get(p.Context(), nil)
	if (err == nil) != (text == "") || err != nil && !strings.Contains(err.Error(), text) {
		p.Fatalf("the job ended with %v", err)
	}
	return err
}

// inTheMiddle waits until some rows are acknowledged.
func (p *running) inTheMiddle() *running {
	p.Helper()
	for limit := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		acknowledged := 0
		for _, w := range p.proxy.Writes() {
			if !w.Acknowledged.IsZero() {
				acknowledged++
			}
		}
		if acknowledged >= 4 {
			return p
		}
		if time.Now().After(limit) {
			p.Fatal("nothing is written")
		}
	}
}

func (p *running) update(name string) {
	p.Helper()
	u, err := p.UpdateWorkflow(p.Context(), temporal.UpdateWorkflowOptions{WorkflowID: p.id, UpdateName: name, WaitForStage: temporal.WorkflowUpdateStageCompleted})
	p.do(err)
	p.do(u.Get(p.Context(), nil))
}

func (r *recording) history(id, run string) *historypb.History {
	r.Helper()
	h := &historypb.History{}
	for events := r.GetWorkflowHistory(r.Context(), id, run, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); events.HasNext(); {
		e, err := events.Next()
		r.do(err)
		h.Events = append(h.Events, e)
	}
	return h
}

// chain are the histories of a run and of those that it continued as.
func (r *recording) chain(id, run string) []*historypb.History {
	r.Helper()
	var all []*historypb.History
	for run != "" {
		h := r.history(id, run)
		all = append(all, h)
		run = h.GetEvents()[len(h.GetEvents())-1].GetWorkflowExecutionContinuedAsNewEventAttributes().GetNewExecutionRunId()
	}
	return all
}
