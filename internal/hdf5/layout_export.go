package hdf5

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/protobuf/proto"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// exported is what an exported file says of its collection.
type exported struct {
	collection, partition string
	schema                rows.Schema
	settings              *transfer.Settings
	// whole is all of it but the partition, as text: that of files of one collection is equal.
	whole string
}

// rootText reads an attribute of the root group, "" if there is none.
func (f *file) rootText(name string) (string, error) {
	g, err := f.openGroup("/")
	if err != nil {
		return "", err
	}
	defer g.Close()
	text, err := f.textAttribute(g.Identifier, name)
	return text, f.corrupt(err, "attribute %s", name)
}

// isExport looks for the mark of [PartWriter]'s files.
func (p *place) isExport() (bool, error) {
	if !p.group || p.path != "/" {
		return false, nil
	}
	text, err := p.file.rootText(attrFormat)
	return text == exportFormat, err
}

// readExport reads a file of [PartWriter]: fields are what the schema in it says.
func readExport(p *place) (*table, error) {
	f := p.file
	switch yes, err := p.isExport(); {
	case err != nil:
		return nil, err
	case !yes:
		return nil, fault.New(fault.Config, "%s: %s is no export of this program's%s", f.name, p.path,
			p.advise([]change{{"layout", "auto"}}))
	}
	if err := refuseKeys(f, p.job); err != nil {
		return nil, err
	}
	x, t, err := readExportTexts(f)
	if err != nil {
		return nil, err
	}
	b := &exportBuilder{place: p, rows: t.rows}
	if t.columns, err = b.columns(x.schema.CollectionSchema); err != nil {
		return nil, err
	}
	t.export, t.hasKey, t.keyName = x, true, x.schema.PrimaryKey().GetName()
	return t, nil
}

// refuseKeys refuses what the file says itself.
func refuseKeys(f *file, j *job.HDF5Source) error {
	if j.MilvusDM2() {
		return fault.New(fault.Unsupported,
			"%s: is an export of a collection, which MilvusDM 2.0's form can't name; load it by the job that lies beside it, "+
				"or by one of this program's own form", f.name)
	}
	for _, k := range []struct {
		key string
		set bool
	}{
		{"key", j.Key != ""}, {"key_field", j.KeyField != ""}, {"vector_field", j.VectorField != ""}, {"vector",
			j.Vector != ""},
		{"json", len(j.JSON) > 0}, {"fields", len(j.Fields) > 0}, {"except", len(j.Except) > 0}, {"rename_fields",
			len(j.RenameFields) > 0},
		{"vector_columns", len(j.VectorColumns) > 0}, {"key_offset", j.KeyOffset != ""},
	} {
		if k.set {
			return fault.New(fault.Config, "%s: is an export, which says itself what its fields are: leave out %s, "+
				"or set %s to read only some of its datasets", f.name, j.KeyName(k.key), j.KeyName("layout"))
		}
	}
	return nil
}

// readExportTexts reads the attributes, and makes a table of them that has no columns yet.
func readExportTexts(f *file) (*exported, *table, error) {
	texts := map[string]string{}
	for _, name := range []string{attrVersion, attrCollection, attrPartition, attrSchema, attrSettings, attrMetric, attrRows} {
		text, err := f.rootText(name)
		if err != nil {
			return nil, nil, err
		}
		texts[name] = text
	}
	if v := texts[attrVersion]; v != exportVersion {
		return nil, nil, fault.New(fault.Unsupported, "%s: is an export of version %.20q, and this program reads version %s: use the program that wrote it, "+
			"or a newer one", f.name, v, exportVersion)
	}
	if texts[attrRows] == "" {
		return nil, nil, fault.New(fault.Corrupt, "%s: is an export that was not finished: its program ended while it wrote; remove it", f.name)
	}
	rows, err := strconv.ParseInt(texts[attrRows], 10, 64)
	if err != nil || rows < 0 {
		return nil, nil, fault.New(fault.Corrupt, "%s: attribute %s is no number of rows: %.40q", f.name, attrRows, texts[attrRows])
	}
	x := &exported{
		collection: texts[attrCollection], partition: texts[attrPartition],
		whole: texts[attrCollection] + "\x00" + texts[attrSchema] + "\x00" + texts[attrSettings] + "\x00" + texts[attrMetric],
	}
	if err := x.schema.UnmarshalJSON([]byte(texts[attrSchema])); err != nil {
		return nil, nil, f.corrupt(err, "attribute %s", attrSchema)
	}
	if text := texts[attrSettings]; text != "" {
		if err := json.Unmarshal([]byte(text), &x.settings); err != nil {
			return nil, nil, f.corrupt(err, "attribute %s", attrSettings)
		}
	}
	t := &table{object: "/ids", format: fmt.Sprintf("export of collection %s", x.collection), rows: rows, metric: texts[attrMetric]}
	return x, t, nil
}

// exportBuilder makes columns of an export's datasets.
type exportBuilder struct {
	*place
	rows int64
}

// columns makes a column of each field, the key first.
func (b *exportBuilder) columns(s *schemapb.CollectionSchema) ([]*column, error) {
	fields := storedFields(s)
	if err := b.checkSchema(fields, s.GetStructArrayFields()); err != nil {
		return nil, err
	}
	paths := exportPaths(fields)
	var out []*column
	for _, f := range fields {
		c, err := b.column(f, paths[f.GetName()], b.rows)
		if err == nil && f.GetNullable() {
			err = b.addValid(c)
		}
		if err != nil {
			return nil, err
		}
		if f.GetIsPrimaryKey() {
			out = append([]*column{c}, out...)
		} else {
			out = append(out, c)
		}
	}
	for _, f := range s.GetStructArrayFields() {
		c, err := b.structs(f)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

func (b *exportBuilder) checkSchema(fields []*schemapb.FieldSchema, structs []*schemapb.StructArrayFieldSchema) error {
	seen := map[string]bool{}
	var key *schemapb.FieldSchema
	var names []string
	for _, f := range fields {
		names = append(names, f.GetName())
		if f.GetIsPrimaryKey() {
			key = f
		}
	}
	for _, s := range structs {
		names = append(names, s.GetName())
	}
	for _, name := range names {
		if name == "" || seen[name] || len(names) > maxMembers {
			return b.file.corrupt(fmt.Errorf("%d fields, %q twice or without a name", len(names), name), "attribute %s", attrSchema)
		}
		seen[name] = true
	}
	if t := key.GetDataType(); key == nil || t != schemapb.DataType_Int64 && t != schemapb.DataType_VarChar {
		return b.file.corrupt(fmt.Errorf("no primary key of type Int64 or VarChar"), "attribute %s", attrSchema)
	}
	return nil
}

// dataset describes a dataset that has to be there, of that shape and number of rows.
func (b *exportBuilder) dataset(path string, want shape, rows int64) (*dataset, error) {
	e, found, err := b.file.locate(path)
	if err == nil && (!found || !e.dataset) {
		return nil, fault.New(fault.Corrupt, "%s: its schema asks for dataset %s, and it holds %s", b.file.name, path, b.file.contents())
	}
	if err != nil {
		return nil, err
	}
	d, err := b.file.describe(path)
	if err != nil {
		return nil, err
	}
	rank := 1
	if want.width > 0 {
		rank = 2
	}
	if !d.elem.like(want.elem) || len(d.dims) != rank || rank == 2 && d.dims[1] != int64(want.width) {
		return nil, fault.New(fault.Corrupt, "%s: %v: its schema asks for rows of %d %v", b.file.name, d, max(want.width, 1), want.elem)
	}
	if rows >= 0 && d.rows() != rows {
		return nil, fault.New(fault.Corrupt, "%s: %v: has %d rows, and %d were written", b.file.name, d, d.rows(), rows)
	}
	return d, b.file.usable(d)
}

// like reports whether both hold the same, wherever variable-length values lie.
func (t elemType) like(o elemType) bool {
	switch {
	case t.class != o.class:
		return false
	case t.class == classSequence:
		return t.elem.like(*o.elem)
	}
	return t.class == classVariable || t.size == o.size
}

// column makes a column of a field of so many rows.
func (b *exportBuilder) column(f *schemapb.FieldSchema, path string, rows int64) (*column, error) {
	if f.GetDataType() == schemapb.DataType_SparseFloatVector {
		return b.sparse(f, path, rows)
	}
	wire := ""
	if wireElems[f.GetDataType()] != nil {
		var err error
		if wire, err = b.datasetText(path, attrWire); err != nil {
			return nil, err
		}
	}
	want, err := shapeOf(f, wire)
	if err != nil {
		return nil, fault.Wrap(fault.Unsupported, err, "%s", b.file.name)
	}
	d, err := b.dataset(path, want, rows)
	if err != nil {
		return nil, err
	}
	c := newExportColumn(f, d, wire)
	if c.rowBytes > maxRow {
		return nil, fault.New(fault.Corrupt, "%s: %v: a row takes %d bytes; at most %d are read", b.file.name, d, c.rowBytes, maxRow)
	}
	return c, nil
}

// datasetText reads an attribute of a dataset.
func (b *exportBuilder) datasetText(path, name string) (string, error) {
	if e, found, err := b.file.locate(path); err != nil || !found || !e.dataset {
		return "", nil // its absence is told where it is looked for
	}
	d, err := b.file.openDataset(path, nil)
	if err != nil {
		return "", err
	}
	defer d.Close()
	text, err := b.file.textAttribute(d.Identifier, name)
	return text, b.file.corrupt(err, "attribute %s of %s", name, path)
}

// newExportColumn makes the column of a dataset that has the field's shape.
func newExportColumn(f *schemapb.FieldSchema, d *dataset, wire string) *column {
	c := &column{field: proto.CloneOf(f), cells: cells{elem: d.elem, width: d.cols(), path: d.path, parts: []part{{data: d, width: d.cols()}}}}
	if d.elem.class == classVariable || d.elem.class == classSequence {
		const header = 24 // a slice, beside its bytes
		c.mem, c.rowBytes, c.guess = memReference, header+usualText, usualText
		c.decode = variableDecoder(f, wire)
		return c
	}
	if _, vector := vectorElems[f.GetDataType()]; vector {
		c.dim, _ = rows.Dim(f) // shapeOf has seen it
	}
	fixed := fixedDecoders[f.GetDataType()]
	c.mem, c.decode, c.rowBytes = fixed.mem, fixed.decode, int(c.width)*fixed.bytes
	if f.GetDataType() == schemapb.DataType_Timestamptz {
		c.decode = decodeTimestamps(wire)
	}
	return c
}

// fixedDecoders read values of one size; bytes are those of an element in memory.
var fixedDecoders = map[schemapb.DataType]struct {
	mem    memType
	decode decoder
	bytes  int
}{
	schemapb.DataType_Bool:           {memAsFile, decodeBool, 1},
	schemapb.DataType_Int8:           {memInt32, decodeInt(schemapb.DataType_Int8), 4},
	schemapb.DataType_Int16:          {memInt32, decodeInt(schemapb.DataType_Int16), 4},
	schemapb.DataType_Int32:          {memInt32, decodeInt(schemapb.DataType_Int32), 4},
	schemapb.DataType_Int64:          {memInt64, decodeLong, 8},
	schemapb.DataType_Timestamptz:    {mem: memInt64, bytes: 8},
	schemapb.DataType_Float:          {memFloat32, decodeFloat, 4},
	schemapb.DataType_Double:         {memFloat64, decodeDouble, 8},
	schemapb.DataType_FloatVector:    {memFloat32, decodeFloatVector, 4},
	schemapb.DataType_BinaryVector:   {memUint8, decodeBytes, 1},
	schemapb.DataType_Float16Vector:  {memFloat16, decodeFloat16Vector, 2},
	schemapb.DataType_BFloat16Vector: {memUint16, decodeFloat16Vector, 2},
	schemapb.DataType_Int8Vector:     {memAsFile, decodeInt8Vector, 1},
}

// addValid has the column's decoder say which values there are.
func (b *exportBuilder) addValid(c *column) error {
	d, err := b.dataset(validPath(c.field.GetName()), shape{elem: elemBool}, b.rows)
	if err != nil {
		return err
	}
	c.subs = append(c.subs, newExportColumn(&schemapb.FieldSchema{DataType: schemapb.DataType_Bool}, d, ""))
	c.decode, c.rowBytes = withValid(c.decode), c.rowBytes+1
	return nil
}

// sparse makes a column of sparseValues' datasets.
func (b *exportBuilder) sparse(f *schemapb.FieldSchema, path string, rows int64) (*column, error) {
	ends, err := b.dataset(path+"/indptr", shape{elem: elemInt64}, rows+1)
	if err != nil {
		return nil, err
	}
	indices, err := b.dataset(path+"/indices", shape{elem: elemUint32}, -1)
	if err != nil {
		return nil, err
	}
	data, err := b.dataset(path+"/values", shape{elem: elemFloat32}, indices.rows())
	if err != nil {
		return nil, err
	}
	c := newExportColumn(&schemapb.FieldSchema{Name: f.GetName(), DataType: schemapb.DataType_Int64}, ends, "")
	c.field, c.decode, c.rowBytes, c.guess = proto.CloneOf(f), decodeSparse, c.rowBytes+usualText, usualText
	index := newExportColumn(&schemapb.FieldSchema{DataType: schemapb.DataType_Float}, indices, "")
	index.mem = memUint32
	c.subs = []*column{index, newExportColumn(&schemapb.FieldSchema{DataType: schemapb.DataType_Float}, data, "")}
	return c, nil
}

// structs makes a column of structValues' datasets, all of them subs; its own cells are those of the first.
func (b *exportBuilder) structs(s *schemapb.StructArrayFieldSchema) (*column, error) {
	if len(s.GetFields()) == 0 {
		return nil, fault.New(fault.Corrupt, "%s: the schema's structs %q have no fields", b.file.name, s.GetName())
	}
	c := &column{field: &schemapb.FieldSchema{Name: s.GetName(), DataType: schemapb.DataType_ArrayOfStruct}, decode: decodeStructs}
	for _, f := range s.GetFields() {
		if t := f.GetDataType(); t != schemapb.DataType_Array && t != schemapb.DataType_ArrayOfVector {
			return nil, fault.New(fault.Unsupported, "%s: field %q of structs %q is %v, and no array", b.file.name, f.GetName(), s.GetName(), t)
		}
		sub, err := b.column(f, fieldPath(s.GetName(), f.GetName()), b.rows)
		if err != nil {
			return nil, err
		}
		c.subs = append(c.subs, sub)
		c.rowBytes, c.guess = c.rowBytes+sub.rowBytes, c.guess+sub.guess
	}
	c.cells = c.subs[0].cells
	c.mem = c.subs[0].mem
	return c, nil
}
