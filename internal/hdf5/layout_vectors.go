package hdf5

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
)

// readMilvusDM reads MilvusDM's layout: "embeddings", a row a vector, and "ids". An element of type uint8 holds eight bits
// of a binary vector; so does each byte of a fixed-length string.
func readMilvusDM(p *place) (*table, error) {
	p, vectors, err := p.groupOf("embeddings")
	if err != nil {
		return nil, err
	}
	want := p.vectorType()
	d, err := p.openRows(vectors)
	if err != nil {
		return nil, err
	}
	c := cellsOf(d)
	if want == 0 && c.elem.isFloat() {
		want = vectorTypes["FloatVector"] // as MilvusDM has it, whatever the float
	}
	return p.vectorTable(job.LayoutMilvusDM, vectors, []string{"ids"}, func() (*column, error) {
		return newVector(p, orElse(p.job.VectorField, "embedding"), c, want, false)
	})
}

// metrics are ann-benchmarks's names of distances, and others met in such files.
var metrics = map[string]string{
	"euclidean": "L2", "l2": "L2", "angular": "COSINE", "cosine": "COSINE", "dot": "IP", "ip": "IP", "hamming": "HAMMING", "jaccard": "JACCARD",
}

// readANN reads ann-benchmarks's layout: "train", a row a vector. An element of type bool or uint8 holds one bit.
// What else such a file holds, queries and their results, is no part of the collection.
func readANN(p *place) (*table, error) {
	p, vectors, err := p.groupOf("train")
	if err != nil {
		return nil, err
	}
	d, err := p.openRows(vectors)
	if err != nil {
		return nil, err
	}
	t, err := p.vectorTable(job.LayoutANN, vectors, nil, func() (*column, error) {
		return newVector(p, orElse(p.job.VectorField, "embedding"), cellsOf(d), p.vectorType(), true)
	})
	if err != nil {
		return nil, err
	}
	g, err := p.file.openGroup(p.path)
	if err != nil {
		return nil, err
	}
	defer g.Close()
	distance, err := p.file.textAttribute(g.Identifier, "distance")
	if err != nil {
		return nil, p.file.corrupt(err, "group %s", p.path)
	}
	t.metric = metrics[strings.ToLower(distance)]
	if distance != "" && t.metric == "" {
		t.notes = append(t.notes, fmt.Sprintf("the file's distance, %q, is no metric of Milvus's", distance))
	}
	return t, nil
}

// vectorTable makes a table of keys and one vector field. Of a group's other datasets it says that they are left out.
func (p *place) vectorTable(layout job.HDF5Layout, vectors string, usualKeys []string, vector func() (*column, error)) (*table, error) {
	t := &table{object: path.Join(p.path, vectors), keyName: orElse(p.job.KeyField, "id")}
	var names []string
	for _, e := range p.members {
		names = append(names, e.name)
	}
	if err := p.checkNames(names); err != nil {
		return nil, err
	}
	usualKeys = slices.DeleteFunc(usualKeys, func(name string) bool { return slices.Contains(p.job.Except, name) })
	key, err := p.keyAmong(p.datasets(), usualKeys)
	if err != nil {
		return nil, err
	}
	used := []string{vectors}
	if key != "" {
		used = append(used, key)
		d, err := p.openRows(key)
		if err != nil {
			return nil, err
		}
		col, err := newKey(p, t.keyName, cellsOf(d))
		if err != nil {
			return nil, err
		}
		col.source = key
		t.columns, t.hasKey = append(t.columns, col), true
	}
	for _, name := range p.job.Fields {
		if !slices.Contains(used, name) {
			return nil, fault.New(fault.Config, "%s: %s names %q, and layout %s takes the keys and one dataset of vectors%s",
				p.file.name, p.key("fields"),
				name, layout, p.advise([]change{{"layout", string(job.LayoutGroup)}}))
		}
	}
	col, err := vector()
	if err != nil {
		return nil, err
	}
	col.source = vectors
	t.columns = append(t.columns, col)
	t.format = fmt.Sprintf("%s layout (%s)", layoutNames[layout], strings.Join(used, ", "))
	t.notes = append(t.notes, p.leftOut(layout, used)...)
	return t, nil
}

// leftOut says which of a group's members a layout of one dataset of vectors leaves out.
func (p *place) leftOut(layout job.HDF5Layout, used []string) []string {
	rest := slices.DeleteFunc(p.except(used), func(name string) bool { return !p.wants(name) })
	var out, more []string
	for _, name := range rest {
		if d, err := p.file.describe(path.Join(p.path, name)); len(rest) <= mostNamed && p.find(name).dataset &&
			err == nil && d.unfit() != "" {
			out = append(out, fmt.Sprintf("not copied: %s: %s", name, d.unfit()))
		} else {
			more = append(more, name)
		}
	}
	if len(more) == 0 {
		return out
	}
	hint := ""
	if layout == job.LayoutMilvusDM {
		hint = p.advise([]change{{"layout", string(job.LayoutGroup)}})
	}
	return append(out, fmt.Sprintf("not copied, as the layout has no place for it: %s%s", firstOf(more), hint))
}

// layoutNames are those for people.
var layoutNames = map[job.HDF5Layout]string{
	job.LayoutMilvusDM: "MilvusDM", job.LayoutANN: "ann-benchmarks", job.LayoutGroup: "group",
	job.LayoutCompound: "compound", job.LayoutPandas: "pandas", job.LayoutObjects: "objects",
}
