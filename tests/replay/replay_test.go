// Package replay holds the workflows to the histories of runs that were recorded before: a job that began under an older
// worker must go on under this one.
package replay

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"milvusdm/workflows"
)

func replayer(t *testing.T) worker.WorkflowReplayer {
	t.Helper()
	r, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{DataConverter: workflows.Payloads(nil)})
	if err != nil {
		t.Fatal(err)
	}
	workflows.Register(r)
	return r
}

// The histories of a release stay as they are; those in next are of the release to come and may be recorded anew.
func TestReplay(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join("testdata", "*", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) < recorded {
		t.Fatalf("%d histories, fewer than the %d that were recorded", len(paths), recorded)
	}
	for _, path := range paths {
		t.Run(strings.TrimPrefix(path, "testdata/"), func(t *testing.T) {
			if err := replayer(t).ReplayWorkflowHistoryFromJSONFile(nil, path); err != nil {
				t.Errorf("%v\nWorkflows that are running can't go on with this change; make it with workflow.GetVersion, "+
					"or, if no release has it, record anew: go test ./tests/replay -record", err)
			}
		})
	}
}

// recorded is how many histories the scenarios left.
const recorded = 45

// TestReplayNotices shows that a workflow that does something else is found out.
func TestReplayNotices(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "next", "hdf5.copy.json"))
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
	if err := replayer(t).ReplayWorkflowHistory(nil, history); err == nil {
		t.Error("a history with another activity replays")
	}
}
