package milvus

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"

	"milvusdm/internal/fault"
	"milvusdm/internal/human"
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
		return s.releaseWhole(ctx, name, t)
	case stepReleaseOthers:
		return transfer.Outcome{}, s.releaseOthers(ctx, name, &t.Plan)
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
func indexing(d *milvuspb.IndexDescription, lasts time.Duration) string {
	done, total, took := d.GetIndexedRows(), d.GetTotalRows(), human.Duration(lasts)
	switch {
	case total <= 0:
		return fmt.Sprintf("index on %s: waiting for the server to begin, for %s", d.GetFieldName(), took)
	case done < total:
		return fmt.Sprintf("index on %s: %d %% of %d rows, for %s", d.GetFieldName(), 100*done/total, total, took)
	case d.GetPendingIndexRows() > 0:
		return fmt.Sprintf("index on %s: the server merges segments and indexes them again, %d rows wait, for %s", d.GetFieldName(), d.GetPendingIndexRows(), took)
	}
	return fmt.Sprintf("index on %s: all %d rows are indexed, the server merges segments and indexes them again, for %s", d.GetFieldName(), total, took)
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
