package fakemilvus

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

func (s *Server) CreatePartition(_ context.Context, r *milvuspb.CreatePartitionRequest) (*commonpb.Status, error) {
	c, err := s.find(r.GetCollectionName())
	switch {
	case err != nil:
	case c.partitionKey() != nil:
		err = invalid("disable create partition if partition key mode is used")
	default:
		if _, missing := c.partition(r.GetPartitionName()); missing != nil {
			c.partitions = append(c.partitions, &partition{id: s.nextID(), name: r.GetPartitionName(), loaded: c.loaded()})
		}
	}
	return statusOf(err), nil
}

func (s *Server) DropPartition(_ context.Context, r *milvuspb.DropPartitionRequest) (*commonpb.Status, error) {
	c, err := s.find(r.GetCollectionName())
	if err != nil {
		return statusOf(err), nil
	}
	p, err := c.partition(r.GetPartitionName())
	switch {
	case err != nil:
	case p.name == defaultPartition:
		err = invalid("default partition cannot be deleted")
	case p.loaded:
		err = invalid("partition cannot be dropped, partition is loaded, please release it first")
	default:
		c.partitions = slices.DeleteFunc(c.partitions, func(q *partition) bool { return q == p })
	}
	return statusOf(err), nil
}

func (s *Server) HasPartition(_ context.Context, r *milvuspb.HasPartitionRequest) (*milvuspb.BoolResponse, error) {
	c, err := s.find(r.GetCollectionName())
	if err != nil {
		return &milvuspb.BoolResponse{Status: statusOf(err)}, nil
	}
	_, err = c.partition(r.GetPartitionName())
	return &milvuspb.BoolResponse{Status: &commonpb.Status{}, Value: err == nil}, nil
}

func (s *Server) ShowPartitions(_ context.Context, r *milvuspb.ShowPartitionsRequest) (*milvuspb.ShowPartitionsResponse, error) {
	c, err := s.find(r.GetCollectionName())
	out := &milvuspb.ShowPartitionsResponse{Status: statusOf(err)}
	if err != nil {
		return out, nil
	}
	for _, p := range c.partitions {
		if r.GetType() == milvuspb.ShowType_InMemory && !p.loaded { //nolint:staticcheck // what clients of Milvus 2.3 ask with
			continue
		}
		out.PartitionNames = append(out.PartitionNames, p.name)
		out.PartitionIDs = append(out.PartitionIDs, p.id)
		out.InMemoryPercentages = append(out.InMemoryPercentages, 100) //nolint:staticcheck // the same
	}
	return out, nil
}

// chosen are the partitions of those names; without names, all.
func (c *collection) chosen(names []string) ([]*partition, error) {
	if len(names) == 0 {
		return c.partitions, nil
	}
	var out []*partition
	for _, name := range names {
		p, err := c.partition(name)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

func (s *Server) setLoaded(collection string, names []string, loaded bool, replicas int32) (*commonpb.Status, error) {
	c, err := s.find(collection)
	if err != nil {
		return statusOf(err), nil
	}
	if loaded {
		for _, f := range vectorFields(c.schema) {
			if !slices.ContainsFunc(c.indexes, func(d *milvuspb.IndexDescription) bool { return d.GetFieldName() == f }) {
				return statusOf(refusal{700, fmt.Sprintf("there is no vector index on field: [%s], please create index firstly", f)}), nil
			}
		}
		c.replicas = cmp.Or(replicas, 1)
	}
	partitions, err := c.chosen(names)
	for _, p := range partitions {
		p.loaded = loaded
	}
	return statusOf(err), nil
}

// vectorFields are the fields that need an index; one of a struct is called by both names, as struct[field].
func vectorFields(schema *schemapb.CollectionSchema) []string {
	var out []string
	for _, f := range schema.Fields {
		if isVector(f.DataType) {
			out = append(out, f.Name)
		}
	}
	for _, st := range schema.StructArrayFields {
		for _, f := range st.Fields {
			if isVector(f.DataType) {
				out = append(out, st.Name+"["+f.Name+"]")
			}
		}
	}
	return out
}

func (s *Server) LoadCollection(_ context.Context, r *milvuspb.LoadCollectionRequest) (*commonpb.Status, error) {
	return s.setLoaded(r.GetCollectionName(), nil, true, r.GetReplicaNumber())
}

func (s *Server) LoadPartitions(_ context.Context, r *milvuspb.LoadPartitionsRequest) (*commonpb.Status, error) {
	return s.setLoaded(r.GetCollectionName(), r.GetPartitionNames(), true, r.GetReplicaNumber())
}

func (s *Server) ReleaseCollection(_ context.Context, r *milvuspb.ReleaseCollectionRequest) (*commonpb.Status, error) {
	return s.setLoaded(r.GetCollectionName(), nil, false, 0)
}

func (s *Server) ReleasePartitions(_ context.Context, r *milvuspb.ReleasePartitionsRequest) (*commonpb.Status, error) {
	return s.setLoaded(r.GetCollectionName(), r.GetPartitionNames(), false, 0)
}

func (s *Server) GetLoadState(_ context.Context, r *milvuspb.GetLoadStateRequest) (*milvuspb.GetLoadStateResponse, error) {
	c, err := s.find(r.GetCollectionName())
	if err != nil {
		return &milvuspb.GetLoadStateResponse{Status: &commonpb.Status{}, State: commonpb.LoadState_LoadStateNotExist}, nil
	}
	partitions, err := c.chosen(r.GetPartitionNames())
	state := commonpb.LoadState_LoadStateNotLoad
	if slices.ContainsFunc(partitions, func(p *partition) bool { return p.loaded }) {
		state = commonpb.LoadState_LoadStateLoaded
	}
	return &milvuspb.GetLoadStateResponse{Status: statusOf(err), State: state}, nil
}

func (s *Server) GetLoadingProgress(_ context.Context, r *milvuspb.GetLoadingProgressRequest) (*milvuspb.GetLoadingProgressResponse, error) {
	c, err := s.find(r.GetCollectionName())
	if err == nil && !c.loaded() {
		err = refusal{101, fmt.Sprintf("collection not loaded[collection=%s]", r.GetCollectionName())}
	}
	return &milvuspb.GetLoadingProgressResponse{Status: statusOf(err), Progress: 100, RefreshProgress: 100}, nil
}

func (s *Server) GetReplicas(_ context.Context, r *milvuspb.GetReplicasRequest) (*milvuspb.GetReplicasResponse, error) {
	c, err := s.find(r.GetCollectionName())
	if err != nil {
		for _, d := range s.collections {
			if d.id == r.GetCollectionID() {
				c, err = d, nil
			}
		}
	}
	out := &milvuspb.GetReplicasResponse{Status: statusOf(err)}
	if err == nil && c.loaded() {
		for range c.replicas {
			out.Replicas = append(out.Replicas, &milvuspb.ReplicaInfo{CollectionID: c.id, ReplicaID: s.nextID()})
		}
	}
	return out, nil
}

func (s *Server) CreateIndex(_ context.Context, r *milvuspb.CreateIndexRequest) (*commonpb.Status, error) {
	c, err := s.find(r.GetCollectionName())
	if err == nil && !c.hasField(r.GetFieldName()) {
		err = invalid("cannot create index on non-exist field: %s", r.GetFieldName())
	}
	if err == nil {
		name := cmp.Or(r.GetIndexName(), r.GetFieldName())
		if slices.ContainsFunc(c.indexes, func(d *milvuspb.IndexDescription) bool { return d.GetIndexName() == name }) {
			err = invalid("at most one distinct index is allowed per field")
		} else {
			c.indexes = append(c.indexes, &milvuspb.IndexDescription{IndexName: name, IndexID: s.nextID(),
				FieldName: r.GetFieldName(), Params: r.GetExtraParams(), State: commonpb.IndexState_Finished})
		}
	}
	return statusOf(err), nil
}

func (c *collection) hasField(name string) bool {
	if slices.ContainsFunc(c.schema.Fields, func(f *schemapb.FieldSchema) bool { return f.Name == name }) {
		return true
	}
	return slices.Contains(vectorFields(c.schema), name)
}

func (s *Server) DropIndex(_ context.Context, r *milvuspb.DropIndexRequest) (*commonpb.Status, error) {
	c, err := s.find(r.GetCollectionName())
	if err == nil && c.loaded() {
		err = invalid("vector index cannot be dropped on loaded collection: %s", c.name)
	}
	if err == nil {
		c.indexes = slices.DeleteFunc(c.indexes, func(d *milvuspb.IndexDescription) bool {
			if r.GetIndexName() != "" {
				return d.GetIndexName() == r.GetIndexName()
			}
			return d.GetFieldName() == r.GetFieldName()
		})
	}
	return statusOf(err), nil
}

func (s *Server) DescribeIndex(_ context.Context, r *milvuspb.DescribeIndexRequest) (*milvuspb.DescribeIndexResponse, error) {
	c, err := s.find(r.GetCollectionName())
	if err != nil {
		return &milvuspb.DescribeIndexResponse{Status: statusOf(err)}, nil
	}
	out := &milvuspb.DescribeIndexResponse{Status: &commonpb.Status{}}
	for _, d := range c.indexes {
		if (r.GetIndexName() == "" || r.GetIndexName() == d.GetIndexName()) && (r.GetFieldName() == "" || r.GetFieldName() == d.GetFieldName()) {
			out.IndexDescriptions = append(out.IndexDescriptions, d)
		}
	}
	if len(out.IndexDescriptions) == 0 {
		out.Status = statusOf(refusal{700, fmt.Sprintf("index not found[collection=%s]", c.name)})
	}
	return out, nil
}

func (s *Server) Flush(_ context.Context, r *milvuspb.FlushRequest) (*milvuspb.FlushResponse, error) {
	out := &milvuspb.FlushResponse{Status: &commonpb.Status{}, CollSegIDs: map[string]*schemapb.LongArray{}, CollFlushTs: map[string]uint64{}}
	for _, name := range r.GetCollectionNames() {
		c, err := s.find(name)
		if err != nil {
			out.Status = statusOf(err)
			return out, nil
		}
		out.CollSegIDs[name] = &schemapb.LongArray{Data: []int64{c.id}}
		out.CollFlushTs[name] = s.clock
	}
	return out, nil
}

func (s *Server) GetFlushState(context.Context, *milvuspb.GetFlushStateRequest) (*milvuspb.GetFlushStateResponse, error) {
	return &milvuspb.GetFlushStateResponse{Status: &commonpb.Status{}, Flushed: true}, nil
}
