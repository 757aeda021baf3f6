// Package stack gives tests real servers: Temporal, Milvus and the worker, each a process of its own that a test may
// kill, stop and start again on the same state.
//
// Servers are started when a test first asks for them, by the scripts that make up uses, and are shared by all tests of
// a test binary. A watchdog process kills them and removes their state when the binary ends, however it ends. With
// -short, a test that asks for one is skipped.
package stack

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// folder is the state folder of this test binary, as scripts/lib.sh describes it.
type folder struct {
	path     string
	watchdog io.Closer // the end of a pipe to it; held, since it goes to work when that is closed
}

var theFolder = sync.OnceValues(func() (*folder, error) {
	root, err := root()
	if err != nil {
		return nil, err
	}
	if err := script(root, "install.sh", "servers"); err != nil {
		return nil, err
	}
	path, err := os.MkdirTemp("", "milvusdm-stack-")
	if err != nil {
		return nil, err
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return nil, err
	}
	for _, sub := range []string{"run", "log"} {
		if err := os.Mkdir(filepath.Join(path, sub), 0o755); err != nil {
			return nil, err
		}
	}
	watchdog, err := watch(root, path)
	return &folder{path, watchdog}, err
})

func watch(root, state string) (io.Closer, error) {
	cmd := exec.Command(filepath.Join(root, "scripts", "watchdog.sh"), state)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // an interrupt from the keyboard is not for it
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the watchdog of the test servers: %w", err)
	}
	return pipe, nil
}

// Dir returns the folder that holds the state and the logs of all processes of this test binary.
func Dir(t testing.TB) string {
	t.Helper()
	if testing.Short() {
		t.Skip("needs real servers")
	}
	folder, err := theFolder()
	if err != nil {
		t.Fatal(err)
	}
	return folder.path
}

// Root returns the project's top folder.
func Root(t testing.TB) string {
	t.Helper()
	root, err := root()
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func root() (string, error) {
	at, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; at = filepath.Dir(at) {
		_, err := os.Stat(filepath.Join(at, "go.mod"))
		switch {
		case err == nil:
			return at, nil
		case !errors.Is(err, fs.ErrNotExist):
			return "", err
		case at == filepath.Dir(at):
			return "", errors.New("the tests do not run inside the project: no go.mod above")
		}
	}
}

// script runs one of the project's scripts to its end; its error holds what it printed.
func script(root, name string, args ...string) error {
	_, err := scriptSays(root, name, args...)
	return err
}

// scriptSays is script that returns what the script printed.
func scriptSays(root, name string, args ...string) (string, error) {
	return run(root, filepath.Join(root, "scripts", name), args...)
}

func run(dir, name string, args ...string) (string, error) {
	// A file and not a pipe: the servers that a script starts must not keep us waiting.
	out, err := os.CreateTemp("", "milvusdm-out-")
	if err != nil {
		return "", err
	}
	defer os.Remove(out.Name()) //nolint:errcheck // a temporary file that stays does no harm
	defer out.Close()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
	cmd.Env = withoutMake(os.Environ())
	err = cmd.Run()
	said, _ := os.ReadFile(out.Name()) // what there is of it
	if err != nil {
		err = fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, said)
	}
	return string(said), err
}

// withoutMake leaves out what a surrounding make passes on to the makes that it starts itself.
func withoutMake(env []string) []string {
	var kept []string
	for _, setting := range env {
		if !strings.HasPrefix(setting, "MAKE") && !strings.HasPrefix(setting, "MFLAGS") {
			kept = append(kept, setting)
		}
	}
	return kept
}

// binaries builds both programs once and returns the folder that holds them.
var binaries = sync.OnceValues(func() (string, error) {
	folder, err := theFolder()
	if err != nil {
		return "", err
	}
	root, err := root()
	if err != nil {
		return "", err
	}
	bin := filepath.Join(folder.path, "bin")
	_, err = run(root, "make", "--silent", "build", "BIN="+bin)
	return bin, err
})

// BuildStarter returns the path of a freshly built milvusdm.
func BuildStarter(t testing.TB) string { return binary(t, "milvusdm") }

// BuildWorker returns the path of a freshly built milvusdm-worker.
func BuildWorker(t testing.TB) string { return binary(t, "milvusdm-worker") }

func binary(t testing.TB, name string) string {
	t.Helper()
	Dir(t) // skips where it must
	bin, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(bin, name)
}
