// Package activities holds what the workflows have done by a worker: read metadata, plan ranges, make collections and
// partitions, copy ranges in fixed-size batches, index, load, count, repair, publish. Each is thin: it opens a source or a
// sink, calls it, and tells Temporal how it goes.
//
// Every activity may be run again at any point; what it did before then still stands or is done again without harm.
package activities

import (
	"context"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/transfer"
)

// Activities are the activities, and how they reach the connectors, of which they know none.
type Activities struct {
	// OpenSource opens the source that a job names.
	OpenSource func(ctx context.Context, s *job.Source) (transfer.Source, error)
	// ListCollections resolves the collections that a source names, such as '*', into those that are there. left are those of a
	// pattern that have been dropped meanwhile.
	ListCollections func(ctx context.Context, s *job.Source) (found []job.Collection, left []transfer.Left, err error)
	// ChooseRun fixes the run of an export that a job names: see job.ExportSource.Seal.
	ChooseRun func(*job.ExportSource) (*job.ExportSource, error)
	// OpenSink connects to the target that a job names, on behalf of owner and stage (see Ref).
	OpenSink func(ctx context.Context, j *job.Job, owner, stage string) (transfer.Sink, error)
	// Allowed refuses a job that names what this worker lets no job use. Sources and sinks are refused by the functions above.
	Allowed func(*job.Job) error
	// ReportDir is where the reports of finished jobs are written.
	ReportDir string
	// Host is the worker's, as it listens on (see workflows.HostQueue).
	Host string
	// Version is the program's, for reports.
	Version string
}

// open opens a source, saying which server is waited for, and what it waits for later.
func (a *Activities) open(ctx context.Context, s *job.Source, p *pulse) (transfer.Source, error) {
	if s.Milvus != nil {
		p.connecting("Milvus at " + s.Milvus.Address)
	}
	src, err := a.OpenSource(transfer.Reporting(ctx, p.waiting), s)
	if err != nil {
		return nil, err
	}
	if w, ok := src.(transfer.Waiter); ok {
		w.OnWait(p.waiting)
	}
	p.settled()
	return src, nil
}

// withSource opens the job's source for the time of f and checks that it still is what was planned.
func (a *Activities) withSource(ctx context.Context, ref *Ref, p *pulse, identity string, f func(transfer.Source) error) error {
	src, err := a.open(ctx, &ref.Job.Source, p)
	if err != nil {
		return a.missing(ref, err)
	}
	defer src.Close()
	now, err := identityOf(ctx, src)
	if err != nil {
		return a.missing(ref, err)
	}
	p.alive()
	if now != identity {
		return a.otherHost(ref, fault.New(fault.SourceChanged, "the source changed since the job was planned; run the job again"))
	}
	return f(src)
}

// otherHost adds to an error of files that this worker is on another machine than the one that planned the job, where that may be
// why.
func (a *Activities) otherHost(ref *Ref, err error) error {
	onServers := ref.Job.Source.Milvus != nil && ref.Job.Target.HDF5 == nil
	if err == nil || onServers || ref.PlannedOn == "" || ref.PlannedOn == a.Host {
		return err
	}
	return fault.Wrap(fault.Internal, err, "host %s has other files than host %s, which planned the job: put the same files on both, "+
		"or name the machine that has them by the key host", a.Host, ref.PlannedOn)
}

func identityOf(ctx context.Context, src transfer.Source) (string, error) {
	if i, ok := src.(transfer.Identifier); ok {
		return i.Identity(), nil
	}
	d, err := src.Describe(ctx)
	if err != nil {
		return "", err
	}
	return d.Identity, nil
}

// missing is the error of a source that was there when the job was planned.
func (a *Activities) missing(ref *Ref, err error) error {
	switch err = gone(err); fault.KindOf(err) {
	case fault.SourceChanged, fault.Denied, fault.Corrupt:
		return a.otherHost(ref, err)
	}
	return err
}

// gone: what was there when the job was planned and is not any more has been changed.
func gone(err error) error {
	if fault.KindOf(err) == fault.NotFound {
		return fault.New(fault.SourceChanged, "the source is gone since the job was planned: %w", err)
	}
	return err
}

// withSink connects to the job's target for the time of f.
func (a *Activities) withSink(ctx context.Context, ref *Ref, p *pulse, f func(transfer.Sink) error) error {
	if t := ref.Job.Target.Milvus; t != nil {
		p.connecting("Milvus at " + t.Address)
	}
	sink, err := a.OpenSink(ctx, &ref.Job, ref.Owner, ref.Stage)
	if err != nil {
		return err
	}
	defer sink.Close()
	if w, ok := sink.(transfer.Waiter); ok {
		w.OnWait(p.answered) // a server that asks to wait is not away
	}
	p.settled()
	err = f(sink)
	if ref.Job.Target.HDF5 != nil && fault.KindOf(err) == fault.NotFound {
		return a.otherHost(ref, err)
	}
	return err
}
