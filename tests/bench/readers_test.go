package bench

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"milvusdm/internal/faiss"
	"milvusdm/internal/hdf5"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// readerRows is the size of the batches that are read, the job's default.
const readerRows = 8000

// open opens a file's source.
func open(ctx context.Context, path string) (transfer.Source, error) {
	files := job.Files{Paths: []string{path}}
	if filepath.Ext(path) == ".h5" {
		return hdf5.Open(ctx, &job.HDF5Source{Files: files, Layout: job.LayoutAuto, KeyField: keyField, VectorField: vectorField})
	}
	return faiss.Open(ctx, &job.FaissSource{Files: files, KeyField: keyField, VectorField: vectorField}, nil)
}

// read reads a file from beginning to end in batches of n rows, at most most rows, and returns how long it took.
func read(b *testing.B, path string, n, most int) time.Duration {
	b.Helper()
	start := time.Now()
	src, err := open(b.Context(), path)
	if err != nil {
		b.Fatal(err)
	}
	defer src.Close()
	d, err := src.Describe(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	all := rows.Range{From: rows.Row(0), To: rows.Row(d.Rows), Rows: d.Rows}
	r, err := src.Open(b.Context(), all, rows.Cursor{}, transfer.BatchLimit{Rows: n, Bytes: 48 << 20})
	if err != nil {
		b.Fatal(err)
	}
	read := 0
	for read < most && err == nil {
		var batch *rows.Batch
		if batch, err = r.Next(b.Context()); err == nil {
			read += batch.Rows
			batch.Recycle() // as the copy does
		}
	}
	took := time.Since(start)
	if err != nil && !errors.Is(err, io.EOF) || read < most {
		b.Fatalf("%s: %d of %d rows were read: %v", path, read, most, err)
	}
	if err := r.Close(); err != nil {
		b.Fatal(err)
	}
	return took
}

// BenchmarkReaders measures the readers alone, from the page cache: Faiss against the clock, HDF5 against h5py.
func BenchmarkReaders(b *testing.B) {
	data := shape{setting(b, "ROWS", 1_000_000), 128}
	rounds := setting(b, "ROUNDS", 3)
	readFaiss(b, data, rounds)
	readHDF5(b, data, rounds)
}

func readFaiss(b *testing.B, data shape, rounds int) {
	table := [][]string{{"", "GB/s", "of 2 GB/s", "first row"}}
	for _, f := range []format{{"Flat", ".flat.faiss", writeFlat}, {"IDMap over Flat", ".faiss", writeIDMap}} {
		path := f.file(b, data)
		read(b, path, readerRows, data.Rows) // into the page cache
		var all, first []time.Duration
		for range rounds {
			all = append(all, read(b, path, readerRows, data.Rows))
			for range 5 {
				first = append(first, read(b, path, 1, 1))
			}
		}
		speed := data.bytes() / 1e9 / median(all).Seconds()
		table = append(table, []string{f.name, fmt.Sprintf("%.2f", speed), fmt.Sprintf("%.2f", speed/2), fmt.Sprintf("%.2f ms", median(first).Seconds()*1e3)})
		result(b, "faiss/"+strings.ReplaceAll(f.name, " ", "_"), median(all), speed, "GB/s", float64(median(first).Microseconds()), "first-row-µs")
	}
	show(fmt.Sprintf("Faiss reader alone, %v, medians of %d", data, rounds), table,
		fmt.Sprintf("From the opening of the file to its last row, in batches of %s rows. First row: from the opening to a batch of one row.", thousands(readerRows)),
		"Targets: 2 GB/s, 1 ms.")
}

func readHDF5(b *testing.B, data shape, rounds int) {
	h := newH5py(b)
	plain := formats[0].file(b, data)
	table := [][]string{{"", "MB/s", "h5py, 8,000 rows", "h5py, 128,000 rows", "of the better h5py"}}
	for _, layout := range []struct{ name, suffix, make string }{
		{"contiguous", ".h5", ""},
		{"chunks of 1,024 rows, gzip 4, shuffle", ".gzip-rows.h5", "1024"},
		{"h5py's own chunks, gzip 4, shuffle", ".gzip-auto.h5", "auto"},
	} {
		path := plain
		if layout.make != "" {
			path = format{layout.name, layout.suffix, func(path string, _ shape) error {
				return h.run(b.Context(), nil, "compress", plain, path, layout.make)
			}}.file(b, data)
		}
		h.read(b, path, readerRows)
		var own, small, large []time.Duration
		for range rounds {
			own = append(own, read(b, path, readerRows, data.Rows))
			small = append(small, h.read(b, path, readerRows))
			large = append(large, h.read(b, path, 16*readerRows))
		}
		speed := func(v []time.Duration) float64 { return data.bytes() / 1e6 / median(v).Seconds() }
		ratio := speed(own) / max(speed(small), speed(large))
		table = append(table, []string{layout.name, fmt.Sprintf("%.0f", speed(own)), fmt.Sprintf("%.0f", speed(small)),
			fmt.Sprintf("%.0f", speed(large)), fmt.Sprintf("%.2f", ratio)})
		result(b, "hdf5/"+strings.TrimSuffix(strings.TrimPrefix(layout.suffix, "."), ".h5"), median(own), speed(own), "MB/s", ratio, "of-h5py")
	}
	show(fmt.Sprintf("HDF5 reader alone, %v, medians of %d", data, rounds), table,
		fmt.Sprintf("embeddings and ids, from the opening of the file, from the page cache, in batches of %s rows; h5py %s also in larger slices.", thousands(readerRows), h5pyVersion),
		"Target: 0.8 of the better h5py.")
}

// h5py is the folder in the cache where h5py is installed.
type h5py struct{ dir string }

const (
	h5pyVersion  = "3.14.0"
	numpyVersion = "2.2.6"
)

//go:embed h5py_read.py
var h5pyScript string

func newH5py(b *testing.B) h5py {
	b.Helper()
	h := h5py{filepath.Join(cacheDir(b), "h5py-"+h5pyVersion)}
	if _, err := os.Stat(h.dir); err == nil {
		return h
	}
	say("installing h5py %s into %s (about 20 s, once)", h5pyVersion, h.dir)
	temp := h.dir + ".tmp"
	out, err := exec.CommandContext(b.Context(), "python3", "-m", "pip", "install", "--quiet", "--only-binary", ":all:", "--upgrade",
		"--target", temp, "h5py=="+h5pyVersion, "numpy=="+numpyVersion).CombinedOutput()
	if err == nil {
		err = os.Rename(temp, h.dir)
	}
	if err != nil {
		b.Fatalf("install h5py: %v\n%s", err, out)
	}
	return h
}

func (h h5py) run(ctx context.Context, out io.Writer, args ...string) error {
	cmd := exec.CommandContext(ctx, "python3", append([]string{"-c", h5pyScript}, args...)...)
	cmd.Env = append(os.Environ(), "PYTHONPATH="+h.dir)
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	return cmd.Run()
}

// read has h5py read a file in slices of n rows and returns how long it took, by Python's own clock.
func (h h5py) read(b *testing.B, path string, n int) time.Duration {
	b.Helper()
	var out strings.Builder
	if err := h.run(b.Context(), &out, "read", path, strconv.Itoa(n)); err != nil {
		b.Fatalf("h5py: %v", err)
	}
	took, err := strconv.ParseFloat(strings.TrimSpace(out.String()), 64)
	if err != nil {
		b.Fatalf("h5py: %v", err)
	}
	return time.Duration(took * 1e9)
}
