package workflows

import (
	"testing"

	"go.temporal.io/sdk/temporal"

	"milvusdm/internal/fault"
)

// TestStateOf takes the state out of errors that were made in the same workflow, which nothing has encoded.
func TestStateOf(t *testing.T) {
	state := &State{Hash: "h", Run: "one"}
	for what, cause := range map[string]error{"a failure": fault.New(fault.Denied, "the disk is full"), "a target that differs": fault.New(fault.Different, "3 rows"), "a cancellation": temporal.NewCanceledError()} {
		if got := StateOf(ended(cause, state)); got == nil || got.Run != state.Run {
			t.Errorf("%s: %+v", what, got)
		}
		if got := StateOf(ended(cause, nil)); got != nil {
			t.Errorf("%s without a state: %+v", what, got)
		}
	}
}
