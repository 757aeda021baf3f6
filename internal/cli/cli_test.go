package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"milvusdm/internal/fault"
	"milvusdm/workflows"
)

func TestRunToTheEnd(t *testing.T) {
	b := newBench(t).work()
	path, name := b.job("ok")
	a := b.milvusdm("run", path).exits(fault.ExitOK)
	a.has("started job "+name+" (HDF5ToMilvus)", "verified", "1,000 rows", "500 rows/s", "HNSW L2, loaded", "/tmp/report.json",
		"http://ui.test:8233/namespaces/default/workflows/"+name+"/")
	a.has("temporal operator search-attribute create --address " + b.address + " --namespace default --name MilvusDMState --type Keyword")
	if n := strings.Count(a.stdout+a.stderr, "http://ui.test:8233/"); n != 2 {
		t.Errorf("the Web UI address stands %d times, not at the start and at the end:\n%s%s", n, a.stderr, a.stdout)
	}
	b.milvusdm("run", path).exits(fault.ExitOK).lacks("goes on").lacks("anew") // a job that is done begins again
	b.milvusdm("--yaml", path).exits(fault.ExitOK).has("verified")
}

func TestRunJSON(t *testing.T) {
	b := newBench(t).work()
	path, name := b.job("ok")
	var r report
	b.milvusdm("run", path, "-o", "json").exits(fault.ExitOK).parse(&r)
	if r.Name != name || r.State != "completed" || r.Result.Counted != toyTotal || r.RunID == "" || !strings.HasSuffix(r.WebUI, r.RunID+"/history") {
		t.Errorf("got %+v", r)
	}
	path, _ = b.job("fail")
	r = report{}
	b.milvusdm("run", path, "-o", "json").exits(13).parse(&r)
	if r.Error != "toy.h5: row 417 is cut off" || r.Kind != fault.Corrupt || r.ExitCode != 13 || r.Kept != 400 {
		t.Errorf("got %+v", r)
	}
}

// parse decodes the one JSON document of standard output.
func (a *answer) parse(to any) {
	a.t.Helper()
	d := json.NewDecoder(strings.NewReader(a.stdout))
	if err := d.Decode(to); err != nil {
		a.t.Fatalf("%v in:\n%s%s", err, a.stdout, a.stderr)
	}
	if d.More() {
		a.t.Errorf("more than one document:\n%s", a.stdout)
	}
}

func TestExitCodes(t *testing.T) {
	b := newBench(t).work()
	for collection, code := range map[string]int{"ok": 0, "uncounted": fault.ExitNotCounted, "denied": 14, "fail": 13} {
		path, _ := b.job(collection)
		b.milvusdm("run", path).exits(code)
	}
	path, name := b.job("wait")
	p := b.start(context.Background(), "run", path)
	p.says("copying: 400 of 1,000 rows (40.0%)")
	if err := b.TerminateWorkflow(context.Background(), name, "", "test"); err != nil {
		t.Fatal(err)
	}
	p.wait().exits(fault.ExitCancelled).has("job "+name+" was terminated", "reason", "test (by ", "from what was copied; with --fresh")
	b.milvusdm("start", path).exits(0).has("goes on from 400 rows of the run that was terminated at")
	b.finish(name)
}

func TestAttach(t *testing.T) {
	b := newBench(t).work()
	path, name := b.job("wait")
	b.milvusdm("start", path).exits(0).has("started job "+name, "milvusdm cancel "+name)
	var r report
	b.milvusdm("start", path, "-o", "json").exits(0).parse(&r)
	if !r.Attached || r.State != "running" {
		t.Errorf("got %+v", r)
	}
	p := b.start(context.Background(), "run", path)
	p.says("attached to job " + name)
	p.says("copying: 400 of 1,000 rows")

	b.milvusdm("run", path, "--fresh").exits(11).has("--fresh starts it from the beginning once it has ended")
	b.job("wait", "copy:", "  parallel: 3")
	q := b.start(context.Background(), "run", path)
	q.says("is running with other settings, which stay:\n  copy.parallel: 2 -> 3")
	b.job("wait", "    mode: overwrite")
	b.milvusdm("run", path).exits(11).has("is running and is another job than this one", "target.milvus.mode: \"append\" -> \"overwrite\"")

	b.finish(name)
	p.wait().exits(0).has("verified")
	q.wait().exits(0).has("verified")
}

func TestInterruptDetaches(t *testing.T) {
	b := newBench(t).work()
	path, name := b.job("wait")
	ctx, interrupt := context.WithCancel(context.Background())
	defer interrupt()
	p := b.start(ctx, "run", path)
	p.says("copying: 400 of 1,000 rows")
	interrupt()
	p.wait().exits(fault.ExitDetached).has("detached; job "+name+" goes on", "milvusdm run "+path, "milvusdm cancel "+name)
	follow := b.start(context.Background(), "status", "--follow", name)
	follow.says("copying")
	b.finish(name)
	follow.wait().exits(0).has("verified")
}

func TestInterruptedBeforeItStarts(t *testing.T) {
	b := newBench(t)
	path, name := b.job("wait")
	ctx, interrupt := context.WithCancel(context.Background())
	time.AfterFunc(200*time.Millisecond, interrupt)
	b.until(ctx, "run", path).exits(fault.ExitCancelled).has("interrupted")
	b.milvusdm("status", name).exits(10).has("knows no job")
}

func TestNoWorker(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	path, name := b.job("ok")
	for _, command := range []string{"run", "start", "plan"} {
		begun := time.Now()
		b.milvusdm(command, path).exits(16).has("no worker polls task queue TestNoWorker (Temporal at "+b.address, "milvusdm-worker -task-queue TestNoWorker")
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("%s took %v to say so", command, took)
		}
	}
	b.milvusdm("status", name).exits(10)
}

func TestNoWorkerOnTheHost(t *testing.T) {
	t.Parallel()
	b := newBench(t).work()
	path, name := b.job("ok")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.Replace(text, []byte("    paths:"), []byte("    host: gpu7\n    paths:"), 1)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	b.milvusdm("run", path).exits(16).has("no worker polls task queue TestNoWorkerOnTheHost@gpu7", "start one on gpu7", "-host gpu7")
	b.milvusdm("status", name).exits(10)
}

// A worker that has just died is still on Temporal's list.
func TestDeadWorker(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	t.Run("alive", func(t *testing.T) {
		alive := *b
		alive.T = t
		alive.work()
		path, _ := alive.job("ok")
		alive.milvusdm("run", path).exits(0)
	})
	path, name := b.job("wait")
	begun := time.Now()
	b.milvusdm("start", path).exits(0).has("started job "+name, "no worker has taken the job up; it waits on task queue TestDeadWorker")
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("took %v to say so", took)
	}
	p := b.start(context.Background(), "run", path)
	p.says("waiting for a worker on task queue TestDeadWorker")
	b.work()
	p.says("copying: 400 of 1,000 rows")
	b.finish(name)
	p.wait().exits(0)
}

func TestProgressOfChild(t *testing.T) {
	t.Parallel()
	b := newBench(t).work()
	path, _ := b.job("child")
	p := b.start(context.Background(), "run", path)
	p.says("copying: 623 of 1,000 rows (62.3%)") // 500 the workflow knows of, 123 the heartbeat
	p.says("; waiting for Milvus at 127.0.0.1:19530 (since 12:03:04 UTC)")
	p.wait().exits(0)
}

func TestSeveralCollections(t *testing.T) {
	t.Parallel()
	b := newBench(t).work()
	name := t.Name() + "-good"
	path := b.collections(name, "a", "{name: b, as: c}")
	p := b.start(context.Background(), "run", path)
	p.says("copying: 1,623 of 2,000 rows (81.1%)") // all of b, and of a what its workflow and the heartbeat know of
	p.says("; a: waiting for Milvus at 127.0.0.1:19530 (since 12:03:04 UTC)")
	b.milvusdm("status", name).exits(0).has("1 of 2 collections",
		"COLLECTION  PHASE    ROWS   OF     TARGET\na           copying  623    1,000  toy place/a  waiting for Milvus at 127.0.0.1:19530 (since 2026-11-22 12:03:04 UTC)\n")
	b.listed(name, "waiting for Milvus at 127.0.0.1:19530 (since 2026-11-22 12:03:04 UTC)")
	p.says("a: done, 1,000 rows\n")
	p.wait().exits(0).has("verified", "2,000 rows", "contents are equal", "OUTCOME", "verified  1,000   1,000    b       toy place/c\n")
	b.milvusdm("plan", path).exits(0).has("all 2 collections", "2,000,000, 1.0 GB", "nothing was written")

	path = b.collections(t.Name()+"-bad", "a", "bad")
	b.milvusdm("run", path).exits(15).has("bad: failed: a field is gone\n", "1 of 2 collections and partitions failed: bad: a field is gone",
		"1 of 2 collections done\n", "bad: 400 rows stand in c__mdm_toy; there is no collection c yet", "from 1,400 rows on")
}

func TestFailingActivityIsShown(t *testing.T) {
	b := newBench(t).work()
	path, name := b.job("unreachable")
	p := b.start(context.Background(), "run", path)
	p.says("connect to Milvus at 127.0.0.1:19530: connection refused")
	b.milvusdm("status", name).exits(0).has("ReadMetadata (attempt")
	if err := b.CancelWorkflow(context.Background(), name, ""); err != nil {
		t.Fatal(err)
	}
	p.wait().exits(fault.ExitCancelled)
}

func TestPauseResumeCancel(t *testing.T) {
	b := newBench(t).work()
	path, name := b.job("wait")
	b.milvusdm("pause", name).exits(10).has("knows no job")
	b.milvusdm("start", path).exits(0)
	b.milvusdm("pause", name).exits(0).has("job "+name+": paused since", "400 of 1,000 (40.0%)", "2 of 5")
	b.milvusdm("resume", name).exits(0).has("job " + name + ": copying since")
	b.milvusdm("cancel", name).exits(0).has("job "+name+" was cancelled", "400 rows stand in c__mdm_toy", "milvusdm run JOB.yaml --task-queue "+b.queue+"   from 400 rows on")
	for _, command := range []string{"pause", "resume", "cancel"} {
		b.milvusdm(command, name).exits(11).has("is not running: it was cancelled at")
	}
	p := b.start(context.Background(), "run", path)
	p.says("goes on from 400 rows of the run that was cancelled at")
	p.says("started job " + name)
	var r report
	b.milvusdm("cancel", name, "--wait=false", "-o", "json").exits(0).parse(&r)
	if r.State != "cancelling" {
		t.Errorf("got %+v", r)
	}
	p.wait().exits(fault.ExitCancelled)
}

func TestChainIsFollowed(t *testing.T) {
	b := newBench(t).work()
	path, name := b.job("chain")
	var r report
	b.milvusdm("run", path, "-o", "json").exits(0).parse(&r)
	if r.Result.Resumed != 400 {
		t.Errorf("not the last run's result: %+v", r.Result)
	}
	last, err := b.DescribeWorkflowExecution(context.Background(), name, "")
	if err != nil {
		t.Fatal(err)
	}
	if got := last.GetWorkflowExecutionInfo().GetExecution().GetRunId(); got != r.RunID {
		t.Errorf("run ID %s, want the last run's %s", r.RunID, got)
	}
}

func TestPlan(t *testing.T) {
	b := newBench(t).work()
	path, _ := b.job("ok")
	b.milvusdm("plan", path).exits(0).has("HDF5, MilvusDM layout", "replaces collection articles", "nothing was written")
	var doc planned
	b.milvusdm("plan", path, "-o", "json").exits(0).parse(&doc)
	if want := goldenPlan(); doc.Plan.Source.Rows != want.Source.Rows || doc.Plan.Target.StagingName != want.Target.StagingName {
		t.Errorf("got %+v", doc)
	}
	path, _ = b.job("missing")
	b.milvusdm("plan", path).exits(10).has("milvusdm: open ", "toy.h5: no such file").lacks("nothing was written")
}

func TestList(t *testing.T) {
	b := newBench(t).work()
	done, first := b.job("ok")
	b.milvusdm("run", done).exits(0)
	path, second := b.job("wait")
	b.milvusdm("start", path).exits(0)
	defer b.finish(second)
	var all []*record
	for limit := time.Now().Add(10 * time.Second); ; time.Sleep(100 * time.Millisecond) { // visibility lags behind
		b.milvusdm("list", "--limit", "100", "-o", "json").exits(0).parse(&all)
		if at(all, second) >= 0 && at(all, first) > at(all, second) && all[at(all, first)].State == "completed" {
			break
		}
		if time.Now().After(limit) {
			t.Fatalf("not both, newest first: %+v", all)
		}
	}
	if r := all[at(all, second)]; r.State != "running" || r.Target != "127.0.0.1:19530/default/wait" {
		t.Errorf("got %+v", r)
	}
	b.milvusdm("list", "--limit", "100").exits(0).has("NAME", second)
	b.milvusdm("list", "--limit", "0").exits(2)
	b.milvusdm("__complete", "cancel", "").exits(0).has(second + "\trunning").lacks(first)
	b.milvusdm("__complete", "status", "").exits(0).has(second+"\t", first+"\t")
}

// listed waits until the command list shows a job with a text: visibility lags behind.
func (b *bench) listed(name, text string) {
	b.Helper()
	for limit := time.Now().Add(10 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		a := b.milvusdm("list", "--limit", "100").exits(0)
		for line := range strings.Lines(a.stdout) {
			if strings.HasPrefix(line, name+" ") && strings.Contains(line, text) {
				return
			}
		}
		if time.Now().After(limit) {
			b.Fatalf("%s is not listed with %q, but:\n%s", name, text, a.stdout)
		}
	}
}

func at(all []*record, name string) int {
	for i, r := range all {
		if r.Name == name {
			return i
		}
	}
	return -1
}

func TestOtherWorkflowOfThatName(t *testing.T) {
	b := newBench(t).work()
	path, name := b.job("wait")
	_, err := b.ExecuteWorkflow(context.Background(), client.StartWorkflowOptions{ID: name, TaskQueue: b.queue}, workflows.CopyCollectionName)
	if err != nil {
		t.Fatal(err)
	}
	b.milvusdm("run", path).exits(11).has("is no job of milvusdm but a CopyCollection")
}
