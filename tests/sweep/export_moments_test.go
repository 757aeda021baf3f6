package sweep

import (
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"milvusdm/tests/faultproxy"
)

// exportVictim is what is struck at a moment of an export, and how it comes back.
type exportVictim struct {
	name string
	// strike runs while the moment's call stands still; restore when it has been let go.
	strike, restore func(e *exporting)
}

// of has a victim of the other sweep struck.
func of(v victim) exportVictim {
	return exportVictim{v.name, func(e *exporting) { v.strike(e.migration) }, func(e *exporting) { v.restore(e.migration) }}
}

var (
	// Asked to end, the worker leaves what it was writing.
	termWorker = exportVictim{"worker, asked to end",
		func(e *exporting) { e.worker.Term(e.t, 20*time.Second) },
		func(e *exporting) { e.worker.Start(e.t) }}

	// The worker stands still until Temporal has given it up, and goes on beside the next attempt of its own.
	sleepingWorker = exportVictim{"stopped worker",
		func(e *exporting) {
			e.worker.Pause(e.t)
			e.untilTrue("Temporal gives the stopped worker up", func() bool { lost, _ := e.lost(); return lost })
		},
		func(e *exporting) { e.worker.Continue(e.t) }}
	// The same, beside that of another worker.
	twoWorkers = exportVictim{"stopped and replaced worker",
		func(e *exporting) {
			sleepingWorker.strike(e)
			e.startWorker()
			e.untilTrue("another worker takes over", func() bool { _, next := e.lost(); return next })
		},
		sleepingWorker.restore}
	// The same, when another worker has done everything.
	lateWorker = exportVictim{"worker stopped until the end",
		func(e *exporting) {
			sleepingWorker.strike(e)
			e.startWorker()
			e.until(e.ended, "")
		},
		sleepingWorker.restore}

	exportKills = []exportVictim{of(killWorker), of(killTemporal)}
	// asleep are those by which two attempts are alive at once.
	asleep = []exportVictim{sleepingWorker, twoWorkers, lateWorker}
)

// exportMoment is a row of the table: a call to the source's server, or to the kernel, at which a victim is struck.
type exportMoment struct {
	name    string
	page    *faultproxy.Rule
	file    func(e *exporting, c fileCall) bool
	victims []exportVictim
	// draining: the call must come while the copy waits to continue as new.
	draining bool
}

var (
	part    = regexp.MustCompile(`^[^.][^/]*\.h5$`)
	draft   = regexp.MustCompile(`^\.[^.][^/]*\.h5\.[A-Za-z0-9-]+\.tmp$`)
	receipt = regexp.MustCompile(`^\.\.[^/]*\.h5\.[0-9a-f]{64}\.json\.[A-Za-z0-9-]+\.tmp$`)
)

// file picks a call for a file of such a name, once so many parts are in place.
func file(call string, name *regexp.Regexp, placed int) func(*exporting, fileCall) bool {
	return func(e *exporting, c fileCall) bool {
		return c.name == call && name.MatchString(filepath.Base(c.path)) && len(e.parts()) >= placed
	}
}

// exact picks a call for the file of that name.
func exact(call, name string) func(*exporting, fileCall) bool {
	return func(_ *exporting, c fileCall) bool { return c.name == call && filepath.Base(c.path) == name }
}

func pages(nth int, when faultproxy.Moment) *faultproxy.Rule {
	r := page(nth, when)
	return &r
}

var exportMoments = []exportMoment{
	{name: "before the directory is the run's", file: exact("linkat", "manifest.partial.json"), victims: exportKills},
	{name: "in a part", page: pages(middle, faultproxy.Replied),
		victims: append(append([]exportVictim{of(killMilvus), of(keepTemporalDown), termWorker}, exportKills...), asleep...)},
	{name: "before a part's sync", file: file("fsync", draft, 2), victims: append(exportKills, asleep...)},
	{name: "after a part's sync, before its receipt", file: file("fsync", receipt, 2), victims: append(exportKills, asleep...)},
	{name: "before a part gets its name", file: file("linkat", part, 2), victims: append(exportKills, asleep...)},
	{name: "before a part gets its name, while draining for continue-as-new", draining: true, victims: exportKills,
		file: func(e *exporting, c fileCall) bool { return file("linkat", part, 2)(e, c) && e.ledger.draining() }},
	{name: "after a part got its name", file: file("unlinkat", draft, 3), victims: append(exportKills, asleep...)},
	{name: "before the checksums", file: exact("linkat", "SHA256SUMS"), victims: append(exportKills, asleep...)},
	{name: "before the manifest", file: exact("linkat", "manifest.json"), victims: append(exportKills, asleep...)},
	{name: "after the manifest", file: exact("unlinkat", "manifest.partial.json"), victims: append(exportKills, asleep...)},
}

// Each moment of an export once with each of its victims.
func TestExportMoments(t *testing.T) {
	rig := newExportRig(t)
	for _, mo := range exportMoments {
		for _, v := range mo.victims {
			t.Run(mo.name+"/"+v.name, func(t *testing.T) {
				t.Parallel()
				rig.run(t, mo, v)
			})
		}
	}
}

// exportRig holds what all cases of exports share.
type exportRig struct {
	lanes chan *exportLane
	// left is what an export leaves that nobody struck, by how many rows a file has.
	left map[int64]*outcome
}

// exportLane is a lane whose Milvus holds the source collection.
type exportLane struct {
	*lane
	source source
}

const (
	exportRows   = totalRows / 4 // of a file
	drainingRows = totalRows / 24
)

func newExportRig(t *testing.T) *exportRig {
	t.Helper()
	r := &exportRig{lanes: make(chan *exportLane, lanes), left: map[int64]*outcome{}}
	var all []*exportLane
	for i := range lanes {
		l := newLane(t, i)
		src := milvusSource(t, l.usual.milvus)
		all = append(all, &exportLane{l, src})
	}
	for _, totalRows := range []int64{exportRows, drainingRows} {
		e := newExport(t, all[0].usual, all[0].source, totalRows)
		e.start()
		out := e.finish()
		r.left[totalRows] = &out
	}
	for _, l := range all {
		r.lanes <- l
	}
	return r
}

// run runs one case and checks it.
func (r *exportRig) run(t *testing.T, mo exportMoment, v exportVictim) {
	t.Helper()
	lane := <-r.lanes
	t.Cleanup(func() { r.lanes <- lane }) // when all else is cleaned up
	s, totalRows := lane.usual, int64(exportRows)
	if mo.draining {
		s, totalRows = lane.draining, drainingRows
	}
	e := newExport(t, s, lane.source, totalRows)
	var h *halt
	if mo.page != nil {
		h = e.migration.halt(*mo.page, nil)
	} else {
		h = e.gate.keep(func(c fileCall) bool { return mo.file(e, c) })
	}
	e.start()
	e.until(h.arrived, mo.name)
	placed := len(e.parts())
	v.strike(e)
	must(t, e.seen.look(e.dir))
	h.letGo(nil)
	v.restore(e)
	out := e.finish()
	out.same(t, r.left[totalRows])
	if mo.draining && e.ledger.runs() < 2 {
		t.Error("the copy did not continue as new")
	}
	t.Logf("%d parts were in place; %.1f s", placed, e.result.Took.Seconds())
}
