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

// openSource knows the formats: a new one is one more case.
func openSource(ctx context.Context, s *job.Source) (transfer.Source, error) {
	switch {
	case s.HDF5 != nil:
		return hdf5.Open(ctx, s.HDF5)
	case s.Faiss != nil:
		return faiss.Open(ctx, s.Faiss, helper())
	case s.Milvus != nil:
		return milvus.OpenSource(ctx, s.Milvus)
	case s.Milvus1 != nil:
		return milvus1.Open(ctx, s.Milvus1)
	case s.Export != nil:
		return hdf5run.OpenSource(ctx, s.Export)
	}
	return nil, errUnknown("source")
}

// listCollections resolves what a source of several collections names.
func listCollections(ctx context.Context, s *job.Source) (found []job.Collection, left []transfer.Left, err error) {
	switch {
	case s.Milvus != nil:
		return milvus.List(ctx, *s.Milvus)
	case s.Milvus1 != nil:
		found, err = milvus1.List(ctx, s.Milvus1)
	case s.Export != nil:
		found, err = hdf5run.List(s.Export)
	default:
		err = errUnknown("source")
	}
	return found, nil, err
}

// openSink knows the targets.
func openSink(ctx context.Context, j *job.Job, owner, stage string) (transfer.Sink, error) {
	switch {
	case j.Target.Milvus != nil:
		return milvus.OpenSink(ctx, j.Target.Milvus, j.Copy, milvus.Owner{Job: owner, Stage: stage})
	case j.Target.HDF5 != nil:
		return hdf5run.OpenSink(j.Target.HDF5, j.Collections()[0].Target(), j.Name, stage)
	}
	return nil, errUnknown("target")
}

func errUnknown(what string) error {
	return fault.New(fault.Config, "%s: the job names none that this worker knows; is the worker older than the program that started the job?", what)
}
