package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"milvusdm/internal/fault"
	"milvusdm/tests/stack"
	"milvusdm/workflows"
)

// answer is what a run of milvusdm left behind.
type answer struct {
	t              *testing.T
	args           []string
	code           int
	stdout, stderr string
}

// milvusdm runs the program to its end, with a worker there to do what it asks for.
func milvusdm(t *testing.T, args ...string) *answer {
	t.Helper()
	return start(t, args...).wait()
}

// process is a run of milvusdm that goes on.
type process struct {
	t              *testing.T
	cmd            *exec.Cmd
	args           []string
	stdout, stderr buffer
	ended          chan error
}

// start starts the program at the top of the project, where the relative paths of MilvusDM 2.0's files begin.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	stack.SharedWorker(t)
	p := &process{t: t, args: args, ended: make(chan error, 1)}
	p.cmd = exec.Command(stack.BuildStarter(t), args...)
	p.cmd.Dir = stack.Root(t)
	p.cmd.Env = append(os.Environ(), "TEMPORAL_ADDRESS="+stack.Temporal(t).Address, "MILVUS_TARGET="+stack.Milvus(t, 0).Address,
		"TEMPORAL_CONFIG_FILE="+filepath.Join(t.TempDir(), "none"))
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- p.cmd.Wait() }()
	return p
}

func (p *process) wait() *answer {
	p.t.Helper()
	select {
	case <-p.ended: // its exit code tells
	case <-time.After(5 * time.Minute):
		_ = p.cmd.Process.Kill()
		p.t.Fatalf("milvusdm %s does not end\nstdout: %s\nstderr: %s", strings.Join(p.args, " "), p.stdout.String(), p.stderr.String())
	}
	return &answer{p.t, p.args, p.cmd.ProcessState.ExitCode(), p.stdout.String(), p.stderr.String()}
}

// signal sends the program a signal.
func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// awaitSays waits until the program has written the text.
func (p *process) awaitSays(text string, limit time.Duration) {
	p.t.Helper()
	for end := time.Now().Add(limit); !strings.Contains(p.stdout.String()+p.stderr.String(), text); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("milvusdm %s does not say %q in %v, but\nstdout: %s\nstderr: %s", strings.Join(p.args, " "), text, limit, p.stdout.String(), p.stderr.String())
		}
	}
}

// exits checks the exit code; the test ends here when it is another.
func (a *answer) exits(code int) *answer {
	a.t.Helper()
	if a.code != code {
		a.t.Fatalf("milvusdm %s: exit code %d, want %d\nstdout: %s\nstderr: %s", strings.Join(a.args, " "), a.code, code, a.stdout, a.stderr)
	}
	return a
}

// fails checks that the exit code is that of a kind of failure.
func (a *answer) fails(kind fault.Kind) *answer {
	a.t.Helper()
	return a.exits(fault.ExitCode(kind))
}

// says checks that each text stands in what was written to one of the two outputs.
func (a *answer) says(texts ...string) *answer {
	a.t.Helper()
	for _, text := range texts {
		if !strings.Contains(a.stdout+a.stderr, text) {
			a.t.Errorf("milvusdm %s does not say %q, but\nstdout: %s\nstderr: %s", strings.Join(a.args, " "), text, a.stdout, a.stderr)
		}
	}
	return a
}

// lacks checks that a text stands in neither.
func (a *answer) lacks(text string) *answer {
	a.t.Helper()
	if strings.Contains(a.stdout+a.stderr, text) {
		a.t.Errorf("milvusdm %s says %q:\nstdout: %s\nstderr: %s", strings.Join(a.args, " "), text, a.stdout, a.stderr)
	}
	return a
}

// document is what --output json prints of a job; see `milvusdm run`.
type document struct {
	Name     string            `json:"name"`
	State    string            `json:"state"`
	Result   *workflows.Result `json:"result"`
	Status   *workflows.Status `json:"status"`
	Error    string            `json:"error"`
	Kind     fault.Kind        `json:"kind"`
	Kept     int64             `json:"kept,string"`
	Stands   string            `json:"stands"`
	ExitCode int               `json:"exitCode"`
}

// document reads the one JSON document of a run with --output json.
func (a *answer) document() *document {
	a.t.Helper()
	var d document
	decoder := json.NewDecoder(strings.NewReader(a.stdout))
	if err := decoder.Decode(&d); err != nil || decoder.More() {
		a.t.Fatalf("milvusdm %s: the answer is not one JSON document: %v\nstdout: %s\nstderr: %s", strings.Join(a.args, " "), err, a.stdout, a.stderr)
	}
	if d.ExitCode != a.code {
		a.t.Errorf("milvusdm %s: exit code %d, and %d in the answer", strings.Join(a.args, " "), a.code, d.ExitCode)
	}
	return &d
}

// verified runs a job that must end with every row counted, and returns its result.
func verified(t *testing.T, args ...string) *workflows.Result {
	t.Helper()
	d := milvusdm(t, append([]string{"-o", "json"}, args...)...).exits(fault.ExitOK).document()
	if d.Result == nil || d.Result.Outcome != workflows.OutcomeVerified {
		t.Fatalf("milvusdm %s: not verified: %+v", strings.Join(args, " "), d)
	}
	return d.Result
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

// write writes a file of the test's own and returns its path.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
