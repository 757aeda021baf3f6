package hdf5

import (
	"fmt"
	"path"
	"strings"

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
	d, err := p.open(vectors)
	if err != nil {
		return nil, err
	}
	c := cellsOf(d)
	if want == 0 && c.elem.isFloat() {
		want = vectorTypes["FloatVector"] // as MilvusDM has it, whatever the float
	}
	return p.vectorTable(job.LayoutMilvusDM, vectors, []string{"ids"}, func() (*column, error) {
		return newVector(p.file, orElse(p.job.VectorField, "embedding"), c, want, false)
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
	d, err := p.open(vectors)
	if err != nil {
		return nil, err
	}
	t, err := p.vectorTable(job.LayoutANN, vectors, nil, func() (*column, error) {
		return newVector(p.file, orElse(p.job.VectorField, "embedding"), cellsOf(d), p.vectorType(), true)
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
	key, err := p.keyAmong(p.datasets(), usualKeys)
	if err != nil {
		return nil, err
	}
	used := []string{vectors}
	if key != "" {
		used = append(used, key)
		d, err := p.open(key)
		if err != nil {
			return nil, err
		}
		col, err := newKey(p.file, t.keyName, cellsOf(d))
		if err != nil {
			return nil, err
		}
		t.columns, t.hasKey = append(t.columns, col), true
	}
	col, err := vector()
	if err != nil {
		return nil, err
	}
	t.columns = append(t.columns, col)
	t.format = fmt.Sprintf("%s layout (%s)", layoutNames[layout], strings.Join(used, ", "))
	if rest := p.except(used); len(rest) > 0 {
		t.notes = append(t.notes, fmt.Sprintf("not copied, as the layout has no place for it: %s", strings.Join(rest, ", ")))
	}
	return t, nil
}

// layoutNames are those for people.
var layoutNames = map[job.HDF5Layout]string{
	job.LayoutMilvusDM: "MilvusDM", job.LayoutANN: "ann-benchmarks", job.LayoutGroup: "group", job.LayoutCompound: "compound", job.LayoutPandas: "pandas",
}
