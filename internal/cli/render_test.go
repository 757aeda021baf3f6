package cli

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/activities"
	"milvusdm/internal/fault"
	"milvusdm/internal/human"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
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
	schema := rows.Schema{CollectionSchema: &schemapb.CollectionSchema{Fields: []*schemapb.FieldSchema{
		rows.KeyField("id"), rows.VectorField("embedding", schemapb.DataType_FloatVector, 128), rows.VarCharField("title", 512)}}}
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
		{job.Job{Source: milvus(job.Collection{Name: "*", As: "{name}_copy", Except: []string{"x"}}), Target: to},
			"h:1/db: all collections but x", "i:2/default/*_copy", nil},
		{job.Job{Source: old, Target: job.Target{HDF5: &job.HDF5Target{Directory: "/out", Host: "z"}}}, "/milvus/a", "/out", []string{"y", "z"}},
		{job.Job{Source: files, Compare: &files}, "/a.h5 and 1 more", "/a.h5 and 1 more", []string{"x"}},
	} {
		if s, t2, h := c.job.SourceName(), c.job.TargetName(), hosts(&c.job); s != c.source || t2 != c.target || !slices.Equal(h, c.hosts) {
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
