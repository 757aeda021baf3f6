package faiss

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"milvusdm/internal/fault"
)

// Every kind gives the vectors and ids that Faiss itself gives, read whole, row by row, and in random pieces.
func TestFixtures(t *testing.T) {
	for _, f := range fixtures(t, "go") {
		t.Run(f.Name, func(t *testing.T) {
			x, err := OpenIndex(f.path())
			if err != nil {
				t.Fatal(err)
			}
			defer x.Close()
			if x.Dim != f.Dim || x.Rows != f.Rows || x.Binary != f.Binary || x.Metric != f.Metric || x.IDs != f.IDs {
				t.Errorf("%+v instead of %+v", x.Info, f)
			}
			if (x.Lossy == "") != f.Exact {
				t.Errorf("lossy: %q", x.Lossy)
			}
			vectors, ids := f.vectors(t), f.ids(t)
			rng, row := rand.New(rand.NewPCG(1, 1)), int64(f.rowBytes())
			check := func(first, n int64) {
				got, err := readVectors(x, first, n)
				if err != nil {
					t.Fatal(err)
				}
				sameVectors(t, f, first, got, vectors[first*row:(first+n)*row])
				gotIDs := make([]int64, n)
				if err := x.ReadIDs(first, gotIDs); err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(gotIDs, ids[first:first+n]) {
					t.Errorf("ids of %d rows from %d on are %v instead of %v", n, first, gotIDs, ids[first:first+n])
				}
			}
			check(0, f.Rows)
			for i := range f.Rows {
				check(i, 1)
				check(i, rng.Int64N(f.Rows-i)+1)
			}
		})
	}
}

// A file cut at any byte is called damaged, and nothing else.
func TestTruncation(t *testing.T) {
	for _, f := range fixtures(t, "go") {
		whole, err := os.ReadFile(f.path())
		if err != nil {
			t.Fatal(err)
		}
		for n := range whole {
			_, err := parse(bytes.NewReader(whole[:n]), "cut.faiss", int64(n))
			if kind := fault.KindOf(err); kind != fault.Corrupt {
				t.Fatalf("%s cut to %d of %d bytes: %s %v", f.Name, n, len(whole), kind, err)
			}
			if !strings.HasPrefix(err.Error(), "cut.faiss: ") {
				t.Fatalf("error does not begin with the file: %v", err)
			}
		}
		if _, err := parse(bytes.NewReader(append(whole, 0)), "long.faiss", int64(len(whole)+1)); err == nil {
			t.Errorf("%s with a byte more: %v", f.Name, err)
		}
	}
}

func TestRefused(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct {
		path string
		kind fault.Kind
		says string
	}{
		{"testdata/refused-whitened.faiss", fault.Unsupported, "PCA with whitening"},
		{"testdata/refused-itq.faiss", fault.Unsupported, "ITQ"},
		{"testdata/fastscan.faiss", fault.Unsupported, `the index is PQFastScan ("IPfs")`},
		{"testdata/refused-no-storage.faiss", fault.Unsupported, "was not saved"},
		{"testdata/residual-quantizer.faiss", fault.Unsupported, `ResidualQuantizer ("IxRq")`},
		{"testdata/idmap-residual-quantizer.faiss", fault.Unsupported, `IDMap over ResidualQuantizer`},
		{write("empty", ""), fault.Corrupt, "the file is empty"},
		{write("short", "Ix"), fault.Corrupt, "the file ends where"},
		{write("newer", "IxZZ\x10\x00\x00\x00 and more"), fault.Unsupported, "newer Faiss"},
		{filepath.Join(dir, "absent"), fault.NotFound, "no such file"},
		{dir, fault.Config, "not a regular file"},
	} {
		_, err := OpenIndex(c.path)
		if fault.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), c.path) {
			t.Errorf("%s: %s %v", c.path, fault.KindOf(err), err)
		}
	}
}

// Places in an id map that lie far apart, close together, or several times in it are all found.
func TestLook(t *testing.T) {
	const n = 1 << 20
	stored := make([]int64, n)
	for i := range stored {
		stored[i] = int64(i) * 7
	}
	m := &mapped{input: &input{r: bytes.NewReader(int64Bytes(stored)), name: "map", size: n * 8}, rows: n}
	rng := rand.New(rand.NewPCG(3, 4))
	for _, span := range []int64{1, 50, 10_000, n} {
		places := make([]int64, 3000)
		for i := range places {
			places[i] = n - span + rng.Int64N(span)
		}
		got := slices.Clone(places)
		if err := m.look(0, got); err != nil {
			t.Fatal(err)
		}
		for i, place := range places {
			if got[i] != place*7 {
				t.Fatalf("place %d holds %d, not %d", place, place*7, got[i])
			}
		}
	}
	for _, bad := range []int64{-1, n} {
		if err := m.look(5, []int64{0, bad}); fault.KindOf(err) != fault.Corrupt || !strings.Contains(err.Error(), "row 6") {
			t.Errorf("place %d: %v", bad, err)
		}
	}
}
