package faiss

import (
	"context"
	"strings"
	"testing"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// TestKeyOffset: files without ids are numbered from key_offset on; the ids of a file are its own.
func TestKeyOffset(t *testing.T) {
	files := job.Files{Paths: []string{"testdata/flat-l2.faiss"}, KeyOffset: "1000"}
	s, d := openSource(t, &job.FaissSource{Files: files}, nil)
	keys, _ := readAll(t, s, d.Rows, transfer.BatchLimit{Rows: 1 << 20, Bytes: 1 << 30})
	if len(keys) == 0 || keys[0] != 1000 || keys[len(keys)-1] != 999+d.Rows || allKeys(t, s)[0] != 1000 {
		t.Errorf("%d keys from %d on", len(keys), keys[0])
	}
	files.KeyOffset = job.KeyOffsetAuto
	s, d = openSource(t, &job.FaissSource{Files: files}, nil)
	if !d.KeysBehind {
		t.Error("the target is not asked for its greatest key")
	}
	r := rows.Range{To: rows.Row(1), From: rows.Row(0), Rows: 1}
	if _, err := s.Open(context.Background(), r, rows.Cursor{}, transfer.BatchLimit{}); fault.KindOf(err) != fault.Config {
		t.Errorf("rows are read without their keys: %v", err)
	}
	files.Paths = []string{"testdata/idmap-flat.faiss"}
	_, err := Open(context.Background(), &job.FaissSource{Files: files}, nil)
	if err == nil || !strings.Contains(err.Error(), "key_offset is for files without ids") {
		t.Errorf("%v", err)
	}
}
