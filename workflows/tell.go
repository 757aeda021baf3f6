package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"
)

// tellEvery is how often the parent is told of progress, and the parent of several collections by all together: a workflow
// takes 10,000 signals.
const (
	tellEvery       = 5 * time.Second
	tellEverySingly = 30 * time.Second
)

// phase enters a phase and tells the parent.
func (c *collectionCopy) phase(ctx workflow.Context, p Phase) {
	changed := c.board.Phase != p
	c.board.phase(ctx, p)
	c.tell(ctx, changed)
}

func (c *collectionCopy) note(ctx workflow.Context, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	c.board.Notes = append(c.board.Notes, text)
	c.result.Notes = append(c.result.Notes, text)
	c.tell(ctx, true)
}

// tell signals the status to the parent; a parent that is gone is no reason to stop.
func (c *collectionCopy) tell(ctx workflow.Context, now bool) {
	parent := workflow.GetInfo(ctx).ParentWorkflowExecution
	every := tellEvery
	if c.Several {
		every = tellEverySingly * time.Duration(max(c.Job.Copy.Collections, 1))
	}
	if parent == nil || !now && workflow.Now(ctx).Sub(c.told) < every {
		return
	}
	c.told = workflow.Now(ctx)
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	workflow.SignalExternalWorkflow(ctx, parent.ID, parent.RunID, statusSignal, c.board.Status)
}
