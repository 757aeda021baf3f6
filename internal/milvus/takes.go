package milvus

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/fault"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// maxVarChar is a limit of every Milvus; internal/transfer has those that its sources look at too.
const maxVarChar = 65535

// aName is what Milvus takes for a name of a collection, a field or a partition.
// Since 2.4 servers can be configured to take $ too, and do.
var aName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_$]{0,254}$`)

// takes refuses a new collection that no Milvus takes, naming everything that is wrong, before anything is made.
func takes(s rows.Schema, partitions []string) error {
	var wrong []string
	bad := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	name := func(what, n string) {
		if !aName.MatchString(n) {
			bad("%s %q is no name to Milvus (letters, digits and _, no digit first, at most 255)", what, n)
		}
	}
	name("collection", s.GetName())
	for _, f := range s.GetFields() {
		name("field", f.GetName())
		takesType(f, bad)
	}
	for _, f := range s.GetStructArrayFields() {
		name("field", f.GetName())
	}
	for _, p := range partitions {
		if p != "" {
			name("partition", p)
		}
	}
	if len(wrong) > 0 {
		return fault.New(fault.Unsupported, "Milvus does not take this: %s", strings.Join(wrong, "; "))
	}
	return nil
}

// takesType checks what a field's type says of its size.
func takesType(f *schemapb.FieldSchema, bad func(string, ...any)) {
	number := func(key string) (int, bool) {
		text := rows.TypeParam(f, key)
		n, err := strconv.Atoi(text)
		if err != nil && text != "" {
			bad("field %q: %s is %q", f.GetName(), key, text)
		}
		return n, err == nil
	}
	if d, ok := number("dim"); ok {
		if f.GetDataType() == schemapb.DataType_BinaryVector && d%8 != 0 {
			bad("field %q has dimension %d, and binary vectors have a multiple of 8", f.GetName(), d)
		}
		if most := int(rows.MaxDimension(f.GetDataType())); d < 1 || d > most {
			bad("field %q has dimension %d, and Milvus takes 1 to %d", f.GetName(), d, most)
		}
	}
	if n, ok := number("max_length"); ok && f.GetDataType() == schemapb.DataType_VarChar && (n < 1 || n > maxVarChar) {
		bad("field %q (VarChar) has max_length %d, and Milvus takes 1 to %d", f.GetName(), n, maxVarChar)
	}
}

// flushesLoadedFloat16Since is the first release that survives a flush of a loaded collection with a Float16Vector field into
// which two batches were written. 2.3.5 ends with "panic: unsupported data type: Float16Vector", for every client.
var flushesLoadedFloat16Since = release{2, 4, 0}

// survives refuses rows for a collection that is there where they would end the server. A job that looks for existing keys
// loads the collection itself (see workflows.checkExisting).
func (s *sink) survives(plan *transfer.TargetPlan, there *collection) error {
	is, known := releaseOf(s.version)
	loaded := plan.Loaded || plan.OnExisting != "replace" || plan.OtherPartitions
	if !known || !is.before(flushesLoadedFloat16Since) || !loaded {
		return nil
	}
	for _, f := range there.Schema.GetFields() {
		if f.GetDataType() == schemapb.DataType_Float16Vector {
			return fault.New(fault.Unsupported, "Milvus %s panics when rows are written into a loaded collection with a Float16Vector field (%q of %s); "+
				"release the collection and write copy.on_existing: replace, or copy into another collection", s.version, f.GetName(), there.Name)
		}
	}
	return nil
}

// manyFields notes where there are more fields than a server takes unless it is set up for it, which it does not tell.
func manyFields(s rows.Schema) (notes []string) {
	if n := len(s.GetFields()); n > rows.MaxFields {
		notes = append(notes, fmt.Sprintf("%d fields: a server takes %d unless its proxy.maxFieldNum is raised", n, rows.MaxFields))
	}
	if n := len(s.Vectors()); n > rows.UsualVectorFields {
		notes = append(notes, fmt.Sprintf("%d vector fields: a server takes %d unless its proxy.maxVectorFieldNum is raised",
			n, rows.UsualVectorFields))
	}
	return notes
}
