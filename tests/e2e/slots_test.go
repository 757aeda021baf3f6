package e2e

import (
	"context"
	"testing"
	"time"

	"go.temporal.io/api/enums/v1"

	"milvusdm/internal/fault"
	"milvusdm/tests/faultproxy"
	"milvusdm/tests/stack"
)

// TestPlanNeedsNoSlotOfARange: the ranges of one job hold all slots of a worker and wait; the plan of another job is
// answered at once.
func TestPlanNeedsNoSlotOfARange(t *testing.T) {
	t.Parallel()
	m := theMilvus(t)
	proxy, collection := faultproxy.Start(t, m.address), m.collection(t)
	queue, name := "queue-"+collection, "job-"+collection
	stack.StartWorkerWith(t, "--task-queue", queue, "--activities", "2")
	job := own(t, name, source.hdf5File(t), proxy.Addr(), collection, nil,
		[]string{"batch_rows: 50", "range_rows: 200", "parallel: 8"})
	cleanUp(t, name)
	waits := slow(proxy, 20*time.Second)
	milvusdm(t, "start", "--task-queue", queue, job).exits(fault.ExitOK)
	c := temporal(t)
	defer c.Close()
	within(t, time.Minute, "two ranges hold both slots, and others wait for one", func() bool {
		d, err := c.DescribeWorkflowExecution(context.Background(), name, "")
		if err != nil || len(d.GetPendingChildren()) == 0 {
			return false
		}
		child, err := c.DescribeWorkflowExecution(context.Background(), childOf(t, c, name), "")
		states := map[enums.PendingActivityState]int{}
		for _, a := range child.GetPendingActivities() {
			states[a.GetState()]++
		}
		return err == nil && states[enums.PENDING_ACTIVITY_STATE_STARTED] == 2 &&
			states[enums.PENDING_ACTIVITY_STATE_SCHEDULED] > 0
	})
	begun := time.Now()
	milvusdm(t, "plan", "--task-queue", queue, job).exits(fault.ExitOK).says("nothing was written")
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("the plan took %v", took)
	}
	waits.Remove()
	milvusdm(t, "status", "--follow", name).exits(fault.ExitOK).says("verified")
}
