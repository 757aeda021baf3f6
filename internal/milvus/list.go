package milvus

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
)

// List resolves the collections that a job names into those that are there. '*' stands for all that are not named beside it, by
// name, but for those that a job of this program made and has not put in place. A collection, partition or field that is not there, and an alias,
// is refused.
func List(ctx context.Context, s job.MilvusSource) (found []job.Collection, err error) {
	c, err := connectTo(ctx, "source.milvus", s.MilvusServer)
	if err != nil {
		return nil, err
	}
	defer func() {
		if e := c.close(); err == nil {
			err = wrap(e, "Milvus at %s", s.Address)
		}
	}()
	names, err := c.collections(ctx)
	if err != nil {
		return nil, err
	}
	var out []job.Collection
	for _, choice := range s.Collections {
		if choice.Name != "*" {
			out = append(out, choice)
			continue
		}
		for _, name := range names {
			if slices.ContainsFunc(s.Collections, func(o job.Collection) bool { return o.Name == name }) {
				continue
			}
			staged, err := c.isStaged(ctx, name)
			if err != nil {
				return nil, err
			}
			if staged {
				continue
			}
			one := choice
			one.Name = name
			out = append(out, one)
		}
	}
	if len(out) == 0 {
		return nil, fault.New(fault.NotFound, "source.milvus.collections: database %s of Milvus at %s holds no collection", c.database, s.Address)
	}
	for _, choice := range out {
		if err := c.checkChoice(ctx, choice); err != nil {
			return nil, err
		}
	}
	return out, nil
}

var stagedName = regexp.MustCompile(stagingMark + "(" + replaced + ")?[0-9a-f]{8}$")

// isStaged reports whether a collection is one that a job of this program made and has not put in place, or is about to drop. A
// user's collection may have a name like theirs: those have the job's mark as well, but for the one that is about to be dropped.
func (c *conn) isStaged(ctx context.Context, name string) (bool, error) {
	m := stagedName.FindStringSubmatch(name)
	if m == nil || m[1] != "" {
		return m != nil, nil
	}
	there, err := c.describe(ctx, name)
	return there != nil && there.Properties[ownerProperty] != "", err
}

// checkChoice refuses what is not there.
func (c *conn) checkChoice(ctx context.Context, choice job.Collection) error {
	there, err := c.existing(ctx, choice.Name)
	if err != nil {
		return err
	}
	partitions, err := c.partitionsOf(ctx, choice.Name)
	if err != nil {
		return err
	}
	_, err = newView(choice, there, partitions)
	return err
}

// collections names the database's collections, in order.
func (c *conn) collections(ctx context.Context) ([]string, error) {
	resp, err := c.raw.ShowCollections(ctx, &milvuspb.ShowCollectionsRequest{})
	if err := check(resp.GetStatus(), err); err != nil {
		return nil, wrap(err, "list collections")
	}
	return slices.Sorted(slices.Values(resp.GetCollectionNames())), nil
}

// existing describes a collection that has to be there.
func (c *conn) existing(ctx context.Context, name string) (*collection, error) {
	there, err := c.describe(ctx, name)
	if err != nil {
		return nil, err
	}
	if there == nil {
		names, err := c.collections(ctx)
		if err != nil {
			return nil, err
		}
		return nil, fault.New(fault.NotFound, "source.milvus.collections: there is no collection %q in database %s; it has %s",
			name, c.database, cmp.Or(shortList(names), "none"))
	}
	if there.Name != name {
		return nil, fault.New(fault.Config, "source.milvus.collections: %s is an alias of collection %s; write %s", name, there.Name, there.Name)
	}
	return there, nil
}

// shortList is a list for a message.
func shortList(names []string) string {
	const most = 20
	if len(names) > most {
		return strings.Join(names[:most], ", ") + ", ..."
	}
	return strings.Join(names, ", ")
}

// partitionsOf are a collection's partitions, by name. A server that has none answers as one that has the default one only.
func (c *conn) partitionsOf(ctx context.Context, name string) ([]partition, error) {
	resp, err := c.raw.ShowPartitions(ctx, &milvuspb.ShowPartitionsRequest{CollectionName: name})
	err = check(resp.GetStatus(), err)
	if is(err, fault.Unsupported) {
		return []partition{{source: defaultPartition}}, nil
	}
	if err != nil {
		return nil, wrap(err, "list partitions of %s", name)
	}
	var out []partition
	for i, p := range resp.GetPartitionNames() {
		one := partition{source: p}
		if i < len(resp.GetPartitionIDs()) {
			one.id = resp.GetPartitionIDs()[i]
		}
		out = append(out, one)
	}
	slices.SortFunc(out, func(a, b partition) int { return strings.Compare(a.source, b.source) })
	return out, nil
}
