package milvus

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// defaultPartition is the partition that each collection has, which can't be dropped.
const defaultPartition = "_default"

func (s *sink) Inspect(ctx context.Context, from *transfer.Description) (*transfer.TargetPlan, error) {
	plan := &transfer.TargetPlan{Place: s.place(), LockID: lockID(s.address, s.databaseName(), s.job.Collection),
		Collection: s.job.Collection, Partition: s.job.Partition, OnExisting: string(s.copy.OnExisting), Server: "Milvus " + s.version}
	if plan.Partition == "" {
		plan.Partitions = from.Partitions
	}
	if err := s.planKeys(plan, from); err != nil {
		return nil, err
	}
	if err := s.planVectors(plan, from); err != nil {
		return nil, err
	}
	if s.absent != nil {
		if from.Settings == nil {
			return nil, s.absent
		}
		plan.Notes = append(plan.Notes, fmt.Sprintf("database %s is not there and is made", s.job.Database))
		return plan, s.planNew(ctx, plan, transfer.ActionCreate, from)
	}
	there, err := s.describe(ctx, s.job.Collection)
	if err != nil {
		return nil, err
	}
	if there == nil {
		return plan, s.planNew(ctx, plan, transfer.ActionCreate, from)
	}
	if from.Settings != nil && there.incarnation() == from.Settings.Collection {
		return nil, fault.New(fault.Config, "the target %s is the source itself; name another collection with source.milvus.collections.as, or another server or database", plan.Place)
	}
	if there.Name != s.job.Collection {
		return nil, fault.New(fault.Config, "%s is an alias of collection %s in the target; name %s instead", s.job.Collection, there.Name, there.Name)
	}
	plan.CollectionID = there.ID
	if there.ID != 0 { // whatever the address is that each job reaches the server by
		plan.LockID = "collection/" + there.incarnation()
	}
	if plan.Loaded, err = s.loaded(ctx, s.job.Collection); err != nil {
		return nil, err
	}
	if plan.Loaded {
		if plan.LoadedPartitions, err = s.loadedInPart(ctx, s.job.Collection); err != nil {
			return nil, err
		}
	}
	s.keepLoad(plan, plan.Loaded, plan.LoadedPartitions)
	return plan, s.decide(ctx, plan, there, from)
}

// planKeys decides who makes the primary keys.
func (s *sink) planKeys(plan *transfer.TargetPlan, from *transfer.Description) error {
	key := from.Schema.PrimaryKey()
	if key == nil {
		return fault.New(fault.Internal, "the source's schema has no primary key")
	}
	plan.NewIDs = s.job.IDs == job.NewIDs
	switch {
	case plan.NewIDs && !s.job.AcceptRepeats:
		return fault.New(fault.Config, "target.milvus.ids: with new ones a row can arrive twice when a server or a worker fails, and nothing can tell; write accept_repeats: true, or ids: keep")
	case plan.NewIDs:
		plan.OnExisting = "replace" // there are no keys to look for
		plan.Notes = append(plan.Notes, fmt.Sprintf("the server makes new primary keys %q; a row can arrive twice when a server or a worker fails (accept_repeats)", key.GetName()))
	case key.GetAutoID():
		plan.Notes = append(plan.Notes, fmt.Sprintf("primary keys %q are made by the source's server (autoID) and kept as they are: from now on applications send them to the target (ids: new makes others)", key.GetName()))
	}
	return nil
}

// planVectors refuses what no Milvus takes, and chooses the index of the vector field of a source that has only the one.
func (s *sink) planVectors(plan *transfer.TargetPlan, from *transfer.Description) error {
	vectors := from.Schema.Vectors()
	if len(vectors) == 0 && (from.Settings == nil || len(from.Schema.GetStructArrayFields()) == 0) {
		return fault.New(fault.Unsupported, "the source has no vector field, and a Milvus collection needs one")
	}
	if d := s.job.Dimension; d != 0 && len(vectors) > 0 && rows.TypeParam(vectors[0], "dim") != fmt.Sprint(d) {
		return fault.New(fault.Config, "target.milvus.dimension: is %d, and the data has %s", d, rows.TypeParam(vectors[0], "dim"))
	}
	if from.Settings != nil {
		return nil
	}
	var err error
	plan.Index, err = chooseIndex(vectors[0], s.job.Index, from.Metric)
	return err
}

// keepLoad says how the collection is left, which was loaded before or not, or in part.
func (s *sink) keepLoad(plan *transfer.TargetPlan, before bool, partitions []string) {
	plan.KeepLoaded = s.job.Load == job.LoadYes || s.job.Load != job.LoadNo && before
	if plan.KeepLoaded && s.job.Load != job.LoadYes {
		plan.KeepPartitions = partitions
	}
}

// planNew fills in a collection that is made under a staging name.
func (s *sink) planNew(ctx context.Context, plan *transfer.TargetPlan, action transfer.Action, from *transfer.Description) error {
	plan.Action = action
	plan.StagingName = stagingName(s.job.Collection, s.owner.Stage)
	plan.Schema = newSchema(from.Schema, plan.NewIDs)
	plan.Schema.Name = s.job.Collection
	if s.job.Description != "" || from.Settings == nil {
		plan.Schema.Description = s.job.Description
	}
	if err := holds(s.version, plan.Schema); err != nil {
		return err
	}
	if err := takes(plan.Schema, append(slices.Clone(plan.Partitions), settingsPartitions(from)...)); err != nil {
		return err
	}
	// what a server has, another may take
	if n := len(plan.Schema.Vectors()); from.Settings == nil && n > rows.MaxVectorFields {
		return fault.New(fault.Unsupported, "Milvus does not take this: %d vector fields, and a server can be set up for at most %d",
			n, rows.MaxVectorFields)
	}
	plan.Notes = append(plan.Notes, manyFields(plan.Schema)...)
	if key := plan.Schema.PartitionKey(); key != nil && plan.Partition != "" {
		return fault.New(fault.Config, "the partition %s can't be written: the collection chooses partitions by its field %q; copy all of it", plan.Partition, key.GetName())
	}
	if s.job.NumPartitions != 0 && plan.Schema.PartitionKey() == nil {
		return fault.New(fault.Config, "target.milvus.num_partitions: collection %s has no partition key; leave it out", plan.Collection)
	}
	if action == transfer.ActionReplace && plan.OldID == 0 {
		return fault.New(fault.Unsupported, "collection %s can't be replaced, since the server does not number its collections; drop it first", plan.Collection)
	}
	if action == transfer.ActionCreate {
		if set := from.Settings; set == nil {
			s.keepLoad(plan, true, nil)
		} else {
			s.keepLoad(plan, set.Loaded, set.LoadedPartitions)
		}
	}
	if from.Settings != nil {
		if err := s.planSettings(ctx, plan, from); err != nil {
			return err
		}
	}
	if ok, err := s.renames(ctx); ok || err != nil {
		return err
	}
	return planInPlace(plan)
}

// settingsPartitions are the partitions that come with a collection.
func settingsPartitions(from *transfer.Description) []string {
	if from.Settings == nil {
		return nil
	}
	return from.Settings.Partitions
}

// decide applies the job's mode to a collection that is there.
func (s *sink) decide(ctx context.Context, plan *transfer.TargetPlan, there *collection, from *transfer.Description) error {
	partition := int64(0)
	if s.job.Partition != "" {
		var err error
		if partition, err = s.partitionID(ctx, s.job.Collection, s.job.Partition); err != nil {
			return err
		}
	}
	switch {
	case s.job.Mode == job.Overwrite && s.job.Partition == "":
		plan.OldID = there.ID
		if err := s.countExisting(ctx, plan); err != nil {
			return err
		}
		return s.planNew(ctx, plan, transfer.ActionReplace, from)
	case s.job.Mode == job.Skip && (s.job.Partition == "" || partition != 0):
		plan.Action = transfer.ActionSkip
		if by := there.Properties[fillingPrefix+s.job.Partition]; s.job.Partition != "" && by != "" {
			plan.Action, plan.OnExisting = transfer.ActionAppend, "replace"
			plan.Notes = append(plan.Notes, fmt.Sprintf("partition %s was left half-filled by job %s; it is filled up, rows that are there are replaced", s.job.Partition, by))
		}
	case s.job.Mode == job.Overwrite && partition != 0:
		if s.job.Partition == defaultPartition {
			return fault.New(fault.Unsupported, "Milvus can't drop the partition %s; overwrite the whole collection, without a partition, or another partition", defaultPartition)
		}
		plan.Action, plan.OldID = transfer.ActionRefill, partition
	case s.job.Partition != "" && partition == 0:
		plan.Action = transfer.ActionPartition
	default:
		plan.Action = transfer.ActionAppend
	}
	plan.Schema = there.Schema
	if plan.Action == transfer.ActionSkip {
		return nil
	}
	if err := s.planExisting(ctx, plan, there, from); err != nil {
		return err
	}
	return s.countExisting(ctx, plan)
}

// planExisting fills in a collection that is there and is written into.
func (s *sink) planExisting(ctx context.Context, plan *transfer.TargetPlan, there *collection, from *transfer.Description) error {
	if err := s.survives(plan, there); err != nil {
		return err
	}
	if from.Settings != nil {
		if err := equals(newSchema(from.Schema, plan.NewIDs), there); err != nil {
			return err
		}
	} else {
		notes, err := fits(from.Schema, there, s.version)
		if err != nil {
			return err
		}
		plan.Notes = append(plan.Notes, notes...)
	}
	existing, err := s.indexes(ctx, plan.Collection)
	if err != nil {
		return err
	}
	if from.Settings != nil {
		err = s.addIndexes(plan, existing, from)
	} else {
		s.keepIndex(plan, existing)
	}
	if err != nil {
		return err
	}
	if key := there.Schema.PartitionKey(); key != nil && plan.OnExisting == "replace" && !plan.NewIDs {
		plan.ReplacedAcross = key.GetName()
		plan.Notes = append(plan.Notes, transfer.Warning+fmt.Sprintf("a row replaces every row of its primary key, also one with another value of the partition key %q; "+
			"copy.on_existing: fail refuses keys that exist", key.GetName()))
	}
	if plan.OtherPartitions, err = s.otherPartitions(ctx, plan, there); err != nil || !from.KeysBehind {
		return err
	}
	return s.planFirstKey(ctx, plan, from)
}

// countExisting counts the rows that stand in the collection, where that can be known without loading it.
func (s *sink) countExisting(ctx context.Context, plan *transfer.TargetPlan) error {
	plan.Rows = -1
	if !plan.WhollyLoaded() {
		return nil
	}
	var err error
	plan.Rows, err = s.count(ctx, plan.Collection, "", nil)
	return err
}

// maxName is the length of the longest collection name that Milvus takes.
const maxName = 255

// stagingMark stands between a collection's name and the stage, which has at most stageLength characters. A collection that
// is replaced is called by replaced and the stage just before it is dropped.
const (
	replaced    = "old_"
	stagingMark = "__mdm_"
	stageLength = len(replaced) + 8
)

// stagingName is what a collection is called until it is complete.
func stagingName(collection, stage string) string {
	if most := maxName - len(stagingMark) - stageLength; len(collection) > most {
		sum := sha256.Sum256([]byte(collection)) // two long names that begin alike stay two
		collection = collection[:most-17] + "_" + hex.EncodeToString(sum[:8])
	}
	return collection + stagingMark + stage
}
