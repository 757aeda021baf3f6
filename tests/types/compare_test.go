package types_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
)

// same reports whether two values mean the same: numbers by their bits, JSON as JSON, with numbers as they are written. What
// servers put beside a value (IDs, names, the element type of an array) does not count.
func same(a, b *schemapb.FieldData) bool {
	return equal(a, b, func(n json.Number) any { return n })
}

// holds is same for a server that may write the numbers of JSON otherwise than they came.
func holds(a, b *schemapb.FieldData) bool {
	return equal(a, b, func(n json.Number) any {
		if f, err := n.Float64(); err == nil {
			return f + 0 // there is one zero
		}
		return n
	})
}

func equal(a, b *schemapb.FieldData, number func(json.Number) any) bool {
	if a == nil || b == nil {
		return a == b
	}
	if x, y := a.GetScalars().GetJsonData().GetData(), b.GetScalars().GetJsonData().GetData(); len(x) == 1 && len(y) == 1 {
		v, errX := decode(x[0], number)
		w, errY := decode(y[0], number)
		return errX == nil && errY == nil && reflect.DeepEqual(v, w)
	}
	return fingerprint(bare(a)) == fingerprint(bare(b))
}

func decode(text []byte, number func(json.Number) any) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	var walk func(any) any
	walk = func(v any) any {
		switch v := v.(type) {
		case map[string]any:
			for k := range v {
				v[k] = walk(v[k])
			}
		case []any:
			for i := range v {
				v[i] = walk(v[i])
			}
		case json.Number:
			return number(v)
		}
		return v
	}
	return walk(v), nil
}

// bare leaves of a value what it is.
func bare(v *schemapb.FieldData) *schemapb.FieldData {
	v = proto.Clone(v).(*schemapb.FieldData)
	v.FieldId, v.FieldName, v.IsDynamic, v.ValidData = 0, "", false, nil
	if a := v.GetScalars().GetArrayData(); a != nil {
		a.ElementType = 0
		for i, e := range a.Data {
			if n, ok := elementsOf(e); ok && n == 0 {
				a.Data[i] = &schemapb.ScalarField{} // an empty array is sent with or without the kind of its elements
			}
		}
	}
	if vec := v.GetVectors(); vec != nil {
		vec.Dim = 0
		if s := vec.GetSparseFloatVector(); s != nil {
			s.Dim = 0
		}
		if a := vec.GetVectorArray(); a != nil {
			for _, e := range a.Data {
				e.Dim = 0
			}
		}
	}
	if st := v.GetStructArrays(); st != nil {
		names := map[*schemapb.FieldData]string{}
		for i, f := range st.Fields {
			b := bare(f)
			names[b] = f.GetFieldName()
			st.Fields[i] = b
		}
		slices.SortFunc(st.Fields, func(a, b *schemapb.FieldData) int { return strings.Compare(names[a], names[b]) })
	}
	return v
}

// elementsOf is how many elements an array has.
func elementsOf(s *schemapb.ScalarField) (int, bool) {
	switch d := s.GetData().(type) {
	case nil:
		return 0, true
	case *schemapb.ScalarField_BoolData:
		return len(d.BoolData.GetData()), true
	case *schemapb.ScalarField_IntData:
		return len(d.IntData.GetData()), true
	case *schemapb.ScalarField_LongData:
		return len(d.LongData.GetData()), true
	case *schemapb.ScalarField_FloatData:
		return len(d.FloatData.GetData()), true
	case *schemapb.ScalarField_DoubleData:
		return len(d.DoubleData.GetData()), true
	case *schemapb.ScalarField_StringData:
		return len(d.StringData.GetData()), true
	}
	return 0, false
}

// differences names what two sets of rows differ in: at most a few of them.
func differences(want, got []stored) []string {
	var out []string
	say := func(format string, args ...any) {
		if len(out) < 10 {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	if len(want) != len(got) {
		say("%d rows, want %d", len(got), len(want))
	}
	for i := range min(len(want), len(got)) {
		w, g := want[i], got[i]
		if w.partition != g.partition {
			say("row %d is in partition %q, want %q", i, g.partition, w.partition)
		}
		if len(w.values) != len(g.values) {
			say("row %d has %d fields, want %d", i, len(g.values), len(w.values))
		}
		for name, v := range w.values {
			if !same(v, g.values[name]) {
				say("row %d, field %s: %s, want %s", i, name, show(g.values[name]), show(v))
			}
		}
	}
	return out
}

// metadata is what a server says of a collection, as text: all that a copy carries.
func metadata(d *milvuspb.DescribeCollectionResponse, partitions []string, indexes []*milvuspb.IndexDescription) string {
	var b strings.Builder
	schema := proto.Clone(d.GetSchema()).(*schemapb.CollectionSchema)
	schema.Name, schema.AutoID, schema.DbName = "", false, "" //nolint:staticcheck // a copy of an old key
	fields := slices.Clone(schema.Fields)
	for _, st := range schema.StructArrayFields {
		st.FieldID = 0
		fields = append(fields, st.Fields...)
	}
	for _, f := range fields {
		f.FieldID, f.AutoID = 0, false // the copy's keys are plain ones
		sortPairs(f.TypeParams)
	}
	for _, f := range schema.Functions {
		f.Id, f.InputFieldIds, f.OutputFieldIds = 0, nil, nil
	}
	fmt.Fprintf(&b, "schema %s\n", prototext.MarshalOptions{Multiline: true}.Format(schema))
	fmt.Fprintf(&b, "shards %d, consistency %v\n", d.GetShardsNum(), d.GetConsistencyLevel())
	properties := slices.DeleteFunc(slices.Clone(d.GetProperties()), func(kv *commonpb.KeyValuePair) bool {
		return strings.HasPrefix(kv.GetKey(), "milvusdm.")
	})
	sortPairs(properties)
	for _, kv := range properties {
		fmt.Fprintf(&b, "property %s = %s\n", kv.GetKey(), kv.GetValue())
	}
	if slices.ContainsFunc(schema.Fields, (*schemapb.FieldSchema).GetIsPartitionKey) {
		fmt.Fprintf(&b, "%d partitions\n", len(partitions)) // whose names are each server's own
	} else {
		slices.Sort(partitions)
		fmt.Fprintf(&b, "partitions %q\n", partitions)
	}
	indexes = slices.Clone(indexes)
	slices.SortFunc(indexes, func(a, b *milvuspb.IndexDescription) int { return strings.Compare(a.GetFieldName(), b.GetFieldName()) })
	for _, ix := range indexes {
		pairs := slices.Clone(ix.GetParams())
		sortPairs(pairs)
		fmt.Fprintf(&b, "index %s on %s:", ix.GetIndexName(), ix.GetFieldName())
		for _, kv := range pairs {
			fmt.Fprintf(&b, " %s=%s", kv.GetKey(), kv.GetValue())
		}
		b.WriteByte('\n')
	}
	// prototext puts in spaces at random
	return strings.Join(strings.Fields(b.String()), " ")
}

func sortPairs(pairs []*commonpb.KeyValuePair) {
	slices.SortFunc(pairs, func(a, b *commonpb.KeyValuePair) int { return strings.Compare(a.GetKey(), b.GetKey()) })
}
