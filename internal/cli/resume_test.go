package cli

import (
	"context"
	"strings"
	"testing"
)

func TestResume(t *testing.T) {
	b := newBench(t).work()
	path, name := b.job("fail")
	b.milvusdm("run", path).exits(13).has("job "+name+" failed: toy.h5: row 417 is cut off", "Corrupt (exit code 13)",
		"400 rows stand in c__mdm_toy; there is no collection c yet", "milvusdm run "+path+" --task-queue "+b.queue+"   from 400 rows on")
	b.milvusdm("status", name).exits(0).has("failed: toy.h5", "ended")
	b.milvusdm("run", path, "--fresh").exits(13).has("starts from the beginning (--fresh) and leaves the 400 rows of the run that failed at")
	b.milvusdm("run", path).exits(0).has("goes on from 400 rows of the run that failed at", "400 of these rows came from an earlier run")
}

// The command status and the next run say the same about where that begins.
func TestStatusTellsWhereTheNextRunBegins(t *testing.T) {
	b := newBench(t).work()
	for collection, says := range map[string][2]string{
		"fail":    {"from 400 rows on; with --fresh", "goes on from 400 rows"},
		"nothing": {"from the first row on", "had copied no rows: starts at the first one"},
		"denied":  {"from the first row on", "left nothing to go on from: starts from the beginning"},
	} {
		path, name := b.job(collection)
		b.milvusdm("run", path).has(says[0])
		b.milvusdm("status", name).has(says[0])
		b.milvusdm("run", path).has(says[1])
	}
	path, name := b.job("wait")
	p := b.start(context.Background(), "run", path)
	p.says("copying")
	if err := b.TerminateWorkflow(context.Background(), name, "", "test"); err != nil {
		t.Fatal(err)
	}
	p.wait()
	b.milvusdm("status", name).has("from what was copied", "reason", "test (by ")
}

// A run of a schedule leaves nothing that another one goes on from.
func TestFailedRunOfASchedule(t *testing.T) {
	t.Parallel()
	b := newBench(t).work()
	path, name := b.job("fail")
	b.milvusdm("schedule", "create", path, "--cron", "0 3 1 1 *").exits(0)
	defer b.milvusdm("schedule", "delete", name)
	started := b.milvusdm("schedule", "trigger", name).exits(0).stdout
	run := strings.Fields(strings.TrimPrefix(started, "started run "))[0]
	b.milvusdm("status", "--follow", run).exits(13).has("400 rows stand in", "milvusdm schedule trigger "+name+" --task-queue "+b.queue+"   from the first row on").
		lacks("from 400 rows on")
}

func TestResumeOfAnotherJob(t *testing.T) {
	b := newBench(t).work()
	path, _ := b.job("fail")
	b.milvusdm("run", path).exits(13)
	b.job("fail", "    mode: overwrite")
	b.milvusdm("run", path).exits(13).has("starts from the beginning, since the run that failed at", "target.milvus.mode: \"append\" -> \"overwrite\"")
	b.job("fail", "    mode: overwrite", "copy:", "  parallel: 3") // which may change between runs
	b.milvusdm("run", path).exits(0).has("goes on from 400 rows")
}
