package milvus

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"

	"milvusdm/internal/fault"
	"milvusdm/internal/transfer"
)

// ttlProperty is how many seconds a collection keeps a row.
const ttlProperty = "collection.ttl.seconds"

// isSetLast reports whether a property would be in the way of the copy, and so is set when all rows have been counted: it has rows
// expire, or has the server refuse writes or questions beyond a rate or a size (collection.insertRate.max.mb,
// collection.diskProtection.diskQuota.mb).
func isSetLast(property string) bool {
	name, ok := strings.CutPrefix(property, "collection.")
	kind, _, _ := strings.Cut(name, ".")
	return property == ttlProperty || ok && (strings.HasSuffix(kind, "Rate") || kind == "diskProtection")
}

// ownProperties are those that a collection does not pass on: this program's marks, and what ties it to a replica of another
// cluster, which takes no rows of users.
var ownProperties = []string{ownerProperty, fillingPrefix, "replicate."}

// planSettings fills in what a collection that is made gets besides its schema.
func (s *sink) planSettings(ctx context.Context, plan *transfer.TargetPlan, from *transfer.Description) error {
	is := from.Settings
	set := &transfer.Settings{Shards: cmp.Or(s.job.Shards, is.Shards), Consistency: is.Consistency, KeyPartitions: cmp.Or(s.job.NumPartitions, is.KeyPartitions),
		Properties: maps.Clone(is.Properties), Loaded: is.Loaded, Replicas: is.Replicas}
	plan.Settings = set
	note := func(format string, args ...any) { plan.Notes = append(plan.Notes, fmt.Sprintf(format, args...)) }
	if set.Consistency != "" {
		if _, ok := commonpb.ConsistencyLevel_value[set.Consistency]; !ok {
			return fault.New(fault.Corrupt, "the source's consistency level %q is none of Milvus's", set.Consistency)
		}
	}
	maps.DeleteFunc(set.Properties, func(key, _ string) bool {
		return slices.ContainsFunc(ownProperties, func(own string) bool { return strings.HasPrefix(key, own) })
	})
	if ttl := set.Properties[ttlProperty]; ttl != "" && ttl != "0" {
		note("rows expire %s seconds after they were written (%s), so those that are copied live on from now; it is set when all are counted", ttl, ttlProperty)
	}
	if plan.Partition == "" {
		set.Partitions = is.Partitions
	}
	for _, alias := range is.Aliases {
		holder, err := s.aliasHolder(ctx, alias, plan)
		if err != nil {
			return err
		}
		if holder != "" {
			note("alias %s is not made: it is %s", alias, holder)
			continue
		}
		set.Aliases = append(set.Aliases, alias)
	}
	if err := s.planIndexes(plan, from); err != nil {
		return err
	}
	return s.planReplicas(ctx, set, note)
}

// aliasHolder says for what else the name stands that is wanted as an alias; "" where it is free, or will be.
func (s *sink) aliasHolder(ctx context.Context, alias string, plan *transfer.TargetPlan) (string, error) {
	if alias == plan.Collection {
		return "the collection's own name", nil
	}
	if s.absent != nil {
		return "", nil
	}
	there, err := s.describe(ctx, alias)
	switch {
	case err != nil || there == nil || plan.OldID != 0 && there.ID == plan.OldID:
		return "", err
	case there.Name == alias:
		return "the name of another collection", nil
	}
	return "an alias of collection " + there.Name + ", and stays there", nil
}

// defaultGroup is the resource group that collections are loaded into.
const defaultGroup = "__default_resource_group"

// planReplicas asks for no more replicas than the server can load.
func (s *sink) planReplicas(ctx context.Context, set *transfer.Settings, note func(string, ...any)) error {
	if set.Replicas <= 1 {
		return nil
	}
	resp, err := s.raw.DescribeResourceGroup(ctx, &milvuspb.DescribeResourceGroupRequest{ResourceGroup: defaultGroup})
	if err := check(resp.GetStatus(), err); err != nil {
		return wrap(err, "ask for the query nodes")
	}
	if nodes := max(resp.GetResourceGroup().GetNumAvailableNode(), 1); nodes < set.Replicas {
		note("the collection is loaded with %d replicas in the source and with %d here: so many query nodes there are", set.Replicas, nodes)
		set.Replicas = nodes
	}
	return nil
}

// finish gives a collection, when it stands under its name, what it is to have last: aliases, the time that rows live, and
// limits of rates and size. An alias that somebody took while the job ran is left there.
func (s *sink) finish(ctx context.Context, t *transfer.Target) error {
	set := t.Plan.Settings
	if set == nil {
		return nil
	}
	for _, alias := range set.Aliases {
		there, err := s.describe(ctx, alias)
		if err != nil {
			return err
		}
		if there != nil {
			continue
		}
		st, err := s.raw.CreateAlias(ctx, &milvuspb.CreateAliasRequest{CollectionName: t.Plan.Collection, Alias: alias})
		if err := check(st, err); err != nil {
			return wrap(err, "make alias %s of %s", alias, t.Plan.Collection)
		}
	}
	last := maps.Clone(set.Properties)
	maps.DeleteFunc(last, func(key, value string) bool { return !isSetLast(key) || value == "" })
	return s.setProperties(ctx, t.Plan.Collection, last)
}
