package sweep

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.temporal.io/api/enums/v1"

	"milvusdm/internal/export"
	"milvusdm/internal/hdf5"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
	"milvusdm/tests/content"
	"milvusdm/tests/faultproxy"
	"milvusdm/tests/stack"
	"milvusdm/workflows"
)

// exporting is a job that writes the source collection into a directory. The migration's proxy stands before the source's
// server, and is of the lane's to kill.
type exporting struct {
	*migration
	gate *gate
	dir  string // of the run
	seen *witness
}

// newExport prepares a job, and starts its worker, behind a gate. rangeRows is how many rows a file gets.
func newExport(t *testing.T, s *servers, src source, rangeRows int64) *exporting {
	t.Helper()
	s.temporal.Start(t) // an earlier case may have failed and left one dead
	s.milvus.Start(t)
	m := &migration{servers: s, t: t, source: src, rangeRows: rangeRows, ended: make(chan struct{})}
	m.collection = fmt.Sprintf("export_%d", collections.Add(1))
	m.proxy = faultproxy.Start(t, s.milvus.Address)
	all := t.TempDir()
	text := fmt.Sprintf(`
version: 1
name: %s
source:
  milvus: {address: %q, connect_timeout: 2s, collections: [%s]}
target:
  hdf5: {directory: %q, run: run, split_rows: %d}
copy: {batch_rows: %d, parallel: 2, heartbeat_timeout: 2s}
`, m.collection, m.proxy.Addr(), sourceCollection, all, rangeRows, batchRows)
	var err error
	m.job, _, err = job.Parse("sweep.yaml", []byte(text), job.Options{})
	must(t, err)
	e := &exporting{migration: m, gate: newGate(t), dir: filepath.Join(all, "run"), seen: &witness{}}
	m.ledger = &ledger{client: s.client, firstKey: src.firstKey, sightings: map[activityID][]sighting{},
		workflow: "target/" + filepath.Join(e.dir, sourceCollection)}
	slow := page(0, faultproxy.BeforeSend)
	slow.Do = faultproxy.Delay(pace)
	m.proxy.On(slow)
	self, err := os.Executable()
	must(t, err)
	m.worker = stack.StartWorkerThrough(t, s.temporal, self, e.gate.env())
	return e
}

// start starts the job, and has its directory watched until it ends.
func (e *exporting) start() {
	e.t.Helper()
	var watching sync.WaitGroup
	e.t.Cleanup(watching.Wait) // when the job has ended
	e.migration.start()
	watching.Go(func() {
		for {
			if err := e.seen.look(e.dir); err != nil {
				e.t.Error(err)
				return
			}
			select {
			case <-e.ended:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
}

// lost reports whether an attempt at one of the job's activities was lost, and whether the next one is at work.
func (e *exporting) lost() (lost, next bool) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	for _, id := range []string{workflows.WorkflowID(e.job), e.ledger.workflow} {
		d, err := e.client.DescribeWorkflowExecution(ctx, id, "")
		if err != nil {
			continue // there is no such workflow yet
		}
		for _, p := range d.GetPendingActivities() {
			lost = lost || p.GetAttempt() > 1
			next = next || p.GetAttempt() > 1 && p.GetState() == enums.PENDING_ACTIVITY_STATE_STARTED
		}
	}
	return lost, next
}

// parts are the files that have their final names.
func (e *exporting) parts() []string {
	found, err := filepath.Glob(filepath.Join(e.dir, sourceCollection, "*.h5")) // those whose name begins with a dot are no match
	must(e.t, err)
	return found
}

// witness has seen files under their final names. None of them may ever change, or go.
type witness struct {
	mu    sync.Mutex
	files map[string]identity
}

// identity tells a file from one that was written in its place.
type identity struct {
	inode        uint64
	size         int64
	modification time.Time
}

// isFinal reports whether a file's name is one that is given to whole files only.
func isFinal(path string) bool {
	base := filepath.Base(path)
	return !strings.HasPrefix(base, ".") && base != "manifest.partial.json"
}

// look compares all files that have final names with what was seen before, and a part that is new with its checksum.
func (w *witness) look(dir string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	found := map[string]identity{}
	for _, path := range filesIn(dir) {
		if info, err := os.Lstat(filepath.Join(dir, path)); isFinal(path) && err == nil {
			found[path] = identity{info.Sys().(*syscall.Stat_t).Ino, info.Size(), info.ModTime()}
		}
	}
	for path, before := range w.files {
		if now, ok := found[path]; !ok || now != before {
			return fmt.Errorf("%s had its final name and was %v, and is %v", path, before, now)
		}
	}
	for path := range found {
		if _, known := w.files[path]; !known && strings.HasSuffix(path, ".h5") {
			if err := checkPart(dir, path); err != nil {
				return err
			}
		}
	}
	w.files = found
	return nil
}

// filesIn are the files below a directory, by their paths in it. What disappears meanwhile is left out.
func filesIn(dir string) []string {
	var found []string
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			found = append(found, strings.TrimPrefix(path, dir+"/"))
		}
		return nil
	})
	return found
}

// checkPart compares a part with the checksum in its receipt or, where that is gone, in the manifest.
func checkPart(dir, path string) error {
	sha, size, err := hashFile(filepath.Join(dir, path))
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(dir, filepath.Dir(path), fmt.Sprintf(".%s.%s.json", filepath.Base(path), sha)))
	if errors.Is(err, fs.ErrNotExist) {
		m, err := export.ReadManifest(dir)
		if err != nil {
			return fmt.Errorf("%s has its final name, its SHA-256 is %s, and there is neither a receipt of that nor a manifest: %w", path, sha, err)
		}
		for _, p := range m.Collections[0].Parts {
			if p.Path == path && p.SHA256 == sha && p.Bytes == size {
				return nil
			}
		}
		return fmt.Errorf("%s: the manifest has no such file of SHA-256 %s", path, sha)
	}
	var receipt transfer.Part
	if err == nil {
		err = json.Unmarshal(text, &receipt)
	}
	if err == nil && (receipt.Path != path || receipt.SHA256 != sha || receipt.Bytes != size) {
		err = fmt.Errorf("its receipt is of another: %+v", receipt)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// outcome is what an export left: its files, and what its parts hold.
type outcome struct {
	files []string
	parts []partContent
}

type partContent struct {
	path string
	sum  rows.Sum
}

// finish waits for the end of the job, checks that all is there, and says what.
func (e *exporting) finish() outcome {
	e.t.Helper()
	<-e.ended
	if e.err != nil {
		e.t.Fatalf("the job did not end well after %v: %v", time.Since(e.started).Round(time.Second), e.err)
	}
	want := e.source.label("")
	if r := e.result; r.Outcome != workflows.OutcomeVerified || r.Rows != totalRows || r.Counted != totalRows || r.Sum != want.String() {
		e.t.Errorf("the job's result: %+v; want %d rows, verified, with the sum %v", r, totalRows, want)
	}
	e.worker.Term(e.t, 20*time.Second) // when all attempts have ended
	must(e.t, e.seen.look(e.dir))
	m, err := export.Check(e.t.Context(), e.dir, export.Checksums, nil)
	must(e.t, err)
	var out outcome
	out.files = filesIn(e.dir)
	slices.Sort(out.files)
	for path := range maps.Keys(e.seen.files) {
		if !slices.Contains(out.files, path) {
			e.t.Errorf("%s is gone", path)
		}
	}
	var total rows.Sum
	for _, p := range m.Collections[0].Parts {
		src, err := hdf5.Open(e.t.Context(), &job.HDF5Source{Files: job.Files{Paths: []string{filepath.Join(e.dir, p.Path)}}, Layout: job.LayoutExport})
		must(e.t, err)
		sum, err := content.Of(e.t.Context(), src)
		must(e.t, errors.Join(err, src.Close()))
		if sum != p.Sum || sum.Rows != p.Rows {
			e.t.Errorf("%s holds %v, and the manifest says %d rows, %v", p.Path, sum, p.Rows, p.Sum)
		}
		out.parts = append(out.parts, partContent{p.Path, sum})
		total.Add(sum)
	}
	if total != want {
		e.t.Errorf("the parts hold %v, and the source %v", total, want)
	}
	return out
}

// same compares what two exports of the same rows left.
func (o *outcome) same(t *testing.T, want *outcome) {
	t.Helper()
	if !slices.Equal(o.files, want.files) {
		t.Errorf("the run's directory holds %q\nwant %q", o.files, want.files)
	}
	if !slices.Equal(o.parts, want.parts) {
		t.Errorf("the parts hold %v\nwant %v", o.parts, want.parts)
	}
}

func hashFile(path string) (sha string, size int64, err error) {
	data, err := os.ReadFile(path)
	return fmt.Sprintf("%x", sha256.Sum256(data)), int64(len(data)), err
}
