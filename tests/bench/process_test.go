package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"milvusdm/tests/stack"
)

func workerPID(b *testing.B, w *stack.Worker) int {
	b.Helper()
	pid, running := w.PID()
	if !running {
		b.Fatal("the worker does not run")
	}
	return pid
}

// peak is the most memory that a process has taken so far (VmHWM), in bytes; 0 for one that has ended.
func peak(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			var kb int64
			if n, _ := fmt.Sscan(rest, &kb); n == 1 {
				return kb << 10
			}
		}
	}
	return 0
}

// children are the processes that a process has started and that run.
func children(pid int) []int {
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return nil // for a wrong pattern only
	}
	var out []int
	for _, list := range lists {
		text, _ := os.ReadFile(list) // of a thread that has ended there is none
		for _, field := range strings.Fields(string(text)) {
			if child, err := strconv.Atoi(field); err == nil {
				out = append(out, child)
			}
		}
	}
	return out
}

// ticksPerSecond is the unit of /proc/PID/stat, the same on all of Linux's current machines.
const ticksPerSecond = 100

// cpuTime is the processor time of a process, user and system, with that of the children that it has waited for.
func cpuTime(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:])) // from the third on
	var ticks int64
	for _, field := range fields[14-3 : 18-3] { // utime, stime, cutime, cstime
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / ticksPerSecond, nil
}

// meter looks at a process again and again: at its processor time, so that it can be told of any span, and at the memory of
// its children.
type meter struct {
	at        []time.Time
	cpu       []time.Duration
	childPeak int64
	end       chan struct{}
	done      chan error
}

func startMeter(b *testing.B, pid int) *meter {
	b.Helper()
	m := &meter{end: make(chan struct{}), done: make(chan error, 1)}
	if err := m.read(pid); err != nil {
		b.Fatal(err)
	}
	go func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-m.end:
				m.done <- m.read(pid)
				return
			case <-tick.C:
				if err := m.read(pid); err != nil {
					m.done <- err
					return
				}
			}
		}
	}()
	return m
}

func (m *meter) read(pid int) error {
	cpu, err := cpuTime(pid)
	m.at, m.cpu = append(m.at, time.Now()), append(m.cpu, cpu)
	for _, child := range children(pid) {
		m.childPeak = max(m.childPeak, peak(child))
	}
	return err
}

func (m *meter) stop(b *testing.B) {
	b.Helper()
	close(m.end)
	if err := <-m.done; err != nil {
		b.Fatal(err)
	}
}

// used is what the process used from one reading before or at from to the first at or behind to.
func (m *meter) used(from, to time.Time) time.Duration {
	first := sort.Search(len(m.at), func(i int) bool { return m.at[i].After(from) })
	last := sort.Search(len(m.at), func(i int) bool { return !m.at[i].Before(to) })
	return m.cpu[min(last, len(m.cpu)-1)] - m.cpu[max(first-1, 0)]
}
