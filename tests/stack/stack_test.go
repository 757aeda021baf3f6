package stack

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"go.temporal.io/api/enums/v1"
	temporal "go.temporal.io/sdk/client"
)

func TestTemporalKeepsWorkflowsWhenKilled(t *testing.T) {
	server := Temporal(t)
	run, err := dialTemporal(t, server).ExecuteWorkflow(t.Context(),
		temporal.StartWorkflowOptions{ID: "kept", TaskQueue: "nobody"}, "Unknown")
	if err != nil {
		t.Fatal(err)
	}
	for _, end := range []func(testing.TB){server.Kill9, server.Stop} {
		end(t)
		if _, running := server.PID(); running {
			t.Fatal("the server still runs")
		}
		server.Start(t)
		answer, err := dialTemporal(t, server).DescribeWorkflowExecution(t.Context(), "kept", run.GetRunID())
		if err != nil {
			t.Fatal(err)
		}
		if got := answer.WorkflowExecutionInfo.Status; got != enums.WORKFLOW_EXECUTION_STATUS_RUNNING {
			t.Errorf("status after a restart: %v", got)
		}
	}
}

func TestMilvusKeepsRowsWhenKilled(t *testing.T) {
	const rows = 500
	server := Milvus(t, 0)
	milvus := dialMilvus(t, server)
	makeCollection(t, milvus, "kept")
	insertRows(t, milvus, "kept", rows)

	server.Kill9(t)
	server.Start(t)

	milvus = dialMilvus(t, server)
	if count := countRows(t, milvus, "kept"); count != rows {
		t.Errorf("%d rows after a kill and a restart, want %d", count, rows)
	}
}

func TestPausedProcessGoesOn(t *testing.T) {
	w := newWorker(t, program(t, `while :; do echo tick; sleep 0.02; done`), nil)
	w.Start(t)
	awaitLog(t, w, "tick")
	w.Pause(t)
	time.Sleep(100 * time.Millisecond) // for a tick that was under way
	before := w.Log()
	time.Sleep(200 * time.Millisecond)
	if w.Log() != before {
		t.Error("a paused worker went on")
	}
	w.Continue(t)
	for deadline := time.Now().Add(5 * time.Second); w.Log() == before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a continued worker did not go on")
		}
	}
	w.Kill9(t)
	if _, running := w.PID(); running {
		t.Error("a killed worker runs")
	}
}

func TestTermWaitsForTheWorker(t *testing.T) {
	w := newWorker(t, program(t, `trap 'echo bye; exit 0' TERM; echo $GREETING; while :; do sleep 0.02; done`),
		[]string{"GREETING=hello"})
	w.Start(t)
	awaitLog(t, w, "hello")
	w.Term(t, 5*time.Second)
	if !strings.HasSuffix(w.Log(), "bye\n") {
		t.Errorf("log %q", w.Log())
	}
}

// A pid file may outlive its process, and the number may go to another one.
func TestForeignProcessIsNotOurs(t *testing.T) {
	state := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(state, "run"), 0o755))
	must(t, os.MkdirAll(filepath.Join(state, "milvus"), 0o755))
	p := Process{state, "milvus"}
	must(t, os.WriteFile(p.pidFile(), []byte(strconv.Itoa(os.Getpid())), 0o644))
	if _, running := p.PID(); running {
		t.Error("this test is taken for a Milvus server")
	}
	root := Root(t)
	must(t, script(root, "milvus.sh", "stop", state, "milvus")) // and so it does not kill us
	if _, err := os.Stat(p.pidFile()); !os.IsNotExist(err) {
		t.Errorf("the stale pid file stays: %v", err)
	}
}

func TestPortInUseIsNamed(t *testing.T) {
	server := Temporal(t)
	err := script(Root(t), "temporal.sh", "start", t.TempDir(), "other", strconv.Itoa(server.port))
	if err == nil {
		t.Fatal("two servers on one port")
	}
	pid, _ := server.PID()
	for _, want := range []string{fmt.Sprintf("port %d", server.port), fmt.Sprintf("process %d", pid), "TEMPORAL_PORT="} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
}

// TestNothingIsLeftBehind kills a test binary that has a server running.
func TestNothingIsLeftBehind(t *testing.T) {
	if os.Getenv("STACK_TEST_CHILD") != "" {
		pid, _ := Temporal(t).PID()
		fmt.Printf("CHILD %d %s\n", pid, Dir(t))
		select {}
	}
	Dir(t) // skips where it must
	child := exec.Command(os.Args[0], "-test.run=^TestNothingIsLeftBehind$")
	child.Env = append(os.Environ(), "STACK_TEST_CHILD=1")
	out, err := child.StdoutPipe()
	must(t, err)
	must(t, child.Start())
	var pid int
	var state string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if _, err := fmt.Sscanf(lines.Text(), "CHILD %d %s", &pid, &state); err == nil {
			break
		}
	}
	p := Process{state, "temporal"}
	if got, running := p.PID(); !running || got != pid {
		t.Fatalf("the child's server %d does not run", pid)
	}
	must(t, child.Process.Kill())
	if err := child.Wait(); err == nil {
		t.Fatal("the child was not killed")
	}
	p.awaitEnd(t, 10*time.Second)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(state); os.IsNotExist(err) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is left behind", state)
		}
	}
}

// program writes a program that stands for a worker.
func program(t *testing.T, body string) string {
	path := filepath.Join(t.TempDir(), "worker")
	must(t, os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o755))
	return path
}

func awaitLog(t *testing.T, w *Worker, text string) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !strings.Contains(w.Log(), text); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%q is not in the log %q", text, w.Log())
		}
	}
}

// awaitLoad loads a collection of a server that was killed. Until the session of its dead query node has expired, Milvus
// answers "unrecoverable error"; it is not.
func awaitLoad(t *testing.T, milvus client.Client, collection string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Second) {
		err := milvus.LoadCollection(t.Context(), collection, false)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("load %s: %v", collection, err)
		}
	}
}

func dialTemporal(t *testing.T, server *Server) temporal.Client {
	t.Helper()
	c, err := temporal.Dial(temporal.Options{HostPort: server.Address})
	must(t, err)
	t.Cleanup(c.Close)
	return c
}

func dialMilvus(t *testing.T, server *Server) client.Client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // the dial blocks as long as this allows
	defer cancel()
	c, err := client.NewClient(ctx, client.Config{Address: server.Address})
	must(t, err)
	t.Cleanup(func() { must(t, c.Close()) })
	return c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
