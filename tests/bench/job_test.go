package bench

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	milvus "github.com/milvus-io/milvus-sdk-go/v2/client"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/tests/content"
	"milvusdm/tests/stack"
	"milvusdm/workflows"
)

// rig is the servers, which all measurements share, and a worker.
type rig struct {
	address  string // of Milvus
	milvus   milvuspb.MilvusServiceClient
	temporal client.Client
	worker   *stack.Worker
	jobs     int
}

func newRig(b *testing.B) *rig {
	b.Helper()
	say("starting Temporal and Milvus, building the worker")
	r := &rig{address: stack.Milvus(b, 0).Address}
	sdk, err := milvus.NewClient(b.Context(), milvus.Config{Address: r.address})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := sdk.Close(); err != nil {
			b.Error(err)
		}
	})
	r.milvus = sdk.(*milvus.GrpcClient).Service
	r.temporal, err = client.Dial(client.Options{HostPort: stack.Temporal(b).Address, Logger: quiet{}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(r.temporal.Close)
	return r
}

// quiet drops what the Temporal client has to say: what matters comes as an error.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}

// startWorker starts a fresh worker in place of the one before and waits until it takes up work.
func (r *rig) startWorker(b *testing.B) {
	b.Helper()
	if r.worker != nil {
		r.worker.Term(b, 2*time.Minute)
	}
	r.worker = stack.StartWorker(b)
	identity := fmt.Sprintf("%d@", workerPID(b, r.worker))
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		queue, err := r.temporal.DescribeTaskQueue(b.Context(), workflows.TaskQueue, enums.TASK_QUEUE_TYPE_ACTIVITY)
		if err != nil {
			b.Fatal(err)
		}
		for _, p := range queue.GetPollers() {
			if strings.HasPrefix(p.GetIdentity(), identity) {
				return
			}
		}
		if time.Now().After(deadline) {
			b.Fatalf("the worker takes up no work:\n%s", r.worker.Log())
		}
	}
}

// jobRun is how long a job and its parts took.
type jobRun struct {
	workflows.Result
	Whole    time.Duration // from the start of the workflow to its end: plan to publish, and the report
	WholeCPU time.Duration // the worker's meanwhile, with its child processes
	CopyCPU  time.Duration // the worker's while ranges were copied
	// Peak is the most memory that the worker has taken since it was started, ChildPeak the largest of its children's, as far
	// as they were seen: one that lives for less than 20 ms may not be. In bytes.
	Peak, ChildPeak int64
}

// rate is that of the time in which ranges were copied: flushing is a phase of its own, as it is of a bare loop.
func (r jobRun) rate() float64 { return float64(r.Rows) / r.copying().Seconds() }

// copying is the time of that phase; a comparison, which has no such phase, says it itself.
func (r jobRun) copying() time.Duration {
	i := slices.IndexFunc(r.Phases, func(p workflows.PhaseTime) bool { return p.Phase == workflows.PhaseCopying })
	if i < 0 {
		return r.Copying
	}
	return r.Phases[i].Took
}

// run runs a job with default settings, but for those given as lines of the job's copy section, into a new collection.
func (r *rig) run(b *testing.B, f format, s shape) (jobRun, string) {
	b.Helper()
	r.jobs++
	name := fmt.Sprintf("bench_%s_%d", f.name, r.jobs)
	text := fmt.Sprintf(`version: 1
name: %s
source:
  %s: {paths: %q, key_field: %s, vector_field: %s}
target:
  milvus: {address: %q, collection: %s, index: {type: FLAT, metric: L2}}
`, name, f.name, f.file(b, s), keyField, vectorField, r.address, name)
	if options := os.Getenv("COPY"); options != "" {
		text += "copy: {" + options + "}\n"
	}
	j, _, err := job.Parse(name+".yaml", []byte(text), job.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	return r.do(b, j, s), name
}

// do runs a job that copies s.
func (r *rig) do(b *testing.B, j *job.Job, s shape) jobRun {
	b.Helper()
	pid := workerPID(b, r.worker)
	meter := startMeter(b, pid)
	start := time.Now()
	run, err := r.temporal.ExecuteWorkflow(b.Context(), client.StartWorkflowOptions{ID: workflows.WorkflowID(j), TaskQueue: workflows.TaskQueue},
		j.Direction(), workflows.Input{Job: *j, Hash: j.Hash()})
	if err != nil {
		b.Fatal(err)
	}
	var out jobRun
	if err := run.Get(b.Context(), &out.Result); err != nil {
		b.Fatal(err)
	}
	out.Whole = time.Since(start)
	meter.stop(b)
	out.WholeCPU = meter.used(start, start.Add(out.Whole))
	out.CopyCPU = meter.used(r.phase(b, r.status(b, j).Child, "CopyRange"))
	out.Peak, out.ChildPeak = peak(pid), meter.childPeak
	if out.Outcome != workflows.OutcomeVerified || out.Rows != int64(s.Rows) || out.Counted != int64(s.Rows) {
		b.Fatalf("%s: %s, %d rows copied, %d counted, want %d", j.Name, out.Outcome, out.Rows, out.Counted, s.Rows)
	}
	return out
}

func (r *rig) status(b *testing.B, j *job.Job) (s workflows.Status) {
	b.Helper()
	answer, err := r.temporal.QueryWorkflow(b.Context(), workflows.WorkflowID(j), "", workflows.StatusQuery)
	if err == nil {
		err = answer.Get(&s)
	}
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// phase is from when a workflow's first activity of that name was scheduled to when the last was done.
func (r *rig) phase(b *testing.B, id, activity string) (from, to time.Time) {
	b.Helper()
	scheduled := map[int64]bool{}
	for events := r.temporal.GetWorkflowHistory(b.Context(), id, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); events.HasNext(); {
		e, err := events.Next()
		if err != nil {
			b.Fatal(err)
		}
		if a := e.GetActivityTaskScheduledEventAttributes(); a.GetActivityType().GetName() == activity {
			scheduled[e.GetEventId()] = true
			if from.IsZero() {
				from = e.GetEventTime().AsTime()
			}
		}
		if scheduled[e.GetActivityTaskCompletedEventAttributes().GetScheduledEventId()] {
			to = e.GetEventTime().AsTime()
		}
	}
	if from.IsZero() || to.IsZero() {
		b.Fatalf("%s has done no %s", id, activity)
	}
	return from, to
}

// check reads a loaded collection back.
func (r *rig) check(b *testing.B, collection string, want rows.Sum) {
	b.Helper()
	say("checking the content of %s", collection)
	got, err := content.Read(b.Context(), r.address, content.Place{Collection: collection})
	if err == nil {
		err = got.Check(want)
	}
	if err != nil {
		b.Fatalf("%s: %v", collection, err)
	}
}

func (r *rig) drop(b *testing.B, collection string) {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(b.Context()), time.Minute) // also when the benchmark has ended
	defer cancel()
	err := said(r.milvus.ReleaseCollection(ctx, &milvuspb.ReleaseCollectionRequest{CollectionName: collection}))
	if err == nil {
		err = said(r.milvus.DropCollection(ctx, &milvuspb.DropCollectionRequest{CollectionName: collection}))
	}
	if err != nil {
		b.Fatalf("drop %s: %v", collection, err)
	}
}
