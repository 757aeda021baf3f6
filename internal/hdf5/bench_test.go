package hdf5

import (
	"context"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// BenchmarkRead reads the files of testdata/bench_h5py.py, which reads them too, by h5py:
//
//	python testdata/bench_h5py.py write DIR; HDF5_BENCH_DIR=DIR go test -bench Read; python testdata/bench_h5py.py read DIR
func BenchmarkRead(b *testing.B) {
	dir := os.Getenv("HDF5_BENCH_DIR")
	if dir == "" {
		b.Skip("HDF5_BENCH_DIR names no directory of files")
	}
	for _, name := range []string{"contiguous.h5", "gzip.h5"} {
		b.Run(name, func(b *testing.B) {
			j := &job.HDF5Source{Files: job.Files{Paths: []string{filepath.Join(dir, name)}}}
			var best, bestCPU float64 // on a busy machine only the second says much
			for b.Loop() {
				begin, cpu := time.Now(), cpuTime(b)
				bytes := drain(b, mustOpen(b, j), transfer.BatchLimit{Rows: 8000, Bytes: 16 << 20})
				best = max(best, float64(bytes)/1e6/time.Since(begin).Seconds())
				bestCPU = max(bestCPU, float64(bytes)/1e6/(cpuTime(b)-cpu).Seconds())
			}
			b.ReportMetric(best, "best-MB/s")
			b.ReportMetric(bestCPU, "best-MB/CPU-s")
		})
	}
}

// cpuTime is what this process has used, all threads of it.
func cpuTime(tb testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// drain reads everything, and returns how many bytes of vectors and keys there were.
func drain(tb testing.TB, source transfer.Source, limit transfer.BatchLimit) (bytes int64) {
	tb.Helper()
	ctx := context.Background()
	ranges, err := source.Plan(ctx, 1<<40, func(string) {})
	if err != nil {
		tb.Fatal(err)
	}
	for _, r := range ranges {
		reader, err := source.Open(ctx, r, rows.Cursor{}, limit)
		if err != nil {
			tb.Fatal(err)
		}
		held := make([]*rows.Batch, 8) // as writers do, and the other program
		for i := 0; ; i++ {
			batch, err := reader.Next(ctx)
			if err == io.EOF {
				break
			}
			if err != nil {
				tb.Fatal(err)
			}
			held[i%len(held)] = batch
			for _, f := range batch.Fields {
				bytes += int64(4*len(f.GetVectors().GetFloatVector().GetData()) + 8*len(f.GetScalars().GetLongData().GetData()))
			}
		}
		if err := reader.Close(); err != nil {
			tb.Fatal(err)
		}
	}
	return bytes
}

// BenchmarkWrite writes what testdata/bench_h5py.py writes by h5py, and compares:
//
//	python testdata/bench_h5py.py compare DIR; HDF5_BENCH_DIR=DIR go test -bench Write
func BenchmarkWrite(b *testing.B) {
	dir := os.Getenv("HDF5_BENCH_DIR")
	if dir == "" {
		b.Skip("HDF5_BENCH_DIR names no directory of files")
	}
	const total, dim, batch = 500_000, 128, 8_000
	random := rand.New(rand.NewPCG(1, 1))
	var batches [4]*rows.Batch
	for i := range batches {
		v, k := make([]float32, batch*dim), make([]int64, batch)
		for i := range v {
			v[i] = float32(math.Round(random.NormFloat64()*100) / 100)
		}
		for j := range k {
			k[j] = int64(i*batch + j)
		}
		batches[i] = &rows.Batch{Rows: batch, Fields: []*schemapb.FieldData{rows.Int64Column("id", k), rows.FloatVectorColumn("v", dim, v)}}
	}
	d := &transfer.Description{Schema: rows.Schema{CollectionSchema: &schemapb.CollectionSchema{
		Fields: []*schemapb.FieldSchema{rows.KeyField("id"), rows.VectorField("v", schemapb.DataType_FloatVector, dim)}}}}
	for name, o := range map[string]WriteOptions{"plain": {}, "gzip": {Compression: "gzip", Shuffle: true}} {
		b.Run(name, func(b *testing.B) {
			path := filepath.Join(dir, "written.h5")
			var best, bestCPU float64
			for b.Loop() {
				begin, cpu := time.Now(), cpuTime(b)
				w, err := CreatePart(path, d, o)
				for i := 0; err == nil && w.Rows() < total; i++ {
					err = w.Append(b.Context(), batches[i%len(batches)])
				}
				if err == nil {
					err = w.Close()
				}
				if err != nil {
					b.Fatal(err)
				}
				bytes := float64(w.Bytes()) / 1e6
				best, bestCPU = max(best, bytes/time.Since(begin).Seconds()), max(bestCPU, bytes/(cpuTime(b)-cpu).Seconds())
				if err := os.Remove(path); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(best, "best-MB/s")
			b.ReportMetric(bestCPU, "best-MB/CPU-s")
		})
	}
}
