package faiss

import (
	"bytes"
	"os"
	"testing"

	"milvusdm/internal/fault"
)

// Whatever is in a file, it is either read or refused: no panic, no memory beyond what the file could hold.
func FuzzParse(f *testing.F) {
	for _, x := range append(fixtures(f, "go"), fixtures(f, "faiss")...) {
		b, err := os.ReadFile(x.path())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	for _, x := range closedFixtures(f) {
		b, err := os.ReadFile(x.path())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(withFooter(b))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := parse(bytes.NewReader(b), "fuzz.faiss", int64(len(b)))
		if err != nil {
			if k := fault.KindOf(err); k != fault.Corrupt && k != fault.Unsupported {
				t.Fatalf("%s: %v", k, err)
			}
			return
		}
		if x.Rows > int64(len(b))*8 {
			t.Fatalf("%d rows in %d bytes", x.Rows, len(b))
		}
		for row := int64(0); row < x.Rows; row += max(x.Rows/8, 1) {
			n := min(3, x.Rows-row)
			if _, err := readVectors(x, row, n); err != nil && fault.KindOf(err) != fault.Corrupt {
				t.Fatal(err)
			}
			if err := x.ReadIDs(row, make([]int64, n)); err != nil && fault.KindOf(err) != fault.Corrupt {
				t.Fatal(err)
			}
		}
	})
}
