package faiss

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

func openSource(t *testing.T, src *job.FaissSource, helper Helper) (transfer.Source, *transfer.Description) {
	t.Helper()
	s, err := Open(t.Context(), src, helper)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	d, err := s.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s, d
}

var testLimit = transfer.BatchLimit{Rows: 11, Bytes: 1 << 20}

func files(paths ...string) *job.FaissSource {
	return &job.FaissSource{Files: job.Files{Paths: paths}}
}

// readAll reads all ranges and returns keys and vectors in row order.
func readAll(t *testing.T, s transfer.Source, perRange int64, limit transfer.BatchLimit) (keys []int64, vectors []float32) {
	t.Helper()
	ranges, err := s.Plan(t.Context(), perRange, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range ranges {
		if r.ID != i || i > 0 && r.From != ranges[i-1].To {
			t.Fatalf("ranges do not follow each other: %+v", ranges)
		}
		k, v := readRange(t, s, r, rows.Cursor{}, limit)
		if int64(len(k)) != r.Rows {
			t.Fatalf("range %+v gave %d rows", r, len(k))
		}
		keys, vectors = append(keys, k...), append(vectors, v...)
	}
	return keys, vectors
}

func readRange(t *testing.T, s transfer.Source, r rows.Range, from rows.Cursor, limit transfer.BatchLimit) (keys []int64, vectors []float32) {
	t.Helper()
	rd, err := s.Open(t.Context(), r, from, limit)
	if err != nil {
		t.Fatal(err)
	}
	defer rd.Close()
	for {
		b, err := rd.Next(t.Context())
		if err == io.EOF {
			return keys, vectors
		}
		if err != nil {
			t.Fatal(err)
		}
		k := b.Field("id").GetScalars().GetLongData().GetData()
		if len(k) != b.Rows || b.Rows > limit.Rows || b.After.Int != b.First+int64(b.Rows) {
			t.Fatalf("batch of %d rows, %d keys, limit %+v, first %d, after %v", b.Rows, len(k), limit, b.First, b.After)
		}
		keys = append(keys, k...)
		vectors = append(vectors, b.Field("embedding").GetVectors().GetFloatVector().GetData()...)
	}
}

func allKeys(t *testing.T, s transfer.Source) []int64 {
	t.Helper()
	var keys []int64
	first := int64(-1)
	err := s.(transfer.KeyScanner).ScanKeys(t.Context(), func(at int64, k []int64) error {
		if first < 0 {
			first = at
		}
		if at != first+int64(len(keys)) {
			t.Fatalf("keys of row %d after %d", at, len(keys))
		}
		keys = append(keys, k...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestSource(t *testing.T) {
	s, d := openSource(t, files("testdata/idmap-flat.faiss"), nil)
	f := fixture{Name: "idmap-flat", Dim: 16, Rows: 60}
	if d.Format != "Faiss, IDMap over Flat" || d.Rows != 60 || d.Metric != "L2" || d.Lossy != "" || d.GeneratedKeys || d.Bytes != 60*72 {
		t.Errorf("%+v", d)
	}
	if key, v := d.Schema.PrimaryKey(), d.Schema.Field("embedding"); key.GetName() != "id" || rows.TypeParam(v, "dim") != "16" {
		t.Errorf("schema: %v", d.Schema)
	}
	for _, limit := range []transfer.BatchLimit{{Rows: 7, Bytes: 1 << 20}, {Rows: 1000, Bytes: 1 << 20}, {Rows: 1000, Bytes: 72 * 5}, {Rows: 1, Bytes: 1}} {
		keys, vectors := readAll(t, s, 13, limit)
		if !slices.Equal(keys, f.ids(t)) || string(floatBytes(vectors)) != string(f.vectors(t)) {
			t.Errorf("limit %+v: rows differ", limit)
		}
	}
	if !slices.Equal(allKeys(t, s), f.ids(t)) {
		t.Error("ScanKeys differs")
	}
	if got := s.(transfer.KeyScanner).Place(59); got != "testdata/idmap-flat.faiss: row 59" {
		t.Error(got)
	}
	r := rows.Range{From: rows.Row(10), To: rows.Row(50), Rows: 40}
	keys, _ := readRange(t, s, r, rows.Row(44), transfer.BatchLimit{Rows: 4, Bytes: 1 << 20})
	if !slices.Equal(keys, f.ids(t)[44:50]) {
		t.Errorf("from row 44 on: %v", keys)
	}
	for _, c := range []rows.Cursor{rows.Row(9), rows.Row(51), rows.Row(61), {Kind: rows.Int64Cursor, Int: 20}} {
		if _, err := s.Open(t.Context(), r, c, transfer.BatchLimit{Rows: 1, Bytes: 1}); err == nil {
			t.Errorf("opened from %v", c)
		}
	}
}

// Files follow each other; rows without ids are numbered over all of them, whatever slice is taken.
func TestSeveralFiles(t *testing.T) {
	paths := []string{"testdata/flat-l2.faiss", "testdata/hnswflat.faiss", "testdata/flat-special.faiss"}
	f := fixture{Name: "flat-l2", Dim: 16, Rows: 60}
	for _, slice := range []job.RowSlice{{}, {First: 50}, {First: 50, Count: 20}, {First: 60, Count: 60}, {First: 179, Count: 5}} {
		src := files(paths...)
		src.Rows = slice
		s, d := openSource(t, src, nil)
		end := int64(180)
		if slice.Count > 0 {
			end = min(end, slice.First+slice.Count)
		}
		keys, vectors := readAll(t, s, 25, transfer.BatchLimit{Rows: 11, Bytes: 1 << 20})
		if !d.GeneratedKeys || d.Rows != end-slice.First || int64(len(keys)) != d.Rows || keys[0] != slice.First || !slices.IsSorted(keys) {
			t.Errorf("%+v: rows %d, keys %v", slice, d.Rows, keys)
		}
		if slice.First == 60 && string(floatBytes(vectors)) != string(f.vectors(t)) {
			t.Error("the second file's vectors differ")
		}
		if !slices.Equal(allKeys(t, s), keys) {
			t.Errorf("%+v: ScanKeys differs", slice)
		}
	}
	src := files(paths...)
	s, _ := openSource(t, src, nil)
	if got := s.(transfer.KeyScanner).Place(61); got != "testdata/hnswflat.faiss: row 1" {
		t.Error(got)
	}
}

func TestDescriptions(t *testing.T) {
	for _, c := range []struct {
		paths  []string
		metric string
		says   string // in lossy or notes
		keys   bool
	}{
		{[]string{"testdata/flat-ip.faiss"}, "IP", "keys are row numbers", true},
		{[]string{"testdata/flat-l1.faiss"}, "", "made for L1", true},
		{[]string{"testdata/binary-idmap.faiss"}, "HAMMING", "", false},
		{[]string{"testdata/ivf-sq8.faiss"}, "L2", "scalar quantizer stored each element in 8 bits", false},
		{[]string{"testdata/opq-ivfpq.faiss"}, "L2", "product quantizer stored each vector in 2 bytes; linear transform (OPQ) reduced dimension 16 to 8", false},
		{[]string{"testdata/flat-l2.faiss", "testdata/idmap-flat.faiss"}, "L2", "1 of 2 files hold ids", false},
	} {
		_, d := openSource(t, files(c.paths...), nil)
		text := d.Lossy + "\n" + strings.Join(d.Notes, "\n")
		if d.Metric != c.metric || !strings.Contains(text, c.says) || d.GeneratedKeys != c.keys {
			t.Errorf("%v: metric %q, keys %v: %s", c.paths, d.Metric, d.GeneratedKeys, text)
		}
	}
}

func TestDirectory(t *testing.T) {
	dir := t.TempDir()
	for name, from := range map[string]string{"b.index": "flat-l2", "a.faiss": "flat-l2", "notes.txt": "flat-l2", ".c.faiss": "flat-l2", "sub.faiss/x.faiss": "flat-l2"} {
		b, err := os.ReadFile("testdata/" + from + ".faiss")
		if err == nil {
			err = os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	s, d := openSource(t, files(dir), nil)
	if len(d.Inputs) != 2 || filepath.Base(d.Inputs[0].Path) != "a.faiss" || filepath.Base(d.Inputs[1].Path) != "b.index" {
		t.Errorf("inputs: %+v", d.Inputs)
	}
	_, again := openSource(t, files(dir), nil)
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "b.index"), later, later); err != nil {
		t.Fatal(err)
	}
	_, changed := openSource(t, files(dir), nil)
	if again.Identity != d.Identity || changed.Identity == d.Identity {
		t.Errorf("identities: %s, again %s, changed %s", d.Identity, again.Identity, changed.Identity)
	}
	rd, err := s.Open(t.Context(), rows.Range{From: rows.Row(0), To: rows.Row(120)}, rows.Cursor{}, transfer.BatchLimit{Rows: 60, Bytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rd.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 { // an error repeats
		if _, err := rd.Next(t.Context()); fault.KindOf(err) != fault.SourceChanged {
			t.Errorf("the second file changed: %v", err)
		}
	}
}

func TestSourceErrors(t *testing.T) {
	empty := t.TempDir()
	slice := func(first, count int64) *job.FaissSource {
		src := files("testdata/flat-l2.faiss")
		src.Rows = job.RowSlice{First: first, Count: count}
		return src
	}
	for _, c := range []struct {
		src  *job.FaissSource
		kind fault.Kind
		says []string
	}{
		{files(), fault.Config, []string{"names no Faiss file"}},
		{files(empty), fault.NotFound, []string{empty, "holds no Faiss index"}},
		{files("testdata/absent.faiss"), fault.NotFound, []string{"testdata/absent.faiss"}},
		{files("testdata/flat-l2.faiss", "testdata/./flat-l2.faiss"), fault.Config, []string{"the same file"}},
		{files("testdata/flat-l2.faiss", "testdata/binary-flat.faiss"), fault.Config, []string{"flat-l2.faiss", "binary-flat.faiss", "dimension 64"}},
		{files("testdata/flat-l2.faiss", "testdata/flat-ip.faiss"), fault.Config, []string{"L2", "inner product"}},
		{files("testdata/flat-l2.faiss", "testdata/sq4-odd.faiss"), fault.Config, []string{"dimension 16", "dimension 7"}},
		{files("testdata/flat-empty.faiss"), fault.Config, []string{"holds no rows"}},
		{files("testdata/residual-quantizer.faiss"), fault.Unsupported, []string{"IxRq", "built without go-faiss"}},
		{slice(60, 0), fault.Config, []string{"rows.first is 60", "60 rows"}},
		{slice(-1, 0), fault.Config, []string{"negative"}},
	} {
		_, err := Open(t.Context(), c.src, nil)
		if fault.KindOf(err) != c.kind {
			t.Errorf("%v: %s %v", c.src.Paths, fault.KindOf(err), err)
		}
		for _, text := range c.says {
			if !strings.Contains(err.Error(), text) {
				t.Errorf("%v does not say %q", err, text)
			}
		}
	}
}

// fakeHelper pretends to be Faiss: row i of path has id 100+i, if it has ids, and vector (i, i, ...).
type fakeHelper struct {
	info Info
	open int
	fail error
}

func (h *fakeHelper) Version() string { return "1.7.3" }

func (h *fakeHelper) Describe(context.Context, string) (Info, error) { return h.info, h.fail }

func (h *fakeHelper) Open(_ context.Context, _ string, first, count int64, vectors bool) (Stream, error) {
	h.open++
	return &fakeStream{h, first, first + count}, nil
}

type fakeStream struct {
	h        *fakeHelper
	row, end int64
}

func (s *fakeStream) Read(_ context.Context, vectors []float32, ids []int64) error {
	for i := range ids {
		if s.row == s.end {
			return errors.New("read past the end")
		}
		if s.h.info.IDs {
			ids[i] = 100 + s.row
		}
		for j := range s.h.info.Dim {
			if vectors != nil {
				vectors[i*s.h.info.Dim+j] = float32(s.row)
			}
		}
		s.row++
	}
	return nil
}

func (s *fakeStream) Close() error { s.h.open--; return nil }

// A kind that is not read here goes to the helper, in one sequence with other files.
func TestHelper(t *testing.T) {
	for _, ids := range []bool{false, true} {
		h := &fakeHelper{info: Info{Rows: 10, Dim: 16, Metric: MetricL2, IDs: ids}}
		s, d := openSource(t, files("testdata/flat-l2.faiss", "testdata/residual-quantizer.faiss"), h)
		if d.Format != "Faiss, Flat and ResidualQuantizer (read by go-faiss)" || d.Lossy == "" || d.GeneratedKeys == ids {
			t.Errorf("%+v", d)
		}
		keys, vectors := readAll(t, s, 7, transfer.BatchLimit{Rows: 4, Bytes: 1 << 20})
		if want := map[bool]int64{false: 65, true: 105}[ids]; keys[65] != want || vectors[65*16] != 5 || len(keys) != 70 {
			t.Errorf("row 65 has key %d and vector %v...", keys[65], vectors[65*16])
		}
		if !slices.Equal(allKeys(t, s), keys) {
			t.Error("ScanKeys differs")
		}
		if h.open != 0 {
			t.Errorf("%d streams left open", h.open)
		}
	}
	h := &fakeHelper{fail: fault.New(fault.Corrupt, "it crashed")}
	if _, err := Open(t.Context(), files("testdata/residual-quantizer.faiss"), h); fault.KindOf(err) != fault.Corrupt {
		t.Errorf("helper's error: %v", err)
	}
	// what Faiss would reconstruct wrongly is not left to it
	if _, err := Open(t.Context(), files("testdata/refused-whitened.faiss"), &fakeHelper{}); fault.KindOf(err) != fault.Unsupported {
		t.Errorf("whitened vectors: %v", err)
	}
}
