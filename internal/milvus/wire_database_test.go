package milvus

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestEveryCallNamesTheDatabase makes each call of Milvus's service that this package's source makes, and looks at what arrives.
func TestEveryCallNamesTheDatabase(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var methods []string
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\braw\.([A-Z]\w*)\(`).FindAllStringSubmatch(string(text), -1) {
			methods = append(methods, m[1])
		}
	}
	slices.Sort(methods)
	methods = slices.Compact(methods)
	if len(methods) < 25 {
		t.Fatalf("found only %q", methods)
	}
	for _, database := range []string{"second", ""} {
		want := database
		if want == "" {
			want = "default"
		}
		r := startRecorder(t)
		c := recorded(t, r, database)
		named := 0
		for _, m := range methods {
			call := reflect.ValueOf(c.raw).MethodByName(m)
			request := reflect.New(call.Type().In(1).Elem())
			if e := call.Call([]reflect.Value{reflect.ValueOf(context.Background()), request})[1]; !e.IsNil() {
				t.Errorf("%s: %v", m, e)
				continue
			}
			for _, req := range r.requests(m) {
				field := req.ProtoReflect().Descriptor().Fields().ByName("db_name")
				if field == nil {
					continue
				}
				named++
				if got := req.ProtoReflect().Get(field).String(); got != want {
					t.Errorf("%s names database %q, want %q", m, got, want)
				}
			}
		}
		if named < 20 {
			t.Errorf("only %d calls have a database to name", named)
		}
	}
}
