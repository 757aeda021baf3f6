package milvus

import (
	"fmt"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/fault"
	"milvusdm/internal/transfer"
)

// fits refuses a source whose rows the collection can't take, naming every difference at once. Notes are what fits only
// as long as the values do.
func fits(from transfer.Schema, into *collection) (notes []string, err error) {
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
		case transfer.IsVector(t.GetDataType()) && transfer.TypeParam(t, "dim") != transfer.TypeParam(f, "dim"):
			say("field %q has dimension %s, the source's has %s", f.GetName(), transfer.TypeParam(t, "dim"), transfer.TypeParam(f, "dim"))
		case f.GetDataType() == schemapb.DataType_VarChar && len(transfer.TypeParam(t, "max_length")) > 0 &&
			transfer.TypeParam(t, "max_length") != transfer.TypeParam(f, "max_length"):
			notes = append(notes, fmt.Sprintf("field %q takes strings of up to %s bytes; a longer one fails the job", f.GetName(), transfer.TypeParam(t, "max_length")))
		}
	}
	for _, t := range into.Schema.GetFields() {
		if from.Field(t.GetName()) == nil && !t.GetNullable() && t.GetDefaultValue() == nil && !t.GetIsDynamic() {
			say("its field %q (%v) is not in the source", t.GetName(), t.GetDataType())
		}
	}
	if len(wrong) > 0 {
		return nil, fault.New(fault.Conflict, "collection %s does not take the source's rows: %s", into.Name, strings.Join(wrong, "; "))
	}
	return notes, nil
}

func fieldNames(s transfer.Schema) string {
	var names []string
	for _, f := range s.GetFields() {
		names = append(names, f.GetName())
	}
	return strings.Join(names, ", ")
}
