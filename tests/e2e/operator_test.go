package e2e

import (
	"testing"
	"time"

	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"milvusdm/internal/fault"
)

// TestResetRangeInsertsNothingTwice: an operator pauses a range in Temporal and resets it with its heartbeat. To the
// worker the next attempt looks like the first one, and yet it must not insert the rows that the attempt before it has
// inserted.
func TestResetRangeInsertsNothingTwice(t *testing.T) {
	t.Parallel()
	j := newSlowJob(t)
	startSlow(t, j.proxy, j.path)
	c := temporal(t)
	defer c.Close()
	child := &common.WorkflowExecution{WorkflowId: childOf(t, c, j.name)}
	pause := &workflowservice.PauseActivityRequest{Namespace: client.DefaultNamespace, Execution: child,
		Identity: "ann@ops", Reason: "disk swap", Activity: &workflowservice.PauseActivityRequest_Type{Type: "CopyRange"}}
	if _, err := c.WorkflowService().PauseActivity(t.Context(), pause); err != nil {
		t.Fatal(err)
	}
	within(t, time.Minute, "the range rests", func() bool {
		d, err := c.DescribeWorkflowExecution(t.Context(), child.GetWorkflowId(), "")
		pending := d.GetPendingActivities()
		return err == nil && len(pending) == 1 && pending[0].GetState() == enums.PENDING_ACTIVITY_STATE_PAUSED
	})
	milvusdm(t, "status", j.name).exits(fault.ExitOK).
		says("rests until it is unpaused in Temporal; paused by ann@ops: disk swap")
	reset := &workflowservice.ResetActivityRequest{Namespace: client.DefaultNamespace, Execution: child,
		Identity: "ann@ops", ResetHeartbeat: true, Activity: &workflowservice.ResetActivityRequest_Type{Type: "CopyRange"}}
	if _, err := c.WorkflowService().ResetActivity(t.Context(), reset); err != nil {
		t.Fatal(err)
	}
	d := milvusdm(t, "-o", "json", "status", "--follow", j.name).exits(fault.ExitOK).document()
	if d.Result == nil || d.Result.Repaired != 0 || d.Result.Lost == 0 {
		t.Errorf("the job that was reset ended with %+v", d.Result)
	}
	if j.proxy.RowsSentAgain() == 0 {
		t.Fatal("no row was sent again: the range was not reset")
	}
	sent := map[string]time.Time{}
	for _, w := range j.proxy.Writes() {
		if first, again := sent[w.FirstKey]; again && w.Method == "Insert" {
			t.Errorf("rows from key %s were inserted at %v and again at %v", w.FirstKey, first, w.Arrived)
		}
		sent[w.FirstKey] = w.Arrived
	}
	j.done(t)
}
