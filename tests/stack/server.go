package stack

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
)

// Server is a Temporal or a Milvus server. It keeps its address and its state when it is stopped or killed.
type Server struct {
	Process
	// Address is host:port of its gRPC interface.
	Address string

	script string
	port   int
	more   []string // arguments of the script's start, after the port
}

// milvusPorts is how many ports in a row a Milvus server takes.
const milvusPorts = 13

var servers = struct {
	sync.Mutex
	byName map[string]*Server
}{byName: map[string]*Server{}}

// Temporal returns the shared Temporal server, running.
func Temporal(t testing.TB) *Server {
	t.Helper()
	return shared(t, "temporal", "temporal.sh", 1)
}

// TemporalWith returns a Temporal server of its own that is started with these settings of its dynamic configuration, each
// as key=value, and is shared by all who ask for the same name, running.
func TemporalWith(t testing.TB, name string, settings ...string) *Server {
	t.Helper()
	return shared(t, "temporal-"+name, "temporal.sh", 1, append([]string{""}, settings...)...)
}

// Milvus returns the i-th of the shared Milvus servers, running.
func Milvus(t testing.TB, i int) *Server {
	t.Helper()
	return shared(t, fmt.Sprintf("milvus-%d", i), "milvus.sh", milvusPorts)
}

// MilvusWith returns the shared Milvus server of that name, running with further settings, each as scripts/milvus.sh takes it.
// They are those of the first call.
func MilvusWith(t testing.TB, name string, settings ...string) *Server {
	t.Helper()
	return shared(t, "milvus-"+name, "milvus.sh", milvusPorts, settings...)
}

// shared returns the server of that name: a new one the first time, then the same, started again if a test left it dead.
func shared(t testing.TB, name, script string, ports int, more ...string) *Server {
	t.Helper()
	state := Dir(t)
	servers.Lock()
	defer servers.Unlock()
	if server := servers.byName[name]; server != nil {
		server.Start(t)
		return server
	}
	// Between the look for free ports and the start, somebody may have taken one.
	var err error
	for range 3 {
		server := &Server{Process: Process{state, name}, script: script, port: freePorts(ports), more: more}
		server.Address = net.JoinHostPort("127.0.0.1", strconv.Itoa(server.port))
		if err = server.start(); err == nil {
			servers.byName[name] = server
			return server
		}
	}
	t.Fatal(err)
	return nil
}

// Start starts the server on its state, unless it runs, and returns when it answers.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
}

func (s *Server) start() error {
	root, err := root()
	if err != nil {
		return err
	}
	return script(root, s.script, append([]string{"start", s.state, s.name, strconv.Itoa(s.port)}, s.more...)...)
}

// Stop stops the server as make down does: Milvus flushes all collections, then the server is asked to end, and killed
// when it takes too long.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	if err := script(Root(t), s.script, "stop", s.state, s.name); err != nil {
		t.Fatal(err)
	}
}

// freePorts returns the first of n ports in a row that nothing listens on. They are below the range from which Linux
// takes the ports of outgoing connections.
//
// They are this process's as long as it runs, so that no other test program takes them while a server of ours is dead.
func freePorts(n int) int {
	for {
		block := rand.IntN(22_000 / blockPorts)
		first := 10_000 + block*blockPorts
		if !allFree(first, n) {
			continue
		}
		if lock := reserve(block); lock != nil {
			reserved = append(reserved, lock)
			return first
		}
	}
}

// blockPorts is how many ports are reserved at once: as many as any server takes.
const blockPorts = 16

// reserved are the locks of this process's blocks; servers holds its mutex.
var reserved []*os.File

// reserve locks a block, or returns nil if another process has it.
func reserve(block int) *os.File {
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("milvusdm-ports-%d", os.Getuid()))
	err := os.MkdirAll(dir, 0o700)
	if err != nil {
		panic(err)
	}
	f, err := os.OpenFile(filepath.Join(dir, strconv.Itoa(block)), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		panic(err)
	}
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		_ = f.Close() // nothing was written
		return nil
	}
	return f
}

func allFree(first, n int) bool {
	for port := first; port < first+n; port++ {
		listener, err := net.Listen("tcp", ":"+strconv.Itoa(port))
		if err != nil {
			return false
		}
		if listener.Close() != nil {
			return false
		}
	}
	return true
}
