package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"milvusdm/internal/fault"
	"milvusdm/tests/stack"
)

// otherMachine writes a program that becomes a worker as if it were on another machine: it has another host name, and dir holds
// there what elsewhere holds.
func otherMachine(t *testing.T, queue, host, dir, elsewhere string) *stack.Worker {
	t.Helper()
	if err := exec.Command("unshare", "-m", "true").Run(); err != nil {
		t.Skip("needs the right to make mount namespaces: ", err)
	}
	program := filepath.Join(t.TempDir(), "elsewhere")
	text := fmt.Sprintf("#!/bin/sh\nexec unshare -m sh -c 'mount --bind \"%s\" \"%s\" && exec \"$@\"' sh \"$@\" -host %s -task-queue %s\n", elsewhere, dir, host, queue)
	if err := os.WriteFile(program, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return stack.StartWorkerThrough(t, stack.Temporal(t), program)
}

// TestWorkersWithOtherFiles: two workers have different files under one path. The one that copies refuses what the other has
// planned, by the names of both; with the key host the job is done by the machine that it names.
func TestWorkersWithOtherFiles(t *testing.T) {
	t.Parallel()
	m := theMilvus(t)
	collection := m.collection(t)
	here, elsewhere := t.TempDir(), t.TempDir()
	copyFile := func(r rowSpan, to string) string {
		path := filepath.Join(to, "vectors.h5")
		if err := os.WriteFile(path, []byte(read(t, r.hdf5File(t))), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	path := copyFile(rowSpan{0, 4000, 1}, here)
	copyFile(rowSpan{0, 4000, 2}, elsewhere)
	queue := "hosts-" + collection
	stack.StartWorkerWith(t, "-host", "first", "-task-queue", queue)
	otherMachine(t, queue, "second", here, elsewhere)
	job := own(t, "hosts-"+collection, path, m.address, collection, nil, []string{"range_rows: 100", "batch_rows: 100"})
	a := milvusdm(t, "--task-queue", queue, "run", job)
	if a.code == fault.ExitOK || !strings.Contains(a.stderr+a.stdout, "first") || !strings.Contains(a.stderr+a.stdout, "second") {
		t.Errorf("exit code %d\n%s\n%s", a.code, a.stdout, a.stderr)
	}
	a.says("which planned the job", "by the key host")
	m.only(t, collection, false)
	for host, version := range map[string]int{"first": 1, "second": 2} {
		job := ownWith(t, "hosts-"+collection, path, m.address, collection, "host: "+host, []string{"mode: overwrite"})
		milvusdm(t, "--task-queue", queue, "run", "--fresh", job).exits(fault.ExitOK)
		m.holds(t, collection, "", rowSpan{0, 4000, version})
	}
}
