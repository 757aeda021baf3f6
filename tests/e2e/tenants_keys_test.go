package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"milvusdm/internal/fault"
)

// insertTenants inserts the same keys once for each tenant, the partition key: each has a row of its own.
func insertTenants(t *testing.T, m *milvus, name string, keys rowSpan, tenants ...string) {
	t.Helper()
	schema := entity.NewSchema().WithName(name).
		WithField(entity.NewField().WithName("id").WithDataType(entity.FieldTypeInt64).WithIsPrimaryKey(true)).
		WithField(entity.NewField().WithName("tenant").WithDataType(entity.FieldTypeVarChar).WithMaxLength(20).WithIsPartitionKey(true)).
		WithField(entity.NewField().WithName("embedding").WithDataType(entity.FieldTypeFloatVector).WithDim(dim))
	if err := m.CreateCollection(t.Context(), schema, 1); err != nil {
		t.Fatal(err)
	}
	index, err := entity.NewIndexFlat(entity.L2)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.CreateIndex(t.Context(), name, "embedding", index, false); err != nil {
		t.Fatal(err)
	}
	for version, tenant := range tenants {
		var column []string
		var vectors [][]float32
		for _, k := range keys.keys() {
			column, vectors = append(column, tenant), append(vectors, vectorOf(k, version))
		}
		if _, err := m.Insert(t.Context(), name, "", entity.NewColumnInt64("id", keys.keys()),
			entity.NewColumnVarChar("tenant", column),
			entity.NewColumnFloatVector("embedding", dim, vectors)); err != nil {
			t.Fatal(err)
		}
	}
	m.load(t, name)
}

// TestOneKeyOfTwoTenants: each primary key has a row under two values of the partition key. A copy of all is refused
// with that cause, and so is a second tenant's append; one that replaces says how many rows of whom it replaces.
func TestOneKeyOfTwoTenants(t *testing.T) {
	t.Parallel()
	from, to := theSource(t), theMilvus(t)
	name := collectionOf(t, from, to)
	insertTenants(t, from, name, rowSpan{0, 1000, 0}, "a", "b")
	job := func(choice string, copy ...string) string {
		return migrate(t, fmt.Sprintf("job%d-%s", names.Add(1), name), from.address, fmt.Sprintf("[{name: %s%s}]",
			name, choice), to.address, nil, copy)
	}
	milvusdm(t, "run", job("")).fails(fault.Config).says("1000 rows more than primary keys",
		`several values of the partition key "tenant"`,
		"which leaves out 1000 rows")
	to.only(t, name, false)
	verified(t, "run", job(", filter: \"tenant == 'a'\""))
	milvusdm(t, "run", job(", filter: \"tenant == 'b'\"")).fails(fault.Conflict).
		says("are in", `other values of the partition key "tenant"`, "Write into another collection to keep both rows")
	again := verified(t, "run", job(", filter: \"tenant == 'a' and id < 100\"", "on_existing: replace"))
	if notes := strings.Join(again.Notes, "\n"); strings.Contains(notes, "are replaced: ") {
		t.Errorf("of one tenant's own rows: %s", notes)
	}
	result := verified(t, "run", job(", filter: \"tenant == 'b' and id < 300\"", "on_existing: replace"))
	want := `300 rows with another value of the partition key "tenant" have the same primary keys and are replaced: 300 of "a"`
	if notes := strings.Join(result.Notes, "\n"); !strings.Contains(notes, want) {
		t.Errorf("the job does not say %s, but\n%s", want, notes)
	}
	// into collections of their own, both tenants keep all rowSpan
	for i, tenant := range []string{"a", "b"} {
		as := name + "_" + tenant
		verified(t, "run", job(fmt.Sprintf(", as: %s, filter: \"tenant == '%s'\", fields: [id, tenant, embedding]", as,
			tenant)))
		found, err := to.Query(t.Context(), as, nil, fmt.Sprintf("tenant == '%s'", tenant), []string{"count(*)"})
		if err != nil {
			t.Fatal(err)
		}
		if n := found.GetColumn("count(*)").FieldData().GetScalars().GetLongData().GetData(); len(n) != 1 ||
			n[0] != 1000 {
			t.Errorf("tenant %d has %v rows", i, n)
		}
	}
}
