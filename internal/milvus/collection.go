package milvus

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"

	"milvusdm/internal/fault"
	"milvusdm/internal/rows"
)

// collection is what a server says of one of its collections.
type collection struct {
	ID            int64
	Created       uint64 // the server's timestamp
	Name          string
	Schema        rows.Schema
	Aliases       []string
	Properties    map[string]string
	Shards        int32
	Consistency   commonpb.ConsistencyLevel
	KeyPartitions int64 // how many partitions the values of a partition key are spread over

	place string
}

// incarnation is the same for two looks at one collection, whatever its name and the address of its server. It is what
// transfer.Settings.Collection holds. Of a server that numbers no collections, as milvus-lite, it is the place.
func (c *collection) incarnation() string {
	if c.ID == 0 {
		return c.place
	}
	return fmt.Sprintf("%d/%d", c.ID, c.Created)
}

// describe returns the collection, or nil when there is none of that name. An alias is answered with its collection.
func (c *conn) describe(ctx context.Context, name string) (*collection, error) {
	resp, err := c.raw.DescribeCollection(ctx, &milvuspb.DescribeCollectionRequest{CollectionName: name})
	if err := check(resp.GetStatus(), err); err != nil {
		if kindOf(err) == fault.NotFound {
			return nil, nil
		}
		return nil, wrap(err, "describe collection %s", name)
	}
	out := &collection{
		// the answer's own name is that of the request, an alias perhaps
		ID: resp.GetCollectionID(), Created: resp.GetCreatedTimestamp(), Name: resp.GetSchema().GetName(), Schema: rows.Schema{CollectionSchema: resp.GetSchema()},
		Aliases: resp.GetAliases(), Shards: resp.GetShardsNum(), Properties: map[string]string{},
		Consistency: resp.GetConsistencyLevel(), KeyPartitions: resp.GetNumPartitions(),
		place: fmt.Sprintf("%s/%s/%s", hostPort(c.address), c.database, resp.GetSchema().GetName()),
	}
	for _, kv := range resp.GetProperties() {
		out.Properties[kv.GetKey()] = kv.GetValue()
	}
	return out, nil
}

// partitionID returns the ID of a collection's partition, or 0 when there is none of that name.
func (c *conn) partitionID(ctx context.Context, collection, partition string) (int64, error) {
	resp, err := c.raw.ShowPartitions(ctx, &milvuspb.ShowPartitionsRequest{CollectionName: collection})
	if err := check(resp.GetStatus(), err); err != nil {
		return 0, wrap(err, "list partitions of %s", collection)
	}
	i := slices.Index(resp.GetPartitionNames(), partition)
	if i < 0 {
		return 0, nil
	}
	if i >= len(resp.GetPartitionIDs()) {
		return 0, fault.New(fault.Unsupported, "the server does not number its partitions, so %s can't be told from another of its name; leave the partition out", partition)
	}
	return resp.GetPartitionIDs()[i], nil
}

// partitionNames returns the names of a collection's partitions.
func (c *conn) partitionNames(ctx context.Context, collection string) ([]string, error) {
	all, err := c.partitionsOf(ctx, collection)
	var names []string
	for _, p := range all {
		names = append(names, p.source)
	}
	return names, err
}

// loadedInPart names the partitions of a loaded collection that are loaded, where others are not; nil where all are. The
// server calls such a collection loaded, and does not see the keys in the others.
func (c *conn) loadedInPart(ctx context.Context, name string) ([]string, error) {
	all, err := c.partitionNames(ctx, name)
	if err != nil || len(all) == 1 {
		return nil, err
	}
	in, err := c.loadedPartitions(ctx, name)
	if err != nil {
		return nil, err
	}
	loaded := slices.DeleteFunc(all, func(p string) bool { return !slices.Contains(in, p) })
	if len(loaded) == len(all) {
		return nil, nil
	}
	return loaded, nil
}

// loaded reports whether the collection is loaded, or some partitions of it. One that is being loaded, as all are after the
// server was started again, is waited for.
func (c *conn) loaded(ctx context.Context, name string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var state commonpb.LoadState
	err := wait(ctx, func() (bool, error) {
		var err error
		state, err = c.loadState(ctx, name)
		return state != commonpb.LoadState_LoadStateLoading, err
	})
	return state == commonpb.LoadState_LoadStateLoaded, wrap(err, "wait until %s is loaded", name)
}

func (c *conn) loadState(ctx context.Context, name string) (commonpb.LoadState, error) {
	resp, err := c.raw.GetLoadState(ctx, &milvuspb.GetLoadStateRequest{CollectionName: name})
	if err := check(resp.GetStatus(), err); err != nil {
		return 0, wrap(err, "load state of %s", name)
	}
	return resp.GetState(), nil
}

// replicas is how many replicas of a loaded collection there are, 0 where the server does not tell.
func (c *conn) replicas(ctx context.Context, name string, id int64) (int32, error) {
	resp, err := c.raw.GetReplicas(ctx, &milvuspb.GetReplicasRequest{CollectionID: id, CollectionName: name})
	err = check(resp.GetStatus(), err)
	if is(err, fault.Unsupported) { // milvus-lite
		return 0, nil
	}
	return int32(len(resp.GetReplicas())), wrap(err, "replicas of %s", name)
}

// indexes returns the descriptions of a collection's indexes, none where it has none.
func (c *conn) indexes(ctx context.Context, name string) ([]*milvuspb.IndexDescription, error) {
	resp, err := c.raw.DescribeIndex(ctx, &milvuspb.DescribeIndexRequest{CollectionName: name})
	if err := check(resp.GetStatus(), err); err != nil {
		if kindOf(err) == fault.NotFound {
			return nil, nil
		}
		return nil, wrap(err, "describe the indexes of %s", name)
	}
	return resp.GetIndexDescriptions(), nil
}

// setProperties sets properties of a collection, durably, and leaves its others. No release of Milvus 2.3 removes one: an empty
// value stands for that.
//
// It sends them twice. Milvus 2.3.5 stores a collection's properties as they were before the call, and shows those that were
// set until it is started again: the second call stores what the first one set. So it is called again, too, where an attempt
// before may have been cut off between the two.
func (c *conn) setProperties(ctx context.Context, name string, properties map[string]string) error {
	if len(properties) == 0 {
		return nil
	}
	keys := strings.Join(slices.Sorted(maps.Keys(properties)), ", ")
	for range 2 {
		st, err := c.raw.AlterCollection(ctx, &milvuspb.AlterCollectionRequest{CollectionName: name, Properties: keyValues(properties)})
		if err := check(st, err); err != nil {
			return wrap(err, "set %s of collection %s", keys, name)
		}
	}
	now, err := c.describe(ctx, name)
	if err != nil {
		return err
	}
	if now == nil {
		return fault.New(fault.Conflict, "collection %s was dropped while its properties %s were set", name, keys)
	}
	for key, value := range properties {
		if now.Properties[key] != value {
			return fault.New(fault.Internal, "property %s of collection %s is %q after it was set to %q", key, name, now.Properties[key], value)
		}
	}
	return nil
}

// keyValues turns a map into the wire's pairs, sorted by key.
func keyValues(m map[string]string) []*commonpb.KeyValuePair {
	var out []*commonpb.KeyValuePair
	for k, v := range m {
		out = append(out, &commonpb.KeyValuePair{Key: k, Value: v})
	}
	slices.SortFunc(out, func(a, b *commonpb.KeyValuePair) int {
		if a.Key < b.Key {
			return -1
		}
		return 1
	})
	return out
}
