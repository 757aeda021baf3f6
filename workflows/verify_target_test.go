package workflows

import (
	"context"
	"strings"
	"testing"

	"go.temporal.io/sdk/workflow"

	"milvusdm/activities"
	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
	"milvusdm/internal/transfer/transfertest"
)

// target runs verifyTarget as CopyCollection does, on a copy of what left held.
func (w world) target(t *testing.T, j job.Job, copied transfer.Source, change func(*collectionCopy)) (*Result, error) {
	t.Helper()
	c := &collectionCopy{board: newBoardForTest()}
	c.Ref = activities.Ref{Job: j, Owner: "o", Stage: "s"}
	ctx := context.Background()
	d, err := copied.Describe(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ranges, err := copied.Plan(ctx, 30, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.State = &State{Identity: d.Identity, Target: transfer.Target{Name: "c__mdm", Fresh: true}}
	for _, r := range ranges {
		s := RangeState{Range: r, Done: true}
		reader, err := copied.Open(ctx, r, rows.Cursor{}, transfer.BatchLimit{Rows: 9})
		if err != nil {
			t.Fatal(err)
		}
		for b, err := reader.Next(ctx); err == nil; b, err = reader.Next(ctx) {
			sum, err := rows.SumBatch(r.Partition, b)
			if err != nil {
				t.Fatal(err)
			}
			s.Reach.Sum.Add(sum)
		}
		c.State.Ranges = append(c.State.Ranges, s)
	}
	if change != nil {
		change(c)
	}
	env := w.environment(t)
	env.RegisterWorkflowWithOptions(func(ctx workflow.Context) (*Result, error) {
		if err := verifyTarget(ctx, c); err != nil {
			return nil, failure(err, nil)
		}
		return &c.result, nil
	}, workflow.RegisterOptions{Name: "target"})
	env.ExecuteWorkflow("target")
	return &c.result, env.GetWorkflowError()
}

func newBoardForTest() *board { return &board{} }

func TestVerifyTargetByRecordedSums(t *testing.T) {
	for _, mode := range []string{VerifySample, VerifyFull} {
		for _, j := range []job.Job{fromServer(), fromFile()} {
			j.Copy.Verify = job.Verify(mode)
			left, target := atServer(verifyRows(100)), atServer(verifyRows(100))
			file := &transfertest.File{Rows: verifyRows(100)}
			w := world{"left/c": left, "right/c__mdm": target, "file": file}
			copied := transfer.Source(atServer(verifyRows(100)))
			if j.Source.HDF5 != nil {
				copied = file
			}
			r, err := w.target(t, j, copied, nil)
			if err != nil || r.Verified != mode {
				t.Errorf("%s %s: %+v, %v", j.SourceName(), mode, r, err)
			}
			for i := range left.Rows { // changed since: the target holds what was copied
				left.Rows[i].Name = "changed"
			}
			if r, err := w.target(t, j, copied, nil); err != nil {
				t.Errorf("%s %s, the source changed: %+v, %v", j.SourceName(), mode, r, err)
			}
			left.Rows = verifyRows(100)
			for i := range target.Rows {
				target.Rows[i].Name = "corrupt"
			}
			_, err = w.target(t, j, copied, nil)
			if kind, text := fault.FromTemporal(err); kind != fault.Different || !strings.Contains(text, "with other contents: key ") {
				t.Errorf("%s %s, corrupt: %v", j.SourceName(), mode, err)
			}
		}
	}
}

func TestVerifyTargetAmongOthersRows(t *testing.T) {
	rows := verifyRows(100)
	for i := range 50 {
		rows = append(rows, transfertest.Row{Partition: "a", Key: int64(3*i + 1)})
	}
	others := func(c *collectionCopy) { c.State.Target.Fresh = false }
	for _, j := range []job.Job{fromServer(), fromFile()} {
		j.Copy.Verify = job.VerifyFull
		file := &transfertest.File{Rows: verifyRows(100)}
		w := world{"left/c": atServer(verifyRows(100)), "right/c__mdm": atServer(rows), "file": file}
		copied := transfer.Source(atServer(verifyRows(100)))
		if j.Source.HDF5 != nil {
			copied = file
		}
		if _, err := w.target(t, j, copied, others); err != nil {
			t.Errorf("%s: %v", j.SourceName(), err)
		}
		rows[7].Value = -1
		_, err := w.target(t, j, copied, others)
		if kind, _ := fault.FromTemporal(err); kind != fault.Different {
			t.Errorf("%s, one differs: %v", j.SourceName(), err)
		}
		keep := func(c *collectionCopy) { others(c); c.State.Target.Plan.OnExisting = "keep" }
		if r, err := w.target(t, j, copied, keep); err != nil || len(r.Notes) != 1 {
			t.Errorf("%s, kept rows differ: %+v, %v", j.SourceName(), r, err)
		}
		rows[7].Value = 7
	}
}

func TestVerifyTargetLeavesCountsToTheJob(t *testing.T) {
	j := fromServer()
	j.Copy.Verify = job.VerifyCount
	if r, err := (world{}).target(t, j, atServer(verifyRows(10)), nil); err != nil || r.Verified != "" {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestExportIsComparedWithItsRun: with the one that the job names, else with the newest in its directory, whose seal is asked for
// once for all collections.
func TestExportIsComparedWithItsRun(t *testing.T) {
	for run, path := range map[string]string{"": "/x", "monday": "/x/monday"} {
		j := fromServer()
		j.Source.Milvus.Collections = []job.Collection{{Name: "c", As: "b"}, {Name: "d"}}
		j.Target = job.Target{HDF5: &job.HDF5Target{Directory: "/x", Run: run, Host: "h"}}
		w := world{"left/c": atServer(verifyRows(10)), "left/d": atServer(verifyRows(20)),
			path + "@h, run 1/b": atServer(verifyRows(10)), path + "@h, run 1/d": atServer(verifyRows(20))}
		r, err := w.verify(t, VerifyInput{Job: j, Mode: VerifyFull})
		if err != nil || r.Outcome != OutcomeEqual || len(r.Collections) != 2 {
			t.Errorf("run %q: %+v, %v", run, r, err)
		}
	}
}
