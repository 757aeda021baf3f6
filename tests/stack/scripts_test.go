package stack

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What an installation changes must not be worked out before it: libfaiss-dev is installed while make runs.
func TestBuildFlagsAreWorkedOutWhenTheyAreUsed(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(Root(t), "Makefile"))
	must(t, err)
	if strings.Contains(string(makefile), "$(shell") {
		t.Error("make works a value out when it starts")
	}
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "dpkg-query"), []byte("#!/bin/sh\ncat "+dir+"/version\n"), 0o755))
	lib := exec.Command("bash", "-c", `
		PATH=$2:$PATH; source "$1"
		(with_faiss true) 2>&1 || echo "exit $?"
		echo 1.2.3 >"$2/version"
		with_faiss printenv CGO_LDFLAGS`, "", filepath.Join(Root(t), "scripts", "lib.sh"), dir)
	lib.Env = append(os.Environ(), "MILVUSDM_CACHE=/cache")
	said, err := lib.Output()
	must(t, err)
	want := "error: libfaiss-dev is not installed; run scripts/install.sh libraries\nexit 1\n" +
		"-O2 -g -L/cache/faiss-c-1.2.3\n"
	if string(said) != want {
		t.Errorf("got %q, want %q", said, want)
	}
}

// sideBySide is a script with a command that takes long, as a child of its own, beside another one.
const sideBySide = `source "$1/scripts/lib.sh"
	trap end_lanes EXIT
	trap 'exit 130' INT
	long() { sleep 300 & echo $! >"$1/long.new"; mv "$1/long.new" "$1/long"; wait; }
	other() { while [ ! -e "$1/long" ]; do sleep 0.01; done; eval "$2"; }
	beside long "$2"
	beside other "$2" "$3"
	all_done
	echo done`

func TestFailureEndsWhatRunsBeside(t *testing.T) {
	dir := t.TempDir()
	said, err := exec.Command("bash", "-c", sideBySide, "", Root(t), dir, "die broken").CombinedOutput()
	if want := "error: broken\n"; exitCode(err) != 1 || string(said) != want {
		t.Errorf("%v, %q; want exit status 1, %q", err, said, want)
	}
	awaitDead(t, filepath.Join(dir, "long"))
}

func TestInterruptEndsWhatRunsBeside(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command("bash", "-c", sideBySide, "", Root(t), dir, "true")
	must(t, cmd.Start())
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(dir, "long")); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the command did not start")
		}
	}
	must(t, cmd.Process.Signal(syscall.SIGINT))
	if err := cmd.Wait(); exitCode(err) != 130 {
		t.Errorf("%v, want exit status 130", err)
	}
	awaitDead(t, filepath.Join(dir, "long"))
}

func exitCode(err error) int {
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return 0
}

// awaitDead waits until the process whose ID is in the file has ended.
func awaitDead(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	must(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	must(t, err)
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
		if errors.Is(err, fs.ErrNotExist) || strings.Contains(string(status), "\nState:\tZ") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("process %d still runs", pid)
		}
	}
}
