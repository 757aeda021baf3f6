package milvus

import (
	"slices"
	"strings"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/protobuf/encoding/protowire"

	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

func TestOnlyWholePagesAreTaken(t *testing.T) {
	v := &view{key: "id"}
	id, s := rows.Int64Column("id", []int64{1, 2}), rows.VarCharColumn("s", []string{"a", "b"})
	for says, columns := range map[string][]*schemapb.FieldData{
		"":                            {s, id, rows.BoolColumn("more", nil)},
		"lacks the primary key":       {s},
		`lacks field "s"`:             {id},
		"1 values for 2 rows":         {id, rows.VarCharColumn("s", []string{"a"})},
		"there are no keys":           {rows.VarCharColumn("id", []string{"1"}), s},
		`field "s": it has -1 values`: {id, rows.FloatVectorColumn("s", 2, make([]float32, 3))},
	} {
		got, err := v.page(columns, []string{"id", "s"})
		if says == "" {
			if err != nil || len(got.columns) != 2 || got.rows() != 2 {
				t.Errorf("%+v, %v", got, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, expected %q", err, says)
		}
	}
	if got, err := v.page(nil, []string{"id"}); err != nil || got.rows() != 0 {
		t.Errorf("an empty answer: %+v, %v", got, err)
	}
}

func TestValuesThatAreLeftOutForNullsAreFilled(t *testing.T) {
	valid := []bool{false, true, false, true}
	text, vector, none := rows.VarCharColumn("s", []string{"a", "b"}), rows.FloatVectorColumn("v", 2, []float32{1, 2, 3, 4}), rows.Int64Column("n", nil)
	text.ValidData, vector.ValidData, none.ValidData = valid, valid, make([]bool, 4)
	for _, f := range []*schemapb.FieldData{text, vector, none} {
		if err := fill(f, 4); err != nil {
			t.Fatal(err)
		}
	}
	if got := text.GetScalars().GetStringData().GetData(); len(got) != 4 || got[1] != "a" || got[3] != "b" {
		t.Errorf("%q", got)
	}
	if got := vector.GetVectors().GetFloatVector().GetData(); len(got) != 8 || !slices.Equal(got[2:4], []float32{1, 2}) || !slices.Equal(got[6:], []float32{3, 4}) {
		t.Errorf("%v", got)
	}
	if !slices.Equal(text.ValidData, valid) || len(none.GetScalars().GetLongData().GetData()) != 0 {
		t.Errorf("%v, %v", text.ValidData, none)
	}
	text.ValidData = valid[:3]
	if fill(text, 4) == nil {
		t.Error("validity of other rows is taken")
	}
}

// A batch is cut where the first bound is reached, and never where a column can't be.
func TestPagesAreCutToBatches(t *testing.T) {
	long := strings.Repeat("x", 1000)
	reading := func(more ...*schemapb.FieldData) *reader {
		v := &view{key: "id", renamed: map[string]string{"id": "key", "s": "s", "newer": "newer"}}
		p := &page{keys: &rows.Keys{Ints: []int64{1, 2, 3, 4, 5}}, size: 2100, whole: true,
			columns: append([]*schemapb.FieldData{rows.Int64Column("id", []int64{1, 2, 3, 4, 5}), rows.VarCharColumn("s", []string{"", long, "", "", long})}, more...)}
		return &reader{pager: &pager{source: &source{view: v}}, rest: p}
	}
	cuts := func(r *reader, limit transfer.BatchLimit) (out []int) {
		r.limit = limit
		for r.rest != nil {
			b, err := r.cut()
			if err != nil {
				t.Fatal(err)
			}
			if b.After.Int != int64(sum(out)+b.Rows) || b.Field("key").GetScalars().GetLongData().GetData()[0] != int64(sum(out)+1) {
				t.Errorf("%d rows end at %v", b.Rows, b.After)
			}
			out = append(out, b.Rows)
		}
		return out
	}
	newer := &schemapb.FieldData{Type: 999, FieldName: "newer"}
	newer.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 77, protowire.VarintType), 1))
	for _, x := range []struct {
		r     *reader
		limit transfer.BatchLimit
		want  []int
	}{
		{reading(), transfer.BatchLimit{Rows: 10, Bytes: 10_000}, []int{5}},
		{reading(), transfer.BatchLimit{Rows: 2, Bytes: 10_000}, []int{2, 2, 1}},
		{reading(), transfer.BatchLimit{Rows: 10, Bytes: 1}, []int{1, 1, 1, 1, 1}},
		{reading(), transfer.BatchLimit{Rows: 10, Bytes: 1200}, []int{2, 3}},
		{reading(newer), transfer.BatchLimit{Rows: 2, Bytes: 1}, []int{5}},
	} {
		if got := cuts(x.r, x.limit); !slices.Equal(got, x.want) {
			t.Errorf("%+v cuts %v, expected %v", x.limit, got, x.want)
		}
	}
}

func sum(v []int) int {
	n := 0
	for _, x := range v {
		n += x
	}
	return n
}
