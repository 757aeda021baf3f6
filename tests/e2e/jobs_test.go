package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"milvusdm/internal/fault"
	"milvusdm/tests/faultproxy"
	"milvusdm/tests/stack"
	"milvusdm/workflows"
)

// own writes a job in our own form. target and copy are further keys of those sections, a line each.
func own(t *testing.T, name, path, address, collection string, target, copy []string) string {
	t.Helper()
	kind := "hdf5"
	if strings.HasSuffix(path, ".faiss") {
		kind = "faiss"
	}
	text := fmt.Sprintf("version: 1\nname: %s\nsource:\n  %s:\n    paths: %s\ntarget:\n  milvus:\n    address: %s\n    collection: %s\n",
		name, kind, path, address, collection)
	if !strings.Contains(strings.Join(target, ""), "index:") {
		text += "    index: {type: FLAT}\n" // the cheapest
	}
	for _, line := range target {
		text += "    " + line + "\n"
	}
	if !strings.Contains(strings.Join(copy, ""), "batch_rows:") {
		copy = append(copy, "batch_rows: 200")
	}
	text += "copy:\n"
	for _, line := range copy {
		text += "  " + line + "\n"
	}
	return write(t, name+".yaml", text)
}

// slow makes every write through the proxy take a while, until the test says otherwise.
func slow(p *faultproxy.Proxy, d time.Duration) *faultproxy.Hook {
	return p.On(faultproxy.Rule{Method: faultproxy.AnyWrite, When: faultproxy.BeforeSend, Do: faultproxy.Delay(d)})
}

// written waits until the server has acknowledged n writes.
func written(t *testing.T, p *faultproxy.Proxy, n int) {
	t.Helper()
	within(t, 2*time.Minute, fmt.Sprintf("%d writes were acknowledged", n), func() bool {
		acknowledged := 0
		for _, w := range p.Writes() {
			if !w.Acknowledged.IsZero() {
				acknowledged++
			}
		}
		return acknowledged >= n
	})
}

// startSlow starts a job whose writes go through the proxy, and returns when it is in the middle of its copy.
func startSlow(t *testing.T, p *faultproxy.Proxy, path string) (name string) {
	t.Helper()
	p.ResetWrites()
	hook := slow(p, 250*time.Millisecond)
	t.Cleanup(hook.Remove)
	name = milvusdm(t, "-o", "json", "start", path).exits(fault.ExitOK).document().Name
	written(t, p, 4)
	return name
}

// cancelInTheMiddle leaves a job half done, with its state saved.
func cancelInTheMiddle(t *testing.T, p *faultproxy.Proxy, path string) (kept int64) {
	t.Helper()
	name := startSlow(t, p, path)
	d := milvusdm(t, "-o", "json", "cancel", name).exits(fault.ExitOK).document()
	if d.State != "cancelled" || d.Kept == 0 {
		t.Fatalf("the job was to be cancelled in the middle, with rows kept: %+v", d)
	}
	return d.Kept
}

// killInTheMiddle leaves a job half done, with no state saved.
func killInTheMiddle(t *testing.T, p *faultproxy.Proxy, path string) {
	t.Helper()
	name := startSlow(t, p, path)
	c := temporal(t)
	defer c.Close()
	child := childOf(t, c, name)
	for _, id := range []string{name, child} {
		if err := c.TerminateWorkflow(t.Context(), id, "", "the test's"); err != nil {
			t.Fatal(err)
		}
	}
	// nothing is on its way any more when the last attempt has heard of it
	quiet := func() bool {
		before := len(p.Writes())
		time.Sleep(1500 * time.Millisecond)
		return before == len(p.Writes())
	}
	within(t, time.Minute, "the worker stops writing", quiet)
}

func temporal(t *testing.T) client.Client {
	t.Helper()
	c, err := client.Dial(client.Options{HostPort: stack.Temporal(t).Address})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// childOf is the ID of the workflow that does a running job's copying.
func childOf(t *testing.T, c client.Client, name string) string {
	t.Helper()
	d, err := c.DescribeWorkflowExecution(t.Context(), name, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(d.GetPendingChildren()) != 1 {
		t.Fatalf("job %s has %d children", name, len(d.GetPendingChildren()))
	}
	return d.GetPendingChildren()[0].GetWorkflowId()
}

// status asks a running job how it stands.
func status(t *testing.T, name string) *workflows.Status {
	t.Helper()
	d := milvusdm(t, "-o", "json", "status", name).exits(fault.ExitOK).document()
	if d.Status == nil {
		t.Fatalf("job %s is %s, not running", name, d.State)
	}
	return d.Status
}

// cleanUp terminates what a failed test may leave running.
func cleanUp(t *testing.T, name string) {
	t.Cleanup(func() {
		c := temporal(t)
		defer c.Close()
		d, err := c.DescribeWorkflowExecution(context.Background(), name, "")
		if err == nil && d.GetWorkflowExecutionInfo().GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_RUNNING {
			_ = c.TerminateWorkflow(context.Background(), name, "", "the test has ended") // it may just have ended by itself
		}
	})
}

// ownWith is own with a further key of the source.
func ownWith(t *testing.T, name, path, address, collection, source string, target []string) string {
	t.Helper()
	text := read(t, own(t, name, path, address, collection, target, nil))
	if source != "" {
		text = strings.Replace(text, "target:\n", "    "+source+"\ntarget:\n", 1)
	}
	return write(t, name+".yaml", text)
}
