package milvus

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/transfer"
)

var binaryMetrics = []string{"HAMMING", "JACCARD", "TANIMOTO", "SUBSTRUCTURE", "SUPERSTRUCTURE"}

// chooseIndex completes the job's wish for the index of a vector field: the metric is the job's, else the source's, else L2 or
// HAMMING; the type the job's, else HNSW or BIN_FLAT.
func chooseIndex(field *schemapb.FieldSchema, wish job.Index, sourceMetric string) (transfer.Index, error) {
	if field.GetDataType() == schemapb.DataType_SparseFloatVector {
		metric := "IP"
		if field.GetIsFunctionOutput() {
			metric = "BM25"
		}
		return transfer.Index{Field: field.GetName(), Type: cmp.Or(wish.Type, "SPARSE_INVERTED_INDEX"), Metric: cmp.Or(wish.Metric, metric), Params: maps.Clone(wish.Params)}, nil
	}
	binary := field.GetDataType() == schemapb.DataType_BinaryVector
	ix := transfer.Index{Field: field.GetName(), Type: wish.Type, Metric: wish.Metric, Params: maps.Clone(wish.Params)}
	if ix.Metric == "" {
		ix.Metric = sourceMetric
	}
	switch {
	case ix.Metric == "" && binary:
		ix.Metric = "HAMMING"
	case ix.Metric == "":
		ix.Metric = "L2"
	}
	ix.Metric = strings.ToUpper(ix.Metric)
	if err := knownParams(cmp.Or(ix.Type, "HNSW"), ix.Params); err != nil && (ix.Type != "" || !binary) {
		return ix, err
	}
	if slices.Contains(binaryMetrics, ix.Metric) != binary {
		return ix, fault.New(fault.Config, "the metric %s of the index does not go with field %q of type %v; write %s",
			ix.Metric, field.GetName(), field.GetDataType(), map[bool]string{true: "HAMMING or JACCARD", false: "L2, IP or COSINE"}[binary])
	}
	switch {
	case ix.Type == "" && binary:
		ix.Type = "BIN_FLAT"
	case ix.Type == "":
		ix.Type = "HNSW"
	}
	defaults := map[string]map[string]string{
		"HNSW":         {"M": "16", "efConstruction": "200"},
		"IVF_FLAT":     {"nlist": "1024"},
		"IVF_SQ8":      {"nlist": "1024"},
		"BIN_IVF_FLAT": {"nlist": "1024"},
	}[ix.Type]
	if ix.Params == nil && len(defaults) > 0 {
		ix.Params = map[string]string{}
	}
	for k, v := range defaults {
		if ix.Params[k] == "" {
			ix.Params[k] = v
		}
	}
	return ix, nil
}

// indexParams are the parameters of index types whose list does not depend on the server's version. A server takes others without a
// word, and leaves them aside.
var indexParams = map[string][]string{
	"FLAT":         {},
	"BIN_FLAT":     {},
	"HNSW":         {"M", "efConstruction"},
	"IVF_FLAT":     {"nlist"},
	"IVF_SQ8":      {"nlist"},
	"IVF_PQ":       {"nlist", "m", "nbits"},
	"BIN_IVF_FLAT": {"nlist"},
	"SCANN":        {"nlist", "with_raw_data"},
}

// knownParams refuses a parameter that the index type does not have, and names the right one where only its case is wrong. Those with
// a dot, as mmap.enabled, are not the type's.
func knownParams(kind string, params map[string]string) error {
	known, ok := indexParams[kind]
	if !ok {
		return nil
	}
	for _, p := range slices.Sorted(maps.Keys(params)) {
		if slices.Contains(known, p) || strings.Contains(p, ".") {
			continue
		}
		instead := "it has none"
		if len(known) > 0 {
			instead = "it has " + strings.Join(known, ", ")
		}
		i := slices.IndexFunc(known, func(k string) bool { return strings.EqualFold(k, p) })
		if i >= 0 && params[known[i]] != "" {
			instead = "leave it out; " + instead
		} else if i >= 0 {
			instead = "write " + known[i] + "; " + instead
		}
		return fault.New(fault.Config, "target.milvus.index.params: an index of type %s has no parameter %q; %s", kind, p, instead)
	}
	return nil
}

// fieldIndex is the index as CreateIndex takes it.
func fieldIndex(ix transfer.Index) (transfer.FieldIndex, error) {
	out := transfer.FieldIndex{Field: ix.Field, Params: map[string]string{indexType: ix.Type, metricType: ix.Metric}}
	if len(ix.Params) > 0 {
		text, err := json.Marshal(ix.Params)
		if err != nil {
			return out, err
		}
		out.Params["params"] = string(text)
	}
	return out, nil
}

// Keys of an index's parameters.
const (
	indexType  = "index_type"
	metricType = "metric_type"
)

// wantedIndexes are the indexes that the plan wants.
func wantedIndexes(plan *transfer.TargetPlan) ([]transfer.FieldIndex, error) {
	if plan.Settings != nil {
		return plan.Settings.Indexes, nil
	}
	ix, err := fieldIndex(plan.Index)
	return []transfer.FieldIndex{ix}, err
}

// planIndexes fills in the indexes of a collection that is made: the source's, and those that the vector fields need besides,
// without which the collection can't be loaded. A collection that has none in the source gets one only to be counted.
func (s *sink) planIndexes(plan *transfer.TargetPlan, from *transfer.Description) error {
	set := plan.Settings
	set.Indexes = slices.Clone(from.Settings.Indexes)
	vectors := plan.Schema.Vectors()
	metric := from.Metric
	wish := s.job.Index
	wished := wish.Type != "" || wish.Metric != "" || len(wish.Params) > 0
	if wished {
		if len(vectors) != 1 {
			return fault.New(fault.Config, "target.milvus.index: the source has %d vector fields, with indexes of their own; leave index out", len(vectors))
		}
		for _, ix := range set.Indexes {
			if ix.Field == vectors[0].GetName() { // another type of index is no reason for another metric
				metric = cmp.Or(ix.Params[metricType], metric)
			}
		}
		set.Indexes = slices.DeleteFunc(set.Indexes, func(ix transfer.FieldIndex) bool { return ix.Field == vectors[0].GetName() })
	}
	for _, f := range vectors {
		if slices.ContainsFunc(set.Indexes, func(ix transfer.FieldIndex) bool { return ix.Field == f.GetName() }) {
			continue
		}
		chosen, err := chooseIndex(f, wish, metric)
		if err != nil {
			return err
		}
		ix, err := fieldIndex(chosen)
		if err != nil {
			return err
		}
		set.Indexes = append(set.Indexes, ix)
		if !wished {
			plan.CountIndexes = append(plan.CountIndexes, f.GetName())
		}
	}
	tellIndex(plan, set.Indexes)
	return nil
}

// keepIndex: an index that is there stays as it is.
func (s *sink) keepIndex(plan *transfer.TargetPlan, existing []*milvuspb.IndexDescription) {
	for _, d := range existing {
		if d.GetFieldName() != plan.Index.Field {
			continue
		}
		params := paramsOf(d)
		is := transfer.Index{Field: d.GetFieldName(), Type: params[indexType], Metric: params[metricType]}
		w := s.job.Index
		if w.Type != "" && w.Type != is.Type {
			plan.Notes = append(plan.Notes, fmt.Sprintf("field %s has an index of type %s, which stays; the job's %s is for a new collection",
				is.Field, is.Type, w.Type))
		}
		if w.Metric != "" && !strings.EqualFold(w.Metric, is.Metric) {
			plan.Notes = append(plan.Notes, otherMetric(is, "the job asks for "+w.Metric))
		}
		plan.Index, plan.Indexed = is, true
	}
}

// otherMetric warns of an index that is there and ranks otherwise than it should.
func otherMetric(is transfer.Index, wish string) string {
	return fmt.Sprintf("%sfield %s has an index with metric %s, which stays, and %s: searches find the neighbours of %[3]s. "+
		"To change that, drop the index and create it with the other metric", transfer.Warning, is.Field, is.Metric, wish)
}

// addIndexes: indexes that are there stay as they are; vector fields without one get the source's, since a collection can't be loaded
// otherwise.
func (s *sink) addIndexes(plan *transfer.TargetPlan, existing []*milvuspb.IndexDescription, from *transfer.Description) error {
	plan.Settings = &transfer.Settings{}
	if err := s.planIndexes(plan, from); err != nil {
		return err
	}
	wanted, whose := plan.Settings.Indexes, "the source's has "
	if s.job.Index.Metric != "" {
		whose = "the job asks for "
	}
	plan.Settings.Indexes, plan.CountIndexes = nil, nil
	for _, f := range plan.Schema.Vectors() {
		if indexed(existing, transfer.FieldIndex{Field: f.GetName()}) {
			continue
		}
		for _, ix := range wanted {
			if ix.Field == f.GetName() {
				plan.Settings.Indexes = append(plan.Settings.Indexes, ix)
			}
		}
	}
	plan.Indexed = len(plan.Settings.Indexes) == 0
	var all []transfer.FieldIndex
	for _, d := range existing {
		is := transfer.Index{Field: d.GetFieldName(), Metric: paramsOf(d)[metricType]}
		for _, ix := range wanted {
			if metric := ix.Params[metricType]; ix.Field == is.Field && metric != "" && !strings.EqualFold(metric, is.Metric) {
				plan.Notes = append(plan.Notes, otherMetric(is, whose+metric))
			}
		}
		all = append(all, transfer.FieldIndex{Field: d.GetFieldName(), Name: d.GetIndexName(), Params: paramsOf(d)})
	}
	tellIndex(plan, append(all, plan.Settings.Indexes...))
	return nil
}

func paramsOf(d *milvuspb.IndexDescription) map[string]string {
	out := map[string]string{}
	for _, kv := range d.GetParams() {
		out[kv.GetKey()] = kv.GetValue()
	}
	return out
}

// tellIndex has the plan name the index of the first vector field.
func tellIndex(plan *transfer.TargetPlan, indexes []transfer.FieldIndex) {
	for _, f := range plan.Schema.Vectors() {
		for _, ix := range indexes {
			if ix.Field == f.GetName() && (plan.KeepLoaded || !slices.Contains(plan.CountIndexes, ix.Field)) {
				plan.Index = transfer.Index{Field: ix.Field, Type: ix.Params[indexType], Metric: ix.Params[metricType]}
				return
			}
		}
	}
}
