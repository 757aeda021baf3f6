package cli

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"milvusdm/internal/export"
	"milvusdm/internal/fault"
	"milvusdm/internal/human"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/workflows"
)

// shows asks for a schedule until it is as wanted.
func (b *bench) shows(name string, wanted func(*scheduled) bool) *scheduled {
	b.Helper()
	for limit := time.Now().Add(30 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		var d scheduled
		b.milvusdm("schedule", "show", name, "-o", "json").exits(0).parse(&d)
		if wanted(&d) {
			return &d
		}
		if time.Now().After(limit) {
			b.Fatalf("schedule %s stays %+v", name, d)
		}
	}
}

// done counts runs that are over.
func (d *scheduled) done() (n int) {
	for _, r := range d.Runs {
		if r.State == "completed" {
			n++
		}
	}
	return n
}

// deletes deletes a schedule when the test ends.
func (b *bench) deletes(name string) {
	b.Cleanup(func() {
		if err := b.ScheduleClient().GetHandle(context.Background(), name).Delete(context.Background()); err != nil {
			b.Error(err)
		}
	})
}

func TestScheduleFires(t *testing.T) {
	t.Parallel()
	b := newBench(t).work()
	path, name := b.job("ok")
	b.milvusdm("schedule", "create", path, "--every", "1s", "--note", "mirror of the shop").exits(0).
		has("made schedule "+name, "active", "every 1 s", "mirror of the shop", "/schedules/"+name)
	b.milvusdm("schedule", "create", path, "--every", "1s").exits(11).has("there is a schedule " + name)
	d := b.shows(name, func(d *scheduled) bool { return d.done() >= 3 })
	seen := map[time.Time]bool{}
	for _, r := range d.Runs {
		if !strings.HasPrefix(r.Name, name+"-20") || seen[r.Scheduled] || r.Started.Before(r.Scheduled) {
			t.Errorf("run %+v", r)
		}
		seen[r.Scheduled] = true
		if r.State == "completed" && (r.Rows != toyTotal || r.Bytes != 10000 || r.Outcome != workflows.OutcomeVerified) {
			t.Errorf("run %+v", r)
		}
	}
	last := d.Runs[slices.IndexFunc(d.Runs, func(r *scheduledRun) bool { return r.State == "completed" })]
	b.milvusdm("schedule", "show", name).exits(0).has("SCHEDULED", "1,000", "10.0 kB", "verified", last.Name)
	b.milvusdm("status", last.Name).exits(0).has("verified") // a run is a job's run like any other
	b.milvusdm("schedule", "delete", name).exits(0).has("deleted schedule " + name)
	b.milvusdm("schedule", "show", name).exits(10).has(`has no schedule "` + name + `"`)
}

// What a run is told: the frozen job and the schedule.
func TestScheduledInput(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	got := make(chan workflows.Input, 1)
	w := worker.New(b.Client, b.queue, worker.Options{})
	w.RegisterWorkflowWithOptions(func(ctx workflow.Context, in workflows.Input) (*workflows.Result, error) {
		select {
		case got <- in:
		default:
		}
		return &workflows.Result{Outcome: workflows.OutcomeVerified}, nil
	}, workflow.RegisterOptions{Name: workflows.HDF5ToMilvusName})
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
	path, name := b.job("ok")
	j, _, err := job.Load(path, job.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b.milvusdm("schedule", "create", path, "--cron", "0 3 1 1 *", "--catchup-window", "1h").exits(0)
	b.deletes(name)
	b.milvusdm("schedule", "trigger", name).exits(0).has("started run " + name + "-20")
	in := <-got
	if in.Hash != j.Hash() || in.Job.Name != name || in.Resume != nil || in.Schedule == nil ||
		*in.Schedule != (workflows.Schedule{ID: name, CatchupWindow: time.Hour}) {
		t.Errorf("got %+v", in)
	}
}

func TestScheduleSkipsOverlap(t *testing.T) {
	t.Parallel()
	b := newBench(t).work()
	path, name := b.job("wait")
	b.milvusdm("schedule", "create", path, "--every", "1s").exits(0)
	d := b.shows(name, func(d *scheduled) bool { return d.Skipped >= 1 })
	if d.Begun != 1 || len(d.Running) != 1 || d.Overlap != "skip" {
		t.Errorf("got %+v", d)
	}
	b.milvusdm("schedule", "trigger", name).exits(11).has(d.Running[0]+" is under way", "overlap is skip")
	b.milvusdm("schedule", "show", name).exits(0).has("skipped because the last was not over", d.Running[0])
	b.milvusdm("schedule", "delete", name).exits(0).has("its run "+d.Running[0]+" goes on", "milvusdm cancel "+d.Running[0])
	b.finish(d.Running[0])
}

func TestSchedulePausesOnFailure(t *testing.T) {
	t.Parallel()
	b := newBench(t).work()
	path, name := b.job("denied")
	b.milvusdm("schedule", "create", path, "--every", "1s", "--pause-on-failure").exits(0).has("pauses")
	b.deletes(name)
	d := b.shows(name, func(d *scheduled) bool { return d.State == "paused" && len(d.Runs) > 0 })
	if !strings.Contains(d.Note, "fail") || d.Runs[0].State != "failed" || !strings.Contains(d.Runs[0].Error, "toy server refuses the password") {
		t.Errorf("got %+v, its last run %+v", d, d.Runs[0])
	}
	b.milvusdm("schedule", "show", name).exits(0).has("paused", "failed", "toy server refuses the password")
}

func TestScheduleControl(t *testing.T) {
	t.Parallel()
	b := newBench(t).work()
	path, name := b.job("ok")
	b.milvusdm("schedule", "create", path, "--cron", "0 3 * * *", "--cron", "30 12 1 * *", "--time-zone", "Europe/Berlin", "--jitter", "1m",
		"--overlap", "buffer-one", "--catchup-window", "2h", "--paused", "--note", "not yet").exits(0).
		has(": paused", "not yet", "cron 0 3 * * *; cron 30 12 1 * * (Europe/Berlin), up to 1 min later", "buffer-one", "within 2 h", "0 runs started")
	b.deletes(name)
	b.milvusdm("schedule", "resume", name, "--note", "go").exits(0).has(": active", "go", "next")
	b.milvusdm("schedule", "pause", name, "--note", "the shop is closed").exits(0).has(": paused", "the shop is closed").lacks("next")
	b.milvusdm("schedule", "pause", name).exits(0).has(": paused", "paused by milvusdm")

	var d scheduled
	b.milvusdm("schedule", "trigger", name, "-o", "json").exits(0).parse(&d)
	if d.Begun != 1 || d.State != "paused" {
		t.Errorf("got %+v", d)
	}
	b.shows(name, func(d *scheduled) bool { return d.done() == 1 })

	four := []string{"schedule", "backfill", name, "--from", "2026-03-02", "--to", "2026-03-06"}
	b.milvusdm(four...).exits(fault.ExitUsage).has("file today's data under past dates", "4 times", "--as-now")
	b.shows(name, func(d *scheduled) bool { return d.Begun == 1 })
	b.milvusdm(append(four, "--as-now")...).exits(0).has("for 4 runs")
	all := b.shows(name, func(d *scheduled) bool { return d.done() == 5 })
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for day := 2; day < 6; day++ {
		at := time.Date(2026, 3, day, 3, 0, 0, 0, berlin)
		if !slices.ContainsFunc(all.Runs, func(r *scheduledRun) bool {
			return r.Scheduled.Sub(at).Abs() <= time.Minute && r.Started.After(at.AddDate(0, 1, 0))
		}) {
			t.Errorf("no run of now for %v: %+v", at, all.Runs)
		}
	}
	for _, c := range []struct {
		code int
		text string
		args []string
	}{
		{fault.ExitUsage, "write a time as", []string{"--from", "yesterday"}},
		{fault.ExitUsage, "no time that has passed", []string{"--from", "2026-03-06", "--to", "2026-03-02"}},
		{fault.ExitUsage, "no time that has passed", []string{"--from", "2026-03-06", "--to", "2999-01-01"}},
		{fault.ExitUsage, "at most 500 runs", []string{"--from", "2020-01-01", "--to", "2026-01-01"}},
		{10, "has no time from", []string{"--from", "2026-03-02 04:00", "--to", "2026-03-02 05:00"}},
		{fault.ExitUsage, "needs the first time", nil},
	} {
		b.milvusdm(append([]string{"schedule", "backfill", name, "--as-now"}, c.args...)...).exits(c.code).has(c.text)
	}
}

func TestScheduleList(t *testing.T) {
	t.Parallel()
	b := newBench(t).work()
	path, name := b.job("ok")
	b.milvusdm("schedule", "create", path, "--every", "6h").exits(0)
	b.deletes(name)
	other := name + "-other"
	_, err := b.ScheduleClient().Create(context.Background(), client.ScheduleOptions{ID: other, Action: &client.ScheduleWorkflowAction{
		ID: other, Workflow: "Billing", TaskQueue: "billing"}})
	if err != nil {
		t.Fatal(err)
	}
	b.deletes(other)
	for limit := time.Now().Add(10 * time.Second); ; time.Sleep(100 * time.Millisecond) { // visibility lags behind
		var all []*scheduled
		b.milvusdm("schedule", "list", "-o", "json").exits(0).parse(&all)
		if slices.ContainsFunc(all, func(d *scheduled) bool { return d.Name == name && len(d.Next) > 0 }) {
			break
		}
		if time.Now().After(limit) {
			t.Fatalf("not in %+v", all)
		}
	}
	b.milvusdm("schedule", "list").exits(0).has("NEXT", name, "every 6 h", "127.0.0.1:19530/default/ok").lacks(other)
	b.milvusdm("__complete", "schedule", "pause", "").exits(0).has(name + "\tactive, every 6 h").lacks(other)
	for _, command := range []string{"show", "pause", "resume", "trigger", "delete"} {
		b.milvusdm("schedule", command, other).exits(11).has("is none of milvusdm's; it starts Billing")
		b.milvusdm("schedule", command, "nowhere").exits(10).has(`has no schedule "nowhere"`)
	}
}

func TestScheduleCreateRefuses(t *testing.T) {
	t.Parallel()
	b := newBench(t).work()
	path, _ := b.job("ok")
	for want, args := range map[string][]string{
		"needs times to start at":           {},
		"--every is 10ms":                   {"--every", "10ms"},
		"--every is 0s":                     {"--every", "0"},
		"unknown time zone":                 {"--every", "1h", "--time-zone", "Berlin"},
		"write the time zone as":            {"--cron", "CRON_TZ=Europe/Berlin 0 3 * * *"},
		"--jitter is -1s":                   {"--every", "1h", "--jitter", "-1s"},
		"--catchup-window is 5s":            {"--every", "1h", "--catchup-window", "5s"},
		"write one of skip, buffer-one":     {"--every", "1h", "--overlap", "maybe"},
		"--keep-last is 0":                  {"--every", "1h", "--keep-last", "0"},
		"--keep-daily is -1":                {"--every", "1h", "--keep-daily", "-1"},
		"writes none; leave them out":       {"--every", "1h", "--keep-weekly", "4"},
		"does not take the request":         {"--cron", "at noon"},
		"takes one argument, the file of a": {"--every", "1h", "another.yaml"},
	} {
		b.milvusdm(append([]string{"schedule", "create", path}, args...)...).exits(fault.ExitUsage).has(want)
	}
	b.milvusdm("schedule", "crate", path).exits(fault.ExitUsage).has(`there is no command "crate" (did you mean create?)`)
}

func TestScheduleWithoutWorker(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	path, name := b.job("ok")
	b.milvusdm("schedule", "create", path, "--every", "6h").exits(0).has("warning: no worker polls task queue " + b.queue)
	b.deletes(name)
}

func TestExportsOfASchedule(t *testing.T) {
	dir := t.TempDir()
	target := &job.HDF5Target{Directory: dir}
	w := wish{keep: export.Keep{Last: 1}}
	if err := w.fits(&job.Job{Target: job.Target{HDF5: target}}); err != nil {
		t.Error(err)
	}
	if err := w.fits(&job.Job{Target: job.Target{HDF5: &job.HDF5Target{Directory: dir, Run: "r1"}}}); fault.KindOf(err) != fault.Config {
		t.Errorf("takes a job with a run: %v", err)
	}
	began := time.Date(2026, 11, 20, 3, 0, 1, 0, time.UTC)
	make := func(run, schedule, workflow string, began time.Time, finish bool) {
		t.Helper()
		m := export.Manifest{Run: run, Job: "nightly", Stage: run, Schedule: schedule, Workflow: workflow, Started: began}
		r, err := export.Prepare(dir, m, export.Owner)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if !finish {
			return
		}
		d, _, err := r.Draft(context.Background(), export.PartName{Collection: "c"}, "w", nil)
		if err == nil {
			err = os.WriteFile(d.Path, []byte("rows"), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		p, err := d.Publish(context.Background(), 17, rows.Sum{Rows: 17}, nil)
		if err != nil {
			t.Fatal(err)
		}
		m.Ended, m.Scheduled, m.Verified = began.Add(time.Minute), began.Add(-time.Second), "full"
		m.Collections = []export.Collection{{Name: "c", Parts: []export.Part{*p}}}
		if err := r.Finish(m); err != nil {
			t.Fatal(err)
		}
	}
	make("forgotten", "nightly", "nightly-1", began, true)
	make("known", "nightly", "nightly-2", began.AddDate(0, 0, 1), true)
	make("unfinished", "nightly", "nightly-3", began.AddDate(0, 0, 2), false)
	make("older-1", "nightly", "", began.AddDate(0, 0, -2), false) // of a program that did not note the workflow
	make("older-2", "nightly", "", began.AddDate(0, 0, -1), false)
	make("other", "weekly", "weekly-1", began.AddDate(0, 0, 3), true)
	if err := os.Mkdir(filepath.Join(dir, "bad"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "bad", "manifest.json"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d := &scheduled{Name: "nightly", job: &job.Job{Target: job.Target{HDF5: target}}, Runs: []*scheduledRun{
		{Name: "nightly-4", State: "running", Started: began.AddDate(0, 0, 4)},
		{Name: "nightly-2", State: "completed", Outcome: "verified", Rows: 17, Started: began.AddDate(0, 0, 1)}}}
	d.addExports(10)
	var got []string
	for _, r := range d.Runs {
		got = append(got, strings.Join([]string{r.Name, r.State, r.Outcome, strings.TrimPrefix(r.Export, dir+"/"), human.Count(r.Rows), human.Count(r.Bytes)}, " "))
	}
	want := []string{"nightly-4 running   0 0", "nightly-3 unfinished  unfinished 0 0", "nightly-2 completed verified known 17 4", "nightly-1 completed full forgotten 17 4",
		"older-2 unfinished  older-2 0 0", "older-1 unfinished  older-1 0 0"}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if len(d.Notes) != 1 || !strings.Contains(d.Notes[0], "manifest.json") {
		t.Errorf("notes %q", d.Notes)
	}
	text := d.runsText(began.AddDate(0, 0, 5))
	for _, line := range []string{"2026-11-20 03:00:00 UTC\t2026-11-20 03:00:01 UTC\t1 min\t", filepath.Join(dir, "forgotten")} {
		if !strings.Contains(text, line) {
			t.Errorf("does not say %q:\n%s", line, text)
		}
	}
	d.addExports(2)
	if len(d.Runs) != 2 {
		t.Errorf("%d runs of at most 2", len(d.Runs))
	}
	d.job.Target.HDF5 = &job.HDF5Target{Directory: filepath.Join(dir, "nowhere")}
	d.Notes = nil
	d.addExports(2)
	if len(d.Notes) != 1 || !strings.Contains(d.Notes[0], "on this machine (yet)") {
		t.Errorf("notes %q", d.Notes)
	}
}
