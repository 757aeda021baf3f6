package job

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"milvusdm/internal/job/strict"
)

// TestDocs holds docs/jobs.md to the types: every key of our own form has its row, with its default.
func TestDocs(t *testing.T) {
	data, err := os.ReadFile("../../docs/jobs.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{} // by key: its last column
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_.0-9]+)` \\|.*\\| ?([^|]*)\\|$").FindAllStringSubmatch(string(data), -1) {
		rows[m[1]] = strings.TrimSpace(m[2])
	}
	own := strict.Schema(reflect.TypeFor[ownFile](), rules("/"), nil)
	documented(t, own, "", func(path, want string) {
		if strings.HasPrefix(path, "compare.") || strings.HasPrefix(path, "source.milvus1.collections.") ||
			strings.HasPrefix(path, "source.export.collections.") {
			return // the same as another's
		}
		if got, ok := rows[path]; !ok || !strings.Contains(got, want) {
			t.Errorf("key %s: its row is missing, or its default, %q, does not name %q", path, got, want)
		}
	})
	milvusDM2 := strict.Schema(reflect.TypeFor[milvusDM2File](), rules("/"), nil)
	described := milvusDM2["properties"].(map[string]any)
	for _, task := range tasks {
		documented(t, described[task].(map[string]any), "", func(path, want string) {
			if strings.HasPrefix(path, "index.metric") {
				return // refused in this form
			}
			if !strings.Contains(string(data), "`"+path+"`") {
				t.Errorf("key %s of %s is not mentioned", path, task)
			}
		})
	}
}

// documented calls visit with every key's path and with what its row must say of its default.
func documented(t *testing.T, schema map[string]any, path string, visit func(path, want string)) {
	t.Helper()
	required := map[string]bool{}
	if keys, ok := schema["required"].([]string); ok {
		for _, key := range keys {
			required[key] = true
		}
	}
	for key, p := range schema["properties"].(map[string]any) {
		property, want := p.(map[string]any), ""
		if d := property["default"]; d != nil {
			want = fmt.Sprintf("`%v`", d)
		}
		if required[key] {
			want = "required"
		}
		visit(path+key, want)
		forms, _ := property["anyOf"].([]map[string]any)
		for _, form := range append(forms, property) {
			if form["properties"] != nil {
				documented(t, form, path+key+".", visit)
			}
		}
	}
}
