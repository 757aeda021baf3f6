package job

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"milvusdm/internal/job/strict"
)

var update = flag.Bool("update", false, "write the schema and the golden files anew")

const schemaFile = "../../docs/job.schema.json"

// TestSchema holds the committed JSON Schema to the types.
func TestSchema(t *testing.T) {
	comments := fieldComments(t)
	schema, err := json.MarshalIndent(map[string]any{
		"$schema": "http://json-schema.org/draft-07/schema#",
		"title":   "A job of MilvusDM",
		"oneOf": []any{
			strict.Schema(reflect.TypeFor[ownFile](), rules("/"), comments),
			oneTask(strict.Schema(reflect.TypeFor[milvusDM2File](), rules("/"), comments)),
		},
	}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, schemaFile, string(schema)+"\n")
}

func oneTask(schema map[string]any) map[string]any {
	schema["minProperties"], schema["maxProperties"] = 1, 1
	return schema
}

// fieldComments reads the comments of this package's struct fields, by "Type.Field".
func fieldComments(t *testing.T) map[string]string {
	t.Helper()
	comments := map[string]string{}
	for _, name := range []string{"job.go", "server.go", "own.go", "milvusdm2.go", "milvusdm2_files.go", "milvusdm2_servers.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if structure, ok := spec.Type.(*ast.StructType); ok {
				for _, f := range structure.Fields.List {
					for _, name := range f.Names {
						comments[spec.Name.Name+"."+name.Name] = strings.Join(strings.Fields(f.Doc.Text()), " ")
					}
				}
			}
			return false
		})
	}
	return comments
}

// TestSchemaHasComments holds every key to a description.
func TestSchemaHasComments(t *testing.T) {
	var schema any
	data, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &schema); err != nil {
		t.Fatal(err)
	}
	keys := 0
	eachKey(schema, "", func(path string, property map[string]any) {
		keys++
		if property["description"] == nil {
			t.Errorf("%s has no description: write a comment at its field", path)
		}
	})
	if keys < 100 {
		t.Errorf("found only %d keys in the schema", keys)
	}
}

func eachKey(schema any, path string, visit func(string, map[string]any)) {
	switch s := schema.(type) {
	case []any:
		for _, x := range s {
			eachKey(x, path, visit)
		}
	case map[string]any:
		properties, _ := s["properties"].(map[string]any)
		for name, p := range properties {
			visit(path+"."+name, p.(map[string]any))
			eachKey(p, path+"."+name, visit)
		}
		eachKey(s["anyOf"], path, visit)
		eachKey(s["oneOf"], path, visit)
	}
}

// TestExamples loads every example, and holds it to the schema as an editor would.
func TestExamples(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(glob(t, "../../examples/*.yaml"), glob(t, "../../examples/*/*.yaml")...) {
		t.Run(strings.TrimPrefix(path, "../../"), func(t *testing.T) {
			if _, _, err := Load(path, Options{Dir: "../..", Env: noEnv}); err != nil {
				t.Error(err)
			}
			if err := schema.Validate(yamlValue(t, path)); err != nil {
				t.Error(err)
			}
			link := "# yaml-language-server: $schema="
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			first, _, _ := strings.Cut(string(data), "\n")
			target := filepath.Join(filepath.Dir(path), strings.TrimPrefix(first, link))
			if !strings.HasPrefix(first, link) || filepath.Clean(target) != filepath.Clean(schemaFile) {
				t.Errorf("the first line does not lead to the schema: %s", first)
			}
		})
	}
}

// TestSchemaRefuses shows that the schema sees what an editor should mark.
func TestSchemaRefuses(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"unknown_keys", "types", "secrets", "missing", "milvusdm2_keys", "m2m_collections_types", "m2m_collections_missing",
		"m2m_names", "milvusdm2_m2h"} {
		if err := schema.Validate(yamlValue(t, "testdata/wrong/"+name+".yaml")); err == nil {
			t.Errorf("the schema takes %s.yaml", name)
		}
	}
}

func yamlValue(t *testing.T, path string) any {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := yaml.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files %s: %v", pattern, err)
	}
	return paths
}

// golden compares got with a committed file, or writes it with -update.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is not fresh (go generate ./internal/job writes it):\n%s", path, diff)
	}
}

func noEnv(string) (string, bool) { return "", false }
