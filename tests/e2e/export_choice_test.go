package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"milvusdm/internal/export"
	"milvusdm/internal/rows"
	"milvusdm/tests/stack"
)

// inFile is the content sum of an exported file's keys and vectors, read here by other means.
func inFile(t *testing.T, path string) rows.Sum {
	t.Helper()
	return sumOfColumns(t, readHDF5[int64](t, path, "ids"), readHDF5[float32](t, path, "embeddings"), dim)
}

// TestExportChoice: which rows, fields and partitions get into the files, and how many files there are.
func TestExportChoice(t *testing.T) {
	t.Parallel()
	from := theSource(t)
	name := from.collection(t)
	threeParts.make(t, from, name)
	for what, c := range map[string]struct {
		choice string
		target []string
		want   map[string]rowSpan
	}{
		"all":        {"", nil, map[string]rowSpan{"None.h5": {0, 700, 1}, "north.h5": {1000, 1900, 1}, "south.h5": {5000, 5300, 1}}},
		"filter":     {", filter: id >= 1500", nil, map[string]rowSpan{"None.h5": {}, "north.h5": {1500, 1900, 1}, "south.h5": {5000, 5300, 1}}},
		"limit":      {", limit: 800", nil, map[string]rowSpan{"None.h5": {0, 700, 1}, "north.h5": {1000, 1100, 1}, "south.h5": {}}},
		"partitions": {", partitions: [south, _default]", nil, map[string]rowSpan{"None.h5": {0, 700, 1}, "south.h5": {5000, 5300, 1}}},
		"renamed":    {", partitions: [south], rename_partitions: {south: None}", nil, map[string]rowSpan{"%4Eone.h5": {5000, 5300, 1}}},
		"split": {", partitions: [north]", []string{"split_rows: 300"}, map[string]rowSpan{
			"north.00001.h5": {1000, 1300, 1}, "north.00002.h5": {1300, 1600, 1}, "north.00003.h5": {1600, 1900, 1}}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			result := verified(t, "run", exportJob(t, "choice-"+what+"-"+name, from.address, fmt.Sprintf("[{name: %s, as: C%s}]", name, c.choice), dir, c.target, []string{"verify: sample"}))
			run := filepath.Join(dir, "one")
			m, err := export.Check(t.Context(), run, export.Checksums, nil)
			if err != nil {
				t.Fatal(err)
			}
			total := int64(0)
			for _, p := range m.Collections[0].Parts {
				want, ok := c.want[filepath.Base(p.Path)]
				if !ok {
					t.Errorf("there is a part %s", p.Path)
					continue
				}
				total += int64(want.count())
				if p.Rows != int64(want.count()) || want.count() > 0 && inFile(t, filepath.Join(run, p.Path)) != sumOf(t, want) {
					t.Errorf("%s holds %d rows: not %v", p.Path, p.Rows, want)
				}
			}
			if len(m.Collections[0].Parts) != len(c.want) || result.Rows != total || m.Rows() != total {
				t.Errorf("%d rows in %d parts, %d copied", m.Rows(), len(m.Collections[0].Parts), result.Rows)
			}
		})
	}
}

// TestExportFields: only the chosen fields, under other names, are in the files and come back.
func TestExportFields(t *testing.T) {
	t.Parallel()
	from, to := theSource(t), theMilvus(t)
	name := collectionOf(t, from, to)
	makeRich(t, from, name)
	dir := t.TempDir()
	choice := fmt.Sprintf("[{name: %s, fields: [key, text, embedding], rename_fields: {key: pk, embedding: vector}}]", name)
	verified(t, "run", exportJob(t, "fields-"+name, from.address, choice, dir, nil, nil))
	if result := verified(t, "run", ownLoader(t, filepath.Join(dir, "one"), name, to)); result.Rows != 2100 {
		t.Errorf("%+v", result)
	}
	var fields []string
	for _, f := range to.describe(t, name).GetSchema().GetFields() {
		fields = append(fields, f.GetName())
	}
	if !slices.Equal(fields, []string{"pk", "text", "vector"}) || to.describe(t, name).GetSchema().GetEnableDynamicField() {
		t.Errorf("fields %q", fields)
	}
}

// ownLoader sets the server in the file that loads a collection of a run, and returns its path.
func ownLoader(t *testing.T, run, name string, to *milvus) string {
	t.Helper()
	path := filepath.Join(run, "yamls", name+".yaml")
	text := regexp.MustCompile(`address: .*`).ReplaceAllString(read(t, path), "address: "+to.address)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestExportedLoaders: the files beside a run load it again: each partition by MilvusDM's own form, the whole by this program's.
func TestExportedLoaders(t *testing.T) {
	t.Parallel()
	from, to := theSource(t), theMilvus(t)
	name := collectionOf(t, from, to)
	threeParts.make(t, from, name)
	dir := t.TempDir()
	verified(t, "run", exportJob(t, "loaders-"+name, from.address, "["+name+"]", dir, []string{"split_rows: 400"}, nil))
	yamls := filepath.Join(dir, "one", "yamls")

	t.Run("H2M", func(t *testing.T) {
		for partition, file := range map[string]string{"_default": "None.yaml", "north": "north.yaml", "south": "south.yaml"} {
			text := strings.Replace(read(t, filepath.Join(yamls, name, file)), "19530", to.port(t), 1)
			text = strings.Replace(text, "dest_collection_name: "+name, "dest_collection_name: "+name+"_h2m", 1)
			verified(t, "--yaml", write(t, file, text))
			to.holds(t, name+"_h2m", partition, threeParts[partition])
		}
		if got := to.partitions(t, name+"_h2m"); !slices.Equal(got, []string{"_default", "north", "south"}) {
			t.Errorf("partitions %q", got)
		}
	})
	t.Run("one partition", func(t *testing.T) {
		choice := fmt.Sprintf("[{name: %s, as: %[1]s_part, partitions: [south], rename_partitions: {south: sued}}]", name)
		verified(t, "run", loadJob(t, "part-"+name, filepath.Join(dir, "one"), choice, to.address, nil, []string{"verify: full"}))
		to.holds(t, name+"_part", "sued", threeParts["south"])
		to.holds(t, name+"_part", "", threeParts["south"])
	})
	t.Run("own", func(t *testing.T) {
		verified(t, "run", ownLoader(t, filepath.Join(dir, "one"), name, to))
		same(t, from, name, to, name)
	})
}

// TestExportInPython: h5py and pandas read the files as MilvusDM 2.0 did: embeddings and ids, and by the rules of its reader.
func TestExportInPython(t *testing.T) {
	t.Parallel()
	from := theSource(t)
	name := from.collection(t)
	threeParts.make(t, from, name)
	dir := t.TempDir()
	for what, target := range map[string][]string{"plain": nil, "packed": {"compression: gzip", "shuffle: true", "fletcher32: true"}} {
		verified(t, "run", exportJob(t, what+"-"+name, from.address, "["+name+"]", filepath.Join(dir, what), target, nil))
		out, err := stack.Python(t, "testdata/read_export.py", filepath.Join(dir, what, "one", name, "north.h5")).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		want := fmt.Sprintf("900 rows of %d float32, keys 1000 to 1899 int64, first %.6f\n", dim, vectorOf(1000, 1)[0])
		if string(out) != want {
			t.Errorf("%s: Python reads %q, want %q", what, out, want)
		}
	}
}
