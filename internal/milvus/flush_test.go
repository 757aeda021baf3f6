package milvus

import (
	"slices"
	"strings"
	"testing"

	"milvusdm/internal/transfer"
)

// TestEpochOf reads answers to system_info: one of Milvus 2.3.5, shortened, and what is none.
func TestEpochOf(t *testing.T) {
	for answer, want := range map[string]transfer.Epoch{
		`{"nodes_info": [
			{"identifier": 7, "infos": {"has_error": false, "name": "datanode7", "type": "datanode"}},
			{"identifier": 5, "infos": {"name": "proxy5", "type": "proxy"}},
			{"identifier": 12, "infos": {"name": "streamingnode12", "type": "streamingnode"}},
			{"identifier": 11, "infos": {"name": "datanode11", "type": "datanode"}},
			{"identifier": 7, "infos": {"name": "datanode7", "type": "datanode"}}]}`: {"datanode 11", "datanode 7", "streamingnode 12"},
		`{"nodes_info": []}`:                    nil,
		`{"nodes_info": [{"identifier": "x"}]}`: nil,
		"":                                      nil,
		"null":                                  nil,
	} {
		if got, err := epochOf(answer); err != nil || !slices.Equal(got, want) {
			t.Errorf("%.60s: %q, %v; want %q", answer, got, err, want)
		}
	}
	if _, err := epochOf(strings.Repeat(" ", maxMetrics+1)); err == nil {
		t.Error("an answer without bounds was parsed")
	}
}

// FuzzEpochOf: whatever a server answers, an epoch is sorted, so that it can be searched, and is over by none of its own.
func FuzzEpochOf(f *testing.F) {
	f.Add(`{"nodes_info": [{"identifier": 7, "infos": {"type": "datanode"}}, {"identifier": -1, "infos": {"type": "streamingnode"}}]}`)
	f.Add(`[]`)
	f.Fuzz(func(t *testing.T, answer string) {
		epoch, err := epochOf(answer)
		if err == nil && (!slices.IsSorted(epoch) || epoch.Over(epoch)) {
			t.Errorf("%q: %q", answer, epoch)
		}
	})
}
