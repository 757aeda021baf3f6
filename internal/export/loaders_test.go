package export

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"milvusdm/internal/job"
)

// The generated files are jobs as they are.
func TestLoaders(t *testing.T) {
	dir := t.TempDir()
	at := export(t, dir, head("r1", "s1"))
	load := func(path string) *job.Job {
		t.Helper()
		j, _, err := job.Load(filepath.Join(at, path), job.Options{})
		ok(t, err)
		return j
	}
	own := load("yamls/articles.yaml")
	if own.Name != "load-articles" || own.Target.Milvus.Mode != job.Append {
		t.Errorf("got %+v", own)
	}
	want := &job.ExportSource{Path: at, Collections: []job.Collection{{Name: "articles"}}}
	if diff := cmp.Diff(want, own.Source.Export); diff != "" {
		t.Error(diff)
	}
	for path, want := range map[string]struct {
		partition string
		files     []string
	}{
		"yamls/articles/None.yaml": {"", []string{"None.h5"}},
		"yamls/articles/fr.yaml":   {"fr", []string{"fr.00001.h5", "fr.00002.h5"}},
	} {
		j := load(path)
		tg := j.Target.Milvus
		if tg.Partition != want.partition || tg.Collection != "articles" || tg.Dimension != 4 || tg.Index.Metric != "L2" || tg.Mode != job.Append {
			t.Errorf("%s: %+v", path, tg)
		}
		var files []string
		for _, p := range j.Source.HDF5.Paths {
			if _, err := os.Stat(p); err != nil {
				t.Error(err)
			}
			files = append(files, filepath.Base(p))
		}
		if diff := cmp.Diff(want.files, files); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
	golden := must(os.ReadFile("testdata/fr.yaml"))(t)
	text := must(h2mLoaders("/exports/r1", &must(ReadManifest(at))(t).Collections[0]))(t)[1].text
	if diff := cmp.Diff(string(golden), string(text)); diff != "" {
		t.Error(diff)
	}
}

// What MilvusDM 2.0 could not load gets no file of its form.
func TestLoadersOfOtherCollections(t *testing.T) {
	m := head("r1", "s1")
	m.Server.Database = "books"
	m.Collections = []Collection{{Name: "texts", Parts: []Part{{Path: "texts/None.h5"}}}}
	list := must(loaders("/x", &m))(t)
	if len(list) != 1 || list[0].path != "yamls/texts.yaml" {
		t.Fatalf("got %+v", list)
	}
	j, _, err := job.Parse("/x/yamls/texts.yaml", list[0].text, job.Options{})
	ok(t, err)
	if j.Target.Milvus.Database != "books" || j.Source.Export.Path != "/x" {
		t.Errorf("got %+v", j)
	}
}
