package fakemilvus

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

func (s *Server) Query(_ context.Context, r *milvuspb.QueryRequest) (*milvuspb.QueryResults, error) {
	out, err := s.query(r)
	if err != nil {
		return &milvuspb.QueryResults{Status: statusOf(err)}, nil
	}
	return out, nil
}

func (s *Server) query(r *milvuspb.QueryRequest) (*milvuspb.QueryResults, error) {
	c, err := s.find(r.GetCollectionName())
	if err != nil {
		return nil, err
	}
	partitions, err := c.chosen(r.GetPartitionNames())
	if err != nil {
		return nil, err
	}
	wanted, err := parse(r.GetExpr())
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, p := range partitions {
		if !p.loaded {
			if len(r.GetPartitionNames()) > 0 || !c.loaded() {
				return nil, refusal{101, "collection not loaded[collection=" + c.name + "]"}
			}
			continue // as if it were not there
		}
		for _, row := range p.rows {
			if wanted(row) {
				rows = append(rows, row)
			}
		}
	}
	out := &milvuspb.QueryResults{Status: &commonpb.Status{}, CollectionName: c.name, OutputFields: r.GetOutputFields(), SessionTs: s.clock}
	if slices.Equal(r.GetOutputFields(), []string{"count(*)"}) {
		column := newColumn("count(*)", schemapb.DataType_Int64, 0, 0)
		column.GetScalars().GetLongData().Data = []int64{int64(len(rows))}
		out.FieldsData = []*schemapb.FieldData{column}
		return out, nil
	}
	if rows, err = page(rows, c.primaryKey().GetName(), r.GetQueryParams(), r.GetExpr() == ""); err != nil {
		return nil, err
	}
	if out.FieldsData, err = c.answer(rows, r.GetOutputFields()); err != nil {
		return nil, err
	}
	out.OutputFields = nil
	for _, f := range out.FieldsData {
		out.OutputFields = append(out.OutputFields, f.GetFieldName())
	}
	return out, nil
}

// page is what limit and offset leave of the rows, each key once.
func page(rows []row, pk string, params []*commonpb.KeyValuePair, all bool) ([]row, error) {
	values := map[string]string{}
	for _, kv := range params {
		values[kv.GetKey()] = kv.GetValue()
	}
	limit, offset := len(rows), 0
	for key, to := range map[string]*int{"limit": &limit, "offset": &offset} {
		if text := values[key]; text != "" {
			n, err := strconv.Atoi(text)
			if err != nil || n < 0 || key == "limit" && n == 0 {
				return nil, invalid("%s [%s] is invalid", key, text)
			}
			*to = n
		}
	}
	if values["limit"] == "" && all {
		return nil, invalid("empty expression should be used with limit")
	}
	if values["limit"] != "" && limit+offset > 16384 {
		return nil, invalid("invalid max query result window, (offset+limit) should be in range [1, 16384], but got %d", limit+offset)
	}
	slices.SortStableFunc(rows, func(a, b row) int { return compareKeys(a[pk], b[pk]) })
	rows = slices.CompactFunc(rows, func(a, b row) bool { return compareKeys(a[pk], b[pk]) == 0 })
	if strings.EqualFold(values["iterator"], "true") || values["limit"] == "" {
		rows = rows[min(offset, len(rows)):]
		return rows[:min(limit, len(rows))], nil
	}
	// A page of its own has no order, nor has what is in it: here it is taken from the end, backwards.
	slices.Reverse(rows)
	rows = rows[min(offset, len(rows)):]
	return rows[:min(limit, len(rows))], nil
}

// answer makes columns of the named fields, and of the key.
func (c *collection) answer(rows []row, names []string) ([]*schemapb.FieldData, error) {
	named := func(name string) bool { return slices.Contains(names, "*") || slices.Contains(names, name) }
	known := map[string]bool{"*": true, metaField: c.schema.EnableDynamicField}
	var out []*schemapb.FieldData
	take := func(name string, t, element schemapb.DataType, dim int64, nullable bool) *schemapb.FieldData {
		cells := make([]cell, len(rows))
		for i, r := range rows {
			cells[i] = r[name]
		}
		column := merge(newColumn(name, t, element, dim), cells, nullable)
		out = append(out, column)
		return column
	}
	for _, f := range c.schema.Fields {
		known[f.Name] = true
		if named(f.Name) || f.IsPrimaryKey {
			if isFunctionOutput(c.schema, f) {
				if slices.Contains(names, f.Name) {
					return nil, invalid("not allowed to retrieve raw data of field %s", f.Name)
				}
				continue
			}
			column := take(f.Name, f.DataType, f.ElementType, dim(f), f.Nullable)
			column.FieldId = f.FieldID
			stateElements(column, f.ElementType)
		}
	}
	for _, st := range c.schema.StructArrayFields {
		known[st.Name] = true
		if named(st.Name) {
			column := take(st.Name, schemapb.DataType_ArrayOfStruct, 0, 0, false)
			if len(rows) == 0 {
				for _, f := range st.Fields {
					column.GetStructArrays().Fields = append(column.GetStructArrays().Fields, newColumn(f.Name, f.DataType, f.ElementType, dim(f)))
				}
			}
			for _, sub := range column.GetStructArrays().GetFields() {
				i := slices.IndexFunc(st.Fields, func(f *schemapb.FieldSchema) bool { return f.Name == sub.GetFieldName() })
				stateElements(sub, st.Fields[i].ElementType)
			}
		}
	}
	if c.schema.EnableDynamicField && named(metaField) {
		for _, r := range rows {
			if r[metaField] == nil {
				empty := newColumn(metaField, schemapb.DataType_JSON, 0, 0)
				empty.GetScalars().GetJsonData().Data = [][]byte{[]byte("{}")}
				r[metaField] = empty
			}
		}
		take(metaField, schemapb.DataType_JSON, 0, 0, false).IsDynamic = true
	}
	for _, name := range names {
		if !known[name] {
			return nil, invalid("field %s not exist", name)
		}
	}
	return out, nil
}

// stateElements has a column of arrays say what their elements are, which clients leave out of an insert.
func stateElements(column *schemapb.FieldData, element schemapb.DataType) {
	if a := column.GetScalars().GetArrayData(); a != nil {
		a.ElementType = element
	}
	if a := column.GetVectors().GetVectorArray(); a != nil {
		a.ElementType = element
	}
}

func dim(f *schemapb.FieldSchema) int64 {
	for _, kv := range f.GetTypeParams() {
		if kv.GetKey() == "dim" {
			n, _ := strconv.ParseInt(kv.GetValue(), 10, 64) // one that is no number is of no use to anybody
			return n
		}
	}
	return 0
}
