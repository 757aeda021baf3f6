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

// say runs the program where no Temporal is.
func say(t *testing.T, stdin string, args ...string) (code int, text string) {
	t.Helper()
	var out bytes.Buffer
	code = Main(context.Background(), args, Surroundings{Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &out,
		Env: environment{"TEMPORAL_ADDRESS": freeAddress(t)}, Width: func() int { return 0 }})
	return code, out.String()
}

func TestDataFileIsNoJob(t *testing.T) {
	for name, c := range map[string]struct{ content, want string }{
		"a.h5":    {"\x89HDF\r\n\x1a\n\x00\x00", "a data file (HDF5)"},
		"a.faiss": {"IxF2\x20\x00\x00\x00", "a data file (probably Faiss)"},
		"a.npy":   {"\x93NUMPY\x01\x00v\x00" + strings.Repeat("x", 2<<20), "a data file (binary)"},
	} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if code, text := say(t, "", "run", path); code != fault.ExitUsage || !strings.Contains(text, c.want) {
			t.Errorf("%s: exit code %d, says: %s", name, code, text)
		}
	}
}

func TestJobFromStandardInput(t *testing.T) {
	const job = "version: 1\nname: piped\nsource: {hdf5: {paths: [a.h5]}}\ntarget: {milvus: {address: 'h:19530', collection: c}}\n"
	if code, text := say(t, job, "plan", "-"); code != fault.ExitCode(fault.Unavailable) { // it was read
		t.Errorf("exit code %d, says: %s", code, text)
	}
	if code, text := say(t, strings.Replace(job, "name: piped\n", "", 1), "plan", "-"); code != fault.ExitUsage || !strings.Contains(text, "-:1:1: name: is missing") {
		t.Errorf("without a name: exit code %d, says: %s", code, text)
	}
	if code, text := say(t, strings.Repeat("#", 2<<20), "plan", "-"); code != fault.ExitUsage || !strings.Contains(text, "larger than 1 MiB") {
		t.Errorf("too large: exit code %d, says: %s", code, text)
	}
}

func TestVersionFlag(t *testing.T) {
	if code, text := say(t, "", "--version"); code != fault.ExitOK || !strings.HasPrefix(text, "milvusdm version ") {
		t.Errorf("exit code %d, says: %s", code, text)
	}
}
