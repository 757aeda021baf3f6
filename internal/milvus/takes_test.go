package milvus

import (
	"strings"
	"testing"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// TestPlanRefusesWhatNoMilvusTakes names everything at once.
func TestPlanRefusesWhatNoMilvusTakes(t *testing.T) {
	schema := func(name string, fields ...*schemapb.FieldSchema) rows.Schema {
		return rows.Schema{CollectionSchema: &schemapb.CollectionSchema{Name: name, Fields: fields}}
	}
	good := schema("c", rows.KeyField("id"), rows.VectorField("v", schemapb.DataType_FloatVector, 32768),
		rows.VectorField("b", schemapb.DataType_BinaryVector, 8*32768), rows.VarCharField("t", 65535))
	if err := takes(good, []string{"_default", "p1", ""}); err != nil {
		t.Error(err)
	}
	bad := schema("my collection", rows.KeyField("item-id"), rows.VectorField("v", schemapb.DataType_FloatVector, 40000),
		rows.VectorField("0b", schemapb.DataType_BinaryVector, 12), rows.VarCharField("t", 70000), rows.KeyField(strings.Repeat("x", 256)))
	err := takes(bad, []string{"p-1"})
	if fault.KindOf(err) != fault.Unsupported {
		t.Fatal(err)
	}
	for _, want := range []string{`collection "my collection"`, `field "item-id"`, `"v" has dimension 40000, and Milvus takes 1 to 32768`, `field "0b" is no name`,
		`"0b" has dimension 12, and binary`, `max_length 70000, and Milvus takes 1 to 65535`, `partition "p-1"`, strings.Repeat("x", 256)} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q lacks %q", err, want)
		}
	}
}

func TestUnknownIndexParametersAreRefused(t *testing.T) {
	float := rows.VectorField("v", schemapb.DataType_FloatVector, 8)
	for _, c := range []struct {
		kind, param, says string
	}{
		{"", "m", "write M"}, {"HNSW", "m", "write M"}, {"HNSW", "efconstruction", "write efConstruction"}, {"IVF_FLAT", "Nlist", "write nlist"},
		{"IVF_PQ", "M", "write m"}, {"HNSW", "nlist", "it has M, efConstruction"}, {"FLAT", "nlist", "it has none"},
		{"HNSW", "M", ""}, {"HNSW", "mmap.enabled", ""}, {"AUTOINDEX", "anything", ""}, {"IVF_PQ", "m", ""},
	} {
		_, err := chooseIndex(float, job.Index{Type: c.kind, Params: map[string]string{c.param: "8"}}, "")
		switch {
		case c.says == "" && err != nil, c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says) || fault.KindOf(err) != fault.Config):
			t.Errorf("%s %s: %v", c.kind, c.param, err)
		}
	}
}

// TestParameterBesideTheRightOne: m beside M is not to be renamed.
func TestParameterBesideTheRightOne(t *testing.T) {
	err := knownParams("HNSW", map[string]string{"m": "8", "M": "16"})
	if want := `has no parameter "m"; leave it out; it has M, efConstruction`; err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("%v", err)
	}
}

// TestIndexProgressNeverPassesTheEnd: while it merges segments a server counts the rows of old and new ones.
func TestIndexProgressNeverPassesTheEnd(t *testing.T) {
	for _, c := range []struct {
		done, total, pending int64
		want                 string
	}{
		{0, 0, 0, "index on v: waiting for the server to begin, for 1 min 30 s"},
		{100_000, 400_000, 300_000, "index on v: 25 % of 400000 rows, for 1 min 30 s"},
		{456_000, 400_000, 56_000, "index on v: the server merges segments and indexes them again, 56000 rows wait, for 1 min 30 s"},
		{456_000, 400_000, 0, "index on v: all 400000 rows are indexed, the server merges segments and indexes them again, for 1 min 30 s"},
	} {
		d := &milvuspb.IndexDescription{FieldName: "v", IndexedRows: c.done, TotalRows: c.total, PendingIndexRows: c.pending, State: commonpb.IndexState_InProgress}
		if got := indexing(d, 90*time.Second); got != c.want {
			t.Errorf("%d of %d: %s", c.done, c.total, got)
		}
	}
}

// TestOtherIndexKeepsTheMetric: the job's index takes the place of the source's, with its metric unless the job says another.
func TestOtherIndexKeepsTheMetric(t *testing.T) {
	vector := rows.VectorField("v", schemapb.DataType_FloatVector, 8)
	from := &transfer.Description{Settings: &transfer.Settings{Indexes: []transfer.FieldIndex{{Field: "v", Name: "old", Params: map[string]string{indexType: "DISKANN", metricType: "COSINE"}}}}}
	for _, c := range []struct {
		wish         job.Index
		kind, metric string
	}{
		{job.Index{Type: "IVF_FLAT"}, "IVF_FLAT", "COSINE"},
		{job.Index{Params: map[string]string{"M": "8"}}, "HNSW", "COSINE"},
		{job.Index{Metric: "IP"}, "HNSW", "IP"},
		{job.Index{}, "DISKANN", "COSINE"},
	} {
		s := &sink{job: job.MilvusTarget{Index: c.wish}}
		plan := &transfer.TargetPlan{Settings: &transfer.Settings{}, Schema: rows.Schema{CollectionSchema: &schemapb.CollectionSchema{Fields: []*schemapb.FieldSchema{vector}}}}
		if err := s.planIndexes(plan, from); err != nil || len(plan.Settings.Indexes) != 1 || plan.Index.Type != c.kind || plan.Index.Metric != c.metric {
			t.Errorf("%+v: %+v, %v", c.wish, plan.Settings.Indexes, err)
		}
	}
}

// TestOtherMetricIsAWarning: an index that is there stays; that it ranks otherwise than the job or the source says is no mere note.
func TestOtherMetricIsAWarning(t *testing.T) {
	field := rows.VectorField("v", schemapb.DataType_FloatVector, 8)
	schema := rows.Schema{CollectionSchema: &schemapb.CollectionSchema{Fields: []*schemapb.FieldSchema{rows.KeyField("id"), field}}}
	pairs := []*commonpb.KeyValuePair{{Key: indexType, Value: "FLAT"}, {Key: metricType, Value: "L2"}}
	there := []*milvuspb.IndexDescription{{FieldName: "v", IndexName: "x", Params: pairs}}
	for metric, want := range map[string]string{"IP": "WARNING: field v has an index with metric L2, which stays, and the job asks for IP: ", "l2": "", "": ""} {
		s := &sink{job: job.MilvusTarget{Index: job.Index{Metric: metric}}}
		plan := &transfer.TargetPlan{Schema: schema, Index: transfer.Index{Field: "v"}}
		s.keepIndex(plan, there)
		if got := strings.Join(plan.Notes, "\n"); want == "" && got != "" || !strings.HasPrefix(got, want) || strings.Contains(got, "  ") {
			t.Errorf("%s: %q", metric, got)
		}
	}
	from := &transfer.Description{Schema: schema, Settings: &transfer.Settings{Indexes: []transfer.FieldIndex{{Field: "v", Name: "x",
		Params: map[string]string{indexType: "HNSW", metricType: "COSINE", "M": "8", "efConstruction": "64"}}}}}
	plan := &transfer.TargetPlan{Schema: schema}
	if err := (&sink{}).addIndexes(plan, there, from); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(plan.Notes, "\n"); !strings.Contains(got, "WARNING: field v has an index with metric L2, which stays, and the source's has COSINE") {
		t.Errorf("%q", got)
	}
}
