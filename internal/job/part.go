package job

import (
	"cmp"
	"strings"
)

// Collections are what the job names of a source that holds several collections; nil for a source that is one.
func (j *Job) Collections() []Collection { return j.Source.Collections() }

// PartName names what a part of a job copies: a collection, by its alias where the job follows one, or a partition of it.
func (c *Collection) PartName() string {
	name := cmp.Or(c.Alias, c.Name)
	if len(c.Partitions) == 1 {
		return name + "/" + c.Partitions[0]
	}
	return name
}

// Split returns one choice for each partition that c chooses, in their order, or c itself where it chooses none.
func (c *Collection) Split() []Collection {
	if len(c.Partitions) == 0 {
		return []Collection{*c}
	}
	var out []Collection
	for _, p := range c.Partitions {
		one := *c
		one.Partitions = []string{p}
		out = append(out, one)
	}
	return out
}

// Part is the job that copies c alone, which has at most one partition. Its target is named as c says.
func (j *Job) Part(c Collection) Job {
	part := *j
	part.Source = j.Source.Only(c)
	if t := j.Target.Kind(); t != nil {
		part.Target = targetOf(t.Unit(c))
	}
	return part
}

// targetPartition is the name in the target of a partition of the source.
func (c *Collection) targetPartition(name string) string {
	return cmp.Or(c.RenamePartitions[name], name)
}

// Only is the source with c as its one collection; one of files stays as it is.
func (s *Source) Only(c Collection) Source { return sourceOf(s.Kind().Only(c)) }

// Host is the machine that has the source's files, "" where any worker can read it.
func (s *Source) Host() string {
	if k := s.Kind(); k != nil {
		return k.OnHost()
	}
	return ""
}

// Host is the machine that has the files of source or target, "" where any worker can do the job.
func (j *Job) Host() string {
	host := j.Source.Host()
	if t := j.Target.Kind(); t != nil && host == "" {
		host = t.OnHost()
	}
	return host
}

// HostClash says why source and target can't be on the machines that the job names for them, "" where they can.
func (j *Job) HostClash() string {
	if j.Target.Kind() == nil {
		return ""
	}
	from, to := j.Source.Host(), j.Target.Kind().OnHost()
	if from == "" || to == "" || from == to {
		return ""
	}
	return "is " + to + ", and the source's directory is on " + from + "; one worker reads and writes, so name one machine that has both, " +
		"for example through a shared file system"
}

// sourceName stands for a collection's name in the source, in the name that it gets in the target.
const sourceName = "{name}"

// Target is the collection's name in the target.
func (c *Collection) Target() string {
	return strings.ReplaceAll(cmp.Or(c.As, c.Name), sourceName, c.Name)
}
