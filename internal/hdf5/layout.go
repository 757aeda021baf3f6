package hdf5

import (
	"path"
	"slices"

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
	members []entry        // of a group
	at      map[string]int // where a member is in members, by name
	data    *dataset       // of a dataset
}

// layouts is how each layout is read.
var layouts map[job.HDF5Layout]func(*place) (*table, error)

func init() { // a layout's hints are tried by all of them
	layouts = map[job.HDF5Layout]func(*place) (*table, error){
		job.LayoutMilvusDM: readMilvusDM,
		job.LayoutANN:      readANN,
		job.LayoutGroup:    readGroup,
		job.LayoutCompound: readCompound,
		job.LayoutPandas:   readPandas,
		job.LayoutObjects:  readObjects,
		job.LayoutExport:   readExport,
	}
}

// detect finds out what a file holds. It runs on the library's thread.
func detect(f *file, j *job.HDF5Source) (*table, error) {
	p, err := placeAt(f, j, j.Object)
	if err != nil {
		return nil, err
	}
	if err := p.refuseSparse(); err != nil {
		return nil, err
	}
	layout := j.Layout
	if layout == "" || layout == job.LayoutAuto || j.AnyLayout && !p.isMilvusDM() {
		if layout, p, err = guess(p, map[objectKey]bool{}); err != nil {
			return nil, err
		}
	}
	if j.VectorColumns != nil && !slices.Contains([]job.HDF5Layout{job.LayoutGroup, job.LayoutCompound, job.LayoutPandas,
		job.LayoutExport}, layout) {
		return nil, fault.New(fault.Config, "%s: %s is for layouts group, compound and pandas, and this is %s; leave it out",
			f.name, p.key("vector_columns"), layout)
	}
	t, err := layouts[layout](p)
	if err != nil {
		return nil, err
	}
	t.file = f.name
	if t.export != nil {
		return t, nil // has been checked against its own schema
	}
	return t, t.finish(p)
}

func placeAt(f *file, j *job.HDF5Source, object string) (*place, error) {
	p := &place{file: f, job: j, path: path.Clean("/" + object)}
	e, found, err := f.locate(object)
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, fault.New(fault.Config, "%s: holds no %s; it holds %s%s", f.name, object, f.contents(), p.adviseObjects())
	}
	switch p.group = e.group; {
	case e.group:
		p.members, err = f.list(p.path)
		p.at = make(map[string]int, len(p.members))
		for i, m := range p.members {
			p.at[m.name] = i
		}
	case e.dataset:
		p.data, err = f.describe(p.path)
	default:
		err = fault.New(fault.Config, "%s: %s is neither a group nor a dataset%s", f.name, p.path, p.adviseObjects())
	}
	return p, err
}

// guess tells the layout from names, types, and this program's and pandas's marks. It may go down to an only group,
// once: a group may hold itself.
func guess(p *place, seen map[objectKey]bool) (job.HDF5Layout, *place, error) {
	if !p.group {
		return guessDataset(p), p, nil
	}
	if len(seen) > maxNesting {
		return "", nil, fault.New(fault.Unsupported,
			"%s: groups lie in each other more than %d deep; name the one with the vectors with %s", p.file.name,
			maxNesting, p.key("object"))
	}
	if p.file.wasSeen(p.path, seen) {
		return "", nil, fault.New(fault.Config, "%s: group %s holds itself and no dataset; the file holds %s", p.file.name,
			p.path, p.file.contents())
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
	case p.has("embeddings") && p.job.VectorColumns == nil:
		layout, err := p.milvusDMOrGroup()
		return layout, p, err
	case p.has("train") && p.job.VectorColumns == nil:
		return job.LayoutANN, p, nil
	}
	return guessGroup(p, seen)
}

// maxNesting bounds how deep an only group in an only group is looked into.
const maxNesting = 100

// guessGroup tells the layout from what a group without marks holds.
func guessGroup(p *place, seen map[objectKey]bool) (job.HDF5Layout, *place, error) {
	datasets, groups := p.datasets(), p.groups()
	switch {
	case len(datasets) == 0 && len(groups) == 1:
		below, err := placeAt(p.file, p.job, path.Join(p.path, groups[0]))
		if err != nil {
			return "", nil, err
		}
		return guess(below, seen)
	case len(p.members) == 0:
		return "", nil, fault.New(fault.Corrupt, "%s: group %s is empty; the file holds %s", p.file.name, p.path, p.file.contents())
	}
	if p.job.VectorColumns == nil {
		o, _, err := p.objectsIn()
		if err == nil && o != nil && o.usual() {
			return job.LayoutObjects, p, nil
		}
	}
	switch {
	case len(datasets) == 0 && len(groups) == 0 && p.members[0].external:
		return "", nil, externalLink(p.file.name, path.Join(p.path, p.members[0].name))
	case len(datasets) == 0:
		return "", nil, fault.New(fault.Config,
			"%s: group %s holds %d groups and no dataset; say which one to read. The file holds %s%s",
			p.file.name, p.path, len(groups), p.file.contents(), p.adviseObjects())
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
	case p.data.elem.class == classBool && !p.data.matlab, path.Base(p.path) == "train":
		return job.LayoutANN
	}
	return job.LayoutMilvusDM
}

// isMilvusDM reports whether MilvusDM's layout is what a job of its form asks for: unless it names other fields, it
// takes embeddings and ids of whatever file has them, exports included.
func (p *place) isMilvusDM() bool {
	if !p.has("ids") && p.job.Key == "" && (p.has("id") || p.has("pk")) {
		return false // whose keys would be left out
	}
	return p.group && p.has("embeddings") && p.job.Fields == nil && p.job.RenameFields == nil && p.job.VectorColumns == nil
}

// milvusDMOrGroup: a file of MilvusDM holds embeddings and ids; with more beside them, a row each, it is a group.
func (p *place) milvusDMOrGroup() (job.HDF5Layout, error) {
	vectors, err := p.describe("embeddings")
	if err != nil {
		return "", err
	}
	for i, name := range p.datasets() {
		if name == "embeddings" || name == "ids" || i > maxFields || !p.wants(name) {
			continue
		}
		d, err := p.file.describe(path.Join(p.path, name))
		if err == nil && d.unfit() == "" && d.rows() == vectors.rows() {
			return job.LayoutGroup, nil
		}
	}
	return job.LayoutMilvusDM, nil
}

func (p *place) find(name string) *entry {
	i, ok := p.at[name]
	if !ok {
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

// openRows is open for a dataset of which the job may take some rows only.
func (p *place) openRows(name string) (*dataset, error) {
	d, err := p.describe(name)
	if err != nil {
		return nil, err
	}
	return d, p.file.usableRows(d)
}

func (p *place) missing(name string) error {
	return fault.New(fault.Config, "%s: holds no dataset %s; it holds %s%s", p.file.name, path.Join(p.path, name),
		p.file.contents(),
		p.advise([]change{{"layout", string(job.LayoutAuto)}}))
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
		return "", fault.New(fault.Config, "%s: %s is %q, which is not in %s: there is %s", p.file.name, p.key("key"), key,
			p.path, firstOf(names))
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
