package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
)

// permanent are the kinds of failure that the same call meets again.
var permanent = []string{string(fault.Config), string(fault.NotFound), string(fault.Conflict), string(fault.Unsupported),
	string(fault.Corrupt), string(fault.Denied), string(fault.SourceChanged)}

// looking is for what runs before anything is written: a server that stays away for the job's connect timeout, which the
// activity itself waits for, ends the job. Only a lost worker is a reason to try again.
func looking(ctx workflow.Context, j *job.Job, summary string) workflow.Context {
	o := workflow.ActivityOptions{
		TaskQueue:           activityQueue(ctx, j),
		StartToCloseTimeout: 24 * time.Hour, // bounded by heartbeats
		HeartbeatTimeout:    j.Copy.HeartbeatTimeout,
		WaitForCancellation: true,
		Summary:             summary,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second, MaximumInterval: 10 * time.Second, MaximumAttempts: 20,
			NonRetryableErrorTypes: append([]string{string(fault.Unavailable)}, permanent...)},
	}
	return workflow.WithActivityOptions(ctx, o)
}

// brief is looking for what reads no rows: it is over soon, or waits for others. It has slots of its own.
func brief(ctx workflow.Context, j *job.Job, summary string) workflow.Context {
	return onBriefQueue(looking(ctx, j, summary))
}

// onBriefQueue takes an activity to the brief queue of the workers that it is meant for.
func onBriefQueue(ctx workflow.Context) workflow.Context {
	return workflow.WithTaskQueue(ctx, BriefQueue(workflow.GetActivityOptions(ctx).TaskQueue))
}

// working is for what runs once something was written: it is tried again until it succeeds, however long a server is away.
func working(ctx workflow.Context, j *job.Job, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           activityQueue(ctx, j),
		StartToCloseTimeout: 7 * 24 * time.Hour, // bounded by heartbeats
		HeartbeatTimeout:    j.Copy.HeartbeatTimeout,
		WaitForCancellation: true,
		Summary:             summary,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 1.6, MaximumInterval: 20 * time.Second,
			NonRetryableErrorTypes: permanent},
	})
}

// writingReport is for the report at the end, which no job waits long for.
func writingReport(ctx workflow.Context, j *job.Job) workflow.Context {
	return onBriefQueue(workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              activityQueue(ctx, j),
		StartToCloseTimeout:    30 * time.Second,
		ScheduleToCloseTimeout: 5 * time.Minute,
		Summary:                "report.json",
		RetryPolicy:            &temporal.RetryPolicy{NonRetryableErrorTypes: permanent},
	}))
}

// queueOf is the queue of a machine's workers, the workflow's own where host is "".
func queueOf(ctx workflow.Context, host string) string {
	queue := workflow.GetInfo(ctx).TaskQueueName
	if host != "" {
		return HostQueue(queue, host)
	}
	return queue
}

// activityQueue is the queue of the one machine that has the files, where the job names it, else the workflow's own.
func activityQueue(ctx workflow.Context, j *job.Job) string {
	return queueOf(ctx, j.Host())
}
