// Package replay holds the workflows to the histories of runs that were recorded before: a job that began under an older
// worker must go on under this one.
package replay

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"milvusdm/workflows"
)

func replayer() worker.WorkflowReplayer {
	r := worker.NewWorkflowReplayer()
	for name, f := range map[string]any{
		workflows.HDF5ToMilvusName:   workflows.HDF5ToMilvus,
		workflows.FaissToMilvusName:  workflows.FaissToMilvus,
		workflows.CopyCollectionName: workflows.CopyCollection,
		workflows.PlanJobName:        workflows.PlanJob,
	} {
		r.RegisterWorkflowWithOptions(f, workflow.RegisterOptions{Name: name})
	}
	return r
}

func TestReplay(t *testing.T) {
	for _, scenario := range scenarios {
		for _, part := range scenario.parts {
			path := filepath.Join("testdata", scenario.name+"."+part+".json")
			t.Run(filepath.Base(path), func(t *testing.T) {
				if err := replayer().ReplayWorkflowHistoryFromJSONFile(nil, path); err != nil {
					t.Errorf("%v\nWorkflows that are running can't go on with this change; make it with workflow.GetVersion, "+
						"or, before a release, record anew: go test ./tests/replay -record", err)
				}
			})
		}
	}
}

// TestReplayNotices shows that a workflow that does something else is found out.
func TestReplayNotices(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "hdf5.copy.json"))
	if err != nil {
		t.Fatal(err)
	}
	other := bytes.ReplaceAll(text, []byte(`"PrepareTarget"`), []byte(`"CountTarget"`))
	if bytes.Equal(text, other) {
		t.Fatal("the history has no PrepareTarget")
	}
	history, err := client.HistoryFromJSON(bytes.NewReader(other), client.HistoryJSONOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := replayer().ReplayWorkflowHistory(nil, history); err == nil {
		t.Error("a history with another activity replays")
	}
}
