package milvus

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/fault"
	"milvusdm/internal/rows"
)

// release is a version of Milvus, as {2, 3, 5}.
type release [3]int

func (r release) before(o release) bool {
	for i := range r {
		if r[i] != o[i] {
			return r[i] < o[i]
		}
	}
	return false
}

func (r release) String() string {
	if r[2] == 0 {
		return fmt.Sprintf("%d.%d", r[0], r[1])
	}
	return fmt.Sprintf("%d.%d.%d", r[0], r[1], r[2])
}

var releaseNumber = regexp.MustCompile(`^v?(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?`)

// releaseOf reads what a server calls its version; a build of its own has none.
func releaseOf(version string) (r release, ok bool) {
	m := releaseNumber.FindStringSubmatch(version)
	if m == nil {
		return r, false
	}
	for i := range r {
		r[i], _ = strconv.Atoi(m[i+1]) // digits, or nothing, which is 0
	}
	return r, true
}

// fieldFeatures are what a field may be, and the first release that takes it, by Milvus's release notes; docs/milvus.md has the
// same table. A server that is older can't be asked: it takes the schema and leaves out what it does not know (see takenWhole).
var fieldFeatures = []struct {
	what  string
	since release
	has   func(*schemapb.FieldSchema) bool
}{
	{"type Array", release{2, 3, 2}, isOf(schemapb.DataType_Array)},
	{"type Float16Vector", release{2, 3, 5}, isOf(schemapb.DataType_Float16Vector)},
	{"type BFloat16Vector", release{2, 4}, isOf(schemapb.DataType_BFloat16Vector)},
	{"type SparseFloatVector", release{2, 4}, isOf(schemapb.DataType_SparseFloatVector)},
	{"a clustering key", release{2, 4, 7}, (*schemapb.FieldSchema).GetIsClusteringKey},
	{"a nullable field", release{2, 5}, (*schemapb.FieldSchema).GetNullable},
	{"text analysis", release{2, 5}, func(f *schemapb.FieldSchema) bool { return rows.TypeParam(f, "enable_analyzer") == "true" }},
	{"the output of a function", release{2, 5}, (*schemapb.FieldSchema).GetIsFunctionOutput},
	{"type Int8Vector", release{2, 6}, isOf(schemapb.DataType_Int8Vector)},
	{"type Text", release{2, 6}, isOf(schemapb.DataType_Text)},
	{"type Geometry", release{2, 6, 4}, isOf(schemapb.DataType_Geometry)},
	{"type Timestamptz", release{2, 6, 6}, isOf(schemapb.DataType_Timestamptz)},
}

var (
	severalVectorsSince = release{2, 4}
	structArraysSince   = release{2, 6, 4}
	unknownTypesSince   = release{2, 6} // all types of 2.5 are known here
	// fillsDefaultsSince is when a column could be left out of an Insert. Older releases state default values and crash then.
	fillsDefaultsSince = release{2, 5}
)

func isOf(t schemapb.DataType) func(*schemapb.FieldSchema) bool {
	return func(f *schemapb.FieldSchema) bool { return f.GetDataType() == t }
}

// holds refuses a schema that servers of this version can't hold, naming each field and the release that it needs.
func holds(server string, s rows.Schema) error {
	is, ok := releaseOf(server)
	if !ok {
		return nil
	}
	var wrong []string
	needs := func(since release, format string, args ...any) {
		if is.before(since) {
			wrong = append(wrong, fmt.Sprintf(format, args...)+" needs Milvus "+since.String())
		}
	}
	for _, f := range s.GetFields() {
		for _, feature := range fieldFeatures {
			if feature.has(f) {
				needs(feature.since, "field %q (%s)", f.GetName(), feature.what)
			}
		}
		if _, known := schemapb.DataType_name[int32(f.GetDataType())]; !known {
			needs(unknownTypesSince, "field %q (type %d, which this program does not know)", f.GetName(), f.GetDataType())
		}
	}
	if vectors := s.Vectors(); len(vectors) > 1 {
		needs(severalVectorsSince, "field %q (a second vector field)", vectors[1].GetName())
	}
	for _, f := range s.GetStructArrayFields() {
		needs(structArraysSince, "field %q (an array of structs)", f.GetName())
	}
	if len(wrong) > 0 {
		return fault.New(fault.Unsupported, "Milvus %s, the target's server, can't hold this: %s", strings.TrimPrefix(server, "v"), strings.Join(wrong, "; "))
	}
	return nil
}
