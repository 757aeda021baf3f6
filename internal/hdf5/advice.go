package hdf5

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"milvusdm/internal/job"
)

// A hint names a key and a value only if the file can be read with it: it is tried, on the open file, before it is
// printed.

// change is a key of the job's source and a value for it. Of keys that are lists, names are separated by NULs.
type change struct{ key, value string }

// maxTrials bounds the hints that are tried for a file.
const maxTrials = 64

// key is how the job's file spells a key.
func (p *place) key(name string) string { return p.job.KeyName(name) }

// advise returns "; write KEY: VALUE" of the first changes with which the file can be read, and "" if there are none.
func (p *place) advise(sets ...[]change) string {
	for _, set := range sets {
		if p.readable(set) {
			return "; write " + p.spelt(set)
		}
	}
	return ""
}

// adviseObjects returns "; write object: A, or object: B" of the objects that can be read.
func (p *place) adviseObjects() string {
	const most = 5
	var found []string
	seen := map[string]bool{}
	p.file.walk(func(object string, e entry) bool {
		if (e.group || e.dataset) && object != p.path && !within(object, seen) && p.readable([]change{{"object", object}}) {
			seen[object] = true
			found = append(found, p.spelt([]change{{"object", object}}))
		}
		return len(found) < most && p.file.trials < maxTrials
	})
	if len(found) == 0 {
		return ""
	}
	return "; write " + strings.Join(found, ", or ")
}

// within reports whether an object lies in one of some groups: what can be read as a group is not offered in parts.
func within(object string, groups map[string]bool) bool {
	for g := range groups {
		if strings.HasPrefix(object, g+"/") {
			return true
		}
	}
	return false
}

// readable tries a change.
func (p *place) readable(set []change) bool {
	f := p.file
	if f.trying || f.trials >= maxTrials {
		return false
	}
	f.trying = true
	f.trials++
	defer func() { f.trying = false }()
	j := *p.job
	for _, c := range set {
		c.apply(&j)
	}
	_, err := detect(f, &j)
	return err == nil
}

func (c change) apply(j *job.HDF5Source) {
	switch c.key {
	case "object":
		j.Object = c.value
	case "layout":
		j.Layout, j.AnyLayout = job.HDF5Layout(c.value), false
	case "key":
		j.Key = c.value
	case "vector":
		j.Vector = c.value
	case "key_field":
		j.KeyField = c.value
	case "vector_columns":
		j.VectorColumns = strings.Split(c.value, "\x00")
	case "except":
		j.Except = append(slices.Clone(j.Except), strings.Split(c.value, "\x00")...)
	}
}

func (p *place) spelt(set []change) string {
	var out []string
	for _, c := range set {
		if c.key == "except" {
			c.value = strings.Join(append(slices.Clone(p.job.Except), c.value), "\x00")
		}
		text := spellYAML(c.value)
		if c.key == "except" || c.key == "vector_columns" {
			var names []string
			for _, name := range strings.Split(c.value, "\x00") {
				names = append(names, spellYAML(name))
			}
			text = "[" + strings.Join(names, ", ") + "]"
		}
		out = append(out, p.key(c.key)+": "+text)
	}
	return strings.Join(out, " and ")
}

var plainYAML = regexp.MustCompile(`^[A-Za-z_/][A-Za-z0-9_./-]*$`)

// spellYAML is a text as it is written in YAML.
func spellYAML(text string) string {
	switch strings.ToLower(text) {
	case "true", "false", "yes", "no", "on", "off", "null", "y", "n":
	default:
		if plainYAML.MatchString(text) {
			return text
		}
	}
	return fmt.Sprintf("%q", text)
}
