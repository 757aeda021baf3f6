package e2e

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"milvusdm/internal/export"
	"milvusdm/internal/fault"
	"milvusdm/tests/faultproxy"
	"milvusdm/workflows"
)

// misplace upserts rows of makeKeyed's collection, as applications do: Milvus 2.3.5 stores them in wrong partitions.
func misplace(t *testing.T, m *milvus, name string, r rowSpan) {
	t.Helper()
	if _, err := m.Upsert(t.Context(), name, "", keyedColumns(r)...); err != nil {
		t.Fatal(err)
	}
}

// notFound is what is said about misplaced rows of a side.
func notFound(side string) string {
	return fmt.Sprintf("queries for the partition key tenant of the %s do not find ", side)
}

func noted(r *workflows.Result, text string) bool {
	return slices.ContainsFunc(r.Notes, func(n string) bool { return strings.Contains(n, text) })
}

// keyedRows are makeKeyed's.
var keyedRows = rowSpan{-500, 900, 1}

// TestMisplacedRowsOfASourceAreCopiedAndTold: whole, by a filter on the partition key, and into files. Queries find all
// rows in the copy.
func TestMisplacedRowsOfASourceAreCopiedAndTold(t *testing.T) {
	t.Parallel()
	from, to := theSource(t), theMilvus(t)
	name := collectionOf(t, from, to)
	whole, one, good := name, name+"_t3", name+"_good"
	makeKeyed(t, from, good)
	want := tenants(t, from, good)
	makeKeyed(t, from, name)
	misplace(t, from, name, keyedRows)
	if got := tenants(t, from, name); got == want {
		t.Fatal("pymilvus finds all rows: none is misplaced")
	}
	path := migrate(t, "job-"+whole, from.address, fmt.Sprintf("[%s]", whole), to.address,
		[]string{"mode: overwrite"}, nil)
	if r := verified(t, "run", path); !noted(r, notFound("source")) || noted(r, notFound("target")) {
		t.Errorf("notes %q", r.Notes)
	}
	if got := tenants(t, to, whole); got != want {
		t.Errorf("pymilvus finds in the copy\n%s\nwant\n%s", got, want)
	}
	milvusdm(t, "verify", path).exits(fault.ExitOK).says(notFound("source"))

	choice := fmt.Sprintf(`[{name: %s, as: %s, filter: 'tenant == "t3"'}]`, name, one)
	filtered := migrate(t, "job-"+one, from.address, choice, to.address, nil, nil)
	if r := verified(t, "run", filtered); r.Rows != 108 {
		t.Errorf("by the filter %d rows were copied, not all 108 of the tenant", r.Rows)
	}

	dir := filepath.Join(t.TempDir(), "runs")
	r := verified(t, "run", exportJob(t, "out-"+name, from.address, fmt.Sprintf("[%s]", name), dir, nil, nil))
	m, err := export.Check(t.Context(), r.Export, export.Checksums, nil)
	if err != nil || m.Rows() != 1400 || !noted(r, notFound("source")) {
		t.Errorf("%+v, %v, notes %q", m, err, r.Notes)
	}

	misplace(t, to, whole, keyedRows)
	milvusdm(t, "verify", path).fails(fault.Different).says(notFound("target"))
	milvusdm(t, "verify", "--count", path).fails(fault.Different).says(notFound("target"))
}

// TestMisplacedRowsOfAJobAreWrittenAgain: another program upserts rows of the staging collection before they are
// counted.
func TestMisplacedRowsOfAJobAreWrittenAgain(t *testing.T) {
	t.Parallel()
	from, to := theSource(t), theMilvus(t)
	name := collectionOf(t, from, to)
	makeKeyed(t, from, name)
	proxy := faultproxy.Start(t, to.address)
	upsert := func(*faultproxy.Call) error {
		staged := to.collections(t, name+"__mdm_")
		if len(staged) != 1 {
			return fmt.Errorf("staging collections: %q", staged)
		}
		misplace(t, to, staged[0], rowSpan{0, 300, 1})
		return nil
	}
	hook := proxy.On(faultproxy.Rule{Method: "Flush", Nth: 1, When: faultproxy.BeforeSend, Do: upsert})
	r := verified(t, "run", migrate(t, "job-"+name, from.address, fmt.Sprintf("[%s]", name), proxy.Addr(), nil, nil))
	select {
	case <-hook.Fired():
	default:
		t.Fatal("nothing was misplaced")
	}
	if r.Repaired == 0 {
		t.Error("nothing was written again")
	}
	want := tenants(t, from, name)
	if got := tenants(t, to, name); got != want {
		t.Errorf("pymilvus finds in the copy\n%s\nwant\n%s", got, want)
	}
}

// TestMisplacedRowsOfOthersAreTold: a job appends to a collection in which another program's rows are misplaced. It
// replaces those of its own keys.
func TestMisplacedRowsOfOthersAreTold(t *testing.T) {
	t.Parallel()
	from, to := theSource(t), theMilvus(t)
	name := collectionOf(t, from, to)
	same, other := name+"_same", name+"_other"
	makeKeyed(t, from, same)
	makeKeyedOf(t, from, other, rowSpan{2000, 2600, 1})
	makeKeyed(t, to, name)
	misplace(t, to, name, keyedRows)
	appended := func(collection, onExisting string) *workflows.Result {
		t.Helper()
		choice := fmt.Sprintf("[{name: %s, as: %s}]", collection, name)
		path := migrate(t, "job-"+collection, from.address, choice, to.address,
			[]string{"mode: append"}, []string{"on_existing: " + onExisting})
		r := verified(t, "run", path)
		milvusdm(t, "verify", path).exits(fault.ExitOK)
		return r
	}
	for _, onExisting := range []string{"fail", "replace", "keep"} {
		if r := appended(other, onExisting); !noted(r, notFound("target")) || noted(r, notFound("source")) {
			t.Errorf("on_existing: %s: notes %q", onExisting, r.Notes)
		}
	}
	if r := appended(same, "replace"); noted(r, notFound("target")) {
		t.Errorf("notes %q", r.Notes)
	}
	if err := to.Delete(t.Context(), name, "", "id >= 2000"); err != nil {
		t.Fatal(err)
	}
	if got, want := tenants(t, to, name), tenants(t, from, same); got != want {
		t.Errorf("pymilvus finds\n%s\nwant\n%s", got, want)
	}
}
