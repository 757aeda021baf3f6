package milvus

import (
	"context"
	"maps"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/protobuf/proto"

	"milvusdm/internal/fault"
	"milvusdm/internal/transfer"
)

// The steps of Finalize.
const (
	stepIndex         = "index"
	stepLoad          = "load"
	stepRelease       = transfer.StepRelease
	stepReleaseOthers = transfer.StepReleaseOthers
	stepDropIndex     = transfer.StepDropIndex
)

func (s *sink) Prepare(ctx context.Context, plan *transfer.TargetPlan) (*transfer.Target, error) {
	t := &transfer.Target{Plan: *plan, Name: plan.Collection, CollectionID: plan.CollectionID, Steps: []string{stepIndex, stepLoad}}
	if s.absent != nil {
		if plan.Settings == nil {
			return nil, s.absent
		}
		if err := s.makeDatabase(ctx); err != nil {
			return nil, err
		}
	}
	if plan.StagingName != "" {
		t.Name, t.Fresh = plan.StagingName, true
		if inPlace(plan) {
			return t, s.prepareInPlace(ctx, plan, t)
		}
		return t, s.prepareStaging(ctx, plan, t)
	}
	there, err := s.describe(ctx, plan.Collection)
	if err != nil {
		return nil, err
	}
	if there == nil || there.ID != plan.CollectionID {
		return nil, fault.New(fault.Conflict, "collection %s was dropped or made anew since the job looked at it; run it again", plan.Collection)
	}
	if err := s.rights(ctx, plan, plan.Collection); err != nil {
		return nil, err
	}
	if plan.Partition != "" {
		return t, s.preparePartition(ctx, plan, there)
	}
	return t, s.createPartitions(ctx, plan.Collection, plan.Partitions)
}

// prepareStaging makes the staging collection, and drops what earlier runs of this job left.
func (s *sink) prepareStaging(ctx context.Context, plan *transfer.TargetPlan, t *transfer.Target) error {
	there, err := s.describe(ctx, plan.Collection)
	if err != nil {
		return err
	}
	if (there == nil) != (plan.OldID == 0) || there != nil && there.ID != plan.OldID {
		return fault.New(fault.Conflict, "collection %s was made, dropped or made anew since the job looked at it; run it again", plan.Collection)
	}
	staged, err := s.describe(ctx, plan.StagingName)
	if err != nil {
		return err
	}
	if staged == nil {
		if err := s.dropStrays(ctx, plan); err != nil {
			return err
		}
		if err := s.create(ctx, plan); err != nil {
			return err
		}
		if staged, err = s.describe(ctx, plan.StagingName); err != nil {
			return err
		}
		if staged == nil {
			return fault.New(fault.Internal, "collection %s is gone right after it was made", plan.StagingName)
		}
	}
	if staged.Properties[ownerProperty] != s.owner.Job {
		return fault.New(fault.Conflict, "collection %s is there and not this job's (its property %s is %q); drop or rename it", plan.StagingName, ownerProperty, staged.Properties[ownerProperty])
	}
	t.CollectionID = staged.ID
	if err := takenWhole(plan.Server, plan.Schema, staged); err != nil {
		return err
	}
	if err := s.rights(ctx, plan, plan.StagingName); err != nil {
		return err
	}
	if err := s.tryIndexes(ctx, plan); err != nil {
		return err
	}
	if plan.Partition != "" {
		return s.createPartitions(ctx, plan.StagingName, []string{plan.Partition})
	}
	if plan.Settings != nil {
		if err := s.createPartitions(ctx, plan.StagingName, plan.Settings.Partitions); err != nil {
			return err
		}
	}
	return s.createPartitions(ctx, plan.StagingName, plan.Partitions)
}

// create makes the staging collection.
func (s *sink) create(ctx context.Context, plan *transfer.TargetPlan) error {
	schema := proto.Clone(plan.Schema.CollectionSchema).(*schemapb.CollectionSchema)
	schema.Name = plan.StagingName
	raw, err := proto.Marshal(schema)
	if err != nil {
		return err
	}
	req := &milvuspb.CreateCollectionRequest{CollectionName: plan.StagingName, Schema: raw, ShardsNum: s.job.Shards,
		ConsistencyLevel: commonpb.ConsistencyLevel_Bounded}
	properties := map[string]string{}
	if set := plan.Settings; set != nil {
		req.ShardsNum = set.Shards
		if set.Consistency != "" {
			req.ConsistencyLevel = commonpb.ConsistencyLevel(commonpb.ConsistencyLevel_value[set.Consistency])
		}
		if plan.Schema.PartitionKey() != nil {
			req.NumPartitions = set.KeyPartitions
		}
		maps.Copy(properties, set.Properties)
		maps.DeleteFunc(properties, func(key, _ string) bool { return isSetLast(key) })
	}
	properties[ownerProperty] = s.owner.Job
	req.Properties = keyValues(properties)
	st, err := s.raw.CreateCollection(ctx, req)
	err = check(st, err)
	if permanent(err) {
		return fault.New(fault.Unsupported, "the target's server (%s) does not take the collection: %w", plan.Server, err)
	}
	return wrap(err, "create collection %s", plan.StagingName)
}

// tryIndexes has the server check the indexes' parameters while nothing is lost yet: it makes the indexes on the empty
// collection and drops them again, since copying into an unindexed collection is faster.
func (s *sink) tryIndexes(ctx context.Context, plan *transfer.TargetPlan) error {
	existing, err := s.indexes(ctx, plan.StagingName)
	if err != nil {
		return err
	}
	wanted, err := wantedIndexes(plan)
	if err != nil {
		return err
	}
	for _, ix := range wanted {
		if !indexed(existing, ix) {
			if err := refused(s.createIndex(ctx, plan.StagingName, ix), ix); err != nil {
				return err
			}
		}
	}
	// milvus-lite loads a collection that has its indexes
	state, err := s.loadState(ctx, plan.StagingName)
	if err == nil && state == commonpb.LoadState_LoadStateLoaded {
		err = s.release(ctx, plan.StagingName)
	}
	if err != nil {
		return err
	}
	for _, ix := range wanted {
		if err := s.dropIndex(ctx, plan.StagingName, ix.Field, ix.Name); err != nil {
			return err
		}
	}
	return nil
}

// dropStrays drops the staging collections of earlier runs of this job for this target.
func (s *sink) dropStrays(ctx context.Context, plan *transfer.TargetPlan) error {
	resp, err := s.raw.ShowCollections(ctx, &milvuspb.ShowCollectionsRequest{})
	if err := check(resp.GetStatus(), err); err != nil {
		return wrap(err, "list collections")
	}
	for _, name := range resp.GetCollectionNames() {
		if !strings.HasPrefix(name, stagingName(s.job.Collection, "")) || strings.HasPrefix(name, stagingName(s.job.Collection, replaced)) {
			continue
		}
		c, err := s.describe(ctx, name)
		if err != nil {
			return err
		}
		if c != nil && c.Properties[ownerProperty] == s.owner.Job {
			if err := s.drop(ctx, name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *sink) drop(ctx context.Context, name string) error {
	st, err := s.raw.DropCollection(ctx, &milvuspb.DropCollectionRequest{CollectionName: name})
	return wrap(check(st, err), "drop collection %s", name)
}

func (s *sink) Adopt(ctx context.Context, t *transfer.Target) (*transfer.Target, error) {
	now := *t
	var err error
	if now.Name, err = s.currentName(ctx, t); err != nil {
		return nil, err
	}
	if t.Fresh && now.Name != t.Plan.Collection { // once published it has no owner
		there, err := s.describe(ctx, now.Name)
		if err != nil {
			return nil, err
		}
		if there == nil || there.Properties[ownerProperty] != s.owner.Job {
			return nil, fault.New(fault.Conflict, "collection %s is not this job's any more", now.Name)
		}
	}
	return &now, nil
}

func (s *sink) Discard(ctx context.Context, t *transfer.Target) error {
	switch {
	case s.absent != nil:
		return nil // without its database nothing was made
	case t.Fresh:
		there, err := s.describe(ctx, t.Name)
		if err != nil || there == nil || t.CollectionID != 0 && there.ID != t.CollectionID || there.Properties[ownerProperty] != s.owner.Job {
			return err
		}
		if err := s.unpublish(ctx, t, there); err != nil {
			return err
		}
		return s.drop(ctx, t.Name)
	case t.Plan.Action == transfer.ActionPartition:
		there, err := s.describe(ctx, t.Name)
		if err != nil || there == nil || there.ID != t.CollectionID || there.Properties[fillingPrefix+t.Plan.Partition] != s.owner.Job {
			return err
		}
		if err := s.dropPartition(ctx, &t.Plan); err != nil {
			return err
		}
		return s.setProperties(ctx, t.Name, map[string]string{fillingPrefix + t.Plan.Partition: ""})
	}
	return nil
}
