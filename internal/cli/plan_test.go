package cli

import (
	"context"
	"testing"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
)

// TestPlanLeavesTheListToJobs: a dry run that was answered is deleted; one that was refused stays, to be looked at.
// Temporal takes half a minute for it: it waits until the end of the workflow is on its disk.
func TestPlanLeavesTheListToJobs(t *testing.T) {
	t.Parallel()
	b := newBench(t).work()
	fine, answered := b.job("ok")
	path, refused := b.job("missing")
	b.milvusdm("plan", fine).exits(0).lacks("Web UI").lacks("stays in Temporal's list")
	b.milvusdm("plan", path).exits(10)
	listed := func(name string) int {
		list, err := b.ListWorkflow(context.Background(), &workflowservice.ListWorkflowExecutionsRequest{
			Namespace: client.DefaultNamespace, Query: "WorkflowType = 'PlanJob' AND WorkflowId STARTS_WITH '" + name + "/plan/'"})
		if err != nil {
			t.Fatal(err)
		}
		return len(list.GetExecutions())
	}
	limit := time.Now().Add(3 * time.Minute)
	for ; listed(refused) != 1 || listed(answered) != 0; time.Sleep(200 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("the list has %d answered and %d refused plans", listed(answered), listed(refused))
		}
	}
}
