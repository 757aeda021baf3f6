package e2e

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"milvusdm/internal/export"
	"milvusdm/internal/fault"
	"milvusdm/tests/content"
)

// TestCollectionsByPattern: all collections of a database but some beside the originals, and those of a pattern into an
// export and back.
func TestCollectionsByPattern(t *testing.T) {
	t.Parallel()
	server := theSource(t)
	name := collectionOf(t, server)
	database := "d" + name
	m := server.inDatabase(t, database)
	in := "database: " + database
	made := map[string]rowSpan{"books": {0, 300, 1}, "log_2024": {0, 200, 2}, "log_2025": {0, 100, 3}, "tmp_1": {0, 50,
		4}, "tmp_2": {0, 50, 5}}
	for c, r := range made {
		partly{"_default": r}.make(t, m, c)
	}
	holds := func(as string, r rowSpan) {
		t.Helper()
		server.holdsSum(t, content.Place{Database: database, Collection: as}, sumOf(t, r))
	}
	beside := func(collections string) string {
		return migrate(t, "beside-"+name, server.address, collections+"\n    "+in, server.address, []string{in}, nil)
	}
	milvusdm(t, "run", beside("['*']")).fails(fault.Config).says("would be copied onto itself", "as: '{name}_restored'")
	milvusdm(t, "run",
		beside("[{name: 'nothing_*', as: '{name}_restored'}]")).fails(fault.NotFound).says("matches nothing_*", "books")
	milvusdm(t, "run", beside("[{name: 'log_*', as: '{name}_restored'}, {name: books, as: log_2024_restored}]")).
		fails(fault.Config).says("would both become log_2024_restored")

	copyAll := beside("[{name: '*', as: '{name}_restored', except: ['tmp_*', log_2024]}]")
	milvusdm(t, "plan", copyAll).exits(fault.ExitOK).says("books_restored", "log_2025_restored").lacks("tmp_1_restored")
	verified(t, "run", copyAll)
	want := []string{"books", "books_restored", "log_2024", "log_2025", "log_2025_restored", "tmp_1", "tmp_2"}
	if got := m.collections(t, ""); !slices.Equal(got, want) {
		t.Errorf("collections %q, want %q", got, want)
	}
	holds("books_restored", made["books"])
	holds("log_2025_restored", made["log_2025"])

	dir := t.TempDir()
	verified(t, "run", exportJob(t, "logs-"+name, server.address,
		"['log_????', {name: 'tmp_*', except: tmp_2}]\n    "+in, dir, nil, nil))
	man, err := export.Check(t.Context(), filepath.Join(dir, "one"), export.Checksums, nil)
	if err != nil {
		t.Fatal(err)
	}
	var exported []string
	for _, c := range man.Collections {
		exported = append(exported, c.Name)
	}
	if want := []string{"log_2024", "log_2025", "tmp_1"}; !slices.Equal(exported, want) {
		t.Errorf("the export holds %q, want %q", exported, want)
	}
	verified(t, "run", loadJob(t, "back-"+name, filepath.Join(dir, "one"),
		"[{name: '*', except: 'tmp_*', as: 'of_{name}'}]", server.address, []string{in}, nil))
	for _, year := range []string{"2024", "2025"} {
		holds(fmt.Sprint("of_log_", year), made["log_"+year])
	}
	if slices.Contains(m.collections(t, ""), "of_tmp_1") {
		t.Error("an excepted collection was restored")
	}
}
