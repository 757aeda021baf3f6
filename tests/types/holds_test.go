package types_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

// fill makes the collection with its rows, indexed and loaded, and reads it back.
func fill(ctx context.Context, s *server, sp *spec) ([]stored, error) {
	for _, step := range []func() error{
		func() error { return s.create(ctx, sp) },
		func() error { return s.insert(ctx, sp, 0, sp.rows) },
		func() error { return s.load(ctx, sp) },
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return s.read(ctx, sp.collection)
}

// find leaves out of the spec what the server can't hold: what it refuses, forgets, or answers otherwise than it was given. It
// returns why, by field or feature. A spec that is not complete any more can't be held at all.
func find(t *testing.T, s *server, sp *spec) map[string]string {
	t.Helper()
	ctx := t.Context()
	refused := map[string]string{}
	drop := func(why string, gone func(*field) bool) {
		sp.fields = slices.DeleteFunc(sp.fields, func(f *field) bool {
			if gone(f) {
				refused[f.name] = why
			}
			return gone(f)
		})
	}
	if s.name == standalone { // it takes types that are younger than it is, and dies of them; of traits it knows nothing
		drop("the server does not know the type or the trait", func(f *field) bool {
			return f.trait == nullable || f.trait == nullDefault || f.trait == clustering || f.kind.structs != nil || slices.Contains([]schemapb.DataType{schemapb.DataType_Geometry, schemapb.DataType_Timestamptz,
				schemapb.DataType_BFloat16Vector, schemapb.DataType_SparseFloatVector, schemapb.DataType_Int8Vector}, f.kind.schema.DataType)
		})
	}
	probed := false
	for range 10 {
		if !sp.complete() {
			return refused
		}
		rows, err := fill(ctx, s, sp)
		if status.Code(errors.Unwrap(err)) == codes.Unavailable {
			s.start() // it did not survive that
		}
		byKey := err
		if err == nil {
			byKey = s.answersByKey(ctx, sp.collection, sp.key())
		}
		described, derr := s.DescribeCollection(ctx, &milvuspb.DescribeCollectionRequest{CollectionName: sp.collection})
		// a collection that the server does not give up is in nobody's way
		_ = s.drop(ctx, sp.collection, described.GetAliases())
		switch {
		case err == nil:
			if err := failure(described.GetStatus(), derr); err != nil {
				t.Fatal(err)
			}
			wrong := sp.wrong(rows)
			if byKey != nil {
				wrong[sp.key().name] = byKey.Error()
			}
			for _, f := range sp.fields {
				if !remembers(described.GetSchema(), f) {
					wrong[f.name] = "the server forgets that it is " + string(f.trait)
				}
			}
			if len(wrong) == 0 {
				return refused
			}
			for name, why := range wrong {
				drop(why, func(f *field) bool { return f.name == name })
				if name == dynamicField {
					refused[dynamicField], sp.dynamic = why, nil
				}
			}
		case sp.simplify(err, refused):
		case probed:
			// each field was taken by itself, but not all of them together
			drop(err.Error(), func(*field) bool { return true })
		default:
			probed = true
			for _, f := range slices.Clone(sp.fields) {
				if why := probe(ctx, s, sp, f); why != "" {
					drop(why, func(g *field) bool { return g == f })
				}
			}
			if !slices.ContainsFunc(sp.fields, func(f *field) bool { return f.name == sp.scalarIndex }) {
				sp.scalarIndex = ""
			}
		}
	}
	t.Fatalf("%s: %s: it never settles; refused so far: %v", s.name, sp.name, refused)
	return nil
}

// key is the field of the primary key.
func (sp *spec) key() *field {
	return sp.fields[slices.IndexFunc(sp.fields, func(f *field) bool { return f.trait == primaryKey || f.trait == autoID })]
}

// complete reports whether what remains is a collection.
func (sp *spec) complete() bool {
	key, vector := false, false
	for _, f := range sp.fields {
		key = key || f.trait == primaryKey || f.trait == autoID
		vector = vector || isVector(f.kind)
	}
	return key && (vector || sp.function)
}

// simplify takes out the feature that a server refused, and reports whether there was one.
func (sp *spec) simplify(err error, refused map[string]string) bool {
	text := err.Error()
	switch {
	case sp.aliases && strings.HasPrefix(text, "create alias"):
		refused["aliases"], sp.aliases = text, false
	case len(sp.partitions) > 0 && strings.HasPrefix(text, "create partition"):
		refused["partitions"], sp.partitions = text, nil
	case sp.scalarIndex != "" && strings.HasPrefix(text, "index "+sp.scalarIndex):
		refused["scalar index"], sp.scalarIndex = text, ""
	case sp.function:
		refused["function"], sp.function = text, false
	default:
		return false
	}
	return true
}

// probe makes a collection of the key, a vector and the field alone, and puts rows into it. It says why that fails.
func probe(ctx context.Context, s *server, whole *spec, f *field) string {
	sp := &spec{name: "probe", rows: whole.rows, keyPartitions: whole.keyPartitions}
	for _, g := range whole.fields {
		if g == f || g.trait == primaryKey || g.trait == autoID {
			sp.fields = append(sp.fields, g)
		}
	}
	if !slices.ContainsFunc(sp.fields, func(g *field) bool { return isVector(g.kind) }) {
		sp.fields = append(sp.fields, newField(kindOf("FloatVector"), plain, "probe_vector", whole.rows, 1))
	}
	if f.trait != partitionKey {
		sp.keyPartitions = 0
	}
	why := func(err error) string {
		if status.Code(errors.Unwrap(err)) == codes.Unavailable {
			s.start() // it did not survive that
		}
		_ = s.drop(ctx, sp.collection, nil) // as above
		if err != nil {
			return err.Error()
		}
		return ""
	}
	if err := s.create(ctx, sp); err != nil {
		return why(err)
	}
	described, err := s.DescribeCollection(ctx, &milvuspb.DescribeCollectionRequest{CollectionName: sp.collection})
	if err := failure(described.GetStatus(), err); err != nil {
		return why(err)
	}
	if !remembers(described.GetSchema(), f) {
		return why(fmt.Errorf("the server forgets that it is %s", f.trait))
	}
	return why(s.insert(ctx, sp, 0, sp.rows))
}

// remembers reports whether the described schema has the field as it was declared.
func remembers(schema *schemapb.CollectionSchema, f *field) bool {
	if f.kind.structs != nil {
		return slices.ContainsFunc(schema.GetStructArrayFields(), func(st *schemapb.StructArrayFieldSchema) bool { return st.GetName() == f.name })
	}
	want := f.schema()
	for _, g := range schema.GetFields() {
		if g.GetName() == f.name {
			return g.GetDataType() == want.GetDataType() && g.GetElementType() == want.GetElementType() && g.GetNullable() == want.GetNullable() &&
				(g.GetDefaultValue() == nil) == (want.GetDefaultValue() == nil) && g.GetIsPartitionKey() == want.GetIsPartitionKey() &&
				g.GetIsClusteringKey() == want.GetIsClusteringKey() && g.GetAutoID() == want.GetAutoID()
		}
	}
	return false
}

// wrong tells which fields the server answers otherwise than they were written.
func (sp *spec) wrong(rows []stored) map[string]string {
	out := map[string]string{}
	if len(rows) != sp.rows {
		out["id"] = fmt.Sprintf("%d rows, %d were written", len(rows), sp.rows)
		return out
	}
	homes := sp.homes()
	index := sp.byKey(rows)
	for i := range sp.rows {
		row, ok := index(i)
		if !ok {
			out["id"] = fmt.Sprintf("the key of row %d is gone", i)
			return out
		}
		if home := homes[i%len(homes)]; home != "" && row.partition != home {
			out["id"] = fmt.Sprintf("row %d is in partition %s, not in %s", i, row.partition, home)
		}
		for _, f := range sp.fields {
			if f.trait == autoID {
				continue
			}
			if want, got := f.want(i), row.values[f.name]; !holds(want, got) {
				out[f.name] = fmt.Sprintf("row %d was written as %s and is read as %s", i, show(want), show(got))
			}
		}
		if sp.dynamic != nil && !holds(sp.dynamic[i], row.values[dynamicField]) {
			out[dynamicField] = fmt.Sprintf("row %d was written as %s and is read as %s", i, show(sp.dynamic[i]), show(row.values[dynamicField]))
		}
	}
	return out
}

// byKey finds the row that was written as row i. Where the server made the keys, field n must tell.
func (sp *spec) byKey(rows []stored) func(i int) (stored, bool) {
	by := sp.key()
	if by.trait == autoID {
		by = sp.fields[slices.IndexFunc(sp.fields, func(f *field) bool { return f.name == "n" })]
	}
	index := map[string]stored{}
	for _, r := range rows {
		if v := r.values[by.name]; v != nil {
			index[fingerprint(bare(v))] = r
		}
	}
	return func(i int) (stored, bool) {
		r, ok := index[fingerprint(bare(by.values[i]))]
		return r, ok
	}
}
