package gofaiss

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"milvusdm/internal/access"
	"milvusdm/internal/faiss"
	"milvusdm/internal/fault"
	"milvusdm/internal/human"
	"milvusdm/internal/transfer"
)

// helper starts children. It implements faiss.Helper.
type helper struct {
	program string        // "" is this one
	version string        // of the Faiss that is linked
	wait    time.Duration // for a frame; 0: by the file's size
	mu      sync.Mutex
	known   map[string]described
}

// described is what is known of a file, as long as it is the same file.
type described struct {
	stat fs.FileInfo
	info faiss.Info
}

func newHelper(program, version string) *helper {
	return &helper{program: program, version: version, known: map[string]described{}}
}

// Version implements faiss.Helper.
func (h *helper) Version() string { return h.version }

// Describe implements faiss.Helper. It remembers its answers, since each costs loading the index.
func (h *helper) Describe(ctx context.Context, path string) (faiss.Info, error) {
	stat, err := os.Stat(path)
	if err != nil {
		return faiss.Info{}, access.Failed(err, "describe Faiss index")
	}
	h.mu.Lock()
	d, ok := h.known[path]
	h.mu.Unlock()
	if ok && os.SameFile(stat, d.stat) && stat.Size() == d.stat.Size() && stat.ModTime().Equal(d.stat.ModTime()) {
		return d.info, nil
	}
	c, err := h.start(ctx, path, 0, 0, modeInfo)
	if err != nil {
		return faiss.Info{}, err
	}
	if err := c.expectEnd(ctx); err != nil {
		return faiss.Info{}, errors.Join(err, c.Close())
	}
	i := faiss.Info{Rows: c.info.Rows, Dim: c.info.Dim, Metric: faiss.Metric(c.info.Metric), IDs: c.info.IDs}
	h.mu.Lock()
	h.known[path] = described{stat, i}
	h.mu.Unlock()
	return i, c.Close()
}

// Open implements faiss.Helper.
func (h *helper) Open(ctx context.Context, path string, first, count int64, vectors bool) (faiss.Stream, error) {
	mode := modeIDs
	if vectors {
		mode = modeVectors
	}
	c, err := h.start(ctx, path, first, count, mode)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// child is a running child process. It implements faiss.Stream. It dies with this program.
type child struct {
	path    string
	cmd     *exec.Cmd
	pipe    *os.File
	in      *bufio.Reader
	printed output
	info    info
	vectors bool
	// patience bounds the wait for a frame. report is told of signs of work meanwhile.
	patience time.Duration
	report   func(string)

	frame   []byte
	ids     []byte // of the rows of the frame that are not handed out yet
	rows    []byte // their vectors
	waiting func() error
}

func (h *helper) start(ctx context.Context, path string, first, count int64, mode string) (*child, error) {
	program := h.program
	if program == "" {
		var err error
		if program, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("start go-faiss for %s: %w", path, err)
		}
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start go-faiss for %s: %w", path, err)
	}
	c := &child{path: path, pipe: r, in: bufio.NewReaderSize(r, 64<<10), vectors: mode == modeVectors,
		patience: h.patience(path), report: transfer.Reporter(ctx)}
	c.cmd = exec.Command(program, command, path, strconv.FormatInt(first, 10), strconv.FormatInt(count, 10), mode)
	c.cmd.ExtraFiles = []*os.File{w}
	c.cmd.Stdout, c.cmd.Stderr = &c.printed, &c.printed
	c.cmd.Env = append(os.Environ(), "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1", "GOTRACEBACK=none")
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err = errors.Join(c.cmd.Start(), w.Close()) // the child has its own; when that is closed, reading ends
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start go-faiss for %s: %w", path, err), r.Close())
	}
	c.waiting = sync.OnceValue(c.cmd.Wait)
	if err := c.readInfo(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// next reads a frame. When ctx or the child's time ends, the child does.
func (c *child) next(ctx context.Context, limit int) (kind byte, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.patience, errSlow)
	defer cancel()
	defer context.AfterFunc(ctx, c.kill)()
	defer c.watch()()
	kind, c.frame, err = readFrame(c.in, c.frame, limit)
	switch {
	case err != nil:
		return 0, c.died(ctx, err)
	case kind == frameError:
		var f failure
		if err := json.Unmarshal(c.frame, &f); err != nil {
			return 0, c.died(ctx, err)
		}
		return 0, f.fault(c.path)
	}
	return kind, nil
}

func (f failure) fault(path string) error {
	if strings.Contains(f.Text, "could not open") {
		kind := fault.Denied
		if strings.Contains(f.Text, "No such file") {
			kind = fault.NotFound
		}
		return fault.New(kind, "%s: Faiss: %s (%s)", path, f.Text, access.Here())
	}
	if f.Unsupported {
		return fault.New(fault.Unsupported, "%s: Faiss can't give its vectors back: %s; write the vectors that it "+
			"was made from into a Flat index", path, f.Text)
	}
	return fault.New(fault.Corrupt, "%s: Faiss refuses it: %s; copy it again or write it again with faiss.write_index",
		path, f.Text)
}

// died says what became of a child that sent no more frames.
func (c *child) died(ctx context.Context, cause error) error {
	switch err := ctx.Err(); {
	case errors.Is(context.Cause(ctx), errSlow):
		return fault.New(fault.Unsupported, "%s: the go-faiss process that was reading it was ended: it gave nothing "+
			"for %s, which is long for a file of this size; "+
			"the file is damaged, or reading it is very slow on this machine; write the vectors into a Flat index, "+
			"which is read without go-faiss", c.path, human.Duration(c.patience))
	case err != nil:
		return err
	}
	c.kill() // if it talks nonsense
	err := c.waiting()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if s, ok := exit.Sys().(syscall.WaitStatus); ok && s.Signaled() && s.Signal() == syscall.SIGKILL && errors.Is(cause, io.EOF) {
			return fault.New(fault.Unsupported, "%s: the go-faiss process that was reading it was killed, probably "+
				"because memory ran out: Faiss loads the whole index; free memory, or write the vectors into a Flat "+
				"index, which is read piece by piece", c.path)
		}
		return fault.New(fault.Corrupt, "%s: Faiss crashed while it read the file (%v%s), which is probably damaged: "+
			"copy it again or write it again with faiss.write_index",
			c.path, exit, c.printed.firstLine())
	}
	return fault.New(fault.Internal, "%s: go-faiss process: %w%s", c.path, cause, c.printed.firstLine())
}

func (c *child) readInfo(ctx context.Context) error {
	kind, err := c.next(ctx, frameBytes)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(c.frame, &c.info); kind != frameInfo || err != nil {
		return c.died(ctx, fmt.Errorf("a frame %q instead of what the index holds: %w", kind, err))
	}
	if c.info.Rows < 0 || c.info.Dim < 1 || c.info.Dim > maxDim {
		return fault.New(fault.Corrupt, "%s: Faiss finds %d rows of dimension %d in it", c.path, c.info.Rows, c.info.Dim)
	}
	return nil
}

const maxDim = 1 << 20 // Faiss's own bound

func (c *child) expectEnd(ctx context.Context) error {
	kind, err := c.next(ctx, frameBytes)
	if err == nil && kind != frameEnd {
		err = c.died(ctx, fmt.Errorf("a frame %q instead of the end", kind))
	}
	return err
}

// Read implements faiss.Stream.
func (c *child) Read(ctx context.Context, vectors []float32, ids []int64) error {
	v, k := bytesOf(vectors), bytesOf(ids)
	if !c.vectors {
		v = nil
	}
	if !c.info.IDs {
		k = nil
	}
	for len(v) > 0 || len(k) > 0 {
		if len(c.rows) == 0 && len(c.ids) == 0 {
			if err := c.nextRows(ctx); err != nil {
				return err
			}
		}
		n := copy(v, c.rows)
		v, c.rows = v[n:], c.rows[n:]
		n = copy(k, c.ids)
		k, c.ids = k[n:], c.ids[n:]
	}
	return nil
}

// nextRows reads a frame of rows.
func (c *child) nextRows(ctx context.Context) error {
	width, idWidth := 0, 0
	if c.vectors {
		width = c.info.Dim * 4
	}
	if c.info.IDs {
		idWidth = 8
	}
	kind, err := c.next(ctx, frameBytes+width+idWidth)
	if err != nil {
		return err
	}
	if kind != frameRows || len(c.frame) == 0 || len(c.frame)%(width+idWidth) != 0 {
		return c.died(ctx, fmt.Errorf("a frame %q of %d bytes instead of rows of %d bytes", kind, len(c.frame), width+idWidth))
	}
	rows := len(c.frame) / (width + idWidth)
	c.ids, c.rows = c.frame[:rows*idWidth], c.frame[rows*idWidth:]
	return nil
}

// Close ends the child.
func (c *child) Close() error {
	c.kill()
	_ = c.waiting() // that it was killed is no news
	return c.pipe.Close()
}

func (c *child) kill() {
	_ = c.cmd.Process.Kill() // fails if it has ended by itself
}

// output keeps the first part of what a child prints.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	const most = 8 << 10
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text.Write(p[:min(len(p), most-o.text.Len())])
	return len(p), nil
}

func (o *output) firstLine() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	line, _, _ := strings.Cut(strings.TrimSpace(o.text.String()), "\n")
	if line == "" {
		return ""
	}
	return ": " + strings.ToValidUTF8(line, "?")
}
