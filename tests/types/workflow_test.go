package types_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"milvusdm/tests/stack"
)

// One job copies all collections of a server, with all that they hold, through Temporal and a worker, and compares every row.
func TestJobCopiesEveryType(t *testing.T) {
	stack.Dir(t) // skips where it must
	for _, name := range []string{wire, litePython} {
		t.Run(name, func(t *testing.T) {
			from, to := start(t, name), start(t, wire)
			tb := readTable(t)
			var copied []*spec
			var collections string
			for _, sp := range specs(rowsEach, 3) {
				if !tb.restrict(name, sp) {
					continue
				}
				if _, err := fill(t.Context(), from, sp); err != nil {
					t.Fatal(err)
				}
				copied = append(copied, sp)
				collections += fmt.Sprintf("      - %s\n", sp.collection)
			}
			if name == wire {
				collections = "      - '*'\n"
			}
			runJob(t, fmt.Sprintf(`version: 1
name: types-%s
source:
  milvus:
    address: %s
    collections:
%starget:
  milvus:
    address: %s
copy: {collections: 4, batch_rows: 17, range_rows: 23, verify: full}
`, name[len(name)-4:], from.address, collections, to.address))
			sameEverywhere(t, from, to, copied)
		})
	}
}

// One job exports all collections of a server to HDF5, another makes them anew from the files, on another server.
func TestExportHoldsEveryType(t *testing.T) {
	stack.Dir(t) // skips where it must
	from, to := start(t, wire), start(t, wire)
	tb := readTable(t)
	var copied []*spec
	for _, sp := range specs(rowsEach, 5) {
		if !tb.restrict(wire, sp) {
			continue
		}
		if _, err := fill(t.Context(), from, sp); err != nil {
			t.Fatal(err)
		}
		copied = append(copied, sp)
	}
	dir := t.TempDir()
	runJob(t, fmt.Sprintf(`version: 1
name: types-export
source:
  milvus: {address: %s, collections: '*'}
target:
  hdf5: {directory: %s, run: all}
copy: {collections: 4, batch_rows: 17, verify: full}
`, from.address, dir))
	runJob(t, fmt.Sprintf(`version: 1
name: types-import
source:
  export: {path: %s, collections: '*'}
target:
  milvus: {address: %s}
copy: {collections: 4, batch_rows: 19, range_rows: 23, verify: full}
`, filepath.Join(dir, "all"), to.address))
	sameEverywhere(t, from, to, copied)
}

// runJob runs a job to its end, which must be a good one.
func runJob(t *testing.T, text string) {
	t.Helper()
	job := filepath.Join(t.TempDir(), "job.yaml")
	if err := os.WriteFile(job, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	stack.SharedWorker(t)
	run := exec.CommandContext(t.Context(), stack.BuildStarter(t), "run", job)
	run.Env = append(run.Environ(), "TEMPORAL_ADDRESS="+stack.Temporal(t).Address, "TEMPORAL_CONFIG_FILE="+filepath.Join(t.TempDir(), "none"))
	if said, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
}

// sameEverywhere compares rows and metadata of collections on two servers.
func sameEverywhere(t *testing.T, from, to *server, copied []*spec) {
	t.Helper()
	for _, sp := range copied {
		before, err := from.read(t.Context(), sp.collection)
		if err != nil {
			t.Fatal(err)
		}
		after, err := to.read(t.Context(), sp.collection)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range differences(before, after) {
			t.Errorf("%s: %s", sp.collection, d)
		}
		_, want := from.described(t, sp.collection)
		d, got := to.described(t, sp.collection)
		if got != want {
			t.Errorf("%s: metadata\n%s\nwant\n%s", sp.collection, got, want)
		}
		if got := slices.Sorted(slices.Values(d.GetAliases())); !slices.Equal(got, sp.aliasNames()) {
			t.Errorf("%s: aliases %q, want %q", sp.collection, got, sp.aliasNames())
		}
	}
}
