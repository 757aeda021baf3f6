package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"milvusdm/internal/export"
	"milvusdm/internal/fault"
	"milvusdm/tests/faultproxy"
)

// nightly writes a job that exports a collection, for a schedule.
func nightly(t *testing.T, name, address, collections, dir string, target ...string) string {
	t.Helper()
	return write(t, name+".yaml", fmt.Sprintf("version: 1\nname: %s\nsource:\n  milvus:\n    address: %s\n    collections: %s\n"+
		"target:\n  hdf5:\n    directory: %s\n    %s\n", name, address, collections, dir, strings.Join(target, "\n    ")))
}

// failed counts the runs of a schedule that failed.
func (d *scheduleDocument) failed() (n int) {
	for _, r := range d.Runs {
		if r.State == "failed" {
			n++
		}
	}
	return n
}

// unfinished are the runs in a directory that have no manifest.
func unfinished(t *testing.T, dir string) (names []string) {
	t.Helper()
	runs, err := export.Runs(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range runs {
		if r.State != export.Finished {
			names = append(names, r.Name)
		}
	}
	return names
}

// TestScheduledExportAfterAFullDisk: once the disk has room again, the runs that failed do not take it, each is shown by itself,
// and a command removes what is left of the last one.
func TestScheduledExportAfterAFullDisk(t *testing.T) {
	t.Parallel()
	m := theMilvus(t)
	collection := m.collection(t)
	m.createAs(t, collection, dim, "fr")
	for first := int64(0); first < 16000; first += 4000 {
		m.insert(t, collection, "", rowSpan{first, first + 4000, 1})
	}
	m.insert(t, collection, "fr", rowSpan{20000, 24000, 1})
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1000k"); err != nil {
		t.Skip("needs the right to mount a file system: ", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 450<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	name := "full-" + collection
	path := nightly(t, name, m.address, "["+collection+"]", dir, "compression: gzip")
	milvusdm(t, "schedule", "create", path, "--every", "1h").exits(fault.ExitOK)
	for n := 1; n <= 4; n++ {
		milvusdm(t, "schedule", "trigger", name).exits(fault.ExitOK)
		within(t, time.Minute, "the run fails", func() bool { d := showSchedule(t, name); return d.failed() == n && len(d.Running) == 0 })
	}
	if d := showSchedule(t, name); len(d.Runs) != 4 || !strings.Contains(d.Runs[0].Error, "the disk is full") {
		t.Errorf("%d rows are shown of 4 runs: %+v", len(d.Runs), d.Runs)
	}
	if left := unfinished(t, dir); len(left) != 1 {
		t.Errorf("unfinished: %q", left)
	}
	milvusdm(t, "schedule", "prune", name).exits(fault.ExitOK).says("removed 1 export")
	if left := unfinished(t, dir); len(left) != 0 {
		t.Errorf("pruned, and unfinished: %q", left)
	}
	milvusdm(t, "schedule", "trigger", name).exits(fault.ExitOK)
	within(t, time.Minute, "the run fails", func() bool { d := showSchedule(t, name); return d.failed() == 5 && len(d.Running) == 0 })
	remove(t, ballast)
	milvusdm(t, "schedule", "trigger", name).exits(fault.ExitOK)
	within(t, time.Minute, "a run ends", func() bool {
		d := showSchedule(t, name)
		if d.failed() > 5 {
			t.Fatalf("it fails though there is room: %+v", d.Runs[0])
		}
		return len(d.Running) == 0 && d.Runs[0].State == "completed"
	})
	if left := unfinished(t, dir); len(left) != 0 {
		t.Errorf("unfinished: %q", left)
	}
	stopSchedule(t, name)
}

// TestScheduledMirrorThatWasCancelled: what the run staged is dropped by the next one.
func TestScheduledMirrorThatWasCancelled(t *testing.T) {
	t.Parallel()
	from, to := theSource(t), theMilvus(t)
	collection := collectionOf(t, from, to)
	partly{"_default": {0, 2000, 1}}.make(t, from, collection)
	p := faultproxy.Start(t, to.address)
	name := "mirrored-" + collection
	path := write(t, name+".yaml", fmt.Sprintf("version: 1\nname: %s\nsource:\n  milvus: {address: '%s', collections: [%s]}\n"+
		"target:\n  milvus: {address: '%s', mode: overwrite}\ncopy: {batch_rows: 50, parallel: 1, writers: 1}\n", name, from.address, collection, p.Addr()))
	milvusdm(t, "schedule", "create", path, "--every", "1h").exits(fault.ExitOK)
	p.ResetWrites()
	hook := slow(p, 250*time.Millisecond)
	t.Cleanup(hook.Remove)
	milvusdm(t, "schedule", "trigger", name).exits(fault.ExitOK)
	written(t, p, 3)
	running := showSchedule(t, name).Running
	if len(running) != 1 {
		t.Fatalf("%q are running", running)
	}
	milvusdm(t, "cancel", running[0])
	within(t, time.Minute, "the run is over", func() bool { return len(showSchedule(t, name).Running) == 0 })
	if got := to.collections(t, collection); len(got) != 1 || got[0] == collection {
		t.Fatalf("a cancelled run was to leave a staging collection: %q", got)
	}
	hook.Remove()
	milvusdm(t, "schedule", "trigger", name).exits(fault.ExitOK)
	within(t, time.Minute, "the next run is done", func() bool { d := showSchedule(t, name); return d.completed(t) == 1 && len(d.Running) == 0 })
	if got := to.collections(t, collection); len(got) != 1 || got[0] != collection {
		t.Errorf("the target has %q", got)
	}
	to.holds(t, collection, "_default", rowSpan{0, 2000, 1})
	stopSchedule(t, name)
}

// TestTwoSchedulesOneDirectory: schedules that start at the same time export into one directory, and a source that becomes empty
// between two runs is told.
func TestTwoSchedulesOneDirectory(t *testing.T) {
	t.Parallel()
	m := theMilvus(t)
	collection := m.collection(t)
	m.createAs(t, collection, dim)
	m.insert(t, collection, "", rowSpan{0, 100, 1})
	dir := t.TempDir()
	var names []string
	for _, which := range []string{"one", "two"} {
		name := which + "-" + collection
		names = append(names, name)
		milvusdm(t, "schedule", "create", nightly(t, name, m.address, "["+collection+"]", dir, "compression: none"), "--every", "3s").exits(fault.ExitOK)
	}
	within(t, 2*time.Minute, "both have exported", func() bool {
		return showSchedule(t, names[0]).completed(t) >= 2 && showSchedule(t, names[1]).completed(t) >= 2
	})
	if err := m.DropCollection(context.Background(), collection); err != nil {
		t.Fatal(err)
	}
	m.createAs(t, collection, dim)
	within(t, time.Minute, "the loss is told", func() bool {
		a := milvusdm(t, "schedule", "show", names[0])
		return strings.Contains(a.stdout, collection+" had 100 rows in the last run of the schedule")
	})
	for _, name := range names {
		stopSchedule(t, name)
	}
}
