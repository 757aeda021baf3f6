package main

import (
	"context"

	"milvusdm/internal/faiss"
	"milvusdm/internal/fault"
	"milvusdm/internal/hdf5"
	"milvusdm/internal/job"
	"milvusdm/internal/milvus"
	"milvusdm/internal/transfer"
)

// openSource knows the formats: a new one is one more case.
func openSource(ctx context.Context, s *job.Source) (transfer.Source, error) {
	switch {
	case s.HDF5 != nil:
		return hdf5.Open(ctx, s.HDF5)
	case s.Faiss != nil:
		return faiss.Open(ctx, s.Faiss, helper())
	}
	return nil, fault.New(fault.Config, "source: the job names none that this worker knows; is the worker older than the program that started the job?")
}

// openSink knows the targets.
func openSink(ctx context.Context, j *job.Job, owner, stage string) (transfer.Sink, error) {
	if j.Target.Milvus != nil {
		return milvus.OpenSink(ctx, j.Target.Milvus, j.Copy, milvus.Owner{Job: owner, Stage: stage})
	}
	return nil, fault.New(fault.Config, "target: the job names none that this worker knows; is the worker older than the program that started the job?")
}
