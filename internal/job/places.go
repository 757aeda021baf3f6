package job

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// SourceName is a job's source for a person, as "vectors.h5", "a.h5 and 3 more" or "127.0.0.1:19530/default/articles".
func (j *Job) SourceName() string { return j.Source.name() }

// TargetName is a job's target for a person, as "127.0.0.1:19530/default/articles"; of a job that compares, what it compares
// with.
func (j *Job) TargetName() string {
	switch t := j.Target.Milvus; {
	case j.Compare != nil:
		return j.Compare.name()
	case t != nil && j.Collections() != nil:
		return collectionsName(serverName(&t.MilvusServer), j.Collections(), (*Collection).Target)
	case t != nil && t.Partition != "":
		return serverName(&t.MilvusServer) + "/" + t.Collection + "/" + t.Partition
	case t != nil:
		return serverName(&t.MilvusServer) + "/" + t.Collection
	case j.Target.HDF5 != nil:
		return j.Target.HDF5.Directory
	}
	return ""
}

// name is what a job reads, or compares with, for a person.
func (s *Source) name() string {
	name := func(c *Collection) string { return c.Name }
	switch {
	case s.Milvus != nil:
		return collectionsName(serverName(&s.Milvus.MilvusServer), s.Milvus.Collections, name)
	case s.Milvus1 != nil:
		return collectionsName(s.Milvus1.Path, s.Milvus1.Collections, name)
	case s.Export != nil:
		return collectionsName(s.Export.Path, s.Export.Collections, name)
	}
	f := s.input()
	switch {
	case f == nil || len(f.Paths) == 0:
		return ""
	case len(f.Paths) == 1:
		return f.Paths[0]
	}
	return fmt.Sprintf("%s and %d more", f.Paths[0], len(f.Paths)-1)
}

func serverName(s *MilvusServer) string { return s.Address + "/" + cmp.Or(s.Database, "default") }

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

// input are a source's input files, nil where it reads none.
func (s *Source) input() *Files {
	switch {
	case s.HDF5 != nil:
		return &s.HDF5.Files
	case s.Faiss != nil:
		return &s.Faiss.Files
	}
	return nil
}
