package activities

import (
	"context"
	"errors"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"

	"milvusdm/internal/export"
	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/transfer"
)

// FixInput names an export that a job reads.
type FixInput struct {
	Ref
	Export job.ExportSource `json:"export"`
}

// FixRun chooses the run of an export that the job reads, once for all that follows: the newest, where it names none.
func (a *Activities) FixRun(ctx context.Context, in FixInput) (*job.ExportSource, error) {
	pulse, stop := startPulse(ctx, &in.Job, sourcePatience(&in.Ref), transfer.Checkpoint{}, transfer.Checkpoint{})
	defer stop()
	fixed, err := a.ChooseRun(&in.Export)
	return fixed, pulse.end(err)
}

// FinishExport writes the manifest of a run all of whose parts are in place, and returns the run's directory.
func (a *Activities) FinishExport(ctx context.Context, in ExportInput) (string, error) {
	pulse, stop := startPulse(ctx, &in.Job, partPatience, transfer.Checkpoint{}, transfer.Checkpoint{})
	defer stop()
	if err := a.Allowed(&in.Job); err != nil {
		return "", pulse.end(err)
	}
	run, err := export.Open(in.Job.Target.HDF5.Directory, in.Job.Target.HDF5.Run, in.Stage)
	if err != nil {
		return "", pulse.end(err)
	}
	defer run.Close()
	return run.Path(), pulse.end(run.Finish(a.manifest(&in)))
}

func (a *Activities) manifest(in *ExportInput) export.Manifest {
	m := export.Manifest{Program: "milvusdm " + a.Version, Run: in.Job.Target.HDF5.Run, Job: in.Job.Name, Stage: in.Stage,
		Workflow: in.Workflow, WorkflowRun: in.Run, Schedule: in.Schedule, Scheduled: in.Scheduled, Started: in.Started, Ended: in.Ended, Verified: in.Verified,
		Collections: in.Collections, Left: in.Left, Notes: in.Notes}
	if s := in.Job.Source.Milvus; s != nil {
		m.Server = export.Server{Address: s.Address, Database: s.Database, Version: in.Server}
	}
	return m
}

// PruneInput says which runs of a schedule are kept.
type PruneInput struct {
	Ref
	Schedule string      `json:"schedule"`
	Keep     export.Keep `json:"keep"`
	// Unknown: unfinished runs of which it is not known who wrote them are removed too.
	Unknown bool `json:"unknown,omitempty"`
}

// SweepExports removes what runs of a schedule have left unfinished, unless they are still under way.
func (a *Activities) SweepExports(ctx context.Context, in PruneInput) (*export.Pruned, error) {
	pulse, stop := startPulse(ctx, &in.Job, partPatience, transfer.Checkpoint{}, transfer.Checkpoint{})
	defer stop()
	if in.Job.Target.HDF5 == nil {
		return nil, pulse.end(fault.New(fault.Internal, "the job exports nothing"))
	}
	if err := a.Allowed(&in.Job); err != nil {
		return nil, pulse.end(err)
	}
	ended := func(m *export.Manifest) (bool, error) {
		pulse.alive()
		if m.Workflow == "" {
			return in.Unknown, nil
		}
		return hasEnded(ctx, m.Workflow)
	}
	swept, err := export.Sweep(in.Job.Target.HDF5.Directory, in.Schedule, in.Stage, ended)
	return swept, pulse.end(err)
}

// hasEnded asks Temporal whether a workflow is over.
func hasEnded(ctx context.Context, workflow string) (bool, error) {
	d, err := activity.GetClient(ctx).DescribeWorkflowExecution(ctx, workflow, "")
	var forgotten *serviceerror.NotFound
	switch {
	case errors.As(err, &forgotten):
		return true, nil
	case err != nil:
		return false, fault.New(fault.Unavailable, "ask Temporal about workflow %s: %w", workflow, err)
	}
	return d.GetWorkflowExecutionInfo().GetStatus() != enums.WORKFLOW_EXECUTION_STATUS_RUNNING, nil
}

// PruneExports deletes the runs of a schedule that it keeps no longer.
func (a *Activities) PruneExports(ctx context.Context, in PruneInput) (*export.Pruned, error) {
	pulse, stop := startPulse(ctx, &in.Job, partPatience, transfer.Checkpoint{}, transfer.Checkpoint{})
	defer stop()
	if in.Job.Target.HDF5 == nil {
		return nil, pulse.end(fault.New(fault.Internal, "the job exports nothing"))
	}
	if err := a.Allowed(&in.Job); err != nil {
		return nil, pulse.end(err)
	}
	pruned, err := export.Prune(ctx, in.Job.Target.HDF5.Directory, in.Schedule, in.Keep)
	return pruned, pulse.end(err)
}

// DiscardExport removes what a run wrote that was cancelled and is not to be gone on with.
func (a *Activities) DiscardExport(ctx context.Context, ref Ref) error {
	pulse, stop := startPulse(ctx, &ref.Job, partPatience, transfer.Checkpoint{}, transfer.Checkpoint{})
	defer stop()
	if err := a.Allowed(&ref.Job); err != nil {
		return pulse.end(err)
	}
	t := ref.Job.Target.HDF5
	return pulse.end(export.Discard(t.Directory, t.Run, ref.Stage))
}
