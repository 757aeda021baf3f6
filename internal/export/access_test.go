package export

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"milvusdm/internal/fault"
)

// TestReaders: files and directories can be read by those whom the job says, whatever the umask; nobody else, without a word.
func TestReaders(t *testing.T) {
	for readers, want := range map[Readers][2]fs.FileMode{"": {0o600, 0o700}, Owner: {0o600, 0o700}, Group: {0o640, 0o750}, Everyone: {0o644, 0o755}} {
		for _, umask := range []int{0, 0o077} {
			before := syscall.Umask(umask)
			dir := filepath.Join(t.TempDir(), "made", "exports")
			r := must(Prepare(dir, head("r1", "s1"), readers))(t)
			m := head("r1", "s1")
			m.Collections = []Collection{{Name: "c", Dimension: 2, Metric: "L2", Parts: []Part{r.publish(t, PartName{"c", "p", 0}, "w", "rows")}}}
			ok(t, r.Finish(m))
			syscall.Umask(before)
			ok(t, filepath.WalkDir(r.Path(), func(path string, d fs.DirEntry, err error) error {
				info := must(d.Info())(t)
				mode := want[0]
				if d.IsDir() {
					mode = want[1]
				}
				if info.Mode().Perm() != mode {
					t.Errorf("%q, umask %o: %s has mode %o, want %o", readers, umask, path, info.Mode().Perm(), mode)
				}
				return err
			}))
		}
	}
	_, err := Prepare(t.TempDir(), head("r1", "s1"), "all")
	refused(t, err, fault.Config, "readable_by")
}

// TestLinksAreDamage: whatever is a symbolic link in an export, and wherever it leads, is told as damage at once.
func TestLinksAreDamage(t *testing.T) {
	outside := t.TempDir()
	ok(t, os.WriteFile(filepath.Join(outside, "x"), []byte("rows of part 1"), 0o600))
	for name, target := range map[string]string{"outside": outside, "a file outside": filepath.Join(outside, "x"), "dangling": "nowhere", "dangling outside": "/nowhere/x",
		"a loop": "", "up": "../..", "inside": "yamls"} {
		for _, at := range []string{"articles", "articles/fr.00001.h5", "manifest.json"} {
			t.Run(name+", "+at, func(t *testing.T) {
				run := export(t, t.TempDir(), head("r1", "s1"))
				path := filepath.Join(run, at)
				ok(t, os.RemoveAll(path))
				to := target
				if to == "" {
					to = filepath.Base(at)
				}
				ok(t, os.Symlink(to, path))
				for _, level := range []Level{Sizes, Checksums} {
					_, err := Check(t.Context(), run, level, nil)
					refused(t, err, fault.Corrupt)
				}
				if _, err := Runs(filepath.Dir(run)); err != nil {
					t.Error(err)
				}
			})
		}
	}
	// the run itself, as a job names it
	dir := t.TempDir()
	for name, to := range map[string]string{"loop": "loop", "file": filepath.Join(outside, "x")} {
		ok(t, os.Symlink(to, filepath.Join(dir, name)))
		_, err := ReadManifest(filepath.Join(dir, name))
		refused(t, err, fault.Corrupt)
	}
	ok(t, os.Symlink("nowhere", filepath.Join(dir, "dangling")))
	_, err := ReadManifest(filepath.Join(dir, "dangling"))
	refused(t, err, fault.NotFound)
	for _, to := range []string{"nowhere", outside, "linked"} { // in the place of a run that is to be written
		at := filepath.Join(t.TempDir(), "linked")
		ok(t, os.Symlink(to, at))
		_, err := Prepare(filepath.Dir(at), head("linked", "s1"), Owner)
		refused(t, err, fault.Conflict)
	}
}

// A file system without a size of its own is not one that is full.
func TestFreeIsUnknown(t *testing.T) {
	if free, err := Free("/proc/nosuch"); err != nil || free != Unknown {
		t.Errorf("%d, %v", free, err)
	}
	if free, err := Free(t.TempDir()); err != nil || free <= 0 {
		t.Errorf("%d, %v", free, err)
	}
}
