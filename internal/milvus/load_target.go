package milvus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-sdk-go/v2/merr"

	"milvusdm/internal/transfer"
)

// load loads the collection, or those of its partitions that are not loaded, and waits for it. A server without the
// memory for it is an outcome, not an error: the rows are there all the same.
func (s *sink) load(ctx context.Context, name string, t *transfer.Target, report func(string)) (transfer.Outcome, error) {
	progress := &milvuspb.GetLoadingProgressRequest{CollectionName: name}
	err := s.startLoading(ctx, name, t, progress)
	if err == nil {
		err = wait(ctx, func() (bool, error) {
			p, err := s.raw.GetLoadingProgress(ctx, progress)
			report(fmt.Sprintf("loaded %d %%", p.GetProgress()))
			if err == nil && p.GetStatus() == nil {
				return p.GetProgress() == 100, nil // milvus-lite leaves the status out
			}
			return p.GetProgress() == 100, check(p.GetStatus(), err)
		})
	}
	if err != nil && (errors.Is(err, merr.ErrServiceMemoryLimitExceeded) || strings.Contains(err.Error(),
		"insufficient memory") ||
		strings.Contains(err.Error(), "OOM")) {
		return transfer.Outcome{Missing: "the server has too little memory to load it: " + err.Error()}, nil
	}
	return transfer.Outcome{}, wrap(err, "load %s", name)
}

// startLoading asks for what is not loaded, and names in progress the partitions to wait for, where it is not all.
func (s *sink) startLoading(ctx context.Context, name string, t *transfer.Target, progress *milvuspb.GetLoadingProgressRequest) error {
	state, err := s.loadState(ctx, name)
	if err != nil {
		return err
	}
	if state != commonpb.LoadState_LoadStateNotLoad {
		// one that is loaded takes up new rows by itself; asking again might change how many replicas it has
		if t.Plan.WhollyLoaded() || t.Fresh {
			return nil
		}
		return s.loadOthers(ctx, name, progress)
	}
	replicas := max(t.Replicas, 1)
	if t.Fresh && t.Plan.Settings != nil {
		replicas = max(t.Plan.Settings.Replicas, 1)
	}
	st, err := s.raw.LoadCollection(ctx, &milvuspb.LoadCollectionRequest{CollectionName: name, ReplicaNumber: replicas})
	return check(st, err)
}

// loadOthers loads the partitions of a collection that are not loaded.
func (s *sink) loadOthers(ctx context.Context, name string, progress *milvuspb.GetLoadingProgressRequest) error {
	in, err := s.loadedInPart(ctx, name)
	if err != nil || in == nil {
		return err
	}
	all, err := s.partitionNames(ctx, name)
	if err != nil {
		return err
	}
	progress.PartitionNames = slices.DeleteFunc(all, func(p string) bool { return slices.Contains(in, p) })
	st, err := s.raw.LoadPartitions(ctx, &milvuspb.LoadPartitionsRequest{CollectionName: name,
		PartitionNames: progress.PartitionNames, ReplicaNumber: 1})
	return check(st, err)
}

// releaseWhole releases the collection, says how many replicas of it were loaded, and drops the indexes that a new one had only
// to be counted.
//
// One that has its final name by now, and that t knows by another, serves: it is not released.
func (s *sink) releaseWhole(ctx context.Context, name string, t *transfer.Target) (out transfer.Outcome, err error) {
	if t.Fresh && name != t.Name {
		return transfer.Outcome{Published: true}, nil
	}
	if out.Replicas, err = s.replicas(ctx, name, t.CollectionID); err != nil {
		out.Replicas = 0 // none are loaded, or the user may not ask
	}
	if err := s.release(ctx, name); err != nil || !t.Fresh || t.Plan.Settings == nil {
		return out, err
	}
	for _, ix := range t.Plan.Settings.Indexes {
		if slices.Contains(t.Plan.CountIndexes, ix.Field) {
			if err := s.dropIndex(ctx, name, ix.Field, ix.Name); err != nil {
				return out, err
			}
		}
	}
	return out, nil
}

// releaseOthers releases the partitions that are not to be left loaded. Where none of those that are exists, nothing is
// released: a collection that is to be loaded in part is better loaded than not.
func (s *sink) releaseOthers(ctx context.Context, name string, plan *transfer.TargetPlan) error {
	keep := plan.KeepPartitions
	if len(keep) == 0 {
		keep = plan.LoadedPartitions
	}
	all, err := s.partitionNames(ctx, name)
	if err != nil {
		return err
	}
	n := len(all)
	others := slices.DeleteFunc(all, func(p string) bool { return slices.Contains(keep, p) })
	if len(others) == 0 || len(others) == n {
		return nil
	}
	st, err := s.raw.ReleasePartitions(ctx, &milvuspb.ReleasePartitionsRequest{CollectionName: name,
		PartitionNames: others})
	return wrap(check(st, err), "release partitions %s of %s", shortList(others), name)
}

func (s *sink) release(ctx context.Context, name string) error {
	st, err := s.raw.ReleaseCollection(ctx, &milvuspb.ReleaseCollectionRequest{CollectionName: name})
	return wrap(check(st, err), "release %s", name)
}
