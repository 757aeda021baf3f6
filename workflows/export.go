package workflows

import (
	"slices"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"milvusdm/activities"
	"milvusdm/internal/export"
	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

var scheduledKey = temporal.NewSearchAttributeKeyTime("TemporalScheduledStartTime")

// scheduled is when a schedule was to start this run, zero where none did.
func scheduled(ctx workflow.Context) time.Time {
	at, _ := workflow.GetTypedSearchAttributes(ctx).GetTime(scheduledKey)
	return at
}

// beginExport names the directory of the run. A job that goes on from an earlier run goes on in the same, by
// whose stage the directory is known as its own.
func (r *jobRun) beginExport(ctx workflow.Context) {
	if r.Job.Target.HDF5 == nil {
		return
	}
	target := *r.Job.Target.HDF5
	switch {
	case r.Resume != nil && r.Resume.Hash == r.Hash && r.Resume.Run != "":
		target.Run, r.stage = r.Resume.Run, r.Resume.Stage
	case target.Run != "":
	default:
		window := time.Duration(0)
		if r.Schedule != nil {
			window = r.Schedule.CatchupWindow
		}
		target.Run = export.RunName(r.board.started, scheduled(ctx), window)
		if r.Schedule != nil { // others may export into the same directory at the same time
			target.Run = export.ScheduledName(target.Run, r.Schedule.ID)
		}
	}
	target.Workflow = workflow.GetInfo(ctx).WorkflowExecution.ID
	if r.Schedule != nil {
		target.Schedule = r.Schedule.ID
	}
	r.Job.Target.HDF5 = &target
}

// sweepExports removes what earlier runs of the schedule have left unfinished, so that its room is there for this one: a run of
// a schedule always begins at the beginning, so nothing goes on from it.
func (r *jobRun) sweepExports(ctx workflow.Context) error {
	if r.Schedule == nil || r.Job.Target.HDF5 == nil {
		return nil
	}
	in := activities.PruneInput{Ref: r.ref(&r.Job), Schedule: r.Schedule.ID}
	var swept export.Pruned
	err := workflow.ExecuteActivity(looking(ctx, &r.Job, "remove unfinished exports of the schedule"), acts.SweepExports, in).Get(ctx, &swept)
	if temporal.IsCanceledError(err) {
		return err
	}
	if err != nil { // the run may have room all the same
		_, text := fault.FromTemporal(err)
		r.notes = append(r.notes, "unfinished exports are not removed: "+text)
	}
	r.swept = swept.Deleted
	for _, name := range swept.Deleted {
		r.notes = append(r.notes, "removed unfinished export "+name)
	}
	for _, left := range swept.Left {
		r.notes = append(r.notes, "unfinished export left: "+left)
	}
	return nil
}

// PruneInput starts PruneExports.
type PruneInput struct {
	Job      job.Job  `json:"job"`
	Schedule Schedule `json:"schedule"`
}

// PruneExports removes what runs of a schedule have left unfinished, and the exports that it keeps no longer. Runs under way
// keep theirs.
func PruneExports(ctx workflow.Context, in PruneInput) (*export.Pruned, error) {
	step := activities.PruneInput{Ref: activities.Ref{Job: in.Job, Owner: in.Schedule.ID}, Schedule: in.Schedule.ID, Keep: in.Schedule.Keep, Unknown: true}
	var swept, pruned export.Pruned
	err := workflow.ExecuteActivity(looking(ctx, &in.Job, "remove unfinished exports of the schedule"), acts.SweepExports, step).Get(ctx, &swept)
	if err != nil {
		return nil, failure(err, nil)
	}
	if err := workflow.ExecuteActivity(looking(ctx, &in.Job, "delete old exports of the schedule"), acts.PruneExports, step).Get(ctx, &pruned); err != nil {
		return nil, failure(err, nil)
	}
	swept.Deleted = append(swept.Deleted, pruned.Deleted...)
	swept.Kept = pruned.Kept
	for _, left := range pruned.Left {
		if !slices.Contains(swept.Left, left) {
			swept.Left = append(swept.Left, left)
		}
	}
	return &swept, nil
}

// endExport writes the manifest, which makes the run whole, and then deletes the runs that the schedule keeps no longer.
func (r *jobRun) endExport(ctx workflow.Context, result *Result) error {
	in := activities.ExportInput{Ref: r.ref(&r.Job), Workflow: r.Job.Target.HDF5.Workflow, Run: workflow.GetInfo(ctx).WorkflowExecution.RunID,
		Scheduled: scheduled(ctx), Started: r.board.started, Ended: workflow.Now(ctx), Verified: result.Verified, Left: r.left, Notes: r.losses(ctx, result)}
	results := result.Collections
	if len(r.parts) == 1 {
		results = []Result{*result}
	}
	for _, c := range results {
		in.Collections = append(in.Collections, *c.Exported)
		in.Server = c.Source
	}
	if r.Schedule != nil {
		in.Schedule = r.Schedule.ID
	}
	r.board.phase(ctx, PhaseSealing)
	if err := workflow.ExecuteActivity(working(ctx, &r.Job, "write the manifest"), acts.FinishExport, in).Get(ctx, &result.Export); err != nil {
		return err
	}
	if r.Schedule == nil || r.Schedule.Keep.All() {
		return nil
	}
	// the export is whole: that old ones could not be deleted is said, and is no failure of it
	var pruned export.Pruned
	err := workflow.ExecuteActivity(looking(ctx, &r.Job, "delete old exports of the schedule"), acts.PruneExports,
		activities.PruneInput{Ref: in.Ref, Schedule: r.Schedule.ID, Keep: r.Schedule.Keep}).Get(ctx, &pruned)
	if err != nil {
		_, text := fault.FromTemporal(err)
		result.Notes = append(result.Notes, "old exports are not deleted: "+text)
	}
	result.Pruned = pruned.Deleted
	for _, left := range pruned.Left {
		result.Notes = append(result.Notes, "left by retention: "+left)
	}
	return nil
}

// dropExport removes what a cancelled run wrote. If that fails, the state stays, and what was written.
func (r *jobRun) dropExport(ctx workflow.Context, cause error) error {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	ref := r.ref(&r.Job)
	if err := workflow.ExecuteActivity(looking(ctx, &r.Job, "remove what was written"), acts.DiscardExport, ref).Get(ctx, nil); err != nil {
		_, text := fault.FromTemporal(err)
		workflow.GetLogger(ctx).Warn("the export was not removed", "directory", r.Job.Target.HDF5.Run, "error", text)
		return cause
	}
	return temporal.NewCanceledError()
}

// exported is what a manifest says of a collection.
func exported(p *activities.Plan, from *job.Collection, parts []transfer.Part, notes []string) *export.Collection {
	e := &export.Collection{Name: p.Target.Collection, Source: from.Name, Alias: from.Alias, Identity: p.Source.Identity, Notes: notes, Parts: parts}
	if p.Source.Schema.PrimaryKey().GetDataType() != schemapb.DataType_Int64 {
		return e
	}
	for _, f := range p.Source.Schema.Vectors() {
		if t := f.GetDataType(); t != schemapb.DataType_FloatVector && t != schemapb.DataType_BinaryVector {
			continue
		}
		dim, err := rows.Dim(f)
		if err != nil {
			break
		}
		e.Dimension, e.Metric = dim, metric(&p.Source, f)
		break
	}
	return e
}

// metric is that of a vector field's index, else the source's, else the default of its type.
func metric(d *transfer.Description, f *schemapb.FieldSchema) string {
	if d.Settings != nil {
		for _, ix := range d.Settings.Indexes {
			if m := ix.Params["metric_type"]; ix.Field == f.GetName() && m != "" {
				return m
			}
		}
	}
	switch {
	case d.Metric != "":
		return d.Metric
	case f.GetDataType() == schemapb.DataType_BinaryVector:
		return "HAMMING"
	}
	return "L2"
}
