package milvus

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"milvusdm/internal/transfer"
)

// Clean implements transfer.Cleaner. What has the job's property is the job's, and nothing else; a name proves nothing.
func (s *sink) Clean(
	ctx context.Context, made []transfer.Target, dry bool, report func(string),
) (*transfer.Cleaned, error) {
	out := &transfer.Cleaned{}
	if s.absent != nil {
		return out, nil // without its database nothing was made
	}
	names, err := s.collections(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		report("looking at collection " + name)
		c, err := s.describe(ctx, name)
		if err != nil {
			return nil, err
		}
		if c == nil {
			continue
		}
		if err := s.cleanPartitions(ctx, c, made, dry, out); err != nil {
			return nil, err
		}
		if err := s.cleanStaged(ctx, c, dry, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// cleanStaged drops a collection that the job staged. One that is being put in its place stays: the old one, or its
// aliases, may have been moved away already, and the next run of the job finishes that.
func (s *sink) cleanStaged(ctx context.Context, c *collection, dry bool, out *transfer.Cleaned) error {
	m := stagedName.FindStringSubmatch(c.Name)
	if m == nil || m[1] != "" || c.Properties[ownerProperty] != s.owner.Job {
		return nil
	}
	at := strings.LastIndex(c.Name, stagingMark) + len(stagingMark)
	old, err := s.describe(ctx, c.Name[:at]+replaced+c.Name[at:])
	if err != nil {
		return err
	}
	if old != nil || len(c.Aliases) > 0 {
		out.Kept = append(out.Kept, fmt.Sprintf("collection %s, which the job was putting in its place: run the "+
			"job again, which finishes that", c.Name))
		return nil
	}
	if !dry {
		if err := s.drop(ctx, c.Name); err != nil {
			return err
		}
	}
	out.Dropped = append(out.Dropped, "collection "+c.Name)
	return nil
}

// cleanPartitions drops the partitions of a collection that the job made and was filling. Where it is not known that it
// made them, they may hold others' rows, and stay.
func (s *sink) cleanPartitions(ctx context.Context, c *collection, made []transfer.Target, dry bool,
	out *transfer.Cleaned) error {
	for _, key := range slices.Sorted(maps.Keys(c.Properties)) {
		name, filling := strings.CutPrefix(key, fillingPrefix)
		if !filling || c.Properties[key] != s.owner.Job {
			continue
		}
		i := slices.IndexFunc(made, func(t transfer.Target) bool {
			return t.Plan.Action == transfer.ActionPartition && t.Plan.Partition == name &&
				t.CollectionID == c.ID && t.Name == c.Name
		})
		if i < 0 {
			out.Kept = append(out.Kept, fmt.Sprintf("partition %s of collection %s, which the job was filling: "+
				"run the job again to fill it, or drop it", name, c.Name))
			continue
		}
		if !dry {
			if err := s.Discard(ctx, &made[i]); err != nil {
				return err
			}
		}
		out.Dropped = append(out.Dropped, fmt.Sprintf("partition %s of collection %s", name, c.Name))
	}
	return nil
}
