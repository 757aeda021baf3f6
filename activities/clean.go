package activities

import (
	"cmp"
	"context"
	"errors"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"

	"milvusdm/internal/export"
	"milvusdm/internal/fault"
	"milvusdm/internal/transfer"
)

// CleanInput says what is cleaned up after a job that does not run.
type CleanInput struct {
	Ref
	// Schedule is the schedule of the job's name, "" where there is none.
	Schedule string `json:"schedule,omitempty"`
	// Made is what the job's last run left of itself.
	Made []transfer.Target `json:"made,omitempty"`
	// Dry: nothing is dropped.
	Dry bool `json:"dry,omitempty"`
}

// Clean drops what runs of a job have made and not put in its place. It refuses while the job runs.
func (a *Activities) Clean(ctx context.Context, in CleanInput) (*transfer.Cleaned, error) {
	pulse, stop := startPulse(ctx, &in.Job, stepPatience, transfer.Checkpoint{}, transfer.Checkpoint{})
	defer stop()
	if err := in.idle(ctx); err != nil {
		return nil, pulse.end(err)
	}
	if in.Job.Target.HDF5 != nil {
		out, err := a.cleanExports(ctx, &in, pulse)
		return out, pulse.end(err)
	}
	var out *transfer.Cleaned
	err := a.withSink(ctx, &in.Ref, pulse, func(sink transfer.Sink) (err error) {
		c, ok := sink.(transfer.Cleaner)
		if !ok {
			return fault.New(fault.Internal, "the target can't be cleaned up")
		}
		out, err = c.Clean(ctx, in.Made, in.Dry, pulse.answered)
		return err
	})
	return out, pulse.end(err)
}

// idle refuses where the job runs, or a run of the schedule of its name: both mark what they make with that name.
func (in *CleanInput) idle(ctx context.Context) error {
	over, err := hasEnded(ctx, in.Owner, "")
	switch {
	case err != nil:
		return err
	case !over:
		return fault.New(fault.Conflict, "job %s is running; what it makes is in use", in.Owner)
	}
	d, err := activity.GetClient(ctx).ScheduleClient().GetHandle(ctx, in.Owner).Describe(ctx)
	var none *serviceerror.NotFound
	switch {
	case errors.As(err, &none):
		return nil
	case err != nil:
		return fault.New(fault.Unavailable, "ask Temporal about schedule %s: %w", in.Owner, err)
	}
	for _, run := range d.Info.RunningWorkflows {
		if over, err := hasEnded(ctx, run.WorkflowID, ""); err != nil || !over {
			return cmp.Or(err, fault.New(fault.Conflict, "schedule %s is running %s; what it makes is in use", in.Owner, run.WorkflowID))
		}
	}
	return nil
}

// cleanExports removes the runs that the job has not finished.
func (a *Activities) cleanExports(ctx context.Context, in *CleanInput, p *pulse) (*transfer.Cleaned, error) {
	if err := a.Allowed(&in.Job); err != nil {
		return nil, err
	}
	dir := in.Job.Target.HDF5.Directory
	runs, err := export.Runs(dir)
	if err != nil {
		return nil, err
	}
	out := &transfer.Cleaned{}
	for _, e := range runs {
		if e.State != export.Unfinished || e.Manifest.Job != in.Job.Name || e.Manifest.Schedule != "" && e.Manifest.Schedule != in.Schedule {
			continue
		}
		p.waiting("looking at export " + e.Name)
		over := e.Manifest.Workflow == ""
		if !over {
			if over, err = hasEnded(ctx, e.Manifest.Workflow, ""); err != nil {
				return nil, err
			}
		}
		if !over {
			out.Kept = append(out.Kept, "export "+e.Name+", which "+e.Manifest.Workflow+" is writing")
			continue
		}
		if !in.Dry {
			if err := export.Discard(dir, e.Name, e.Manifest.Stage); err != nil {
				return nil, err
			}
		}
		out.Dropped = append(out.Dropped, "export "+e.Name)
	}
	return out, nil
}
