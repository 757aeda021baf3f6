package milvus

import (
	"context"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"

	"milvusdm/internal/fault"
	"milvusdm/internal/transfer"
)

// Publish renames a staged collection into its final place: the aliases of the collection that it replaces are moved over
// first, then that one is dropped, by its recorded ID. A partition only loses its mark of being filled.
func (s *sink) Publish(ctx context.Context, t *transfer.Target) error {
	there, err := s.describe(ctx, t.Plan.Collection)
	if err != nil {
		return err
	}
	if !t.Fresh {
		mark := fillingPrefix + t.Plan.Partition
		if t.Plan.Partition == "" || there == nil || there.Properties[mark] == "" {
			return nil
		}
		return s.setProperty(ctx, t.Plan.Collection, mark, "")
	}
	if there != nil && there.ID == t.CollectionID && there.Name == t.Plan.Collection {
		return nil // done before
	}
	staged, err := s.describe(ctx, t.Name)
	if err != nil {
		return err
	}
	if staged == nil || staged.ID != t.CollectionID {
		return fault.New(fault.Conflict, "the staging collection %s is gone: somebody dropped it", t.Name)
	}
	if there != nil && there.Name == t.Plan.Collection {
		if there.ID != t.Plan.OldID {
			return fault.New(fault.Conflict, "somebody made a collection %s while the job ran; it is left alone, and the rows that were copied stand in %s", t.Plan.Collection, t.Name)
		}
		for _, alias := range there.Aliases {
			st, err := s.raw.AlterAlias(ctx, &milvuspb.AlterAliasRequest{CollectionName: t.Name, Alias: alias})
			if err := check(st, err); err != nil {
				return wrap(err, "move alias %s to %s", alias, t.Name)
			}
		}
		if err := s.drop(ctx, t.Plan.Collection); err != nil {
			return err
		}
	}
	st, err := s.raw.RenameCollection(ctx, &milvuspb.RenameCollectionRequest{OldName: t.Name, NewName: t.Plan.Collection})
	return wrap(check(st, err), "rename %s to %s", t.Name, t.Plan.Collection)
}
