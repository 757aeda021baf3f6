package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"milvusdm/internal/fault"
)

func TestWrongCommandLines(t *testing.T) {
	for line, want := range map[string]string{
		"frobnicate":       `there is no command "frobnicate"`,
		"stauts":           "or status?",
		"job.yaml":         "did you mean run job.yaml?",
		"run":              "milvusdm run takes one argument, the file of a job; there are 0",
		"list x":           `milvusdm list takes no argument; there is "x"`,
		"run --nosuch x":   "unknown flag: --nosuch",
		"list -o yaml":     `--output is "yaml"; write text or json`,
		"run nosuch.yaml":  "nosuch.yaml: no such file",
		"status -o json":   `"kind": "Config"`,
		"--yaml":           "flag needs an argument: --yaml",
		"pause a b":        "there are 2",
		"version --output": "flag needs an argument",
	} {
		var out bytes.Buffer
		code := Main(context.Background(), strings.Fields(line), Surroundings{Stdout: &out, Stderr: &out, Env: environment{}, Width: func() int { return 0 }})
		wantCode := fault.ExitUsage
		if line == "run nosuch.yaml" {
			wantCode = fault.ExitCode(fault.NotFound)
		}
		if code != wantCode || !strings.Contains(out.String(), want) {
			t.Errorf("milvusdm %s: exit code %d, says: %s", line, code, out.String())
		}
	}
}

func TestWrongJobSaysAllAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "wrong.yaml")
	if err := os.WriteFile(path, []byte("version: 1\nsource:\n  hdf5:\n    path: [a.h5]\ntarget:\n  milvus:\n    adress: h:1\n    collection: c\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	code := Main(context.Background(), []string{"run", path}, Surroundings{Stdout: &out, Stderr: &out, Env: environment{}, Width: func() int { return 0 }})
	text := out.String()
	if code != fault.ExitUsage || !strings.HasPrefix(text, path+":4:") || !strings.Contains(text, "wrong.yaml:7:") || !strings.Contains(text, "did you mean") {
		t.Errorf("exit code %d, says: %s", code, text)
	}
}

func TestCompletionOfFiles(t *testing.T) {
	var out bytes.Buffer
	s := Surroundings{Stdout: &out, Stderr: &out, Env: environment{}, Width: func() int { return 0 }}
	if code := Main(context.Background(), []string{"__complete", "run", ""}, s); code != 0 || !strings.HasPrefix(out.String(), "yaml\nyml\n:8\n") {
		t.Errorf("exit code %d, %s", code, out.String())
	}
	out.Reset()
	if code := Main(context.Background(), []string{"completion", "bash"}, s); code != 0 || !strings.Contains(out.String(), "complete -") {
		t.Errorf("exit code %d, %.200s", code, out.String())
	}
}
