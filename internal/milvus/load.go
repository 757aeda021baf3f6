package milvus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-sdk-go/v2/merr"

	"milvusdm/internal/fault"
)

// wholeCollection stands for the collection where others would name partitions.
const wholeCollection = "*"

// Unloaded implements transfer.Loader: it names partitions, or wholeCollection where nothing of the collection is loaded. What is
// being loaded is waited for.
func (s *source) Unloaded(ctx context.Context) ([]string, error) {
	any, err := s.loaded(ctx, s.view.choice.Name)
	if err != nil {
		return nil, err
	}
	var in []string
	switch {
	case any:
		if in, err = s.loadedPartitions(ctx, s.view.choice.Name); err != nil {
			return nil, err
		}
	case len(s.view.choice.Partitions) == 0:
		return []string{wholeCollection}, nil
	}
	var missing []string
	for _, p := range s.view.partitions {
		if p.source != "" && !slices.Contains(in, p.source) {
			missing = append(missing, p.source)
		}
	}
	return missing, nil
}

// loadedPartitions are those of a collection that is loaded, at least in part.
func (c *conn) loadedPartitions(ctx context.Context, collection string) (names []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	err = wait(ctx, func() (bool, error) {
		resp, err := c.raw.ShowPartitions(ctx, &milvuspb.ShowPartitionsRequest{CollectionName: collection, Type: milvuspb.ShowType_InMemory})
		err = check(resp.GetStatus(), err)
		if is(err, fault.Unsupported) { // a server that has one partition only
			names = []string{defaultPartition}
			return true, nil
		}
		if names = resp.GetPartitionNames(); err != nil || len(names) == 0 {
			return true, err
		}
		state, err := c.raw.GetLoadState(ctx, &milvuspb.GetLoadStateRequest{CollectionName: collection, PartitionNames: names})
		return state.GetState() != commonpb.LoadState_LoadStateLoading, check(state.GetStatus(), err)
	})
	return names, wrap(err, "list loaded partitions of %s", collection)
}

// Load implements transfer.Loader.
func (s *source) Load(ctx context.Context, what []string, report func(string)) error {
	name := s.view.choice.Name
	var st *commonpb.Status
	var err error
	progress := &milvuspb.GetLoadingProgressRequest{CollectionName: name}
	switch {
	case len(what) == 0:
		return nil
	case what[0] == wholeCollection:
		st, err = s.raw.LoadCollection(ctx, &milvuspb.LoadCollectionRequest{CollectionName: name, ReplicaNumber: 1})
	default:
		progress.PartitionNames = what
		st, err = s.raw.LoadPartitions(ctx, &milvuspb.LoadPartitionsRequest{CollectionName: name, PartitionNames: what, ReplicaNumber: 1})
	}
	if err = check(st, err); err == nil {
		err = wait(ctx, func() (bool, error) {
			p, err := s.raw.GetLoadingProgress(ctx, progress)
			report(fmt.Sprintf("loading %s: %d %%", s.view.name(), p.GetProgress()))
			return p.GetProgress() == 100, check(p.GetStatus(), err)
		})
	}
	if err != nil && s.isVoid(ctx) {
		return nil
	}
	return s.cannotLoad(err)
}

// cannotLoad says what to do when loading failed.
func (s *source) cannotLoad(err error) error {
	name := s.view.choice.Name
	switch {
	case err == nil:
		return nil
	case merr.Code(err) == codeIndexNotFound, strings.Contains(err.Error(), "index not exist"), strings.Contains(err.Error(), "no index"):
		return fault.New(fault.Conflict, "collection %s is not loaded, and Milvus loads none without an index on its vector field: make one (FLAT is made at once) and run the job again: %w", name, err)
	case errors.Is(err, merr.ErrServiceMemoryLimitExceeded), strings.Contains(err.Error(), "insufficient memory"), strings.Contains(err.Error(), "OOM"):
		return fault.New(fault.Conflict, "the server has too little memory to load %s, and reads no collection that is not loaded; release others and run the job again: %w", s.view.name(), err)
	}
	return wrap(err, "load %s", s.view.name())
}

// Release implements transfer.Loader.
func (s *source) Release(ctx context.Context, loaded []string) error {
	if len(loaded) == 0 {
		return nil
	}
	name := s.view.choice.Name
	if loaded[0] == wholeCollection {
		st, err := s.raw.ReleaseCollection(ctx, &milvuspb.ReleaseCollectionRequest{CollectionName: name})
		return wrap(check(st, err), "release %s", name)
	}
	st, err := s.raw.ReleasePartitions(ctx, &milvuspb.ReleasePartitionsRequest{CollectionName: name, PartitionNames: loaded})
	return wrap(check(st, err), "release partitions %s of %s", strings.Join(loaded, ", "), name)
}

// statedOf is how many rows the server says that a partition (of no name: the collection) holds, deleted ones too.
func (s *source) statedOf(ctx context.Context, p partition) (int64, error) {
	var st *commonpb.Status
	var stats []*commonpb.KeyValuePair
	if p.source == "" {
		resp, err := s.raw.GetCollectionStatistics(ctx, &milvuspb.GetCollectionStatisticsRequest{CollectionName: s.view.choice.Name})
		if err != nil {
			return 0, wrap(err, "ask how many rows %s holds", s.view.choice.Name)
		}
		st, stats = resp.GetStatus(), resp.GetStats()
	} else {
		resp, err := s.raw.GetPartitionStatistics(ctx, &milvuspb.GetPartitionStatisticsRequest{CollectionName: s.view.choice.Name, PartitionName: p.source})
		if err != nil {
			return 0, wrap(err, "ask how many rows %s/%s holds", s.view.choice.Name, p.source)
		}
		st, stats = resp.GetStatus(), resp.GetStats()
	}
	if err := check(st, nil); err != nil {
		return 0, wrap(err, "ask how many rows %s holds", s.view.name())
	}
	for _, kv := range stats {
		if kv.GetKey() == "row_count" {
			n, err := strconv.ParseInt(kv.GetValue(), 10, 64)
			return n, err
		}
	}
	return 0, nil
}
