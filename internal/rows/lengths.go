package rows

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/fault"
)

// CheckLengths refuses a batch with a value that is longer than the schema's field takes (max_length, max_capacity),
// naming its row. A server may hold such values, imported past its checks, and refuses the whole batch that brings them
// back. widen is what the job's key that widens a field is called, "" where there is none.
func CheckLengths(b *Batch, s Schema, widen string) error {
	for _, column := range b.Fields {
		f := s.Field(column.GetFieldName())
		if f == nil {
			continue
		}
		row, param, length, limit := tooLong(f, column)
		if length == 0 {
			continue
		}
		unit, advice := "items", "correct the row in the source"
		if param == lengthParam {
			unit = "bytes"
			if widen != "" {
				advice += fmt.Sprintf(", or write %s: {FIELD: %d} for a wider field in the target, with the field's name in the source", widen, length)
			}
		}
		return fault.New(fault.Corrupt, "%s: the value of %q has %d %s, and the field takes %d (%s); %s",
			b.Place(row), f.GetName(), length, unit, limit, param, advice)
	}
	return nil
}

// Widen gives VarChar fields, and arrays of them, a larger max_length. place names the job's key, for messages.
func Widen(s Schema, lengths map[string]string, place string) error {
	for _, name := range slices.Sorted(maps.Keys(lengths)) {
		f := s.Field(name)
		if f == nil {
			return fault.New(fault.Config, "%s.%s: there is no such field", place, name)
		}
		at := slices.IndexFunc(f.TypeParams, func(kv *commonpb.KeyValuePair) bool { return kv.GetKey() == lengthParam })
		if at < 0 {
			return fault.New(fault.Config, "%s.%s: the field is %v and has no %s; leave it out", place, name,
				f.GetDataType(), lengthParam)
		}
		is, err := strconv.Atoi(f.TypeParams[at].GetValue())
		wanted, wrong := strconv.Atoi(lengths[name])
		if err != nil || wrong != nil || wanted < is {
			return fault.New(fault.Config, "%s.%s: is %s, and the source's field takes %s; write a larger number",
				place, name, lengths[name], f.TypeParams[at].GetValue())
		}
		f.TypeParams[at].Value = lengths[name]
	}
	return nil
}

// Type parameters that bound the length of values.
const (
	lengthParam   = "max_length"
	capacityParam = "max_capacity"
)

// tooLong finds the first value of a column that is longer than its field takes: in which row, which parameter bounds
// it, and its length, 0 if there is none.
func tooLong(f *schemapb.FieldSchema, column *schemapb.FieldData) (row int, what string, length, limit int) {
	bound := func(param string) (int, bool) {
		n, err := strconv.Atoi(TypeParam(f, param))
		return n, err == nil && n > 0
	}
	most, bounded := bound(lengthParam)
	capacity, counted := bound(capacityParam)
	for i, s := range column.GetScalars().GetStringData().GetData() {
		if bounded && len(s) > most {
			return i, lengthParam, len(s), most
		}
	}
	for i, items := range column.GetScalars().GetArrayData().GetData() {
		if n := arrayItems(items); counted && n > capacity {
			return i, capacityParam, n, capacity
		}
		for _, s := range items.GetStringData().GetData() {
			if bounded && len(s) > most {
				return i, lengthParam, len(s), most
			}
		}
	}
	return 0, "", 0, 0
}

// arrayItems is how many items an array has.
func arrayItems(a *schemapb.ScalarField) int {
	return max(len(a.GetBoolData().GetData()), len(a.GetIntData().GetData()), len(a.GetLongData().GetData()),
		len(a.GetFloatData().GetData()),
		len(a.GetDoubleData().GetData()), len(a.GetStringData().GetData()))
}
