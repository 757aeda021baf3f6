package hdf5

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/fault"
	"milvusdm/internal/rows"
)

// namedCells is where a field lies that has a name in the file.
type namedCells struct {
	name string
	cells
}

// readGroup reads a group of one dataset a field. What can't be a field is left out, with a note; a field that is
// damaged is not.
func readGroup(p *place) (*table, error) {
	if !p.group {
		return nil, fault.New(fault.Config, "%s: %s is a dataset; layout group reads a group%s", p.file.name, p.path,
			p.advise([]change{{"layout", "auto"}}, []change{{"object", path.Dir(p.path)}}))
	}
	g := &groupFields{place: p}
	if err := g.collect(); err != nil {
		return nil, err
	}
	if err := g.chooseRows(); err != nil {
		return nil, err
	}
	t := &table{object: p.path, format: "group layout"}
	var fields []namedCells
	for _, d := range g.fields {
		name := path.Base(d.path)
		if d.rows() != g.rows {
			g.leave(name, fmt.Sprintf("of %d rows and not %d", d.rows(), g.rows))
			continue
		}
		if err := p.file.usableRows(d); err != nil {
			return nil, fault.New(fault.KindOf(err), "%w%s", err, p.adviseExcept(name))
		}
		c := cellsOf(d)
		if why := p.unfitMatrix(name, c); why != "" {
			g.leave(name, why)
			continue
		}
		fields = append(fields, namedCells{name, c})
	}
	if err := g.wantedAll(); err != nil {
		return nil, err
	}
	t.notes = append(t.notes, g.notes()...)
	if len(fields) == 0 {
		return nil, fault.New(fault.Config, "%s: group %s holds no dataset of rows; the file holds %s%s", p.file.name,
			p.path, p.file.contents(),
			p.adviseObjects())
	}
	return t, p.addFields(t, fields, keyNames)
}

// unfitMatrix says why a dataset of several elements a row is no vector, "" if it is one, or is no matrix.
func (p *place) unfitMatrix(name string, c cells) string {
	if !c.isMatrix() || slices.Contains(p.job.JSON, name) || p.job.Key == name {
		return ""
	}
	if naturalVector(c) != schemapb.DataType_None && c.elem.class != classFixed || p.job.Vector == "FloatVector" &&
		c.elem.isInt() {
		return ""
	}
	why := c.shape() + ", which is no vector by itself"
	if (p.job.Vector == "Float16Vector" || p.job.Vector == "BFloat16Vector") && c.elem.class == classUint &&
		c.elem.size == 2 {
		return ""
	}
	if c.elem.isInt() && p.job.Vector == "" {
		why += p.advise([]change{{"vector", "FloatVector"}})
	}
	return why
}

// readCompound reads one dataset of a compound type: a member a field.
func readCompound(p *place) (*table, error) {
	keys := keyNames
	if p.group {
		datasets := p.datasets()
		if len(datasets) != 1 {
			return nil, fault.New(fault.Config, "%s: group %s holds %d datasets; say which one to read. The file holds %s%s",
				p.file.name, p.path, len(datasets), p.file.contents(), p.adviseObjects())
		}
		var err error
		if p, err = placeAt(p.file, p.job, path.Join(p.path, datasets[0])); err != nil {
			return nil, err
		}
	}
	d := p.data
	if d.elem.class != classCompound {
		return nil, fault.New(fault.Config, "%s: %v is of no compound type%s", p.file.name, d,
			p.advise([]change{{"layout", "auto"}}))
	}
	if err := p.file.usableRows(d); err != nil {
		return nil, err
	}
	if len(d.dims) != 1 {
		return nil, fault.New(fault.Unsupported, "%s: %v: compound datasets are read with one dimension", p.file.name, d)
	}
	if path.Base(p.path) == "table" {
		keys = append(slices.Clone(keys), "index") // a table of pandas or PyTables
	}
	var fields []namedCells
	var names []string
	t := &table{object: d.path, format: "compound layout"}
	for _, m := range d.elem.members {
		names = append(names, m.name)
		switch {
		case !p.wants(m.name) && !slices.Contains(keys, m.name):
		case m.class == classOther && !slices.Contains(p.job.Fields, m.name):
			t.notes = append(t.notes, fmt.Sprintf("not copied: %s: of a type that is not read: %s", m.name, m.elemType.name))
		default:
			fields = append(fields, namedCells{m.name, memberCells(d, m)})
		}
	}
	if err := p.checkNames(names); err != nil {
		return nil, err
	}
	if len(fields) == 0 {
		return nil, fault.New(fault.Unsupported, "%s: %v: none of its members can be read: %s", p.file.name, d,
			strings.Join(t.notes, "; "))
	}
	return t, p.addFields(t, fields, keys)
}

// addFields makes columns of named fields, the key first.
func (p *place) addFields(t *table, fields []namedCells, usualKeys []string) error {
	if len(fields) > maxFields {
		return fault.New(fault.Unsupported, "%s: %s holds %d fields, and a collection has at most %d%s", p.file.name,
			t.object, len(fields),
			rows.MaxFields, p.advise([]change{{"layout", "objects"}}))
	}
	key, err := p.keyAmong(namesIn(fields), usualKeys)
	if err != nil {
		return err
	}
	fields = slices.DeleteFunc(fields, func(f namedCells) bool { return f.name != key && !p.wants(f.name) })
	names := namesIn(fields)
	fields, vector, err := p.joinColumns(fields)
	if err != nil {
		return err
	}
	t.keyName = orElse(key, "id")
	for _, f := range fields {
		col, err := p.newColumn(f, f.name == key)
		if err != nil {
			return err
		}
		col.source = f.name
		if f.name == key {
			t.columns, t.hasKey = append([]*column{col}, t.columns...), true
		} else {
			t.columns = append(t.columns, col)
		}
	}
	if vector != nil {
		t.columns = append(t.columns, vector)
	}
	t.format += fmt.Sprintf(" (%s)", firstOf(names))
	return nil
}

// newColumn makes a key, a vector or a scalar of a field, in this order.
func (p *place) newColumn(f namedCells, isKey bool) (*column, error) {
	isJSON := slices.Contains(p.job.JSON, f.name)
	switch {
	case isKey && isJSON:
		return nil, fault.New(fault.Config, "%s: %s names %s, which holds the keys", p.file.name, p.key("json"), f.path)
	case isKey:
		return newKey(p, f.name, f.cells)
	case f.isMatrix() && !isJSON:
		// the type that the job names is for those that can be taken for it
		col, err := newVector(p, f.name, f.cells, p.vectorType(), false)
		if err != nil && p.job.Vector != "" {
			return newVector(p, f.name, f.cells, schemapb.DataType_None, false)
		}
		return col, err
	}
	return newScalar(p, f.name, f.cells, isJSON)
}
