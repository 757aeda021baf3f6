package sweep

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// gate stands between a worker and the kernel, as a proxy does between it and a server: the system calls that make files
// durable and give them their names are announced before they are done, and one of them can be kept. The worker knows
// nothing of it.
//
// The kernel does it (seccomp_unotify(2)): this program, started in the worker's stead, asks to be told of those calls, hands the
// descriptor that tells to the test, and becomes the worker.
type gate struct {
	t       *testing.T
	listen  *net.UnixListener
	serving sync.WaitGroup

	mu   sync.Mutex
	rule func(fileCall) bool // picks the call that is kept; nil when none is waited for
	halt *halt
	kept map[uint32][]notified // what is kept by thread: a call that a signal interrupts comes again
}

// fileCall is a system call: "fsync", "linkat" or "unlinkat", and the path of the file, of linkat the base of the new one and of
// unlinkat the base.
type fileCall struct{ name, path string }

var fileCalls = map[int32]string{unix.SYS_FSYNC: "fsync", unix.SYS_LINKAT: "linkat", unix.SYS_UNLINKAT: "unlinkat"}

// gateVariable holds the path of the socket that the descriptor is handed over by.
const gateVariable = "MILVUSDM_SWEEP_GATE"

func newGate(t *testing.T) *gate {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gate")
	listen, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	must(t, err)
	g := &gate{t: t, listen: listen, kept: map[uint32][]notified{}}
	t.Cleanup(func() { // when the processes have ended
		must(t, listen.Close())
		g.serving.Wait()
	})
	g.serving.Go(func() {
		for {
			c, err := listen.AcceptUnix()
			if err != nil {
				return // closed
			}
			if err := g.attend(c); err != nil {
				t.Errorf("gate: %v", err)
			}
		}
	})
	return g
}

// env has a process come through the gate that is started as this program.
func (g *gate) env() string { return gateVariable + "=" + g.listen.Addr().String() }

// keep arms the gate: the first call that pick answers true to stays where it is until it is let go.
func (g *gate) keep(pick func(fileCall) bool) *halt {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.rule, g.halt = pick, &halt{arrived: make(chan struct{}), release: make(chan error, 1)}
	h := g.halt
	go func() {
		<-h.release
		g.mu.Lock()
		defer g.mu.Unlock()
		g.rule, g.halt = nil, nil
		for _, calls := range g.kept {
			for _, c := range calls {
				c.goOn()
			}
		}
		clear(g.kept)
	}()
	g.t.Cleanup(func() { h.letGo(nil) })
	return h
}

// attend takes over the descriptor of a process that was started, and answers until the process has ended.
func (g *gate) attend(c *net.UnixConn) error {
	defer c.Close()
	oob := make([]byte, unix.CmsgSpace(4))
	if _, _, _, _, err := c.ReadMsgUnix(make([]byte, 1), oob); err != nil {
		return err
	}
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil || len(messages) != 1 {
		return fmt.Errorf("%d descriptors were handed over: %w", len(messages), err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return err
	}
	g.serving.Go(func() { g.serve(fds[0]) })
	return nil
}

func (g *gate) serve(fd int) {
	defer unix.Close(fd) //nolint:errcheck // nothing was written
	for {
		ready := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		switch _, err := unix.Poll(ready, -1); {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			g.t.Errorf("gate: %v", err)
			return
		case ready[0].Revents&unix.POLLIN == 0:
			return // the process has ended
		}
		n := notified{fd: fd}
		switch err := n.receive(); {
		case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EINTR): // its thread was killed or interrupted meanwhile
		case err != nil:
			g.t.Errorf("gate: %v", err)
			return
		default:
			g.meet(n)
		}
	}
}

// meet keeps a call, or lets it go on.
func (g *gate) meet(n notified) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.rule == nil {
		n.goOn()
		return
	}
	if len(g.kept) == 0 {
		c, err := n.call()
		if err != nil || !g.rule(c) { // of a call whose process was killed, nothing can be read
			n.goOn()
			return
		}
		g.t.Logf("kept: %s of %s", c.name, c.path)
		close(g.halt.arrived)
	} else if g.kept[n.Thread] == nil {
		n.goOn()
		return
	}
	g.kept[n.Thread] = append(g.kept[n.Thread], n)
}

// notified is the kernel's struct seccomp_notif, and where it came from.
type notified struct {
	fd int
	notification
}

type notification struct {
	ID          uint64
	Thread      uint32
	Flags       uint32
	Number      int32
	Arch        uint32
	Instruction uint64
	Args        [6]uint64
}

// response is the kernel's struct seccomp_notif_resp.
type response struct {
	ID    uint64
	Value int64
	Error int32
	Flags uint32
}

func (n *notified) receive() error {
	return ioctl(n.fd, unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&n.notification))
}

// goOn has the kernel do the call. One that is no more, because its thread was killed or interrupted, needs no answer.
func (n *notified) goOn() {
	r := response{ID: n.ID, Flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
	_ = ioctl(n.fd, unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&r))
}

func ioctl(fd int, request uintptr, arg unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(arg)); errno != 0 {
		return errno
	}
	return nil
}

// call reads what is asked for.
func (n *notified) call() (fileCall, error) {
	c := fileCall{name: fileCalls[n.Number]}
	var err error
	switch c.name {
	case "fsync":
		c.path, err = os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", n.Thread, n.Args[0]))
	case "linkat":
		c.path, err = n.text(n.Args[3])
	case "unlinkat":
		c.path, err = n.text(n.Args[1])
	}
	return c, err
}

// text reads a C string out of the worker's memory.
func (n *notified) text(at uint64) (string, error) {
	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", n.Thread))
	if err != nil {
		return "", err
	}
	defer memory.Close()
	text := make([]byte, unix.PathMax)
	read, err := memory.ReadAt(text, int64(at))
	end := bytes.IndexByte(text[:read], 0)
	if end < 0 {
		return "", fmt.Errorf("no path at %#x: %w", at, err)
	}
	return string(text[:end]), nil
}

// passGate is what this program does in the worker's stead, which it then becomes.
func passGate(socket string, args []string) error {
	runtime.LockOSThread() // the filter is this thread's, until it is the worker's
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	filter := gateFilter()
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		return fmt.Errorf("seccomp: %w", errno)
	}
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		return err
	}
	if _, _, err := c.WriteMsgUnix([]byte{0}, unix.UnixRights(int(fd)), nil); err != nil {
		return err
	}
	if err := unix.Close(int(fd)); err != nil {
		return err
	}
	return syscall.Exec(args[0], args, os.Environ())
}

// gateFilter announces the calls of fileCalls; all others are done at once.
func gateFilter() []unix.SockFilter {
	const load, jump, answer = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	filter := []unix.SockFilter{{Code: load, K: 0}} // the call's number
	for number := range fileCalls {
		filter = append(filter, unix.SockFilter{Code: jump, K: uint32(number), Jf: 1}, unix.SockFilter{Code: answer, K: unix.SECCOMP_RET_USER_NOTIF})
	}
	return append(filter, unix.SockFilter{Code: answer, K: unix.SECCOMP_RET_ALLOW})
}
