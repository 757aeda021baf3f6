package milvus

import (
	"context"
	"maps"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/tests/stack"
)

// What a job sets by AlterCollection is still set when the server was killed: limits and the time that rows live, which are set
// last, the job's mark taken off, and the mark of a partition that is being filled.
func TestPropertiesOutliveAKilledServer(t *testing.T) {
	const total = 50
	ctx := context.Background()
	const name = "properties"
	want := map[string]string{ttlProperty: "86400", "custom": "x", "collection.insertRate.max.mb": "0.001",
		"collection.diskProtection.diskQuota.mb": "0.001"}
	m := newMigration(t, name)
	from, fields := plainRows(total)
	from.Settings.Properties = want
	m.run(from, total, map[string][]*schemapb.FieldData{defaultPartition: fields})
	if err := m.setProperties(ctx, name, map[string]string{fillingPrefix + "p": "test"}); err != nil {
		t.Fatal(err)
	}

	stack.Milvus(t, 0).Kill9(t)
	after := testServer(t) // starts it again
	after.dropAfter(t, name)
	is, err := after.describe(ctx, name)
	if err != nil || is == nil {
		t.Fatal(is, err)
	}
	want = maps.Clone(want)
	want[ownerProperty], want[fillingPrefix+"p"] = "", "test"
	if !maps.Equal(is.Properties, want) {
		t.Errorf("properties %v, not %v", is.Properties, want)
	}
}

func TestPropertiesThatHinderACopyAreSetLast(t *testing.T) {
	for property, last := range map[string]bool{ttlProperty: true, "collection.insertRate.max.mb": true, "collection.deleteRate.max.mb": true,
		"collection.queryRate.max.qps": true, "collection.diskProtection.diskQuota.mb": true, "collection.autocompaction.enabled": false,
		"mmap.enabled": false, "custom.insertRate": false, "partitionkey.isolation": false} {
		if isSetLast(property) != last {
			t.Errorf("%s is set last: %v", property, !last)
		}
	}
}
