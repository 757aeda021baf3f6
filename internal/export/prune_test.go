package export

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"milvusdm/internal/fault"
)

// daily makes runs of a schedule, one a day, the oldest first.
func daily(t *testing.T, dir, schedule string, runs ...string) {
	t.Helper()
	for i, run := range runs {
		m := head(run, "stage-"+run)
		m.Schedule, m.Started = schedule, began.AddDate(0, 0, i)
		export(t, dir, m)
	}
}

// dirs lists a directory.
func dirs(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	for _, e := range must(os.ReadDir(dir))(t) {
		out = append(out, e.Name())
	}
	return out
}

func prune(t *testing.T, dir string, keep Keep) *Pruned {
	t.Helper()
	return must(Prune(t.Context(), dir, "nightly", keep))(t)
}

func TestPrune(t *testing.T) {
	dir := t.TempDir()
	daily(t, dir, "nightly", "r1", "r2", "r3", "r4")
	daily(t, dir, "weekly", "w1", "w2")
	daily(t, dir, "", "manual")
	ok(t, os.Mkdir(filepath.Join(dir, "thesis"), 0o755))
	got := prune(t, dir, Keep{Last: 2})
	if diff := cmp.Diff(&Pruned{Deleted: []string{"r2", "r1"}, Kept: []string{"r4", "r3"}}, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"manual", "r3", "r4", "thesis", "w1", "w2"}, dirs(t, dir)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(&Pruned{Kept: []string{"r4", "r3"}}, prune(t, dir, Keep{})); diff != "" {
		t.Error("without rules:", diff)
	}
	_, err := Prune(t.Context(), dir, "nightly", Keep{Last: 1, TimeZone: "Mars/Olympus"})
	refused(t, err, fault.Config, "Mars/Olympus")
	_, err = Prune(t.Context(), dir, "", Keep{Last: 1})
	refused(t, err, fault.Internal)
}

// Only whole runs count: of the newest ones that are damaged or not finished, none takes the last good one's place.
func TestPruneBeforeTheFirstRun(t *testing.T) {
	if got := prune(t, filepath.Join(t.TempDir(), "none"), Keep{Last: 1}); len(got.Deleted)+len(got.Kept)+len(got.Left) > 0 {
		t.Errorf("%+v", got)
	}
}

func TestPruneKeepsTheLastGoodRun(t *testing.T) {
	dir := t.TempDir()
	daily(t, dir, "nightly", "r1", "r2", "r3", "r4", "r5")
	ok(t, os.Truncate(filepath.Join(dir, "r5/articles/None.h5"), 3))
	ok(t, os.WriteFile(filepath.Join(dir, "r4", manifestName), []byte("{}"), 0o644))
	ok(t, os.Remove(filepath.Join(dir, "r3/articles/fr.00001.h5")))
	unfinished := head("r6", "s6")
	unfinished.Started = began.AddDate(0, 0, 9)
	must(Prepare(dir, unfinished, Owner))(t)
	got := prune(t, dir, Keep{Last: 1})
	if !slices.Equal(got.Deleted, []string{"r1"}) || !slices.Equal(got.Kept, []string{"r2"}) {
		t.Errorf("got %+v", got)
	}
	for run, text := range map[string]string{"r3": "is missing", "r4": manifestName, "r5": "is truncated", "r6": "is not finished"} {
		if !slices.ContainsFunc(got.Left, func(s string) bool { return strings.HasPrefix(s, run+": ") && strings.Contains(s, text) }) {
			t.Errorf("does not say of %s that it %s: %q", run, text, got.Left)
		}
	}
	if got := dirs(t, dir); !slices.Equal(got, []string{"r2", "r3", "r4", "r5", "r6"}) {
		t.Errorf("there are %v", got)
	}
}

func TestPruneLeavesOthersFiles(t *testing.T) {
	dir := t.TempDir()
	daily(t, dir, "nightly", "r1", "r2")
	ok(t, os.WriteFile(filepath.Join(dir, "r1/articles/notes.txt"), []byte("mine"), 0o644))
	ok(t, os.WriteFile(filepath.Join(dir, "r1/yamls/articles/fr.yaml"), []byte("with my server"), 0o644)) // a generated file that was edited is ours
	got := prune(t, dir, Keep{Last: 1})
	if !slices.Equal(got.Deleted, []string{"r1"}) || len(got.Left) != 1 || !strings.Contains(got.Left[0], "others are in its directory") {
		t.Errorf("got %+v", got)
	}
	if got := files(t, filepath.Join(dir, "r1")); !slices.Equal(got, []string{"articles/notes.txt"}) {
		t.Errorf("left: %v", got)
	}
	if got := prune(t, dir, Keep{Last: 1}); len(got.Deleted)+len(got.Left) > 0 {
		t.Errorf("and again: %+v", got)
	}
}

// Retention dies between any two steps of deleting, or in the middle of one: what is left is refused, and finished by the
// next.
func TestPruneAfterEachCrash(t *testing.T) {
	for crash := range 5 {
		for _, parts := range []int{0, 2} { // of the files, so many are gone before the step that removes them is done
			t.Run(fmt.Sprint(crash, parts), func(t *testing.T) {
				dir := t.TempDir()
				daily(t, dir, "nightly", "r1", "r2")
				base := must(os.OpenRoot(dir))(t)
				defer base.Close()
				e, _ := entry(base, "r1")
				p := pruning{base: base, dir: dir, schedule: "nightly"}
				d := must(p.open(e))(t)
				for _, step := range d.steps()[:crash] {
					ok(t, step())
				}
				if crash == 1 {
					for _, part := range []string{"articles/None.h5", "yamls/articles.yaml"}[:parts] {
						ok(t, os.Remove(filepath.Join(dir, "r1", part)))
					}
				}
				if crash > 0 {
					if _, err := Check(t.Context(), filepath.Join(dir, "r1"), Sizes, nil); err == nil {
						t.Fatal("it is taken for whole")
					}
					if _, err := ReadManifest(filepath.Join(dir, "r1")); crash < 3 {
						refused(t, err, fault.Corrupt, "is being deleted by the retention of schedule nightly")
					}
				}
				prune(t, dir, Keep{Last: 1})
				if got := dirs(t, dir); !slices.Equal(got, []string{"r2"}) {
					t.Errorf("left: %v", got)
				}
				must(Check(t.Context(), filepath.Join(dir, "r2"), Checksums, nil))(t)
			})
		}
	}
}

func TestPruneTwiceAtOnce(t *testing.T) {
	dir := t.TempDir()
	daily(t, dir, "nightly", "r1", "r2", "r3", "r4", "r5", "r6")
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if _, err := Prune(t.Context(), dir, "nightly", Keep{Last: 1}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	prune(t, dir, Keep{Last: 1})
	if got := dirs(t, dir); !slices.Equal(got, []string{"r6"}) {
		t.Errorf("left: %v", got)
	}
}

// Symbolic links lead to what is not deleted.
func TestPruneFollowsNoLinks(t *testing.T) {
	for name, attack := range map[string]func(t *testing.T, dir, outside string){
		"a run is a link": func(t *testing.T, dir, outside string) {
			swap(t, filepath.Join(dir, "r1"), filepath.Join(outside, "r1"))
		},
		"a run is a link to a live one": func(t *testing.T, dir, _ string) { swap(t, filepath.Join(dir, "r1"), "r3") },
		"a run's manifest is a link": func(t *testing.T, dir, outside string) {
			swap(t, filepath.Join(dir, "r1", manifestName), filepath.Join(outside, "r1", manifestName))
		},
		"a collection is a link": func(t *testing.T, dir, outside string) {
			swap(t, filepath.Join(dir, "r1/articles"), filepath.Join(outside, "r1/articles"))
		},
		"a collection is a link to a live": func(t *testing.T, dir, _ string) { swap(t, filepath.Join(dir, "r1/articles"), "../r3/articles") },
		"a part is a link": func(t *testing.T, dir, outside string) {
			swap(t, filepath.Join(dir, "r1/articles/None.h5"), filepath.Join(outside, "r1/articles/None.h5"))
		},
		"the loaders are a link": func(t *testing.T, dir, outside string) {
			swap(t, filepath.Join(dir, "r1/yamls"), filepath.Join(outside, "r1/yamls"))
		},
		"what was being deleted is a link": func(t *testing.T, dir, outside string) {
			ok(t, os.Rename(filepath.Join(dir, "r1", manifestName), filepath.Join(dir, "r1", deletedName)))
			swap(t, filepath.Join(dir, "r1/articles"), filepath.Join(outside, "r1/articles"))
		},
		"a hidden directory is a link": func(t *testing.T, dir, outside string) {
			swap(t, filepath.Join(dir, hidden+"r1"), filepath.Join(outside, "r1"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, outside := t.TempDir(), t.TempDir()
			daily(t, dir, "nightly", "r1", "r2", "r3")
			daily(t, outside, "nightly", "r1")
			attack(t, dir, outside)
			before := files(t, outside)
			prune(t, dir, Keep{Last: 1})
			if diff := cmp.Diff(before, files(t, outside)); diff != "" {
				t.Error("outside:", diff)
			}
			must(Check(t.Context(), filepath.Join(outside, "r1"), Checksums, nil))(t)
			must(Check(t.Context(), filepath.Join(dir, "r3"), Checksums, nil))(t)
			if _, err := os.Stat(filepath.Join(dir, "r2")); !os.IsNotExist(err) {
				t.Error("r2 is not deleted")
			}
		})
	}
}

// swap puts a link in a file's place.
func swap(t *testing.T, path, target string) {
	t.Helper()
	ok(t, os.RemoveAll(path))
	ok(t, os.Symlink(target, path))
}

func TestRuns(t *testing.T) {
	dir := t.TempDir()
	daily(t, dir, "nightly", "r1", "r2")
	later := head("r3", "s3")
	later.Started = began.Add(99 * time.Hour)
	must(Prepare(dir, later, Owner))(t)
	ok(t, os.Mkdir(filepath.Join(dir, "bad"), 0o755))
	ok(t, os.WriteFile(filepath.Join(dir, "bad", manifestName), nil, 0o644))
	ok(t, os.Mkdir(filepath.Join(dir, "thesis"), 0o755))
	ok(t, os.Symlink("r1", filepath.Join(dir, "link")))
	ok(t, os.Rename(filepath.Join(dir, "r1", manifestName), filepath.Join(dir, "r1", deletedName)))
	var got []string
	for _, e := range must(Runs(dir))(t) {
		got = append(got, e.Name+" "+string(e.State))
		if (e.State == Damaged) != (e.Err != nil) || (e.State == Damaged) != (e.Manifest == nil) {
			t.Errorf("%s: %+v", e.Name, e)
		}
	}
	if diff := cmp.Diff([]string{"r3 unfinished", "r2 finished", "r1 deleting", "bad damaged"}, got); diff != "" {
		t.Error(diff)
	}
	if none := must(Runs(filepath.Join(dir, "nowhere")))(t); none != nil {
		t.Errorf("got %v", none)
	}
}
