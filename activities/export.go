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
	var path string
	err := a.inExports(ctx, &in.Job, func(pulse *pulse, t *job.HDF5Target) error {
		run, err := export.Open(t.Directory, t.Run, in.Stage)
		if err != nil {
			return err
		}
		defer run.Close()
		path = run.Path()
		return run.Finish(a.manifest(&in))
	})
	return path, err
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
	var swept *export.Pruned
	err := a.inExports(ctx, &in.Job, func(pulse *pulse, t *job.HDF5Target) (err error) {
		swept, err = export.Sweep(t.Directory, in.Schedule, in.Stage, func(m *export.Manifest) (bool, error) {
			pulse.alive()
			if m.Workflow == "" {
				return in.Unknown, nil
			}
			return hasEnded(ctx, m.Workflow, "")
		})
		return err
	})
	return swept, err
}

// hasEnded asks Temporal whether a workflow is over, or, with a first run, whether that one and all that continued it are.
func hasEnded(ctx context.Context, workflow, firstRun string) (bool, error) {
	d, err := activity.GetClient(ctx).DescribeWorkflowExecution(ctx, workflow, "")
	var forgotten *serviceerror.NotFound
	switch {
	case errors.As(err, &forgotten):
		return true, nil
	case err != nil:
		return false, fault.New(fault.Unavailable, "ask Temporal about workflow %s: %w", workflow, err)
	}
	info := d.GetWorkflowExecutionInfo()
	known := info.GetFirstRunId() // not by every server
	another := firstRun != "" && known != "" && known != firstRun
	return another || info.GetStatus() != enums.WORKFLOW_EXECUTION_STATUS_RUNNING, nil
}

// PruneExports deletes the runs of a schedule that it keeps no longer.
func (a *Activities) PruneExports(ctx context.Context, in PruneInput) (*export.Pruned, error) {
	var pruned *export.Pruned
	err := a.inExports(ctx, &in.Job, func(_ *pulse, t *job.HDF5Target) (err error) {
		pruned, err = export.Prune(ctx, t.Directory, in.Schedule, in.Keep)
		return err
	})
	return pruned, err
}

// DiscardExport removes what a run wrote that was cancelled and is not to be gone on with.
func (a *Activities) DiscardExport(ctx context.Context, ref Ref) error {
	return a.inExports(ctx, &ref.Job, func(_ *pulse, t *job.HDF5Target) error {
		return export.Discard(t.Directory, t.Run, ref.Stage)
	})
}

// inExports does something with the directory that the job exports to, if the worker allows the job.
func (a *Activities) inExports(ctx context.Context, j *job.Job, do func(*pulse, *job.HDF5Target) error) error {
	pulse, stop := startPulse(ctx, j, partPatience, transfer.Checkpoint{}, transfer.Checkpoint{})
	defer stop()
	if j.Target.HDF5 == nil {
		return pulse.end(fault.New(fault.Internal, "the job exports nothing"))
	}
	if err := a.Allowed(j); err != nil {
		return pulse.end(err)
	}
	return pulse.end(do(pulse, j.Target.HDF5))
}
