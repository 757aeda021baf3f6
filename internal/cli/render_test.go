package cli

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	activitypb "go.temporal.io/api/activity/v1"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"milvusdm/activities"
	"milvusdm/internal/fault"
	"milvusdm/internal/human"
	"milvusdm/internal/job"
	"milvusdm/internal/transfer"
	"milvusdm/workflows"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares a text with testdata/name.
func golden(t *testing.T, name, got string) {
	t.Helper()
	got = layout(got, 0)
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func goldenPlan() activities.Plan {
	schema := transfer.Schema{CollectionSchema: &schemapb.CollectionSchema{Fields: []*schemapb.FieldSchema{
		transfer.KeyField("id"), transfer.VectorField("embedding", schemapb.DataType_FloatVector, 128), transfer.VarCharField("title", 512)}}}
	return activities.Plan{
		Source: transfer.Description{Format: "HDF5, MilvusDM layout (embeddings, ids)", Schema: schema, Rows: 1_000_000, Bytes: 520_000_000,
			Lossy: "", Notes: []string{"float64 is converted to float32"},
			Inputs: []transfer.Input{{Path: "/data/a.h5", Rows: 600_000, Bytes: 312_000_000}, {Path: "/data/b.h5", Rows: 400_000, Bytes: 208_000_000}}},
		Target: transfer.TargetPlan{Action: transfer.ActionReplace, Place: "127.0.0.1:19530/default/articles", Collection: "articles",
			StagingName: "articles__mdm_plan", Rows: 250_000, Schema: schema, KeepLoaded: true, Server: "Milvus 2.3.5",
			Index: transfer.Index{Field: "embedding", Type: "HNSW", Metric: "L2", Params: map[string]string{"M": "16", "efConstruction": "200"}},
			Notes: []string{"alias news will point to the new collection"}},
		RangeRows: 50_000, Ranges: 20, Memory: 64_000_000, TargetMemory: 650_000_000, Notes: []string{"report.json is written on the worker"},
	}
}

func TestPlanText(t *testing.T) {
	p := goldenPlan()
	golden(t, "plan_replace.txt", planText(&planned{Plan: &p, WebUI: "http://ui.test/x"}))

	p.Source.Lossy, p.Source.Metric = "product quantization", "IP"
	p.Target.OnExisting = "replace"
	p.Target.Action, p.Target.StagingName, p.Target.Rows, p.Target.KeepLoaded = transfer.ActionAppend, "", -1, false
	golden(t, "plan_append.txt", planText(&planned{Plan: &p}))

	p.Target.Action, p.Target.Partition, p.Target.Rows = transfer.ActionRefill, "p1", 12
	golden(t, "plan_refill.txt", planText(&planned{Plan: &p}))

	p.Target.Action = transfer.ActionSkip
	golden(t, "plan_skip.txt", planText(&planned{Plan: &p}))
}

// goldenPlans are those of a job of two collections.
func goldenPlans() []activities.Plan {
	a := goldenPlan()
	a.Source.Format, a.Source.Inputs, a.Source.Notes, a.Source.Unloaded = "Milvus 2.3.5, collection articles", nil, nil, []string{"*"}
	a.Source.Settings = &transfer.Settings{Aliases: []string{"news", "all"}, Properties: map[string]string{"collection.ttl.seconds": "60"}, Shards: 2,
		Consistency: "Bounded", Partitions: []string{"y2024", "y2025"},
		Indexes: []transfer.FieldIndex{{Field: "embedding", Name: "by_vector", Params: map[string]string{"index_type": "HNSW", "metric_type": "IP"}}}}
	a.Target.Settings, a.Target.NewIDs = a.Source.Settings, true
	b := a
	b.Source.Settings = &transfer.Settings{Shards: 1, Consistency: "Strong", KeyPartitions: 64}
	b.Source.Unloaded, b.Target.NewIDs = nil, false
	return []activities.Plan{a, b}
}

func TestPlansText(t *testing.T) {
	golden(t, "plan_collections.txt", planText(&planned{Plans: goldenPlans()}))
}

func TestPlaces(t *testing.T) {
	server := job.MilvusServer{Address: "h:1", Database: "db"}
	milvus := func(c ...job.Collection) job.Source {
		return job.Source{Milvus: &job.MilvusSource{MilvusServer: server, Collections: c}}
	}
	files := job.Source{HDF5: &job.HDF5Source{Files: job.Files{Paths: []string{"/a.h5", "/b.h5"}, Host: "x"}}}
	to := job.Target{Milvus: &job.MilvusTarget{MilvusServer: job.MilvusServer{Address: "i:2"}}}
	file := to
	file.Milvus = &job.MilvusTarget{MilvusServer: server, Collection: "a", Partition: "p"}
	old := job.Source{Milvus1: &job.Milvus1Source{Path: "/milvus", Host: "y", Collections: []job.Collection{{Name: "a"}}}}
	for _, c := range []struct {
		job            job.Job
		source, target string
		hosts          []string
	}{
		{job.Job{Source: files, Target: file}, "/a.h5 and 1 more", "h:1/db/a/p", []string{"x"}},
		{job.Job{Source: milvus(job.Collection{Name: "a", As: "b"}), Target: to}, "h:1/db/a", "i:2/default/b", nil},
		{job.Job{Source: milvus(job.Collection{Name: "a", Partitions: []string{"p", "q"}}), Target: to}, "h:1/db/a: 2 partitions", "i:2/default/a: 2 partitions", nil},
		{job.Job{Source: milvus(job.Collection{Name: "a"}, job.Collection{Name: "b"}), Target: to}, "h:1/db: 2 collections", "i:2/default: 2 collections", nil},
		{job.Job{Source: milvus(job.Collection{Name: "a"}, job.Collection{Name: "*"}), Target: to}, "h:1/db: all collections", "i:2/default: all collections", nil},
		{job.Job{Source: old, Target: job.Target{HDF5: &job.HDF5Target{Directory: "/out", Host: "z"}}}, "/milvus/a", "/out", []string{"y", "z"}},
		{job.Job{Source: files, Compare: &files}, "/a.h5 and 1 more", "/a.h5 and 1 more", []string{"x"}},
	} {
		if s, t2, h := sourceName(&c.job), targetName(&c.job), hosts(&c.job); s != c.source || t2 != c.target || !slices.Equal(h, c.hosts) {
			t.Errorf("%q, %q, %q, want %q, %q, %q", s, t2, h, c.source, c.target, c.hosts)
		}
	}
}

func TestReportText(t *testing.T) {
	base := report{Name: "articles", Direction: "HDF5ToMilvus", WebUI: "http://ui.test/articles", again: "milvusdm run a.yaml"}
	var all strings.Builder
	add := func(change func(*report)) {
		r := base
		change(&r)
		all.WriteString(r.text() + "\n")
	}
	done := workflows.Result{Outcome: workflows.OutcomeVerified, Source: "HDF5", Target: "127.0.0.1:19530/default/articles", Rows: 1_000_000,
		Counted: 1_000_000, Bytes: 520_000_000, Sum: "1000000:0123", Took: 21400 * time.Millisecond, Copying: 16 * time.Second, Index: "HNSW L2",
		Phases: []workflows.PhaseTime{{Phase: workflows.PhaseReading, Took: 300 * time.Millisecond}, {Phase: workflows.PhasePreparing, Took: 30 * time.Millisecond},
			{Phase: workflows.PhaseCopying, Took: 16 * time.Second}, {Phase: workflows.PhaseIndex, Took: 4 * time.Second}},
		Loaded: true, Report: "/r/report.json", Notes: []string{"float64 is converted to float32"}}
	add(func(r *report) { r.Result = &done })
	add(func(r *report) {
		again := done
		again.Resumed, again.Repaired, again.Lost, again.Loaded = 400_000, 8000, 2, false
		r.Result = &again
	})
	add(func(r *report) {
		r.Result = &workflows.Result{Outcome: workflows.OutcomeNotCounted, Rows: 10, Bytes: 100, Notes: []string{"not counted: out of memory"}}
	})
	add(func(r *report) { r.Result = &workflows.Result{Outcome: workflows.OutcomeSkipped, Target: "t"} })
	add(func(r *report) {
		r.State, r.Error, r.Kind, r.ExitCode = "failed", "a.h5: row 7 is cut off", fault.Corrupt, 13
	})
	add(func(r *report) {
		r.State, r.Error, r.Kept, r.Stands, r.ExitCode = "cancelled", "the job was cancelled", 1234, "1,234 rows stand in c__mdm_x", 4
	})
	add(func(r *report) { r.State, r.again = "detached", "milvusdm run 'my job.yaml'" })
	add(func(r *report) { r.State = "running" })
	add(func(r *report) { r.State, r.Attached = "running", true })
	add(func(r *report) { r.State, r.WebUI = "cancelling", "" })
	add(func(r *report) {
		several := done
		several.Verified, several.Source, several.Target = "sample", "2 collections and partitions", ""
		several.Collections = []workflows.Result{done, {Outcome: workflows.OutcomeSkipped, Source: "b", Target: "c"}}
		r.Result = &several
	})
	sides := workflows.VerifyResult{Outcome: workflows.OutcomeEqual, Mode: workflows.VerifyFull, Source: "2 collections and partitions", Target: "the target",
		LeftRows: 3000, RightRows: 2999, Compared: 2999, Took: time.Minute}
	sides.Collections = []workflows.VerifyResult{{Name: "a", Outcome: workflows.OutcomeDifferent, LeftRows: 3000, RightRows: 2999, Compared: 2999}, {Name: "b", Error: "gone"}}
	add(func(r *report) { r.Verify = &sides })
	golden(t, "reports.txt", all.String())
}

func TestStands(t *testing.T) {
	var all strings.Builder
	for _, p := range []transfer.TargetPlan{
		{Action: transfer.ActionCreate, StagingName: "c__mdm_1", Collection: "c"},
		{Action: transfer.ActionReplace, StagingName: "c__mdm_1", Collection: "c"},
		{Action: transfer.ActionReplace, Collection: "c"}, // published
		{Action: transfer.ActionAppend, Collection: "c"},
		{Action: transfer.ActionAppend, Collection: "c", Partition: "p"},
		{Action: transfer.ActionPartition, Collection: "c", Partition: "p"},
		{Action: transfer.ActionRefill, Collection: "c", Partition: "p"},
	} {
		state := workflows.State{Target: transfer.Target{Plan: p, Name: first(p.StagingName, p.Collection)},
			Ranges: []workflows.RangeState{{Reach: transfer.Checkpoint{Rows: 1000}}, {Reach: transfer.Checkpoint{Rows: 234}}}}
		all.WriteString(string(p.Action) + ": " + stands(&state) + "\n")
	}
	var parts workflows.State
	for range 7 {
		parts.Parts = append(parts.Parts, workflows.PartState{Name: "a", State: &workflows.State{Target: transfer.Target{Name: "a"}}},
			workflows.PartState{Name: "b", Result: &workflows.Result{Rows: 10}}, workflows.PartState{Name: "c"})
	}
	all.WriteString(stands(&parts) + "\n")
	golden(t, "stands.txt", all.String())
}

func TestStandingText(t *testing.T) {
	st := standing{report: report{Name: "articles", State: "running", WebUI: "http://ui.test/articles"}, Started: noon,
		Status: &liveStatus{Status: workflows.Status{Phase: workflows.PhaseCopying, Since: noon.Add(time.Minute), Source: "HDF5", Target: "t",
			Rows: 999_999, TotalRows: 1_000_000, Bytes: 520_000_000, TotalBytes: 520_000_520, RangesDone: 19, Ranges: 20, Lost: 1, Resumed: 5,
			Paused: true, Notes: []string{"note one", "note two"}}, Waiting: "waiting\x1b[31m for\nMilvus", Begun: noon.Add(2 * time.Minute)}}
	text := st.text(noon.Add(3 * time.Minute))
	st.Status.Collections = []partView{{PartStatus: workflows.PartStatus{Name: "articles", Target: "t/articles", Phase: workflows.PhaseCopying, Rows: 9_999,
		TotalRows: 10_000}, Waiting: "waiting for Milvus at h:1", Begun: noon},
		{PartStatus: workflows.PartStatus{Name: "books/y2024", Target: "t/books/y2024", Phase: workflows.PhaseFailed, TotalRows: 7, Error: "a\nfield is gone"}}}
	text += "\n" + st.text(noon.Add(3*time.Minute))
	st.Status = &liveStatus{Waiting: "no worker polls task queue milvusdm"}
	golden(t, "standing.txt", text+"\n"+st.text(noon))
}

func TestListText(t *testing.T) {
	all := []*record{
		{Name: "articles", State: "running", Phase: "copying", Direction: "HDF5ToMilvus", Target: "h:1/default/articles", Started: noon,
			Waiting: "waiting for Milvus at h:1", Begun: noon},
		{Name: "b", State: "failed", Direction: "FaissToMilvus", Started: noon.Add(-time.Hour), Ended: noon.Add(-59 * time.Minute)},
	}
	golden(t, "list.txt", listText(all, noon.Add(75*time.Second)))
}

func TestFrameLine(t *testing.T) {
	copying := frame{Phase: workflows.PhaseCopying, Rows: 452_000, Total: 1_000_000, RowRate: 61_234, ByteRate: 31.3e6}
	waiting := copying
	waiting.Waiting, waiting.Begun = "waiting for Milvus at 127.0.0.1:19530", noon
	paused := copying
	paused.Phase = workflows.PhasePaused
	done := copying
	done.Rows = done.Total
	slow := copying
	slow.RowRate, slow.ByteRate = 0, 0
	frames := []frame{copying, waiting, paused, done, slow,
		{Phase: workflows.PhaseIndex, For: 12 * time.Second, Waiting: "indexed 300 of 1000 rows"},
		{Phase: "starting", Waiting: "日本語のとても長いメッセージがここにあります"}}
	var all strings.Builder
	for _, width := range []int{120, 80, 60, 40, 20, 4, 1} {
		for _, f := range frames {
			line := f.line(width)
			if n := columns(line); n >= width && width > 1 {
				t.Errorf("%d columns in a terminal of %d: %q", n, width, line)
			}
			all.WriteString(line + "|\n")
		}
	}
	for _, f := range frames {
		all.WriteString(f.plain() + "\n")
	}
	several := copying
	for i, name := range []string{"articles", "a_collection_with_a_name_that_is_rather_long", "本本本本"} {
		part := frame{Name: name, Phase: workflows.PhaseCopying, Rows: int64(i) * 100, Total: 1000}
		if i == 1 {
			part.Waiting = "waiting for Milvus at 127.0.0.1:19530"
		}
		several.Parts = append(several.Parts, part)
	}
	for range 9 {
		several.Parts = append(several.Parts, frame{Name: "b", Phase: workflows.PhaseIndex})
	}
	for _, width := range []int{100, 60, 20, 1} {
		for _, line := range several.lines(width) {
			if n := columns(line); n >= width && width > 1 {
				t.Errorf("%d columns in a terminal of %d: %q", n, width, line)
			}
			all.WriteString(line + "|\n")
		}
	}
	golden(t, "frames.txt", all.String())
}

func TestMeter(t *testing.T) {
	var m meter
	if rows, bytes := m.rates(); rows != 0 || bytes != 0 {
		t.Errorf("%v, %v of nothing", rows, bytes)
	}
	for i := range 100 { // 10 rows/s, then 100 rows/s
		rows := int64(i) * 10
		if i > 50 {
			rows = 500 + int64(i-50)*100
		}
		m.add(noon.Add(time.Duration(i)*time.Second), rows, rows*4)
	}
	rows, bytes := m.rates()
	if rows != 100 || bytes != 400 {
		t.Errorf("%v rows/s, %v bytes/s, want those of the last seconds", rows, bytes)
	}
	if n := len(m.samples); n > 20 {
		t.Errorf("%d samples kept", n)
	}
	f := frame{Phase: workflows.PhaseCopying, Rows: 5400, Total: 10_000, RowRate: rows}
	if got := f.eta(); got != 46*time.Second {
		t.Errorf("ETA %v, want 46s", got)
	}
	m.add(noon.Add(101*time.Second), 7, 7)
	if rows, _ := m.rates(); rows != 0 {
		t.Errorf("%v rows/s when the job is behind where it was", rows)
	}
}

func TestPlainLinesAreSparse(t *testing.T) {
	var out bytes.Buffer
	d := display{w: &out, width: func() int { return 0 }, tint: coloured}
	for i := range 120 { // 12 s, ten looks a second
		f := frame{Phase: workflows.PhaseCopying, Rows: int64(i), Total: 1000}
		if i >= 70 {
			f.Phase = workflows.PhaseFlush
		}
		if i >= 80 {
			f.Waiting = "flushing 3 segments"
		}
		d.show(f, noon.Add(time.Duration(i)*100*time.Millisecond))
	}
	want := "12:00:00 UTC copying: 0 of 1,000 rows (0.0%)\n12:00:05 UTC copying: 50 of 1,000 rows (5.0%)\n12:00:07 UTC flush\n12:00:08 UTC flush; flushing 3 segments\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTerminalLineIsRedrawn(t *testing.T) {
	var out bytes.Buffer
	d := display{w: &out, width: func() int { return 40 }, tint: coloured}
	d.show(frame{Phase: "a"}, noon)
	d.show(frame{Phase: "b"}, noon)
	d.clear()
	d.clear()
	d.show(frame{Phase: "c", Parts: []frame{{Name: "x", Phase: "d"}, {Name: "y", Phase: "e"}}}, noon)
	d.say("y: done", noon)
	d.show(frame{Phase: "f", Parts: []frame{{Name: "x", Phase: "g"}}}, noon)
	d.show(frame{Phase: "h"}, noon)
	want := "\r\x1b[Ka\r\x1b[Kb\r\x1b[K" +
		"\r\x1b[Kc\n  x  d\n  y  e\x1b[2A\r\x1b[J12:00:00 UTC y: done\n" +
		"\r\x1b[Kf\n  x  g\x1b[1A\r\x1b[Jh"
	if out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

// What a lost worker's heartbeat had gained does not vanish from the bar and come back.
func TestProgressDoesNotGoBack(t *testing.T) {
	var out bytes.Buffer
	f := follower{display: display{w: &out, width: func() int { return 80 }, tint: coloured}}
	status := workflows.Status{Phase: workflows.PhaseCopying, Rows: 500, TotalRows: 1000}
	f.see(view{Status: status}, noon)
	status.Rows = 450
	f.see(view{Status: status}, noon.Add(time.Second))
	f.see(view{Waiting: "no worker polls q"}, noon.Add(2*time.Second))
	lines := strings.Split(out.String(), "\r")
	for _, line := range lines[1:] {
		if !strings.Contains(line, "50.0%") {
			t.Errorf("went back: %q", line)
		}
	}
	if last := lines[len(lines)-1]; !strings.Contains(last, "no worker polls q (since 12:00:02 UTC)") {
		t.Errorf("does not say what it waits for: %q", last)
	}
}

func TestWaitingOfActivities(t *testing.T) {
	s := &server{payloads: converter.GetDefaultDataConverter()}
	details := func(beat activities.Heartbeat) *commonpb.Payloads {
		p, err := s.payloads.ToPayloads(beat)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	activity := func(change func(*workflowpb.PendingActivityInfo)) *workflowpb.PendingActivityInfo {
		beat := details(activities.Heartbeat{Rows: 10, Bytes: 100})
		a := &workflowpb.PendingActivityInfo{ActivityType: &commonpb.ActivityType{Name: "CopyRange"}, HeartbeatDetails: beat, Attempt: 2,
			State: enumspb.PENDING_ACTIVITY_STATE_STARTED, LastHeartbeatTime: timestamppb.New(noon), LastStartedTime: timestamppb.New(noon),
			ScheduledTime:   timestamppb.New(noon),
			ActivityOptions: &activitypb.ActivityOptions{HeartbeatTimeout: durationpb.New(30 * time.Second), TaskQueue: &taskqueuepb.TaskQueue{Name: "q"}}}
		change(a)
		return a
	}
	fine := activity(func(*workflowpb.PendingActivityInfo) {})
	for name, c := range map[string]struct {
		pending []*workflowpb.PendingActivityInfo
		after   time.Duration
		want    string
	}{
		"fine":   {[]*workflowpb.PendingActivityInfo{fine, fine}, 10 * time.Second, ""},
		"silent": {[]*workflowpb.PendingActivityInfo{fine, fine}, 16 * time.Second, "no word from the worker at CopyRange (since 12:00:00 UTC)"},
		"away again": {[]*workflowpb.PendingActivityInfo{activity(func(a *workflowpb.PendingActivityInfo) {
			a.State, a.LastFailure = enumspb.PENDING_ACTIVITY_STATE_SCHEDULED, &failurepb.Failure{Message: "connect to Milvus at h:1: rpc error: code = Unavailable desc = refused"}
			a.HeartbeatDetails = details(activities.Heartbeat{Rows: 10, Bytes: 100, Away: noon.Add(-time.Minute), Waiting: "waiting for Milvus at h:1"})
		})}, 0, "waiting for Milvus at h:1: refused (since 11:59:00 UTC)"},
		"away while it writes": {[]*workflowpb.PendingActivityInfo{activity(func(a *workflowpb.PendingActivityInfo) {
			a.State, a.LastFailure = enumspb.PENDING_ACTIVITY_STATE_SCHEDULED, &failurepb.Failure{Message: "insert 50 rows: refused"}
			a.HeartbeatDetails = details(activities.Heartbeat{Rows: 10, Bytes: 100, Away: noon.Add(-time.Minute)})
		})}, 0, "CopyRange (attempt 2): insert 50 rows: refused (since 11:59:00 UTC)"},
		"waits since it was away": {[]*workflowpb.PendingActivityInfo{activity(func(a *workflowpb.PendingActivityInfo) {
			a.HeartbeatDetails = details(activities.Heartbeat{Rows: 10, Bytes: 100, Waiting: "waiting for Milvus at h:1", Since: noon, Away: noon.Add(-time.Minute)})
		})}, 0, "waiting for Milvus at h:1 (since 11:59:00 UTC)"},
		"nobody":  {nil, time.Minute, ""},
		"retried": {[]*workflowpb.PendingActivityInfo{activity(func(a *workflowpb.PendingActivityInfo) { a.LastFailure = &failurepb.Failure{Message: "gone"} })}, 0, ""},
		"failing": {[]*workflowpb.PendingActivityInfo{fine, activity(func(a *workflowpb.PendingActivityInfo) {
			a.State, a.LastFailure = enumspb.PENDING_ACTIVITY_STATE_SCHEDULED, &failurepb.Failure{Message: "dial:\n refused"}
		})}, 0, "CopyRange (attempt 2): dial: refused"},
		"resting": {[]*workflowpb.PendingActivityInfo{activity(func(a *workflowpb.PendingActivityInfo) {
			a.ActivityId, a.State, a.Paused = "17", enumspb.PENDING_ACTIVITY_STATE_PAUSED, true
			a.LastFailure = &failurepb.Failure{Message: "activity paused"}
			a.PauseInfo = &workflowpb.PendingActivityInfo_PauseInfo{PauseTime: timestamppb.New(noon), PausedBy: &workflowpb.PendingActivityInfo_PauseInfo_Manual_{
				Manual: &workflowpb.PendingActivityInfo_PauseInfo_Manual{Identity: "ann@ops", Reason: "disk\nswap"}}}
		})}, time.Minute, "CopyRange (activity 17) rests until it is unpaused in Temporal; paused by ann@ops: disk swap (since 12:00:00 UTC)"},
		"not taken up": {[]*workflowpb.PendingActivityInfo{activity(func(a *workflowpb.PendingActivityInfo) {
			a.State = enumspb.PENDING_ACTIVITY_STATE_SCHEDULED
		})}, 6 * time.Second, "no worker takes up CopyRange on task queue q (since 12:00:00 UTC)"},
	} {
		v := view{Status: workflows.Status{Rows: 5, TotalRows: 1000}}
		v.addPending(s, c.pending, noon.Add(c.after))
		if got := (frame{Waiting: v.Waiting, Begun: v.Begun}).waiting(); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if want := 5 + 10*int64(len(c.pending)); v.Rows != want {
			t.Errorf("%s: %d rows, want %d", name, v.Rows, want)
		}
	}
}

func TestTexts(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 7: "7", 999: "999", 1000: "1,000", -1234567: "-1,234,567", 1234567: "1,234,567"} {
		if got := human.Count(n); got != want {
			t.Errorf("human.Count(%d) = %q, want %q", n, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 999_960: "1.0 MB", 520_000_000: "520.0 MB", 3_200_000_000: "3.2 GB", 5e12: "5.0 TB"} {
		if got := size(n); got != want {
			t.Errorf("size(%d) = %q, want %q", n, got, want)
		}
	}
	for path, want := range map[string]string{"a/b-c.yaml": "a/b-c.yaml", "my job.yaml": "'my job.yaml'", "it's": `'it'\''s'`, "": "''", "$x": "'$x'"} {
		if got := shellWord(path); got != want {
			t.Errorf("shellWord(%q) = %s, want %s", path, got, want)
		}
	}
	if got := short(strings.Repeat("a", 50)+"end", 10); got != "...aaaaend" {
		t.Errorf("short: %q", got)
	}
	s := server{ui: "http://ui", namespace: "a b"}
	if got := s.webUI("job/x?", "r"); got != "http://ui/namespaces/a%20b/workflows/job%2Fx%3F/r/history" {
		t.Errorf("webUI: %s", got)
	}
}

// docs/cli.md has the same exit codes as the program.
func TestDocumentedExitCodes(t *testing.T) {
	doc, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range exitCodes {
		if row := "| " + human.Count(int64(c.code)) + " | " + c.says + " |"; !strings.Contains(string(doc), row) {
			t.Errorf("docs/cli.md lacks %s", row)
		}
	}
}
