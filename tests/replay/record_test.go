package replay

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"milvusdm/tests/faultproxy"
	"milvusdm/tests/stack"
	"milvusdm/workflows"
)

var record = flag.Bool("record", false, "record the histories in testdata/next anew, on real servers; those of one scenario with -run TestRecord/NAME$")

// scenario is a run whose histories are kept: of the job's workflow ("job"), of its child's ("copy"), of those that they
// continued as or that went on from them ("copy-2", "job-2").
type scenario struct {
	name  string
	parts []string
	// source, target and copy are keys of the job beside what all have. In them DIR is a directory, MILVUS a server's address and
	// NAME the job's name as a collection's.
	source, target, copy string
	run                  func(*recording)
}

const (
	vectors  = "hdf5: {paths: DIR/debian-packages.h5}"
	index    = "faiss: {paths: DIR/debian-packages.idmap-flat.faiss}"
	repeated = "faiss: {paths: DIR/idmap-flat-repeated.faiss}"
	// live reads the collection that fill makes.
	live   = "milvus: {address: MILVUS, collections: [{name: record_source, as: NAME}]}"
	other  = "milvus: {address: MILVUS}"
	export = "hdf5: {directory: DIR/exports, run: NAME}"
	// smallBatches make a copy last, where each is slow.
	smallBatches = "batch_rows: 50"
)

var scenarios = []scenario{
	{name: "hdf5", parts: []string{"job", "copy"}, source: vectors, run: func(r *recording) { r.start(nil).ends("") }},
	{name: "faiss", parts: []string{"job", "copy"}, source: index, run: func(r *recording) { r.start(nil).ends("") }},
	{name: "overwrite", parts: []string{"job", "copy"}, source: index, target: into("mode: overwrite"), run: twice},
	{name: "append", parts: []string{"job", "copy"}, source: index, copy: "on_existing: replace", run: twice},
	{name: "skip", parts: []string{"job"}, source: vectors, target: into("mode: skip"), run: twice},
	{name: "failed", parts: []string{"job", "copy"}, source: repeated, run: func(r *recording) { r.start(nil).ends("stand more than once") }},
	{name: "paused", parts: []string{"job", "copy"}, source: vectors, copy: smallBatches, run: func(r *recording) {
		p := r.slowly().start(nil).inTheMiddle()
		p.update(workflows.PauseUpdate)
		time.Sleep(3 * time.Second)
		p.update(workflows.ResumeUpdate)
		p.ends("")
	}},
	{name: "lost", parts: []string{"job", "copy"}, source: vectors, copy: smallBatches + "\n  heartbeat_timeout: 3s\n  write_timeout: 2s", run: loseWorker},
	{name: "cancelled", parts: []string{"job", "copy", "job-2", "copy-2"}, source: vectors, copy: smallBatches, run: cancelAndGoOn},
	{name: "continued", parts: []string{"job", "copy", "copy-2"}, source: index, copy: "range_rows: 100\n  parallel: 1", run: func(r *recording) { r.start(nil).ends("") }},

	{name: "m2m", parts: []string{"job", "copy"}, source: live, target: other, run: func(r *recording) {
		r.fill("record_source")
		r.start(nil).ends("")
	}},
	{name: "m2m-several", parts: []string{"job", "copy", "copy-2"}, target: other,
		source: "milvus: {address: MILVUS, collections: [{name: record_source, as: NAME_1}, {name: record_source_2, as: NAME_2}]}", run: func(r *recording) {
			r.fill("record_source")
			r.fill("record_source_2")
			r.start(nil).ends("")
		}},
	{name: "m2m-resumed", parts: []string{"job", "copy", "job-2", "copy-2"}, source: live, target: other, copy: smallBatches, run: func(r *recording) {
		r.fill("record_source")
		refused := r.proxy.On(faultproxy.Rule{Method: faultproxy.AnyWrite, Match: after(20), Do: faultproxy.Fail(codes.PermissionDenied, "no right to write")})
		state := workflows.StateOf(r.start(nil).failure("no right to write"))
		if state == nil || state.Rows() == 0 {
			r.Fatal("the failed job left no state")
		}
		refused.Remove()
		r.start(state).ends("")
	}},
	{name: "m2m-unloaded", parts: []string{"job", "copy"}, source: live, target: other, run: func(r *recording) {
		r.fill("record_source")
		r.do(r.milvus().ReleaseCollection(r.Context(), "record_source"))
		r.start(nil).ends("")
	}},
	{name: "m2m-lost", parts: []string{"job", "copy"}, source: live, target: other, copy: smallBatches + "\n  heartbeat_timeout: 3s\n  write_timeout: 2s", run: func(r *recording) {
		r.fill("record_source")
		loseWorker(r)
	}},

	{name: "export", parts: []string{"job", "copy"}, source: live, target: export, run: func(r *recording) {
		r.fill("record_source")
		r.start(nil).ends("")
	}},
	{name: "export-cancelled", parts: []string{"job", "copy", "job-2", "copy-2"}, source: live, copy: smallBatches,
		target: strings.TrimSuffix(export, "}") + ", split_rows: 500}", run: func(r *recording) {
			r.fill("record_source")
			cancelAndGoOn(r)
		}},
	{name: "import", parts: []string{"job", "copy"}, target: other,
		source: "export: {path: DIR/exports/record_exported, collections: [{name: record_exported, as: NAME}]}", run: func(r *recording) {
			r.fill("record_source")
			r.prelude("record-exported", strings.ReplaceAll(live, "NAME", "record_exported"), strings.ReplaceAll(export, "NAME", "record_exported"))
			r.start(nil).ends("")
		}},

	{name: "verify-equal", parts: []string{"job"}, source: live, target: other, run: func(r *recording) {
		r.fill("record_source")
		r.prelude("record-copied", live, other)
		r.verify().ends("")
	}},
	{name: "verify-different", parts: []string{"job"}, source: live, target: other, run: func(r *recording) {
		r.fill("record_source")
		r.prelude("record-copied", strings.Replace(live, "as: NAME", "as: NAME, limit: 1999", 1), other)
		r.verify().ends("differ")
	}},
}

// into is a target of files' vectors.
func into(keys string) string {
	return strings.TrimSuffix("milvus: {address: MILVUS, collection: NAME, "+keys, ", ") + "}"
}

// twice keeps the history of the second run; the first only fills the target.
func twice(r *recording) {
	r.start(nil).ends("")
	r.runs = nil
	r.start(nil).ends("")
}

// after picks the calls behind the n-th.
func after(n int64) func(*faultproxy.Call) bool {
	var seen atomic.Int64
	return func(*faultproxy.Call) bool { return seen.Add(1) > n }
}

func loseWorker(r *recording) {
	p := r.slowly().start(nil).inTheMiddle()
	r.worker.Kill9(r.T)
	r.worker.Start(r.T)
	p.ends("")
}

func cancelAndGoOn(r *recording) {
	p := r.slowly().start(nil).inTheMiddle()
	r.do(r.CancelWorkflow(r.Context(), r.id, ""))
	state := workflows.StateOf(p.failure("canceled"))
	if state == nil || state.Rows() == 0 {
		r.Fatal("the cancelled job left no state")
	}
	r.start(state).ends("")
}

// TestRecord runs the scenarios and writes their histories. The job's files lie in a folder of a fixed name: their paths are
// in the histories.
func TestRecord(t *testing.T) {
	if !*record {
		t.Skip("histories are recorded with -record only")
	}
	dir := filepath.Join(os.TempDir(), "milvusdm-record")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	root := stack.Root(t)
	for _, file := range []string{"examples/data/debian-packages.h5", "examples/data/debian-packages.idmap-flat.faiss", "internal/faiss/testdata/idmap-flat-repeated.faiss"} {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, filepath.Base(file)), text, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) { s.record(t, dir) })
	}
}
