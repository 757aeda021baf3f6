//go:build gofaiss

package gofaiss

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"milvusdm/internal/faiss"
	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

const testdata = "../faiss/testdata"

type fixture struct {
	Name      string
	Dim       int
	Rows      int64
	Binary    bool
	Exact     bool
	IDs       bool
	Reader    string
	Tolerance float64
}

func fixtures(t *testing.T) []fixture {
	t.Helper()
	var m struct{ Fixtures []fixture }
	b, err := os.ReadFile(filepath.Join(testdata, "manifest.json"))
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	if err != nil {
		t.Fatal(err)
	}
	return m.Fixtures
}

func (f fixture) path() string { return filepath.Join(testdata, f.Name+".faiss") }

func (f fixture) expect(t *testing.T) (vectors []float32, ids []int64) {
	t.Helper()
	vectors, ids = make([]float32, f.Rows*int64(f.Dim)), make([]int64, f.Rows)
	for name, dst := range map[string][]byte{".f32": bytesOf(vectors), ".ids": bytesOf(ids)} {
		b, err := os.ReadFile(filepath.Join(testdata, f.Name+name))
		if err != nil {
			t.Fatal(err)
		}
		if copy(dst, b) != len(b) || len(b) != len(dst) {
			t.Fatalf("%s%s has %d bytes", f.Name, name, len(b))
		}
	}
	return vectors, ids
}

func near(a, b []float32, tolerance float64) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool {
		return math.Float32bits(x) == math.Float32bits(y) || math.Abs(float64(x)-float64(y)) <= tolerance
	})
}

// readAll reads a file through a source, from a row on.
func readAll(t *testing.T, path string, from int64) (d *transfer.Description, vectors []float32, ids []int64) {
	t.Helper()
	src, err := faiss.Open(t.Context(), &job.FaissSource{Files: job.Files{Paths: []string{path}}}, Helper())
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	if d, err = src.Describe(t.Context()); err != nil {
		t.Fatal(err)
	}
	r, err := src.Open(t.Context(), rows.Range{From: rows.Row(0), To: rows.Row(d.Rows), Rows: d.Rows}, rows.Row(from),
		transfer.BatchLimit{Rows: 17, Bytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for {
		b, err := r.Next(t.Context())
		if err == io.EOF {
			return d, vectors, ids
		}
		if err != nil {
			t.Fatal(err)
		}
		vectors = append(vectors, b.Field("embedding").GetVectors().GetFloatVector().GetData()...)
		ids = append(ids, b.Field("id").GetScalars().GetLongData().GetData()...)
	}
}

// Kinds that only Faiss reads arrive as Faiss says they are, whole and from a row on.
func TestOtherKinds(t *testing.T) {
	tried := 0
	for _, f := range fixtures(t) {
		if f.Reader != "faiss" {
			continue
		}
		tried++
		want, wantIDs := f.expect(t)
		for _, from := range []int64{0, f.Rows / 3} {
			d, vectors, ids := readAll(t, f.path(), from)
			// the code that wrote the file may sum in another order than the code that reads it
			if !near(vectors, want[from*int64(f.Dim):], 1e-5) || !slices.Equal(ids, wantIDs[from:]) {
				t.Errorf("%s: rows from %d on differ", f.Name, from)
			}
			if d.Rows != f.Rows || (d.Lossy == "") != f.Exact || d.GeneratedKeys == f.IDs || !strings.Contains(d.Format, "go-faiss") {
				t.Errorf("%s: %+v", f.Name, d)
			}
		}
	}
	if tried < 4 {
		t.Errorf("only %d fixtures", tried)
	}
}

// newer are kinds that Faiss 1.7.3 can't read, and a file whose lists it looks for where they lay when it was written.
var newer = map[string]bool{"ivf-ondisk": true, "sqbf16": true, "ivf-sqbf16": true, "hnsw-sqbf16": true, "sq-8bit-signed": true}

// A sound file of a kind that this package's reader does not know is read by Faiss, or refused; never called damaged.
func TestSoundFilesAreNotCalledDamaged(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(testdata, "closed-*.faiss"))
	if err != nil || len(paths) < 30 {
		t.Fatal(len(paths), err)
	}
	read := 0
	for _, path := range paths {
		src := &job.FaissSource{Files: job.Files{Paths: []string{path}}}
		s, err := faiss.Open(t.Context(), src, Helper())
		switch {
		case err == nil:
			d, err := s.Describe(t.Context())
			if err != nil || d.Lossy == "" && !strings.Contains(d.Format, "IVFFlatDedup") {
				t.Errorf("%s: %+v %v", path, d, err)
			}
			read++
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		case strings.Contains(err.Error(), "holds no rows"): // a codec
		case fault.KindOf(err) != fault.Unsupported || strings.Contains(err.Error(), "damaged"):
			t.Errorf("%s: %s %v", path, fault.KindOf(err), err)
		}
		if err != nil && !strings.Contains(err.Error(), path) {
			t.Errorf("%v does not name %s", err, path)
		}
		if err != nil {
			t.Log(err)
		}
	}
	if read < 10 {
		t.Errorf("only %d files were read", read)
	}
}

// The version that messages name is that of the library.
func TestLinkedVersion(t *testing.T) {
	if v := Helper().Version(); !regexp.MustCompile(`^1\.\d+\.\d+$`).MatchString(v) {
		t.Error(v)
	}
}

// Wherever both can read, Faiss itself and the reader in Go agree on every row.
func TestAgainstReader(t *testing.T) {
	h, compared := newHelper("", "1.7.3"), map[bool]int{}
	for _, f := range fixtures(t) {
		if f.Reader != "go" || f.Binary || f.Rows == 0 || newer[f.Name] {
			continue
		}
		x, err := faiss.OpenIndex(f.path())
		if err != nil {
			t.Fatal(err)
		}
		defer x.Close()
		i, err := h.Describe(t.Context(), f.path())
		if fault.KindOf(err) == fault.Unsupported {
			t.Logf("not compared: %v", err)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", f.Name, err)
			continue
		}
		if i.Rows != x.Rows || i.Dim != x.Dim || i.Metric != x.Metric {
			t.Errorf("%s: Faiss says %+v, the reader %+v", f.Name, i, x.Info)
		}
		s, err := h.Open(t.Context(), f.path(), 0, i.Rows, true)
		if err != nil {
			t.Fatal(err)
		}
		vectors, ids := make([]float32, i.Rows*int64(i.Dim)), make([]int64, i.Rows)
		if err := s.Read(t.Context(), vectors, ids); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		byID := map[int64][]float32{} // Faiss gives rows by id, the reader as they lie in the file
		for row := range ids {
			if !i.IDs {
				ids[row] = int64(row)
			}
			byID[ids[row]] = vectors[row*i.Dim : (row+1)*i.Dim]
		}
		for row := range x.Rows {
			id, v := make([]int64, 1), make([]float32, x.Dim)
			if err := x.ReadIDs(row, id); err != nil {
				t.Fatal(err)
			}
			if err := x.ReadFloats(row, v); err != nil {
				t.Fatal(err)
			}
			tolerance := f.Tolerance
			if !f.Exact {
				tolerance = 1e-5
			}
			if f.Name != "idmap-flat-repeated" && !near(v, byID[id[0]], tolerance) {
				t.Errorf("%s: id %d: Faiss says %v, the reader %v", f.Name, id[0], byID[id[0]], v)
				break
			}
		}
		compared[f.Exact]++
	}
	t.Logf("compared %d exact and %d lossy files", compared[true], compared[false])
	if compared[true] < 15 || compared[false] < 20 {
		t.Error("too few files compared")
	}
}

func TestRefused(t *testing.T) {
	for name, says := range map[string]string{
		"refused-ivfpqr-ids":             "ids of its own",
		"refused-ivf-residual-quantizer": "not implemented",
		"binary-hnsw":                    "not recognized",
	} {
		_, err := newHelper("", "1.7.3").Describe(t.Context(), filepath.Join(testdata, name+".faiss"))
		if fault.KindOf(err) != fault.Unsupported || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %s %v", name, fault.KindOf(err), err)
		}
	}
}

// Damaged files are errors, whatever Faiss does about them.
func TestDamaged(t *testing.T) {
	whole, err := os.ReadFile(filepath.Join(testdata, "residual-quantizer.faiss"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "damaged.faiss")
	for n := 4; n < len(whole); n += len(whole) / 20 {
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := newHelper("", "1.7.3").Describe(t.Context(), path); err == nil {
			t.Errorf("cut to %d bytes: no error", n)
		}
	}
	for at := 4; at+8 < len(whole); at += 97 {
		bent := bytes.Clone(whole)
		copy(bent[at:], "\xff\xff\xff\xff\xff\xff\xff\x7f")
		if err := os.WriteFile(path, bent, 0o600); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second) // a bent count can keep it busy for long
		_, err := newHelper("", "1.7.3").Describe(ctx, path)           // it may be fine: then only a vector is bent
		if k := fault.KindOf(err); err != nil && k != fault.Corrupt && k != fault.Unsupported && ctx.Err() == nil {
			t.Errorf("bent at %d: %s %v", at, k, err)
		}
		cancel()
	}
}
