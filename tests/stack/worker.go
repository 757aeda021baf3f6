package stack

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Worker is a milvusdm-worker process that a test started.
type Worker struct {
	Process
	path string
	args []string
	env  []string
	done chan error // takes the end of the running process
}

var workers atomic.Int64

var sharedWorker struct {
	sync.Mutex
	*Worker
	users map[testing.TB]bool // tests that show its log when they fail
}

// SharedWorker returns the worker that all tests share, running, on the default task queue of the shared Temporal server. Like the
// servers it goes on until the test binary ends. When the test failed, the end of its log is shown.
func SharedWorker(t testing.TB) *Worker {
	t.Helper()
	address := Temporal(t).Address
	path := BuildWorker(t)
	sharedWorker.Lock()
	defer sharedWorker.Unlock()
	if sharedWorker.Worker == nil {
		w := &Worker{Process: Process{Dir(t), "worker"}, path: path, env: []string{"TEMPORAL_ADDRESS=" + address}}
		w.makeDir(t)
		sharedWorker.Worker, sharedWorker.users = w, map[testing.TB]bool{}
	}
	w := sharedWorker.Worker
	if _, running := w.PID(); !running {
		w.Start(t)
	}
	if !sharedWorker.users[t] {
		sharedWorker.users[t] = true
		t.Cleanup(func() { w.showLog(t) })
	}
	return w
}

// StartWorker builds the worker and starts one that is connected to the shared Temporal server. Further settings are
// given as NAME=value. It is killed at the end of the test; when the test failed, the end of its log is shown.
func StartWorker(t testing.TB, env ...string) *Worker {
	t.Helper()
	return StartWorkerAt(t, Temporal(t), env...)
}

// StartWorkerAt is StartWorker with a Temporal server other than the shared one.
func StartWorkerAt(t testing.TB, temporal *Server, env ...string) *Worker {
	t.Helper()
	w := newWorker(t, BuildWorker(t), append([]string{"TEMPORAL_ADDRESS=" + temporal.Address}, env...))
	w.Start(t)
	return w
}

// StartWorkerThrough is StartWorkerAt by way of a program that becomes the worker (exec), whose path is its first argument.
func StartWorkerThrough(t testing.TB, temporal *Server, program string, env ...string) *Worker {
	t.Helper()
	w := newWorker(t, program, append([]string{"TEMPORAL_ADDRESS=" + temporal.Address}, env...))
	w.args = []string{BuildWorker(t)}
	w.Start(t)
	return w
}

// StartWorkerWith is StartWorker with arguments.
func StartWorkerWith(t testing.TB, args ...string) *Worker {
	t.Helper()
	w := newWorker(t, BuildWorker(t), []string{"TEMPORAL_ADDRESS=" + Temporal(t).Address})
	w.args = args
	w.Start(t)
	return w
}

func newWorker(t testing.TB, path string, env []string) *Worker {
	t.Helper()
	name := fmt.Sprintf("worker-%d", workers.Add(1))
	w := &Worker{Process: Process{Dir(t), name}, path: path, env: env}
	w.makeDir(t)
	t.Cleanup(func() {
		if _, running := w.PID(); running {
			w.Kill9(t)
		}
		w.showLog(t)
	})
	return w
}

func (w *Worker) makeDir(t testing.TB) {
	t.Helper()
	if err := os.Mkdir(filepath.Join(w.state, w.name), 0o755); err != nil {
		t.Fatal(err)
	}
}

// showLog shows the end of the log when the test failed.
func (w *Worker) showLog(t testing.TB) {
	if t.Failed() {
		lines := strings.Split(w.Log(), "\n")
		t.Logf("the end of the log of %s:\n%s", w.name, strings.Join(lines[max(0, len(lines)-60):], "\n"))
	}
}

// Start starts a worker that has ended; it does not wait for it to take up work.
func (w *Worker) Start(t testing.TB) {
	t.Helper()
	if pid, running := w.PID(); running {
		t.Fatalf("%s runs already as process %d", w.name, pid)
	}
	log, err := os.OpenFile(filepath.Join(w.state, "log", w.name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close() // the worker has a descriptor of its own
	cmd := exec.Command(w.path, w.args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = filepath.Join(w.state, w.name), log, log
	cmd.Env = append(os.Environ(), w.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.done = make(chan error, 1)
	go func(done chan<- error) { done <- cmd.Wait() }(w.done)
	if err := os.WriteFile(w.pidFile(), []byte(strconv.Itoa(cmd.Process.Pid)+"\n"), 0o644); err != nil {
		t.Fatal(errors.Join(err, cmd.Process.Kill()))
	}
}

// Term asks the worker to end (SIGTERM) and waits. A worker that ends with a failure, or not in time, fails the test.
func (w *Worker) Term(t testing.TB, limit time.Duration) {
	t.Helper()
	w.signal(t, syscall.SIGTERM)
	select {
	case err := <-w.done:
		if err != nil {
			t.Fatalf("%s after SIGTERM: %v", w.name, err)
		}
	case <-time.After(limit):
		t.Fatalf("%s still runs %v after SIGTERM", w.name, limit)
	}
}
