package milvus1

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
)

// defaultPartition is the name of the partition that every collection has, in Milvus 1.x as in 2.x.
const defaultPartition = "_default"

// List returns a choice for each collection that the job names: those named, in their order, and those of the directory that
// patterns stand for, by name.
func List(ctx context.Context, src *job.Milvus1Source) (chosen []job.Collection, err error) {
	c, err := openCatalog(ctx, src)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	names, err := c.collections(ctx)
	if err != nil {
		return nil, err
	}
	chosen, idle := job.Choose(src.Collections, names)
	if len(idle) > 0 {
		return nil, fault.New(fault.NotFound, "%s: there is no collection that %s matches; there %s", c.place, idle[0], listed(names))
	}
	for _, choice := range chosen {
		if !slices.Contains(names, choice.Name) {
			return nil, c.noCollection(choice.Name, names)
		}
	}
	return chosen, nil
}

// collections returns the names of all collections, sorted.
func (c *catalog) collections(ctx context.Context) ([]string, error) {
	tables, err := c.tables(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, t := range tables {
		if t.owner == "" {
			names = append(names, t.id)
		}
	}
	slices.Sort(names)
	return names, nil
}

func (c *catalog) noCollection(name string, names []string) error {
	return fault.New(fault.NotFound, "%s: there is no collection %q; there %s", c.place, name, listed(names))
}

// listed says which names there are.
func listed(names []string) string {
	const most = 20
	switch n := len(names); {
	case n == 0:
		return "is none"
	case n > most:
		return fmt.Sprintf("are %s and %d more", strings.Join(names[:most], ", "), n-most)
	case n == 1:
		return "is " + names[0]
	}
	return "are " + strings.Join(names, ", ")
}

// choose returns a collection and those partitions of it that are chosen, tagged: in the chosen order, or all, the default one
// first.
func (c *catalog) choose(ctx context.Context, choice *job.Collection) (collection table, chosen []table, err error) {
	tables, err := c.tables(ctx)
	if err != nil {
		return collection, nil, err
	}
	at := slices.IndexFunc(tables, func(t table) bool { return t.owner == "" && t.id == choice.Name })
	if at < 0 {
		names, err := c.collections(ctx)
		if err != nil {
			return collection, nil, err
		}
		return collection, nil, c.noCollection(choice.Name, names)
	}
	collection = tables[at]
	collection.tag = defaultPartition
	all, err := c.partitions(collection, tables)
	if err != nil {
		return collection, nil, err
	}
	for from := range choice.RenamePartitions {
		if _, err := c.partition(collection, all, from); err != nil {
			return collection, nil, err
		}
	}
	if len(choice.Partitions) == 0 {
		return collection, all, nil
	}
	for _, name := range choice.Partitions {
		t, err := c.partition(collection, all, name)
		if err != nil {
			return collection, nil, err
		}
		chosen = append(chosen, t)
	}
	return collection, chosen, nil
}

// partitions returns a collection's partitions, the default one first.
func (c *catalog) partitions(collection table, tables []table) ([]table, error) {
	all := []table{collection}
	seen := map[string]bool{defaultPartition: true}
	for _, t := range tables {
		if t.owner != collection.id {
			continue
		}
		if t.tag == "" || len(t.tag) > 255 || seen[t.tag] {
			return nil, fault.New(fault.Corrupt, "%s: partition %q of %q is named %.80q, as another one or not at all", c.place, t.id, collection.id, t.tag)
		}
		seen[t.tag] = true
		all = append(all, t)
	}
	for _, t := range all {
		if !validName(t.id) {
			return nil, fault.New(fault.Corrupt, "%s: table %.80q: no name of a folder of Milvus's", c.place, t.id)
		}
	}
	return all, nil
}

func (c *catalog) partition(collection table, all []table, name string) (table, error) {
	var tags []string
	for _, t := range all {
		if t.tag == name {
			return t, nil
		}
		tags = append(tags, t.tag)
	}
	return table{}, fault.New(fault.NotFound, "%s: collection %q has no partition %q; there %s", c.place, collection.id, name, listed(tags))
}
