package milvus

import (
	"context"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"

	"milvusdm/internal/fault"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

func (s *sink) Count(ctx context.Context, t *transfer.Target) (int64, error) {
	name, err := s.currentName(ctx, t)
	if err != nil {
		return 0, err
	}
	return s.count(ctx, name, "", partitions(t.Plan.Partition))
}

// currentName is where the target's rows stand: the staging name, or the final one once it is published.
func (s *sink) currentName(ctx context.Context, t *transfer.Target) (string, error) {
	for _, name := range []string{t.Name, t.Plan.Collection} {
		there, err := s.describe(ctx, name)
		if err != nil {
			return "", err
		}
		if there != nil && there.ID == t.CollectionID {
			return name, nil
		}
	}
	return "", fault.New(fault.Conflict, "collection %s (ID %d) is gone: it was dropped or made anew by somebody else", t.Name, t.CollectionID)
}

func partitions(name string) []string {
	if name == "" {
		return nil
	}
	return []string{name}
}

// CountKeys asks for the keys as an interval where they are one, which is much cheaper than a list; an interval that holds
// nothing answers for the list as well.
func (s *sink) CountKeys(ctx context.Context, t *transfer.Target, keys *rows.Keys, partition string) (int64, error) {
	if keys.Len() == 0 {
		return 0, nil
	}
	name, err := s.currentName(ctx, t)
	if err != nil {
		return 0, err
	}
	pk := t.Plan.Schema.PrimaryKey().GetName()
	low, high := keys.Range()
	n, err := s.count(ctx, name, between(pk, low, high), partitions(partition))
	gapless := keys.Strings == nil && uint64(high.Ints[0])-uint64(low.Ints[0]) == uint64(keys.Len()-1)
	if err != nil || n == 0 || gapless {
		return n, err
	}
	return s.count(ctx, name, isOneOf(pk, keys), partitions(partition))
}

func (s *sink) ExistingKeys(ctx context.Context, t *transfer.Target, keys *rows.Keys) (rows.KeySet, error) {
	var found rows.KeySet
	n, err := s.CountKeys(ctx, t, keys, "")
	if err != nil || n == 0 {
		return found, err
	}
	pk := t.Plan.Schema.PrimaryKey().GetName()
	resp, err := s.raw.Query(ctx, &milvuspb.QueryRequest{CollectionName: t.Name, Expr: isOneOf(pk, keys),
		OutputFields: []string{pk}, ConsistencyLevel: commonpb.ConsistencyLevel_Strong})
	if err := check(resp.GetStatus(), err); err != nil {
		return found, wrap(err, "look up %d keys in %s", keys.Len(), t.Name)
	}
	for _, f := range resp.GetFieldsData() {
		found.Add(f.GetScalars())
	}
	return found, nil
}

// count counts rows with Strong consistency: all that was acknowledged before is in. A key that was inserted twice counts
// twice, which no other query shows.
func (c *conn) count(ctx context.Context, name, expr string, partitions []string) (int64, error) {
	resp, err := c.raw.Query(ctx, &milvuspb.QueryRequest{CollectionName: name, Expr: expr, PartitionNames: partitions,
		OutputFields: []string{"count(*)"}, ConsistencyLevel: commonpb.ConsistencyLevel_Strong})
	if err := check(resp.GetStatus(), err); err != nil {
		return 0, wrap(err, "count the rows of %s", name)
	}
	for _, f := range resp.GetFieldsData() {
		if v := f.GetScalars().GetLongData().GetData(); len(v) == 1 {
			return v[0], nil
		}
	}
	return 0, fault.New(fault.Internal, "count the rows of %s: the server's answer holds no count", name)
}
