package e2e

import (
	"fmt"
	"path/filepath"
	"testing"

	"milvusdm/internal/fault"
)

// TestOneServerWithALimitOfRanges copies and compares on one server that is read one range at a time: the sides of a comparison must
// not wait for each other.
func TestOneServerWithALimitOfRanges(t *testing.T) {
	m := theSource(t)
	name := collectionOf(t, m)
	makeRich(t, m, name)
	as := name + "_two"
	job := write(t, "limited.yaml", fmt.Sprintf("version: 1\nname: %s\nsource:\n  milvus:\n    address: %s\n    limit: {ranges: 1}\n    collections: [{name: %s, as: %s}]\n"+
		"target:\n  milvus:\n    address: %[2]s\n    limit: {ranges: 1}\ncopy:\n  verify: full\n  range_rows: 500\n  batch_rows: 200\n  parallel: 3\n", as, m.address, name, as))
	milvusdm(t, "run", job).exits(fault.ExitOK)
	milvusdm(t, "verify", job).exits(fault.ExitOK).says("equal")
}

// TestPlanOfAnExport needs no name of the run, which only its start decides.
func TestPlanOfAnExport(t *testing.T) {
	m := theSource(t)
	name := collectionOf(t, m)
	makeRich(t, m, name)
	dir := filepath.Join(t.TempDir(), "exports")
	job := write(t, "planned.yaml", fmt.Sprintf("version: 1\nname: %s\nsource:\n  milvus:\n    address: %s\n    collections: [%[1]s]\ntarget:\n  hdf5:\n    directory: %s\n", name, m.address, dir))
	milvusdm(t, "plan", job).exits(fault.ExitOK).says("nothing was written")
	if found, err := filepath.Glob(dir + "*"); err != nil || len(found) > 0 {
		t.Errorf("plan made %q, %v", found, err)
	}
}
