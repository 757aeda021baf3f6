package export

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"milvusdm/internal/fault"
)

// TestSweep: unfinished runs of the schedule go, unless they are still written or it is not known who wrote them.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	begin := func(run, stage, schedule, workflow string) {
		m := head(run, stage)
		m.Schedule, m.Workflow = schedule, workflow
		r := must(Prepare(dir, m, Owner))(t)
		defer r.Close()
		r.publish(t, PartName{"c", "p", 0}, "w", "rows")
		r.draft(t, PartName{"c", "q", 0}, "w").write(t, "half")
	}
	begin("dead", "s1", "nightly", "w-dead")
	begin("alive", "s2", "nightly", "w-alive")
	begin("mine", "s3", "nightly", "w-mine")
	begin("other", "s4", "weekly", "w-dead")
	begin("unknown", "s5", "nightly", "")
	export(t, dir, head("whole", "s6"))
	ended := func(m *Manifest) (bool, error) {
		if m.Workflow == "w-mine" {
			t.Error("the run itself is asked for")
		}
		return m.Workflow == "w-dead", nil
	}
	swept := must(Sweep(dir, "nightly", "s3", ended))(t)
	if !slices.Equal(swept.Deleted, []string{"dead"}) || len(swept.Left) != 2 || !strings.Contains(strings.Join(swept.Left, " "), "milvusdm schedule prune nightly") {
		t.Errorf("%+v", swept)
	}
	left := strings.Join(files(t, dir), " ")
	for _, run := range []string{"alive", "mine", "other", "unknown"} {
		if !strings.Contains(left, run+"/c/p.h5") {
			t.Errorf("%s is gone: %s", run, left)
		}
	}
	if strings.Contains(left, "dead/") {
		t.Errorf("of the swept run is left: %s", left)
	}
	must(Check(t.Context(), filepath.Join(dir, "whole"), Checksums, nil))(t)
	if swept := must(Sweep(filepath.Join(dir, "nowhere"), "nightly", "", ended))(t); len(swept.Deleted)+len(swept.Left) > 0 {
		t.Errorf("%+v", swept)
	}
	_, err := Sweep(dir, "", "", ended)
	refused(t, err, fault.Internal, "of no schedule")
}

// TestLeftOutCollectionHasNoFiles: parts of a collection that the manifest does not name are removed when the run is finished.
func TestLeftOutCollectionHasNoFiles(t *testing.T) {
	r := must(Prepare(t.TempDir(), head("r1", "s1"), Owner))(t)
	m := head("r1", "s1")
	kept := r.publish(t, PartName{"kept", "p", 0}, "w", "rows")
	r.publish(t, PartName{"gone", "p", 0}, "w", "rows")
	m.Collections = []Collection{{Name: "kept", Parts: []Part{kept}}}
	ok(t, r.Finish(m))
	if got := strings.Join(files(t, r.Path()), " "); strings.Contains(got, "gone/") {
		t.Errorf("the run has %s", got)
	}
}

func TestScheduledName(t *testing.T) {
	long := strings.Repeat("n", 200)
	for schedule, want := range map[string]string{"nightly": "20261122T030000Z-nightly", "a b/c": "20261122T030000Z-a_b_c"} {
		if got := ScheduledName("20261122T030000Z", schedule); got != want {
			t.Errorf("%q", got)
		}
	}
	one, other := ScheduledName("20261122T030000Z", long+"1"), ScheduledName("20261122T030000Z", long+"2")
	if one == other || !runRule.MatchString(one) {
		t.Errorf("%q and %q", one, other)
	}
}
