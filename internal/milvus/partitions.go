package milvus

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"

	"milvusdm/internal/fault"
	"milvusdm/internal/transfer"
)

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
	if err := s.setProperties(ctx, plan.Collection, map[string]string{mark: s.owner.Job}); err != nil {
		return err
	}
	if id != 0 && id == plan.OldID {
		if err := s.dropPartition(ctx, plan); err != nil {
			return err
		}
		id = 0
	}
	if id == 0 {
		return s.createPartitions(ctx, plan.Collection, []string{plan.Partition})
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

// createPartitions makes those of the partitions that are not there.
func (s *sink) createPartitions(ctx context.Context, collection string, names []string) error {
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name == defaultPartition }) // which is there
	if len(names) == 0 {
		return nil
	}
	there, err := s.partitionNames(ctx, collection)
	if err != nil {
		return err
	}
	for _, name := range names {
		if slices.Contains(there, name) {
			continue
		}
		st, err := s.raw.CreatePartition(ctx, &milvuspb.CreatePartitionRequest{CollectionName: collection, PartitionName: name})
		if err := check(st, err); err != nil {
			return wrap(err, "create partition %s of %s", name, collection)
		}
		there = append(there, name)
	}
	return nil
}

// otherPartitions reports whether the collection has a partition that a row of the job does not go to, whatever its key.
func (s *sink) otherPartitions(ctx context.Context, plan *transfer.TargetPlan, there *collection) (bool, error) {
	if plan.NewIDs {
		return false, nil // no key can be in the way
	}
	if key := there.Schema.PartitionKey(); key != nil {
		if plan.Partition != "" {
			return false, fault.New(fault.Config, "collection %s chooses partitions by its field %q; leave the partition out", there.Name, key.GetName())
		}
		return false, nil
	}
	if len(plan.Partitions) > 1 {
		return true, nil // each is another one to the rows of the rest
	}
	own := defaultPartition
	if len(plan.Partitions) == 1 {
		own = plan.Partitions[0]
	}
	own = cmp.Or(plan.Partition, own)
	names, err := s.partitionNames(ctx, there.Name)
	return slices.ContainsFunc(names, func(name string) bool { return name != own }), err
}
