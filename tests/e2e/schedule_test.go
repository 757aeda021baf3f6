package e2e

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"milvusdm/internal/export"
	"milvusdm/internal/fault"
	"milvusdm/internal/rows"
)

// scheduleDocument is what --output json prints of a schedule; see `milvusdm schedule show`.
type scheduleDocument struct {
	State   string
	Begun   int
	Running []string
	Runs    []struct {
		Name, State, Outcome, Export, Error string
		Scheduled, Started                  time.Time
		Rows                                int64 `json:",string"`
	}
	Notes []string
}

func showSchedule(t *testing.T, name string) *scheduleDocument {
	t.Helper()
	a := milvusdm(t, "-o", "json", "schedule", "show", "--limit", "50", name).exits(fault.ExitOK)
	var d scheduleDocument
	if err := json.Unmarshal([]byte(a.stdout), &d); err != nil {
		t.Fatalf("%v in %s", err, a.stdout)
	}
	return &d
}

// completed counts runs, of which none may have failed.
func (d *scheduleDocument) completed(t *testing.T) (n int) {
	t.Helper()
	for _, r := range d.Runs {
		switch r.State {
		case "completed":
			n++
		case "failed":
			t.Fatalf("run %s failed: %s", r.Name, r.Error)
		}
	}
	return n
}

// stopSchedule deletes a schedule and waits for the run under way.
func stopSchedule(t *testing.T, name string) *scheduleDocument {
	t.Helper()
	milvusdm(t, "schedule", "pause", name).exits(fault.ExitOK)
	within(t, 2*time.Minute, "the last run ends", func() bool { return len(showSchedule(t, name).Running) == 0 })
	d := showSchedule(t, name)
	milvusdm(t, "schedule", "delete", name).exits(fault.ExitOK).says("deleted schedule " + name)
	return d
}

// TestScheduledMirror: a file is loaded anew again and again.
func TestScheduledMirror(t *testing.T) {
	t.Parallel()
	m := theMilvus(t)
	collection := m.collection(t)
	name := "mirror-" + collection
	path := own(t, name, source.hdf5File(t), m.address, collection, []string{"mode: overwrite"}, nil)
	milvusdm(t, "schedule", "create", path, "--every", "2s", "--pause-on-failure").exits(fault.ExitOK).says("every 2 s", "pauses")
	within(t, 3*time.Minute, "three runs are done", func() bool { return showSchedule(t, name).completed(t) >= 3 })
	d := stopSchedule(t, name)
	for _, r := range d.Runs {
		if r.Outcome != "verified" || r.Rows != int64(source.count()) {
			t.Errorf("%+v", r)
		}
	}
	m.only(t, collection, true)
	m.holds(t, collection, "", source)
}

// TestScheduledExport: a collection is exported again and again, and the newest two exports are kept.
func TestScheduledExport(t *testing.T) {
	t.Parallel()
	m := theMilvus(t)
	collection := m.collection(t)
	m.createAs(t, collection, dim, "fr")
	m.insert(t, collection, "", source)
	m.insert(t, collection, "fr", beyond)
	dir := filepath.Join(t.TempDir(), "exports")
	name := "nightly-" + collection
	path := write(t, name+".yaml", fmt.Sprintf("version: 1\nname: %s\nsource:\n  milvus:\n    address: %s\n    collections: [%s]\n"+
		"target:\n  hdf5:\n    directory: %s\n", name, m.address, collection, dir))
	milvusdm(t, "schedule", "create", path, "--every", "2s", "--keep-last", "2").exits(fault.ExitOK).says("last 2")
	within(t, 3*time.Minute, "four runs are done", func() bool { return showSchedule(t, name).completed(t) >= 4 })
	d := stopSchedule(t, name)
	runs, err := export.Runs(dir)
	if err != nil || len(runs) != 2 {
		t.Fatalf("%d runs are kept: %+v, %v", len(runs), runs, err)
	}
	for i, e := range runs { // the newest first, as shown
		man, err := export.Check(t.Context(), filepath.Join(dir, e.Name), export.Checksums, nil)
		if err != nil {
			t.Fatal(err)
		}
		shown := d.Runs[i]
		if man.Schedule != name || man.Workflow != shown.Name || shown.Export != filepath.Join(dir, e.Name) || shown.Rows != man.Rows() {
			t.Errorf("%s: %+v is shown as %+v", e.Name, man, shown)
		}
		if !man.Scheduled.Equal(shown.Scheduled) || e.Name != export.ScheduledName(export.RunName(man.Started, shown.Scheduled, 10*time.Minute), name) {
			t.Errorf("%s was scheduled for %v", e.Name, shown.Scheduled)
		}
		var sum rows.Sum
		for _, p := range man.Collections[0].Parts {
			sum.Add(p.Sum)
		}
		if sum.Rows != int64(source.count()+beyond.count()) {
			t.Errorf("%s holds %d rows", e.Name, sum.Rows)
		}
	}
	for _, r := range d.Runs[2:] {
		if r.Export != "" {
			t.Errorf("%s was to be deleted: %s", r.Name, r.Export)
		}
	}
}
