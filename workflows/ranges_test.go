package workflows

import (
	"context"
	"strings"
	"testing"

	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"milvusdm/activities"
	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// restarting are the activities of a copy of one range, whose target was restarted while the range was copied.
type restarting struct {
	activities.Activities
	insert []bool // how each CopyRange was told to send
}

func (*restarting) PlanRanges(context.Context, activities.PlanRangesInput) (*activities.Ranges, error) {
	return &activities.Ranges{Ranges: []rows.Range{{Rows: 10}}}, nil
}

func (*restarting) PrepareTarget(_ context.Context, in activities.PrepareInput) (*transfer.Target, error) {
	return &transfer.Target{Plan: in.Plan, Name: in.Plan.StagingName, Fresh: true}, nil
}

// CopyRange is drained after it began the range again, and ends it at its second call.
func (a *restarting) CopyRange(_ context.Context, in activities.RangeInput) (*activities.CopyResult, error) {
	a.insert = append(a.insert, in.Insert)
	if len(a.insert) == 1 {
		return &activities.CopyResult{Restarted: true}, nil
	}
	return &activities.CopyResult{Done: true, Reached: transfer.Checkpoint{Rows: 10, Sum: rows.Sum{Rows: 10}}}, nil
}

// FlushTarget ends the job: what follows is not looked at.
func (*restarting) FlushTarget(context.Context, activities.TargetInput) (transfer.Epoch, error) {
	return nil, fault.ToTemporal(fault.New(fault.Denied, "enough"))
}

// TestARangeThatARestartBeganAgainIsNotInserted: what was sent before a restart of the target may be there.
func TestARangeThatARestartBeganAgainIsNotInserted(t *testing.T) {
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	a := &restarting{}
	env.RegisterActivity(a)
	env.RegisterWorkflowWithOptions(CopyCollection, workflow.RegisterOptions{Name: CopyCollectionName})
	in := copyInput{Ref: activities.Ref{Job: job.Job{Copy: job.Copy{Parallel: 1}}}}
	in.Plan.Target = transfer.TargetPlan{Action: transfer.ActionReplace, Collection: "c", StagingName: "c__mdm_1", KeepLoaded: true}
	env.ExecuteWorkflow(CopyCollectionName, in)
	if err := env.GetWorkflowError(); err == nil || !strings.Contains(err.Error(), "enough") {
		t.Fatal("it did not come to the flush:", err)
	}
	if len(a.insert) != 2 || !a.insert[0] || a.insert[1] {
		t.Errorf("the range was inserted %v, want at its first call only", a.insert)
	}
}
