package milvus

import (
	"strings"
	"testing"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
)

func TestFieldRenamedOntoADynamicKeyIsRefused(t *testing.T) {
	c := testServer(t)
	name := partitioned(t, c, "dynamic_key")
	err := refusal(t, job.Collection{Name: name, RenameFields: map[string]string{"v": "more"}})
	if fault.KindOf(err) != fault.Config || !strings.Contains(err.Error(), `1000 rows have a dynamic key "more", which field v would hide`) {
		t.Errorf("%v", err)
	}
	if err := refusal(t, job.Collection{Name: name, RenameFields: map[string]string{"v": "other"}}); err != nil {
		t.Errorf("a name that no row has: %v", err)
	}
}
