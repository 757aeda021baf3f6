package faiss

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// fixture is a file that Faiss itself wrote, and what Faiss says of it. testdata/generate.py makes them.
type fixture struct {
	Name      string
	Dim       int
	Rows      int64
	Binary    bool
	Metric    Metric
	Exact     bool
	IDs       bool
	Reader    string  // "go", or "faiss" for kinds that only Faiss reads
	Tolerance float64 // 0: bit for bit
}

// closedFixture is a file of a kind whose structure is read and whose rows are not.
type closedFixture struct {
	Name, Kind string
	Rows       int64
}

func (f closedFixture) path() string { return filepath.Join("testdata", f.Name+".faiss") }

func closedFixtures(t testing.TB) []closedFixture { return manifest(t).Closed }

type fixtureManifest struct {
	Fixtures []fixture
	Closed   []closedFixture
}

func manifest(t testing.TB) (m fixtureManifest) {
	t.Helper()
	paths, err := filepath.Glob("testdata/manifest*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		var one fixtureManifest
		text, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(text, &one)
		}
		if err != nil {
			t.Fatal(err)
		}
		m.Fixtures, m.Closed = append(m.Fixtures, one.Fixtures...), append(m.Closed, one.Closed...)
	}
	return m
}

func fixtures(t testing.TB, reader string) []fixture {
	t.Helper()
	var out []fixture
	for _, f := range manifest(t).Fixtures {
		if f.Reader == reader {
			out = append(out, f)
		}
	}
	if len(out) == 0 {
		t.Fatalf("no fixtures for reader %q", reader)
	}
	return out
}

func (f fixture) path() string { return filepath.Join("testdata", f.Name+".faiss") }

func (f fixture) rowBytes() int { return Info{Binary: f.Binary, Dim: f.Dim}.RowBytes() }

// vectors are the expected vectors, as bytes.
func (f fixture) vectors(t testing.TB) []byte {
	name := f.Name + ".f32"
	if f.Binary {
		name = f.Name + ".u8"
	}
	return mustRead(t, name, int(f.Rows)*f.rowBytes())
}

func (f fixture) ids(t testing.TB) []int64 {
	b := mustRead(t, f.Name+".ids", int(f.Rows)*8)
	out := make([]int64, f.Rows)
	for i := range out {
		out[i] = int64(binary.LittleEndian.Uint64(b[8*i:]))
	}
	return out
}

func mustRead(t testing.TB, name string, size int) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if len(b) != size {
		t.Fatalf("%s has %d bytes instead of %d", name, len(b), size)
	}
	return b
}

func readVectors(x *Index, first, rows int64) ([]byte, error) {
	if x.Binary {
		dst := make([]byte, rows*int64(x.RowBytes()))
		return dst, x.ReadBits(first, dst)
	}
	dst := make([]float32, rows*int64(x.Dim))
	err := x.ReadFloats(first, dst)
	return floatBytes(dst), err
}

// sameVectors compares vectors bit for bit, or within the fixture's tolerance.
func sameVectors(t *testing.T, f fixture, first int64, got, want []byte) {
	t.Helper()
	if f.Binary || f.Tolerance == 0 {
		if string(got) == string(want) {
			return
		}
	}
	worst, at := 0.0, -1
	for i := range len(want) / 4 {
		g := float64(math.Float32frombits(binary.LittleEndian.Uint32(got[4*i:])))
		w := float64(math.Float32frombits(binary.LittleEndian.Uint32(want[4*i:])))
		if diff := math.Abs(g - w); diff > worst || math.IsNaN(diff) {
			worst, at = diff, i
		}
	}
	if f.Tolerance == 0 || at >= 0 && !(worst <= f.Tolerance) {
		t.Errorf("rows from %d on differ from Faiss's, worst in element %d by %g", first, at, worst)
	}
}
