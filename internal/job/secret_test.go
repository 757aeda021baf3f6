package job

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"milvusdm/internal/fault"
)

func TestSecretResolve(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Setenv("MILVUSDM_TEST_SECRET", "from env")
	t.Setenv("MILVUSDM_TEST_EMPTY", "")
	old := file("M2M.yaml", "M2M:\n  mysql_parameter: {user: root, password: '123 456'}\n")

	for name, c := range map[string]struct {
		secret Secret
		want   string
		wrong  string // in the error
	}{
		"none":             {Secret{}, "", ""},
		"variable":         {Secret{Env: "MILVUSDM_TEST_SECRET"}, "from env", ""},
		"no variable":      {Secret{Env: "MILVUSDM_TEST_NONE"}, "", "MILVUSDM_TEST_NONE"},
		"empty variable":   {Secret{Env: "MILVUSDM_TEST_EMPTY"}, "", "MILVUSDM_TEST_EMPTY"},
		"file":             {Secret{File: file("a", " x \n")}, " x ", ""},
		"file of DOS":      {Secret{File: file("b", "x\r\n")}, "x", ""},
		"no file":          {Secret{File: filepath.Join(dir, "none")}, "", filepath.Join(dir, "none")},
		"empty file":       {Secret{File: file("c", "\n")}, "", filepath.Join(dir, "c")},
		"huge file":        {Secret{File: file("d", strings.Repeat("x", maxSecret+1))}, "", filepath.Join(dir, "d")},
		"key":              {Secret{File: old, Key: "M2M.mysql_parameter.password"}, "123 456", ""},
		"no key":           {Secret{File: old, Key: "M2M.password"}, "", "M2M.password"},
		"key of a mapping": {Secret{File: old, Key: "M2M.mysql_parameter"}, "", "M2M.mysql_parameter"},
		"key of no YAML":   {Secret{File: file("e", "hunter2: {"), Key: "a"}, "", "key a"},
	} {
		got, err := c.secret.Resolve()
		if got != c.want && c.wrong == "" || (err != nil) != (c.wrong != "") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if err == nil {
			continue
		}
		if got != "" || fault.KindOf(err) != fault.Config || !strings.Contains(err.Error(), c.wrong) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %q, error of kind %s: %v", name, got, fault.KindOf(err), err)
		}
	}
}
