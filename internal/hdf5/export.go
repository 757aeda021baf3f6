package hdf5

import (
	"net/url"
	"slices"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/fault"
	"milvusdm/internal/rows"
)

// An export is a file that holds rows of a collection, of one partition at most, and all that the collection is besides.
// docs/hdf5.md describes it for readers of other programs; this file is what its writer and its reader have in common.

const (
	exportFormat  = "milvusdm-export"
	exportVersion = "1"
)

// Attributes of the root group, all of them texts.
const (
	attrFormat     = "format"     // exportFormat
	attrVersion    = "version"    // exportVersion
	attrCollection = "collection" // name
	attrPartition  = "partition"  // name; absent where a partition key chooses it, and where there are none
	attrSchema     = "schema"     // protojson of a schemapb.CollectionSchema
	attrSettings   = "settings"   // JSON of a transfer.Settings; absent where the source has none
	attrMetric     = "metric"     // as transfer.Description.Metric
	attrRows       = "rows"       // written last: a file without it was not finished
)

// Attributes of datasets, texts too.
const (
	attrField = "field" // name in the collection
	attrType  = "type"  // name of a schemapb.DataType
	attrWire  = "wire"  // which member of schemapb.ScalarField holds the values, where the type does not say it
)

// metaField is the dynamic field.
const metaField = "$meta"

// storedFields are the fields that a row has values of, in the schema's order: not those that functions make, but the
// dynamic one. Arrays of structs are in structFields.
func storedFields(s *schemapb.CollectionSchema) []*schemapb.FieldSchema {
	made := map[string]bool{}
	for _, f := range s.GetFunctions() {
		for _, name := range f.GetOutputFieldNames() {
			made[name] = true
		}
	}
	var out []*schemapb.FieldSchema
	for _, f := range s.GetFields() {
		if !f.GetIsFunctionOutput() && !made[f.GetName()] {
			out = append(out, f)
		}
	}
	dynamic := func(f *schemapb.FieldSchema) bool { return f.GetName() == metaField || f.GetIsDynamic() }
	if s.GetEnableDynamicField() && !slices.ContainsFunc(out, dynamic) {
		out = append(out, &schemapb.FieldSchema{Name: metaField, DataType: schemapb.DataType_JSON, IsDynamic: true})
	}
	return out
}

// exportPaths is where each field's dataset lies, by its name. The key and the vector have the names that MilvusDM's files
// give them.
func exportPaths(fields []*schemapb.FieldSchema) map[string]string {
	paths := map[string]string{}
	vector := false
	for _, f := range fields {
		isVector := f.GetDataType() == schemapb.DataType_FloatVector || f.GetDataType() == schemapb.DataType_BinaryVector
		switch {
		case f.GetIsPrimaryKey():
			paths[f.GetName()] = "/ids"
		case isVector && !vector:
			paths[f.GetName()], vector = "/embeddings", true
		default:
			paths[f.GetName()] = fieldPath(f.GetName())
		}
	}
	return paths
}

func fieldPath(names ...string) string {
	path := "/fields"
	for _, n := range names {
		path += "/" + linkName(n)
	}
	return path
}

// validPath is where it is kept which values of a nullable field there are.
func validPath(name string) string { return "/valid/" + linkName(name) }

// linkName makes a name one that can't lead anywhere else.
func linkName(name string) string {
	escaped := url.PathEscape(name)
	if strings.Trim(escaped, ".") == "" {
		return strings.ReplaceAll(escaped, ".", "%2E")
	}
	return escaped
}

// shape is what a field's dataset holds.
type shape struct {
	elem  elemType
	width int // elements in a row, in two dimensions; 0: one dimension
}

func (s shape) rowBytes() int { return max(s.width, 1) * s.elem.size }

var (
	elemBool    = elemType{class: classBool, size: 1}
	elemInt8    = elemType{class: classInt, size: 1}
	elemInt16   = elemType{class: classInt, size: 2}
	elemInt32   = elemType{class: classInt, size: 4}
	elemInt64   = elemType{class: classInt, size: 8}
	elemByte    = elemType{class: classUint, size: 1}
	elemUint16  = elemType{class: classUint, size: 2}
	elemUint32  = elemType{class: classUint, size: 4}
	elemFloat16 = elemType{class: classFloat16, size: 2}
	elemFloat32 = elemType{class: classFloat32, size: 4}
	elemFloat64 = elemType{class: classFloat64, size: 8}
	elemText    = elemType{class: classVariable, size: referenceSize}
)

func sequenceOf(elem elemType) elemType {
	return elemType{class: classSequence, size: referenceSize, elem: &elem}
}

// defaultWire are the members of schemapb.ScalarField that hold values of types which have several, if none was seen.
var defaultWire = map[schemapb.DataType]string{
	schemapb.DataType_Geometry: "geometry_wkt_data", schemapb.DataType_Timestamptz: "string_data",
}

// wireElems are the elements by wire, for the types in defaultWire.
var wireElems = map[schemapb.DataType]map[string]elemType{
	schemapb.DataType_Geometry:    {"geometry_data": sequenceOf(elemByte), "geometry_wkt_data": elemText, "string_data": elemText},
	schemapb.DataType_Timestamptz: {"timestamptz_data": elemInt64, "long_data": elemInt64, "string_data": elemText},
}

var scalarElems = map[schemapb.DataType]elemType{
	schemapb.DataType_Bool: elemBool, schemapb.DataType_Int8: elemInt8, schemapb.DataType_Int16: elemInt16, schemapb.DataType_Int32: elemInt32,
	schemapb.DataType_Int64: elemInt64, schemapb.DataType_Float: elemFloat32, schemapb.DataType_Double: elemFloat64,
	schemapb.DataType_String: elemText, schemapb.DataType_VarChar: elemText, schemapb.DataType_Text: elemText, schemapb.DataType_JSON: elemText,
	schemapb.DataType_ArrayOfVector: sequenceOf(elemByte), // a schemapb.VectorField each, as protobuf
}

// arrayElems are the elements of arrays. Arrays of strings are JSON texts.
var arrayElems = map[schemapb.DataType]elemType{
	schemapb.DataType_Bool: sequenceOf(elemByte), schemapb.DataType_Int8: sequenceOf(elemInt8), schemapb.DataType_Int16: sequenceOf(elemInt16),
	schemapb.DataType_Int32: sequenceOf(elemInt32), schemapb.DataType_Int64: sequenceOf(elemInt64),
	schemapb.DataType_Float: sequenceOf(elemFloat32), schemapb.DataType_Double: sequenceOf(elemFloat64),
	schemapb.DataType_String: elemText, schemapb.DataType_VarChar: elemText,
}

var vectorElems = map[schemapb.DataType]elemType{
	schemapb.DataType_FloatVector: elemFloat32, schemapb.DataType_BinaryVector: elemByte, schemapb.DataType_Float16Vector: elemFloat16,
	schemapb.DataType_BFloat16Vector: elemUint16, schemapb.DataType_Int8Vector: elemInt8,
}

// shapeOf says what the dataset of a field holds that is not sparse. wire is as attrWire.
func shapeOf(f *schemapb.FieldSchema, wire string) (shape, error) {
	t := f.GetDataType()
	if elem, ok := vectorElems[t]; ok {
		dim, err := rows.Dim(f)
		width := dim
		if t == schemapb.DataType_BinaryVector {
			width = dim / 8
		}
		switch {
		case err != nil:
			return shape{}, fault.Wrap(fault.Corrupt, err, "schema")
		case width < 1 || width > maxRow/int64(elem.size):
			return shape{}, fault.New(fault.Unsupported, "field %q: vectors of dimension %d are not written to HDF5 files, nor read from them", f.GetName(), dim)
		}
		return shape{elem, int(width)}, nil
	}
	elem, ok := scalarElems[t]
	switch {
	case t == schemapb.DataType_Array:
		elem, ok = arrayElems[f.GetElementType()]
	case wireElems[t] != nil:
		elem, ok = wireElems[t][wire]
	}
	if !ok {
		what := t.String()
		if t == schemapb.DataType_Array {
			what += " of " + f.GetElementType().String()
		}
		if wire != "" {
			what += " as " + wire
		}
		return shape{}, fault.New(fault.Unsupported, "field %q: values of type %s are not written to HDF5 files, nor read from them", f.GetName(), what)
	}
	return shape{elem: elem}, nil
}
