package milvus

import (
	"context"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"

	"milvusdm/internal/fault"
	"milvusdm/internal/transfer"
)

// Publish renames a staged collection into its final place. The aliases of the collection that it replaces are moved over
// first; that one is renamed out of the way, and dropped last, under a name that no other collection ever has: a call that
// arrives late, or is sent by a worker that slept, can't drop the new one. At its place it gets the source's aliases. A partition
// only loses its mark of being filled.
func (s *sink) Publish(ctx context.Context, t *transfer.Target) error {
	there, err := s.describe(ctx, t.Plan.Collection)
	if err != nil {
		return err
	}
	if !t.Fresh {
		mark := fillingPrefix + t.Plan.Partition
		if t.Plan.Partition == "" || there == nil {
			return nil
		}
		if _, marked := there.Properties[mark]; !marked {
			return nil
		}
		return s.setProperties(ctx, t.Plan.Collection, map[string]string{mark: ""})
	}
	staged, err := s.describe(ctx, t.Name)
	if err != nil {
		return err
	}
	published := there != nil && there.ID == t.CollectionID && there.Name == t.Plan.Collection
	if t.CollectionID == 0 && !inPlace(&t.Plan) {
		published = published && staged == nil // of the two that have no numbers it is the one that is left
	}
	if published {
		return s.settle(ctx, t)
	}
	if staged == nil || staged.ID != t.CollectionID {
		return fault.New(fault.Conflict, "the staging collection %s is gone: somebody dropped it", t.Name)
	}
	if there != nil && there.Name == t.Plan.Collection {
		if t.Plan.OldID == 0 || there.ID != t.Plan.OldID {
			return fault.New(fault.Conflict, "somebody made a collection %s while the job ran; it is left alone, and the rows that were copied stand in %s", t.Plan.Collection, t.Name)
		}
		for _, alias := range there.Aliases {
			if err := s.moveAlias(ctx, alias, t.Name); err != nil {
				return err
			}
		}
		if err := s.rename(ctx, t.Plan.Collection, s.replacedName(t)); err != nil {
			return err
		}
	}
	if err := s.rename(ctx, t.Name, t.Plan.Collection); err != nil {
		return err
	}
	return s.settle(ctx, t)
}

// settle does what is left when the collection has its name.
func (s *sink) settle(ctx context.Context, t *transfer.Target) error {
	if t.CollectionID == 0 && t.Plan.KeepLoaded {
		// milvus-lite forgets with the old name that the collection was loaded
		if _, err := s.load(ctx, t.Plan.Collection, t, func(string) {}); err != nil {
			return err
		}
	}
	if err := s.finish(ctx, t); err != nil {
		return err
	}
	if err := s.disown(ctx, t); err != nil {
		return err
	}
	return s.dropReplaced(ctx, t)
}

// disown takes the job's mark off a collection that has its name: from now on it is the user's.
func (s *sink) disown(ctx context.Context, t *transfer.Target) error {
	there, err := s.describe(ctx, t.Plan.Collection)
	if err != nil || there == nil {
		return err
	}
	if _, marked := there.Properties[ownerProperty]; !marked {
		return nil
	}
	return s.setProperties(ctx, t.Plan.Collection, map[string]string{ownerProperty: ""})
}

func (s *sink) rename(ctx context.Context, from, to string) error {
	st, err := s.raw.RenameCollection(ctx, &milvuspb.RenameCollectionRequest{OldName: from, NewName: to})
	return wrap(check(st, err), "rename %s to %s", from, to)
}

// replacedName is what the collection that t replaces is called before it is dropped.
func (s *sink) replacedName(t *transfer.Target) string {
	return stagingName(t.Plan.Collection, replaced+t.Plan.StagingName[len(t.Plan.StagingName)-8:])
}

func (s *sink) dropReplaced(ctx context.Context, t *transfer.Target) error {
	if t.Plan.OldID == 0 {
		return nil
	}
	old, err := s.describe(ctx, s.replacedName(t))
	if err != nil || old == nil || old.ID != t.Plan.OldID {
		return err
	}
	return s.drop(ctx, old.Name)
}

// unpublish undoes what a Publish did that was cut off before its end: the collection that t was to replace gets its name and
// its aliases back.
func (s *sink) unpublish(ctx context.Context, t *transfer.Target, staged *collection) error {
	if t.Plan.OldID == 0 {
		return nil
	}
	there, err := s.describe(ctx, t.Plan.Collection)
	if err != nil {
		return err
	}
	if there == nil {
		if err := s.rename(ctx, s.replacedName(t), t.Plan.Collection); err != nil {
			return err
		}
	}
	for _, alias := range staged.Aliases {
		if err := s.moveAlias(ctx, alias, t.Plan.Collection); err != nil {
			return err
		}
	}
	return nil
}

func (s *sink) moveAlias(ctx context.Context, alias, to string) error {
	st, err := s.raw.AlterAlias(ctx, &milvuspb.AlterAliasRequest{CollectionName: to, Alias: alias})
	return wrap(check(st, err), "move alias %s to %s", alias, to)
}
