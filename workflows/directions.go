// Package workflows holds one workflow for each direction, all over the same engine: the direction's workflow looks at
// source and target and keeps the report; CopyCollection, its child, does the copying. The child's ID names the target
// collection, so that Temporal itself sees to it that no two jobs write into one collection.
//
// Rows never pass through a workflow: ranges, cursors, counts and sums do.
package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"milvusdm/activities"
	"milvusdm/internal/export"
)

// acts names the activities' methods; it is never called.
var acts *activities.Activities

// HDF5ToMilvus copies HDF5 files into a Milvus collection.
func HDF5ToMilvus(ctx workflow.Context, in Input) (*Result, error) { return runJob(ctx, in) }

// FaissToMilvus copies Faiss index files into a Milvus collection.
func FaissToMilvus(ctx workflow.Context, in Input) (*Result, error) { return runJob(ctx, in) }

// MilvusToMilvus copies collections of one Milvus server into another, or into the same under other names.
func MilvusToMilvus(ctx workflow.Context, in Input) (*Result, error) { return runJob(ctx, in) }

// MilvusToHDF5 exports collections of a Milvus server into a directory of HDF5 files.
func MilvusToHDF5(ctx workflow.Context, in Input) (*Result, error) { return runJob(ctx, in) }

// PlanJob is the dry run of any direction: it reads metadata and writes nothing. It answers a plan for each part of the job.
func PlanJob(ctx workflow.Context, in Input) ([]activities.Plan, error) {
	if t := in.Job.Target.HDF5; t != nil && t.Run == "" {
		target := *t
		target.Run = export.RunName(workflow.Now(ctx), time.Time{}, 0) // as if the job began now
		in.Job.Target.HDF5 = &target
	}
	ref := activities.Ref{Job: in.Job, Owner: WorkflowID(&in.Job), Stage: "plan"}
	if err := fixRun(ctx, ref, &ref.Job.Source); err != nil {
		return nil, failure(err, nil)
	}
	parts, left, err := listParts(ctx, ref)
	if err != nil {
		return nil, failure(err, nil)
	}
	r := &jobRun{Input: in, owner: ref.Owner, stage: ref.Stage}
	var plans []activities.Plan
	for _, p := range parts {
		ref.Job = p.job
		var plan activities.Plan
		p.err = workflow.ExecuteActivity(brief(ctx, &p.job, "read metadata"), acts.ReadMetadata, ref).Get(ctx, &plan)
		switch {
		case r.gone(ctx, p):
			left = append(left, *p.left)
		case p.err != nil:
			return nil, failure(p.err, nil)
		default:
			plans = append(plans, plan)
		}
	}
	if len(plans) == 0 {
		return nil, failure(allGone(left), nil)
	}
	plans[0].Notes = append(plans[0].Notes, leftNotes(left)...)
	return plans, nil
}
