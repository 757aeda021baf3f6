package hdf5

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"milvusdm/internal/fault"
)

// TestMain lets this program be the child process of its tests.
func TestMain(m *testing.M) {
	if Guard(os.Args) {
		return
	}
	guard.on = false // but where it is tested: thousands of files are opened here
	os.Exit(m.Run())
}

// TestCrashIsAnError opens a file that says its chunks have 0 dimensions, by which the library (1.10.8) divides.
func TestCrashIsAnError(t *testing.T) {
	dir := t.TempDir()
	whole, damaged := filepath.Join(dir, "a.h5"), filepath.Join(dir, "b.h5")
	copyFile(t, "testdata/compound-gzip.h5", whole)
	b, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	const ranks = 1258 // where the dataset's layout message has the number of dimensions
	if b[ranks] != 2 {
		t.Fatalf("the fixture was made anew: byte %d is %d", ranks, b[ranks])
	}
	b[ranks] = 0
	if err := os.WriteFile(damaged, b, 0o600); err != nil {
		t.Fatal(err)
	}
	guard.on = true
	defer func() { guard.on = false }()
	_, err = Open(t.Context(), sourceOf(dir))
	if fault.KindOf(err) != fault.Corrupt || !strings.HasPrefix(err.Error(), damaged+": ") {
		t.Errorf("%v: %v", fault.KindOf(err), err)
	}
	t.Log(err)
	if _, err := readFile(t, whole); err != nil {
		t.Error(err)
	}
}
