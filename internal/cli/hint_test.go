package cli

import (
	"bytes"
	"testing"
	"time"

	"milvusdm/workflows"
)

func TestHintsCarryTheFlagsOfTheCall(t *testing.T) {
	for want, a := range map[string]*app{
		"milvusdm cancel j": {queue: workflows.TaskQueue},
		"milvusdm cancel j --address h:1 --namespace 'my team' --task-queue gpu": {address: "h:1", namespace: "my team", queue: "gpu", apiKey: "secret"},
	} {
		if got := a.hints().command("cancel", "j"); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if got := (hints)(nil).command("run", "it's my job.yaml"); got != `milvusdm run 'it'\''s my job.yaml'` {
		t.Error(got)
	}
}

func TestPrintedCommandsCarryTheFlags(t *testing.T) {
	b := newBench(t).work()
	path, _ := b.job("fail")
	flags := " --address " + b.address + " --namespace default --task-queue " + b.queue
	with := func(args ...string) *answer {
		return b.milvusdm(append(args, "--address", b.address, "--namespace", "default")...)
	}
	with("run", path).exits(13).has("milvusdm run " + path + flags + "   from 400 rows on")
	with("status", "nosuch").exits(10).has("milvusdm list" + flags + " shows the jobs")
	path, name := b.job("wait")
	with("start", path).exits(0).has("milvusdm status --follow "+name+flags+"\n", "milvusdm cancel "+name+flags+"\n")
	with("run", path, "--fresh").exits(11).has("(milvusdm cancel " + name + flags + ")")
	b.finish(name)
}

func TestWorkerHintNamesTemporal(t *testing.T) {
	s := &server{address: "h:1", namespace: "my team"}
	want := "start one on gpu7 with: TEMPORAL_ADDRESS=h:1 TEMPORAL_NAMESPACE='my team' milvusdm-worker -task-queue q -host gpu7"
	if got := s.startOne(unserved{"q", "gpu7"}); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	s = &server{address: defaultAddress, namespace: "default"}
	if got, want := s.startOne(unserved{queue: workflows.TaskQueue}), "start one with: milvusdm-worker (or make up)"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// On a terminal a line is cut; how to start a worker is said once, on a line that stays.
func TestAdviceStays(t *testing.T) {
	var out bytes.Buffer
	f := follower{display: display{w: &out, width: func() int { return 40 }, tint: coloured}}
	v := view{Waiting: "no worker polls task queue q (Temporal at h:1, namespace default)", Advice: "start one with: milvusdm-worker -task-queue q"}
	f.see(v, noon)
	f.see(v, noon.Add(time.Second))
	if n := bytes.Count(out.Bytes(), []byte(v.Waiting+"; "+v.Advice+"\n")); n != 1 {
		t.Errorf("said %d times: %q", n, out.String())
	}
}
