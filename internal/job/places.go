package job

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// SourceName is a job's source for a person, as "vectors.h5", "a.h5 and 3 more" or "127.0.0.1:19530/default/articles".
func (j *Job) SourceName() string { return j.Source.name() }

// TargetName is a job's target for a person, as "127.0.0.1:19530/default/articles"; of a job that compares, what it compares
// with.
func (j *Job) TargetName() string {
	if j.Compare != nil {
		return j.Compare.name()
	}
	if t := j.Target.Kind(); t != nil {
		return t.Name(j.Collections())
	}
	return ""
}

// name is what a job reads, or compares with, for a person.
func (s *Source) name() string {
	if k := s.Kind(); k != nil {
		return k.Name()
	}
	return ""
}

func (s *MilvusServer) name() string { return s.Address + "/" + cmp.Or(s.Database, "default") }

// collectionsName names collections in a place, as "place/articles" or "place: 3 collections".
func collectionsName(place string, collections []Collection, name func(*Collection) string) string {
	all := slices.IndexFunc(collections, func(c Collection) bool { return c.Name == "*" })
	switch {
	case all >= 0 && name(&collections[all]) != "*": // they get other names
		return place + "/" + name(&collections[all])
	case all >= 0 && len(collections[all].Except) > 0:
		return place + ": all collections but " + strings.Join(collections[all].Except, ", ")
	case all >= 0:
		return place + ": all collections"
	case len(collections) > 1:
		return place + ": " + strconv.Itoa(len(collections)) + " collections"
	case len(collections) == 0:
		return place
	}
	c := &collections[0]
	if len(c.Partitions) > 0 {
		unit := " partitions"
		if len(c.Partitions) == 1 {
			unit = " partition"
		}
		return place + "/" + name(c) + ": " + strconv.Itoa(len(c.Partitions)) + unit
	}
	return place + "/" + name(c)
}

func sourceNameOf(c *Collection) string { return c.Name }
