package hdf5

import (
	"fmt"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/fault"
	"milvusdm/internal/rows"
)

// columnWriter is a field and the datasets that it is written to.
type columnWriter struct {
	field *schemapb.FieldSchema
	valid *fixedOutput // which values there are, of a nullable field
	taker
}

// taker writes the values of a field.
type taker interface {
	// take stages a batch's values of the field.
	take(d *schemapb.FieldData, rows int) error
}

func (w *PartWriter) newFixed(path string, s shape, texts ...namedText) *fixedOutput {
	f := &fixedOutput{output: output{path: path, texts: texts}, shape: s}
	w.fixed = append(w.fixed, f)
	return f
}

func (w *PartWriter) newVariable(path string, elem elemType, texts ...namedText) *variableOutput {
	v := &variableOutput{output: output{path: path, texts: texts}, elem: elem}
	w.varying = append(w.varying, v)
	return v
}

// addColumns makes a column of each field of the schema.
func (w *PartWriter) addColumns(s *schemapb.CollectionSchema) error {
	key := rows.Schema{CollectionSchema: s}.PrimaryKey()
	if t := key.GetDataType(); t != schemapb.DataType_Int64 && t != schemapb.DataType_VarChar {
		return fault.New(fault.Unsupported, "the schema has no primary key of type Int64 or VarChar")
	}
	fields := storedFields(s)
	paths := exportPaths(fields)
	for _, f := range fields {
		c := columnWriter{field: f}
		var err error
		if c.taker, err = w.newTaker(f, paths[f.GetName()]); err != nil {
			return err
		}
		if f.GetNullable() {
			c.valid = w.newFixed(validPath(f.GetName()), shape{elem: elemBool}, namedText{attrField, f.GetName()})
		}
		w.columns = append(w.columns, c)
	}
	for _, s := range s.GetStructArrayFields() {
		c := columnWriter{field: &schemapb.FieldSchema{Name: s.GetName(), DataType: schemapb.DataType_ArrayOfStruct}}
		var all structValues
		for _, f := range s.GetFields() {
			v, err := w.newTaker(f, fieldPath(s.GetName(), f.GetName()))
			if err != nil {
				return fmt.Errorf("%s: %w", s.GetName(), err)
			}
			all = append(all, columnWriter{field: f, taker: v})
		}
		c.taker = all
		w.columns = append(w.columns, c)
	}
	return nil
}

// newTaker makes what a field's values are written to.
func (w *PartWriter) newTaker(f *schemapb.FieldSchema, path string) (taker, error) {
	t := f.GetDataType()
	texts := []namedText{{attrField, f.GetName()}, {attrType, t.String()}}
	if t == schemapb.DataType_SparseFloatVector {
		indptr := w.newFixed(path+"/indptr", shape{elem: elemInt64}, texts...)
		indptr.rest = make([]byte, 8) // the first vector begins at 0
		return &sparseValues{
			indptr: indptr, indices: w.newFixed(path+"/indices", shape{elem: elemUint32}), data: w.newFixed(path+"/values", shape{elem: elemFloat32}),
		}, nil
	}
	if wireElems[t] != nil {
		late := &lateValues{part: w, field: f, path: path, texts: texts}
		w.late = append(w.late, late)
		return late, nil
	}
	return w.newPlain(f, path, wires[t], "", texts)
}

// newPlain makes what the values of a field are written to that come as wire. kept is wire where that is to be kept.
func (w *PartWriter) newPlain(f *schemapb.FieldSchema, path, wire, kept string, texts []namedText) (taker, error) {
	s, err := shapeOf(f, kept)
	if err != nil {
		return nil, err
	}
	if kept != "" {
		texts = append(texts, namedText{attrWire, kept})
	}
	if s.elem.class == classVariable || s.elem.class == classSequence {
		return &variableValues{field: f, wire: wire, out: w.newVariable(path, s.elem, texts...)}, nil
	}
	return &fixedValues{field: f, wire: wire, out: w.newFixed(path, s, texts...)}, nil
}

// takeRows stages the batch's rows of the field.
func (c *columnWriter) takeRows(b *rows.Batch) error {
	d := b.Field(c.field.GetName())
	if d == nil {
		return fault.New(fault.Internal, "field %q: the batch has none", c.field.GetName())
	}
	if err := c.takeValid(d, b.Rows); err != nil {
		return fmt.Errorf("field %q: %w", c.field.GetName(), err)
	}
	if err := c.taker.take(d, b.Rows); err != nil {
		return fmt.Errorf("field %q: %w", c.field.GetName(), err)
	}
	return nil
}

func (c *columnWriter) takeValid(d *schemapb.FieldData, rows int) error {
	valid := d.GetValidData()
	switch {
	case len(valid) != 0 && len(valid) != rows:
		return fault.New(fault.Corrupt, "%d values are said to be there or not, of %d rows", len(valid), rows)
	case c.valid == nil:
		for i, ok := range valid {
			if !ok {
				return fault.New(fault.Corrupt, "value %d is null, and the field is not nullable", i)
			}
		}
		return nil
	case len(valid) == 0:
		valid = make([]bool, rows)
		for i := range valid {
			valid[i] = true
		}
	}
	c.valid.stage(bytesOf(valid))
	return nil
}

// fixedValues are values of one size.
type fixedValues struct {
	field *schemapb.FieldSchema
	wire  string
	out   *fixedOutput
}

func (v *fixedValues) take(d *schemapb.FieldData, rows int) error {
	raw, err := fixedBytes(v.field, d)
	switch {
	case err != nil:
		return err
	case wireOf(d) != v.wire:
		return wrongWire(d, v.wire)
	case len(raw) != rows*v.out.rowBytes():
		return fault.New(fault.Corrupt, "%d bytes of values for %d rows of %d", len(raw), rows, v.out.rowBytes())
	}
	v.out.stage(raw)
	return nil
}

func wrongWire(d *schemapb.FieldData, want string) error {
	return fault.New(fault.Corrupt, "the values come as %q, and not as %q", wireOf(d), want)
}

// variableValues are values of variable length.
type variableValues struct {
	field *schemapb.FieldSchema
	wire  string
	out   *variableOutput
}

func (v *variableValues) take(d *schemapb.FieldData, rows int) error {
	if wireOf(d) != v.wire {
		return wrongWire(d, v.wire)
	}
	if err := eachValue(v.field, d, v.out.add); err != nil {
		return err
	}
	if n := len(v.out.counts); n != rows {
		return fault.New(fault.Corrupt, "%d values for %d rows", n, rows)
	}
	return nil
}

// lateValues are those of which only the first batch shows how they come.
type lateValues struct {
	taker // nil until then
	part  *PartWriter
	field *schemapb.FieldSchema
	path  string
	texts []namedText
}

func (v *lateValues) take(d *schemapb.FieldData, rows int) error {
	if err := v.choose(wireOf(d)); err != nil {
		return err
	}
	return v.taker.take(d, rows)
}

func (v *lateValues) choose(wire string) (err error) {
	if v.taker == nil {
		v.taker, err = v.part.newPlain(v.field, v.path, wire, wire, v.texts)
	}
	return err
}

// end chooses where there was no batch.
func (v *lateValues) end() error { return v.choose(defaultWire[v.field.GetDataType()]) }

// sparseValues are sparse vectors, in three datasets as SciPy's csr_matrix has them: vector i takes indices and values
// indptr[i] to indptr[i+1].
type sparseValues struct {
	indptr, indices, data *fixedOutput
	entries               int64
}

func (v *sparseValues) take(d *schemapb.FieldData, rows int) error {
	contents := d.GetVectors().GetSparseFloatVector().GetContents()
	if len(contents) != rows {
		return fault.New(fault.Corrupt, "%d sparse vectors for %d rows", len(contents), rows)
	}
	ends := make([]int64, rows)
	var indices, data []byte
	for i, row := range contents {
		if len(row)%8 != 0 {
			return fault.New(fault.Corrupt, "sparse vector %d takes %d bytes, which are no pairs of index and value", i, len(row))
		}
		for ; len(row) > 0; row = row[8:] {
			indices, data = append(indices, row[:4]...), append(data, row[4:8]...)
		}
		v.entries += int64(len(contents[i]) / 8)
		ends[i] = v.entries
	}
	v.indptr.stage(bytesOf(ends))
	v.indices.stage(indices)
	v.data.stage(data)
	return nil
}

// structValues are arrays of structs: a dataset for each field of the struct.
type structValues []columnWriter

func (v structValues) take(d *schemapb.FieldData, rows int) error {
	held := map[string]*schemapb.FieldData{}
	for _, f := range d.GetStructArrays().GetFields() {
		held[f.GetFieldName()] = f
	}
	if len(held) != len(v) {
		return fault.New(fault.Corrupt, "structs of %d fields, and the schema's have %d", len(held), len(v))
	}
	for _, c := range v {
		f := held[c.field.GetName()]
		if f == nil {
			return fault.New(fault.Corrupt, "its structs have no %q", c.field.GetName())
		}
		if err := c.taker.take(f, rows); err != nil {
			return fmt.Errorf("%s: %w", c.field.GetName(), err)
		}
	}
	return nil
}
