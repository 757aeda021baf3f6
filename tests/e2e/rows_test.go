package e2e

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"gonum.org/v1/hdf5"

	"milvusdm/internal/rows"
)

const dim = 8

// rowSpan is the keys [from, to) with vectors that a version tells apart from those of another.
type rowSpan struct {
	from, to int64
	version  int
}

func (r rowSpan) count() int { return int(r.to - r.from) }

func (r rowSpan) keys() []int64 {
	keys := make([]int64, 0, r.count())
	for k := r.from; k < r.to; k++ {
		keys = append(keys, k)
	}
	return keys
}

// vectors are laid end to end.
func (r rowSpan) vectors() []float32 {
	v := make([]float32, 0, r.count()*dim)
	for k := r.from; k < r.to; k++ {
		v = append(v, vectorOf(k, r.version)...)
	}
	return v
}

func vectorOf(key int64, version int) []float32 {
	v := make([]float32, dim)
	for i := range v {
		v[i] = float32(math.Sin(float64(key)*float64(i+1) + float64(version)*1000))
	}
	return v
}

// sumOf is the content sum of several sets of rows, which share no key.
func sumOf(t *testing.T, sets ...rowSpan) rows.Sum {
	t.Helper()
	var total rows.Sum
	for _, r := range sets {
		total.Add(sumOfColumns(t, r.keys(), r.vectors(), dim))
	}
	return total
}

func sumOfColumns(t *testing.T, keys []int64, vectors []float32, dim int64) rows.Sum {
	t.Helper()
	b := &rows.Batch{Rows: len(keys)}
	b.Fields = append(b.Fields, rows.Int64Column("id", keys), rows.FloatVectorColumn("embedding", dim, vectors))
	sum, err := rows.SumBatch("", b)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// hdf5File writes the rows in MilvusDM's layout and returns the file's path.
func (r rowSpan) hdf5File(t *testing.T) string { return hdf5File(t, r.keys(), r.vectors(), dim) }

// theLibrary: the HDF5 library takes one call at a time.
var theLibrary sync.Mutex

func hdf5File(t *testing.T, keys []int64, vectors []float32, dim int) string {
	t.Helper()
	theLibrary.Lock()
	defer theLibrary.Unlock()
	path := filepath.Join(t.TempDir(), "vectors.h5")
	f, err := hdf5.CreateFile(path, hdf5.F_ACC_TRUNC)
	if err != nil {
		t.Fatal(err)
	}
	n := uint(len(keys))
	writeDataset(t, f, "ids", &keys, n)
	writeDataset(t, f, "embeddings", &vectors, n, uint(dim))
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	// The library locks what it writes, and a program that another test starts meanwhile inherits the lock.
	return write(t, filepath.Base(path), read(t, path))
}

func writeDataset[T any](t *testing.T, f *hdf5.File, name string, values *[]T, shape ...uint) {
	t.Helper()
	space, err := hdf5.CreateSimpleDataspace(shape, nil)
	if err != nil {
		t.Fatal(err)
	}
	kind, err := hdf5.NewDatatypeFromValue((*values)[0])
	if err != nil {
		t.Fatal(err)
	}
	d, err := f.CreateDataset(name, kind, space)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Write(values); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

// readHDF5 reads a dataset whole, independently of the reader under test.
func readHDF5[T any](t *testing.T, path, name string) []T {
	t.Helper()
	theLibrary.Lock()
	defer theLibrary.Unlock()
	f, err := hdf5.OpenFile(path, hdf5.F_ACC_RDONLY)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d, err := f.OpenDataset(name)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	values := make([]T, d.Space().SimpleExtentNPoints())
	if err := d.Read(&values); err != nil {
		t.Fatal(err)
	}
	return values
}

// faissFile writes the rows as Faiss writes a flat index: their keys must be their places, 0, 1, 2 ...
func (r rowSpan) faissFile(t *testing.T) string {
	t.Helper()
	if r.from != 0 {
		t.Fatalf("a flat index numbers its rows from 0, not from %d", r.from)
	}
	path := filepath.Join(t.TempDir(), "vectors.faiss")
	if err := os.WriteFile(path, flatIndex(r.vectors(), dim), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// flatIndex is an IndexFlatL2 as faiss.write_index writes it.
func flatIndex(vectors []float32, dim int) []byte {
	var b bytes.Buffer
	const metricL2 = 1
	for _, v := range []any{
		[]byte("IxF2"), int32(dim), int64(len(vectors) / dim), int64(1 << 20), int64(1 << 20), true, int32(metricL2),
		int64(len(vectors)), vectors,
	} {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			panic(err) // a bytes.Buffer takes everything
		}
	}
	return b.Bytes()
}
