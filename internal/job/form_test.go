package job

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"milvusdm/internal/job/strict"
)

// keysOf lists the paths of all keys of a schema, as "copy.batch_rows".
func keysOf(t *testing.T, schema map[string]any) map[string]bool {
	keys := map[string]bool{}
	documented(t, schema, "", func(path, _ string) { keys[path] = true })
	return keys
}

// Whatever key a message about files names exists in the form that the user wrote: both those that go through Key
// and those that the Faiss connector, which does not know the form, spells out.
func TestKeysOfMessages(t *testing.T) {
	own := keysOf(t, strict.Schema(reflect.TypeFor[ownFile](), rules("/"), nil))
	tasks := strict.Schema(reflect.TypeFor[milvusDM2File](), rules("/"), nil)["properties"].(map[string]any)
	f2m := keysOf(t, tasks["F2M"].(map[string]any))
	old := &Job{Form: MilvusDM2}
	through := regexp.MustCompile(`\.Key\("([a-z0-9_.]+)"\)`)
	spelled := regexp.MustCompile(`(?:[Ww]rite|set|under|by) ([a-z_]+(?:\.[a-z_]+)*): [a-z%]`)
	found := map[string]int{}
	for _, dir := range []string{"../../activities", "../faiss", "../gofaiss"} {
		paths, err := filepath.Glob(dir + "/*.go")
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: %v", dir, err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			for _, m := range through.FindAllStringSubmatch(string(text), -1) {
				found["through"]++
				server := strings.HasPrefix(m[1], "source.milvus.") || strings.HasPrefix(m[1], "source.export.") // a job of another task, or form
				if key := old.Key(m[1]); !own[m[1]] || !server && !f2m[key] {
					t.Errorf("%s: %s, in MilvusDM 2.0's form %s, is not a key of the form", path, m[1], key)
				}
			}
			if dir == "../../activities" {
				continue
			}
			for _, m := range spelled.FindAllStringSubmatch(string(text), -1) {
				found["spelled"]++
				if !own["source.faiss."+m[1]] || !f2m[m[1]] {
					t.Errorf("%s: %s is not a key of both forms", path, m[1])
				}
			}
		}
	}
	if found["through"] < 4 || found["spelled"] < 1 {
		t.Errorf("found %v", found)
	}
	for path, name := range renamed {
		if _, h2m := strings.CutPrefix(path, "source.hdf5."); !own[path] || !h2m && !f2m[name] {
			t.Errorf("%s as %s", path, name)
		}
	}
}
