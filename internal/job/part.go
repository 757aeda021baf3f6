package job

import "cmp"

// Collections are what the job names of a source that holds several collections; nil for a source that is one.
func (j *Job) Collections() []Collection { return j.Source.collections() }

// PartName names what a part of a job copies: a collection, or a partition of it.
func (c *Collection) PartName() string {
	if len(c.Partitions) == 1 {
		return c.Name + "/" + c.Partitions[0]
	}
	return c.Name
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
	switch one := []Collection{c}; {
	case j.Source.Milvus != nil:
		source := *j.Source.Milvus
		source.Collections = one
		part.Source.Milvus = &source
	case j.Source.Milvus1 != nil:
		source := *j.Source.Milvus1
		source.Collections = one
		part.Source.Milvus1 = &source
	}
	if j.Target.Milvus != nil {
		target := *j.Target.Milvus
		target.Collection = c.Target()
		if len(c.Partitions) == 1 {
			target.Partition = cmp.Or(c.RenamePartitions[c.Partitions[0]], c.Partitions[0])
		}
		part.Target.Milvus = &target
	}
	return part
}

// Target is the collection's name in the target.
func (c *Collection) Target() string { return cmp.Or(c.As, c.Name) }
