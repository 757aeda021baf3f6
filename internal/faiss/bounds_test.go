package faiss

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"milvusdm/internal/fault"
)

// header is what a float index begins with.
func header(code string, dim int32, rows int64) []byte {
	b := binary.LittleEndian.AppendUint32([]byte(code), uint32(dim))
	b = binary.LittleEndian.AppendUint64(b, uint64(rows))
	b = append(b, make([]byte, 16)...)
	return binary.LittleEndian.AppendUint32(append(b, 1), 1) // is_trained, L2
}

// However indexes are nested, reading ends at a limit: maps, transforms, quantizers in quantizers, refined bases.
func TestNestingLimit(t *testing.T) {
	const many = 1000
	ivf := append(header("IwFl", 16, 0), make([]byte, 16)...) // lists, nprobe; the quantizer follows
	for name, one := range map[string][]byte{
		"IDMap": header("IxMp", 16, 0), "PreTransform": append(header("IxPT", 16, 0), 0, 0, 0, 0), "quantizers": ivf,
		"Refine": header("IxRF", 16, 0), "2Layer": header("Ix2L", 16, 0), "RowwiseMinMax": header("IRMf", 16, 0),
	} {
		deep := bytes.Repeat(one, many)
		_, err := parse(bytes.NewReader(deep), "deep.faiss", int64(len(deep)))
		if fault.KindOf(err) != fault.Corrupt || !strings.Contains(err.Error(), "nested") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Counts from the file are never taken for more than the file could hold.
func TestHugeCounts(t *testing.T) {
	for _, name := range []string{"panorama-l2", "ivf-panorama", "nsgflat", "behind-ivf-fastscan", "behind-prq",
		"binary-multi-hash", "idmap2-panorama"} {
		whole, err := os.ReadFile("testdata/" + name + ".faiss")
		if err != nil {
			t.Fatal(err)
		}
		for at := 4; at+8 <= min(len(whole), 700); at++ {
			for _, count := range []uint64{1<<63 - 1, 1 << 62, 1 << 40, 1<<64 - 1} {
				bent := bytes.Clone(whole)
				binary.LittleEndian.PutUint64(bent[at:], count)
				x, err := parse(bytes.NewReader(bent), "bent.faiss", int64(len(bent)))
				if err == nil && x.Rows > int64(len(bent)) {
					t.Fatalf("%s bent at %d: %d rows", name, at, x.Rows)
				}
			}
		}
	}
}

// places are a table's ids.
type places []int64

func (p places) vectors(int64, []byte) error { return nil }
func (p places) ids(first int64, dst []int64) error {
	copy(dst, p[first:])
	return nil
}

// The places of an id map are checked in bounded memory, however many there are.
func TestCheckPlacesByParts(t *testing.T) {
	defer func(n int64) { placesAtOnce = n }(placesAtOnce)
	const n = 200_000
	rng := rand.New(rand.NewPCG(5, 6))
	good := places{}
	for _, p := range rng.Perm(n) {
		good = append(good, int64(p))
	}
	check := func(p places) error {
		m := &mapped{table: p, input: &input{name: "x.faiss"}, rows: n, sparse: true}
		return m.check(t.Context(), func(string) {})
	}
	for _, placesAtOnce = range []int64{4099, n - 1, n, 1 << 28} {
		if err := check(good); err != nil {
			t.Error(err)
		}
		for _, bad := range []int64{-1, n, good[7]} {
			p := append(places{}, good...)
			p[n-1] = bad
			if err := check(p); fault.KindOf(err) != fault.Corrupt || !strings.Contains(err.Error(), "row 199999") {
				t.Errorf("place %d, %d at once: %v", bad, placesAtOnce, err)
			}
		}
	}
}
