package bench

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"gonum.org/v1/hdf5"

	"milvusdm/internal/rows"
)

// shape is a data set's. Its contents follow from it: whoever makes row r makes the same.
type shape struct{ Rows, Dim int }

func (s shape) String() string {
	return fmt.Sprintf("%s x %s", thousands(float64(s.Rows)), thousands(float64(s.Dim)))
}

func (s shape) bytes() float64 { return float64(s.Rows) * float64(4*s.Dim+8) }

// keys fills v with the keys of rows from first on: distinct, and in no order, so that looking for repeats is work.
func (s shape) keys(v []int64, first int) {
	for i := range v {
		v[i] = int64(uint64(first+i) * 0x9e3779b97f4a7c15 & (1<<40 - 1))
	}
}

// vectors fills v with the vectors of rows from first on: numbers in [-1, 1) that do not compress, like an embedding's.
func (s shape) vectors(v []float32, first int) {
	at := uint64(first) * uint64(s.Dim)
	for i := range v {
		v[i] = float32(int32(mix(at+uint64(i))>>40)-1<<23) / (1 << 23)
	}
}

// mix is the output function of SplitMix64.
func mix(x uint64) uint64 {
	x = (x + 1) * 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

const (
	keyField    = "id"
	vectorField = "embedding"
)

// columns makes rows [first, first+n) as they are sent to Milvus.
func (s shape) columns(first, n int) []*schemapb.FieldData {
	keys, vectors := make([]int64, n), make([]float32, n*s.Dim)
	s.keys(keys, first)
	s.vectors(vectors, first)
	return []*schemapb.FieldData{rows.Int64Column(keyField, keys), rows.FloatVectorColumn(vectorField, int64(s.Dim), vectors)}
}

// sum is the content sum of all rows.
func (s shape) sum() (rows.Sum, error) { return s.sumOf("", s.columns) }

// sumOf is that of rows in a partition, as columns makes them.
func (s shape) sumOf(partition string, columns func(first, n int) []*schemapb.FieldData) (rows.Sum, error) {
	const n = 8000
	var total rows.Sum
	for first := 0; first < s.Rows; first += n {
		count := min(n, s.Rows-first)
		sum, err := rows.SumBatch(partition, &rows.Batch{Fields: columns(first, count), Rows: count, First: int64(first)})
		if err != nil {
			return total, err
		}
		total.Add(sum)
	}
	return total, nil
}

// format is a kind of file, and how it is written.
type format struct {
	name, suffix string
	write        func(path string, s shape) error
}

var formats = []format{
	{"hdf5", ".h5", writeHDF5},
	{"faiss", ".faiss", writeIDMap},
}

// file returns the path of a data set in a file of that format, which is made if it is not there.
func (f format) file(b *testing.B, s shape) string {
	b.Helper()
	path := filepath.Join(cacheDir(b), fmt.Sprintf("%dx%d%s", s.Rows, s.Dim, f.suffix))
	if _, err := os.Stat(path); err == nil {
		return path
	}
	say("writing %s (%.0f MB, once)", path, s.bytes()/1e6)
	temp := path + ".tmp"
	err := f.write(temp, s)
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		b.Fatal(errors.Join(err, os.Remove(temp)))
	}
	return path
}

// blockRows is how many rows are written at once: about 8 MB.
func (s shape) blockRows() int { return max(8<<20/(4*s.Dim), 1) }

// writeHDF5 writes MilvusDM's layout: embeddings and ids, contiguous.
func writeHDF5(path string, s shape) (err error) {
	f, err := hdf5.CreateFile(path, hdf5.F_ACC_TRUNC)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	vectors, keys := make([]float32, s.blockRows()*s.Dim), make([]int64, s.blockRows())
	err = writeDataset(f, "embeddings", hdf5.T_NATIVE_FLOAT, []uint{uint(s.Rows), uint(s.Dim)}, uint(s.blockRows()), func(first, n uint) any {
		v := vectors[:int(n)*s.Dim]
		s.vectors(v, int(first))
		return &v
	})
	if err != nil {
		return err
	}
	return writeDataset(f, "ids", hdf5.T_NATIVE_INT64, []uint{uint(s.Rows)}, uint(s.blockRows()), func(first, n uint) any {
		v := keys[:n]
		s.keys(v, int(first))
		return &v
	})
}

func writeDataset(f *hdf5.File, name string, t *hdf5.Datatype, dims []uint, block uint, values func(first, n uint) any) error {
	space, err := hdf5.CreateSimpleDataspace(dims, nil)
	if err != nil {
		return err
	}
	defer space.Close()
	d, err := f.CreateDataset(name, t, space)
	if err != nil {
		return err
	}
	for first := uint(0); first < dims[0] && err == nil; first += block {
		n := min(block, dims[0]-first)
		err = writeBlock(d, space, first, append([]uint{n}, dims[1:]...), values(first, n))
	}
	return errors.Join(err, d.Close())
}

func writeBlock(d *hdf5.Dataset, space *hdf5.Dataspace, first uint, count []uint, values any) error {
	offset := make([]uint, len(count))
	offset[0] = first
	if err := space.SelectHyperslab(offset, nil, count, nil); err != nil {
		return err
	}
	memory, err := hdf5.CreateSimpleDataspace(count, nil)
	if err != nil {
		return err
	}
	defer memory.Close()
	return d.WriteSubset(values, memory, space)
}

// writeIDMap writes an IndexIDMap over an IndexFlatL2, as faiss.write_index does.
func writeIDMap(path string, s shape) error {
	return writeFaiss(path, s, true)
}

// writeFlat writes an IndexFlatL2 without ids.
func writeFlat(path string, s shape) error {
	return writeFaiss(path, s, false)
}

func writeFaiss(path string, s shape, ids bool) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	err = writeIndex(w, s, ids)
	return errors.Join(err, w.Flush(), f.Close())
}

func writeIndex(w io.Writer, s shape, ids bool) error {
	var head []byte
	if ids {
		head = indexHeader(head, "IxMp", s)
	}
	head = indexHeader(head, "IxF2", s)
	head = binary.LittleEndian.AppendUint64(head, uint64(s.Rows)*uint64(s.Dim))
	if _, err := w.Write(head); err != nil {
		return err
	}
	vectors := make([]float32, s.blockRows()*s.Dim)
	for first := 0; first < s.Rows; first += s.blockRows() {
		v := vectors[:min(s.blockRows(), s.Rows-first)*s.Dim]
		s.vectors(v, first)
		if _, err := w.Write(bytesOf(v)); err != nil {
			return err
		}
	}
	if !ids {
		return nil
	}
	if _, err := w.Write(binary.LittleEndian.AppendUint64(nil, uint64(s.Rows))); err != nil {
		return err
	}
	keys := make([]int64, s.Rows)
	s.keys(keys, 0)
	_, err := w.Write(bytesOf(keys))
	return err
}

// indexHeader appends what every index begins with: kind, dimension, rows, two unused numbers, is_trained, metric (L2).
func indexHeader(b []byte, kind string, s shape) []byte {
	b = append(b, kind...)
	b = binary.LittleEndian.AppendUint32(b, uint32(s.Dim))
	b = binary.LittleEndian.AppendUint64(b, uint64(s.Rows))
	b = binary.LittleEndian.AppendUint64(b, 1<<20)
	b = binary.LittleEndian.AppendUint64(b, 1<<20)
	b = append(b, 1)
	return binary.LittleEndian.AppendUint32(b, 1)
}

// bytesOf is the memory of v; the file's byte order is that of every machine that Milvus runs on.
func bytesOf[T float32 | int64](v []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), len(v)*int(unsafe.Sizeof(v[0])))
}
