package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	"milvusdm/internal/export"
	"milvusdm/internal/fault"
)

// TestFollowAlias: a job that names an alias copies what it stands for when each run begins, and its manifest says what that was.
func TestFollowAlias(t *testing.T) {
	t.Parallel()
	from, to := theSource(t), theMilvus(t)
	name := collectionOf(t, from, to)
	alias := name + "_live"
	versions := map[string]rowSpan{name + "_1": {0, 300, 1}, name + "_2": {0, 400, 2}}
	for c, r := range versions {
		partly{"_default": r}.make(t, from, c)
	}
	if err := from.CreateAlias(t.Context(), name+"_1", alias); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	milvusdm(t, "run", exportJob(t, "refused-"+name, from.address, "["+alias+"]", dir, nil, nil)).fails(fault.Config).says("follow_alias: true")
	choice := "[{name: " + alias + ", follow_alias: true}]"
	for i, c := range []string{name + "_1", name + "_2"} {
		if err := from.AlterAlias(t.Context(), c, alias); err != nil {
			t.Fatal(err)
		}
		run := []string{"one", "two"}[i]
		job := exportJob(t, "alias-"+run+"-"+name, from.address, choice, dir, nil, nil)
		verified(t, "run", write(t, filepath.Base(job), strings.Replace(read(t, job), "run: one", "run: "+run, 1)))
		m, err := export.ReadManifest(filepath.Join(dir, run))
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Collections[0]; got.Name != alias || got.Alias != alias || got.Source != c || m.Rows() != int64(versions[c].count()) {
			t.Errorf("%+v", got)
		}
		mirror := write(t, "mirror-"+name+".yaml", "version: 1\nname: mirror-"+name+"\nsource:\n  milvus: {address: '"+from.address+"', collections: "+choice+
			"}\ntarget:\n  milvus: {address: '"+to.address+"', mode: overwrite}\n")
		verified(t, "run", mirror)
		to.holds(t, alias, "_default", versions[c])
	}
}
