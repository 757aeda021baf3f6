package cli

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"
)

func TestStateAttribute(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := context.Background()
	const namespace = "attributes"
	_, err := b.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{Namespace: namespace,
		WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	other, err := client.NewClientFromExisting(b.Client, client.Options{Namespace: namespace})
	if err != nil {
		t.Fatal(err)
	}
	request := &operatorservice.AddSearchAttributesRequest{Namespace: namespace,
		SearchAttributes: map[string]enumspb.IndexedValueType{}}
	for _, a := range attributeKinds {
		request.SearchAttributes[a.name] = a.kind
	}
	for limit := time.Now().Add(20 * time.Second); ; time.Sleep(200 * time.Millisecond) { // until the namespace is known everywhere
		if _, err = b.OperatorService().AddSearchAttributes(ctx, request); err == nil || time.Now().After(limit) {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	b.Client, b.env["TEMPORAL_NAMESPACE"] = other, namespace
	b.work()
	path, _ := b.job("ok")
	b.milvusdm("run", path).exits(0).has("state attribute", "/namespaces/attributes/").lacks("search-attribute create")
	b.env["TEMPORAL_NAMESPACE"] = "nobodys"
	b.milvusdm("run", path).exits(10).has(`has no namespace "nobodys"`, "TEMPORAL_NAMESPACE")
}

func TestTemporalGoesAway(t *testing.T) {
	t.Parallel()
	needsServer(t)
	address := freeAddress(t)
	db := filepath.Join(t.TempDir(), "temporal.db")
	server, err := startTemporal(&client.Options{HostPort: address}, "--db-filename", db)
	if err != nil {
		t.Fatal(err)
	}
	b := benchOn(t, server).work()
	path, name := b.job("wait")
	p := b.start(context.Background(), "run", path)
	p.says("copying: 400 of 1,000 rows")
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	p.says("Temporal does not answer at " + address + "; the job goes on when it is back")
	again, err := startTemporal(&client.Options{HostPort: address}, "--db-filename", db)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := again.Stop(); err != nil {
			t.Error(err)
		}
	})
	b.Client = again.Client()
	b.finish(name)
	p.wait().exits(0).has("verified")
}

func TestTemporalUnreachable(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	path, _ := (&bench{T: t, dir: t.TempDir()}).job("ok")
	for _, address := range []string{freeAddress(t), silent.Addr().String()} {
		var stdout, stderr bytes.Buffer
		begun := time.Now()
		code := Main(context.Background(), []string{"run", path}, Surroundings{Stdout: &stdout, Stderr: &stderr, Width: func() int { return 0 },
			Env: environment{"TEMPORAL_ADDRESS": address, "TEMPORAL_CONFIG_FILE": "/nonexistent"}})
		if text := stderr.String(); code != 16 || !strings.Contains(text, "Temporal does not answer at "+address) || !strings.Contains(text, "TEMPORAL_ADDRESS") {
			t.Errorf("exit code %d, and says: %s", code, text)
		}
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("took %v", took)
		}
	}
}

func TestConfigFileProfile(t *testing.T) {
	b := newBench(t)
	file := filepath.Join(b.dir, "temporal.toml")
	text := "[profile.default]\naddress = \"" + freeAddress(t) + "\"\n[profile.right]\naddress = \"" + b.address + "\"\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(env environment) int {
		var out bytes.Buffer
		return Main(context.Background(), []string{"list"}, Surroundings{Stdout: &out, Stderr: &out, Env: env, Width: func() int { return 0 }})
	}
	if code := run(environment{"TEMPORAL_CONFIG_FILE": file}); code != 16 {
		t.Errorf("exit code %d with the wrong address", code)
	}
	if code := run(environment{"TEMPORAL_CONFIG_FILE": file, "TEMPORAL_PROFILE": "right"}); code != 0 {
		t.Errorf("exit code %d with the profile", code)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
