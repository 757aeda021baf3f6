package export

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"milvusdm/internal/fault"
)

func sealed(t *testing.T) []byte {
	t.Helper()
	return must(os.ReadFile(filepath.Join(export(t, t.TempDir(), head("r1", "s1")), manifestName)))(t)
}

func TestEveryEditOfAManifestIsFound(t *testing.T) {
	data := sealed(t)
	must(parseManifest(data))(t)
	for i := range data {
		edited := bytes.Clone(data)
		edited[i] ^= 1
		if _, err := parseManifest(edited); err == nil {
			t.Fatalf("takes it with byte %d changed: %s", i, edited[max(0, i-40):min(i+40, len(data))])
		}
		if _, err := parseManifest(data[:i]); err == nil {
			t.Fatalf("takes its first %d bytes", i)
		}
	}
	for _, edited := range [][]byte{append(bytes.Clone(data), '\n'), append([]byte{' '}, data...),
		bytes.Replace(data, []byte(`"rows": "14"`), []byte(`"rows": "15"`), 1)} {
		_, err := parseManifest(edited)
		refused(t, err, fault.Corrupt, "edited")
	}
}

func TestManifestOfANewerProgram(t *testing.T) {
	data := bytes.Replace(sealed(t), []byte(`"format": 1`), []byte(`"format": 2`), 1)
	_, err := parseManifest(data)
	refused(t, err, fault.Unsupported, "form 2", "newer")
}

// A seal shows edits, and is no signature: what a manifest names is checked all the same.
func TestHostileManifests(t *testing.T) {
	good := must(parseManifest(sealed(t)))(t)
	for name, spoil := range map[string]func(*Manifest){
		"path outside":       func(m *Manifest) { m.Collections[0].Parts[0].Path = "../../etc/passwd" },
		"absolute path":      func(m *Manifest) { m.Collections[0].Parts[0].Path = "/etc/passwd" },
		"path of another":    func(m *Manifest) { m.Collections[0].Parts[0].Path = "articles/fr.00001.h5" },
		"part twice":         func(m *Manifest) { m.Collections[0].Parts[1] = m.Collections[0].Parts[2] },
		"collection twice":   func(m *Manifest) { m.Collections = append(m.Collections, m.Collections[0]) },
		"no collection name": func(m *Manifest) { m.Collections[0].Name = "" },
		"run outside":        func(m *Manifest) { m.Run = "../r1" },
		"rows below zero":    func(m *Manifest) { m.Collections[0].Parts[0].Rows, m.Collections[0].Parts[0].Sum.Rows = -1, -1 },
		"sum of other rows":  func(m *Manifest) { m.Collections[0].Parts[0].Sum.Rows++ },
		"no bytes":           func(m *Manifest) { m.Collections[0].Parts[0].Bytes = 0 },
		"overflow": func(m *Manifest) {
			for i := range m.Collections[0].Parts {
				m.Collections[0].Parts[i].Bytes = 1 << 62
			}
		},
		"checksum":    func(m *Manifest) { m.Collections[0].Parts[0].SHA256 = strings.Repeat("G", 64) },
		"part number": func(m *Manifest) { m.Collections[0].Parts[0].Number = -1 },
	} {
		t.Run(name, func(t *testing.T) {
			bad := *good
			bad.Collections = []Collection{good.Collections[0]}
			bad.Collections[0].Parts = append([]Part(nil), good.Collections[0].Parts...)
			spoil(&bad)
			_, err := bad.encode()
			refused(t, err, fault.Corrupt)
		})
	}
}

func FuzzManifest(f *testing.F) {
	m := head("r1", "s1")
	m.Collections = []Collection{{Name: "c", Parts: []Part{{Path: "c/None.h5", Rows: 3, Bytes: 7, SHA256: strings.Repeat("a", 64), Sum: sumOf("abc")}}}}
	data, err := m.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data[:len(data)-sealWhole])
	f.Add([]byte(`{"format":1,"run":"r",`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if m, err := parseManifest(body); err == nil {
			t.Fatalf("takes %+v without a seal of its own", m)
		}
		// sealed, so that what is behind the seal is reached
		data := append(bytes.Clone(body), sealHead+string(noSeal)+sealTail...)
		seal(data)
		m, err := parseManifest(data)
		if err != nil {
			return
		}
		again, err := m.encode()
		if err != nil {
			t.Fatal(err)
		}
		n, err := parseManifest(again)
		if err != nil {
			t.Fatal(err)
		}
		n.Seal, n.Format = m.Seal, m.Format
		if diff := cmp.Diff(m, n); diff != "" {
			t.Fatal(diff)
		}
		if m.Rows() < 0 || m.Bytes() < 0 {
			t.Fatalf("%d rows, %d bytes", m.Rows(), m.Bytes())
		}
		for _, c := range m.Collections {
			for _, p := range c.Parts {
				if !filepath.IsLocal(p.Path) {
					t.Fatalf("path %q", p.Path)
				}
			}
		}
	})
}
