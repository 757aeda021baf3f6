package hdf5

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"gonum.org/v1/hdf5"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

var wide = transfer.BatchLimit{Rows: 1000, Bytes: 16 << 20}

func sourceOf(paths ...string) *job.HDF5Source {
	return &job.HDF5Source{Files: job.Files{Paths: paths}}
}

// readFile opens and reads all that there is.
func readFile(t testing.TB, paths ...string) (map[string]values, error) {
	source, err := Open(context.Background(), sourceOf(paths...))
	if err != nil {
		return nil, err
	}
	defer source.Close()
	return readAll(t, source, wide, 1000)
}

func TestFilesOfMilvusDM(t *testing.T) {
	for name, want := range map[string]struct {
		rows int64
		dim  string
	}{"pymilvusdm-float_example.h5": {5000, "100"}, "pymilvusdm-byte_example.h5": {5, "512"}} {
		path := filepath.Join("..", "..", "examples", "data", name)
		source := mustOpen(t, sourceOf(path))
		d, err := source.Describe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if dim := rows.TypeParam(d.Schema.Field("embedding"), "dim"); d.Rows != want.rows || dim != want.dim || d.GeneratedKeys {
			t.Errorf("%s: %d rows of dimension %s", name, d.Rows, dim)
		}
		if _, err := readAll(t, source, wide, 900); err != nil {
			t.Error(err)
		}
	}
}

func TestDirectory(t *testing.T) {
	dir := t.TempDir()
	for name, from := range map[string]string{
		"b.H5": "milvusdm-no-ids-2.h5", "a.hdf5": "milvusdm-no-ids.h5", "notes.txt": "manifest.json", ".hidden.h5": "manifest.json", "below/c.h5": "manifest.json",
	} {
		copyFile(t, filepath.Join("testdata", from), filepath.Join(dir, name))
	}
	source := mustOpen(t, sourceOf(dir))
	d, err := source.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []transfer.Input{{Path: filepath.Join(dir, "a.hdf5"), Rows: 50, Bytes: d.Inputs[0].Bytes}, {Path: filepath.Join(dir, "b.H5"), Rows: 13, Bytes: d.Inputs[1].Bytes}}
	if !reflect.DeepEqual(d.Inputs, want) || d.Rows != 63 {
		t.Errorf("%d rows of %+v", d.Rows, d.Inputs)
	}
	if place := source.(transfer.KeyScanner).Place(52); place != filepath.Join(dir, "b.H5")+": row 2 of /embeddings" {
		t.Error(place)
	}
}

func TestUnreadableFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	noFiles := filepath.Join(dir, "none")
	if err := os.Mkdir(noFiles, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path, contains string
		kind           fault.Kind
	}{
		{filepath.Join(dir, "absent.h5"), "absent.h5", fault.NotFound},
		{noFiles, "holds no HDF5 files", fault.NotFound},
		{write("empty.h5", ""), "is empty", fault.Corrupt},
		{write("array.h5", "\x93NUMPY\x01\x00"), "NumPy array", fault.Unsupported},
		{write("index.h5", "IxF2........"), "Faiss index", fault.Unsupported},
		{write("pointer.h5", "version https://git-lfs.github.com/spec/v1\n"), "Git LFS", fault.Unsupported},
		{write("zeros.h5", strings.Repeat("\x00", 5000)), "zeros", fault.Corrupt},
		{write("text.h5", "hello"), `"hello"`, fault.Unsupported},
		{write("begins.h5", signature), "can't be opened", fault.Corrupt},
	} {
		_, err := Open(t.Context(), sourceOf(c.path))
		if fault.KindOf(err) != c.kind || !strings.Contains(fmt.Sprint(err), c.contains) || !strings.Contains(fmt.Sprint(err), dir) {
			t.Errorf("%s: %v: %v", filepath.Base(c.path), fault.KindOf(err), err)
		}
	}
	if os.Geteuid() == 0 {
		return // whom nothing is denied
	}
	path := write("locked.h5", signature)
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), sourceOf(path)); fault.KindOf(err) != fault.Denied {
		t.Error(err)
	}
}

// TestTruncated cuts files at every byte: they must be refused, or give what the whole file gives.
func TestTruncated(t *testing.T) {
	for _, name := range []string{"milvusdm-strings.h5", "milvusdm-filters.h5", "milvusdm-latest.h5", "compound-strings.h5"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whole, err := os.ReadFile(filepath.Join("testdata", name))
			if err != nil {
				t.Fatal(err)
			}
			want, _ := readFile(t, filepath.Join("testdata", name)) // may be wrong otherwise
			path := filepath.Join(t.TempDir(), name)
			copyFile(t, filepath.Join("testdata", name), path)
			for n := len(whole) - 1; n >= 0; n-- {
				if err := os.Truncate(path, int64(n)); err != nil {
					t.Fatal(err)
				}
				got, err := readFile(t, path)
				switch {
				case err == nil && !reflect.DeepEqual(got, want):
					t.Fatalf("cut at byte %d of %d it reads as something else", n, len(whole))
				case err != nil && (fault.KindOf(err) != fault.Corrupt || !strings.Contains(err.Error(), path)):
					t.Fatalf("cut at byte %d of %d: %v: %v", n, len(whole), fault.KindOf(err), err)
				}
			}
		})
	}
}

func TestResume(t *testing.T) {
	source := mustOpen(t, sourceOf("testdata/milvusdm-no-ids.h5", "testdata/milvusdm-no-ids-2.h5"))
	ranges, err := source.Plan(t.Context(), 30, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	whole, err := readAll(t, source, wide, 30)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range ranges {
		for at := r.From.Int; at <= r.To.Int; at++ {
			reader, err := source.Open(t.Context(), r, rows.Row(at), transfer.BatchLimit{Rows: 4, Bytes: 1 << 20})
			if err != nil {
				t.Fatal(err)
			}
			var got values
			for {
				batch, err := reader.Next(t.Context())
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				appendValues(t, &got, batch.Field("embedding"))
			}
			if want := whole["embedding"].data[at*64 : r.To.Int*64]; string(got.data) != string(want) {
				t.Fatalf("range %+v from row %d: %d bytes, want %d", r, at, len(got.data), len(want))
			}
			if err := reader.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	if _, err := source.Open(t.Context(), ranges[0], rows.Row(64), wide); err == nil {
		t.Error("a cursor behind the end is taken")
	}
}

func TestScanKeys(t *testing.T) {
	for _, c := range loadManifest(t) {
		if c.Error != nil {
			continue
		}
		source := mustOpen(t, &c.Job)
		var got []int64
		err := source.(transfer.KeyScanner).ScanKeys(t.Context(), func(first int64, keys []int64) error {
			if first != int64(len(got))+c.Job.Rows.First {
				return fmt.Errorf("first %d behind %d keys", first, len(got))
			}
			got = append(got, keys...)
			return nil
		})
		want := c.Fields[c.Key]
		equal := string(rawBytes(got)) == string(want.Data)
		if want.Strings != nil { // whose hashes are scanned
			equal = len(got) == len(want.Strings)
		}
		if err != nil || !equal {
			t.Errorf("%s: %d keys, %v", c.Name, len(got), err)
		}
		stop := errors.New("stop")
		if err := source.(transfer.KeyScanner).ScanKeys(t.Context(), func(int64, []int64) error { return stop }); !errors.Is(err, stop) {
			t.Errorf("%s: %v", c.Name, err)
		}
	}
}

func TestChangedWhileRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.h5")
	copyFile(t, "testdata/milvusdm-float32.h5", path)
	source := mustOpen(t, sourceOf(path))
	before, err := source.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ranges, err := source.Plan(t.Context(), 100, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	reader, err := source.Open(t.Context(), ranges[0], rows.Cursor{}, transfer.BatchLimit{Rows: 49, Bytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if _, err := reader.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, time.Time{}, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := reader.Next(t.Context()); fault.KindOf(err) != fault.SourceChanged {
		t.Errorf("a changed file is read: %v", err)
	}
	after, err := mustOpen(t, sourceOf(path)).Describe(t.Context())
	if err != nil || after.Identity == before.Identity {
		t.Errorf("the identity stays, %s (%v)", after.Identity, err)
	}
}

func TestSeveralReaders(t *testing.T) {
	path := "testdata/group-gzip.h5"
	want, err := readFile(t, path)
	if err != nil {
		t.Fatal(err)
	}
	source := mustOpen(t, sourceOf(path))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			got, err := readAll(t, source, transfer.BatchLimit{Rows: 3, Bytes: 1 << 20}, 11)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("read at the same time it differs: %v", err)
			}
		})
	}
	wg.Wait()
}

func TestCancelled(t *testing.T) {
	source := mustOpen(t, sourceOf("testdata/milvusdm-float32.h5"))
	ranges, err := source.Plan(t.Context(), 100, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	reader, err := source.Open(t.Context(), ranges[0], rows.Cursor{}, wide)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	block, blocked := make(chan struct{}), make(chan struct{})
	go func() {
		if err := do(context.Background(), func() error { close(blocked); <-block; return nil }); err != nil {
			t.Error(err)
		}
	}()
	<-blocked
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := reader.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it waits on: %v", err)
	}
	close(block)
	if _, err := reader.Next(t.Context()); err != nil {
		t.Errorf("after that it does not read: %v", err)
	}
}

func TestPanicReachesCaller(t *testing.T) {
	defer func() {
		if p := recover(); p != "lost" {
			t.Errorf("panic %v", p)
		}
	}()
	t.Errorf("it returned %v", do(t.Context(), func() error { panic("lost") }))
}

// TestMemoryIsBounded reads a file far larger than a batch, in batches and in chunks larger than a batch.
func TestMemoryIsBounded(t *testing.T) {
	dir := os.Getenv("HDF5_BENCH_DIR")
	if dir == "" {
		t.Skip("HDF5_BENCH_DIR names no directory of files")
	}
	for _, name := range []string{"contiguous.h5", "gzip.h5"} {
		var peak uint64
		source := mustOpen(t, sourceOf(filepath.Join(dir, name)))
		stop := make(chan struct{})
		go func() {
			drain(t, source, transfer.BatchLimit{Rows: 200, Bytes: 1 << 20})
			close(stop)
		}()
		for running := true; running; {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapInuse)
			select {
			case <-stop:
				running = false
			case <-time.After(20 * time.Millisecond):
			}
		}
		t.Logf("%s: %d MiB", name, peak>>20)
		if peak > 64<<20 {
			t.Errorf("%s: the heap takes %d MiB", name, peak>>20)
		}
	}
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(to), 0o700)
	}
	if err == nil {
		err = os.WriteFile(to, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestManyObjects: what a file of one dataset per vector takes grows with their number, and no faster.
func TestManyObjects(t *testing.T) {
	const n, width = 6000, 8
	path := filepath.Join(t.TempDir(), "many.h5")
	err := do(t.Context(), func() error {
		f, err := hdf5.CreateFile(path, hdf5.F_ACC_TRUNC)
		if err != nil {
			return err
		}
		space, err := hdf5.CreateSimpleDataspace([]uint{width}, nil)
		if err != nil {
			return err
		}
		defer space.Close()
		for i := range n {
			d, err := f.CreateDataset(fmt.Sprintf("P%05d", i), hdf5.T_NATIVE_FLOAT, space)
			if err != nil {
				return err
			}
			row := [width]float32{0: float32(i)}
			if err := errors.Join(d.Write(&row), d.Close()); err != nil {
				return err
			}
		}
		return f.Close()
	})
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	got, err := readAll(t, mustOpen(t, sourceOf(path)), transfer.BatchLimit{Rows: 1000, Bytes: 1 << 20}, 100_000)
	if err != nil {
		t.Fatal(err)
	}
	if keys := got["id"].strings; len(keys) != n || keys[n-1] != fmt.Sprintf("P%05d", n-1) || len(got["embedding"].data) != 4*n*width {
		t.Errorf("%d keys, %d bytes", len(keys), len(got["embedding"].data))
	}
	if took := time.Since(begun); took > 30*time.Second {
		t.Errorf("%d objects took %v", n, took)
	}
}
