package e2e

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"milvusdm/internal/export"
	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/tests/content"
	"milvusdm/tests/stack"
	"milvusdm/workflows"
)

// TestExamplesOfMilvus runs the examples that read a Milvus, which others have filled, and compares both sides afterwards.
func TestExamplesOfMilvus(t *testing.T) {
	source, target := theSource(t), theMilvus(t)
	t.Setenv("MILVUS_SOURCE", source.address)
	dir := filepath.Join(stack.Root(t), "examples")
	example := func(name string, changes ...string) string {
		text := read(t, filepath.Join(dir, name))
		return write(t, filepath.Base(name), strings.NewReplacer(changes...).Replace(text))
	}
	t.Cleanup(func() {
		for m, collections := range map[*milvus][]string{
			source: {"debian_packages", "debian_packages_fields", "test_float"},
			target: {"debian_packages", "debian_packages_large", "test_float"},
		} {
			for _, c := range collections {
				if err := m.DropCollection(context.Background(), c); err != nil {
					t.Error(err)
				}
			}
		}
	})

	toSource := []string{"${env:MILVUS_TARGET:-127.0.0.1:19530}", source.address, "data/debian", dir + "/data/debian"}
	file := example("hdf5_to_milvus.yaml", toSource...)
	verified(t, "run", file)
	verified(t, "run", example("hdf5_fields_to_milvus.yaml", toSource...))
	verified(t, "--yaml", example("milvusdm2/H2M.yaml", "dest_port: 19530", "dest_port: "+source.port(t)))

	own := filepath.Join(dir, "milvus_to_milvus.yaml")
	milvusdm(t, "plan", own).exits(fault.ExitOK).says("all 2 collections", "creates collection debian_packages_large", "kilobytes: Int", "nothing was written")
	result := verified(t, "run", own)
	if len(result.Collections) != 2 || result.Collections[0].Rows != 2000 || result.Collections[1].Rows <= 0 || result.Collections[1].Rows >= 2000 {
		t.Errorf("not all packages and some of them: %+v", result)
	}
	j, _, err := job.Load(file, job.Options{})
	if err != nil {
		t.Fatal(err)
	}
	sum, _ := sumOfSource(t, &j.Source)
	target.holdsSum(t, content.Place{Collection: "debian_packages"}, sum)
	milvusdm(t, "verify", own).exits(fault.ExitOK).says("debian-packages-copy/verify: equal", "debian_packages_fields")
	if err := target.Delete(t.Context(), "debian_packages_large", "", "kilobytes > 100000"); err != nil {
		t.Fatal(err)
	}
	milvusdm(t, "verify", own).fails(fault.Different).says("DIFFERENT", "debian_packages_fields")

	old := example("milvusdm2/M2M.yaml", "127.0.0.1:19530", source.address, "dest_port: 19630", "dest_port: "+target.port(t))
	if moved := verified(t, "--yaml", old); moved.Rows != 5000 {
		t.Errorf("%d rows of MilvusDM's example", moved.Rows)
	}
	if again := milvusdm(t, "-o", "json", "--yaml", old).exits(fault.ExitOK).document(); again.Result.Outcome != workflows.OutcomeSkipped {
		t.Errorf("again: %+v", again)
	}
	milvusdm(t, "verify", "--sample", old).exits(fault.ExitOK).says("equal")
}

// TestExamplesOfFiles exports what other examples have written, and loads it again, as make run does.
func TestExamplesOfFiles(t *testing.T) {
	m := theMilvus(t)
	exports := filepath.Join(t.TempDir(), "exports")
	t.Setenv("EXPORTS", exports)
	dir := filepath.Join(stack.Root(t), "examples")
	t.Cleanup(func() {
		for _, c := range []string{"debian_packages", "debian_packages_restored", "test_float"} {
			if err := m.DropCollection(context.Background(), c); err != nil {
				t.Error(err)
			}
		}
	})
	there, back := filepath.Join(dir, "milvus_to_hdf5.yaml"), filepath.Join(dir, "hdf5_run_to_milvus.yaml")
	milvusdm(t, "run", there).fails(fault.NotFound).says("debian_packages")
	milvusdm(t, "run", back).fails(fault.NotFound).says(exports, "no such file")
	verified(t, "run", filepath.Join(dir, "hdf5_to_milvus.yaml"))
	milvusdm(t, "plan", there).exits(fault.ExitOK).says(exports, "rows       2,000", "free space", "nothing was written")
	for range 2 { // each into a run of its own; the newest is loaded
		if result := verified(t, "run", there); result.Rows != 2000 || result.Verified != "full" || filepath.Dir(result.Export) != exports {
			t.Errorf("%+v", result)
		}
	}
	milvusdm(t, "plan", back).exits(fault.ExitOK).says("creates collection debian_packages_restored", "rows       2,000", "nothing was written")
	verified(t, "run", back)
	same(t, m, "debian_packages", m, "debian_packages_restored")
	milvusdm(t, "verify", "--full", there).exits(fault.ExitOK).says("equal") // with the newest run
	milvusdm(t, "verify", "--full", back).exits(fault.ExitOK).says("equal")
	key := readHDF5[int64](t, filepath.Join(dir, "data", "debian-packages.h5"), "ids")[7]
	if err := m.Delete(t.Context(), "debian_packages_restored", "", fmt.Sprintf("id in [%d]", key)); err != nil {
		t.Fatal(err)
	}
	milvusdm(t, "verify", "--full", back).fails(fault.Different).says("DIFFERENT")

	server := strings.NewReplacer("dest_port: 19530", "dest_port: "+m.port(t), "127.0.0.1:19530", m.address, "'.milvusdm/exports/test_float'", "'"+exports+"/old'")
	for _, name := range []string{"H2M.yaml", "M2H.yaml"} {
		verified(t, "--yaml", write(t, name, server.Replace(read(t, filepath.Join(dir, "milvusdm2", name)))))
	}
	runs, err := export.Runs(filepath.Join(exports, "old"))
	if err != nil || len(runs) != 1 || runs[0].Manifest.Rows() != 5000 {
		t.Errorf("%+v, %v", runs, err)
	}
}
