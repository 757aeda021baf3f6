package faiss

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
)

// exactKinds are those of closed fixtures that keep vectors as they were.
var exactKinds = map[string]bool{"IVFFlatDedup": true, "IVFIndependentQuantizer": true, "IVFFlatPanorama": true}

// Kinds whose rows are not read are called by Faiss's name; since their structure is read, a cut file is called
// damaged and nothing else.
func TestClosedKinds(t *testing.T) {
	for _, f := range closedFixtures(t) {
		t.Run(f.Name, func(t *testing.T) {
			whole, err := os.ReadFile(f.path())
			if err != nil {
				t.Fatal(err)
			}
			_, err = parse(bytes.NewReader(whole), f.path(), int64(len(whole)))
			var u *unreadError
			if !errors.As(err, &u) || fault.KindOf(err) != fault.Unsupported || !strings.Contains(err.Error(), f.Kind) {
				t.Fatalf("%s: %s %v", f.Kind, fault.KindOf(err), err)
			}
			if u.info.Rows != f.Rows || u.info.Kind != f.Kind || (u.info.Lossy == "") != exactKinds[f.Kind] {
				t.Errorf("%+v", u.info)
			}
			for n := range whole {
				if _, err := parse(bytes.NewReader(whole[:n]), "cut.faiss",
					int64(n)); fault.KindOf(err) != fault.Corrupt {
					t.Fatalf("cut to %d of %d bytes: %s %v", n, len(whole), fault.KindOf(err), err)
				}
			}
		})
	}
}

// Whatever Faiss 1.15.1 can write has a name here; what it can't is not said to be damaged.
func TestEveryKindHasAName(t *testing.T) {
	for code, k := range kinds {
		if k.name == "" || len(code) != 4 {
			t.Errorf("%q has no name", code)
		}
	}
	header := "\x10\x00\x00\x00" + strings.Repeat("\x00", 64)
	for code, says := range map[string]string{
		"Iwrf": `IVFRaBitQFastScan ("Iwrf", since Faiss 1.13.0)`, "ISVD": `SVSVamana ("ISVD", since Faiss 1.13.0)`,
		"ISVF": `SVSFlat ("ISVF", since Faiss 1.13.0)`,
		"IvFl": "IVFFlat of Faiss before 1.5", "IBHh": `BinaryHash ("IBHh")`, "IxZZ": "a newer Faiss, or it is damaged",
	} {
		_, err := parse(strings.NewReader(code+header), "x.faiss", int64(4+len(header)))
		if fault.KindOf(err) != fault.Unsupported || !strings.Contains(err.Error(), says) ||
			!strings.HasPrefix(err.Error(), "x.faiss: ") {
			t.Errorf("%s: %s %v", code, fault.KindOf(err), err)
		}
	}
	// a quantizer that can't be passed over is named as that
	ivf, err := os.ReadFile("testdata/ivfflat-custom.faiss")
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(ivf, []byte("IxF2"))
	copy(ivf[at:], "ISVD")
	_, err = parse(bytes.NewReader(ivf), "x.faiss", int64(len(ivf)))
	if fault.KindOf(err) != fault.Unsupported || !strings.Contains(err.Error(),
		`the coarse quantizer of IVFFlat is SVSVamana ("ISVD"`) {
		t.Errorf("%s %v", fault.KindOf(err), err)
	}
}

func TestVersions(t *testing.T) {
	for _, c := range []struct {
		a, b  string
		newer bool
	}{{"1.11.0", "1.7.3", true}, {"1.7.3", "1.7.3", false}, {"", "1.7.3", false}, {"1.7.4", "1.7.3", true}, {"1.7.3",
		"1.10.0", false}} {
		if newer(c.a, c.b) != c.newer {
			t.Errorf("%q newer than %q: %v", c.a, c.b, !c.newer)
		}
	}
}

// A kind that the linked Faiss is too old for is not given to it.
func TestKindTooNewForHelper(t *testing.T) {
	for name, says := range map[string]string{
		"closed-rabitq":      `RaBitQ ("Ixrq", since Faiss 1.11.0)`,
		"closed-rabitq-bits": `RaBitQ ("Ixrr", since Faiss 1.13.1)`,
		"closed-ivf-eden":    `IVFEDEN ("IwEe", since Faiss 1.15.0)`,
	} {
		_, err := Open(t.Context(), files("testdata/"+name+".faiss"), &fakeHelper{fail: errors.New("asked")})
		if fault.KindOf(err) != fault.Unsupported || !strings.Contains(err.Error(), says) ||
			!strings.Contains(err.Error(), "linked with Faiss 1.7.3") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Files that are not Faiss indexes are named as what they are, with what to do, and never as damaged.
func TestForeignFiles(t *testing.T) {
	dir := t.TempDir()
	tar := make([]byte, 600)
	copy(tar[257:], "ustar")
	files := map[string]struct{ text, says string }{
		"a.npy":     {"\x93NUMPY\x01\x00v\x00{'descr': '<f4'}", "NumPy array"},
		"a.npz":     {"PK\x03\x04\x14\x00\x00\x00", ".npz"},
		"a.gz":      {"\x1f\x8b\x08\x00and more", "gunzip"},
		"a.zst":     {"\x28\xb5\x2f\xfd....", "zstd -d"},
		"a.bz2":     {"BZh91AY&SY", "unpack it first"},
		"a.xz":      {"\xfd7zXZ\x00\x00", "unpack it first"},
		"a.tar":     {string(tar), "tar xf"},
		"a.h5":      {"\x89HDF\r\n\x1a\n and more", "H2M"},
		"a.parquet": {"PAR1\x15\x04", "Parquet"},
		"a.db":      {"SQLite format 3\x00", "SQLite"},
		"a.cfs":     {"\x3f\xd7\x6c\x17\x11Lucene90", "Lucene"},
		"a.faiss":   {"version https://git-lfs.github.com/spec/v1\noid sha256:ab\n", "git lfs pull"},
		"a.vt":      {"rrot\x00\x10\x00\x00", "transform"},
		"a.il":      {"ilar\x10\x00\x00\x00", "inverted lists"},
		"a.csv":     {"id,embedding\n1,0.5\n", `text (it begins with "id,embedding")`},
		"a.json":    {`{"vectors": [[0.1, 0.2]]}`, "text"},
		"IxF2.html": {"<!DOCTYPE html>\n<title>Sign in</title>", "text"},
		"ID.txt":    {"ID;vector\n1;ä 0.5\n", "text"},
	}
	for name, f := range files {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(f.text), 0o600); err != nil {
			t.Fatal(err)
		}
		refusedAsForeign(t, path, f.says)
	}
	for _, protocol := range []string{"2", "4", "5"} {
		refusedAsForeign(t, "testdata/foreign-"+protocol+".pkl", "Python pickle")
		refusedAsForeign(t, "testdata/foreign-"+protocol+".pkl", "faiss.write_index")
	}
	// LangChain's save_local writes index.pkl beside index.faiss
	for name, text := range map[string]string{"index.faiss": "...", "index.pkl": "\x80\x04\x95\x10\x00"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	refusedAsForeign(t, filepath.Join(dir, "index.pkl"), "index.faiss beside it")
}

func refusedAsForeign(t *testing.T, path, says string) {
	t.Helper()
	_, err := Open(t.Context(), files(path), &fakeHelper{fail: errors.New("asked")})
	if fault.KindOf(err) != fault.Unsupported || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(),
		path) ||
		strings.Contains(err.Error(), "damaged") || strings.Contains(err.Error(), "asked") {
		t.Errorf("%s: %s %v", path, fault.KindOf(err), err)
	}
}

// withFooter appends what Lucene does to a file.
func withFooter(b []byte) []byte {
	out := append(bytes.Clone(b), luceneFooter...)
	return binary.BigEndian.AppendUint64(out, uint64(crc32.ChecksumIEEE(out)))
}

// The index of an OpenSearch segment is read, and its checksum is compared before anything is written.
func TestLuceneFooter(t *testing.T) {
	for _, name := range []string{"idmap-flat", "idmap2-hnswflat", "ivfflat-custom", "binary-idmap", "panorama-l2"} {
		b, err := os.ReadFile("testdata/" + name + ".faiss")
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "_0_165_field.faiss")
		write := func(b []byte) {
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		plan := func() error {
			s, d := openSource(t, files(path), nil)
			if !strings.Contains(strings.Join(d.Notes, "\n"), "footer of Lucene") {
				t.Errorf("notes: %q", d.Notes)
			}
			_, err := s.Plan(t.Context(), 1000, func(string) {})
			return err
		}
		whole := withFooter(b)
		write(whole)
		if err := plan(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, at := range []int{len(b) - 9, len(whole) - 1} { // in a vector or an id; in the checksum
			bad := bytes.Clone(whole)
			bad[at] ^= 1
			write(bad)
			if err := plan(); fault.KindOf(err) != fault.Corrupt || !strings.Contains(err.Error(), "checksum") {
				t.Errorf("%s: byte %d changed: %v", name, at, err)
			}
		}
		for n := len(b) + 1; n < len(whole); n++ {
			_, err := parse(bytes.NewReader(whole[:n]), "cut.faiss", int64(n))
			if fault.KindOf(err) != fault.Unsupported || !strings.Contains(err.Error(), "bytes follow it") {
				t.Errorf("%s cut to %d of %d: %v", name, n, len(whole), err)
			}
		}
	}
}

// Bytes behind an index are said to be that; the advice works.
func TestTrailingBytes(t *testing.T) {
	b, err := os.ReadFile("testdata/flat-l2.faiss")
	if err != nil {
		t.Fatal(err)
	}
	for tail, says := range map[string]string{
		"\x00": "which are zero", "a footer": `which begin with "a footer"`, string(b): "another index (Flat)",
		strings.Repeat("\x00", 512): "512 bytes",
	} {
		long := append(bytes.Clone(b), tail...)
		_, err := parse(bytes.NewReader(long), "x.faiss", int64(len(long)))
		if fault.KindOf(err) != fault.Unsupported || !strings.Contains(err.Error(), says) ||
			strings.Contains(err.Error(), "damaged") {
			t.Errorf("%q: %s %v", tail, fault.KindOf(err), err)
			continue
		}
		if _, cut, ok := strings.Cut(err.Error(), "head -c "); ok {
			var n int
			if _, err := fmt.Sscan(cut, &n); err != nil || n != len(b) {
				t.Errorf("head -c %d for %d bytes: %v", n, len(b), err)
			}
		}
	}
}

// Where ids were removed from an IDMap over IVF, places and map no longer belong together. All of it is looked at
// when the job is planned; rows are taken with numbers for keys if the job says so.
func TestRemovedIDs(t *testing.T) {
	for name, says := range map[string]string{"refused-removed-outside": "points at place",
		"refused-removed-twice": "two rows of the lists"} {
		path := "testdata/" + name + ".faiss"
		s, _ := openSource(t, files(path), nil)
		_, err := s.Plan(t.Context(), 1000, func(string) {})
		if fault.KindOf(err) != fault.Corrupt || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(),
			"key: none") || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %s %v", name, fault.KindOf(err), err)
		}
		numbered := files(path)
		numbered.Key = job.NoKey
		s, d := openSource(t, numbered, nil)
		keys, _ := readAll(t, s, 13, testLimit)
		if int64(len(keys)) != d.Rows || keys[0] != 0 || keys[len(keys)-1] != d.Rows-1 || !d.GeneratedKeys {
			t.Errorf("%s: keys %v", name, keys)
		}
	}
}
