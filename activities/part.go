package activities

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"

	"milvusdm/internal/fault"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// partPatience is how long it may take to sync a part, or to read one that is there.
const partPatience = 10 * time.Minute

// copyPart writes a range whole: an attempt begins at its beginning, and what one that ended early wrote is dropped.
func (a *Activities) copyPart(ctx context.Context, in *RangeInput) (*CopyResult, error) {
	info := activity.GetInfo(ctx)
	pulse, stop := startPulse(ctx, &in.Job, partPatience+sourcePatience(&in.Ref), transfer.Checkpoint{}, transfer.Checkpoint{})
	defer stop()
	out := &CopyResult{Lost: int(info.Attempt) - 1}
	// a range that was drained by a pause is begun again by another activity, whose attempts count from 1
	attempt := fmt.Sprintf("%.8s-%.16s-%d", strings.ReplaceAll(info.WorkflowExecution.RunID, "-", ""), info.ActivityID, info.Attempt)
	err := a.withSource(ctx, &in.Ref, pulse, in.Identity, func(src transfer.Source) error {
		return a.withSink(ctx, &in.Ref, pulse, func(sink transfer.Sink) error {
			parts, ok := sink.(transfer.PartSink)
			if !ok {
				return fault.New(fault.Internal, "the target wants whole ranges and takes none")
			}
			w, done, err := parts.OpenPart(ctx, &in.Target, in.Range, attempt, pulse.waiting)
			if err != nil {
				return err
			}
			if done != nil { // the answer of the attempt that wrote it was lost
				out.Part, out.Done = done, true
				out.Reached = transfer.Checkpoint{Rows: done.Rows, Bytes: done.Bytes, Sum: done.Sum}
				return nil
			}
			defer w.Close()
			return out.write(ctx, src, w, in, pulse)
		})
	})
	if rest := resting(ctx); rest != nil && !out.Done {
		return nil, rest
	}
	return out, pulse.end(err, out)
}

// write copies the whole range and puts the part in its place.
func (r *CopyResult) write(ctx context.Context, src transfer.Source, w transfer.PartWriter, in *RangeInput, p *pulse) error {
	reader, err := openRange(ctx, src, in)
	if err != nil {
		return err
	}
	defer reader.Close()
	c := transfer.Copier{Reader: reader, Writer: guarded{w, p}, Writers: 1, Range: in.Range, Record: p.reached, Stop: activity.GetWorkerStopChannel(ctx)}
	reached, done, err := c.Run(ctx, transfer.Checkpoint{})
	if err != nil || !done {
		return err
	}
	p.waiting("syncing the file to disk")
	if r.Part, err = w.Finish(ctx, reached.Sum); err != nil {
		return err
	}
	// another attempt may have been faster: then its part counts
	reached.Sum, reached.Rows = r.Part.Sum, r.Part.Rows
	r.Reached, r.Done = reached, true
	return nil
}

// openRange reads a range from its beginning.
func openRange(ctx context.Context, src transfer.Source, in *RangeInput) (transfer.Reader, error) {
	if in.Range.Empty {
		return noRows{}, nil
	}
	return src.Open(ctx, in.Range, rows.Cursor{}, batchLimit(&in.Ref))
}

// noRows reads an empty range.
type noRows struct{}

func (noRows) Next(context.Context) (*rows.Batch, error) { return nil, io.EOF }
func (noRows) Close() error                              { return nil }
