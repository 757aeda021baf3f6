package milvus1_test

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"milvusdm/internal/fault"
	"milvusdm/internal/milvus1"
	"milvusdm/internal/milvus1/milvus1test"
)

// Whatever a segment's files hold, it is either refused as Corrupt or read, and then yields the rows it said.
func FuzzSegment(f *testing.F) {
	length := func(content []byte) []byte {
		return append(binary.LittleEndian.AppendUint64(nil, uint64(len(content))), content...)
	}
	ids, vectors := make([]byte, 24), make([]byte, 24)
	f.Add(length(ids), length(vectors), length([]byte{1, 0, 0, 0}), int64(2), int64(2), int64(1))
	f.Add(ids, vectors, length(nil), int64(3), int64(2), int64(1))
	f.Add(length(ids), length(vectors), length([]byte{1, 0, 0, 0, 1, 0, 0, 0}), int64(2), int64(64), int64(3))
	f.Add(length(ids), length(vectors), length([]byte{255, 255, 255, 255}), int64(2), int64(2), int64(1))
	dir := milvus1test.NewDirectory(f, milvus1test.Table{ID: "c", Dim: 2, Metric: 1, Segments: []milvus1test.Segment{{ID: "1"}}})
	db := milvus1test.OpenSQLite(f, dir)
	f.Cleanup(func() { db.Close() })
	f.Fuzz(func(t *testing.T, uid, rv, deleted []byte, rows, dim, metric int64) {
		for name, content := range map[string][]byte{"1.uid": uid, "1.rv": rv, "deleted_docs": deleted} {
			must(t, os.WriteFile(filepath.Join(dir, "db/tables/c/1", name), content, 0o644))
		}
		must(t, execute(db, "UPDATE Tables SET dimension = ?, metric_type = ?", dim, metric))
		must(t, execute(db, "UPDATE TableFiles SET row_count = ?", rows))
		src, err := milvus1.Open(context.Background(), sourceOf(dir, "c"))
		if err != nil {
			if kind := fault.KindOf(err); kind != fault.Corrupt && kind != fault.Unsupported {
				t.Fatalf("%v: %v", kind, err)
			}
			return
		}
		got, err := tryReadAll(src, 2, large)
		if want := describe(t, src).Rows; err != nil || int64(len(got)) != want || want > int64(len(uid)/8) {
			t.Fatalf("%d rows of %d, %v", len(got), want, err)
		}
	})
}

// Whatever names the metadata holds, nothing outside the collections' folders is looked at.
func FuzzNames(f *testing.F) {
	f.Add("1600000000000000001", "faces")
	f.Add("../x", "..")
	f.Add("/etc/passwd", "a/b")
	f.Add(".", "")
	f.Add("a\x00b", "ä")
	f.Fuzz(func(t *testing.T, segment, table string) {
		dir := milvus1test.NewDirectory(t, milvus1test.Table{ID: "c", Dim: 2, Metric: 1},
			milvus1test.Table{ID: "id of " + table, Owner: "c", Tag: "p", Dim: 2, Metric: 1})
		db := milvus1test.OpenSQLite(t, dir)
		must(t, execute(db, "UPDATE Tables SET table_id = ? WHERE owner_table = 'c'", table+"p"))
		must(t, execute(db, `INSERT INTO TableFiles VALUES (1, ?, ?, 1, 'f', 1, 0, 0, 0, 0, 0, 0)`, table+"p", segment))
		must(t, db.Close())
		src, err := milvus1.Open(context.Background(), sourceOf(dir, "c"))
		if kind := fault.KindOf(err); err == nil || kind != fault.Corrupt {
			t.Fatalf("%v (%v): %v", kind, err, src)
		}
	})
}

// Whatever stands in the file of the metadata, the program goes on.
func FuzzMetadata(f *testing.F) {
	dir := milvus1test.NewDirectory(f, faces()...)
	path := filepath.Join(dir, "db", "meta.sqlite")
	content, err := os.ReadFile(path)
	must(f, err)
	f.Add(100, []byte{0}, 0)
	f.Add(4096, []byte{13, 0, 0, 0, 255}, 0)
	f.Add(8200, []byte("\xff\xff\xff\xff"), 1)
	f.Fuzz(func(t *testing.T, at int, patch []byte, cut int) {
		damaged := append([]byte(nil), content...)
		if at >= 0 && at < len(damaged) {
			copy(damaged[at:], patch)
		}
		if cut > 0 && cut < len(damaged) {
			damaged = damaged[:len(damaged)-cut]
		}
		must(t, os.WriteFile(path, damaged, 0o644))
		src, err := milvus1.Open(context.Background(), sourceOf(dir, "faces"))
		if err == nil {
			_, err = tryReadAll(src, 1000, large)
		}
		if err != nil && fault.KindOf(err).Transient() {
			t.Fatalf("%v: %v", fault.KindOf(err), err)
		}
	})
}
