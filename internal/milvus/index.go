package milvus

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/transfer"
)

var binaryMetrics = []string{"HAMMING", "JACCARD", "TANIMOTO", "SUBSTRUCTURE", "SUPERSTRUCTURE"}

// chooseIndex completes the job's wish for the index of a vector field: the metric is the job's, else the source's, else L2 or
// HAMMING; the type the job's, else HNSW or BIN_FLAT.
func chooseIndex(field *schemapb.FieldSchema, wish job.Index, sourceMetric string) (transfer.Index, error) {
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
	if slices.Contains(binaryMetrics, ix.Metric) != binary {
		return ix, fault.New(fault.Config, "target.milvus.index.metric: %s does not go with field %q of type %v; write %s",
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

// indexParams are the parameters of CreateIndex.
func indexParams(ix transfer.Index) ([]*commonpb.KeyValuePair, error) {
	out := map[string]string{"index_type": ix.Type, "metric_type": ix.Metric}
	if len(ix.Params) > 0 {
		text, err := json.Marshal(ix.Params)
		if err != nil {
			return nil, err
		}
		out["params"] = string(text)
	}
	return keyValues(out), nil
}
