package milvus

import (
	"context"
	"strings"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/protobuf/proto"

	"milvusdm/internal/fault"
	"milvusdm/internal/transfer"
)

// The steps of Finalize.
const (
	stepFlush     = "flush"
	stepIndex     = "index"
	stepLoad      = "load"
	stepRelease   = transfer.StepRelease
	stepDropIndex = transfer.StepDropIndex
)

func (s *sink) Prepare(ctx context.Context, plan *transfer.TargetPlan) (*transfer.Target, error) {
	t := &transfer.Target{Plan: *plan, Name: plan.Collection, CollectionID: plan.CollectionID, Steps: []string{stepFlush, stepIndex, stepLoad}}
	if plan.StagingName != "" {
		t.Name, t.Fresh = plan.StagingName, true
		return t, s.prepareStaging(ctx, plan, t)
	}
	there, err := s.describe(ctx, plan.Collection)
	if err != nil {
		return nil, err
	}
	if there == nil || there.ID != plan.CollectionID {
		return nil, fault.New(fault.Conflict, "collection %s was dropped or made anew since the job looked at it; run it again", plan.Collection)
	}
	if plan.Partition != "" {
		if err := s.preparePartition(ctx, plan, there); err != nil {
			return nil, err
		}
	}
	return t, nil
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
	if err := s.tryIndex(ctx, plan); err != nil {
		return err
	}
	if plan.Partition != "" {
		return s.createPartition(ctx, plan.StagingName, plan.Partition)
	}
	return nil
}

// create makes the staging collection.
func (s *sink) create(ctx context.Context, plan *transfer.TargetPlan) error {
	schema := proto.Clone(plan.Schema.CollectionSchema).(*schemapb.CollectionSchema)
	schema.Name = plan.StagingName
	raw, err := proto.Marshal(schema)
	if err != nil {
		return err
	}
	st, err := s.raw.CreateCollection(ctx, &milvuspb.CreateCollectionRequest{
		CollectionName: plan.StagingName, Schema: raw, ShardsNum: s.job.Shards,
		ConsistencyLevel: commonpb.ConsistencyLevel_Bounded,
		Properties:       keyValues(map[string]string{ownerProperty: s.owner.Job}),
	})
	return wrap(check(st, err), "create collection %s", plan.StagingName)
}

// tryIndex has the server check the index's parameters while nothing is lost yet: it makes the index on the empty
// collection and drops it again, since copying into an unindexed collection is faster.
func (s *sink) tryIndex(ctx context.Context, plan *transfer.TargetPlan) error {
	existing, err := s.indexes(ctx, plan.StagingName)
	if err != nil {
		return err
	}
	if len(existing) == 0 {
		if err := refused(s.createIndex(ctx, plan.StagingName, plan.Index), plan.Index); err != nil {
			return err
		}
	}
	return s.dropIndex(ctx, plan.StagingName, plan.Index.Field)
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

// preparePartition makes the partition of a collection that is there; one that is to be refilled is dropped first.
func (s *sink) preparePartition(ctx context.Context, plan *transfer.TargetPlan, there *collection) error {
	id, err := s.partitionID(ctx, plan.Collection, plan.Partition)
	if err != nil {
		return err
	}
	if id != 0 && plan.Action == transfer.ActionAppend {
		return nil
	}
	mark := fillingPrefix + plan.Partition
	mine := there.Properties[mark] == s.owner.Job
	if plan.Action == transfer.ActionPartition && id != 0 && !mine {
		return fault.New(fault.Conflict, "partition %s was made since the job looked at it; run it again", plan.Partition)
	}
	if plan.Action == transfer.ActionRefill && id != 0 && id != plan.OldID && !mine {
		return fault.New(fault.Conflict, "partition %s was made anew since the job looked at it; run it again", plan.Partition)
	}
	if !mine {
		if err := s.setProperty(ctx, plan.Collection, mark, s.owner.Job); err != nil {
			return err
		}
	}
	if id != 0 && id == plan.OldID {
		if err := s.dropPartition(ctx, plan); err != nil {
			return err
		}
		id = 0
	}
	if id == 0 {
		if err := s.createPartition(ctx, plan.Collection, plan.Partition); err != nil {
			return err
		}
	}
	return nil
}

// dropPartition releases and drops a partition: one that is loaded can't be dropped. The collection's load state is put
// back when the job ends.
func (s *sink) dropPartition(ctx context.Context, plan *transfer.TargetPlan) error {
	st, err := s.raw.ReleasePartitions(ctx, &milvuspb.ReleasePartitionsRequest{CollectionName: plan.Collection, PartitionNames: []string{plan.Partition}})
	if err := check(st, err); err != nil {
		return wrap(err, "release partition %s of %s", plan.Partition, plan.Collection)
	}
	// partitions go by name, and one of this name is made next: a drop whose answer is lost must not arrive when that is filled
	ctx, cancel := context.WithTimeout(ctx, dropTimeout)
	defer cancel()
	st, err = s.raw.DropPartition(ctx, &milvuspb.DropPartitionRequest{CollectionName: plan.Collection, PartitionName: plan.Partition})
	err = wrap(check(st, err), "drop partition %s of %s", plan.Partition, plan.Collection)
	if fault.KindOf(err) == fault.Unavailable {
		<-ctx.Done()
	}
	return err
}

// dropTimeout is how long the server may take to drop a partition; later than that the call can't arrive any more.
const dropTimeout = 30 * time.Second

func (s *sink) createPartition(ctx context.Context, collection, partition string) error {
	id, err := s.partitionID(ctx, collection, partition)
	if err != nil || id != 0 {
		return err
	}
	st, err := s.raw.CreatePartition(ctx, &milvuspb.CreatePartitionRequest{CollectionName: collection, PartitionName: partition})
	return wrap(check(st, err), "create partition %s of %s", partition, collection)
}

func (s *sink) Adopt(ctx context.Context, t *transfer.Target) (*transfer.Target, error) {
	now := *t
	var err error
	if now.Name, err = s.currentName(ctx, t); err != nil {
		return nil, err
	}
	if t.Fresh {
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
		return s.setProperty(ctx, t.Name, fillingPrefix+t.Plan.Partition, "")
	}
	return nil
}
