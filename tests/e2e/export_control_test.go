package e2e

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"

	"milvusdm/internal/export"
	"milvusdm/internal/fault"
	"milvusdm/tests/faultproxy"
	"milvusdm/tests/stack"
)

// slowExport is an export of 20 parts, one after another, that takes its time.
type slowExport struct {
	name, path, run string
	proxy           *faultproxy.Proxy
	hook            *faultproxy.Hook
}

func newSlowExport(t *testing.T) *slowExport {
	t.Helper()
	from := theSource(t)
	collection := from.collection(t)
	partly{"_default": source}.make(t, from, collection)
	e := &slowExport{name: "slow-" + collection, proxy: faultproxy.Start(t, from.address)}
	dir := t.TempDir()
	e.run = filepath.Join(dir, "one")
	e.path = exportJob(t, e.name, e.proxy.Addr(), fmt.Sprintf("[{name: %s, as: C}]", collection), dir, []string{"split_rows: 100"}, []string{"parallel: 1", "heartbeat_timeout: 3s"})
	e.hook = e.proxy.On(faultproxy.Rule{Method: "Query", When: faultproxy.BeforeSend, Match: func(c *faultproxy.Call) bool {
		q, ok := c.Request.(*milvuspb.QueryRequest)
		return ok && len(q.GetOutputFields()) > 1 // not the keys alone, of which the ranges are made
	}, Do: faultproxy.Delay(300 * time.Millisecond)})
	cleanUp(t, e.name)
	return e
}

// parts are the published files, each told from another of its name.
func (e *slowExport) parts(t *testing.T) map[string]fs.FileInfo {
	t.Helper()
	out := map[string]fs.FileInfo{}
	paths, err := filepath.Glob(filepath.Join(e.run, "C", "*.h5"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(path)] = info
	}
	return out
}

// inTheMiddle waits until some parts are there.
func (e *slowExport) inTheMiddle(t *testing.T) {
	t.Helper()
	within(t, 2*time.Minute, "some parts are published", func() bool { return len(e.parts(t)) >= 4 })
}

// ends runs the job to its end, and checks that the parts that were there were not written again.
func (e *slowExport) ends(t *testing.T, before map[string]fs.FileInfo) {
	t.Helper()
	if len(before) < 4 || len(before) >= 20 {
		t.Errorf("%d parts were there in the middle", len(before))
	}
	e.hook.Remove()
	verified(t, "run", e.path)
	e.whole(t, before)
}

func (e *slowExport) whole(t *testing.T, before map[string]fs.FileInfo) {
	t.Helper()
	m, err := export.Check(t.Context(), e.run, export.Checksums, nil)
	if err != nil {
		t.Fatal(err)
	}
	if m.Rows() != int64(source.count()) || len(m.Collections[0].Parts) != 20 {
		t.Errorf("%d rows in %d parts", m.Rows(), len(m.Collections[0].Parts))
	}
	after := e.parts(t)
	for name, was := range before {
		if !os.SameFile(was, after[name]) || !was.ModTime().Equal(after[name].ModTime()) {
			t.Errorf("%s was written again", name)
		}
	}
	sum := sumOf(t)
	for _, p := range m.Collections[0].Parts {
		sum.Add(inFile(t, filepath.Join(e.run, p.Path)))
	}
	if sum != sumOf(t, source) {
		t.Errorf("the files hold %v", sum)
	}
	left, err := filepath.Glob(filepath.Join(e.run, "*", ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

// TestExportCancelled: a cancelled export keeps its parts, and goes on from them; with --drop-target nothing is left.
func TestExportCancelled(t *testing.T) {
	t.Parallel()
	e := newSlowExport(t)
	milvusdm(t, "start", e.path).exits(fault.ExitOK)
	e.inTheMiddle(t)
	d := milvusdm(t, "-o", "json", "cancel", e.name).exits(fault.ExitOK).document()
	if d.State != "cancelled" || d.Kept == 0 {
		t.Errorf("%+v", d)
	}
	if _, err := export.ReadManifest(e.run); fault.KindOf(err) != fault.Corrupt || !strings.Contains(err.Error(), "not finished") {
		t.Errorf("the manifest of a cancelled run: %v", err)
	}
	e.ends(t, e.parts(t))
	milvusdm(t, "run", e.path).fails(fault.Conflict).says("finished export")
}

func TestExportDropped(t *testing.T) {
	t.Parallel()
	e := newSlowExport(t)
	milvusdm(t, "start", e.path).exits(fault.ExitOK)
	e.inTheMiddle(t)
	milvusdm(t, "cancel", "--drop-target", e.name).exits(fault.ExitOK)
	if _, err := os.Stat(e.run); !os.IsNotExist(err) {
		t.Errorf("the run's directory is there: %v", err)
	}
}

// TestExportTerminated: the next run finds in the histories what the files are parts of.
func TestExportTerminated(t *testing.T) {
	t.Parallel()
	e := newSlowExport(t)
	milvusdm(t, "start", e.path).exits(fault.ExitOK)
	e.inTheMiddle(t)
	c := temporal(t)
	defer c.Close()
	for _, id := range []string{childOf(t, c, e.name), e.name} {
		terminate(t, c, id)
	}
	within(t, time.Minute, "the attempt under way ends", func() bool {
		left, err := filepath.Glob(filepath.Join(e.run, "C", ".*.tmp"))
		return err == nil && len(left) == 0
	})
	e.ends(t, e.parts(t))
}

// TestExportWorkerKilled: another worker goes on.
func TestExportWorkerKilled(t *testing.T) {
	t.Parallel()
	e := newSlowExport(t)
	queue := "e2e-export-killed"
	w := stack.StartWorkerWith(t, "-task-queue", queue)
	p := start(t, "run", e.path, "--task-queue", queue)
	e.inTheMiddle(t)
	w.Kill9(t)
	before := e.parts(t)
	w.Start(t)
	e.hook.Remove()
	p.wait().exits(fault.ExitOK)
	e.whole(t, before)
}

// tmpfs mounts a small file system.
func tmpfs(t *testing.T, options string) (dir string, remount func(options string)) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "small")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", options, "none", dir).CombinedOutput(); err != nil {
		t.Skipf("this machine lets nobody mount a small file system: %v %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("%v %s", err, out)
		}
	})
	return dir, func(options string) {
		if out, err := exec.Command("mount", "-o", "remount,"+options, dir).CombinedOutput(); err != nil {
			t.Fatalf("%v %s", err, out)
		}
	}
}

// TestExportDiskFull: a disk that is too small is refused, one that becomes full fails the job, which goes on when there is room.
func TestExportDiskFull(t *testing.T) {
	t.Parallel()
	dir, remount := tmpfs(t, "size=256k")
	from := theSource(t)
	collection := from.collection(t)
	partly{"_default": {0, 12_000, 1}}.make(t, from, collection)
	choice := fmt.Sprintf("[{name: %s, as: C}]", collection)
	plain := exportJob(t, "plain-"+collection, from.address, choice, dir, []string{"split_rows: 1000"}, []string{"parallel: 1"})
	milvusdm(t, "run", plain).fails(fault.Config).says("free space", dir)
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	packed := exportJob(t, "packed-"+collection, from.address, choice, dir, []string{"compression: gzip", "split_rows: 1000"}, []string{"parallel: 1"})
	milvusdm(t, "run", packed).fails(fault.Denied).says("disk is full")
	remount("size=8m")
	verified(t, "run", packed)
	m, err := export.Check(t.Context(), filepath.Join(dir, "one"), export.Checksums, nil)
	if err != nil || m.Rows() != 12_000 {
		t.Errorf("%+v, %v", m, err)
	}
}

// TestExportBadDirectory: a directory that can't be written, or holds something else, is refused, and left as it is.
func TestExportBadDirectory(t *testing.T) {
	t.Parallel()
	from := theSource(t)
	collection := from.collection(t)
	partly{"_default": {0, 10, 1}}.make(t, from, collection)
	closed, _ := tmpfs(t, "ro")
	foreign, file := t.TempDir(), write(t, "file", "no directory")
	if err := os.MkdirAll(filepath.Join(foreign, "one"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(foreign, "one", "diary.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		dir  string
		kind fault.Kind
		says []string
	}{
		"read-only":      {filepath.Join(closed, "exports"), fault.Denied, []string{closed, "read-only"}},
		"others' files":  {foreign, fault.Conflict, []string{"not empty and no export", "diary.txt"}},
		"a file":         {file, fault.Conflict, []string{file, "not a directory"}},
		"beneath a file": {filepath.Join(file, "x"), fault.Conflict, []string{file}},
	} {
		t.Run(what, func(t *testing.T) {
			job := exportJob(t, "dir-"+strings.NewReplacer(" ", "-", "'", "").Replace(what)+"-"+collection, from.address, fmt.Sprintf("[%s]", collection), c.dir, nil, nil)
			for _, command := range []string{"plan", "run"} {
				milvusdm(t, command, job).fails(c.kind).says(c.says...)
			}
		})
	}
	if left, err := os.ReadDir(filepath.Join(foreign, "one")); err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
}
