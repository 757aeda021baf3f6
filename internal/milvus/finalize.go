package milvus

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-sdk-go/v2/merr"

	"milvusdm/internal/fault"
	"milvusdm/internal/transfer"
)

func (s *sink) Finalize(ctx context.Context, t *transfer.Target, step string, report func(string)) (transfer.Outcome, error) {
	name, err := s.currentName(ctx, t)
	if err != nil {
		return transfer.Outcome{}, err
	}
	switch step {
	case stepIndex:
		return transfer.Outcome{}, s.buildIndexes(ctx, name, t, report)
	case stepLoad:
		return s.load(ctx, name, t, report)
	case stepRelease:
		return s.releaseCounted(ctx, name, t.CollectionID)
	case stepDropIndex:
		wanted, err := wantedIndexes(&t.Plan)
		for _, ix := range wanted {
			if err := s.dropIndex(ctx, name, ix.Field, ix.Name); err != nil {
				return transfer.Outcome{}, err
			}
		}
		return transfer.Outcome{}, err
	}
	return transfer.Outcome{}, fault.New(fault.Internal, "no step %q", step)
}

// buildIndexes makes the indexes that are wanted and not there, and waits until every sealed row is in them.
func (s *sink) buildIndexes(ctx context.Context, name string, t *transfer.Target, report func(string)) error {
	existing, err := s.indexes(ctx, name)
	if err != nil {
		return err
	}
	wanted, err := wantedIndexes(&t.Plan)
	if err != nil {
		return err
	}
	for _, ix := range wanted {
		if indexed(existing, ix) {
			continue
		}
		err := s.createIndex(ctx, name, ix)
		if t.Fresh {
			err = wrap(err, "create index %s on %s of %s", ix.Params[indexType], ix.Field, name) // its parameters were tried by Prepare
		} else {
			err = refused(err, ix)
		}
		if err != nil {
			return err
		}
	}
	begin := time.Now()
	return wait(ctx, func() (bool, error) {
		descriptions, err := s.indexes(ctx, name)
		if err != nil {
			return false, err
		}
		for _, d := range descriptions {
			if d.GetState() == commonpb.IndexState_Failed {
				return false, fault.New(fault.Unsupported, "build index %s of %s: %s", d.GetIndexName(), name, d.GetIndexStateFailReason())
			}
			if d.GetState() != commonpb.IndexState_Finished || d.GetPendingIndexRows() > 0 {
				report(indexing(d, time.Since(begin)))
				return false, nil
			}
		}
		return true, nil
	})
}

// indexing says how far the server is with an index. It counts the rows of segments, and while it merges segments those of the old and
// of the new ones: so more rows may have an index than there are, and the merged ones still get theirs.
func indexing(d *milvuspb.IndexDescription, took time.Duration) string {
	done, total := d.GetIndexedRows(), d.GetTotalRows()
	took = took.Round(time.Second)
	switch {
	case total <= 0:
		return fmt.Sprintf("index on %s: waiting for the server to begin, for %v", d.GetFieldName(), took)
	case done < total:
		return fmt.Sprintf("index on %s: %d %% of %d rows, for %v", d.GetFieldName(), 100*done/total, total, took)
	case d.GetPendingIndexRows() > 0:
		return fmt.Sprintf("index on %s: the server merges segments and indexes them again, %d rows wait, for %v", d.GetFieldName(), d.GetPendingIndexRows(), took)
	}
	return fmt.Sprintf("index on %s: all %d rows are indexed, the server merges segments and indexes them again, for %v", d.GetFieldName(), total, took)
}

// indexed reports whether the index is there: of a field that may have several, by its name, or its parameters where the server gives
// names of its own.
func indexed(descriptions []*milvuspb.IndexDescription, ix transfer.FieldIndex) bool {
	return slices.ContainsFunc(descriptions, func(d *milvuspb.IndexDescription) bool {
		return d.GetFieldName() == ix.Field && (ix.Name == "" || ix.Name == d.GetIndexName() || maps.Equal(ix.Params, paramsOf(d)))
	})
}

func (s *sink) createIndex(ctx context.Context, name string, ix transfer.FieldIndex) error {
	st, err := s.raw.CreateIndex(ctx, &milvuspb.CreateIndexRequest{CollectionName: name, FieldName: ix.Field, IndexName: ix.Name,
		ExtraParams: keyValues(ix.Params)})
	return check(st, err)
}

// refused is the error of an index whose parameters the server has not seen before: what it has against them comes without a
// code of its own.
func refused(err error, ix transfer.FieldIndex) error {
	if is(err, fault.Config) || permanent(err) {
		return fault.New(fault.Config, "target.milvus.index: the server refuses %v on field %q: %w", ix.Params, ix.Field, advise(err))
	}
	return wrap(err, "create index %s on %s", ix.Params[indexType], ix.Field)
}

// dropIndex drops an index by its name, or all of the field ("").
func (s *sink) dropIndex(ctx context.Context, name, field, index string) error {
	st, err := s.raw.DropIndex(ctx, &milvuspb.DropIndexRequest{CollectionName: name, FieldName: field, IndexName: index})
	return wrap(check(st, err), "drop the index on %s of %s", field, name)
}

// load loads the collection and waits for it. A server without the memory for it is an outcome, not an error: the rows
// are there all the same.
func (s *sink) load(ctx context.Context, name string, t *transfer.Target, report func(string)) (transfer.Outcome, error) {
	replicas := max(t.Replicas, 1)
	if t.Fresh && t.Plan.Settings != nil {
		replicas = max(t.Plan.Settings.Replicas, 1)
	}
	// one that is loaded takes up new rows by itself; asking again might change how many replicas it has
	state, err := s.loadState(ctx, name)
	if err == nil && state == commonpb.LoadState_LoadStateNotLoad {
		var st *commonpb.Status
		st, err = s.raw.LoadCollection(ctx, &milvuspb.LoadCollectionRequest{CollectionName: name, ReplicaNumber: replicas})
		err = check(st, err)
	}
	if err == nil {
		err = wait(ctx, func() (bool, error) {
			p, err := s.raw.GetLoadingProgress(ctx, &milvuspb.GetLoadingProgressRequest{CollectionName: name})
			report(fmt.Sprintf("loaded %d %%", p.GetProgress()))
			if err == nil && p.GetStatus() == nil {
				return p.GetProgress() == 100, nil // milvus-lite leaves the status out
			}
			return p.GetProgress() == 100, check(p.GetStatus(), err)
		})
	}
	if err != nil && (errors.Is(err, merr.ErrServiceMemoryLimitExceeded) || strings.Contains(err.Error(), "insufficient memory") ||
		strings.Contains(err.Error(), "OOM")) {
		return transfer.Outcome{Missing: "the server has not the memory to load it: " + err.Error()}, nil
	}
	return transfer.Outcome{}, wrap(err, "load %s", name)
}

// releaseCounted releases the collection and says how many replicas of it were loaded.
func (s *sink) releaseCounted(ctx context.Context, name string, id int64) (transfer.Outcome, error) {
	n, err := s.replicas(ctx, name, id)
	if err != nil { // none are loaded, or the user may not ask
		n = 0
	}
	return transfer.Outcome{Replicas: n}, s.release(ctx, name)
}

func (s *sink) release(ctx context.Context, name string) error {
	st, err := s.raw.ReleaseCollection(ctx, &milvuspb.ReleaseCollectionRequest{CollectionName: name})
	return wrap(check(st, err), "release %s", name)
}
