package job

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"milvusdm/internal/job/strict"
)

// oldJobs is a job of each task of MilvusDM 2.0's form.
var oldJobs = map[string]*Job{
	"F2M": {Form: MilvusDM2, Source: Source{Faiss: &FaissSource{}}, Target: Target{Milvus: &MilvusTarget{}}},
	"H2M": {Form: MilvusDM2, Source: Source{HDF5: &HDF5Source{}}, Target: Target{Milvus: &MilvusTarget{}}},
	"M2M": {Form: MilvusDM2, Source: Source{Milvus: &MilvusSource{}}, Target: Target{Milvus: &MilvusTarget{}}},
	"M2H": {Form: MilvusDM2, Source: Source{Milvus: &MilvusSource{}}, Target: Target{HDF5: &HDF5Target{}}},
}

// TestSayNamesKeysAsWritten: a text names keys as the form of the job has them, and says of those that the form lacks.
func TestSayNamesKeysAsWritten(t *testing.T) {
	for _, x := range []struct{ task, text, want string }{
		{"F2M", "write copy.on_existing: replace, or target.milvus.mode: overwrite",
			"write on_existing: replace, or mode: overwrite"},
		{"F2M", "target.milvus.index.metric: is L2", "collection_parameter.metric_type: is L2"},
		{"F2M", "add source.faiss.key: none", "add key: none"},
		{"H2M", "write source.hdf5.paths (source.hdf5.vector_columns)", "write data_path (vector_columns)"},
		{"H2M", "raise target.milvus.shards", "raise target.milvus.shards (a key of jobs with version: 1)"},
		{"M2M", "source.milvus.collections: no x", "source_collection: no x"},
		{"M2M", "source.milvus.collections.books.filter: wrong", "source_collection.books.filter: wrong"},
		{"M2M", "source.milvus.password and target.milvus.password", "source.password and password"},
		{"M2M", "choose another target.milvus.index",
			"choose another target.milvus.index (a key of jobs with version: 1)"},
		{"M2M", "write source.milvus1.mysql", "write mysql_parameter"},
		{"M2H", "target.hdf5.directory: full; target.hdf5.split_rows", "data_dir: full; split_rows"},
		{"M2H", "/data/source.hdf5.old and a.copy.b stay", "/data/source.hdf5.old and a.copy.b stay"},
	} {
		if got := oldJobs[x.task].Say(x.text); got != x.want {
			t.Errorf("%s: %q becomes %q, want %q", x.task, x.text, got, x.want)
		}
		if got := (&Job{}).Say(x.text); got != x.text {
			t.Errorf("our own form's %q becomes %q", x.text, got)
		}
	}
}

// literals calls visit with each string literal of the program's sources in a directory, but for imports and tags.
func literals(t *testing.T, dir string, visit func(at, text string)) {
	t.Helper()
	paths, err := filepath.Glob(dir + "/*.go")
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: %v", dir, err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ImportSpec:
				return false
			case *ast.Field:
				return n.Tag == nil
			case *ast.BasicLit:
				if n.Kind == token.STRING {
					visit(set.Position(n.Pos()).String(), n.Value)
				}
			}
			return true
		})
	}
}

// TestKeysOfMessages goes through all texts of the program that may reach a user. A key that a text names by its path
// is one of our own form, and stands where Say finds it. A key that a text names without a path is a key of MilvusDM
// 2.0's form too.
func TestKeysOfMessages(t *testing.T) {
	own, old := map[string]bool{}, map[string]bool{}
	addKeys(own, "", strict.Schema(reflect.TypeFor[ownFile](), rules("/"), nil))
	for _, keys := range taskKeys() {
		for key := range keys {
			old[key[strings.LastIndex(key, ".")+1:]] = true
		}
	}
	bare := map[string]bool{} // keys by their last part, where that is no everyday word
	for path := range own {
		if key := path[strings.LastIndex(path, ".")+1:]; strings.Contains(key, "_") || key == "shards" || key == "ids" {
			bare[key] = true
		}
	}
	dotted := regexp.MustCompile(`\b(?:copy|source\.(?:hdf5|faiss|milvus1?|export)|target\.(?:milvus|hdf5))(?:\.[A-Za-z0-9_$]+)+`)
	words := regexp.MustCompile(`[a-z]+(?:_[a-z]+)+|\b(?:shards|ids|index|params): `)
	found := map[string]int{}
	for _, dir := range []string{"activities", "workflows", "worker", "internal/milvus", "internal/milvus1",
		"internal/hdf5", "internal/hdf5run", "internal/faiss",
		"internal/gofaiss", "internal/export", "internal/transfer", "internal/rows", "internal/compare", "internal/limit"} {
		literals(t, "../../"+dir, func(at, text string) {
			said := keyPaths.FindAllStringSubmatch(text, -1)
			var paths []string
			for _, m := range said {
				paths = append(paths, m[2])
			}
			if all := dotted.FindAllString(text, -1); !slices.Equal(all, paths) {
				t.Errorf("%s: %s names %q, and Say finds %q", at, text, all, paths)
			}
			for _, path := range paths {
				found["path"]++
				if !own[path] {
					t.Errorf("%s: %s is no key", at, path)
				}
			}
			if section := regexp.MustCompile(`\bunder (copy|source|target)\b`).FindString(text); section != "" {
				t.Errorf("%s: %s: MilvusDM 2.0's form has no such section", at, text)
			}
			for _, word := range words.FindAllString(dotted.ReplaceAllString(text, ""), -1) {
				key := strings.TrimSuffix(word, ": ")
				if bare[key] || strings.HasSuffix(word, ": ") {
					found["bare"]++
					if !old[key] {
						t.Errorf("%s: %s: MilvusDM 2.0's form has no key %s; name it by its path", at, text, key)
					}
				}
			}
		})
	}
	if found["path"] < 20 || found["bare"] < 20 {
		t.Errorf("found only %v", found)
	}
	for _, r := range renamed {
		known := own[r.own] || own[r.own+".milvus"] || r.own == "copy"
		if !known {
			t.Errorf("%s is no key", r.own)
		}
	}
}
