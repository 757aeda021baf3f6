package milvus

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"

	"milvusdm/internal/fault"
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
func (s *sink) CountKeys(ctx context.Context, t *transfer.Target, keys *transfer.Keys, partition string) (int64, error) {
	if keys.Len() == 0 {
		return 0, nil
	}
	name, err := s.currentName(ctx, t)
	if err != nil {
		return 0, err
	}
	pk := t.Plan.Schema.PrimaryKey().GetName()
	low, high := slices.Min(keys.Ints), slices.Max(keys.Ints)
	n, err := s.count(ctx, name, interval(pk, low, high), partitions(partition))
	if err != nil || n == 0 || uint64(high)-uint64(low) == uint64(keys.Len()-1) {
		return n, err
	}
	return s.count(ctx, name, isOneOf(pk, keys.Ints), partitions(partition))
}

func (s *sink) ExistingKeys(ctx context.Context, t *transfer.Target, keys *transfer.Keys) (transfer.KeySet, error) {
	var found transfer.KeySet
	n, err := s.CountKeys(ctx, t, keys, "")
	if err != nil || n == 0 {
		return found, err
	}
	pk := t.Plan.Schema.PrimaryKey().GetName()
	resp, err := s.raw.Query(ctx, &milvuspb.QueryRequest{CollectionName: t.Name, Expr: isOneOf(pk, keys.Ints),
		OutputFields: []string{pk}, ConsistencyLevel: commonpb.ConsistencyLevel_Strong})
	if err := check(resp.GetStatus(), err); err != nil {
		return found, wrap(err, "look up %d keys in %s", keys.Len(), t.Name)
	}
	for _, f := range resp.GetFieldsData() {
		found.Add(f.GetScalars())
	}
	return found, nil
}

// isOneOf is the expression pk in [keys].
func isOneOf(pk string, keys []int64) string {
	list := make([]byte, 0, 2*len(pk)+40+8*len(keys))
	if slices.Contains(keys, math.MinInt64) { // which can't be written as a literal
		list = fmt.Appendf(list, "%s < %d or ", pk, math.MinInt64+1)
	}
	list = append(append(list, pk...), " in ["...)
	sep := ""
	for _, k := range keys {
		if k == math.MinInt64 {
			continue
		}
		list = strconv.AppendInt(append(list, sep...), k, 10)
		sep = ","
	}
	return string(append(list, ']'))
}

// interval is the expression low <= pk <= high; the lowest int64 can't be written as a literal.
func interval(pk string, low, high int64) string {
	upper := fmt.Sprintf("%s <= %d", pk, high)
	if low == -1<<63 {
		if high == -1<<63 {
			return fmt.Sprintf("%s < %d", pk, low+1)
		}
		return upper
	}
	return fmt.Sprintf("%s >= %d and %s", pk, low, upper)
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
