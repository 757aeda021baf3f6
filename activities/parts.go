package activities

import (
	"context"
	"time"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/transfer"
)

// maxParts bounds what a job's workflow has to remember.
const maxParts = 500

// ListParts resolves the collections that a job names into those that are there, one by one, and each partition that was
// chosen into a choice of its own, where the target is a server.
func (a *Activities) ListParts(ctx context.Context, ref Ref) (*Parts, error) {
	pulse, stop := startPulse(ctx, &ref.Job, sourcePatience(&ref), transfer.Checkpoint{}, transfer.Checkpoint{})
	defer stop()
	chosen, left, err := a.ListCollections(ctx, &ref.Job.Source)
	if err != nil {
		return nil, pulse.end(err)
	}
	var parts []job.Collection
	from := map[string]string{}
	for _, c := range chosen {
		if other, ok := from[c.Target()]; ok && other != c.Name {
			return nil, pulse.end(fault.New(fault.Config, "collections %s and %s would both become %s in the target; give one of them another name with `as`", other, c.Name, c.Target()))
		}
		from[c.Target()] = c.Name
		if ref.Job.Target.HDF5 != nil { // whose partitions are files apart anyway
			parts = append(parts, c)
		} else {
			parts = append(parts, c.Split()...)
		}
	}
	switch {
	case len(parts) == 0 && len(left) == 0:
		return nil, pulse.end(fault.New(fault.NotFound, "the source has no collection to copy"))
	case len(parts) > maxParts:
		return nil, pulse.end(fault.New(fault.Unsupported, "the job names %d collections and partitions, more than %d; split it into several", len(parts), maxParts))
	}
	return &Parts{parts, left}, nil
}

// CheckSource compares what the job will read with its checksums, where there are any.
func (a *Activities) CheckSource(ctx context.Context, ref Ref) error {
	pulse, stop := startPulse(ctx, &ref.Job, sourcePatience(&ref), transfer.Checkpoint{}, transfer.Checkpoint{})
	defer stop()
	src, err := a.open(ctx, &ref.Job.Source, pulse)
	if err != nil {
		return pulse.end(err)
	}
	defer src.Close()
	if c, ok := src.(transfer.Checker); ok {
		return pulse.end(c.Check(ctx, pulse.waiting))
	}
	return nil
}

// sourcePatience is how long a call that opens the source may take without a word.
func sourcePatience(ref *Ref) time.Duration {
	if s := ref.Job.Source.Milvus; s != nil {
		return s.ConnectTimeout + time.Minute
	}
	return time.Minute
}
