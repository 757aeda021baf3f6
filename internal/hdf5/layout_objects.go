package hdf5

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"gonum.org/v1/hdf5"

	"milvusdm/internal/fault"
	"milvusdm/internal/rows"
)

// objectList is rows that are datasets of their own: the names of a group's members, each a dataset of one vector or a
// group of one.
type objectList struct {
	group string
	names []string
	// inner is the name of the dataset in each member, "" where the members are datasets.
	inner string
	// like is the first dataset: the others have its type and shape.
	like *dataset
}

func (o *objectList) path(i int64) string { return path.Join(o.group, o.names[i], o.inner) }

// elements is the number of elements of a vector, 0 when it is impossible.
func (d *dataset) elements() int64 {
	n, ok := times(d.dims...)
	if !ok {
		return 0
	}
	return n
}

// mostChecked is how many of the objects are looked at before any is read; of more, that many that lie evenly.
const mostChecked = 4096

// objectsIn returns the list of a group's objects if each is one vector, or why it is none.
func (p *place) objectsIn() (*objectList, string, error) {
	if !p.group { // a list of one
		return p.checkObjects(&objectList{group: path.Dir(p.path), names: []string{path.Base(p.path)}}, false)
	}
	o := &objectList{group: p.path}
	groups := false
	for _, e := range p.members {
		if e.external || !e.group && !e.dataset || !p.wants(e.name) {
			continue
		}
		if len(o.names) == 0 {
			groups = e.group
		}
		if e.group != groups {
			return nil, fmt.Sprintf("holds groups and datasets (%s, %s)", o.names[0], e.name), nil
		}
		o.names = append(o.names, e.name)
	}
	if len(o.names) == 0 {
		return nil, "holds no datasets", nil
	}
	if groups {
		members, err := p.file.list(path.Join(p.path, o.names[0]))
		if err != nil {
			return nil, "", err
		}
		if len(members) != 1 || !members[0].dataset {
			return nil, fmt.Sprintf("holds group %s, which is not of one dataset", o.names[0]), nil
		}
		o.inner = members[0].name
	}
	return p.checkObjects(o, groups)
}

// checkObjects looks at the objects.
func (p *place) checkObjects(o *objectList, groups bool) (*objectList, string, error) {
	step := max(int64(len(o.names))/mostChecked, 1)
	for i := int64(0); i < int64(len(o.names)); i += step {
		if groups {
			members, err := p.file.list(path.Join(p.path, o.names[i]))
			if err != nil {
				return nil, "", err
			}
			if len(members) != 1 || members[0].name != o.inner || !members[0].dataset {
				return nil, fmt.Sprintf("holds group %s, which is not of one dataset %s", o.names[i], o.inner), nil
			}
		}
		d, err := p.file.describe(o.path(i))
		if err != nil {
			return nil, "", err
		}
		if o.like == nil {
			if why := d.noVector(); why != "" {
				return nil, fmt.Sprintf("holds %v, which is %s", d, why), nil
			}
			o.like = d
		}
		if why := o.differs(d); why != "" {
			return nil, why, nil
		}
		if err := p.file.usable(d); err != nil {
			return nil, "", err
		}
	}
	return o, "", nil
}

// noVector says why a dataset is not one vector, of one dimension or of a single row.
func (d *dataset) noVector() string {
	switch why := d.unfit(); {
	case why != "":
		return why
	case len(d.dims) == 2 && d.dims[0] != 1 && d.dims[1] != 1:
		return "more than one vector"
	case d.elements() < 2:
		return "a single number"
	case !d.elem.isFloat() && !d.elem.isInt() && d.elem.class != classBool:
		return "no numbers"
	}
	return ""
}

func (o *objectList) differs(d *dataset) string {
	if !d.elem.equal(o.like.elem) || !slices.Equal(d.dims, o.like.dims) {
		return fmt.Sprintf("holds %v and %v, which differ", o.like, d)
	}
	return ""
}

// usualObjects says whether a group is one of objects without the job saying so: members that can be nothing else.
// Datasets of one dimension may be the columns of a table: 16-bit floats are not, nor are more of them than they have
// values.
func (o *objectList) usual() bool {
	switch {
	case !o.like.elem.isFloat() || len(o.names) < 2:
		return false
	case o.inner != "" || len(o.like.dims) == 2:
		return true
	}
	half := o.like.elem.class == classFloat16 || o.like.elem.class == classBFloat16
	return half || int64(len(o.names)) > o.like.elements()
}

// readObjects reads a group of one dataset, or one group of a dataset, per vector. The name is the key.
func readObjects(p *place) (*table, error) {
	var names []string
	for _, e := range p.members {
		names = append(names, e.name)
	}
	if err := p.checkNames(names); err != nil {
		return nil, err
	}
	o, why, err := p.objectsIn()
	if err != nil {
		return nil, err
	}
	if why != "" {
		return nil, fault.New(fault.Config, "%s: %s %s; layout objects reads a group whose members are one vector each%s",
			p.file.name, p.path, why,
			p.adviseExceptOdd())
	}
	t := &table{object: p.path, keyName: "id", objects: o,
		format: fmt.Sprintf("objects layout (%d vectors, %s to %s)", len(o.names), o.names[0], o.names[len(o.names)-1])}
	vector := cells{elem: o.like.elem, width: o.like.elements(), path: p.path,
		parts: []part{{data: o.rowsOf(), objects: o, width: o.like.elements()}}}
	want := p.vectorType()
	if want == schemapb.DataType_None && (vector.elem.isFloat() || vector.elem.isInt()) {
		want = schemapb.DataType_FloatVector
	}
	col, err := newVector(p, orElse(p.job.VectorField, "embedding"), vector, want, false)
	if err != nil {
		return nil, err
	}
	if p.job.Key != keyNumbered {
		if p.job.Key != "" {
			return nil, fault.New(fault.Config,
				"%s: %s names %q, and the keys of layout objects are the names of the objects; leave it out, "+
					"or write %s: none to number the rows", p.file.name, p.key("key"), p.job.Key, p.key("key"))
		}
		t.columns, t.hasKey = append(t.columns, newNames(t.keyName, o)), true
		t.notes = append(t.notes,
			fmt.Sprintf("%s: each object is one vector, and its name is its key; %s: none numbers them instead",
				p.path, p.key("key")))
	}
	t.columns = append(t.columns, col)
	return t, nil
}

// rowsOf is the dataset that the objects would be as one matrix.
func (o *objectList) rowsOf() *dataset {
	return &dataset{path: o.group, elem: o.like.elem, dims: []int64{int64(len(o.names)), o.like.elements()},
		written: int64(len(o.names))}
}

// usualName is the least max_length of a key that holds names: other files of the collection may have longer ones.
const usualName = 255

// newNames makes the key of the objects' names.
func newNames(name string, o *objectList) *column {
	longest := usualName
	for _, n := range o.names {
		longest = max(longest, len(n))
	}
	field := rows.VarCharField(name, min(longest, maxText))
	field.IsPrimaryKey = true
	c := cells{elem: elemType{class: classVariable}, width: 1, path: o.group, parts: []part{{data: o.rowsOf(), objects: o,
		width: 1}}}
	return &column{field: field, cells: c, rowBytes: 16 + usualText, decode: decodeNames}
}

func decodeNames(c *openColumn, row int64, n int) (*schemapb.FieldData, error) {
	names := slices.Clone(c.parts[0].part.objects.names[row : row+int64(n)])
	for i, s := range names {
		if !utf8.ValidString(s) {
			return nil, c.badRow(row+int64(i), "the name is not valid UTF-8: %q", s)
		}
	}
	return c.texts(row, names)
}

// openObjects makes the memory type of the objects' elements.
func (p *openPart) openObjects(c *openColumn) error {
	if c.field.IsPrimaryKey {
		return nil // the names are in memory
	}
	p.objects = p.part.objects
	first, err := c.table.file.openDataset(p.objects.path(0), nil)
	if err != nil {
		return err
	}
	defer first.Close()
	fileType, err := first.Datatype()
	if err != nil {
		return libraryError(err)
	}
	defer fileType.Close()
	p.mem, err = newReadType(c.mem, fileType, "", 0)
	return err
}

// read reads objects [row, row+n), a vector each.
func (o *objectList) read(c *openColumn, row int64, n int, dst unsafe.Pointer) error {
	p := &c.parts[0]
	size := uintptr(p.width) * uintptr(p.mem.Size())
	mem, err := hdf5.CreateSimpleDataspace([]uint{uint(p.width)}, nil)
	if err != nil {
		return libraryError(err)
	}
	defer mem.Close()
	for i := range n {
		to := unsafe.Add(dst, uintptr(i)*size)
		if err := o.readOne(c.table.file, p, o.path(row+int64(i)), mem, to); err != nil {
			return err
		}
	}
	return nil
}

func (o *objectList) readOne(f *file, p *openPart, name string, mem *hdf5.Dataspace, dst unsafe.Pointer) error {
	open, err := f.openDataset(name, nil)
	if err != nil {
		return err
	}
	defer open.Close()
	d, err := f.describeOpen(open, name)
	if err != nil {
		return err
	}
	if why := o.differs(d); why != "" {
		return fault.New(fault.Corrupt, "%s: %s %s", f.name, o.group, why)
	}
	if err := f.usable(d); err != nil {
		return err
	}
	space := open.Space()
	if space == nil {
		return fmt.Errorf("%s: no dataspace", name)
	}
	defer space.Close()
	return readInto(open, p.mem, mem, space, dst, d.chunkBytes())
}

// adviseExceptOdd names the members that are no vectors like the others, if without them it works.
func (p *place) adviseExceptOdd() string {
	shapes, names := map[string]int{}, map[string][]string{}
	for i, e := range p.members {
		if i == mostChecked {
			return ""
		}
		shape := "group"
		if e.dataset {
			d, err := p.file.describe(path.Join(p.path, e.name))
			if err != nil {
				return ""
			}
			shape = d.shape() + " " + d.elem.String()
		}
		shapes[shape]++
		names[shape] = append(names[shape], e.name)
	}
	usual := ""
	for shape, n := range shapes {
		if n > shapes[usual] {
			usual = shape
		}
	}
	var odd []string
	for shape, list := range names {
		if shape != usual {
			odd = append(odd, list...)
		}
	}
	slices.Sort(odd)
	if len(odd) == 0 || len(odd) > mostNamed {
		return ""
	}
	return p.advise([]change{{"except", strings.Join(odd, "\x00")}})
}
