package cli

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"milvusdm/workflows"
)

// shared is the Temporal server of all tests that don't stop theirs.
var shared *testsuite.DevServer

func TestMain(m *testing.M) {
	time.Local = time.UTC
	code := m.Run()
	if shared != nil {
		if err := shared.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stop Temporal:", err)
			code = 1
		}
	}
	os.Exit(code)
}

var startShared = sync.OnceValues(func() (*testsuite.DevServer, error) {
	server, err := startTemporal(&client.Options{})
	shared = server
	return server, err
})

// startTemporal starts a real Temporal server: the program that TEMPORAL_CLI names, or temporal on the PATH.
func startTemporal(options *client.Options, args ...string) (*testsuite.DevServer, error) {
	program := os.Getenv("TEMPORAL_CLI")
	if program == "" {
		var err error
		if program, err = exec.LookPath("temporal"); err != nil {
			return nil, fmt.Errorf("these tests need the Temporal CLI: set TEMPORAL_CLI to its path, or run them by `make test`: %w", err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	options.Logger = log.NewStructuredLogger(slog.New(slog.DiscardHandler))
	return testsuite.StartDevServer(ctx, testsuite.DevServerOptions{ExistingPath: program, ClientOptions: options, LogLevel: "never",
		Stdout: &bytes.Buffer{}, Stderr: os.Stderr, ExtraArgs: args})
}

// bench is a task queue of its own on a Temporal server.
type bench struct {
	*testing.T
	client.Client
	address, queue, dir string
	env                 environment
}

func needsServer(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a Temporal server, which a -short run goes without")
	}
}

// newBench makes a bench on the shared server.
func newBench(t *testing.T) *bench {
	t.Helper()
	needsServer(t)
	server, err := startShared()
	if err != nil {
		t.Fatal(err)
	}
	return benchOn(t, server)
}

func benchOn(t *testing.T, server *testsuite.DevServer) *bench {
	return &bench{T: t, Client: server.Client(), address: server.FrontendHostPort(), queue: t.Name(), dir: t.TempDir(),
		env: environment{"TEMPORAL_CONFIG_FILE": filepath.Join(t.TempDir(), "none"), "TEMPORAL_ADDRESS": server.FrontendHostPort(),
			"TEMPORAL_UI": "http://ui.test:8233/"}}
}

// work starts a worker with toy workflows, for the time of the test.
func (b *bench) work() *bench {
	b.Helper()
	w := worker.New(b.Client, b.queue, worker.Options{})
	registerToys(w)
	if err := w.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(w.Stop)
	return b
}

// environment is a process's environment.
type environment map[string]string

func (e environment) LookupEnv(name string) (string, bool) {
	v, ok := e[name]
	return v, ok
}

func (e environment) Environ() []string {
	var out []string
	for k, v := range e {
		out = append(out, k+"="+v)
	}
	return out
}

// answer is what a run of the program left.
type answer struct {
	code           int
	stdout, stderr string
	t              *testing.T
	args           []string
}

// milvusdm runs the program.
func (b *bench) milvusdm(args ...string) *answer {
	b.Helper()
	return b.until(context.Background(), args...)
}

// until runs the program until it ends, or the context does, which is its Ctrl-C.
func (b *bench) until(ctx context.Context, args ...string) *answer {
	b.Helper()
	p := b.start(ctx, args...)
	return p.wait()
}

// process is a run of the program that goes on.
type process struct {
	*bench
	stdout, stderr *buffer
	args           []string
	done           chan int
}

func (b *bench) start(ctx context.Context, args ...string) *process {
	p := &process{bench: b, stdout: &buffer{}, stderr: &buffer{}, done: make(chan int, 1)}
	if p.args = args; args[0] != "__complete" {
		p.args = append(args, "--task-queue", b.queue)
	}
	s := Surroundings{Stdout: p.stdout, Stderr: p.stderr, Env: b.env, Width: func() int { return 0 }}
	go func() { p.done <- Main(ctx, p.args, s) }()
	return p
}

func (p *process) wait() *answer {
	p.Helper()
	select {
	case code := <-p.done:
		return &answer{code: code, stdout: p.stdout.String(), stderr: p.stderr.String(), t: p.T, args: p.args}
	case <-time.After(time.Minute):
		p.Fatalf("milvusdm %s does not end\nstdout: %s\nstderr: %s", strings.Join(p.args, " "), p.stdout, p.stderr)
		return nil
	}
}

// says waits until the program has written the text to standard error.
func (p *process) says(text string) {
	p.Helper()
	for limit := time.Now().Add(20 * time.Second); !strings.Contains(p.stderr.String(), text); {
		if time.Now().After(limit) {
			p.Fatalf("milvusdm %s does not say %q, but:\n%s", strings.Join(p.args, " "), text, p.stderr)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// buffer is a bytes.Buffer that is read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// exits checks the exit code.
func (a *answer) exits(code int) *answer {
	a.t.Helper()
	if a.code != code {
		a.t.Errorf("milvusdm %s: exit code %d, want %d\nstdout: %s\nstderr: %s", strings.Join(a.args, " "), a.code, code, a.stdout, a.stderr)
	}
	return a
}

// has checks that a text is in what was written to one of the two outputs.
func (a *answer) has(texts ...string) *answer {
	a.t.Helper()
	for _, text := range texts {
		if !strings.Contains(a.stdout+a.stderr, text) {
			a.t.Errorf("milvusdm %s does not say %q, but\nstdout: %s\nstderr: %s", strings.Join(a.args, " "), text, a.stdout, a.stderr)
		}
	}
	return a
}

// lacks checks that a text is in neither.
func (a *answer) lacks(text string) *answer {
	a.t.Helper()
	if strings.Contains(a.stdout+a.stderr, text) {
		a.t.Errorf("milvusdm %s says %q:\nstdout: %s\nstderr: %s", strings.Join(a.args, " "), text, a.stdout, a.stderr)
	}
	return a
}

// job writes a job's file. The collection names what the toy does; its name is unique on the server.
func (b *bench) job(collection string, more ...string) (path, name string) {
	b.Helper()
	name = strings.NewReplacer("/", ".", " ", "_").Replace(b.Name()) + "-" + collection
	path = filepath.Join(b.dir, name+".yaml")
	text := "version: 1\nsource:\n  hdf5:\n    paths: [toy.h5]\ntarget:\n  milvus:\n    address: 127.0.0.1:19530\n    collection: " + collection + "\n" +
		strings.Join(more, "\n") + "\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	return path, name
}

// collections writes the file of a job of several collections.
func (b *bench) collections(name string, collections ...string) (path string) {
	b.Helper()
	path = filepath.Join(b.dir, name+".yaml")
	text := "version: 1\nsource:\n  milvus:\n    address: 127.0.0.1:19530\n    collections: [" + strings.Join(collections, ", ") + "]\n" +
		"target:\n  milvus:\n    address: 127.0.0.1:19531\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	return path
}

// finish has a waiting toy end, and its job be done.
func (b *bench) finish(name string) {
	b.Helper()
	if err := b.SignalWorkflow(context.Background(), name, "", finishSignal, nil); err != nil {
		b.Fatal(err)
	}
	if err := b.GetWorkflow(context.Background(), name, "").Get(context.Background(), &workflows.Result{}); err != nil {
		b.Fatal(err)
	}
}
