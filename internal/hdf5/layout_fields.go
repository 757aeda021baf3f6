package hdf5

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/fault"
)

// namedCells is where a field lies that has a name in the file.
type namedCells struct {
	name string
	cells
}

// readGroup reads a group of one dataset a field.
func readGroup(p *place) (*table, error) {
	if !p.group {
		return nil, fault.New(fault.Config, "%s: %s is a dataset; layout group reads a group: set source.hdf5.object or layout", p.file.name, p.path)
	}
	t := &table{object: p.path, format: "group layout"}
	var fields []namedCells
	var left []string
	for _, e := range p.members {
		if e.external {
			return nil, externalLink(p.file.name, path.Join(p.path, e.name))
		}
		if !e.dataset {
			left = append(left, e.name)
			continue
		}
		d, err := p.describe(e.name)
		if err != nil {
			return nil, err
		}
		if err := p.file.supported(d); err != nil {
			return nil, err
		}
		if len(d.dims) == 0 { // says something of the whole, not of a row
			left = append(left, e.name)
			continue
		}
		if err := p.file.usable(d); err != nil {
			return nil, err
		}
		fields = append(fields, namedCells{e.name, cellsOf(d)})
	}
	if len(left) > 0 {
		t.notes = append(t.notes, fmt.Sprintf("not copied, as these are no datasets of rows: %s", strings.Join(left, ", ")))
	}
	if len(fields) == 0 {
		return nil, fault.New(fault.Config, "%s: group %s holds no dataset of rows; the file holds %s; set source.hdf5.object",
			p.file.name, p.path, p.file.contents())
	}
	return t, p.addFields(t, fields, keyNames)
}

// readCompound reads one dataset of a compound type: a member a field.
func readCompound(p *place) (*table, error) {
	keys := keyNames
	if p.group {
		datasets := p.datasets()
		if len(datasets) != 1 {
			return nil, fault.New(fault.Config, "%s: group %s holds %d datasets; say which one to read: set source.hdf5.object. The file holds %s",
				p.file.name, p.path, len(datasets), p.file.contents())
		}
		var err error
		if p, err = placeAt(p.file, p.job, path.Join(p.path, datasets[0])); err != nil {
			return nil, err
		}
	}
	d := p.data
	if d.elem.class != classCompound {
		return nil, fault.New(fault.Config, "%s: %v is of no compound type; set source.hdf5.object or layout", p.file.name, d)
	}
	if err := p.file.usable(d); err != nil {
		return nil, err
	}
	if len(d.dims) != 1 {
		return nil, fault.New(fault.Unsupported, "%s: %v: compound datasets are read with one dimension", p.file.name, d)
	}
	if path.Base(p.path) == "table" {
		keys = append(slices.Clone(keys), "index") // a table of pandas or PyTables
	}
	var fields []namedCells
	for _, m := range d.elem.members {
		fields = append(fields, namedCells{m.name, memberCells(d, m)})
	}
	t := &table{object: d.path, format: "compound layout"}
	return t, p.addFields(t, fields, keys)
}

// addFields makes columns of named fields, the key first.
func (p *place) addFields(t *table, fields []namedCells, usualKeys []string) error {
	var names []string
	for _, f := range fields {
		names = append(names, f.name)
	}
	key, err := p.keyAmong(names, usualKeys)
	if err != nil {
		return err
	}
	t.keyName = orElse(key, "id")
	for _, f := range fields {
		col, err := p.newColumn(f, f.name == key)
		if err != nil {
			return err
		}
		if f.name == key {
			t.columns, t.hasKey = append([]*column{col}, t.columns...), true
		} else {
			t.columns = append(t.columns, col)
		}
	}
	t.format += fmt.Sprintf(" (%s)", strings.Join(names, ", "))
	return nil
}

// newColumn makes a key, a vector or a scalar of a field, in this order.
func (p *place) newColumn(f namedCells, isKey bool) (*column, error) {
	isJSON := slices.Contains(p.job.JSON, f.name)
	switch {
	case isKey && isJSON:
		return nil, fault.New(fault.Config, "%s: source.hdf5.json names %s, which holds the keys", p.file.name, f.path)
	case isKey:
		return newKey(p.file, f.name, f.cells)
	case f.isMatrix() && !isJSON:
		// the type that the job names is for those that can be taken for it
		col, err := newVector(p.file, f.name, f.cells, p.vectorType(), false)
		if err != nil && p.job.Vector != "" {
			return newVector(p.file, f.name, f.cells, schemapb.DataType_None, false)
		}
		return col, err
	}
	return newScalar(p.file, f.name, f.cells, isJSON)
}
