package hdf5

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"milvusdm/internal/job"
	"milvusdm/internal/transfer"
)

// messages are all that the connector says of a job's files: the error, or the notes.
func messages(t *testing.T, j *job.HDF5Source) []string {
	t.Helper()
	source, err := Open(t.Context(), j)
	if err != nil {
		return []string{err.Error()}
	}
	d, err := source.Describe(t.Context())
	if err != nil {
		return []string{err.Error()}
	}
	if _, err := readAll(t, source, transfer.BatchLimit{Rows: 100, Bytes: 1 << 20}, 1000); err != nil {
		return append(d.Notes, err.Error())
	}
	return d.Notes
}

// anyKey is what looks like a key of a job's file in a message.
var anyKey = regexp.MustCompile(`\b(?:source|compare|target|copy)\.[a-z_0-9.]+`)

// ownWords are the keys of an HDF5 source; H2M's task has them, too, and its own names for the files.
var ownWords = []string{"paths", "rows", "rows.first", "key_offset", "layout", "object", "key_field", "vector_field",
	"key", "fields", "except", "rename_fields",
	"vector_columns", "vector", "json"}

// written finds "write KEY: VALUE".
var written = regexp.MustCompile(`write ([a-z_.0-9]+): `)

// TestMessagesNameKeysOfTheirForm goes through all that is said of all files, in each form of a job.
func TestMessagesNameKeysOfTheirForm(t *testing.T) {
	for _, form := range []job.HDF5Form{job.FormOwn, job.FormCompare, job.FormH2M} {
		seen := map[string]bool{}
		for _, c := range loadManifest(t) {
			j := c.Job
			j.Form = form
			for _, text := range messages(t, &j) {
				for _, path := range anyKey.FindAllString(text, -1) {
					key, ok := strings.CutPrefix(strings.TrimRight(path, "."), strings.TrimSuffix(j.KeyName("x"), "x"))
					seen[key] = true
					if form == job.FormH2M || !ok || !slices.Contains(ownWords, key) {
						t.Errorf("form %q, %s: names %s, which is no key there: %s", form, c.Name, path, text)
					}
				}
				for _, m := range written.FindAllStringSubmatch(text, -1) {
					key := m[1]
					if form != job.FormH2M {
						key = strings.TrimPrefix(key, strings.TrimSuffix(j.KeyName("x"), "x"))
					}
					seen[key] = true
					if !slices.Contains(ownWords, key) || key == "paths" {
						t.Errorf("form %q, %s: says to write %s, which is no key there: %s", form, c.Name, m[1], text)
					}
				}
			}
		}
		for _, key := range []string{"object", "layout", "key", "vector", "except", "rows", "vector_columns", "key_field"} {
			if !seen[key] {
				t.Errorf("form %q: no message names %s", form, key)
			}
		}
	}
}

// hint is "write KEY: VALUE", and more of them after " and ", in our own form.
var (
	hint = regexp.MustCompile(`(?:write |, or )((?:source\.hdf5\.[a-z_]+: (?:\[[^\]]*\]|\{[^}]*\}|"[^"]*"|[^ ,;]+)` +
		`(?: and )?)+)`)
	oneKey = regexp.MustCompile(`source\.hdf5\.([a-z_]+): (\[[^\]]*\]|\{[^}]*\}|"[^"]*"|[^ ,;]+)`)
)

// TestHintsWork follows each hint that any message gives.
func TestHintsWork(t *testing.T) {
	followed := map[string]int{}
	for _, c := range loadManifest(t) {
		if len(c.Job.Paths) > 1 {
			continue
		}
		for _, text := range messages(t, &c.Job) {
			for _, m := range hint.FindAllStringSubmatch(text, -1) {
				j := c.Job
				for _, k := range oneKey.FindAllStringSubmatch(m[1], -1) {
					followed[k[1]]++
					if err := follow(&j, k[1], k[2]); err != nil {
						t.Errorf("%s: %v in: %s", c.Name, err, text)
					}
				}
				s, err := Open(t.Context(), &j)
				if err == nil {
					_, err = s.Describe(t.Context())
				}
				if err != nil {
					t.Errorf("%s: following %q of %q gives: %v", c.Name, m[1], text, err)
				}
			}
		}
	}
	for _, key := range []string{"object", "layout", "key", "vector", "except", "rows", "vector_columns", "key_field"} {
		if followed[key] == 0 {
			t.Errorf("no hint names %s", key)
		}
	}
	t.Log(followed)
}

// follow sets a key to a value as a file would.
func follow(j *job.HDF5Source, key, value string) error {
	text := fmt.Sprintf("version: 1\nsource:\n  hdf5:\n    paths: x\n    %s: %s\ntarget:\n  milvus: {address: 'a:1', "+
		"collection: c}\n", key, value)
	var any map[string]any
	if err := yaml.Unmarshal([]byte(text), &any); err != nil {
		return err
	}
	parsed, _, err := job.Parse("job.yaml", []byte(text), job.Options{})
	if err != nil {
		return err
	}
	from := parsed.Source.HDF5
	switch key {
	case "object":
		j.Object = from.Object
	case "layout":
		j.Layout = from.Layout
	case "key":
		j.Key = from.Key
	case "key_field":
		j.KeyField = from.KeyField
	case "vector":
		j.Vector = from.Vector
	case "except":
		j.Except = from.Except
	case "vector_columns":
		j.VectorColumns = from.VectorColumns
	case "rows":
		j.Rows = from.Rows
	default:
		return errors.New("no hint of key " + key)
	}
	return nil
}

// TestForeignFilesAreNamed: a sound file of another format is called by its name.
func TestForeignFilesAreNamed(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct{ content, is string }{
		"array.npy.h5": {"\x93NUMPY\x01\x00", "NumPy array"},
		"npz.h5":       {"PK\x03\x04" + strings.Repeat("\x00", 22) + "\x05\x00\x00\x00a.npy", "NumPy archive"},
		"torch.h5":     {"PK\x03\x04" + strings.Repeat("\x00", 22) + "\x08\x00\x00\x00data.pkl", "PyTorch"},
		"pickle.h5":    {"\x80\x04\x95\xc0", "Python pickle"},
		"old.pickle":   {"\x80\x03}q\x00", "Python pickle"},
		"parquet.h5":   {"PAR1\x15\x04", "Parquet"},
		"arrow.h5":     {"ARROW1\x00\x00", "Arrow"},
		"csv.h5":       {"id,x,y\n1,0.5,0.25\n", "CSV"},
		"json.h5":      {"[[0.1, 0.2]]", "JSON"},
		"jsonl.h5":     {`{"id": 1, "embedding": [0.1]}`, "JSON"},
		"numbers.h5":   {"0.1 0.2 0.3\n", "text with numbers"},
		"old.mat":      {"MATLAB 5.0 MAT-file, Platform: GLNXA64", "-v7.3"},
		"old.nc":       {"CDF\x01\x00\x00", "netCDF-3"},
		"gz.h5":        {"\x1f\x8b\x08\x00", "gzip"},
		"tensors.h5":   {"\x40\x00\x00\x00\x00\x00\x00\x00{\"a\":{}}\x00\x01", "safetensors"},
		"sqlite.h5":    {"SQLite format 3\x00\x10\x00", "SQLite"},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(t.Context(), sourceOf(path))
		if err == nil || !strings.Contains(err.Error(), c.is) || strings.Contains(err.Error(), "Corrupt") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRepeatedStringKeys: keys that are strings are compared before anything is written, as integers are.
func TestRepeatedStringKeys(t *testing.T) {
	content, err := os.ReadFile("testdata/found-objects.h5")
	if err != nil {
		t.Fatal(err)
	}
	again := filepath.Join(t.TempDir(), "again.h5")
	if err := os.WriteFile(again, content, 0o600); err != nil {
		t.Fatal(err)
	}
	for paths, want := range map[string]int{"testdata/found-objects.h5": 0, "testdata/found-objects.h5 " + again: 50} {
		scanner, ok := mustOpen(t, sourceOf(strings.Fields(paths)...)).(transfer.KeyScanner)
		if !ok {
			t.Fatal("string keys can't be scanned")
		}
		repeats, err := transfer.FindRepeats(t.Context(), scanner)
		if err != nil || len(repeats.Keys) != want || len(repeats.Superseded) != want {
			t.Fatalf("%d repeated keys, want %d (%v)", len(repeats.Keys), want, err)
		}
		if want > 0 && (repeats.Superseded[0] != 0 || !strings.HasPrefix(repeats.First, "one key stands at testdata/found-objects.h5: row 0")) {
			t.Errorf("superseded %v, first: %s", repeats.Superseded[:1], repeats.First)
		}
	}
}
