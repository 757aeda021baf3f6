package hdf5

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"milvusdm/internal/job"
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
		reader, err := source.Open(ctx, r, transfer.Cursor{}, limit)
		if err != nil {
			tb.Fatal(err)
		}
		held := make([]*transfer.Batch, 8) // as writers do, and the other program
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
