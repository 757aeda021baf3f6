package hdf5

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
)

// place is the group or dataset of a file in which a layout is looked for.
type place struct {
	file    *file
	job     *job.HDF5Source
	path    string
	group   bool
	members []entry  // of a group
	data    *dataset // of a dataset
}

// layouts is how each layout is read.
var layouts = map[job.HDF5Layout]func(*place) (*table, error){
	job.LayoutMilvusDM: readMilvusDM,
	job.LayoutANN:      readANN,
	job.LayoutGroup:    readGroup,
	job.LayoutCompound: readCompound,
	job.LayoutPandas:   readPandas,
	job.LayoutExport:   readExport,
}

// detect finds out what a file holds. It runs on the library's thread.
func detect(f *file, j *job.HDF5Source) (*table, error) {
	p, err := placeAt(f, j, j.Object)
	if err != nil {
		return nil, err
	}
	layout := j.Layout
	if layout == "" || layout == job.LayoutAuto {
		if layout, p, err = guess(p); err != nil {
			return nil, err
		}
	}
	t, err := layouts[layout](p)
	if err != nil {
		return nil, err
	}
	t.file = f.name
	if t.export != nil {
		return t, nil // has been checked against its own schema
	}
	return t, t.finish(f, j)
}

func placeAt(f *file, j *job.HDF5Source, object string) (*place, error) {
	e, err := f.locate(object)
	if err != nil {
		return nil, err
	}
	p := &place{file: f, job: j, path: path.Clean("/" + object), group: e.group}
	switch {
	case e.group:
		p.members, err = f.list(p.path)
	case e.dataset:
		p.data, err = f.describe(p.path)
	default:
		err = fault.New(fault.Config, "%s: %s is neither a group nor a dataset; set source.hdf5.object", f.name, p.path)
	}
	return p, err
}

// guess tells the layout from names, types, and this program's and pandas's marks. It may go down to an only group.
func guess(p *place) (job.HDF5Layout, *place, error) {
	if !p.group {
		return guessDataset(p), p, nil
	}
	if export, err := p.isExport(); err != nil || export {
		return job.LayoutExport, p, err
	}
	pandas, err := p.pandasType()
	if err != nil {
		return "", nil, err
	}
	switch {
	case pandas == "frame_table": // to_hdf(format="table")
		table, err := placeAt(p.file, p.job, path.Join(p.path, "table"))
		return job.LayoutCompound, table, err
	case pandas != "", p.has("block0_values") && p.has("axis0"):
		return job.LayoutPandas, p, nil
	case p.has("embeddings"):
		layout, err := p.milvusDMOrGroup()
		return layout, p, err
	case p.has("train"):
		return job.LayoutANN, p, nil
	}
	datasets, groups := p.datasets(), p.groups()
	switch {
	case len(datasets) == 0 && len(groups) == 1:
		below, err := placeAt(p.file, p.job, path.Join(p.path, groups[0]))
		if err != nil {
			return "", nil, err
		}
		return guess(below)
	case len(p.members) == 0:
		return "", nil, fault.New(fault.Corrupt, "%s: group %s is empty; the file holds %s", p.file.name, p.path, p.file.contents())
	case len(datasets) == 0:
		return "", nil, fault.New(fault.Config, "%s: group %s holds %d groups and no dataset; say which one to read: set source.hdf5.object. "+
			"The file holds %s", p.file.name, p.path, len(groups), p.file.contents())
	case len(datasets) == 1:
		d, err := p.describe(datasets[0])
		if err != nil {
			return "", nil, err
		}
		if d.elem.class == classCompound {
			return job.LayoutCompound, p, nil
		}
	}
	return job.LayoutGroup, p, nil
}

func guessDataset(p *place) job.HDF5Layout {
	switch {
	case p.data.elem.class == classCompound:
		return job.LayoutCompound
	case p.data.elem.class == classBool, path.Base(p.path) == "train":
		return job.LayoutANN
	}
	return job.LayoutMilvusDM
}

// milvusDMOrGroup: a file of MilvusDM holds embeddings and ids; with more beside them, a row each, it is a group.
func (p *place) milvusDMOrGroup() (job.HDF5Layout, error) {
	rows := int64(-1)
	more := false
	for _, name := range p.datasets() {
		d, err := p.describe(name)
		if err != nil {
			return "", err
		}
		if rows >= 0 && d.rows() != rows {
			return job.LayoutMilvusDM, nil
		}
		rows = d.rows()
		more = more || name != "embeddings" && name != "ids"
	}
	if more {
		return job.LayoutGroup, nil
	}
	return job.LayoutMilvusDM, nil
}

func (p *place) find(name string) *entry {
	i := slices.IndexFunc(p.members, func(e entry) bool { return e.name == name })
	if i < 0 {
		return nil
	}
	return &p.members[i]
}

func (p *place) has(dataset string) bool {
	e := p.find(dataset)
	return e != nil && (e.dataset || e.external)
}

func (p *place) datasets() []string {
	var out []string
	for _, e := range p.members {
		if e.dataset {
			out = append(out, e.name)
		}
	}
	return out
}

func (p *place) groups() []string {
	var out []string
	for _, e := range p.members {
		if e.group {
			out = append(out, e.name)
		}
	}
	return out
}

// describe describes a member of the group.
func (p *place) describe(name string) (*dataset, error) {
	e := p.find(name)
	switch {
	case e == nil:
		return nil, p.missing(name)
	case e.external:
		return nil, externalLink(p.file.name, path.Join(p.path, name))
	case !e.dataset:
		return nil, fault.New(fault.Config, "%s: %s is no dataset", p.file.name, path.Join(p.path, name))
	}
	return p.file.describe(path.Join(p.path, name))
}

// open describes a member of the group that rows are to be read from.
func (p *place) open(name string) (*dataset, error) {
	d, err := p.describe(name)
	if err != nil {
		return nil, err
	}
	return d, p.file.usable(d)
}

func (p *place) missing(name string) error {
	return fault.New(fault.Config, "%s: holds no dataset %s; it holds %s; set source.hdf5.object or source.hdf5.layout",
		p.file.name, path.Join(p.path, name), p.file.contents())
}

// groupOf returns the place, or the group that it lies in, and the name of the dataset in it that is meant.
func (p *place) groupOf(usual string) (*place, string, error) {
	if p.group {
		return p, usual, nil
	}
	above, err := placeAt(p.file, p.job, path.Dir(p.path))
	return above, path.Base(p.path), err
}

// keyNumbered is the job's Key for numbering the rows.
const keyNumbered = "none"

// keyNames are those that are looked for when the job names no key.
var keyNames = []string{"id", "ids", "pk"}

// keyAmong chooses the key among names: the job's, else the first of usual that there is, else "".
func (p *place) keyAmong(names, usual []string) (string, error) {
	switch key := p.job.Key; {
	case key == keyNumbered:
		return "", nil
	case key == "":
		for _, name := range usual {
			if slices.Contains(names, name) {
				return name, nil
			}
		}
		return "", nil
	case slices.Contains(names, key):
		return key, nil
	default:
		return "", fault.New(fault.Config, "%s: source.hdf5.key names %q, which is not in %s: there is %s",
			p.file.name, key, p.path, strings.Join(names, ", "))
	}
}

// vectorType is the type that the job names, or None.
func (p *place) vectorType() schemapb.DataType { return vectorTypes[p.job.Vector] }

func orElse(name, usual string) string {
	if name == "" {
		return usual
	}
	return name
}

// except returns the names of the members that are not used.
func (p *place) except(used []string) []string {
	var out []string
	for _, e := range p.members {
		if !slices.Contains(used, e.name) {
			out = append(out, e.name)
		}
	}
	return out
}

// finish checks what all layouts have in common, and applies the job's names.
func (t *table) finish(f *file, j *job.HDF5Source) error {
	t.keyName = orElse(j.KeyField, t.keyName)
	if t.hasKey {
		t.columns[0].field.Name = t.keyName
	}
	if err := t.nameVector(f, j); err != nil {
		return err
	}
	want := vectorTypes[j.Vector]
	if j.Vector != "" && !slices.ContainsFunc(t.columns, func(c *column) bool { return c.field.DataType == want }) {
		return fault.New(fault.Config, "%s: %s holds nothing that source.hdf5.vector, %s, could be", f.name, t.object, j.Vector)
	}
	first := t.columns[0]
	t.rows = first.rows()
	seen := map[string]string{}
	if !t.hasKey {
		seen[t.keyName] = "the row numbers"
	}
	for _, c := range t.columns {
		for _, part := range c.parts {
			if part.data.rows() != t.rows {
				return fault.New(fault.Corrupt, "%s: %s has %d rows and %s has %d", f.name, first.path, t.rows, c.path, part.data.rows())
			}
		}
		if other, ok := seen[c.field.Name]; ok {
			return fault.New(fault.Config, "%s: %s and %s would both be field %q: set source.hdf5.key_field or vector_field",
				f.name, other, c.path, c.field.Name)
		}
		seen[c.field.Name] = c.path
		t.notes = append(t.notes, c.notes...)
		if bytes := c.bandBytes(); bytes > maxWindow {
			t.notes = append(t.notes, hugeChunks(c, bytes))
		}
	}
	for _, name := range j.JSON {
		if !slices.ContainsFunc(t.columns, func(c *column) bool { return c.field.Name == name && c.field.DataType == schemapb.DataType_JSON }) {
			return fault.New(fault.Config, "%s: source.hdf5.json names %q, which %s does not hold", f.name, name, t.object)
		}
	}
	return nil
}

// nameVector gives the vector the job's name for it.
func (t *table) nameVector(f *file, j *job.HDF5Source) error {
	var vectors []*column
	for _, c := range t.columns {
		if c.dim > 0 {
			vectors = append(vectors, c)
		}
	}
	switch {
	case len(vectors) == 0:
		return fault.New(fault.Config, "%s: %s holds no vectors, only %s; set source.hdf5.object, layout or vector. The file holds %s",
			f.name, t.object, t.fieldNames(), f.contents())
	case j.VectorField == "":
	case len(vectors) > 1:
		return fault.New(fault.Config, "%s: %s holds %d vector fields, which keep their names: leave out source.hdf5.vector_field",
			f.name, t.object, len(vectors))
	default:
		vectors[0].field.Name = j.VectorField
	}
	return nil
}

func (t *table) fieldNames() string {
	var names []string
	for _, c := range t.columns {
		names = append(names, c.field.Name)
	}
	return strings.Join(names, ", ")
}

func hugeChunks(c *column, band int64) string {
	return fmt.Sprintf("%s: is compressed in chunks that take %d MiB together when unpacked, which the worker has to hold; "+
		"`h5repack -l %s:CHUNK=%s` makes them smaller", c.path, band>>20, c.parts[0].data.path, repackChunk(c.parts[0].data))
}
