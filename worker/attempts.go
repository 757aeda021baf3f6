package main

import (
	"context"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
)

// countAttempts is a gRPC interceptor: a task that Temporal hands out again never counts as an activity's first
// attempt, even if an operator has reset it. A reset sets the attempt back to 1 and may take the heartbeat away, and
// only a first attempt may insert rows.
func countAttempts(ctx context.Context, method string, request, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
	if err := invoke(ctx, method, request, reply, conn, options...); err != nil {
		return err
	}
	if task, ok := reply.(*workflowservice.PollActivityTaskQueueResponse); ok && scheduledAgain(task) {
		task.Attempt = max(task.GetAttempt(), 2)
	}
	return nil
}

// scheduledAgain reports whether a task is not the one that the workflow scheduled: Temporal gives each attempt its own
// time, and the first one that of the workflow's event, give or take what a database rounds. A server that does not
// tell the time of the attempt knows no resets.
func scheduledAgain(task *workflowservice.PollActivityTaskQueueResponse) bool {
	attempt, event := task.GetCurrentAttemptScheduledTime(), task.GetScheduledTime()
	return attempt != nil && event != nil && attempt.AsTime().Sub(event.AsTime()) > time.Millisecond
}
