package hdf5

import (
	"slices"
	"strconv"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/protobuf/proto"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
)

// checkJob refuses values that no file makes right.
func checkJob(j *job.HDF5Source) error {
	layouts := []job.HDF5Layout{"", job.LayoutAuto, job.LayoutMilvusDM, job.LayoutANN, job.LayoutGroup,
		job.LayoutCompound, job.LayoutPandas,
		job.LayoutObjects, job.LayoutExport}
	if !slices.Contains(layouts, j.Layout) {
		return fault.New(fault.Config, "%s: %q is none of %q", j.KeyName("layout"), j.Layout, layouts[1:])
	}
	if _, ok := vectorTypes[j.Vector]; j.Vector != "" && !ok {
		return fault.New(fault.Config, "%s: %q is none of FloatVector, BinaryVector, Float16Vector, BFloat16Vector",
			j.KeyName("vector"), j.Vector)
	}
	return nil
}

// schemaOf is the table's schema.
func (t *table) schemaOf() *schemapb.CollectionSchema {
	if t.export != nil {
		return proto.CloneOf(t.export.schema.CollectionSchema)
	}
	s := &schemapb.CollectionSchema{}
	if !t.hasKey {
		s.Fields = append(s.Fields, rows.KeyField(t.keyName))
	}
	for _, c := range t.columns {
		s.Fields = append(s.Fields, proto.CloneOf(c.field))
	}
	return s
}

// mergeSchemas makes one schema of the files', which may differ only in how long texts are. Exports have one and the same.
func mergeSchemas(inputs []*input, j *job.HDF5Source) (*schemapb.CollectionSchema, error) {
	merged := inputs[0].table.schemaOf()
	for _, in := range inputs[1:] {
		first, other := inputs[0], in.table.schemaOf()
		if first.table.export != nil || in.table.export != nil {
			if err := sameExport(first, in); err != nil {
				return nil, err
			}
			continue
		}
		if first.table.hasKey != in.table.hasKey {
			return nil, fault.New(fault.Config, "%s has %s and %s has %s: give both keys, or write %s: none to number the rows",
				first.name, keyText(first.table), in.name, keyText(in.table), j.KeyName("key"))
		}
		if len(other.Fields) != len(merged.Fields) {
			return nil, fault.New(fault.Config, "%s has %d fields and %s has %d: files of one collection have the same",
				first.name, len(merged.Fields), in.name, len(other.Fields))
		}
		for _, f := range merged.Fields {
			if err := mergeField(f, rows.Schema{CollectionSchema: other}.Field(f.Name), first.name, in.name); err != nil {
				return nil, err
			}
		}
	}
	return merged, nil
}

func mergeField(f, other *schemapb.FieldSchema, file, otherFile string) error {
	dim, maxLength := rows.TypeParam(f, "dim"), rows.TypeParam(f, "max_length")
	switch {
	case other == nil:
		return fault.New(fault.Config, "%s has field %q and %s has none: files of one collection have the same", file, f.Name, otherFile)
	case f.DataType != other.DataType:
		return fault.New(fault.Config, "field %q is %v in %s and %v in %s", f.Name, f.DataType, file, other.DataType, otherFile)
	case dim != rows.TypeParam(other, "dim"):
		return fault.New(fault.Config, "field %q has dimension %s in %s and %s in %s: vectors of one collection have the same",
			f.Name, dim, file, rows.TypeParam(other, "dim"), otherFile)
	}
	if maxLength != "" {
		a, _ := strconv.Atoi(maxLength) // both are this package's own
		b, _ := strconv.Atoi(rows.TypeParam(other, "max_length"))
		f.TypeParams[0].Value = strconv.Itoa(max(a, b))
	}
	return nil
}

func keyText(t *table) string {
	if t.hasKey {
		return "keys (" + t.columns[0].path + ")"
	}
	return "none"
}

// sameExport refuses files that are not of one collection at one time.
func sameExport(first, other *input) error {
	a, b := first.table.export, other.table.export
	switch {
	case a == nil || b == nil:
		export, not := first.name, other.name
		if a == nil {
			export, not = not, export
		}
		return fault.New(fault.Config, "%s is an export of a collection and %s is not: read them by jobs of their own", export, not)
	case a.collection != b.collection:
		return fault.New(fault.Config, "%s holds rows of collection %q and %s of %q: read them by jobs of their own", first.name, a.collection, other.name, b.collection)
	case a.whole != b.whole:
		return fault.New(fault.Config, "%s and %s hold rows of collection %q when it had another schema or other settings: name files of one export",
			first.name, other.name, a.collection)
	case (a.partition == "") != (b.partition == ""):
		return fault.New(fault.Corrupt, "%s and %s: one says its rows' partition, and the other does not", first.name, other.name)
	}
	return nil
}
