package hdf5

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/fault"
)

// frameColumn is a column of a DataFrame: one of a block, which holds the columns of one type.
type frameColumn struct {
	name  string
	block *dataset
	at    int64
}

func (c frameColumn) elem() elemType { return c.block.elem }

// indexName is the job's Key for a frame's index.
const indexName = "index"

// readPandas reads a DataFrame that to_hdf(format="fixed") wrote. Its floating-point columns, in their order, are one
// vector; integers and booleans are fields of their own. The key is a column, else the index if that holds integers.
func readPandas(p *place) (*table, error) {
	if err := p.checkFrame(); err != nil {
		return nil, err
	}
	columns, err := p.frameColumns()
	if err != nil {
		return nil, err
	}
	index, why, err := p.frameIndex()
	if err != nil {
		return nil, err
	}
	key, err := p.frameKey(columns, index)
	if err != nil {
		return nil, err
	}
	t := &table{object: p.path, keyName: orElse(key, "id"), format: "pandas layout (" + p.path + ")"}
	if t.keyName == indexName {
		t.keyName = "id"
	}
	if why != "" && p.wants(indexName) {
		t.notes = append(t.notes, fmt.Sprintf("not copied: the index (%s): %s", path.Join(p.path, "axis1"), why))
	}
	return t, p.addFrame(t, columns, index, key)
}

// pandasType is the mark that pandas puts on a group, or "".
func (p *place) pandasType() (string, error) {
	g, err := p.file.openGroup(p.path)
	if err != nil {
		return "", err
	}
	defer g.Close()
	mark, err := p.file.textAttribute(g.Identifier, "pandas_type")
	return mark, p.file.corrupt(err, "group %s", p.path)
}

func (p *place) checkFrame() error {
	if !p.group {
		return fault.New(fault.Config, "%s: %s is a dataset; layout pandas reads the group of a DataFrame%s", p.file.name,
			p.path,
			p.advise([]change{{"object", path.Dir(p.path)}}))
	}
	if !p.has("axis0") || !p.has("axis1") || !p.has("block0_values") {
		if mark, err := p.pandasType(); err != nil {
			return err
		} else if mark != "" {
			return fault.New(fault.Unsupported, "%s: %s holds a %s of pandas; what is read is a DataFrame without MultiIndex, "+
				"written by to_hdf(format=\"fixed\"), and of one by format=\"table\" the dataset table", p.file.name, p.path, mark)
		}
		return fault.New(fault.Config, "%s: %s holds no DataFrame (axis0, axis1, block0_values); the file holds %s%s",
			p.file.name, p.path,
			p.file.contents(), p.advise([]change{{"layout", "auto"}}))
	}
	return nil
}

// frameColumns returns the columns in the frame's order.
func (p *place) frameColumns() ([]frameColumn, error) {
	order, err := p.names("axis0")
	if err != nil {
		return nil, err
	}
	byName := make(map[string]frameColumn, len(order))
	for i := 0; p.has(fmt.Sprintf("block%d_values", i)); i++ {
		items, err := p.names(fmt.Sprintf("block%d_items", i))
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(items, p.wantsColumn) {
			for _, name := range items {
				byName[name] = frameColumn{name: name}
			}
			continue
		}
		block, err := p.frameBlock(fmt.Sprintf("block%d_values", i), items)
		if err != nil {
			return nil, err
		}
		for at, name := range items {
			if _, twice := byName[name]; twice {
				return nil, fault.New(fault.Unsupported, "%s: %s has two columns named %q", p.file.name, p.path, name)
			}
			byName[name] = frameColumn{name, block, int64(at)}
		}
	}
	if err := p.checkNames(append(slices.Clone(order), indexName)); err != nil {
		return nil, err
	}
	var out []frameColumn
	for _, name := range order {
		c, ok := byName[name]
		if !ok {
			return nil, fault.New(fault.Corrupt, "%s: %s names column %q, which is in no block", p.file.name, path.Join(p.path, "axis0"), name)
		}
		if p.wantsColumn(name) {
			out = append(out, c)
		}
	}
	if len(byName) != len(order) {
		return nil, fault.New(fault.Corrupt, "%s: %s names %d columns, and the blocks hold %d", p.file.name,
			path.Join(p.path, "axis0"), len(order), len(byName))
	}
	return out, nil
}

// frameBlock describes the values of a block and refuses what is not a matrix of numbers.
func (p *place) frameBlock(name string, items []string) (*dataset, error) {
	d, err := p.describe(name)
	if err != nil {
		return nil, err
	}
	if d.elem.class == classOther || d.elem.class == classSequence {
		return nil, fault.New(fault.Unsupported,
			"%s: columns %s are Python objects, pickled (%s), which this program does not unpack: write them with h5py%s",
			p.file.name, few(items), d.path, p.adviseExcept(strings.Join(items, "\x00")))
	}
	if err := p.file.usableRows(d); err != nil {
		return nil, err
	}
	valueType, err := p.attribute(d, "value_type")
	if err != nil {
		return nil, err
	}
	shape, err := p.attribute(d, "shape")
	switch {
	case err != nil:
		return nil, err
	case shape != "":
		return nil, fault.New(fault.Corrupt, "%s: %s holds no rows", p.file.name, p.path)
	case valueType != "":
		return nil, fault.New(fault.Unsupported, "%s: columns %s hold %s: make them integers%s", p.file.name, few(items),
			valueType,
			p.adviseExcept(strings.Join(items, "\x00")))
	case len(d.dims) != 2 || d.dims[1] != int64(len(items)):
		return nil, fault.New(fault.Corrupt, "%s: %v is not of the %d columns that it should hold", p.file.name, d, len(items))
	}
	return d, nil
}

func (p *place) attribute(d *dataset, name string) (string, error) {
	open, err := p.file.openDataset(d.path, nil)
	if err != nil {
		return "", err
	}
	defer open.Close()
	value, err := p.file.textAttribute(open.Identifier, name)
	return value, p.file.corrupt(err, "%s", d.path)
}

// wantsColumn reports whether the job takes a column, the key's among them.
func (p *place) wantsColumn(name string) bool {
	usual := p.job.Key == "" && slices.Contains(keyNames, name) && !slices.Contains(p.job.Except, name)
	return usual || p.wants(name)
}

// frameIndex returns the index if its values can be keys or a field, or why it is left out.
func (p *place) frameIndex() (*dataset, string, error) {
	d, err := p.describe("axis1")
	if err != nil {
		return nil, "", err
	}
	if len(d.dims) != 1 || !d.elem.isInt() && d.elem.class != classFixed {
		return nil, fmt.Sprintf("of a type that is not read (%v)", d), nil
	}
	for _, name := range []string{"value_type", "kind"} {
		kind, err := p.attribute(d, name)
		if err != nil || kind != "" && kind != "integer" && kind != "string" {
			return nil, "of " + kind, err
		}
	}
	return d, "", p.file.usableRows(d)
}

func (p *place) frameKey(columns []frameColumn, index *dataset) (string, error) {
	var names []string
	for _, c := range columns {
		names = append(names, c.name)
	}
	usual := keyNames
	if index != nil {
		if index.elem.isInt() && p.wants(indexName) {
			usual = append(slices.Clone(usual), indexName)
		}
		if !slices.Contains(names, indexName) {
			names = append(names, indexName)
		}
	}
	return p.keyAmong(names, usual)
}

func (p *place) addFrame(t *table, columns []frameColumn, index *dataset, key string) error {
	var vector []frameColumn
	for _, c := range columns {
		switch {
		case c.name == key:
			if err := p.addKey(t, c.name, c.cells(p.path)); err != nil {
				return err
			}
		case p.inVector(c):
			vector = append(vector, c)
		default:
			col, err := newScalar(p, c.name, c.cells(p.path), false)
			if err != nil {
				return err
			}
			col.source = c.name
			t.columns = append(t.columns, col)
		}
	}
	switch {
	case key == indexName && !t.hasKey:
		if err := p.addKey(t, indexName, cellsOf(index)); err != nil {
			return err
		}
	case index != nil && index.elem.isText() && p.wants(indexName):
		// names of rows are never left behind; integers are the key, or count the rows
		name, err := newScalar(p, indexName, cellsOf(index), false)
		if err != nil {
			return err
		}
		name.source = indexName
		name.notes = append(name.notes, fmt.Sprintf("%s: the index holds strings and is field %s; %s: %s makes it the key",
			p.path, indexName, p.key("key"),
			indexName))
		t.columns = append(t.columns, name)
	case index != nil && key != indexName && p.job.Key != "" && p.wants(indexName):
		t.notes = append(t.notes, "not copied: the index, which is not the key")
	}
	if len(vector) == 0 {
		return fault.New(fault.Config, "%s: %s has no floating-point columns, which would be the vector%s", p.file.name,
			p.path,
			p.advise([]change{{"vector", "FloatVector"}}))
	}
	if err := p.orderColumns(vector); err != nil {
		return err
	}
	col, err := newVector(p, orElse(p.job.VectorField, "embedding"), join(vector, p.path), p.frameVectorType(), false)
	if err != nil {
		return err
	}
	col.notes = append(col.notes, fmt.Sprintf("%s: %d columns are the vector: %s", p.path, len(vector), few(namesOf(vector))))
	t.columns = append(t.columns, col)
	return nil
}

func (p *place) addKey(t *table, name string, c cells) error {
	col, err := newKey(p, t.keyName, c)
	if err != nil {
		return err
	}
	col.source = name
	t.columns, t.hasKey = slices.Insert(t.columns, 0, col), true
	return nil
}

func (p *place) frameVectorType() schemapb.DataType {
	if want := p.vectorType(); want != schemapb.DataType_None {
		return want
	}
	return schemapb.DataType_FloatVector
}

// orderColumns puts the columns into the order of vector_columns.
func (p *place) orderColumns(vector []frameColumn) error {
	place := func(c frameColumn) int {
		return slices.IndexFunc(p.job.VectorColumns, func(pattern string) bool { return matches(pattern, c.name) })
	}
	for _, pattern := range p.job.VectorColumns {
		if !slices.ContainsFunc(vector, func(c frameColumn) bool { return matches(pattern, c.name) }) {
			return fault.New(fault.Config, "%s: %s names %q, which is no column of %s; there is %s", p.file.name,
				p.key("vector_columns"), pattern, p.path,
				few(namesOf(vector)))
		}
	}
	for _, c := range vector {
		if e := c.elem(); !e.isFloat() && !e.isInt() && p.job.VectorColumns != nil {
			return fault.New(fault.Config, "%s: %s names %s, which holds %v and not one number a row", p.file.name,
				p.key("vector_columns"), c.name, e)
		}
	}
	slices.SortStableFunc(vector, func(a, b frameColumn) int { return cmp.Compare(place(a), place(b)) })
	return nil
}

// inVector says which columns make up the vector.
func (p *place) inVector(c frameColumn) bool {
	e := c.elem()
	if p.job.VectorColumns != nil {
		return p.inColumns(c.name)
	}
	switch p.vectorType() {
	case schemapb.DataType_None:
		return e.isFloat()
	case schemapb.DataType_FloatVector:
		return e.isFloat() || e.isInt()
	case schemapb.DataType_Float16Vector:
		return e.class == classFloat16
	case schemapb.DataType_BinaryVector:
		return e.class == classUint && e.size == 1
	}
	return false
}

func (c frameColumn) cells(group string) cells {
	return cells{elem: c.elem(), width: 1, path: fmt.Sprintf("%s, column %s", group, c.name), parts: []part{{data: c.block, col: c.at, width: 1}}}
}

// join lays columns side by side; neighbours in a block are read together.
func join(columns []frameColumn, group string) cells {
	out := cells{elem: columns[0].elem(), width: int64(len(columns)), path: group}
	for i, c := range columns {
		if c.elem().class != out.elem.class {
			out.elem = elemType{class: classFloat64, size: 8} // anything but what needs no conversion
		}
		if n := len(out.parts); n > 0 {
			last := &out.parts[n-1]
			if last.data == c.block && last.col+last.width == c.at {
				last.width++
				continue
			}
		}
		out.parts = append(out.parts, part{data: c.block, col: c.at, at: int64(i), width: 1})
	}
	return out
}

func namesOf(columns []frameColumn) []string {
	var out []string
	for _, c := range columns {
		out = append(out, c.name)
	}
	return out
}

// few names the first and the last of many.
func few(names []string) string {
	if len(names) > 5 {
		names = []string{names[0], names[1], "...", names[len(names)-1]}
	}
	return strings.Join(names, ", ")
}
