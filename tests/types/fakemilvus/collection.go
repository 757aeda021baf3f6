package fakemilvus

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/protobuf/proto"
)

const (
	defaultPartition = "_default"
	metaField        = "$meta"
)

type collection struct {
	id          int64
	name        string
	created     uint64
	schema      *schemapb.CollectionSchema // as Describe answers it
	shards      int32
	consistency commonpb.ConsistencyLevel
	properties  []*commonpb.KeyValuePair
	aliases     []string
	partitions  []*partition
	indexes     []*milvuspb.IndexDescription
	replicas    int32 // of a loaded collection
}

type partition struct {
	id     int64
	name   string
	loaded bool
	rows   []row
}

// primaryKey is the field of the primary key.
func (c *collection) primaryKey() *schemapb.FieldSchema {
	i := slices.IndexFunc(c.schema.Fields, (*schemapb.FieldSchema).GetIsPrimaryKey)
	return c.schema.Fields[i]
}

// partitionKey is the field by which rows are put into partitions, or nil.
func (c *collection) partitionKey() *schemapb.FieldSchema {
	if i := slices.IndexFunc(c.schema.Fields, (*schemapb.FieldSchema).GetIsPartitionKey); i >= 0 {
		return c.schema.Fields[i]
	}
	return nil
}

func (c *collection) partition(name string) (*partition, error) {
	for _, p := range c.partitions {
		if p.name == name {
			return p, nil
		}
	}
	return nil, refusal{200, fmt.Sprintf("partition not found[partition=%s]", name)}
}

func (c *collection) loaded() bool {
	return slices.ContainsFunc(c.partitions, func(p *partition) bool { return p.loaded })
}

func (s *Server) CreateCollection(_ context.Context, r *milvuspb.CreateCollectionRequest) (*commonpb.Status, error) {
	return statusOf(s.create(r)), nil
}

func (s *Server) create(r *milvuspb.CreateCollectionRequest) error {
	schema := &schemapb.CollectionSchema{}
	if err := proto.Unmarshal(r.GetSchema(), schema); err != nil {
		return invalid("schema: %v", err)
	}
	if _, err := s.find(r.GetCollectionName()); err == nil {
		return invalid("create duplicate collection with different parameters, collection: %s", r.GetCollectionName())
	}
	if schema.GetName() != r.GetCollectionName() {
		return invalid("collection name matches schema name failed: %s and %s", r.GetCollectionName(), schema.GetName())
	}
	if err := checkSchema(schema); err != nil {
		return err
	}
	schema.DbName = "default"
	c := &collection{id: s.nextID(), name: schema.Name, created: s.clock, schema: schema, shards: cmp.Or(r.GetShardsNum(), 1),
		consistency: r.GetConsistencyLevel(), properties: r.GetProperties()}
	names := []string{defaultPartition}
	if c.partitionKey() != nil {
		names = nil
		for i := range cmp.Or(r.GetNumPartitions(), 16) {
			names = append(names, fmt.Sprintf("%s_%d", defaultPartition, i))
		}
	} else if r.GetNumPartitions() != 0 {
		return invalid("num_partitions should only be specified with partition key field enabled")
	}
	for _, name := range names {
		c.partitions = append(c.partitions, &partition{id: s.nextID(), name: name})
	}
	s.collections = append(s.collections, c)
	return nil
}

// checkSchema refuses what Milvus refuses, and numbers the fields.
func checkSchema(schema *schemapb.CollectionSchema) error {
	keys, vectors := 0, 0
	number := int64(100)
	take := func(f *schemapb.FieldSchema) error {
		if f.GetName() == "" || f.GetName() == metaField {
			return invalid("field name %q", f.GetName())
		}
		if f.GetFieldID() != 0 && f.GetFieldID() != number {
			return invalid("field %s has ID %d; the server chooses IDs", f.GetName(), f.GetFieldID())
		}
		f.FieldID = number
		number++
		return nil
	}
	for _, f := range schema.Fields {
		if err := take(f); err != nil {
			return err
		}
		if f.IsPrimaryKey {
			keys++
			if f.Nullable || f.DefaultValue != nil {
				return invalid("primary field %s is nullable or has a default", f.Name)
			}
		}
		if isVector(f.DataType) {
			vectors++
		}
		if f.AutoID && !f.IsPrimaryKey {
			return invalid("only a primary key can be auto-generated: %s", f.Name)
		}
		if f.DefaultValue != nil {
			if _, err := defaultCell(f); err != nil {
				return invalid("%v", err)
			}
		}
		if f.IsDynamic {
			return invalid("cannot explicitly set a field as a dynamic field: %s", f.Name)
		}
	}
	for _, s := range schema.StructArrayFields {
		s.FieldID = number
		number++
		for _, f := range s.Fields {
			if f.DataType != schemapb.DataType_Array && f.DataType != schemapb.DataType_ArrayOfVector {
				return invalid("field %s of struct %s has type %v", f.Name, s.Name, f.DataType)
			}
			if err := take(f); err != nil {
				return err
			}
			if f.DataType == schemapb.DataType_ArrayOfVector {
				vectors++
			}
		}
	}
	if keys != 1 || vectors == 0 {
		return invalid("a collection needs one primary key and a vector field; it has %d and %d", keys, vectors)
	}
	if schema.GetEnableDynamicField() {
		schema.Properties = nil // the hidden field is not among those that Describe answers
	}
	return nil
}

func isVector(t schemapb.DataType) bool {
	return t >= schemapb.DataType_BinaryVector && t <= schemapb.DataType_ArrayOfVector
}

func (s *Server) DropCollection(_ context.Context, r *milvuspb.DropCollectionRequest) (*commonpb.Status, error) {
	c, err := s.find(r.GetCollectionName())
	if err != nil {
		return statusOf(nil), nil // dropping what is not there is no error in Milvus
	}
	if c.name != r.GetCollectionName() {
		return statusOf(invalid("cannot drop the collection via alias = %s", r.GetCollectionName())), nil
	}
	if len(c.aliases) > 0 {
		return statusOf(invalid("unable to drop the collection [%s] because it has associated aliases %v", c.name, c.aliases)), nil
	}
	s.collections = slices.DeleteFunc(s.collections, func(d *collection) bool { return d == c })
	return statusOf(nil), nil
}

func (s *Server) HasCollection(_ context.Context, r *milvuspb.HasCollectionRequest) (*milvuspb.BoolResponse, error) {
	_, err := s.find(r.GetCollectionName())
	return &milvuspb.BoolResponse{Status: &commonpb.Status{}, Value: err == nil}, nil
}

func (s *Server) DescribeCollection(_ context.Context, r *milvuspb.DescribeCollectionRequest) (*milvuspb.DescribeCollectionResponse, error) {
	c, err := s.find(r.GetCollectionName())
	if err != nil && r.GetCollectionID() != 0 {
		for _, d := range s.collections {
			if d.id == r.GetCollectionID() {
				c, err = d, nil
			}
		}
	}
	if err != nil {
		return &milvuspb.DescribeCollectionResponse{Status: statusOf(err)}, nil
	}
	schema := proto.Clone(c.schema).(*schemapb.CollectionSchema)
	for _, st := range schema.StructArrayFields {
		for _, f := range st.Fields {
			if f.ElementType == schemapb.DataType_None {
				return nil, fmt.Errorf("field %s of struct %s has no element type", f.Name, st.Name)
			}
		}
	}
	return &milvuspb.DescribeCollectionResponse{Status: &commonpb.Status{}, Schema: schema, CollectionID: c.id, CollectionName: c.name,
		CreatedTimestamp: c.created, UpdateTimestamp: c.created, ShardsNum: c.shards, ConsistencyLevel: c.consistency, Aliases: slices.Clone(c.aliases),
		Properties: c.properties, DbName: "default", NumPartitions: int64(len(c.partitions))}, nil
}

func (s *Server) ShowCollections(context.Context, *milvuspb.ShowCollectionsRequest) (*milvuspb.ShowCollectionsResponse, error) {
	out := &milvuspb.ShowCollectionsResponse{Status: &commonpb.Status{}}
	for _, c := range s.collections {
		out.CollectionNames = append(out.CollectionNames, c.name)
		out.CollectionIds = append(out.CollectionIds, c.id)
		out.CreatedTimestamps = append(out.CreatedTimestamps, c.created)
	}
	return out, nil
}

func (s *Server) RenameCollection(_ context.Context, r *milvuspb.RenameCollectionRequest) (*commonpb.Status, error) {
	c, err := s.find(r.GetOldName())
	if err == nil {
		if _, taken := s.find(r.GetNewName()); taken == nil {
			err = invalid("duplicated new collection name %s", r.GetNewName())
		}
	}
	if err == nil {
		c.name, c.schema.Name = r.GetNewName(), r.GetNewName()
	}
	return statusOf(err), nil
}

func (s *Server) AlterCollection(_ context.Context, r *milvuspb.AlterCollectionRequest) (*commonpb.Status, error) {
	c, err := s.find(r.GetCollectionName())
	if err != nil {
		return statusOf(err), nil
	}
	for _, kv := range r.GetProperties() {
		c.properties = append(without(c.properties, kv.GetKey()), kv)
	}
	for _, key := range r.GetDeleteKeys() {
		c.properties = without(c.properties, key)
	}
	return statusOf(nil), nil
}

func without(properties []*commonpb.KeyValuePair, key string) []*commonpb.KeyValuePair {
	return slices.DeleteFunc(slices.Clone(properties), func(kv *commonpb.KeyValuePair) bool { return kv.GetKey() == key })
}

func (s *Server) AlterCollectionField(_ context.Context, r *milvuspb.AlterCollectionFieldRequest) (*commonpb.Status, error) {
	c, err := s.find(r.GetCollectionName())
	if err != nil {
		return statusOf(err), nil
	}
	for _, f := range c.schema.Fields {
		if f.Name == r.GetFieldName() {
			for _, kv := range r.GetProperties() {
				f.TypeParams = append(without(f.TypeParams, kv.GetKey()), kv)
			}
			return statusOf(nil), nil
		}
	}
	return statusOf(invalid("field not found: %s", r.GetFieldName())), nil
}

func (s *Server) GetCollectionStatistics(_ context.Context, r *milvuspb.GetCollectionStatisticsRequest) (*milvuspb.GetCollectionStatisticsResponse, error) {
	c, err := s.find(r.GetCollectionName())
	n := 0
	if err == nil {
		for _, p := range c.partitions {
			n += len(p.rows)
		}
	}
	return &milvuspb.GetCollectionStatisticsResponse{Status: statusOf(err),
		Stats: []*commonpb.KeyValuePair{{Key: "row_count", Value: fmt.Sprint(n)}}}, nil
}

func (s *Server) CreateAlias(_ context.Context, r *milvuspb.CreateAliasRequest) (*commonpb.Status, error) {
	c, err := s.find(r.GetCollectionName())
	if err == nil {
		if _, taken := s.find(r.GetAlias()); taken == nil {
			err = refusal{1602, fmt.Sprintf("%s is alias to another collection or a collection", r.GetAlias())}
		}
	}
	if err == nil {
		c.aliases = append(c.aliases, r.GetAlias())
	}
	return statusOf(err), nil
}

func (s *Server) AlterAlias(_ context.Context, r *milvuspb.AlterAliasRequest) (*commonpb.Status, error) {
	c, err := s.find(r.GetCollectionName())
	if err == nil && !s.dropAlias(r.GetAlias()) {
		err = refusal{1600, fmt.Sprintf("alias not found[alias=%s]", r.GetAlias())}
	}
	if err == nil {
		c.aliases = append(c.aliases, r.GetAlias())
	}
	return statusOf(err), nil
}

func (s *Server) DropAlias(_ context.Context, r *milvuspb.DropAliasRequest) (*commonpb.Status, error) {
	s.dropAlias(r.GetAlias())
	return statusOf(nil), nil
}

func (s *Server) dropAlias(alias string) bool {
	for _, c := range s.collections {
		if i := slices.Index(c.aliases, alias); i >= 0 {
			c.aliases = slices.Delete(c.aliases, i, i+1)
			return true
		}
	}
	return false
}

func (s *Server) DescribeAlias(_ context.Context, r *milvuspb.DescribeAliasRequest) (*milvuspb.DescribeAliasResponse, error) {
	for _, c := range s.collections {
		if slices.Contains(c.aliases, r.GetAlias()) {
			return &milvuspb.DescribeAliasResponse{Status: &commonpb.Status{}, DbName: "default", Alias: r.GetAlias(), Collection: c.name}, nil
		}
	}
	return &milvuspb.DescribeAliasResponse{Status: statusOf(refusal{1600, fmt.Sprintf("alias not found[alias=%s]", r.GetAlias())})}, nil
}

func (s *Server) ListAliases(_ context.Context, r *milvuspb.ListAliasesRequest) (*milvuspb.ListAliasesResponse, error) {
	out := &milvuspb.ListAliasesResponse{Status: &commonpb.Status{}, DbName: "default", CollectionName: r.GetCollectionName()}
	for _, c := range s.collections {
		if r.GetCollectionName() == "" || c.name == r.GetCollectionName() {
			out.Aliases = append(out.Aliases, c.aliases...)
		}
	}
	return out, nil
}
