package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"milvusdm/internal/fault"
	"milvusdm/tests/content"
)

// importTitles imports rows into a new collection with titles of at most 16 bytes, one of them of 40: Milvus 2.3.5 does
// not check what it imports.
func importTitles(t *testing.T, m *milvus, name string, rows int) {
	t.Helper()
	schema := entity.NewSchema().WithName(name).
		WithField(entity.NewField().WithName("id").WithDataType(entity.FieldTypeInt64).WithIsPrimaryKey(true)).
		WithField(entity.NewField().WithName("title").WithDataType(entity.FieldTypeVarChar).WithMaxLength(16)).
		WithField(entity.NewField().WithName("embedding").WithDataType(entity.FieldTypeFloatVector).WithDim(2))
	if err := m.CreateCollection(t.Context(), schema, 1); err != nil {
		t.Fatal(err)
	}
	var text []string
	for i := range rows {
		title := fmt.Sprint("title ", i)
		if i == 4321 {
			title = strings.Repeat("x", 40)
		}
		text = append(text, fmt.Sprintf(`{"id": %d, "title": %q, "embedding": [%d, 1]}`, i, title, i))
	}
	path := filepath.Join(t.TempDir(), "rows.json")
	if err := os.WriteFile(path, []byte(`{"rows": [`+strings.Join(text, ",\n")+"]}"), 0o600); err != nil {
		t.Fatal(err)
	}
	task, err := m.BulkInsert(t.Context(), name, "", []string{path})
	if err != nil {
		t.Fatal(err)
	}
	within(t, 2*time.Minute, "the rows are imported", func() bool {
		state, err := m.GetBulkInsertState(t.Context(), task)
		if err != nil || state.State == entity.BulkInsertFailed || state.State == entity.BulkInsertFailedAndCleaned {
			t.Fatal(state, err)
		}
		return state.State == entity.BulkInsertCompleted
	})
	index, err := entity.NewIndexFlat(entity.L2)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.CreateIndex(t.Context(), name, "embedding", index, false, client.WithIndexName("i")); err != nil {
		t.Fatal(err)
	}
	m.load(t, name)
}

// TestRowsThatBreakTheirSchema: an imported row is longer than its field allows. It is named, before anything is
// written with prescan; a wider field takes it, from the server and from an export.
func TestRowsThatBreakTheirSchema(t *testing.T) {
	t.Parallel()
	from, to := theSource(t), theMilvus(t)
	name := collectionOf(t, from, to)
	const rows = 5000
	importTitles(t, from, name, rows)
	says := []string{"key 4321 of " + name, `the value of "title" has 40 bytes, and the field takes 16 (max_length)`}
	job := func(what, choice string, copy ...string) string {
		return migrate(t, what+"-"+name, from.address, fmt.Sprintf("[{name: %s%s}]", name, choice), to.address, nil,
			append(copy, "batch_rows: 1000"))
	}
	milvusdm(t, "run", job("plain", "")).fails(fault.Corrupt).says(append(says,
		"source.milvus.collections.max_length: {FIELD: 40}")...)
	milvusdm(t, "run", job("scan", "", "prescan: true")).fails(fault.Corrupt).says(says...).lacks("of 5,000 rows")
	to.only(t, name, false)
	milvusdm(t, "plan", job("short",
		", max_length: {title: 10}")).fails(fault.Config).says("max_length.title: is 10, and the source's field takes 16")
	verified(t, "run", job("wide", ", max_length: {title: 40}", "verify: full", "prescan: true"))
	if got := to.describe(t, name).GetSchema().GetFields()[1].GetTypeParams(); sorted(got) != "max_length=40" {
		t.Errorf("the field has %v", got)
	}
	want, err := content.Read(t.Context(), from.address, content.Place{Collection: name})
	if err != nil {
		t.Fatal(err)
	}
	to.holdsSum(t, content.Place{Collection: name}, want.Sum)

	dir := t.TempDir()
	verified(t, "run", exportJob(t, "out-"+name, from.address, "["+name+"]", dir, nil, []string{"batch_rows: 1000"}))
	back := func(choice string) string {
		return loadJob(t, "back-"+name, filepath.Join(dir, "one"), fmt.Sprintf("[{name: %s, as: %[1]s_back%s}]", name,
			choice), to.address, nil, nil)
	}
	milvusdm(t, "run", back("")).fails(fault.Corrupt).says(says[1], "source.export.collections.max_length: {FIELD: 40}")
	verified(t, "run", back(", max_length: {title: 64}"))
	to.holdsSum(t, content.Place{Collection: name + "_back"}, want.Sum)
}
