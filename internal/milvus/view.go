package milvus

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/protobuf/proto"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
)

// view is what a job takes of a collection, and under which names.
type view struct {
	place  string // the key of the job that holds the choice
	choice job.Collection
	// schema and its fields have the target's names.
	schema rows.Schema
	// outputs are the fields that rows are asked for, by their names in the source; renamed are those in the target.
	outputs []string
	renamed map[string]string
	// key is the primary key's name in the source.
	key     string
	strings bool // keys are strings
	// byKey: a partition key chooses the partitions, which then have no names.
	byKey bool
	// filter is the job's, in a form by which the server finds all of its rows.
	filter string
	// partitions are those that are read, in reading order: of the same name "" alone where they have none.
	partitions []partition
	notes      []string
}

type partition struct {
	source, target string
	id             int64 // 0 where the server does not tell
}

// newView refuses what the job names and is not there.
func newView(place string, choice job.Collection, there *collection, partitions []partition) (*view, error) {
	v := &view{place: place, choice: choice, renamed: map[string]string{}, filter: choice.Filter}
	if f := there.Schema.PartitionKey(); f != nil && choice.Filter != "" {
		v.filter = unpruned(f, choice.Filter)
	}
	if err := v.chooseFields(there.Schema); err != nil {
		return nil, err
	}
	return v, v.choosePartitions(there.Schema, partitions)
}

// keyPlace names a key of the collection in the job, for messages.
func (v *view) keyPlace(key string) string {
	return fmt.Sprintf("%s.collections.%s.%s", v.place, v.choice.Name, key)
}

// name names what is read, for a person.
func (v *view) name() string { return v.choice.PartName() }

// chooseFields makes schema, outputs and renamed.
func (v *view) chooseFields(source rows.Schema) error {
	names := allFields(source)
	for _, f := range v.choice.Fields {
		if !slices.Contains(names, f) {
			return fault.New(fault.Config, "%s: collection %s has no field %q; it has %s", v.keyPlace("fields"), v.choice.Name, f, strings.Join(names, ", "))
		}
	}
	for _, f := range slices.Sorted(maps.Keys(v.choice.RenameFields)) {
		if !slices.Contains(names, f) {
			return fault.New(fault.Config, "%s: collection %s has no field %q; it has %s", v.keyPlace("rename_fields"), v.choice.Name, f, strings.Join(names, ", "))
		}
	}
	pk := source.PrimaryKey()
	if pk == nil {
		return fault.New(fault.Unsupported, "collection %s has no primary key", v.choice.Name)
	}
	v.key, v.strings = pk.GetName(), pk.GetDataType() == schemapb.DataType_VarChar
	if !v.strings && pk.GetDataType() != schemapb.DataType_Int64 {
		return fault.New(fault.Unsupported, "collection %s: its primary key %q is %v, and keys are Int64 or VarChar", v.choice.Name, v.key, pk.GetDataType())
	}
	taken := func(name string) bool {
		return len(v.choice.Fields) == 0 || name == v.key || slices.Contains(v.choice.Fields, name)
	}
	for _, name := range names {
		if taken(name) {
			v.renamed[name] = cmp.Or(v.choice.RenameFields[name], name)
		}
	}
	if err := v.distinct("rename_fields", v.renamed); err != nil {
		return err
	}
	part := proto.Clone(source.CollectionSchema).(*schemapb.CollectionSchema)
	whole := rows.Schema{CollectionSchema: part}
	part.Fields = slices.DeleteFunc(part.Fields, func(f *schemapb.FieldSchema) bool { return f.GetIsDynamic() || !taken(f.GetName()) })
	part.StructArrayFields = slices.DeleteFunc(part.StructArrayFields, func(f *schemapb.StructArrayFieldSchema) bool { return !taken(f.GetName()) })
	if len(v.choice.Fields) > 0 && part.EnableDynamicField {
		part.EnableDynamicField = false
		v.notes = append(v.notes, "the dynamic field is not among the chosen fields, and is left out")
	}
	if err := v.chooseFunctions(part); err != nil {
		return err
	}
	for _, name := range allFields(whole) {
		if !whole.Field(name).GetIsFunctionOutput() {
			v.outputs = append(v.outputs, name)
		}
	}
	if part.EnableDynamicField {
		v.outputs, v.renamed[rows.MetaField] = append(v.outputs, rows.MetaField), rows.MetaField
	}
	for _, name := range rows.UnknownFields(whole) {
		v.notes = append(v.notes, fmt.Sprintf("field %q is of a type that this program does not know: it is copied as it comes, and its content is not verified", name))
	}
	if err := rows.Widen(whole, v.choice.MaxLength, v.keyPlace("max_length")); err != nil {
		return err
	}
	v.rename(part)
	v.schema = whole
	return nil
}

// allFields names the fields that a schema states, function outputs too.
func allFields(s rows.Schema) []string {
	var names []string
	for _, f := range s.GetFields() {
		if !f.GetIsDynamic() { // which goes by EnableDynamicField
			names = append(names, f.GetName())
		}
	}
	for _, f := range s.GetStructArrayFields() {
		names = append(names, f.GetName())
	}
	return names
}

// chooseFunctions leaves out functions of which a field is not copied: an input, then the output can't be had, or an output.
func (v *view) chooseFunctions(part *schemapb.CollectionSchema) error {
	missing := func(names []string) string {
		for _, n := range names {
			if _, ok := v.renamed[n]; !ok {
				return n
			}
		}
		return ""
	}
	var dropped []string
	for _, f := range part.Functions {
		in, out := missing(f.GetInputFieldNames()), missing(f.GetOutputFieldNames())
		if in != "" && out == "" {
			return fault.New(fault.Config, "%s: field %q is made by function %s of field %q; name that too, or leave both out",
				v.keyPlace("fields"), f.GetOutputFieldNames()[0], f.GetName(), in)
		}
		if in != "" || out != "" {
			dropped = append(dropped, f.GetName())
		}
	}
	part.Functions = slices.DeleteFunc(part.Functions, func(f *schemapb.FunctionSchema) bool { return slices.Contains(dropped, f.GetName()) })
	return nil
}

// rename gives the fields of a schema of the source their names in the target.
func (v *view) rename(s *schemapb.CollectionSchema) {
	for _, f := range s.Fields {
		f.Name = v.renamed[f.Name]
	}
	for _, f := range s.StructArrayFields {
		f.Name = v.renamed[f.Name]
	}
	for _, f := range s.Functions {
		for _, names := range [][]string{f.InputFieldNames, f.OutputFieldNames} {
			for i, n := range names {
				names[i] = v.renamed[n]
			}
		}
	}
}

// distinct refuses two names that would become one.
func (v *view) distinct(key string, renamed map[string]string) error {
	by := map[string]string{}
	for _, from := range slices.Sorted(maps.Keys(renamed)) {
		to := renamed[from]
		if other, ok := by[to]; ok {
			return fault.New(fault.Config, "%s: %s and %s would both become %s; write other names", v.keyPlace(key), other, from, to)
		}
		by[to] = from
	}
	return nil
}

// choosePartitions makes byKey and partitions out of those that are there.
func (v *view) choosePartitions(schema rows.Schema, there []partition) error {
	if f := schema.PartitionKey(); f != nil {
		v.byKey = true
		for key, used := range map[string]bool{"partitions": len(v.choice.Partitions) > 0, "rename_partitions": len(v.choice.RenamePartitions) > 0} {
			if used {
				return fault.New(fault.Config, "%s: collection %s chooses partitions by its field %q; leave %s out, or write a filter on that field", v.keyPlace(key), v.choice.Name, f.GetName(), key)
			}
		}
	}
	names := make([]string, len(there))
	for i, p := range there {
		names[i] = p.source
	}
	for key, wanted := range map[string][]string{"partitions": v.choice.Partitions, "rename_partitions": slices.Sorted(maps.Keys(v.choice.RenamePartitions))} {
		for _, p := range wanted {
			if !slices.Contains(names, p) {
				return fault.New(fault.NotFound, "%s: collection %s has no partition %q; it has %s", v.keyPlace(key), v.choice.Name, p, strings.Join(names, ", "))
			}
		}
	}
	if v.byKey {
		v.partitions = []partition{{}}
		return nil
	}
	targets := map[string]string{}
	for _, p := range there {
		if len(v.choice.Partitions) == 0 || slices.Contains(v.choice.Partitions, p.source) {
			p.target = cmp.Or(v.choice.RenamePartitions[p.source], p.source)
			targets[p.source] = p.target
			v.partitions = append(v.partitions, p)
		}
	}
	if len(v.partitions) == 0 {
		return fault.New(fault.Internal, "collection %s has no partition, says the server", v.choice.Name)
	}
	return v.distinct("rename_partitions", targets)
}

// targets are the partitions' names in the target, nil where they have none.
func (v *view) targets() []string {
	if v.byKey {
		return nil
	}
	out := make([]string, len(v.partitions))
	for i, p := range v.partitions {
		out[i] = p.target
	}
	return out
}

// partition returns the one that has the name in the target.
func (v *view) partition(target string) (partition, error) {
	for _, p := range v.partitions {
		if p.target == target {
			return p, nil
		}
	}
	return partition{}, fault.New(fault.SourceChanged, "collection %s has no partition that is to become %q", v.choice.Name, target)
}

// where is the expression of the rows of the job's filter whose keys lie in (from, to].
func (v *view) where(from, to rows.Cursor) string { return v.and(behind(v.key, from, to)) }

// and adds the job's filter to an expression.
func (v *view) and(expr string) string {
	if expr == "" {
		return v.filter
	}
	return both(v.filter, expr)
}

// keys returns the keys of an answer to a query for the source's rows.
func (v *view) keys(columns []*schemapb.FieldData) (*rows.Keys, error) {
	for _, f := range columns {
		if f.GetFieldName() != v.key {
			continue
		}
		k := &rows.Keys{Ints: f.GetScalars().GetLongData().GetData()}
		if v.strings {
			k = &rows.Keys{Strings: f.GetScalars().GetStringData().GetData()}
		}
		return k, nil
	}
	if len(columns) == 0 {
		return &rows.Keys{}, nil
	}
	return nil, fmt.Errorf("the server's answer lacks the primary key %q", v.key)
}

// guess is what a value of variable length is taken for, in bytes, as long as none was seen.
const guess = 64

// rowBytes is about how large a row is.
func (v *view) rowBytes() int64 {
	size := int64(0)
	for _, f := range v.schema.GetFields() {
		if !f.GetIsFunctionOutput() {
			size += fieldBytes(f)
		}
	}
	size += guess * int64(len(v.schema.GetStructArrayFields()))
	if v.schema.GetEnableDynamicField() {
		size += guess
	}
	return max(size, 1)
}

func fieldBytes(f *schemapb.FieldSchema) int64 {
	dim, _ := strconv.ParseInt(rows.TypeParam(f, "dim"), 10, 64) // 0 for what has none
	switch f.GetDataType() {
	case schemapb.DataType_FloatVector:
		return 4 * dim
	case schemapb.DataType_Float16Vector, schemapb.DataType_BFloat16Vector:
		return 2 * dim
	case schemapb.DataType_Int8Vector:
		return dim
	case schemapb.DataType_BinaryVector:
		return dim / 8
	case schemapb.DataType_Bool, schemapb.DataType_Int8, schemapb.DataType_Int16, schemapb.DataType_Int32, schemapb.DataType_Float:
		return 4
	case schemapb.DataType_Int64, schemapb.DataType_Double, schemapb.DataType_Timestamptz:
		return 8
	}
	return guess
}

// fixed reports whether all rows are of about the same size, which rowBytes tells.
func (v *view) fixed() bool {
	for _, f := range v.schema.GetFields() {
		switch t := f.GetDataType(); {
		case f.GetIsFunctionOutput(), t < schemapb.DataType_String:
		case rows.IsVector(t) && rows.TypeParam(f, "dim") != "" && t != schemapb.DataType_ArrayOfVector && t != schemapb.DataType_SparseFloatVector:
		default:
			return false
		}
	}
	return !v.schema.GetEnableDynamicField() && len(v.schema.GetStructArrayFields()) == 0
}
