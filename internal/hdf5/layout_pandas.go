package hdf5

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"gonum.org/v1/hdf5"

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
	index, err := p.frameIndex()
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
		return fault.New(fault.Config, "%s: %s is a dataset; layout pandas reads the group of a DataFrame: set source.hdf5.object", p.file.name, p.path)
	}
	if !p.has("axis0") || !p.has("axis1") || !p.has("block0_values") {
		if mark, err := p.pandasType(); err != nil {
			return err
		} else if mark != "" {
			return fault.New(fault.Unsupported, "%s: %s holds a %s of pandas; what is read is a DataFrame without MultiIndex, "+
				"written by to_hdf(format=\"fixed\"), and of one by format=\"table\" the dataset table", p.file.name, p.path, mark)
		}
		return fault.New(fault.Config, "%s: %s holds no DataFrame (axis0, axis1, block0_values); the file holds %s; set source.hdf5.object or layout",
			p.file.name, p.path, p.file.contents())
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
	out := make([]frameColumn, len(order))
	for i, name := range order {
		c, ok := byName[name]
		if !ok {
			return nil, fault.New(fault.Corrupt, "%s: %s names column %q, which is in no block", p.file.name, path.Join(p.path, "axis0"), name)
		}
		out[i] = c
	}
	if len(byName) != len(out) {
		return nil, fault.New(fault.Corrupt, "%s: %s names %d columns, and the blocks hold %d", p.file.name, path.Join(p.path, "axis0"), len(out), len(byName))
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
		return nil, fault.New(fault.Unsupported, "%s: columns %s are Python objects, pickled (%s): write them apart, as numbers or with h5py",
			p.file.name, few(items), d.path)
	}
	if err := p.file.usable(d); err != nil {
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
		return nil, fault.New(fault.Unsupported, "%s: columns %s hold %s: make them integers", p.file.name, few(items), valueType)
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

// frameIndex returns the index if its values can be keys, else nil.
func (p *place) frameIndex() (*dataset, error) {
	d, err := p.describe("axis1")
	if err != nil || !d.elem.isInt() || len(d.dims) != 1 {
		return nil, err
	}
	if valueType, err := p.attribute(d, "value_type"); err != nil || valueType != "" {
		return nil, err // dates
	}
	return d, p.file.usable(d)
}

func (p *place) frameKey(columns []frameColumn, index *dataset) (string, error) {
	var names []string
	for _, c := range columns {
		names = append(names, c.name)
	}
	usual := keyNames
	if index != nil {
		usual = append(slices.Clone(usual), indexName)
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
			if err := p.addKey(t, c.cells(p.path)); err != nil {
				return err
			}
		case p.inVector(c):
			vector = append(vector, c)
		default:
			col, err := newScalar(p.file, c.name, c.cells(p.path), false)
			if err != nil {
				return err
			}
			t.columns = append(t.columns, col)
		}
	}
	if key == indexName && !t.hasKey {
		if err := p.addKey(t, cellsOf(index)); err != nil {
			return err
		}
	}
	if len(vector) == 0 {
		return fault.New(fault.Config, "%s: %s has no floating-point columns, which would be the vector; "+
			"source.hdf5.vector: FloatVector takes all numeric columns for it", p.file.name, p.path)
	}
	col, err := newVector(p.file, orElse(p.job.VectorField, "embedding"), join(vector, p.path), p.frameVectorType(), false)
	if err != nil {
		return err
	}
	col.notes = append(col.notes, fmt.Sprintf("%s: %d columns are the vector: %s", p.path, len(vector), few(namesOf(vector))))
	t.columns = append(t.columns, col)
	return nil
}

func (p *place) addKey(t *table, c cells) error {
	col, err := newKey(p.file, t.keyName, c)
	t.columns, t.hasKey = slices.Insert(t.columns, 0, col), true
	return err
}

func (p *place) frameVectorType() schemapb.DataType {
	if want := p.vectorType(); want != schemapb.DataType_None {
		return want
	}
	return schemapb.DataType_FloatVector
}

// inVector says which columns make up the vector.
func (p *place) inVector(c frameColumn) bool {
	e := c.elem()
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

// maxNames bounds the columns of a frame.
const maxNames = 1 << 18

// names reads an axis: strings, or integers as text.
func (p *place) names(axis string) ([]string, error) {
	d, err := p.open(axis)
	if err != nil {
		return nil, err
	}
	switch {
	case len(d.dims) != 1 || d.dims[0] > maxNames || d.elem.class != classFixed && !d.elem.isInt():
		return nil, fault.New(fault.Unsupported, "%s: %v holds no plain column names (one string or integer a column)", p.file.name, d)
	case d.dims[0] == 0:
		return nil, nil
	case d.elem.isInt():
		values, err := readWhole[int64](p, d, memInt64, 1)
		out := make([]string, len(values))
		for i, v := range values {
			out[i] = strconv.FormatInt(v, 10)
		}
		return out, err
	}
	size := d.elem.size
	raw, err := readWhole[byte](p, d, memAsFile, size)
	out := make([]string, d.dims[0])
	for i := range out {
		out[i] = d.elem.padding.strip(string(raw[i*size : (i+1)*size]))
	}
	return out, err
}

// readWhole reads all of a small dataset of one dimension, size values of T an element.
func readWhole[T any](p *place, d *dataset, m memType, size int) ([]T, error) {
	if bytes, ok := times(d.dims[0], int64(d.elem.size)); !ok || bytes > maxRow {
		return nil, fault.New(fault.Unsupported, "%s: %v is too long", p.file.name, d)
	}
	out := make([]T, d.dims[0]*int64(size))
	err := func() error {
		open, err := p.file.openDataset(d.path, nil)
		if err != nil {
			return err
		}
		defer open.Close()
		fileType, err := open.Datatype()
		if err != nil {
			return libraryError(err)
		}
		defer fileType.Close()
		mem, err := newReadType(m, fileType, "", 0)
		if err != nil {
			return libraryError(err)
		}
		defer mem.Close()
		all, err := hdf5.CreateSimpleDataspace([]uint{uint(d.dims[0])}, nil)
		if err != nil {
			return libraryError(err)
		}
		defer all.Close()
		return readInto(open, mem, all, all, unsafe.Pointer(unsafe.SliceData(out)), d.chunkBytes())
	}()
	return out, p.file.corrupt(err, "read %s", d.path)
}
