package activities

import (
	"context"
	"errors"
	"fmt"
	"io"

	"go.temporal.io/sdk/activity"

	"milvusdm/internal/fault"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// CopyRange copies a range from a checkpoint on, in fixed-size batches. It ends early when the worker stops, the workflow
// cancels it, or its time has lapsed: then what it answers covers all that it sent. A retry goes on from the last heartbeat,
// and upserts, since how far the lost attempt came is unknown. If the target's server was restarted since the checkpoint, the
// range begins again, by upserts: rows that were acknowledged and not flushed may be lost.
func (a *Activities) CopyRange(ctx context.Context, in RangeInput) (*CopyResult, error) {
	if in.Target.Plan.WholeRanges {
		return a.copyPart(ctx, &in)
	}
	info := activity.GetInfo(ctx)
	from, insert := in.From, in.Insert && info.Attempt == 1
	if activity.HasHeartbeatDetails(ctx) {
		var last Heartbeat
		if err := activity.GetHeartbeatDetails(ctx, &last); err != nil {
			return nil, fault.ToTemporal(fault.New(fault.Internal, "read the last heartbeat: %w", err))
		}
		from, insert = last.Reached, false
	}
	pulse, stop := startPulse(ctx, &in.Job, in.Job.Copy.WriteTimeout+sourcePatience(&in.Ref)+targetPatience(&in.Ref), in.From, from)
	defer stop()
	out := &CopyResult{Reached: from, Lost: int(info.Attempt) - 1}
	begun := false
	err := a.withSource(ctx, &in.Ref, pulse, in.Identity, func(src transfer.Source) error {
		return a.withSink(ctx, &in.Ref, pulse, func(sink transfer.Sink) error {
			epoch, err := sink.Epoch(ctx)
			if err != nil {
				return err
			}
			if from, out.Restarted = from.Standing(epoch); out.Restarted {
				insert = false
			}
			out.Reached = from
			reader, err := src.Open(ctx, in.Range, from.Cursor, batchLimit(&in.Ref))
			if err != nil {
				return err
			}
			defer reader.Close()
			w, err := sink.Open(ctx, &in.Target, in.Range.Partition, insert, pulse.waiting)
			if err != nil {
				return err
			}
			defer w.Close()
			c := transfer.Copier{Reader: reader, Writer: guarded{w, pulse}, Writers: in.Job.Copy.Writers, Range: in.Range,
				Written: in.Written, Record: pulse.reached, Stop: activity.GetWorkerStopChannel(ctx)}
			c.Check = func(b *rows.Batch) error {
				if err := in.check(b); err != nil {
					return err
				}
				return dropExisting(ctx, sink, &in.Target, b)
			}
			begun = true
			out.Reached, out.Done, err = c.Run(ctx, from)
			out.Ahead = c.Ahead
			return err
		})
	})
	if rest := resting(ctx); rest != nil && !out.Done {
		return nil, rest
	}
	if err != nil && ctx.Err() != nil && !begun {
		return out, nil // cancelled before anything was sent
	}
	return out, pulse.end(err, out)
}

func batchLimit(ref *Ref) transfer.BatchLimit {
	return transfer.BatchLimit{Rows: ref.Job.Copy.BatchRows, Bytes: ref.Job.Copy.BatchBytes}
}

// ScanRange reads and checks a range without writing it.
func (a *Activities) ScanRange(ctx context.Context, in RangeInput) error {
	pulse, stop := startPulse(ctx, &in.Job, in.Job.Copy.WriteTimeout+sourcePatience(&in.Ref), transfer.Checkpoint{}, transfer.Checkpoint{})
	defer stop()
	return pulse.end(a.eachBatch(ctx, &in, pulse, in.check))
}

// check refuses values that the target does not take.
func (in *RangeInput) check(b *rows.Batch) error {
	if !in.Job.Copy.AllowNaN && in.Job.Source.Milvus == nil { // a server took them before
		if err := rows.CheckFinite(b); err != nil {
			return err
		}
	}
	plan := &in.Target.Plan
	if plan.WholeRanges {
		return nil // a file holds them
	}
	widen := ""
	switch made := plan.StagingName != ""; {
	case made && in.Job.Source.Milvus != nil:
		widen = in.Job.Key("source.milvus.collections.max_length")
	case made && in.Job.Source.Export != nil:
		widen = in.Job.Key("source.export.collections.max_length")
	}
	return rows.CheckLengths(b, plan.Schema, widen)
}

// eachBatch reads a range from its beginning, superseded rows left out.
func (a *Activities) eachBatch(ctx context.Context, in *RangeInput, pulse *pulse, f func(*rows.Batch) error) error {
	return a.withSource(ctx, &in.Ref, pulse, in.Identity, func(src transfer.Source) error {
		reader, err := openRange(ctx, src, in)
		if err != nil {
			return err
		}
		defer reader.Close()
		skip, err := in.Range.Skip.Rows(in.Range.Rows)
		if err != nil {
			return err
		}
		for {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			b, err := reader.Next(ctx)
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			first := b.First - in.Range.From.Int
			if err := b.Keep(func(i int) bool { return len(in.Range.Skip) == 0 || !skip(first+int64(i)) }); err != nil {
				return err
			}
			pulse.waiting(fmt.Sprintf("checked up to %v", b.After))
			if b.Rows == 0 {
				continue
			}
			if err := f(b); err != nil {
				return err
			}
		}
	})
}
