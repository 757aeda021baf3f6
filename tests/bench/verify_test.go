package bench

import (
	"fmt"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"milvusdm/internal/job"
	"milvusdm/workflows"
)

// BenchmarkVerify holds a full comparison of two servers against raw Query on both at once.
func BenchmarkVerify(b *testing.B) {
	s := shape{setting(b, "ROWS", 1_000_000), 128}
	rounds := setting(b, "ROUNDS", 3)
	m := newMigration(b, newRig(b), s)
	m.startWorker(b)
	const copied = "bench_verify"
	j := m.job(b, copied)
	m.do(b, j, s)
	both := func(readers, rows int, share float64) pump {
		p := m.pump(readers, rows, share)
		p.Target, p.To, p.Both = m.other, copied, true
		return p
	}
	var tries []pump
	for _, readers := range []int{1, 2, 4} {
		for _, rows := range []int{4000, 8000, 16000} {
			tries = append(tries, both(readers, rows, 0.3))
		}
	}
	var bare []pump
	for _, p := range best(b, setting(b, "FINALISTS", 2), tries) {
		bare = append(bare, both(len(p.Bounds)-1, p.PageRow, 1))
	}
	loops := make([][]loopResult, len(bare))
	var runs []jobRun
	for round := range rounds {
		for turn := range len(bare) + 1 {
			i := (turn + round) % (len(bare) + 1)
			if i < len(bare) {
				r := bare[i].run(b)
				loops[i] = append(loops[i], r)
				say("round %d, raw Query on both sides %v: %s rows/s, %s CPU", round+1, bare[i], thousands(r.rate()), seconds(r.CPU))
				continue
			}
			r := m.verify(b, j)
			runs = append(runs, r)
			say("round %d, verify: %s rows/s, %s CPU, %s whole with %s CPU, peak %d MiB", round+1, thousands(r.rate()), seconds(r.CopyCPU), seconds(r.Whole),
				seconds(r.WholeCPU), r.Peak>>20)
		}
	}
	m.dropCopy(b, copied)
	reportReading(b, fmt.Sprintf("Full comparison of %v float32, a VarChar and an Int64 field on two servers, medians of %d", s, rounds), "verify --full", bare, loops, runs,
		"Raw Query: readers x rows of a page, so many on each side at the same time; it compares nothing. The ceiling is the one with the most rows/s: a first",
		"pass over 3/10 of the rows chose them from 1, 2 and 4 readers x 4,000, 8,000 and 16,000 rows.",
		"rows/s: of one side, while contents are compared. Whole: with counts and report.",
		"Target: 0.9 of the ceiling's rows/s.")
}

// verify compares the job's source with its target.
func (m *migration) verify(b *testing.B, j *job.Job) jobRun {
	b.Helper()
	pid := workerPID(b, m.worker)
	meter := startMeter(b, pid)
	start := time.Now()
	run, err := m.temporal.ExecuteWorkflow(b.Context(), client.StartWorkflowOptions{ID: workflows.VerifyID(j), TaskQueue: workflows.TaskQueue},
		workflows.VerifyName, workflows.VerifyInput{Job: *j, Mode: workflows.VerifyFull})
	if err != nil {
		b.Fatal(err)
	}
	var result workflows.VerifyResult
	if err := run.Get(b.Context(), &result); err != nil {
		b.Fatal(err)
	}
	var out jobRun
	out.Whole = time.Since(start)
	meter.stop(b)
	if n := int64(m.data.Rows); result.Outcome != workflows.OutcomeEqual || result.LeftRows != n || result.Compared != n {
		b.Fatalf("%s: %s, %d rows, %d compared, want %d", j.Name, result.Outcome, result.LeftRows, result.Compared, n)
	}
	from, to := m.phase(b, workflows.VerifyID(j), "CompareRange")
	out.Rows, out.Copying = result.Compared, to.Sub(from)
	out.WholeCPU, out.CopyCPU, out.Peak = meter.used(start, start.Add(out.Whole)), meter.used(from, to), peak(pid)
	return out
}
