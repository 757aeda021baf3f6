package types_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/protobuf/proto"

	"milvusdm/tests/types/fakemilvus"
)

// trait is what a field can be besides its type: the columns of the matrix.
type trait string

const (
	plain        trait = "plain"
	nullable     trait = "nullable"
	withDefault  trait = "default"
	nullDefault  trait = "nullable, default"
	partitionKey trait = "partition key"
	primaryKey   trait = "primary key"
	autoID       trait = "autoID"
	clustering   trait = "clustering key"
)

var traits = []trait{plain, nullable, withDefault, nullDefault, partitionKey, primaryKey, autoID, clustering}

// field is a cell of the matrix: a type with a trait, as a field of a collection with its values.
type field struct {
	name  string
	kind  kind
	trait trait
	// values are the rows', nil where none is given.
	values []*schemapb.FieldData
}

// schema declares the field.
func (f *field) schema() *schemapb.FieldSchema {
	s := proto.Clone(f.kind.schema).(*schemapb.FieldSchema)
	s.Name = f.name
	s.Description = "a " + f.kind.name
	switch f.trait {
	case nullable:
		s.Nullable = true
	case withDefault:
		s.DefaultValue = f.kind.missing()
	case nullDefault:
		s.DefaultValue, s.Nullable = f.kind.missing(), true
	case partitionKey:
		s.IsPartitionKey = true
	case primaryKey:
		s.IsPrimaryKey = true
	case autoID:
		s.IsPrimaryKey, s.AutoID = true, true
	case clustering:
		s.IsClusteringKey = true
	}
	return s
}

// allows reports whether Milvus has such a cell.
func (k kind) allows(t trait) bool {
	name := k.name
	vector, array := strings.HasSuffix(name, "Vector"), strings.HasPrefix(name, "Array")
	switch t {
	case nullable:
		return name != "Array of structs"
	case withDefault, nullDefault:
		return k.missing != nil
	case partitionKey, primaryKey, autoID:
		return name == "Int64" || name == "VarChar"
	case clustering:
		return !vector && !array && !slices.Contains([]string{"Bool", "Timestamptz"}, name) &&
			!strings.HasPrefix(name, "JSON") && !strings.HasPrefix(name, "Geometry")
	}
	return true
}

// dynamicField is what servers call the column of the members that no field is declared for.
const dynamicField = "$meta"

// index is an index of a field.
type index struct {
	field, name string
	params      []*commonpb.KeyValuePair
}

// spec is a collection of the matrix with its rows.
type spec struct {
	name string
	// collection is what it is called on the server: no name is used twice, which spares dropping collections.
	collection    string
	fields        []*field
	dynamic       []*schemapb.FieldData // values of the dynamic field; nil where there is none
	rows          int
	shards        int32
	consistency   commonpb.ConsistencyLevel
	properties    []*commonpb.KeyValuePair
	partitions    []string // besides the default one
	keyPartitions int64
	aliases       bool   // it has two
	scalarIndex   string // a field with an index of its own
	description   string
	function      bool // a BM25 function from field "text" to field "words"
}

func (sp *spec) schema() *schemapb.CollectionSchema {
	out := &schemapb.CollectionSchema{Name: sp.collection, Description: sp.description, EnableDynamicField: sp.dynamic != nil}
	for _, f := range sp.fields {
		if st := f.kind.structs; st != nil {
			st = proto.Clone(st).(*schemapb.StructArrayFieldSchema)
			st.Name = f.name
			out.StructArrayFields = append(out.StructArrayFields, st)
			continue
		}
		out.Fields = append(out.Fields, f.schema())
	}
	if sp.function {
		out.Fields = append(out.Fields,
			&schemapb.FieldSchema{Name: "words", DataType: schemapb.DataType_SparseFloatVector, IsFunctionOutput: true})
		out.Functions = []*schemapb.FunctionSchema{{Name: "bm25", Type: schemapb.FunctionType_BM25, Description: "words of the text",
			InputFieldNames: []string{"text"}, OutputFieldNames: []string{"words"}}}
		for _, f := range out.Fields {
			if f.Name == "text" {
				f.TypeParams = append(f.TypeParams, params("enable_analyzer", "true", "enable_match", "true")...)
			}
		}
	}
	return out
}

// aliasNames are the collection's aliases, sorted.
func (sp *spec) aliasNames() []string {
	if !sp.aliases {
		return nil
	}
	return []string{sp.collection + "_alias", sp.collection + "_other"}
}

// homes are the partitions that rows are written to by turns; "" where the server chooses.
func (sp *spec) homes() []string {
	if len(sp.partitions) == 0 {
		return []string{""}
	}
	return append([]string{"_default"}, sp.partitions...)
}

// columns are the given rows as an insert takes them.
func (sp *spec) columns(rows []int) []*schemapb.FieldData {
	var out []*schemapb.FieldData
	for _, f := range sp.fields {
		if f.trait == autoID {
			continue
		}
		values := make([]*schemapb.FieldData, len(rows))
		for i, r := range rows {
			values[i] = f.values[r]
		}
		like := f.values[slices.IndexFunc(f.values, func(v *schemapb.FieldData) bool { return v != nil })]
		column := fakemilvus.Column(like, values, f.trait == nullable || f.trait == withDefault || f.trait == nullDefault)
		column.FieldName = f.name
		out = append(out, column)
	}
	if sp.dynamic != nil {
		values := make([]*schemapb.FieldData, len(rows))
		for i, r := range rows {
			values[i] = sp.dynamic[r]
		}
		column := fakemilvus.Column(values[0], values, false)
		column.FieldName, column.IsDynamic = dynamicField, true
		out = append(out, column)
	}
	return out
}

// indexes are those that the collection needs to be loaded, and one of a scalar field.
func (sp *spec) indexes() []index {
	var out []index
	vector := func(field string, t schemapb.DataType) {
		kind, metric := "FLAT", "L2"
		switch t {
		case schemapb.DataType_BinaryVector:
			kind, metric = "BIN_FLAT", "JACCARD"
		case schemapb.DataType_SparseFloatVector:
			kind, metric = "SPARSE_INVERTED_INDEX", "IP"
		case schemapb.DataType_ArrayOfVector:
			kind, metric = "HNSW", "MAX_SIM_COSINE"
		}
		out = append(out, index{field, "ix_" + strings.Trim(strings.ReplaceAll(field, "[", "_"), "]"), params("index_type", kind, "metric_type", metric)})
	}
	for _, f := range sp.fields {
		if f.kind.structs != nil {
			for _, sub := range f.kind.structs.Fields {
				if sub.DataType == schemapb.DataType_ArrayOfVector {
					vector(f.name+"["+sub.Name+"]", sub.DataType)
				}
			}
		} else if isVector(f.kind) {
			vector(f.name, f.kind.schema.DataType)
		}
	}
	if sp.function {
		out = append(out, index{"words", "ix_words", params("index_type", "SPARSE_INVERTED_INDEX", "metric_type", "BM25")})
	}
	if sp.scalarIndex != "" {
		out = append(out, index{sp.scalarIndex, "by_" + sp.scalarIndex, params("index_type", "STL_SORT")})
	}
	return out
}

func isVector(k kind) bool { return strings.HasSuffix(k.name, "Vector") }

// want is what must stand in row i of a field: nil is null.
func (f *field) want(i int) *schemapb.FieldData {
	if v := f.values[i]; v != nil || f.trait == nullable {
		return v
	}
	return f.kind.defaultCell()
}

// defaultCell is the default as a value.
func (k kind) defaultCell() *schemapb.FieldData {
	out := proto.Clone(k.edges[0]).(*schemapb.FieldData)
	s := out.GetScalars()
	switch v := k.missing().GetData().(type) {
	case *schemapb.ValueField_BoolData:
		s.GetBoolData().Data = []bool{v.BoolData}
	case *schemapb.ValueField_IntData:
		s.GetIntData().Data = []int32{v.IntData}
	case *schemapb.ValueField_LongData:
		s.GetLongData().Data = []int64{v.LongData}
	case *schemapb.ValueField_FloatData:
		s.GetFloatData().Data = []float32{v.FloatData}
	case *schemapb.ValueField_DoubleData:
		s.GetDoubleData().Data = []float64{v.DoubleData}
	case *schemapb.ValueField_TimestamptzData:
		s.GetStringData().Data = []string{time.UnixMicro(v.TimestamptzData).UTC().Format(time.RFC3339Nano)} // as servers answer it
	case *schemapb.ValueField_StringData:
		if s.GetGeometryWktData() != nil {
			s.GetGeometryWktData().Data = []string{v.StringData}
		} else {
			s.GetStringData().Data = []string{v.StringData}
		}
	}
	return out
}

// newField makes a field with values for so many rows: the edges first, then of all the type's values, or nothing.
func newField(k kind, t trait, name string, rows, seed int) *field {
	f := &field{name: name, kind: k, trait: t, values: make([]*schemapb.FieldData, rows)}
	for i := range f.values {
		absent := (t == nullable || t == withDefault || t == nullDefault) && (i%3 == 1 || i < 2)
		switch {
		case absent:
		case i < len(k.edges):
			f.values[i] = k.edges[i]
		default:
			f.values[i] = k.values.Example(seed + i)
		}
	}
	return f
}

// greatest is a key that Milvus 2.3.5 counts and answers to no query.
var greatest = scalarCell(schemapb.DataType_Int64, &schemapb.ScalarField{Data: &schemapb.ScalarField_LongData{LongData: &schemapb.LongArray{Data: []int64{math.MaxInt64}}}})

// distinct makes a field of distinct values.
func distinct(name string, k kind, t trait, rows, seed int) *field {
	f := newField(k, t, name, rows, seed)
	seen := map[string]bool{fingerprint(greatest): true}
	for i, v := range f.values {
		for try := 0; seen[fingerprint(v)]; try++ {
			v = k.values.Example(seed + rows + 1000*try + i)
		}
		seen[fingerprint(v)] = true
		f.values[i] = v
	}
	return f
}

func allKinds() []kind { return append(append(scalarKinds(), vectorKinds()...), structKind()) }

func kindOf(name string) kind {
	all := allKinds()
	return all[slices.IndexFunc(all, func(k kind) bool { return k.name == name })]
}

func fieldName(k kind, t trait) string {
	return strings.NewReplacer(" ", "_", ",", "").Replace(strings.ToLower(k.name) + "_" + string(t))
}

// specs are the collections of the matrix, of so many rows each.
func specs(rows, seed int) []*spec {
	vector := func() *field { return newField(kindOf("FloatVector"), plain, "embedding", rows, seed) }
	intKey := func() *field { return distinct("id", kindOf("Int64"), primaryKey, rows, seed) }
	of := func(name string, fields ...*field) *spec { return &spec{name: name, rows: rows, fields: fields} }
	every := func(t trait, from []kind) []*field {
		var out []*field
		for i, k := range from {
			if k.allows(t) {
				out = append(out, newField(k, t, fieldName(k, t), rows, seed+i))
			}
		}
		return out
	}

	scalars := of("scalars", append([]*field{intKey(), vector()}, every(plain, scalarKinds())...)...)
	scalars.description = `every "scalar" type: ∀`
	scalars.shards, scalars.consistency = 2, commonpb.ConsistencyLevel_Eventually
	scalars.partitions, scalars.aliases = []string{"p1", "p2"}, true
	scalars.properties = params("collection.ttl.seconds", "864000")
	// by itself: Milvus 2.3.5 takes a minute to index a scalar field that is in several segments
	indexed := of("scalar_index", intKey(), vector(), newField(kindOf("Int64"), plain, "n", rows, seed))
	indexed.scalarIndex = "n"
	out := []*spec{scalars, indexed}

	dynamic := of("dynamic", intKey(), vector())
	dynamic.dynamic = make([]*schemapb.FieldData, rows)
	json := kindOf("JSON object")
	for i := range dynamic.dynamic {
		dynamic.dynamic[i] = json.values.Example(seed + i)
	}
	dynamic.dynamic[0] = json.edges[0]
	out = append(out, dynamic)

	for _, t := range []trait{nullable, withDefault, nullDefault} {
		out = append(out, of("scalars_"+strings.NewReplacer(" ", "_", ",", "").Replace(string(t)),
			append([]*field{intKey(), vector()}, every(t, scalarKinds())...)...))
	}
	for _, f := range every(clustering, scalarKinds()) { // a collection has one
		out = append(out, of(f.name, intKey(), vector(), f))
	}
	for _, k := range vectorKinds() {
		out = append(out, of(strings.ToLower(k.name), intKey(), newField(k, plain, "v", rows, seed)))
		out = append(out, of(strings.ToLower(k.name)+"_nullable", intKey(), newField(k, nullable, "v", rows, seed)))
	}
	out = append(out, of("several_vectors", append([]*field{intKey()}, every(plain, vectorKinds())...)...))
	out = append(out, of("structs", intKey(), vector(), newField(structKind(), plain, "clips", rows, seed)))

	for _, name := range []string{"Int64", "VarChar"} {
		k := kindOf(name)
		low := strings.ToLower(name)
		byKey := of("partition_key_"+low, intKey(), vector(), newField(k, partitionKey, "tenant", rows, seed))
		byKey.keyPartitions = 7
		out = append(out, byKey, of("auto_"+low, &field{name: "id", kind: k, trait: autoID}, vector(), distinct("n", kindOf("Int64"), plain, rows, seed)))
	}
	out = append(out, of("varchar_key", distinct("id", kindOf("VarChar"), primaryKey, rows, seed), vector()))

	function := of("function", intKey(), newField(kindOf("VarChar"), plain, "text", rows, seed))
	function.function = true
	return append(out, function)
}

// fingerprint tells values apart.
func fingerprint(v *schemapb.FieldData) string {
	if v == nil {
		return "null"
	}
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(v)
	if err != nil {
		panic(err) // a message of our own making
	}
	return string(raw)
}

// show writes a value for a message.
func show(v *schemapb.FieldData) string {
	if v == nil {
		return "null"
	}
	return fmt.Sprintf("%.300s", v.String())
}
