package e2e

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/tests/faultproxy"
	"milvusdm/tests/stack"
	"milvusdm/workflows"
)

// slowJob is a job whose writes go through a proxy, in small batches.
type slowJob struct {
	*milvus
	proxy            *faultproxy.Proxy
	collection, name string
	path             string
}

func newSlowJob(t *testing.T, target ...string) *slowJob {
	t.Helper()
	m := theMilvus(t)
	j := &slowJob{milvus: m, proxy: faultproxy.Start(t, m.address), collection: m.collection(t)}
	j.name = "job-" + j.collection
	j.path = own(t, j.name, source.hdf5File(t), j.proxy.Addr(), j.collection, target, []string{"batch_rows: 50"})
	cleanUp(t, j.name)
	return j
}

// sentOnce checks that each row of the source went to the server once, over all runs.
func (j *slowJob) sentOnce(t *testing.T) {
	t.Helper()
	if sent, again := j.proxy.RowsSent(), j.proxy.RowsSentAgain(); sent != int64(source.count()) || again != 0 {
		t.Errorf("%d rows were sent, %d of them again; the source has %d", sent, again, source.count())
	}
}

// done checks that the target holds the source, and nothing stands beside it.
func (j *slowJob) done(t *testing.T) {
	t.Helper()
	j.only(t, j.collection, true)
	j.holds(t, j.collection, "", source)
}

func TestPauseAndResume(t *testing.T) {
	t.Parallel()
	j := newSlowJob(t)
	startSlow(t, j.proxy, j.path)
	milvusdm(t, "pause", j.name).exits(fault.ExitOK)
	within(t, time.Minute, "the job is paused", func() bool { return status(t, j.name).Phase == workflows.PhasePaused })
	sent := j.proxy.RowsSent()
	time.Sleep(2 * time.Second)
	if now := j.proxy.RowsSent(); now != sent || now >= int64(source.count()) {
		t.Errorf("a paused job sent rows: %d, then %d", sent, now)
	}
	if rows := status(t, j.name).Rows; rows != sent {
		t.Errorf("the status tells of %d rows, and %d were sent", rows, sent)
	}
	milvusdm(t, "list").exits(fault.ExitOK).says(j.name)
	milvusdm(t, "resume", j.name).exits(fault.ExitOK)
	milvusdm(t, "status", "--follow", j.name).exits(fault.ExitOK).says("verified", "2,000 rows")
	j.sentOnce(t)
	j.done(t)
	milvusdm(t, "pause", j.name).fails(fault.Conflict).says("is not running")
}

func TestCancelAndGoOn(t *testing.T) {
	t.Parallel()
	j := newSlowJob(t)
	kept := cancelInTheMiddle(t, j.proxy, j.path)
	if sent := j.proxy.RowsSent(); sent != kept {
		t.Errorf("%d rows were sent and %d are kept", sent, kept)
	}
	milvusdm(t, "status", j.name).exits(fault.ExitOK).says("cancelled", "there is no collection "+j.collection+" yet")
	if result := verified(t, "run", j.path); result.Resumed != kept || result.Rows != int64(source.count()) || result.Repaired != 0 {
		t.Errorf("%d rows were kept: %+v", kept, result)
	}
	j.sentOnce(t)
	j.done(t)
	milvusdm(t, "cancel", j.name).fails(fault.Conflict).says("is not running")
}

func TestCancelAndStartAnew(t *testing.T) {
	t.Parallel()
	j := newSlowJob(t)
	kept := cancelInTheMiddle(t, j.proxy, j.path)
	j.proxy.ResetWrites()
	a := milvusdm(t, "run", "--fresh", j.path).exits(fault.ExitOK).says("starts from the beginning (--fresh)", "verified").lacks("resumed")
	if strings.Contains(a.stdout, "repaired") {
		t.Errorf("the %d rows of the run before were in the way: %s", kept, a.stdout)
	}
	j.sentOnce(t)
	j.done(t)
}

// TestChangedSource: what an earlier run copied is of no use when the file is another one since.
func TestChangedSource(t *testing.T) {
	t.Parallel()
	j := newSlowJob(t)
	cancelInTheMiddle(t, j.proxy, j.path)
	changed := rowSpan{0, 1500, 7}
	text := read(t, j.path)
	at := strings.Index(text, "paths: ") + len("paths: ")
	path := text[at : at+strings.Index(text[at:], "\n")]
	if err := os.WriteFile(path, []byte(read(t, changed.hdf5File(t))), 0o600); err != nil {
		t.Fatal(err)
	}
	milvusdm(t, "run", j.path).exits(fault.ExitOK).says("verified", "started from the beginning: the job or its source changed")
	j.only(t, j.collection, true)
	j.holds(t, j.collection, "", changed)
}

func TestInterruptAndAttach(t *testing.T) {
	t.Parallel()
	j := newSlowJob(t)
	hook := slow(j.proxy, 250*time.Millisecond)
	run := start(t, "run", j.path)
	written(t, j.proxy, 4)
	run.signal(syscall.SIGINT)
	run.wait().exits(fault.ExitDetached).says("started job "+j.name, "detached; job "+j.name+" goes on", "milvusdm run "+j.path, "milvusdm cancel "+j.name)
	before := j.proxy.RowsSent()
	again := start(t, "run", j.path)
	again.awaitSays("attached to job "+j.name, time.Minute)
	hook.Remove()
	again.wait().exits(fault.ExitOK).says("verified, every row is there once")
	if before == 0 || before >= int64(source.count()) {
		t.Errorf("%d rows were sent when the second run attached", before)
	}
	j.sentOnce(t)
	j.done(t)
}

func TestChangedJobIsNotAttachedTo(t *testing.T) {
	t.Parallel()
	j := newSlowJob(t)
	startSlow(t, j.proxy, j.path)
	changed := write(t, "changed.yaml", read(t, j.path)+"  on_duplicate: last\n")
	milvusdm(t, "run", changed).fails(fault.Conflict).says("is another job", `copy.on_duplicate: "fail" -> "last"`, "milvusdm cancel "+j.name)
	milvusdm(t, "run", "--fresh", j.path).fails(fault.Conflict).says("is running", "--fresh")
	milvusdm(t, "cancel", "--drop-target", j.name).exits(fault.ExitOK)
	j.only(t, j.collection, false)
}

func TestSecondJobOnTheSameCollection(t *testing.T) {
	t.Parallel()
	for _, there := range []bool{false, true} {
		t.Run(map[bool]string{false: "absent", true: "filled"}[there], func(t *testing.T) {
			t.Parallel()
			j := newSlowJob(t, "mode: overwrite")
			if there {
				j.createAs(t, j.collection, dim)
				j.insert(t, j.collection, "", old)
				j.load(t, j.collection)
			}
			address := j.proxy.Addr()
			if there { // the collection is the lock, however its server is called
				address = "127.0.0.2:" + portOf(t, j.address)
			}
			second := own(t, j.name+"-second", old.hdf5File(t), address, j.collection, []string{"mode: append"}, []string{"on_existing: replace"})
			startSlow(t, j.proxy, j.path)
			before := j.collections(t, j.collection)
			milvusdm(t, "run", second).fails(fault.Conflict).says("another job is writing into "+address+"/default/"+j.collection, "wait until it ends", "milvusdm cancel "+j.name)
			if after := j.collections(t, j.collection); len(before) != len(after) {
				t.Errorf("the refused job changed the collections from %q to %q", before, after)
			}
			milvusdm(t, "status", "--follow", j.name).exits(fault.ExitOK).says("verified")
			j.sentOnce(t)
			j.done(t)
		})
	}
}

// TestTwoAddressesOfANewCollection: of two jobs that make one collection and reach its server by two names, one finds that the other was
// faster.
func TestTwoAddressesOfANewCollection(t *testing.T) {
	t.Parallel()
	j := newSlowJob(t)
	second := own(t, j.name+"-second", old.hdf5File(t), "127.0.0.2:"+portOf(t, j.address), j.collection, nil, nil)
	startSlow(t, j.proxy, j.path)
	verified(t, "run", second)
	milvusdm(t, "status", "--follow", j.name).fails(fault.Conflict).says("somebody made a collection " + j.collection + " while the job ran")
	j.holds(t, j.collection, "", old)
	milvusdm(t, "cancel", "--drop-target", j.name)
}

// TestOperatorPausesARange: an activity that is paused in Temporal rests until it is unpaused, and then goes on by upserts.
func TestOperatorPausesARange(t *testing.T) {
	t.Parallel()
	j := newSlowJob(t)
	startSlow(t, j.proxy, j.path)
	c := temporal(t)
	defer c.Close()
	child := &common.WorkflowExecution{WorkflowId: childOf(t, c, j.name)}
	paused := &workflowservice.PauseActivityRequest{Namespace: client.DefaultNamespace, Execution: child,
		Activity: &workflowservice.PauseActivityRequest_Type{Type: "CopyRange"}, Identity: "an operator"}
	if _, err := c.WorkflowService().PauseActivity(t.Context(), paused); err != nil {
		t.Fatal(err)
	}
	rests := func() bool {
		before := len(j.proxy.Writes())
		time.Sleep(2 * time.Second)
		return before == len(j.proxy.Writes())
	}
	within(t, time.Minute, "the range rests", rests)
	if !rests() {
		t.Error("the range went on while it was paused")
	}
	if s := status(t, j.name); s.Phase != workflows.PhaseCopying || s.RangesDone != 0 {
		t.Errorf("while it rests: %+v", s)
	}
	_, err := c.WorkflowService().UnpauseActivity(t.Context(), &workflowservice.UnpauseActivityRequest{Namespace: client.DefaultNamespace, Execution: child,
		Activity: &workflowservice.UnpauseActivityRequest_Type{Type: "CopyRange"}, Identity: "an operator"})
	if err != nil {
		t.Fatal(err)
	}
	milvusdm(t, "status", "--follow", j.name).exits(fault.ExitOK).says("verified")
	j.done(t)
}

// TestNoWorker: a job that nobody would take up is not started.
func TestNoWorker(t *testing.T) {
	t.Parallel()
	j := newSlowJob(t)
	stack.SharedWorker(t) // that they are built takes no time of the command's
	stack.BuildStarter(t)
	begin := time.Now()
	milvusdm(t, "run", j.path, "--task-queue", "nobody").fails(fault.Unavailable).says("no worker polls task queue nobody", "milvusdm-worker -task-queue nobody")
	if took := time.Since(begin); took > 30*time.Second {
		t.Errorf("it took %v", took)
	}
	milvusdm(t, "status", j.name).fails(fault.NotFound)
}

// TestPauseBeforeAWorkerIsThere: what an operator asks of a job that no worker runs holds as soon as one does.
func TestPauseBeforeAWorkerIsThere(t *testing.T) {
	t.Parallel()
	j := newSlowJob(t)
	parsed, _, err := job.Load(j.path, job.Options{Env: os.LookupEnv})
	if err != nil {
		t.Fatal(err)
	}
	c := temporal(t)
	defer c.Close()
	queue := "e2e-" + j.name
	_, err = c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: j.name, TaskQueue: queue}, parsed.Direction(),
		workflows.Input{Job: *parsed, Hash: parsed.Hash()})
	if err != nil {
		t.Fatal(err)
	}
	milvusdm(t, "pause", j.name).exits(fault.ExitOK).says("no worker polls task queue "+queue, "will pause")
	stack.StartWorkerWith(t, "-task-queue", queue)
	within(t, time.Minute, "the job is paused", func() bool { return status(t, j.name).Phase == workflows.PhasePaused })
	sent := j.proxy.RowsSent()
	time.Sleep(2 * time.Second)
	if now := j.proxy.RowsSent(); now != sent || now >= int64(source.count()) {
		t.Errorf("%d rows were sent while the job was paused, after %d", now, sent)
	}
	milvusdm(t, "resume", j.name).exits(fault.ExitOK)
	milvusdm(t, "status", "--follow", j.name).exits(fault.ExitOK).says("verified", "2,000 rows")
	j.sentOnce(t)
	j.done(t)
}
