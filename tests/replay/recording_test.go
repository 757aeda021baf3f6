package replay

import (
	"cmp"
	"context"
	"errors"
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

// recording is a scenario that is being recorded.
type recording struct {
	*testing.T
	temporal.Client
	dir    string
	worker *stack.Worker
	proxy  *faultproxy.Proxy
	job    *job.Job
	id     string
	runs   []temporal.WorkflowRun // whose histories are kept
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
	r := &recording{T: t, Client: c, dir: dir, worker: stack.StartWorkerAt(t, server), proxy: faultproxy.Start(t, stack.Milvus(t, 0).Address), id: "record-" + s.name}
	t.Cleanup(r.clear)
	r.job = r.parse(r.id, s.source, cmp.Or(s.target, into("")), s.copy)
	s.run(r)
	histories := map[string]*historypb.History{}
	var copies []*historypb.History
	for i, run := range r.runs {
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

// collection is the job's name as a collection's.
func (r *recording) collection() string { return strings.ReplaceAll(r.id, "-", "_") }

func (r *recording) parse(name, source, target, more string) *job.Job {
	r.Helper()
	text := fmt.Sprintf("version: 1\nname: %s\nsource: {%s}\ntarget: {%s}\ncopy:\n  batch_bytes: 1MiB\n  %s\n", name, source, target, more)
	text = strings.NewReplacer("DIR", r.dir, "MILVUS", r.proxy.Addr(), "NAME", r.collection()).Replace(text)
	j, _, err := job.Parse(name+".yaml", []byte(text), job.Options{})
	r.do(err)
	return j
}

func (r *recording) milvus() client.Client {
	r.Helper()
	c, err := client.NewClient(r.Context(), client.Config{Address: stack.Milvus(r.T, 0).Address})
	r.do(err)
	r.Cleanup(func() { c.Close() })
	return c
}

// clear drops what the scenario made.
func (r *recording) clear() {
	ctx := context.Background()
	c, err := client.NewClient(ctx, client.Config{Address: stack.Milvus(r.T, 0).Address})
	if err != nil {
		r.Error(err)
		return
	}
	defer c.Close()
	list, err := c.ListCollections(ctx)
	for _, collection := range list {
		if strings.HasPrefix(collection.Name, "record_") {
			err = errors.Join(err, c.DropCollection(ctx, collection.Name))
		}
	}
	if err := errors.Join(err, os.RemoveAll(filepath.Join(r.dir, "exports"))); err != nil {
		r.Error(err)
	}
}

func (r *recording) do(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// fill makes a source collection of the vectors in the example's file.
func (r *recording) fill(collection string) {
	r.Helper()
	r.prelude("record-fill", vectors, fmt.Sprintf("milvus: {address: MILVUS, collection: %s}", collection))
}

// prelude runs a job whose history is not kept.
func (r *recording) prelude(name, source, target string) {
	r.Helper()
	kept := r.runs
	defer func() { r.runs = kept }()
	r.run(r.parse(name, source, target, ""), nil).ends("")
}

// slowly makes every write take a while, and every page that is read.
func (r *recording) slowly() *recording {
	r.proxy.On(faultproxy.Rule{Method: faultproxy.AnyWrite, When: faultproxy.BeforeSend, Do: faultproxy.Delay(250 * time.Millisecond)})
	if r.job.Target.HDF5 != nil {
		r.proxy.On(faultproxy.Rule{Method: "Query", When: faultproxy.BeforeSend, Do: faultproxy.Delay(250 * time.Millisecond)})
	}
	return r
}

// start starts the job, as the program would.
func (r *recording) start(resume *workflows.State) *running {
	r.Helper()
	return r.run(r.job, resume)
}

func (r *recording) run(j *job.Job, resume *workflows.State) *running {
	r.Helper()
	return r.execute(workflows.WorkflowID(j), j.Direction(), workflows.Input{Job: *j, Hash: j.Hash(), Resume: resume})
}

// verify compares the job's source with its target.
func (r *recording) verify() *running {
	r.Helper()
	return r.execute(workflows.VerifyID(r.job), workflows.VerifyName, workflows.VerifyInput{Job: *r.job, Mode: workflows.VerifyFull})
}

func (r *recording) execute(id, workflow string, input any) *running {
	r.Helper()
	run, err := r.ExecuteWorkflow(r.Context(), temporal.StartWorkflowOptions{ID: id, TaskQueue: workflows.TaskQueue}, workflow, input)
	r.do(err)
	r.runs = append(r.runs, run)
	return &running{r, run, r.acknowledged()}
}

// running is a run of the job.
type running struct {
	*recording
	temporal.WorkflowRun
	before int // how many writes were acknowledged before it began
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

// inTheMiddle waits until some rows are acknowledged, or some files in place.
func (p *running) inTheMiddle() *running {
	p.Helper()
	for limit := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		done := p.acknowledged() - p.before
		if t := p.job.Target.HDF5; t != nil {
			files, err := filepath.Glob(filepath.Join(t.Directory, t.Run, "*", "*.h5"))
			p.do(err)
			done = 4 * len(files)
		}
		if done >= 4 {
			return p
		}
		if time.Now().After(limit) {
			p.Fatal("nothing is written")
		}
	}
}

func (r *recording) acknowledged() (n int) {
	for _, w := range r.proxy.Writes() {
		if !w.Acknowledged.IsZero() {
			n++
		}
	}
	return n
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
