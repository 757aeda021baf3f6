// Package hdf5run writes the run directories of exports, and reads them: what the files hold is package hdf5's, where they
// lie and when they count is package export's.
package hdf5run

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"milvusdm/internal/export"
	"milvusdm/internal/fault"
	"milvusdm/internal/hdf5"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// sink is one collection of a run's directory.
type sink struct {
	job.HDF5Target
	collection, jobName, stage string
}

var _ transfer.PartSink = (*sink)(nil)

// OpenSink makes a sink for a collection. job and stage are those by which a run's directory is known as the job's own.
func OpenSink(t *job.HDF5Target, collection, jobName, stage string) (transfer.Sink, error) {
	if t.Run == "" {
		return nil, fault.New(fault.Internal, "an export without a run")
	}
	return &sink{*t, collection, jobName, stage}, nil
}

func (s *sink) Close() error { return nil }

func (s *sink) Inspect(_ context.Context, from *transfer.Description) (*transfer.TargetPlan, error) {
	if err := export.Look(s.Directory, s.Run, s.stage); err != nil {
		return nil, err
	}
	if err := hdf5.Writable(from.Schema); err != nil {
		return nil, fault.Wrap(fault.Unsupported, err, "write collection %s as HDF5", s.collection)
	}
	place := filepath.Join(s.Directory, s.Run, s.collection)
	plan := &transfer.TargetPlan{Action: transfer.ActionCreate, Place: place, LockID: "target/" + place, Collection: s.collection,
		Partitions: from.Partitions, Settings: from.Settings, Schema: from.Schema, Index: transfer.Index{Metric: from.Metric},
		WholeRanges: true, RangeRows: s.rangeRows(from)}
	free, err := export.Free(s.Directory)
	if err != nil {
		return nil, err
	}
	plan.Server = "HDF5 files"
	if free == export.Unknown {
		return plan, nil
	}
	if s.Compression != job.Gzip && free < from.Bytes {
		return nil, fault.New(fault.Config, "target.hdf5.directory: %s has %.1f MB of free space, and the rows take about %.1f MB",
			s.Directory, megabytes(free), megabytes(from.Bytes))
	}
	plan.Server += fmt.Sprintf(", %.1f MB of free space", megabytes(free))
	return plan, nil
}

func megabytes(n int64) float64 { return float64(n) / 1e6 }

// rangeRows is how many rows a file has: all of a partition, unless the job splits.
func (s *sink) rangeRows(from *transfer.Description) int64 {
	n := int64(math.MaxInt64)
	if s.SplitRows > 0 {
		n = s.SplitRows
	}
	if s.SplitBytes > 0 && from.Rows > 0 {
		n = min(n, max(s.SplitBytes/max(from.Bytes/from.Rows, 1), 1))
	}
	return n
}

func (s *sink) Prepare(_ context.Context, plan *transfer.TargetPlan) (*transfer.Target, error) {
	run, err := export.Prepare(s.Directory, export.Manifest{Run: s.Run, Job: s.jobName, Stage: s.stage, Schedule: s.Schedule,
		Workflow: s.Workflow, Started: time.Now().UTC()}, export.Readers(s.ReadableBy))
	if err != nil {
		return nil, err
	}
	return &transfer.Target{Plan: *plan, Name: s.collection}, run.Close()
}

func (s *sink) Adopt(_ context.Context, t *transfer.Target) (*transfer.Target, error) {
	run, err := export.Open(s.Directory, s.Run, s.stage)
	if err != nil {
		return nil, err
	}
	return t, run.Close()
}

// OpenPart begins a file.
func (s *sink) OpenPart(ctx context.Context, t *transfer.Target, r rows.Range, attempt string, report func(string)) (transfer.PartWriter, *transfer.Part, error) {
	run, err := export.Open(s.Directory, s.Run, s.stage)
	if err != nil {
		return nil, nil, err
	}
	name := export.PartName{Collection: s.collection, Partition: r.Partition, Number: r.Number}
	seen := func(done, total int64) { report(fmt.Sprintf("reading %v: %d of %d MB", name, done>>20, total>>20)) }
	draft, done, err := run.Draft(ctx, name, attempt, seen)
	if err != nil || done != nil {
		return nil, done, errors.Join(err, run.Close())
	}
	d := &transfer.Description{Schema: t.Plan.Schema, Settings: t.Plan.Settings, Metric: t.Plan.Index.Metric}
	w, err := hdf5.CreatePart(draft.Path, d, hdf5.WriteOptions{Collection: s.collection, Partition: r.Partition,
		Compression: string(s.Compression), Level: s.Level, Shuffle: s.Shuffle, Fletcher32: s.Fletcher32})
	if err != nil {
		return nil, nil, errors.Join(export.Explain(err, "export"), draft.Drop(), run.Close())
	}
	return &part{writer: w, run: run, draft: draft, report: report}, nil, nil
}

// part is a file that is being written.
type part struct {
	writer *hdf5.PartWriter
	run    *export.Run
	draft  *export.Draft
	report func(string)
	ahead  syncAhead
}

// Write appends the batch. It is durable once the part is finished.
func (p *part) Write(ctx context.Context, b *rows.Batch) error {
	if ctx.Err() != nil {
		return transfer.ErrNotSent
	}
	err := p.writer.Append(context.WithoutCancel(ctx), b)
	if err == nil {
		err = p.ahead.wrote(p.draft.Path, p.writer.Bytes())
	}
	return export.Explain(err, "export")
}

func (p *part) Finish(ctx context.Context, sum rows.Sum) (*transfer.Part, error) {
	err := p.writer.Close()
	if err = errors.Join(err, p.ahead.wait()); err != nil {
		return nil, export.Explain(err, "export")
	}
	return p.draft.Publish(ctx, p.writer.Rows(), sum, func(done, total int64) {
		p.report(fmt.Sprintf("taking the checksum: %d of %d MB", done>>20, total>>20))
	})
}

func (p *part) Close() error {
	p.writer.Abandon()
	_ = p.ahead.wait() // what became of a file that is dropped is no matter, and of one that is finished is known
	return errors.Join(p.draft.Drop(), p.run.Close())
}

// Count counts the rows that stand in the files.
func (s *sink) Count(ctx context.Context, t *transfer.Target) (int64, error) {
	var total int64
	for _, p := range t.Parts {
		path := filepath.Join(s.Directory, s.Run, filepath.FromSlash(p.Path))
		info, err := os.Stat(path)
		if err != nil {
			return 0, fault.Wrap(fault.NotFound, err, "look at a part")
		}
		if info.Size() != p.Bytes {
			return 0, fault.New(fault.Corrupt, "%s has %d bytes, and %d were written", path, info.Size(), p.Bytes)
		}
		src, err := hdf5.Open(ctx, &job.HDF5Source{Files: job.Files{Paths: []string{path}}, Layout: job.LayoutAuto})
		if err != nil {
			return 0, err
		}
		d, err := src.Describe(ctx)
		if err = errors.Join(err, src.Close()); err != nil {
			return 0, err
		}
		total += d.Rows
	}
	return total, nil
}

// A run is put in its place as a whole, by its manifest, and discarded as a whole.

func (s *sink) Publish(context.Context, *transfer.Target) error { return nil }
func (s *sink) Discard(context.Context, *transfer.Target) error { return nil }

var errFiles = fault.New(fault.Internal, "files have no rows that stand there before, and no steps")

func (s *sink) Open(context.Context, *transfer.Target, string, bool, func(string)) (transfer.Writer, error) {
	return nil, errFiles
}

// Epoch is none: a file that has its name is durable.
func (s *sink) Epoch(context.Context) (transfer.Epoch, error) { return nil, nil }

func (s *sink) Flush(context.Context, *transfer.Target, func(string)) (transfer.Epoch, error) {
	return nil, nil
}

func (s *sink) Finalize(context.Context, *transfer.Target, string, func(string)) (transfer.Outcome, error) {
	return transfer.Outcome{}, errFiles
}

func (s *sink) CountKeys(context.Context, *transfer.Target, *rows.Keys, string) (int64, error) {
	return 0, errFiles
}

func (s *sink) ExistingKeys(context.Context, *transfer.Target, *rows.Keys) (rows.KeySet, error) {
	return rows.KeySet{}, errFiles
}
