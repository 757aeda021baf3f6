package milvus

import (
	"cmp"
	"context"
	"fmt"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/protobuf/proto"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/transfer"
)

// defaultPartition is the partition that each collection has, which can't be dropped.
const defaultPartition = "_default"

func (s *sink) Inspect(ctx context.Context, from *transfer.Description) (*transfer.TargetPlan, error) {
	vectors := from.Schema.Vectors()
	if len(vectors) == 0 {
		return nil, fault.New(fault.Unsupported, "the source has no vector field, and a Milvus collection needs one")
	}
	plan := &transfer.TargetPlan{Place: s.place(), LockID: lockID(s.address, s.database, s.job.Collection),
		Collection: s.job.Collection, Partition: s.job.Partition, OnExisting: s.copy.OnExisting, Server: "Milvus " + s.version}
	if d := s.job.Dimension; d != 0 && transfer.TypeParam(vectors[0], "dim") != fmt.Sprint(d) {
		return nil, fault.New(fault.Config, "dimension: the job says %d, the data has %s", d, transfer.TypeParam(vectors[0], "dim"))
	}
	var err error
	if plan.Index, err = chooseIndex(vectors[0], s.job.Index, from.Metric); err != nil {
		return nil, err
	}
	there, err := s.describe(ctx, s.job.Collection)
	if err != nil {
		return nil, err
	}
	if there == nil {
		return plan, s.planNew(plan, transfer.ActionCreate, from)
	}
	if there.Name != s.job.Collection {
		return nil, fault.New(fault.Config, "target.milvus.collection: %s is an alias of collection %s; write %s", s.job.Collection, there.Name, there.Name)
	}
	plan.CollectionID = there.ID
	if plan.Loaded, err = s.loaded(ctx, s.job.Collection); err != nil {
		return nil, err
	}
	if plan.Loaded {
		if err := s.whollyLoaded(ctx, s.job.Collection); err != nil {
			return nil, err
		}
	}
	if err := s.decide(ctx, plan, there, from); err != nil {
		return nil, err
	}
	plan.KeepLoaded = s.keepLoaded(plan.Loaded)
	return plan, nil
}

// keepLoaded says how the collection is left, which before was loaded or not.
func (s *sink) keepLoaded(before bool) bool {
	return s.job.Load == "yes" || s.job.Load != "no" && before
}

// planNew fills in a collection that is made under a staging name.
func (s *sink) planNew(plan *transfer.TargetPlan, action transfer.Action, from *transfer.Description) error {
	plan.Action = action
	plan.StagingName = stagingName(s.job.Collection, s.owner.Stage)
	schema := proto.Clone(from.Schema.CollectionSchema).(*schemapb.CollectionSchema)
	schema.Name = s.job.Collection
	schema.Description = s.job.Description
	plan.Schema = transfer.Schema{CollectionSchema: schema}
	if action == transfer.ActionCreate {
		plan.KeepLoaded = s.keepLoaded(true)
	}
	for _, f := range schema.Fields {
		if f.GetIsPrimaryKey() {
			return nil
		}
	}
	return fault.New(fault.Internal, "the source's schema has no primary key")
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
		return s.planNew(plan, transfer.ActionReplace, from)
	case s.job.Mode == job.Skip && (s.job.Partition == "" || partition != 0):
		plan.Action = transfer.ActionSkip
		if by := there.Properties[fillingPrefix+s.job.Partition]; s.job.Partition != "" && by != "" {
			plan.Action, plan.OnExisting = transfer.ActionAppend, "replace"
			plan.Notes = append(plan.Notes, fmt.Sprintf("partition %s was left half-filled by job %s; it is filled up, rows that are there are replaced", s.job.Partition, by))
		}
	case s.job.Mode == job.Overwrite && partition != 0:
		if s.job.Partition == defaultPartition {
			return fault.New(fault.Unsupported, "target.milvus.partition: Milvus can't drop the partition %s; overwrite the whole collection (no partition), or another partition", defaultPartition)
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
	notes, err := fits(from.Schema, there)
	if err != nil {
		return err
	}
	plan.Notes = append(plan.Notes, notes...)
	if err := s.keepIndex(ctx, plan); err != nil {
		return err
	}
	if plan.OtherPartitions, err = s.otherPartitions(ctx, there); err != nil {
		return err
	}
	return s.countExisting(ctx, plan)
}

// keepIndex: an index that is there stays as it is.
func (s *sink) keepIndex(ctx context.Context, plan *transfer.TargetPlan) error {
	existing, err := s.indexes(ctx, plan.Collection)
	if err != nil {
		return err
	}
	for _, d := range existing {
		if d.GetFieldName() != plan.Index.Field {
			continue
		}
		is := transfer.Index{Field: d.GetFieldName()}
		for _, kv := range d.GetParams() {
			switch kv.GetKey() {
			case "index_type":
				is.Type = kv.GetValue()
			case "metric_type":
				is.Metric = kv.GetValue()
			}
		}
		if w := s.job.Index; w.Type != "" && w.Type != is.Type || w.Metric != "" && w.Metric != is.Metric {
			plan.Notes = append(plan.Notes, fmt.Sprintf("field %s has an index %s with metric %s, which stays; the job's %s %s is for a new collection", is.Field, is.Type, is.Metric, w.Type, w.Metric))
		}
		plan.Index, plan.Indexed = is, true
	}
	return nil
}

// otherPartitions reports whether the collection has a partition that the job's rows do not go to, whatever their keys.
func (s *sink) otherPartitions(ctx context.Context, there *collection) (bool, error) {
	for _, f := range there.Schema.GetFields() {
		if f.GetIsPartitionKey() {
			if s.job.Partition != "" {
				return false, fault.New(fault.Config, "target.milvus.partition: collection %s chooses partitions by its field %q; leave partition out", there.Name, f.GetName())
			}
			return false, nil
		}
	}
	resp, err := s.raw.ShowPartitions(ctx, &milvuspb.ShowPartitionsRequest{CollectionName: there.Name})
	if err := check(resp.GetStatus(), err); err != nil {
		return false, wrap(err, "list partitions of %s", there.Name)
	}
	for _, name := range resp.GetPartitionNames() {
		if name != cmp.Or(s.job.Partition, defaultPartition) {
			return true, nil
		}
	}
	return false, nil
}

// countExisting counts the rows that stand in the collection, where that can be known without loading it.
func (s *sink) countExisting(ctx context.Context, plan *transfer.TargetPlan) error {
	plan.Rows = -1
	if !plan.Loaded {
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
	return collection[:min(len(collection), maxName-len(stagingMark)-stageLength)] + stagingMark + stage
}
