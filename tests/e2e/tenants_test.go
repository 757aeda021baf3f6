package e2e

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"milvusdm/internal/fault"
	"milvusdm/tests/faultproxy"
	"milvusdm/tests/stack"
)

// TestTenantsFindTheirRows: a collection whose partition key is the tenant, with the worker killed in the middle of the copy, so that rows
// are sent again that may be there; and the same rows appended once more. Each tenant finds in the target what it finds in the source.
func TestTenantsFindTheirRows(t *testing.T) {
	t.Parallel()
	from, to := theSource(t), theMilvus(t)
	name := collectionOf(t, from, to)
	makeKeyed(t, from, name)
	proxy := faultproxy.Start(t, to.address)
	copying := []string{"batch_rows: 50", "heartbeat_timeout: 3s", "write_timeout: 5s"}
	path := migrate(t, "job-"+name, from.address, fmt.Sprintf("[%s]", name), proxy.Addr(), nil, copying)
	queue := "e2e-tenants"
	w := stack.StartWorkerWith(t, "-task-queue", queue)
	hook := slow(proxy, 250*time.Millisecond)
	p := start(t, "run", path, "--task-queue", queue)
	written(t, proxy, 4)
	w.Kill9(t)
	w.Start(t)
	hook.Remove()
	p.wait().exits(fault.ExitOK).says("verified")
	if proxy.RowsSentAgain() == 0 {
		t.Error("no row was sent again: the worker was not killed in the middle")
	}
	want := tenants(t, from, name)
	if got := tenants(t, to, name); got != want {
		t.Errorf("pymilvus finds in the copy\n%s\nwant\n%s", got, want)
	}
	again := migrate(t, "again-"+name, from.address, fmt.Sprintf("[%s]", name), proxy.Addr(), []string{"mode: append"},
		append(copying, "on_existing: replace"))
	verified(t, "run", again)
	if got := tenants(t, to, name); got != want {
		t.Errorf("pymilvus finds, after the rows were appended once more,\n%s\nwant\n%s", got, want)
	}
}

// tenants is what tenants.py prints of makeKeyed's collection.
func tenants(t *testing.T, m *milvus, name string) string {
	t.Helper()
	python := stack.Python(t, "tenants.py", m.address, name, "-500", "900")
	var said bytes.Buffer
	python.Stderr = &said
	out, err := python.Output()
	if err != nil {
		t.Fatalf("pymilvus: %v\n%s", err, said.String())
	}
	return string(out)
}
