package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	"go.temporal.io/api/sdk/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"milvusdm/internal/fault"
	"milvusdm/tests/stack"
	"milvusdm/workflows"
)

// detailsOf are the current details that the Web UI shows of a workflow.
func detailsOf(t *testing.T, c client.Client, id string) string {
	t.Helper()
	answer, err := c.QueryWorkflow(t.Context(), id, "", "__temporal_workflow_metadata")
	if err != nil {
		t.Fatal(err)
	}
	var metadata sdk.WorkflowMetadata
	if err := answer.Get(&metadata); err != nil {
		t.Fatal(err)
	}
	return metadata.GetCurrentDetails()
}

// checkAttributes checks a workflow's search attributes; nil wants one that is not set.
func checkAttributes(t *testing.T, c client.Client, id string, want map[string]any) {
	t.Helper()
	d, err := c.DescribeWorkflowExecution(t.Context(), id, "")
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range want {
		var got any
		if p := d.GetWorkflowExecutionInfo().GetSearchAttributes().GetIndexedFields()[name]; p != nil {
			if err := converter.GetDefaultDataConverter().FromPayload(p, &got); err != nil {
				t.Fatal(err)
			}
		}
		if got != value {
			t.Errorf("job %s has %s = %v, want %v", id, name, got, value)
		}
	}
}

func checkSays(t *testing.T, text string, says ...string) {
	t.Helper()
	for _, want := range says {
		if !strings.Contains(text, want) {
			t.Errorf("the details lack %q:\n%s", want, text)
		}
	}
}

// TestWebUIShowsAJob: current details and search attributes of a job that copied two collections, and of one that
// failed.
func TestWebUIShowsAJob(t *testing.T) {
	t.Parallel()
	from, to := theSource(t), theMilvus(t)
	a, b := from.collection(t), from.collection(t)
	for _, name := range []string{a, b} {
		partly{"_default": {0, 100, 1}}.make(t, from, name)
		t.Cleanup(func() {
			if err := to.DropCollection(context.Background(), name); err != nil {
				t.Error(err)
			}
		})
	}
	c := temporal(t)
	defer c.Close()
	job := "both-" + a
	verified(t, "run", migrate(t, job, from.address, "["+a+", "+b+"]", to.address, nil, nil))
	checkSays(t, detailsOf(t, c, job), "**verified** · 200 rows · took ", "| collections | 2: 2 done |", "| report | /")
	checkAttributes(t, c, job, map[string]any{workflows.StateAttribute: "done", workflows.DirectionAttribute: "MilvusToMilvus",
		workflows.TargetAttribute: to.address + "/default: 2 collections", workflows.RowsAttribute: 200.0, workflows.ErrorAttribute: nil})

	failed := "failed-" + a
	milvusdm(t, "run", own(t, failed, "/nowhere/rows.h5", to.address, a+"_other", nil, nil)).fails(fault.NotFound)
	checkSays(t, detailsOf(t, c, failed), "**failed** · took ", "| reason | ", "rows\\.h5",
		"| next | `milvusdm run` with the job's file begins again |", "| report | /")
	checkAttributes(t, c, failed, map[string]any{workflows.StateAttribute: "failed", workflows.DirectionAttribute: "HDF5ToMilvus",
		workflows.TargetAttribute: to.address + "/default/" + a + "_other", workflows.RowsAttribute: 0.0,
		workflows.ErrorAttribute: string(fault.NotFound)})
}

// TestDocumentedViewHoldsJobsOnly: the query of docs/cli.md finds a job that failed, and the job's children and dry
// runs never.
func TestDocumentedViewHoldsJobsOnly(t *testing.T) {
	t.Parallel()
	const query = `WorkflowType IN ("HDF5ToMilvus", "FaissToMilvus", "MilvusToMilvus", "MilvusToHDF5", "Verify")`
	const narrow = ` AND MilvusDMState = "failed" AND MilvusDMError = "NotFound" AND MilvusDMTarget STARTS_WITH "`
	if doc := read(t, stack.Root(t)+"/docs/cli.md"); !strings.Contains(doc, "    "+query+"\n") {
		t.Errorf("docs/cli.md does not have the query %s", query)
	}
	to := theMilvus(t)
	name := to.collection(t)
	job := own(t, "view-"+name, "/nowhere/rows.h5", to.address, name, nil, nil)
	milvusdm(t, "plan", job).fails(fault.NotFound)
	milvusdm(t, "run", job).fails(fault.NotFound)
	c := temporal(t)
	defer c.Close()
	within(t, time.Minute, "the view has the job, and only jobs", func() bool {
		list, err := c.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Namespace: client.DefaultNamespace,
			Query: query + narrow + to.address + "/default/" + name + `"`})
		if err != nil {
			t.Fatal(err)
		}
		found := list.GetExecutions()
		return len(found) == 1 && found[0].GetExecution().GetWorkflowId() == "view-"+name
	})
}

// TestWebUIShowsACancelledJob says how much the next run resumes from.
func TestWebUIShowsACancelledJob(t *testing.T) {
	t.Parallel()
	j := newSlowJob(t)
	c := temporal(t)
	defer c.Close()
	startSlow(t, j.proxy, j.path)
	within(t, time.Minute, "the details tell of the copy", func() bool {
		return strings.Contains(detailsOf(t, c, j.name), "**copying** · ")
	})
	milvusdm(t, "cancel", j.name).exits(fault.ExitOK)
	checkSays(t, detailsOf(t, c, j.name), "**cancelled** · ",
		"`milvusdm run` with the job's file resumes it after ", "| report | /")
	checkAttributes(t, c, j.name, map[string]any{workflows.StateAttribute: "cancelled", workflows.ErrorAttribute: nil})
	milvusdm(t, "run", j.path).exits(fault.ExitOK)
	j.done(t)
}
