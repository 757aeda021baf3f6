package cli

import (
	"context"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/workflows"
)

// alone starts a job on the bench's queue although no worker polls it.
func (b *bench) alone(collection string) (path, name string) {
	b.Helper()
	path, name = b.job(collection)
	j, _, err := job.Load(path, job.Options{Env: b.env.LookupEnv})
	if err != nil {
		b.Fatal(err)
	}
	in := workflows.Input{Job: *j, Hash: j.Hash()}
	_, err = b.ExecuteWorkflow(context.Background(), client.StartWorkflowOptions{ID: name, TaskQueue: b.queue,
		Memo: map[string]any{workflows.HashMemo: in.Hash, workflows.JobMemo: j}}, j.Direction(), in)
	if err != nil {
		b.Fatal(err)
	}
	return path, name
}

// soon checks that the program ends within 5 s, or says a text by then.
func (p *process) soon(text string) {
	p.Helper()
	begun := time.Now()
	p.says(text)
	if took := time.Since(begun); took > 5*time.Second {
		p.Errorf("milvusdm %s took %v to say %q", strings.Join(p.args, " "), took, text)
	}
}

func TestEveryCommandSaysThatNoWorkerPolls(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	path, name := b.alone("wait")
	says := "no worker polls task queue " + b.queue + " (Temporal at " + b.address + ", namespace default); "
	command := "; start one with: TEMPORAL_ADDRESS=" + b.address + " milvusdm-worker -task-queue " + b.queue + "\n"
	for _, args := range [][]string{{"pause", name}, {"resume", name}, {"cancel", name, "--wait=false"}, {"cancel", name, "--drop-target"},
		{"run", path}, {"status", "--follow", name}, {"cancel", name}, {"verify", path}, {"plan", path}} {
		ctx, stop := context.WithCancel(context.Background())
		p := b.start(ctx, args...)
		p.soon(says)
		p.soon(command)
		stop()
		p.wait()
	}
	begun := time.Now()
	b.milvusdm("status", name).exits(0).has(strings.TrimSuffix(says, "; "), strings.TrimPrefix(command, "; "), "queue      "+b.queue)
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("status took %v", took)
	}
}

func TestPauseIsKeptUntilAWorkerIsThere(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	_, name := b.alone("wait")
	begun := time.Now()
	b.milvusdm("pause", name).exits(0).has("job " + name + " will pause: Temporal keeps the request until a worker is there")
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("took %v to say so", took)
	}
	var r report
	b.milvusdm("pause", name, "-o", "json").exits(0).parse(&r)
	if r.Pending != "pause" || r.State != "running" || r.Queue != b.queue {
		t.Errorf("got %+v", r)
	}
	b.milvusdm("cancel", name, "--drop-target").exits(fault.ExitCode(fault.Unavailable)).has("nothing was asked of it")
	b.work()
	b.milvusdm("status", name).exits(0).has("job "+name+": paused since", "queue      "+b.queue, "Temporal   "+b.address+", namespace default")
	b.milvusdm("resume", name).exits(0).has("job " + name + ": copying since")
	b.finish(name)
}

// A worker that has just died is still on Temporal's list.
func TestPauseWhenTheWorkerHasDied(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var name string
	t.Run("alive", func(t *testing.T) {
		alive := *b
		alive.T = t
		path := ""
		path, name = alive.work().job("wait")
		alive.milvusdm("start", path).exits(0)
	})
	begun := time.Now()
	b.milvusdm("pause", name).exits(0).has("no worker answers on task queue "+b.queue, "will pause")
	if took := time.Since(begun); took > 6*time.Second {
		t.Errorf("took %v to say so", took)
	}
	b.work()
	for limit := time.Now().Add(20 * time.Second); ; time.Sleep(200 * time.Millisecond) { // Temporal asks the dead worker first
		a := b.milvusdm("status", name).exits(0)
		if strings.Contains(a.stdout, "job "+name+": paused since") {
			break
		}
		if time.Now().After(limit) {
			t.Fatalf("not paused: %s", a.stdout)
		}
	}
	b.milvusdm("resume", name).exits(0).has("job " + name + ": copying since")
	b.finish(name)
}

// The queue is the job's, not the one that the command would start a job on.
func TestCommandsUseTheJobsQueue(t *testing.T) {
	t.Parallel()
	b := newBench(t).work()
	path, name := b.job("wait")
	b.milvusdm("start", path).exits(0)
	other := *b
	other.queue = "nobodys"
	other.milvusdm("pause", name).exits(0).has("job "+name+": paused since", "queue      "+b.queue)
	other.milvusdm("resume", name).exits(0).has("job " + name + ": copying since")
	b.finish(name)
}
