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
	"milvusdm/internal/transfer"
)

// List resolves the collections that a job names into those that are there. A pattern stands for those that are not named
// beside it, by name, but for those that a job of this program made and has not put in place. A collection, partition or field
// that is not there, a pattern that matches none, and an alias, is refused; what a pattern does not stand for, or was dropped
// meanwhile, is left out.
func List(ctx context.Context, s job.MilvusSource) (found []job.Collection, left []transfer.Left, err error) {
	c, err := connectTo(ctx, s.Place(), s.MilvusServer)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if e := c.close(); err == nil {
			err = e
		}
		err = fault.Wrap(fault.Internal, err, "Milvus at %s", s.Address)
	}()
	names, err := c.collections(ctx)
	if err != nil {
		return nil, nil, err
	}
	chosen, idle := job.Choose(s.Collections, names)
	if len(idle) > 0 {
		return nil, nil, fault.New(fault.NotFound, "%s.collections: no collection of database %s matches %s; it has %s",
			s.Place(), c.database, idle[0], cmp.Or(shortList(names), "none"))
	}
	unfinished := 0
	for _, choice := range chosen {
		staged := false
		switch {
		case choice.FollowAlias:
			choice, err = c.follow(ctx, &s, choice)
		case choice.Pattern:
			staged, err = c.isStaged(ctx, choice.Name)
		}
		if err != nil {
			return nil, nil, err
		}
		if staged {
			unfinished++
			left = append(left, transfer.Left{Name: choice.Name, Why: "a job made it and has not put it in its place"})
			continue
		}
		err := c.checkChoice(ctx, &s, choice)
		if err != nil && choice.Pattern {
			there, lookErr := c.describe(ctx, choice.Name)
			if lookErr == nil && there == nil {
				left = append(left, transfer.Left{Name: choice.Name, Why: "it was dropped from the source"})
				continue
			}
		}
		if err != nil {
			return nil, nil, err
		}
		found = append(found, choice)
	}
	if len(chosen) == unfinished {
		return nil, nil, fault.New(fault.NotFound, "%s.collections: database %s of Milvus at %s holds no collection that is to be copied; it has %s",
			s.Place(), c.database, s.Address, cmp.Or(shortList(names), "none"))
	}
	return found, left, nil
}

// follow resolves an alias into the collection that it stands for now. A name that is no alias stays as it is.
func (c *conn) follow(ctx context.Context, s *job.MilvusSource, choice job.Collection) (job.Collection, error) {
	there, err := c.describe(ctx, choice.Name)
	if err == nil && there == nil {
		err = fault.New(fault.NotFound, "%s.collections: there is no alias %q in database %s", s.Place(), choice.Name, c.database)
	}
	choice.FollowAlias = false
	if err != nil || there.Name == choice.Name {
		return choice, err
	}
	choice.As = choice.Target()
	choice.Alias, choice.Name = choice.Name, there.Name
	return choice, nil
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
func (c *conn) checkChoice(ctx context.Context, s *job.MilvusSource, choice job.Collection) error {
	there, err := c.existing(ctx, s, choice.Name)
	if err != nil {
		return err
	}
	partitions, err := c.partitionsOf(ctx, choice.Name)
	if err != nil {
		return err
	}
	_, err = newView(s.Place(), choice, there, partitions)
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
func (c *conn) existing(ctx context.Context, s *job.MilvusSource, name string) (*collection, error) {
	there, err := c.describe(ctx, name)
	if err != nil {
		return nil, err
	}
	if there == nil {
		names, err := c.collections(ctx)
		if err != nil {
			return nil, err
		}
		has := cmp.Or(shortList(names), "none")
		if s.Side == job.SideTarget {
			return nil, fault.New(fault.NotFound, "the target collection %q does not exist in database %s, which has %s; "+
				"the job creates it when it runs", name, c.database, has)
		}
		return nil, fault.New(fault.NotFound, "%s.collections: there is no collection %q in database %s; it has %s",
			s.Place(), name, c.database, has)
	}
	if there.Name != name {
		return nil, fault.New(fault.Config, "%s.collections: %s is an alias of collection %s; write %s, or follow_alias: true beside the alias, "+
			"to copy what it stands for when a run begins", s.Place(), name, there.Name, there.Name)
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
