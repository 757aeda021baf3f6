package milvus

import (
	"fmt"
	"strings"

	"milvusdm/internal/fault"
	"milvusdm/internal/transfer"
)

// limits refuses a schema of files that no server takes, whatever its version, naming each field that is in the way.
func limits(s transfer.Schema) error {
	var wrong []string
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if n := len(s.GetFields()); n > transfer.MaxFields {
		say("%d fields, and a collection has at most %d", n, transfer.MaxFields)
	}
	if n := len(s.Vectors()); n > transfer.MaxVectorFields {
		say("%d vector fields, and a collection has at most %d", n, transfer.MaxVectorFields)
	}
	for _, f := range s.GetFields() {
		if !transfer.IsFieldName(f.GetName()) {
			say("the name of field %q, which may have letters, digits and underscores only, no digit first", f.GetName())
		}
	}
	for _, f := range s.Vectors() {
		if dim, err := transfer.Dim(f); err == nil && dim > transfer.MaxDimension(f.GetDataType()) {
			say("dimension %d of field %q, and %v has at most %d", dim, f.GetName(), f.GetDataType(),
				transfer.MaxDimension(f.GetDataType()))
		}
	}
	if len(wrong) > 0 {
		return fault.New(fault.Unsupported, "Milvus does not take this collection: %s", strings.Join(wrong, "; "))
	}
	return nil
}
