package milvus

import (
	"fmt"
	"slices"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/fault"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// insertable returns a batch's columns in the form that Insert and Upsert take, which is not the one that Query answers with:
//
//   - a field that is nullable or has a default value says of each row whether it has a value, and holds no value where not
//   - any other field says nothing of it
//   - an array that holds nothing has the kind of its elements (see stateElements)
//   - fields go by name: IDs, which are a server's own, are left out
//   - primary keys that the server makes are left out
//
// The batch is left as it is, and shares its values with what is returned.
func insertable(b *rows.Batch, plan *transfer.TargetPlan) (columns, error) {
	var out columns
	for _, f := range b.Fields {
		schema := plan.Schema.Field(f.GetFieldName())
		if plan.NewIDs && schema.GetIsPrimaryKey() {
			continue
		}
		c, err := insertableField(f, schema, b.Rows)
		if err != nil {
			return nil, fault.New(fault.Internal, "%s: field %q: %w", b.Place(0), f.GetFieldName(), err)
		}
		out = append(out, c)
	}
	return out, nil
}

func insertableField(f *schemapb.FieldData, schema *schemapb.FieldSchema, rows int) (*schemapb.FieldData, error) {
	valid := f.GetValidData()
	if len(valid) != 0 && len(valid) != rows {
		return nil, fmt.Errorf("it says of %d rows whether they have a value, of %d", len(valid), rows)
	}
	says := schema.GetNullable() || schema.GetDefaultValue() != nil
	if !slices.Contains(valid, false) {
		out := head(f)
		out.Field = f.GetField()
		out.ProtoReflect().SetUnknown(f.ProtoReflect().GetUnknown())
		stateElements(out, schema.GetElementType())
		if says {
			out.ValidData = slices.Repeat([]bool{true}, rows)
		}
		return out, nil
	}
	if !says && schema != nil {
		return nil, fmt.Errorf("row %d has no value, and the target's field is not nullable", slices.Index(valid, false))
	}
	out, err := selectRows(f, spansOf(valid))
	if err != nil {
		return nil, err
	}
	out.ValidData = valid
	stateElements(out, schema.GetElementType())
	return out, nil
}

// spansOf returns the runs of rows that are valid.
func spansOf(valid []bool) []span {
	var out []span
	for i, ok := range valid {
		switch {
		case ok && i > 0 && valid[i-1]:
			out[len(out)-1].to++
		case ok:
			out = append(out, span{i, i + 1})
		}
	}
	return out
}

// halves cuts a batch in two. They share its values.
func halves(b *rows.Batch) ([]*rows.Batch, error) {
	var out []*rows.Batch
	for _, s := range []span{{0, b.Rows / 2}, {b.Rows / 2, b.Rows}} {
		half := &rows.Batch{Rows: s.to - s.from, First: -1, After: b.After, Where: func(i int) string { return b.Place(s.from + i) }}
		for _, f := range b.Fields {
			part, err := selectRows(f, []span{s})
			if err != nil {
				return nil, err
			}
			half.Fields = append(half.Fields, part)
		}
		out = append(out, half)
	}
	return out, nil
}
