package workflows

import (
	"strings"
	"testing"
	"unicode/utf8"

	"milvusdm/internal/job"
)

func TestKeywordsAreBounded(t *testing.T) {
	long := bounded(strings.Repeat("é", 3000))
	if len(long) > attributeBytes || !utf8.ValidString(long) || !strings.HasSuffix(long, " ...") {
		t.Errorf("%d bytes: %q", len(long), long)
	}
	if short := bounded("x"); short != "x" {
		t.Errorf("bounded changed a short text to %q", short)
	}
}

func TestTargetOf(t *testing.T) {
	for want, target := range map[string]job.Target{
		"m:1/default/c": {Milvus: &job.MilvusTarget{MilvusServer: job.MilvusServer{Address: "m:1"}, Collection: "c"}},
		"m:1/db":        {Milvus: &job.MilvusTarget{MilvusServer: job.MilvusServer{Address: "m:1", Database: "db"}}},
		"/exports":      {HDF5: &job.HDF5Target{Directory: "/exports"}},
		"":              {},
	} {
		if got := targetOf(&job.Job{Target: target}); got != want {
			t.Errorf("the target is %q, want %q", got, want)
		}
	}
}
