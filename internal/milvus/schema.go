package milvus

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"milvusdm/internal/fault"
	"milvusdm/internal/rows"
)

// newSchema is the schema of a collection that is made for a source's rows: the source's own, without what only its server gave it.
// The server makes new primary keys, or none.
func newSchema(from rows.Schema, newIDs bool) rows.Schema {
	schema := proto.Clone(from.CollectionSchema).(*schemapb.CollectionSchema)
	schema.DbName, schema.Properties = "", nil // Settings have the properties
	schema.AutoID = false                      //nolint:staticcheck // the key field's counts, and old servers state both
	// the dynamic field is made by EnableDynamicField
	schema.Fields = slices.DeleteFunc(schema.Fields, (*schemapb.FieldSchema).GetIsDynamic)
	for _, f := range schema.Fields {
		f.FieldID, f.State = 0, 0
		f.AutoID = f.IsPrimaryKey && newIDs
	}
	for _, f := range schema.StructArrayFields {
		f.FieldID = 0
		for _, member := range f.Fields {
			member.FieldID, member.State = 0, 0
		}
	}
	for _, f := range schema.Functions {
		f.Id, f.InputFieldIds, f.OutputFieldIds = 0, nil, nil
	}
	return rows.Schema{CollectionSchema: schema}
}

// equals refuses a collection whose schema is not wanted, to which rows of another collection are to be added as they are. It names
// every difference that a row could meet.
func equals(want rows.Schema, into *collection) error {
	if wrong := differences(want, into.Schema); len(wrong) > 0 {
		return fault.New(fault.Conflict, "collection %s does not have the source's schema: %s", into.Name, strings.Join(wrong, "; "))
	}
	return nil
}

// takenWhole refuses a server that left something out of the schema of the collection that it was asked to make, as servers do
// with what they are too old to know.
func takenWhole(server string, want rows.Schema, made *collection) error {
	wrong := differences(want, made.Schema)
	for _, f := range want.GetFields() {
		if f.GetIsClusteringKey() && !made.Schema.Field(f.GetName()).GetIsClusteringKey() {
			wrong = append(wrong, fmt.Sprintf("field %q is no clustering key", f.GetName()))
		}
	}
	there := map[string]bool{}
	for _, f := range made.Schema.GetFunctions() {
		there[f.GetName()] = true
	}
	for _, f := range want.GetFunctions() {
		if !there[f.GetName()] {
			wrong = append(wrong, fmt.Sprintf("function %q is not there", f.GetName()))
		}
	}
	if len(wrong) > 0 {
		return fault.New(fault.Unsupported, "the target's server (%s) can't hold the source's collection; the one that it made is another: %s", server, strings.Join(wrong, "; "))
	}
	return nil
}

// differences says how a schema is not the wanted one, as far as rows are concerned.
func differences(want, is rows.Schema) []string {
	var wrong []string
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	compareFields(want.GetFields(), is.GetFields(), "", say)
	if want.GetEnableDynamicField() != is.GetEnableDynamicField() {
		say("dynamic field: %s, the source's collection %s", hasIt(is.GetEnableDynamicField()), hasIt(want.GetEnableDynamicField()))
	}
	structs := map[string]*schemapb.StructArrayFieldSchema{}
	for _, f := range is.GetStructArrayFields() {
		structs[f.GetName()] = f
	}
	for _, f := range want.GetStructArrayFields() {
		if t := structs[f.GetName()]; t == nil {
			say("array of structs %q is not there", f.GetName())
		} else {
			compareFields(f.GetFields(), t.GetFields(), f.GetName()+".", say)
		}
		delete(structs, f.GetName())
	}
	for _, f := range is.GetStructArrayFields() {
		if structs[f.GetName()] != nil {
			say("its array of structs %q is not in the source", f.GetName())
		}
	}
	return wrong
}

func hasIt(has bool) string {
	if has {
		return "has one"
	}
	return "has none"
}

// compareFields says how the fields of a collection that is there differ from those that are wanted.
func compareFields(want, is []*schemapb.FieldSchema, prefix string, say func(string, ...any)) {
	there := map[string]*schemapb.FieldSchema{}
	var names []string
	for _, f := range is {
		if !f.GetIsDynamic() {
			there[f.GetName()] = f
			names = append(names, f.GetName())
		}
	}
	for _, f := range want {
		if f.GetIsDynamic() {
			continue
		}
		t := there[f.GetName()]
		delete(there, f.GetName())
		if t == nil {
			say("field %q (%v) is not there: it has %s", prefix+f.GetName(), f.GetDataType(), strings.Join(names, ", "))
			continue
		}
		for _, p := range []struct{ what, want, is string }{
			{"type", fieldType(f), fieldType(t)},
			{"dimension", rows.TypeParam(f, "dim"), rows.TypeParam(t, "dim")},
			{"max_length", rows.TypeParam(f, "max_length"), rows.TypeParam(t, "max_length")},
			{"max_capacity", rows.TypeParam(f, "max_capacity"), rows.TypeParam(t, "max_capacity")},
			{"primary key", yesNo(f.GetIsPrimaryKey()), yesNo(t.GetIsPrimaryKey())},
			{"partition key", yesNo(f.GetIsPartitionKey()), yesNo(t.GetIsPartitionKey())},
			{"nullable", yesNo(f.GetNullable()), yesNo(t.GetNullable())},
			{"default value", defaultValue(f), defaultValue(t)},
			{"output of a function", yesNo(f.GetIsFunctionOutput()), yesNo(t.GetIsFunctionOutput())},
		} {
			if p.want != p.is {
				say("field %q: %s %s, the source's %s", prefix+f.GetName(), p.what, cmp.Or(p.is, "none"), cmp.Or(p.want, "none"))
			}
		}
		switch {
		case t.GetAutoID() && !f.GetAutoID():
			say("primary key %q is made by the server (autoID), so the source's keys can't be kept; target.milvus.ids: new makes new ones", t.GetName())
		case f.GetAutoID() && !t.GetAutoID():
			say("primary key %q is not made by the server (no autoID), so target.milvus.ids: new is not available", t.GetName())
		}
	}
	for _, t := range is {
		if there[t.GetName()] != nil {
			say("its field %q (%v) is not in the source", prefix+t.GetName(), t.GetDataType())
		}
	}
}

func fieldType(f *schemapb.FieldSchema) string {
	if f.GetElementType() == schemapb.DataType_None {
		return f.GetDataType().String()
	}
	return fmt.Sprintf("%v of %v", f.GetDataType(), f.GetElementType())
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func defaultValue(f *schemapb.FieldSchema) string {
	text := ""
	f.GetDefaultValue().ProtoReflect().Range(func(_ protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		text = fmt.Sprintf("%.200q", v.String())
		return false
	})
	return text
}

// fits refuses a source whose rows the collection can't take, naming every difference at once. Notes are what fits only
// as long as the values do.
func fits(from rows.Schema, into *collection, server string) (notes []string, err error) {
	is, known := releaseOf(server)
	fillsIn := !known || !is.before(fillsDefaultsSince)
	var wrong []string
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	for _, f := range from.GetFields() {
		t := into.Schema.Field(f.GetName())
		switch {
		case t == nil:
			say("field %q (%v) is not there: it has %s", f.GetName(), f.GetDataType(), fieldNames(into.Schema))
		case t.GetDataType() != f.GetDataType():
			say("field %q is %v, the source's is %v", f.GetName(), t.GetDataType(), f.GetDataType())
		case t.GetIsPrimaryKey() != f.GetIsPrimaryKey():
			say("field %q is the primary key on one side only", f.GetName())
		case t.GetAutoID():
			say("primary key %q is made by the server (autoID), so the source's keys can't be kept", f.GetName())
		case rows.IsVector(t.GetDataType()) && rows.TypeParam(t, "dim") != rows.TypeParam(f, "dim"):
			say("field %q has dimension %s, the source's has %s", f.GetName(), rows.TypeParam(t, "dim"), rows.TypeParam(f, "dim"))
		case f.GetDataType() == schemapb.DataType_VarChar && len(rows.TypeParam(t, "max_length")) > 0 &&
			rows.TypeParam(t, "max_length") != rows.TypeParam(f, "max_length"):
			notes = append(notes, fmt.Sprintf("field %q takes strings of up to %s bytes; a longer one fails the job", f.GetName(), rows.TypeParam(t, "max_length")))
		}
	}
	for _, t := range into.Schema.GetFields() {
		optional := t.GetNullable() || t.GetDefaultValue() != nil && fillsIn || t.GetIsDynamic()
		if from.Field(t.GetName()) == nil && !optional {
			say("its field %q (%v) is not in the source", t.GetName(), t.GetDataType())
		}
	}
	if len(wrong) > 0 {
		return nil, fault.New(fault.Conflict, "collection %s does not take the source's rows: %s", into.Name, strings.Join(wrong, "; "))
	}
	return notes, nil
}

func fieldNames(s rows.Schema) string {
	var names []string
	for _, f := range s.GetFields() {
		names = append(names, f.GetName())
	}
	return strings.Join(names, ", ")
}
