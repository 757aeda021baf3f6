package activities

import (
	"cmp"
	"context"
	"math"
	"time"

	"go.temporal.io/sdk/activity"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// targetPatience is how long it may take to connect to the target.
func targetPatience(ref *Ref) time.Duration {
	if t := ref.Job.Target.Milvus; t != nil {
		return t.ConnectTimeout
	}
	return 0
}

// stepPatience is how long a single call of a finalizing step may take without a word.
const stepPatience = 2 * time.Minute

// PrepareTarget makes the collection and the partition that rows are written into.
func (a *Activities) PrepareTarget(ctx context.Context, in PrepareInput) (*transfer.Target, error) {
	pulse, stop := startPulse(ctx, &in.Job, stepPatience, transfer.Checkpoint{}, transfer.Checkpoint{})
	defer stop()
	var t *transfer.Target
	err := a.withSink(ctx, &in.Ref, pulse, func(sink transfer.Sink) (err error) {
		t, err = sink.Prepare(ctx, &in.Plan)
		return err
	})
	return t, pulse.end(err)
}

// AdoptTarget checks that the target of an earlier run still stands and is ours, and returns it as it is now.
func (a *Activities) AdoptTarget(ctx context.Context, in TargetInput) (*transfer.Target, error) {
	var t *transfer.Target
	err := a.onTarget(ctx, &in, func(sink transfer.Sink, _ *pulse) (err error) {
		t, err = sink.Adopt(ctx, &in.Target)
		return err
	})
	return t, err
}

// FlushTarget has the target make durable what was written, and returns the epoch under which it did.
func (a *Activities) FlushTarget(ctx context.Context, in TargetInput) (transfer.Epoch, error) {
	var epoch transfer.Epoch
	err := a.onTarget(ctx, &in, func(sink transfer.Sink, p *pulse) (err error) {
		epoch, err = sink.Flush(ctx, &in.Target, p.answered)
		return err
	})
	return epoch, err
}

// FinalizeTarget does one finalizing step: index, load.
func (a *Activities) FinalizeTarget(ctx context.Context, in TargetInput) (transfer.Outcome, error) {
	var out transfer.Outcome
	err := a.onTarget(ctx, &in, func(sink transfer.Sink, p *pulse) (err error) {
		out, err = sink.Finalize(ctx, &in.Target, in.Step, p.answered)
		return err
	})
	return out, err
}

// CountTarget counts the rows of the target.
func (a *Activities) CountTarget(ctx context.Context, in TargetInput) (int64, error) {
	var n int64
	err := a.onTarget(ctx, &in, func(sink transfer.Sink, _ *pulse) (err error) {
		n, err = sink.Count(ctx, &in.Target)
		return err
	})
	return n, err
}

// CountRepeated counts the rows of the target beyond one for each primary key, by reading all keys.
func (a *Activities) CountRepeated(ctx context.Context, in TargetInput) (int64, error) {
	pulse, stop := startPulse(ctx, &in.Job, stepPatience, transfer.Checkpoint{}, transfer.Checkpoint{})
	defer stop()
	src, err := a.open(ctx, &job.Source{Milvus: &job.MilvusSource{MilvusServer: in.Job.Target.Milvus.MilvusServer,
		Collections: []job.Collection{{Name: in.Target.Name}}}}, pulse)
	if err != nil {
		return 0, pulse.end(err)
	}
	defer src.Close()
	ranges, err := src.Plan(ctx, math.MaxInt64, pulse.waiting)
	var repeated int64
	for _, r := range ranges {
		repeated += r.Repeated
	}
	return repeated, pulse.end(err)
}

// PublishTarget puts the target in its final place.
func (a *Activities) PublishTarget(ctx context.Context, in TargetInput) error {
	return a.onTarget(ctx, &in, func(sink transfer.Sink, _ *pulse) error { return sink.Publish(ctx, &in.Target) })
}

// DiscardTarget drops what the job made and did not publish.
func (a *Activities) DiscardTarget(ctx context.Context, in TargetInput) error {
	return a.onTarget(ctx, &in, func(sink transfer.Sink, _ *pulse) error { return sink.Discard(ctx, &in.Target) })
}

func (a *Activities) onTarget(ctx context.Context, in *TargetInput, f func(transfer.Sink, *pulse) error) error {
	pulse, stop := startPulse(ctx, &in.Job, stepPatience, transfer.Checkpoint{}, transfer.Checkpoint{})
	defer stop()
	return pulse.end(a.withSink(ctx, &in.Ref, pulse, func(sink transfer.Sink) error { return f(sink, pulse) }))
}

// CheckExisting refuses keys of the range that stand where they would be in the way: anywhere in the collection, or, where
// those in the rows' own partition are replaced or kept, in another partition, which an upsert does not see.
func (a *Activities) CheckExisting(ctx context.Context, in RangeInput) error {
	pulse, stop := startPulse(ctx, &in.Job, stepPatience, transfer.Checkpoint{}, transfer.Checkpoint{})
	defer stop()
	return pulse.end(a.withSink(ctx, &in.Ref, pulse, func(sink transfer.Sink) error {
		return a.eachBatch(ctx, &in, pulse, func(b *rows.Batch) error {
			keys, err := keysOf(b, &in.Target)
			if err != nil {
				return err
			}
			n, err := sink.CountKeys(ctx, &in.Target, keys, "")
			if err != nil || n == 0 {
				return err
			}
			plan := &in.Target.Plan
			own := int64(0)
			if plan.Action == transfer.ActionRefill || plan.Action == transfer.ActionAppend && plan.OnExisting != "fail" {
				if own, err = sink.CountKeys(ctx, &in.Target, keys, rowsPartition(&in)); err != nil || own == n {
					return err
				}
				return fault.New(fault.Conflict, "%d of the %d keys from %s onward are in other partitions of %s; delete them there, or write into those partitions",
					n-own, keys.Len(), b.Place(0), plan.Collection)
			}
			return existing(&in, n, keys.Len(), b)
		})
	}))
}

// existing is the error of keys that stand in the target already.
func existing(in *RangeInput, n int64, keys int, b *rows.Batch) error {
	plan := &in.Target.Plan
	if plan.RowNumbers {
		return fault.New(fault.Conflict, "%d of the %d keys from %s onward are in %s already: the source has no keys, and its rows are numbered; "+
			"if they are other rows than those, write %s: auto to number them behind (each run then appends the file once more)", n, keys, b.Place(0), plan.Place, keyOffset(&in.Job))
	}
	if f := plan.Schema.PartitionKey(); f != nil {
		return fault.New(fault.Conflict, "%d of the %d keys from %s onward are in %s already, perhaps with other values of the partition key %q: "+
			"a key has one row there. Write into another collection to keep both rows, or %s: replace or keep to have one of them",
			n, keys, b.Place(0), plan.Place, f.GetName(), in.Job.Key("copy.on_existing"))
	}
	return fault.New(fault.Conflict, "%d of the %d keys from %s onward are in %s already; write %s: replace or keep, or %s: overwrite",
		n, keys, b.Place(0), plan.Place, in.Job.Key("copy.on_existing"), in.Job.Key("target.milvus.mode"))
}

// CheckRange counts the keys of the range in the target, batch by batch, and writes again those batches that do not stand
// exactly once: an upsert leaves one row of each key.
func (a *Activities) CheckRange(ctx context.Context, in RangeInput) (*CheckResult, error) {
	pulse, stop := startPulse(ctx, &in.Job, stepPatience, transfer.Checkpoint{}, transfer.Checkpoint{})
	defer stop()
	out := &CheckResult{Lost: activity.GetInfo(ctx).Attempt > 1}
	err := a.withSink(ctx, &in.Ref, pulse, func(sink transfer.Sink) error {
		w, err := sink.Open(ctx, &in.Target, in.Range.Partition, false, pulse.waiting)
		if err != nil {
			return err
		}
		defer w.Close()
		return a.eachBatch(ctx, &in, pulse, func(b *rows.Batch) error {
			keys, err := keysOf(b, &in.Target)
			if err != nil {
				return err
			}
			n, err := countStanding(ctx, sink, &in, b, keys)
			if err == nil {
				pulse.answered("counting by key")
			}
			if err != nil || n == int64(keys.Len()) || in.Doubled && n < int64(keys.Len()) {
				return err
			}
			out.Wrong += int64(b.Rows)
			if err := dropExisting(ctx, sink, &in.Target, b); err != nil || b.Rows == 0 {
				return err
			}
			return guarded{w, pulse}.Write(ctx, b)
		})
	})
	return out, pulse.end(err)
}

// dropExisting leaves out the rows whose keys stand in the target, where the job keeps those.
func dropExisting(ctx context.Context, sink transfer.Sink, t *transfer.Target, b *rows.Batch) error {
	if t.Fresh || t.Plan.OnExisting != "keep" {
		return nil
	}
	keys, err := keysOf(b, t)
	if err != nil {
		return err
	}
	there, err := sink.ExistingKeys(ctx, t, keys)
	if err != nil {
		return err
	}
	return b.Keep(func(i int) bool { return !there.Has(keys, i) })
}

// keysOf returns a batch's primary keys.
func keysOf(b *rows.Batch, t *transfer.Target) (*rows.Keys, error) {
	keys, err := rows.KeysOf(b, t.Plan.Schema.PrimaryKey().GetName())
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "find the primary keys")
	}
	return keys, nil
}

// rowsPartition is the one partition that the range's rows go to.
func rowsPartition(in *RangeInput) string {
	return cmp.Or(in.Range.Partition, in.Target.Plan.Partition, "_default")
}
