package job

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"

	"milvusdm/internal/job/strict"
)

// Check refuses collections that get in each other's way.
func (s *MilvusSource) Check(keys strict.Keys) {
	s.MilvusServer.Check(keys)
	checkCollections(keys, "collections", s.Collections)
}

// Check refuses collections that get in each other's way, and what can't be had of Milvus 1.x.
func (s *Milvus1Source) Check(keys strict.Keys) {
	checkCollections(keys, "collections", s.Collections)
	checkStored(keys, "collections", s.Collections, "a Milvus 1.x", "max_length")
}

// Check refuses collections that get in each other's way, and what can't be had of files.
func (s *ExportSource) Check(keys strict.Keys) {
	checkCollections(keys, "collections", s.Collections)
	checkStored(keys, "collections", s.Collections, "an export")
}

// checkStored refuses what only a running Milvus can do.
func checkStored(keys strict.Keys, list string, collections []Collection, of string, more ...string) {
	for i := range collections {
		for _, key := range append(more, "filter", "fields", "rename_fields", "limit", "follow_alias") {
			if at := fmt.Sprintf("%s[%d].%s", list, i, key); keys.Has(at) {
				keys.Errorf(at, "is not available for %s; leave it out", of)
			}
		}
	}
}

// checkCollections refuses a collection that is named twice, and two that would become one.
func checkCollections(keys strict.Keys, list string, collections []Collection) {
	named, made := map[string]bool{}, map[string]string{}
	for i, c := range collections {
		at := fmt.Sprintf("%s[%d]", list, i)
		target := c.Target()
		switch {
		case c.Name == "": // reported already
		case named[c.Name]:
			keys.Errorf(at, "%s is listed twice; keep one entry for it", strict.Quote(c.Name))
		case made[target] != "":
			keys.Errorf(at, "would become collection %s in the target, and so would %s; give one of them another name with `as`", target, made[target])
		}
		named[c.Name], made[target] = true, c.Name
	}
}

// Check refuses renaming what is not copied.
func (c *Collection) Check(keys strict.Keys) {
	switch {
	case c.Name == "": // reported already
	case c.IsPattern():
		if c.As != "" && !strings.Contains(c.As, sourceName) {
			keys.Errorf("as", "is one name for several collections; name the collection instead of '%s', or write %s where its name belongs, "+
				"for example %s_restored", c.Name, sourceName, sourceName)
		}
		if c.FollowAlias {
			keys.Errorf("follow_alias", "is for the name of an alias, and '%s' is a pattern; leave it out", c.Name)
		}
	case keys.Has("except"):
		keys.Errorf("except", "is for a name that is a pattern, such as '*', and %s is one collection; leave it out", c.Name)
	}
	checkNames(keys, "partitions", c.Partitions, "rename_partitions", c.RenamePartitions)
	checkNames(keys, "fields", c.Fields, "rename_fields", c.RenameFields)
}

// checkNames refuses names chosen twice (none chosen are all), names that are renamed and not chosen, and two that would
// become one.
func checkNames(keys strict.Keys, list string, chosen []string, renames string, as map[string]string) {
	made := map[string]string{}
	for i, name := range chosen {
		at := fmt.Sprintf("%s[%d]", list, i)
		if name != "" && slices.Index(chosen, name) < i {
			keys.Errorf(at, "%s is listed twice; remove one", strict.Quote(name))
		}
		if as[name] == "" {
			made[name] = name
		}
	}
	for _, name := range slices.Sorted(maps.Keys(as)) {
		at, target := renames+"."+name, as[name]
		switch {
		case target == "": // reported already
		case len(chosen) > 0 && !slices.Contains(chosen, name):
			keys.Errorf(at, "is not copied; add %s to %s, or leave it out here", strict.Quote(name), list)
		case made[target] != "":
			keys.Errorf(at, "would become %s, and so would %s; write another name", target, made[target])
		}
		made[target] = name
	}
}

// Collections are those that a source names, nil where it is one.
func (s *Source) Collections() []Collection {
	if k := s.Kind(); k != nil {
		return k.Chosen()
	}
	return nil
}

// several reports whether collections may be more than one.
func several(c []Collection) bool {
	return len(c) > 1 || len(c) == 1 && (c[0].IsPattern() || len(c[0].Partitions) > 1)
}

// files reports whether the source is files, which are one collection.
func (s *Source) files() bool { return s.Kind() != nil && s.Kind().IsFiles() }

// checkItself refuses collections that would be what is done to them with themselves.
func checkItself(keys strict.Keys, list string, from *MilvusSource, to *MilvusServer, done string) {
	if from == nil || from.Address == "" || !sameDatabase(&from.MilvusServer, to) {
		return
	}
	for i, c := range from.Collections {
		at := fmt.Sprintf("%s[%d]", list, i)
		if wrong := c.As == "" && keys.Has(at+".as"); c.Name == c.Target() && c.Name != "" && !wrong {
			other := "another_name"
			if c.IsPattern() {
				other = "'" + sourceName + "_restored'"
			}
			keys.Errorf(at, "%s would be %s itself, since both sides are the same server and database; "+
				"give it another name there, for example as: %s", strict.Quote(c.Name), done, other)
		}
	}
}

// sameDatabase reports whether two addresses are written as the same server and database. Two that are not may be the same
// server all the same.
func sameDatabase(a, b *MilvusServer) bool {
	return plainAddress(a.Address) == plainAddress(b.Address) && cmp.Or(a.Database, "default") == cmp.Or(b.Database, "default")
}

// plainAddress is an address without scheme, its host in lower case.
func plainAddress(address string) string {
	if _, rest, found := strings.Cut(address, "://"); found {
		address = rest
	}
	address = strings.ToLower(address)
	if host, port, err := net.SplitHostPort(address); err == nil && host == "localhost" {
		address = net.JoinHostPort("127.0.0.1", port)
	}
	return address
}

// What a MilvusSource is read as, by its place in the job.
const (
	SideTarget  = "target"
	SideCompare = "compare"
)

// Place is the key of the job that holds s.
func (s *MilvusSource) Place() string { return cmp.Or(s.Side, "source") + ".milvus" }
