package activities

import (
	"context"

	"go.temporal.io/sdk/activity"

	"milvusdm/internal/fault"
)

// HolderOf returns the workflow ID of the job whose copy has the lock, "" if it has none any more.
func (a *Activities) HolderOf(ctx context.Context, lock string) (string, error) {
	d, err := activity.GetClient(ctx).DescribeWorkflowExecution(ctx, lock, "")
	if err != nil {
		return "", fault.ToTemporal(fault.New(fault.Unavailable, "ask which job holds %s: %w", lock, err))
	}
	return d.GetWorkflowExecutionInfo().GetParentExecution().GetWorkflowId(), nil
}
