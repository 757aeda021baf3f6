package milvus

import (
	"context"
	"fmt"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"milvusdm/internal/fault"
	"milvusdm/internal/transfer"
)

// A server that can't rename, as the first milvus-lite (2.4), has rows written under the collection's name at once: there is no
// staging collection, a collection that is there is not replaced, and one that was half filled by a job that failed stays.
// It knows no aliases, properties and partitions either.

// inPlace reports whether a plan is for such a server.
func inPlace(plan *transfer.TargetPlan) bool { return plan.StagingName == plan.Collection }

// renames asks a server that does not say which version it is whether it can rename.
func (s *sink) renames(ctx context.Context) (bool, error) {
	if _, known := releaseOf(s.version); known {
		return true, nil
	}
	// that this collection is not there is found out after the call was found
	const nobody = stagingMark + "nobody"
	st, err := s.raw.RenameCollection(ctx, &milvuspb.RenameCollectionRequest{OldName: nobody, NewName: nobody + "2"})
	if status.Code(err) == codes.Unimplemented {
		return false, nil
	}
	if err := check(st, err); err != nil && kindOf(err) == fault.Unavailable {
		return false, wrap(err, "ask whether the server can rename collections")
	}
	return true, nil
}

// planInPlace makes the plan one for a server that can't rename.
func planInPlace(plan *transfer.TargetPlan) error {
	if plan.Action == transfer.ActionReplace {
		return fault.New(fault.Unsupported, "collection %s can't be replaced, since the server can't rename collections; drop it first", plan.Collection)
	}
	plan.StagingName = plan.Collection
	plan.Notes = append(plan.Notes, "the server can't rename collections: rows are written under the final name at once, and those of a job that fails stay there")
	if set := plan.Settings; set != nil && len(set.Aliases)+len(set.Properties)+len(set.Partitions) > 0 {
		plan.Notes = append(plan.Notes, fmt.Sprintf("the server takes neither aliases nor properties nor partitions: %d, %d and %d are left out", len(set.Aliases), len(set.Properties), len(set.Partitions)))
		set.Aliases, set.Properties, set.Partitions = nil, nil, nil
	}
	return nil
}

// prepareInPlace makes the collection. One that is there by now can only be told from somebody else's by being empty.
func (s *sink) prepareInPlace(ctx context.Context, plan *transfer.TargetPlan, t *transfer.Target) error {
	there, err := s.describe(ctx, plan.Collection)
	if err != nil {
		return err
	}
	if there == nil {
		if err := s.create(ctx, plan); err != nil {
			return err
		}
		if there, err = s.describe(ctx, plan.Collection); err != nil {
			return err
		}
	}
	if there == nil {
		return fault.New(fault.Internal, "collection %s is gone right after it was made", plan.Collection)
	}
	if rows, err := s.count(ctx, plan.Collection, "", nil); err != nil || rows != 0 {
		return fault.New(fault.Conflict, "collection %s was made by somebody since the job looked at it; run it again (%d rows, %v)", plan.Collection, rows, err)
	}
	t.CollectionID = there.ID
	if err := takenWhole(plan.Server, plan.Schema, there); err != nil {
		return err
	}
	return s.tryIndexes(ctx, plan)
}
