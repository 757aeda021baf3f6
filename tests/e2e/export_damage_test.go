package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"milvusdm/internal/fault"
)

// damaged are ways in which a run is not as it was written.
var damaged = map[string]struct {
	do   func(t *testing.T, run, other string)
	says []string
}{
	"flipped byte": {func(t *testing.T, run, _ string) { flip(t, filepath.Join(run, "PLAIN", "north.h5"), 5000) }, []string{"north.h5: was edited"}},
	"missing part": {func(t *testing.T, run, _ string) { remove(t, filepath.Join(run, "PLAIN", "south.h5")) }, []string{"south.h5: is missing"}},
	"truncated part": {func(t *testing.T, run, _ string) {
		if err := os.Truncate(filepath.Join(run, "PLAIN", "None.h5"), 3000); err != nil {
			t.Fatal(err)
		}
	}, []string{"None.h5: is truncated to 3000 of"}},
	"edited manifest": {func(t *testing.T, run, _ string) {
		path := filepath.Join(run, "manifest.json")
		text := strings.Replace(read(t, path), `"rows": "900"`, `"rows": "901"`, 1)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}, []string{"manifest.json", "was edited"}},
	"part of another run": {func(t *testing.T, run, other string) {
		if err := os.WriteFile(filepath.Join(run, "PLAIN", "north.h5"), []byte(read(t, filepath.Join(other, "PLAIN", "north.h5"))), 0o600); err != nil {
			t.Fatal(err)
		}
	}, []string{"north.h5", "of another run"}},
	"a file more": {func(t *testing.T, run, other string) {
		if err := os.WriteFile(filepath.Join(run, "PLAIN", "more.h5"), []byte(read(t, filepath.Join(other, "PLAIN", "north.h5"))), 0o600); err != nil {
			t.Fatal(err)
		}
	}, []string{"more.h5: is no part of this run"}},
	"no manifest": {func(t *testing.T, run, _ string) { remove(t, filepath.Join(run, "manifest.json")) }, []string{"no manifest.json"}},
}

func flip(t *testing.T, path string, at int) {
	t.Helper()
	text := []byte(read(t, path))
	text[len(text)-at] ^= 1
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// TestDamagedExport: whatever is wrong with a run is found before the target is touched, in whichever of its collections.
func TestDamagedExport(t *testing.T) {
	t.Parallel()
	from, to := theSource(t), theMilvus(t)
	name := collectionOf(t, from, to)
	whole, plain := name+"_a", name+"_b" // the first to be loaded is whole
	partly{"_default": {0, 300, 1}}.make(t, from, whole)
	threeParts.make(t, from, plain)
	dir, other := t.TempDir(), t.TempDir()
	choice := fmt.Sprintf("[{name: %s, as: WHOLE}, {name: %s, as: PLAIN}]", whole, plain)
	verified(t, "run", exportJob(t, "out-"+name, from.address, choice, dir, nil, nil))
	from.insert(t, plain, "north", rowSpan{9000, 9050, 1})
	verified(t, "run", exportJob(t, "out2-"+name, from.address, choice, other, nil, nil))
	into := fmt.Sprintf("[{name: WHOLE, as: %s}, {name: PLAIN, as: %s}]", whole, plain)
	for what, c := range damaged {
		t.Run(what, func(t *testing.T) {
			run := filepath.Join(t.TempDir(), "copy")
			if err := os.CopyFS(run, os.DirFS(filepath.Join(dir, "one"))); err != nil {
				t.Fatal(err)
			}
			c.do(t, run, filepath.Join(other, "one"))
			job := loadJob(t, "back-"+strings.ReplaceAll(what, " ", "-")+"-"+name, run, into, to.address, nil, nil)
			kind := fault.Corrupt
			if what == "no manifest" {
				kind = fault.NotFound
			}
			milvusdm(t, "run", job).fails(kind).says(c.says...)
			if got := to.collections(t, name); len(got) > 0 {
				t.Errorf("the target was touched: %q", got)
			}
		})
	}
	verified(t, "run", loadJob(t, "back-"+name, filepath.Join(dir, "one"), into, to.address, nil, nil))
	for partition, r := range threeParts {
		to.holds(t, plain, partition, r)
	}
}
