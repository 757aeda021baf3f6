package faiss

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"milvusdm/internal/fault"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// onDiskIn copies the fixture whose lists are in a file of their own.
func onDiskIn(t *testing.T, dir string) (index, lists string) {
	t.Helper()
	for _, name := range []string{"ivf-ondisk.faiss", "ivf-ondisk.ivfdata"} {
		b, err := os.ReadFile("testdata/" + name)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "ivf-ondisk.faiss"), filepath.Join(dir, "ivf-ondisk.ivfdata")
}

// Lists in a file of their own are read from the one beside the index, wherever that lay when it was written.
func TestListsInAnotherFile(t *testing.T) {
	dir := t.TempDir()
	index, lists := onDiskIn(t, dir)
	s, d := openSource(t, files(index), nil)
	f := fixture{Name: "ivf-ondisk", Dim: 16, Rows: 60}
	keys, vectors := readAll(t, s, 13, testLimit)
	if len(keys) != 60 || string(floatBytes(vectors)) != string(f.vectors(t)) {
		t.Errorf("keys %v", keys)
	}
	// the lists' file is part of what the source is
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(lists, later, later); err != nil {
		t.Fatal(err)
	}
	if _, again := openSource(t, files(index), nil); again.Identity == d.Identity {
		t.Error("another file of lists, and the same identity")
	}
	r, err := s.Open(t.Context(), rows.Range{From: rows.Row(0), To: rows.Row(60), Rows: 60}, rows.Cursor{},
		transfer.BatchLimit{Rows: 60, Bytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Next(t.Context()); fault.KindOf(err) != fault.SourceChanged || !strings.Contains(err.Error(), lists) {
		t.Errorf("the lists' file changed: %v", err)
	}
}

// A file of lists that is missing or too short is named.
func TestListsInAnotherFileRefused(t *testing.T) {
	dir := t.TempDir()
	index, lists := onDiskIn(t, dir)
	whole, err := os.ReadFile(lists)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(kind fault.Kind, says string) {
		t.Helper()
		_, err := Open(t.Context(), files(index), nil)
		if fault.KindOf(err) != kind || !strings.Contains(err.Error(), index) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s %v", fault.KindOf(err), err)
		}
	}
	if err := os.WriteFile(lists, whole[:200], 0o600); err != nil {
		t.Fatal(err)
	}
	refused(fault.Corrupt, "which has 200 bytes")
	if err := os.Remove(lists); err != nil {
		t.Fatal(err)
	}
	refused(fault.NotFound, "put that beside it")
	if err := os.Mkdir(lists, 0o700); err != nil {
		t.Fatal(err)
	}
	refusedDir := func() {
		_, err := Open(t.Context(), files(index), nil)
		if fault.KindOf(err) != fault.Config {
			t.Errorf("%s %v", fault.KindOf(err), err)
		}
	}
	refusedDir()
	// an index can't make this program read other files: only names beside it count
	b, err := os.ReadFile(index)
	if err != nil {
		t.Fatal(err)
	}
	const name = "/elsewhere/ivf-ondisk.ivfdata"
	secret := bytes.Replace(b, []byte(name), []byte("/../../../../.././/etc/passwd"), 1)
	if err := os.WriteFile(index, secret, 0o600); err != nil {
		t.Fatal(err)
	}
	refused(fault.NotFound, "keeps its inverted lists in passwd")
}
