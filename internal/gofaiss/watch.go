package gofaiss

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"milvusdm/internal/human"
)

// Faiss gives nothing while it loads an index. A file that it reads at less than slowest bytes a second, or that
// keeps it busy for longer than that without end, as one with a damaged count can, is not waited for.
const (
	leastPatience = time.Minute
	slowest       = 5 << 20 // bytes a second
	watchEvery    = 2 * time.Second
)

var errSlow = errors.New("the process took too long")

// patience is how long a child may take for a frame of the file's rows: at most it goes through all of the file.
func (h *helper) patience(path string) time.Duration {
	if h.wait > 0 {
		return h.wait
	}
	size := int64(0)
	if stat, err := os.Stat(path); err == nil { // else the child will say what is wrong
		size = stat.Size()
	}
	return leastPatience + time.Duration(size/slowest)*time.Second
}

// watch tells c.report, until stop is called, that the child works: as long as it took processor time or read
// something.
func (c *child) watch() (stop func()) {
	done := make(chan struct{})
	go func() {
		t := time.NewTicker(watchEvery)
		defer t.Stop()
		began, last := time.Now(), c.work()
		for {
			select {
			case <-done:
				return
			case <-t.C:
			}
			now := c.work()
			if now != "" && now != last {
				c.report(fmt.Sprintf("go-faiss reading %s, for %s", filepath.Base(c.path),
					human.Duration(time.Since(began))))
			}
			last = now
		}
	}()
	return func() { close(done) }
}

// work is what Linux counts of the child's work, "" where it can't be read: its times of the processor and the
// bytes it read.
func (c *child) work() string {
	dir := "/proc/" + strconv.Itoa(c.cmd.Process.Pid)
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return ""
	}
	const userTime, systemTime = 11, 12 // fields behind the name, which is in parentheses
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) <= systemTime {
		return ""
	}
	read, err := os.ReadFile(dir + "/io")
	if err != nil {
		read = nil // not readable everywhere
	}
	read, _, _ = bytes.Cut(read, []byte("\n"))
	return string(fields[userTime]) + " " + string(fields[systemTime]) + " " + string(read)
}
