package activities

import (
	"context"

	"go.temporal.io/sdk/activity"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// PlacementInput names rows of a server whose placement is checked.
type PlacementInput struct {
	Ref
	Rows job.Source `json:"rows"`
	// Identity is what the rows' collection is known by since it was described, "" where it was not.
	Identity string `json:"identity,omitempty"`
}

// FindMisplaced finds the rows that queries for their partition key do not find. A retry resumes from the last
// heartbeat.
func (a *Activities) FindMisplaced(ctx context.Context, in PlacementInput) (transfer.Placement, error) {
	var found transfer.Placement
	var last Heartbeat
	if activity.HasHeartbeatDetails(ctx) && activity.GetHeartbeatDetails(ctx, &last) == nil && last.Placement != nil {
		found = *last.Placement
	}
	sides := Sides{Ref: in.Ref, Right: in.Rows}
	pulse, stop := startPulse(ctx, &in.Job, sides.patience(), transfer.Checkpoint{}, transfer.Checkpoint{})
	defer stop()
	pulse.placed(found)
	src, err := a.open(ctx, &in.Rows, pulse)
	if fault.KindOf(err) == fault.NotFound {
		err = fault.New(fault.SourceChanged, "the collection was dropped before its partitions were checked: %w", err)
	}
	if err != nil {
		return found, pulse.end(err)
	}
	defer src.Close()
	if in.Identity != "" {
		now, err := identityOf(ctx, src)
		if err == nil && now != in.Identity {
			err = fault.New(fault.SourceChanged, "the collection changed before its partitions were checked; run again")
		}
		if err != nil {
			return found, pulse.end(err)
		}
	}
	placer, ok := src.(transfer.Placer)
	if !ok {
		return found, pulse.end(fault.New(fault.Internal, "rows of a file have no partition key"))
	}
	found, err = placer.FindMisplaced(ctx, found, pulse.placed)
	return found, pulse.end(err)
}

// placed records how far a search for misplaced rows is.
func (p *pulse) placed(found transfer.Placement) {
	p.mu.Lock()
	p.beat.Placement = &found
	p.mu.Unlock()
	p.alive()
}

// countStanding counts the rows that have one of the batch's keys: where in.Placed is set, those that queries for the
// batch's values of the partition key find.
func countStanding(ctx context.Context, sink transfer.Sink, in *RangeInput, b *rows.Batch,
	keys *rows.Keys) (int64, error) {
	if !in.Placed {
		return sink.CountKeys(ctx, &in.Target, keys, in.Range.Partition)
	}
	counter, ok := sink.(transfer.PlacedCounter)
	if !ok {
		return 0, fault.New(fault.Internal, "the target has no partition key")
	}
	return counter.CountPlaced(ctx, &in.Target, b)
}
