package main

import (
	"context"

	"milvusdm/internal/faiss"
	"milvusdm/internal/fault"
	"milvusdm/internal/hdf5"
	"milvusdm/internal/hdf5run"
	"milvusdm/internal/job"
	"milvusdm/internal/milvus"
	"milvusdm/internal/milvus1"
	"milvusdm/internal/transfer"
)

// openSource knows the kinds of sources: a new one is one more case.
func openSource(ctx context.Context, s *job.Source) (transfer.Source, error) {
	switch s := s.Kind().(type) {
	case *job.HDF5Source:
		return hdf5.Open(ctx, s)
	case *job.FaissSource:
		return faiss.Open(ctx, s, helper())
	case *job.MilvusSource:
		return milvus.OpenSource(ctx, s)
	case *job.Milvus1Source:
		return milvus1.Open(ctx, s)
	case *job.ExportSource:
		return hdf5run.OpenSource(ctx, s)
	}
	return nil, errUnknown("source")
}

// listCollections resolves what a source of several collections names.
func listCollections(ctx context.Context, s *job.Source) (found []job.Collection, left []transfer.Left, err error) {
	switch s := s.Kind().(type) {
	case *job.MilvusSource:
		return milvus.List(ctx, *s)
	case *job.Milvus1Source:
		found, err = milvus1.List(ctx, s)
	case *job.ExportSource:
		found, err = hdf5run.List(s)
	default:
		err = errUnknown("source")
	}
	return found, nil, err
}

// openSink knows the kinds of targets.
func openSink(ctx context.Context, j *job.Job, owner, stage string) (transfer.Sink, error) {
	switch t := j.Target.Kind().(type) {
	case *job.MilvusTarget:
		return milvus.OpenSink(ctx, t, j.Copy, milvus.Owner{Job: owner, Stage: stage})
	case *job.HDF5Target:
		return hdf5run.OpenSink(t, j.Collections()[0].Target(), j.Name, stage)
	}
	return nil, errUnknown("target")
}

func errUnknown(what string) error {
	return fault.New(fault.Config, "%s: this worker does not know the kind that the job names; is the worker older than the program that started the job?", what)
}
