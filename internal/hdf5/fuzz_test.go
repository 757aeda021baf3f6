package hdf5

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"milvusdm/internal/fault"
)

// fuzzed are small files of each layout and storage.
var fuzzed = []string{
	"milvusdm-short-ids.h5", "milvusdm-strings.h5", "milvusdm-filters.h5", "milvusdm-latest.h5", "ann-hamming.h5", "group-no-key.h5",
	"compound-strings.h5", "compound-gzip.h5", "pandas.h5", "found-matlab.mat", "found-netcdf.nc", "found-objects-rows.h5",
	"found-objects-groups.h5", "found-interrupted.h5", "found-names.h5", "found-text-lines.h5", "found-cycle-beside.h5",
}

// FuzzRead changes bytes of files. What is an end of the library itself has to be seen by the child process.
func FuzzRead(f *testing.F) {
	guard.on = true
	defer func() { guard.on = false }()
	for i := range fuzzed {
		for seed := range uint64(8) {
			f.Add(i, seed, uint8(seed))
		}
	}
	f.Fuzz(func(t *testing.T, file int, seed uint64, changes uint8) {
		name := fuzzed[uint(file)%uint(len(fuzzed))]
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		random := rand.New(rand.NewPCG(seed, 0))
		for range changes % 8 {
			b[random.IntN(len(b))] = byte(random.Uint32())
		}
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readFile(t, path); fault.KindOf(err) == fault.Internal && err != nil {
			t.Errorf("%s: an error of no kind: %v", name, err)
		}
		if n := onThread(openObjects); n != 0 {
			t.Fatalf("%d objects are left open", n)
		}
	})
}

// FuzzHeap reads values of whatever global heap.
func FuzzHeap(f *testing.F) {
	whole, err := os.ReadFile("testdata/compound-strings.h5")
	if err != nil {
		f.Fatal(err)
	}
	at := bytes.Index(whole, []byte("GCOL"))
	f.Add(whole[at:at+4096], []byte("\x05\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00"))
	short := append([]byte("GCOL\x01\x00\x00\x00"), binary.LittleEndian.AppendUint64(nil, 40)...)
	f.Add(append(short, "\x01\x00\x01\x00\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff........"...), make([]byte, referenceSize))
	f.Fuzz(func(t *testing.T, file, ref []byte) {
		if len(ref) < referenceSize {
			return
		}
		h := &heap{file: bytes.NewReader(file), size: int64(len(file))}
		r := parseReference(ref)
		if s, err := h.text(r); err == nil && len(s) > int(r.length) {
			t.Errorf("%d bytes of %d", len(s), r.length)
		}
	})
}
