package export

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"milvusdm/internal/fault"
)

func TestPrepareAgain(t *testing.T) {
	dir := t.TempDir()
	r := must(Prepare(dir, head("r1", "s1"), Owner))(t)
	r.publish(t, name, "w", "rows")
	again := must(Prepare(dir, head("r1", "s1"), Owner))(t) // goes on
	if _, done, err := again.Draft(t.Context(), name, "w2", nil); err != nil || done == nil {
		t.Errorf("%v, %v", done, err)
	}
	export(t, dir, head("r2", "s2"))
	_, err := Prepare(dir, head("r2", "s2"), Owner)
	refused(t, err, fault.Conflict, "holds a finished export") // by itself: it is not begun again
	ok(t, os.Mkdir(filepath.Join(dir, "empty"), 0o755))
	must(Prepare(dir, head("empty", "s1"), Owner))(t)
}

func TestPrepareRefuses(t *testing.T) {
	dir := t.TempDir()
	must(Prepare(dir, head("unfinished", "s1"), Owner))(t)
	export(t, dir, head("finished", "s1"))
	ok(t, os.Mkdir(filepath.Join(dir, "other"), 0o755))
	ok(t, os.WriteFile(filepath.Join(dir, "other", "thesis.txt"), nil, 0o644))
	ok(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o644))
	ok(t, os.Symlink("finished", filepath.Join(dir, "link")))
	ok(t, os.Mkdir(filepath.Join(dir, "odd"), 0o755))
	ok(t, os.WriteFile(filepath.Join(dir, "odd", partialName), []byte("{}"), 0o644))
	for run, want := range map[string]struct {
		kind fault.Kind
		text string
	}{
		"unfinished": {fault.Conflict, "what job nightly began to export at 2026-11-22T03:00:07Z and has not finished"},
		"finished":   {fault.Conflict, "holds a finished export, of job nightly"},
		"other":      {fault.Conflict, `is not empty and no export: it holds "thesis.txt"`},
		"file":       {fault.Conflict, "not a directory"},
		"link":       {fault.Conflict, "not a directory"},
		"odd":        {fault.Corrupt, partialName},
		"../r1":      {fault.Config, "is no name of a directory"},
		"":           {fault.Config, "is no name of a directory"},
	} {
		before := strings.Join(files(t, dir), " ")
		refused(t, Look(dir, run, "s2"), want.kind, want.text)
		_, err := Prepare(dir, head(run, "s2"), Owner)
		refused(t, err, want.kind, want.text)
		if after := strings.Join(files(t, dir), " "); after != before {
			t.Errorf("%s: it was changed from\n%s to\n%s", run, before, after)
		}
	}
	refused(t, Look(filepath.Join(dir, "file", "exports"), "r1", "s1"), fault.Conflict)
	_, err := Open(dir, "nowhere", "s1")
	refused(t, err, fault.NotFound)
}

func TestLookChangesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	ok(t, Look(dir, "r1", "s1"))
	if _, err := os.Stat(filepath.Dir(dir)); !os.IsNotExist(err) {
		t.Errorf("it is there: %v", err)
	}
	if free := must(Free(dir))(t); free <= 0 {
		t.Errorf("%d bytes free", free)
	}
}

func TestTwoStagesPrepareAtOnce(t *testing.T) {
	dir := t.TempDir()
	errs := make([]error, 8)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() { _, errs[i] = Prepare(dir, head("r1", fmt.Sprint("s", i)), Owner) })
	}
	all.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else {
			refused(t, err, fault.Conflict)
		}
	}
	if won != 1 {
		t.Errorf("%d of them have it: %v", won, errs)
	}
}

func TestUnwritable(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may write everywhere; TestReadOnly has what stops root too")
	}
	dir := t.TempDir()
	ok(t, os.Chmod(dir, 0o500))
	refused(t, Look(dir, "r1", "s1"), fault.Denied, dir)
	_, err := Prepare(dir, head("r1", "s1"), Owner)
	refused(t, err, fault.Denied, dir)
}

func TestReadOnly(t *testing.T) {
	dir := mount(t, syscall.MS_RDONLY)
	refused(t, Look(dir, "r1", "s1"), fault.Denied, dir)
	refused(t, Look(filepath.Join(dir, "exports"), "r1", "s1"), fault.Denied, dir)
	_, err := Prepare(dir, head("r1", "s1"), Owner)
	refused(t, err, fault.Denied, dir)
}

// mount makes a file system of 256 KiB, where the test may.
func mount(t *testing.T, flags uintptr) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", flags, "size=256k"); err != nil {
		t.Skip("needs the right to mount a small file system:", err)
	}
	t.Cleanup(func() { ok(t, syscall.Unmount(dir, 0)) })
	return dir
}

func TestFullDisk(t *testing.T) {
	dir := mount(t, 0)
	r := must(Prepare(dir, head("r1", "s1"), Owner))(t)
	defer r.Close()
	if free := must(Free(dir))(t); free <= 0 || free > 256<<10 {
		t.Errorf("%d bytes free of 256 KiB", free)
	}
	d := r.draft(t, name, "w")
	if err := os.WriteFile(d.Path, make([]byte, 1<<20), 0o644); err == nil {
		t.Fatal("the disk is not full")
	}
	_, err := Prepare(dir, head("r2", "s1"), Owner)
	refused(t, err, fault.Denied, "the disk is full", "r2")
	ok(t, d.Drop()) // which makes room
	r.publish(t, name, "w2", "rows")
}

func TestFullDiskIsSaid(t *testing.T) {
	for _, errno := range []error{syscall.ENOSPC, syscall.EDQUOT} {
		refused(t, explain(&os.PathError{Op: "write", Path: "x.h5", Err: errno}, "publish x.h5"), fault.Denied, "publish x.h5: the disk is full", errno.Error())
	}
}

func TestDiscard(t *testing.T) {
	dir := t.TempDir()
	r := must(Prepare(dir, head("r1", "s1"), Owner))(t)
	r.publish(t, name, "w", "rows")
	r.draft(t, PartName{"c", "q", 0}, "w").write(t, "half")
	ok(t, Discard(dir, "r1", "s2")) // not that one's
	must(Open(dir, "r1", "s1"))(t)
	ok(t, Discard(dir, "r1", "s1"))
	if _, err := os.Stat(r.Path()); !os.IsNotExist(err) {
		t.Errorf("left: %v", files(t, dir))
	}
	ok(t, Discard(dir, "r1", "s1"))
	ok(t, Discard(filepath.Join(dir, "nowhere"), "r1", "s1"))

	at := export(t, dir, head("r2", "s2"))
	ok(t, Discard(dir, "r2", "s2")) // finished
	must(ReadManifest(at))(t)

	r = must(Prepare(dir, head("r3", "s3"), Owner))(t)
	r.publish(t, name, "w", "rows")
	ok(t, os.WriteFile(filepath.Join(r.Path(), "c", "mine.h5"), nil, 0o644))
	ok(t, Discard(dir, "r3", "s3"))
	if got := strings.Join(files(t, r.Path()), " "); got != "c/mine.h5" {
		t.Errorf("left: %s", got)
	}
}

// A worker dies between any two steps of finishing; the next attempt ends with the same.
func TestFinishAfterEachCrash(t *testing.T) {
	for crash := range 6 {
		r := must(Prepare(t.TempDir(), head("r1", "s1"), Owner))(t)
		m := head("r1", "s1")
		m.Collections = []Collection{{Name: "c", Dimension: 4, Metric: "IP", Parts: []Part{r.publish(t, name, "w", "rows")}}}
		f := finishing{Run: r, manifest: m}
		for _, step := range f.steps()[:crash] {
			ok(t, step())
		}
		_, err := ReadManifest(r.Path())
		if crash < 4 {
			refused(t, err, fault.Corrupt, "is not finished", "nightly")
		} else if err != nil {
			t.Errorf("after %d steps: %v", crash, err)
		}
		ok(t, r.Finish(m))
		must(Check(t.Context(), r.Path(), Checksums, nil))(t)
		if got := strings.Join(files(t, r.Path()), " "); got != "SHA256SUMS c/p.h5 manifest.json yamls/c/p.yaml yamls/c.yaml" {
			t.Errorf("after %d steps: %s", crash, got)
		}
	}
}
