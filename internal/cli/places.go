package cli

import (
	"fmt"
	"slices"
	"strings"

	"milvusdm/internal/job"
)

// sourceName is a job's source for a person, as "vectors.h5", "a.h5 and 3 more" or "127.0.0.1:19530/default/articles".
func sourceName(j *job.Job) string { return sideName(&j.Source) }

// targetName is a job's target for a person, as "127.0.0.1:19530/default/articles"; of a job that compares, what it compares
// with.
func targetName(j *job.Job) string {
	switch t := j.Target.Milvus; {
	case j.Compare != nil:
		return sideName(j.Compare)
	case t != nil && j.Collections() != nil:
		return collectionsName(serverName(&t.MilvusServer), j.Collections(), (*job.Collection).Target)
	case t != nil && t.Partition != "":
		return serverName(&t.MilvusServer) + "/" + t.Collection + "/" + t.Partition
	case t != nil:
		return serverName(&t.MilvusServer) + "/" + t.Collection
	case j.Target.HDF5 != nil:
		return j.Target.HDF5.Directory
	}
	return ""
}

// sideName is what a job reads, or compares with, for a person.
func sideName(s *job.Source) string {
	name := func(c *job.Collection) string { return c.Name }
	switch {
	case s.Milvus != nil:
		return collectionsName(serverName(&s.Milvus.MilvusServer), s.Milvus.Collections, name)
	case s.Milvus1 != nil:
		return collectionsName(s.Milvus1.Path, s.Milvus1.Collections, name)
	case s.Export != nil:
		return collectionsName(s.Export.Path, s.Export.Collections, name)
	}
	f := files(s)
	switch {
	case f == nil || len(f.Paths) == 0:
		return ""
	case len(f.Paths) == 1:
		return f.Paths[0]
	}
	return fmt.Sprintf("%s and %d more", f.Paths[0], len(f.Paths)-1)
}

func serverName(s *job.MilvusServer) string { return s.Address + "/" + first(s.Database, "default") }

// collectionsName names collections in a place, as "place/articles" or "place: 3 collections".
func collectionsName(place string, collections []job.Collection, name func(*job.Collection) string) string {
	all := slices.IndexFunc(collections, func(c job.Collection) bool { return c.Name == "*" })
	switch {
	case all >= 0 && len(collections[all].Except) > 0:
		return place + ": all collections but " + strings.Join(collections[all].Except, ", ")
	case all >= 0:
		return place + ": all collections"
	case len(collections) > 1:
		return place + ": " + plural(len(collections), "collection")
	case len(collections) == 0:
		return place
	}
	c := &collections[0]
	if len(c.Partitions) > 0 {
		return place + "/" + name(c) + ": " + plural(len(c.Partitions), "partition")
	}
	return place + "/" + name(c)
}

// files are a source's input files, nil where it reads none.
func files(s *job.Source) *job.Files {
	switch {
	case s.HDF5 != nil:
		return &s.HDF5.Files
	case s.Faiss != nil:
		return &s.Faiss.Files
	}
	return nil
}

// hosts are the machines that a job's files are on, where it names them.
func hosts(j *job.Job) []string {
	var out []string
	add := func(host string) {
		if host != "" && !slices.Contains(out, host) {
			out = append(out, host)
		}
	}
	sides := []*job.Source{&j.Source}
	if j.Compare != nil {
		sides = append(sides, j.Compare)
	}
	for _, s := range sides {
		add(s.Host())
	}
	if t := j.Target.HDF5; t != nil {
		add(t.Host)
	}
	return out
}
