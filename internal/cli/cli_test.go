package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"

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

	b.milvusdm("run", path, "--fresh").exits(11).has("--fresh starts it anew once it has ended")
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
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	ctx, interrupt := context.WithCancel(ctx)
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

func TestVerify(t *testing.T) {
	t.Parallel()
	b := newBench(t).work()
	path, name := b.job("ok")
	b.milvusdm("verify", path).exits(0).has("started "+name+"/verify: ", "/toy.h5 with 127.0.0.1:19530/default/ok", name+"/verify: equal",
		"the contents of 1,000 rows\n", "/tmp/verify.json", "/workflows/"+name+"%2Fverify/").lacks("exactly")
	b.milvusdm("verify", path, "--sample", "--exact").exits(0).has("1,000 rows, a batch out of each range", "exactly")
	b.milvusdm("verify", path, "--count").exits(0).has("numbers of rows only")
	b.milvusdm("verify", path, "--count", "--full").exits(fault.ExitUsage)
	b.milvusdm("status", name+"/verify").exits(0).has("equal", "ended")

	path, name = b.job("different")
	b.milvusdm("verify", path).exits(17).has(name+"/verify: DIFFERENT\n  differs    1 row is in the source only: key 7 of partition p\n",
		"1,000 in the source, 999 in the target", "PARTITION  SOURCE  TARGET\np          990     989\n").lacks("_default")
	var r report
	b.milvusdm("verify", path, "-o", "json").exits(17).parse(&r)
	if r.State != "different" || r.Verify.RightRows != 999 || r.Kind != fault.Different || r.ExitCode != 17 {
		t.Errorf("got %+v", r)
	}
	path, _ = b.job("fail")
	b.milvusdm("verify", path).exits(13).has("failed: toy.h5: row 417 is cut off", "milvusdm verify --full "+path)
}

func TestVerifyIsFollowed(t *testing.T) {
	t.Parallel()
	b := newBench(t).work()
	path, name := b.job("wait")
	ctx, interrupt := context.WithCancel(context.Background())
	defer interrupt()
	p := b.start(ctx, "verify", path, "--sample", "--exact")
	p.says("verifying: 250 of 1,000 rows (25.0%)")
	b.milvusdm("verify", path).exits(11).has("another verification of this job is running", "milvusdm cancel "+name+"/verify")
	interrupt()
	p.wait().exits(fault.ExitDetached).has("milvusdm verify --sample --exact " + path + " --task-queue " + b.queue + "   or   milvusdm status --follow " + name + "/verify")
	b.milvusdm("pause", name+"/verify").exits(12).has("is a verification, which can't pause")
	q := b.start(context.Background(), "verify", path, "--sample", "--exact")
	q.says("attached to " + name + "/verify")
	b.milvusdm("cancel", name+"/verify").exits(0).has("was cancelled")
	q.wait().exits(fault.ExitCancelled)
	for limit := time.Now().Add(10 * time.Second); ; time.Sleep(100 * time.Millisecond) { // visibility lags behind
		var all []*record
		b.milvusdm("list", "--limit", "100", "-o", "json").exits(0).parse(&all)
		if i := at(all, name+"/verify"); i >= 0 && all[i].State == "cancelled" && all[i].Direction == workflows.VerifyName {
			break
		}
		if time.Now().After(limit) {
			t.Fatal("it is not listed")
		}
	}
	for id, want := range map[string]bool{"a/verify": true, "a/verify/b": false, "a/verify/b/verify": false, "a": false} {
		if isVerification(id) != want {
			t.Errorf("%s: %v", id, !want)
		}
	}
}

func TestJobThatCompares(t *testing.T) {
	path := filepath.Join(t.TempDir(), "compare.yaml")
	text := "version: 1\nsource:\n  hdf5: {paths: a.h5}\ncompare:\n  milvus: {address: 'h:1', collections: a}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"run", "start", "plan"} {
		var out bytes.Buffer
		code := Main(context.Background(), []string{command, path}, Surroundings{Stdout: &out, Stderr: &out, Env: environment{}, Width: func() int { return 0 }})
		if code != fault.ExitUsage || !strings.Contains(out.String(), "run milvusdm verify "+path) {
			t.Errorf("%s: exit code %d, says: %s", command, code, out.String())
		}
	}
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

func TestStateAttribute(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := context.Background()
	const namespace = "attributes"
	_, err := b.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{Namespace: namespace,
		WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	other, err := client.NewClientFromExisting(b.Client, client.Options{Namespace: namespace})
	if err != nil {
		t.Fatal(err)
	}
	request := &operatorservice.AddSearchAttributesRequest{Namespace: namespace,
		SearchAttributes: map[string]enumspb.IndexedValueType{}}
	for _, a := range attributeKinds {
		request.SearchAttributes[a.name] = a.kind
	}
	for limit := time.Now().Add(20 * time.Second); ; time.Sleep(200 * time.Millisecond) { // until the namespace is known everywhere
		if _, err = b.OperatorService().AddSearchAttributes(ctx, request); err == nil || time.Now().After(limit) {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	b.Client, b.env["TEMPORAL_NAMESPACE"] = other, namespace
	b.work()
	path, _ := b.job("ok")
	b.milvusdm("run", path).exits(0).has("state attribute", "/namespaces/attributes/").lacks("search-attribute create")
	b.env["TEMPORAL_NAMESPACE"] = "nobodys"
	b.milvusdm("run", path).exits(10).has(`has no namespace "nobodys"`, "TEMPORAL_NAMESPACE")
}

func TestTemporalGoesAway(t *testing.T) {
	t.Parallel()
	needsServer(t)
	address := freeAddress(t)
	db := filepath.Join(t.TempDir(), "temporal.db")
	server, err := startTemporal(&client.Options{HostPort: address}, "--db-filename", db)
	if err != nil {
		t.Fatal(err)
	}
	b := benchOn(t, server).work()
	path, name := b.job("wait")
	p := b.start(context.Background(), "run", path)
	p.says("copying: 400 of 1,000 rows")
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	p.says("Temporal does not answer at " + address + "; the job goes on when it is back")
	again, err := startTemporal(&client.Options{HostPort: address}, "--db-filename", db)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := again.Stop(); err != nil {
			t.Error(err)
		}
	})
	b.Client = again.Client()
	b.finish(name)
	p.wait().exits(0).has("verified")
}

func TestTemporalUnreachable(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	path, _ := (&bench{T: t, dir: t.TempDir()}).job("ok")
	for _, address := range []string{freeAddress(t), silent.Addr().String()} {
		var stdout, stderr bytes.Buffer
		begun := time.Now()
		code := Main(context.Background(), []string{"run", path}, Surroundings{Stdout: &stdout, Stderr: &stderr, Width: func() int { return 0 },
			Env: environment{"TEMPORAL_ADDRESS": address, "TEMPORAL_CONFIG_FILE": "/nonexistent"}})
		if text := stderr.String(); code != 16 || !strings.Contains(text, "Temporal does not answer at "+address) || !strings.Contains(text, "TEMPORAL_ADDRESS") {
			t.Errorf("exit code %d, and says: %s", code, text)
		}
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("took %v", took)
		}
	}
}

func TestConfigFileProfile(t *testing.T) {
	b := newBench(t)
	file := filepath.Join(b.dir, "temporal.toml")
	text := "[profile.default]\naddress = \"" + freeAddress(t) + "\"\n[profile.right]\naddress = \"" + b.address + "\"\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(env environment) int {
		var out bytes.Buffer
		return Main(context.Background(), []string{"list"}, Surroundings{Stdout: &out, Stderr: &out, Env: env, Width: func() int { return 0 }})
	}
	if code := run(environment{"TEMPORAL_CONFIG_FILE": file}); code != 16 {
		t.Errorf("exit code %d with the wrong address", code)
	}
	if code := run(environment{"TEMPORAL_CONFIG_FILE": file, "TEMPORAL_PROFILE": "right"}); code != 0 {
		t.Errorf("exit code %d with the profile", code)
	}
}

func TestWrongCommandLines(t *testing.T) {
	for line, want := range map[string]string{
		"frobnicate":       `there is no command "frobnicate"`,
		"stauts":           "or status?",
		"job.yaml":         "did you mean run job.yaml?",
		"run":              "milvusdm run takes one argument, the file of a job; there are 0",
		"list x":           `milvusdm list takes no argument; there is "x"`,
		"run --nosuch x":   "unknown flag: --nosuch",
		"list -o yaml":     `--output is "yaml"; write text or json`,
		"run nosuch.yaml":  "nosuch.yaml: no such file",
		"status -o json":   `"kind": "Config"`,
		"--yaml":           "flag needs an argument: --yaml",
		"pause a b":        "there are 2",
		"version --output": "flag needs an argument",
	} {
		var out bytes.Buffer
		code := Main(context.Background(), strings.Fields(line), Surroundings{Stdout: &out, Stderr: &out, Env: environment{}, Width: func() int { return 0 }})
		wantCode := fault.ExitUsage
		if line == "run nosuch.yaml" {
			wantCode = fault.ExitCode(fault.NotFound)
		}
		if code != wantCode || !strings.Contains(out.String(), want) {
			t.Errorf("milvusdm %s: exit code %d, says: %s", line, code, out.String())
		}
	}
}

func TestWrongJobSaysAllAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "wrong.yaml")
	if err := os.WriteFile(path, []byte("version: 1\nsource:\n  hdf5:\n    path: [a.h5]\ntarget:\n  milvus:\n    adress: h:1\n    collection: c\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	code := Main(context.Background(), []string{"run", path}, Surroundings{Stdout: &out, Stderr: &out, Env: environment{}, Width: func() int { return 0 }})
	text := out.String()
	if code != fault.ExitUsage || !strings.HasPrefix(text, path+":4:") || !strings.Contains(text, "wrong.yaml:7:") || !strings.Contains(text, "did you mean") {
		t.Errorf("exit code %d, says: %s", code, text)
	}
}

func TestCompletionOfFiles(t *testing.T) {
	var out bytes.Buffer
	s := Surroundings{Stdout: &out, Stderr: &out, Env: environment{}, Width: func() int { return 0 }}
	if code := Main(context.Background(), []string{"__complete", "run", ""}, s); code != 0 || !strings.HasPrefix(out.String(), "yaml\nyml\n:8\n") {
		t.Errorf("exit code %d, %s", code, out.String())
	}
	out.Reset()
	if code := Main(context.Background(), []string{"completion", "bash"}, s); code != 0 || !strings.Contains(out.String(), "complete -") {
		t.Errorf("exit code %d, %.200s", code, out.String())
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
