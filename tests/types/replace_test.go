package types_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/fault"
	"milvusdm/tests/stack"
)

// Rows of every type that Milvus 2.3.5 holds, upserted over rows of the same keys and other contents, are those that
// were written: as the tests' own client reads them, and as pymilvus does.
func TestReplacedRowsOfEveryType(t *testing.T) {
	stack.Dir(t) // skips where it must
	before, after, to := start(t, wire), start(t, wire), start(t, standalone)
	tb := readTable(t)
	old := specs(rowsEach, 11)
	var names []string
	var written [][]stored
	for i, sp := range specs(rowsEach, 12) {
		key := old[i].key()
		sp.fields[slices.Index(sp.fields, sp.key())] = key
		if key.trait == autoID || !tb.restrict(standalone, sp) || !tb.restrict(standalone, old[i]) {
			continue // the server numbers the rows itself, or can't hold them
		}
		first, err := fill(t.Context(), before, old[i])
		if err != nil {
			t.Fatal(err)
		}
		rows, err := fill(t.Context(), after, sp)
		if err != nil {
			t.Fatal(err)
		}
		if len(differences(first, rows)) == 0 {
			t.Errorf("%s: the rows to replace are those that replace them", sp.name)
		}
		as := "replaced_" + sp.name
		copyCollection(t, before, old[i].collection, to, as)
		if slices.ContainsFunc(sp.fields,
			func(f *field) bool { return f.kind.schema.DataType == schemapb.DataType_Float16Vector }) {
			err := runCopy(t, after, sp.collection, to, as, "replace")
			if fault.KindOf(err) != fault.Unsupported || !strings.Contains(err.Error(),
				"panics when rows are written into a loaded collection") {
				t.Errorf("%s: %v", as, err)
			}
			if err := failure(to.ReleaseCollection(t.Context(),
				&milvuspb.ReleaseCollectionRequest{CollectionName: as})); err != nil {
				t.Fatal(err)
			}
		}
		if err := runCopy(t, after, sp.collection, to, as, "replace"); err != nil {
			t.Fatalf("replace the rows of %s: %v", as, err)
		}
		got, err := to.read(t.Context(), as)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range differences(rows, got) {
			t.Errorf("%s: %s", as, d)
		}
		names, written = append(names, as), append(written, rows)
	}
	if len(names) < 8 {
		t.Errorf("only %q were replaced", names)
	}
	peerReads(t, to, names, written)
	for _, name := range names {
		d, _ := to.described(t, name)
		if err := to.drop(t.Context(), name, d.GetAliases()); err != nil {
			t.Error(err)
		}
	}
}
