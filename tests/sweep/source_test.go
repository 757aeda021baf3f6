package sweep

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"gonum.org/v1/hdf5"

	"milvusdm/internal/faiss"
	mdmhdf5 "milvusdm/internal/hdf5"
	"milvusdm/internal/job"
	"milvusdm/internal/transfer"
	"milvusdm/tests/content"
)

const (
	rows = 24_000
	dim  = 16
)

// source is a file to migrate. The key of row i is firstKey+i, so that the proxy's books can be read in rows.
type source struct {
	format   string // as the job names it
	path     string
	firstKey int64
	sum      transfer.Sum
}

// writeSources writes the same vectors as an HDF5 file with ids and as a Faiss index without.
func writeSources(t *testing.T) []source {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	vectors := make([]float32, rows*dim)
	for i := range vectors {
		vectors[i] = random.Float32()
	}
	dir := t.TempDir()
	h := source{format: "hdf5", path: filepath.Join(dir, "vectors.h5"), firstKey: 1_000_000}
	f := source{format: "faiss", path: filepath.Join(dir, "vectors.faiss")}
	must(t, writeHDF5(h.path, h.firstKey, vectors))
	must(t, writeFaiss(f.path, vectors))

	src, err := mdmhdf5.Open(t.Context(), &job.HDF5Source{Files: job.Files{Paths: []string{h.path}}, Layout: job.LayoutAuto})
	must(t, err)
	h.sum = sumOf(t, src)
	src, err = faiss.Open(t.Context(), &job.FaissSource{Files: job.Files{Paths: []string{f.path}}, KeyField: "id", VectorField: "embedding"}, nil)
	must(t, err)
	f.sum = sumOf(t, src)
	return []source{h, f}
}

func sumOf(t *testing.T, src transfer.Source) transfer.Sum {
	t.Helper()
	sum, err := content.Of(t.Context(), src)
	must(t, err)
	must(t, src.Close())
	if sum.Rows != rows {
		t.Fatalf("the source has %d rows, not the %d that were written", sum.Rows, rows)
	}
	return sum
}

// writeHDF5 writes MilvusDM's layout.
func writeHDF5(path string, firstKey int64, vectors []float32) error {
	ids := make([]int64, rows)
	for i := range ids {
		ids[i] = firstKey + int64(i)
	}
	f, err := hdf5.CreateFile(path, hdf5.F_ACC_TRUNC)
	if err != nil {
		return err
	}
	if err := writeDataset(f, "ids", hdf5.T_NATIVE_INT64, &ids, rows); err != nil {
		return err
	}
	if err := writeDataset(f, "embeddings", hdf5.T_NATIVE_FLOAT, &vectors, rows, dim); err != nil {
		return err
	}
	return f.Close()
}

func writeDataset(f *hdf5.File, name string, kind *hdf5.Datatype, data any, shape ...uint) error {
	space, err := hdf5.CreateSimpleDataspace(shape, nil)
	if err != nil {
		return fmt.Errorf("dataspace of %s: %w", name, err)
	}
	defer space.Close()
	set, err := f.CreateDataset(name, kind, space)
	if err != nil {
		return fmt.Errorf("dataset %s: %w", name, err)
	}
	if err := set.Write(data); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return set.Close()
}

// writeFaiss writes an IndexFlatL2 as faiss::write_index does: the header of every index, then the vectors as codes.
func writeFaiss(path string, vectors []float32) error {
	var b bytes.Buffer
	b.WriteString("IxF2")
	for _, field := range []any{
		int32(dim), int64(rows), int64(1 << 20), int64(1 << 20), // two unused numbers
		true,     // is trained
		int32(1), // L2
		uint64(len(vectors)), vectors,
	} {
		if err := binary.Write(&b, binary.LittleEndian, field); err != nil {
			return err
		}
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}
