package job

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"milvusdm/internal/fault"
	"milvusdm/internal/job/strict"
)

// testOptions are the same on every machine.
var testOptions = Options{Dir: "/work-dir", Env: func(name string) (string, bool) {
	v, ok := map[string]string{"DATA": "/env", "DIM": "512", "BAD": "not-a-number"}[name]
	return v, ok
}}

// load reads a file of testdata under a path that is the same on every machine.
func load(t *testing.T, path string) (*Job, []Warning, error) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return Parse("jobs/"+filepath.Base(path), data, testOptions)
}

func TestWrong(t *testing.T) {
	for _, path := range glob(t, "testdata/wrong/*.yaml") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			j, _, err := load(t, path)
			if err == nil {
				t.Fatalf("it was taken: %+v", j)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Error("the error shows a secret")
			}
			golden(t, strings.TrimSuffix(path, ".yaml")+".golden", fmt.Sprintf("%s\n(%s)\n", err, fault.KindOf(err)))
		})
	}
}

func TestRight(t *testing.T) {
	for _, path := range glob(t, "testdata/right/*.yaml") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			j, warnings, err := load(t, path)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(path, ".yaml")+".golden", shown(t, j, warnings))
		})
	}
}

// shown is a job and its warnings as golden files show them, once it has been on its way to a workflow.
func shown(t *testing.T, j *Job, warnings []Warning) string {
	t.Helper()
	text, err := json.MarshalIndent(j, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	var back Job
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if d := Diff(j, &back); d != nil || back.Hash() != j.Hash() {
		t.Errorf("the job changes on its way through JSON: %q", d)
	}
	lines := string(text) + "\n"
	for _, w := range warnings {
		lines += w.String() + "\n"
	}
	return lines
}

func TestLoadReadsFiles(t *testing.T) {
	dir := t.TempDir()
	if _, _, err := Load(filepath.Join(dir, "none.yaml"), Options{}); fault.KindOf(err) != fault.NotFound {
		t.Errorf("no file: %v", err)
	}
	if _, _, err := Load(dir, Options{}); fault.KindOf(err) != fault.Config {
		t.Errorf("a directory: %v", err)
	}
	huge := filepath.Join(dir, "huge.yaml")
	if err := os.WriteFile(huge, []byte("#"+strings.Repeat("x", maxFile)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Load(huge, Options{}); !errors.Is(err, errTooLarge) {
		t.Errorf("a huge file: %v", err)
	}

	path := filepath.Join(dir, "my.job.yaml")
	text, err := os.ReadFile("testdata/right/minimal.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	j, _, err := Load("my.job.yaml", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(dir, "a.h5"); j.Name != "my.job" || j.Source.HDF5.Paths[0] != want {
		t.Errorf("name %q, path %q; want my.job, %q", j.Name, j.Source.HDF5.Paths[0], want)
	}
}

func TestNameOfTheFileMustDo(t *testing.T) {
	text, err := os.ReadFile("testdata/right/minimal.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = Parse("my job.yaml", text, testOptions)
	if err == nil || !strings.Contains(err.Error(), "my job.yaml:1:1: name: is missing") {
		t.Errorf("got %v", err)
	}
}

// TestHostileFiles holds that files of the largest size are refused soon, with an error of bounded length.
func TestHostileFiles(t *testing.T) {
	keys := &strings.Builder{}
	for i := range 80_000 {
		fmt.Fprintf(keys, "soruce%d: 1\n", i)
	}
	head := "version: 1\nsource: {hdf5: {paths: "
	for name, text := range map[string]string{
		"unknown keys": keys.String(),
		"same keys":    strings.Repeat("mode: a\n", 120_000),
		"bad paths":    head + "[" + strings.Repeat("~,", 10_000) + "]}}\n",
		"same paths":   head + "[" + strings.Repeat("a,", 10_000) + "]}}\n",
		"many paths":   head + "[" + strings.Repeat("a,", 500_000) + "]}}\n",
		"nested lists": strings.Repeat("[", 1_000_000),
		"nested keys":  head + strings.Repeat("{a: ", 200_000),
		"bomb":         "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b]\nversion: *c\n",
		"long key":     strings.Repeat("k", 1_000_000) + ": 1\n",
		"long value":   "version: " + strings.Repeat("9", 1_000_000) + "\n",
		"binary":       strings.Repeat("\x00\xff\x1b", 1000),
	} {
		start := time.Now()
		_, _, err := Parse("hostile.yaml", []byte(text), testOptions)
		if fault.KindOf(err) != fault.Config {
			t.Fatalf("%s: %v", name, err)
		}
		if n := len(err.Error()); n > 50_000 {
			t.Errorf("%s: an error of %d bytes", name, n)
		}
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%s: took %s", name, took)
		}
	}
}

// FuzzParse holds that no input panics, that every error has a position, and that a job that was taken survives JSON.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/right/*.yaml", "testdata/wrong/*.yaml"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		j, _, err := Parse("fuzz.yaml", data, testOptions)
		if err == nil {
			if _, err := json.Marshal(j); err != nil {
				t.Fatal(err)
			}
			if len(j.Hash()) != 64 || Diff(j, j) != nil {
				t.Fatal("the job is not equal to itself")
			}
			return
		}
		var problems strict.Problems
		if !errors.As(err, &problems) || len(problems) == 0 {
			t.Fatalf("an error without a position: %v", err)
		}
		for _, p := range problems {
			if p.Line < 1 || p.Column < 1 || p.Text == "" || strings.Contains(p.String(), "\n") {
				t.Fatalf("a bad problem: %q", p)
			}
		}
	})
}
