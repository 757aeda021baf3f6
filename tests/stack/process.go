package stack

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Process is a process in the state folder, running or not.
type Process struct {
	state, name string
}

// PID returns the process ID, and false when the process does not run.
func (p *Process) PID() (int, bool) {
	text, err := os.ReadFile(p.pidFile())
	if err != nil {
		return 0, false
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, false
	}
	// As in scripts/lib.sh: a process is ours while it works in its own folder, and a dead one works nowhere.
	cwd, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), "cwd"))
	return pid, err == nil && cwd == filepath.Join(p.state, p.name) || dying(pid)
}

// dying reports whether the first thread of a process is dead and others are not: its ports are still taken.
func dying(pid int) bool {
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	return err == nil && bytes.Contains(status, []byte("\nState:\tZ")) && !bytes.Contains(status, []byte("\nThreads:\t1\n"))
}

// Kill9 kills the process and returns when it is gone.
func (p *Process) Kill9(t testing.TB) {
	t.Helper()
	pid, _ := p.PID()
	p.signal(t, syscall.SIGKILL)
	p.awaitEnd(t, 10*time.Second)
	awaitThreads(t, pid, 10*time.Second)
}

// awaitThreads waits until a killed process has only its first thread left, if that: others hold its ports for a moment
// longer.
func awaitThreads(t testing.TB, pid int, limit time.Duration) {
	t.Helper()
	for deadline := time.Now().Add(limit); ; time.Sleep(10 * time.Millisecond) {
		threads, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(pid), "task"))
		if err != nil || len(threads) <= 1 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("process %d still has %d threads %v after it was killed", pid, len(threads), limit)
		}
	}
}

// Pause stops the process where it stands (SIGSTOP).
func (p *Process) Pause(t testing.TB) {
	t.Helper()
	p.signal(t, syscall.SIGSTOP)
}

// Continue lets a paused process go on (SIGCONT).
func (p *Process) Continue(t testing.TB) {
	t.Helper()
	p.signal(t, syscall.SIGCONT)
}

// Log returns what the process has printed since it was first started.
func (p *Process) Log() string {
	text, err := os.ReadFile(filepath.Join(p.state, "log", p.name+".log"))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func (p *Process) pidFile() string { return filepath.Join(p.state, "run", p.name+".pid") }

func (p *Process) signal(t testing.TB, signal syscall.Signal) {
	t.Helper()
	pid, running := p.PID()
	if !running {
		t.Fatalf("%s does not run, so it cannot be sent %v", p.name, signal)
	}
	if err := syscall.Kill(pid, signal); err != nil {
		t.Fatalf("send %v to %s (process %d): %v", signal, p.name, pid, err)
	}
}

func (p *Process) awaitEnd(t testing.TB, limit time.Duration) {
	t.Helper()
	for deadline := time.Now().Add(limit); ; time.Sleep(10 * time.Millisecond) {
		if _, running := p.PID(); !running {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s still runs after %v", p.name, limit)
		}
	}
}
