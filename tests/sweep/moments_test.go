// Package sweep kills the worker, Temporal and Milvus at named moments of a job, and checks that the job ends by itself with
// every row once and little sent again. docs/guarantees.md tells what is guaranteed at each moment.
package sweep

import (
	"testing"
	"time"

	"milvusdm/tests/faultproxy"
)

// victim is what is struck at a moment, and how it comes back.
type victim struct {
	name string
	// milvus is how often Milvus is killed.
	milvus int
	// strike runs while the moment's call stands still; restore when it has been let go.
	strike, restore func(m *migration)
}

func nothing(*migration) {}

var (
	// The moment itself is the fault.
	noVictim = victim{name: "nobody", strike: nothing, restore: nothing}

	killWorker = victim{"worker", 0,
		func(m *migration) { m.worker.Kill9(m.t) },
		func(m *migration) { m.worker.Start(m.t) }}
	killTemporal = victim{"Temporal", 0,
		func(m *migration) { m.temporal.Kill9(m.t) },
		func(m *migration) { m.temporal.Start(m.t) }}
	killMilvus = victim{"Milvus", 1,
		(*migration).killMilvus9,
		func(m *migration) { m.milvus.Start(m.t) }}
	killMilvusTwice  = killMilvusTimes(2)
	killMilvusThrice = killMilvusTimes(3)
	// Longer than the heartbeat timeout: the worker gives its activities up.
	keepTemporalDown = victim{"Temporal for 5 s", 0,
		killTemporal.strike,
		func(m *migration) { time.Sleep(5 * time.Second); m.temporal.Start(m.t) }}

	// The worker stands still until Temporal has given it up, and goes on as if nothing had been.
	stopWorker = victim{"stopped worker", 0,
		func(m *migration) {
			m.worker.Pause(m.t)
			m.untilTrue("Temporal gives the stopped worker up", m.ledger.lostOne)
		},
		func(m *migration) { m.worker.Continue(m.t) }}
	// The same, and meanwhile another worker does its work.
	replaceWorker = victim{"stopped and replaced worker", 0,
		func(m *migration) {
			stopWorker.strike(m)
			m.startWorker()
			before := len(m.proxy.Writes())
			m.untilTrue("another worker takes over", func() bool { return len(m.proxy.Writes()) > before })
		},
		stopWorker.restore}

	kills = []victim{killWorker, killTemporal, killMilvus, killMilvusTwice, killMilvusThrice}
)

// moment is a row of the table: when a victim is struck.
type moment struct {
	name string
	// call picks the call and its point.
	call    faultproxy.Rule
	target  target
	victims []victim
	// draining: the call must come while the copy waits to continue as new.
	draining bool
	// repairs: rows may stand twice, until the count finds them. Anywhere else that would be a fault of the copy.
	repairs bool
	// play strikes in a way of its own; nil strikes while the call stands still.
	play func(m *migration, mo moment, v victim)
}

// middle is the write in the middle of the copy, of rows/batchRows in all.
const middle = 20

var writes = faultproxy.AnyWrite

var moments = []moment{
	{name: "before a send", call: at(writes, middle, faultproxy.BeforeSend), victims: kills},
	{name: "sent and unanswered", call: at(writes, middle, faultproxy.Sent), victims: append(kills, keepTemporalDown)},
	{name: "answered and not checkpointed", call: at(writes, middle, faultproxy.Answered), victims: kills},
	{name: "an answer lost after a successful write", call: at(writes, middle, faultproxy.Replied), victims: []victim{noVictim, killWorker}},
	{name: "answered and not checkpointed, other contents under the same keys", call: at(writes, middle, faultproxy.Answered), target: toSame, victims: kills,
		repairs: true}, // 2.3.5 may show a replaced row beside the old one after a restart
	{name: "between drop and create of a partition", call: at("DropPartition", 1, faultproxy.Replied), target: toPartition, victims: kills},
	{name: "between the renames of the old and the new collection", call: at("RenameCollection", 1, faultproxy.Replied), target: toOld, victims: kills},
	{name: "in the drop of the old collection", call: at("DropCollection", 1, faultproxy.Sent), target: toOld, victims: kills},
	{name: "in flush", call: at("Flush", 1, faultproxy.Sent), victims: kills},
	// the first CreateIndex tries the parameters on the empty collection
	{name: "in index", call: at("CreateIndex", 2, faultproxy.Sent), victims: kills},
	{name: "in load", call: at("LoadCollection", 1, faultproxy.Sent), victims: kills},
	{name: "in count", call: count(faultproxy.Sent), victims: kills},
	{name: "in rename", call: at("RenameCollection", 1, faultproxy.Sent), target: toOld, victims: kills},
	{name: "renamed and not known", call: at("RenameCollection", 1, faultproxy.Replied), victims: kills},
	{name: "while draining for continue-as-new", call: at(writes, 0, faultproxy.Sent), draining: true, victims: kills},
	// an upsert that comes late could not double a row
	{name: "an insert released after the count", call: at("Insert", middle, faultproxy.BeforeSend),
		victims: []victim{noVictim, killWorker}, play: releaseAfterCount, repairs: true},
	{name: "an insert released after the rename", call: at("Insert", middle, faultproxy.BeforeSend), victims: []victim{noVictim},
		play: releaseAfterRename},
	{name: "a delete sent and unanswered", call: at("Delete", middle, faultproxy.Sent), target: toTenants, victims: kills, repairs: true},
	{name: "between a delete and its insert", call: at("Insert", middle, faultproxy.BeforeSend), target: toTenants,
		victims: append(kills, noVictim), repairs: true},
	{name: "a delete released after the count", call: at("Delete", middle, faultproxy.BeforeSend), target: toTenants,
		victims: []victim{noVictim}, play: releaseAfterCount, repairs: true},
	{name: "stopped past the heartbeat timeout and continued", call: at(writes, middle, faultproxy.BeforeSend),
		victims: []victim{stopWorker, replaceWorker}, repairs: true},
}

func at(method string, nth int, when faultproxy.Moment) faultproxy.Rule {
	return faultproxy.Rule{Method: method, Nth: nth, When: when}
}

func count(when faultproxy.Moment) faultproxy.Rule {
	return faultproxy.Rule{Match: faultproxy.IsCount, Nth: 1, When: when}
}

// Each moment once with each of its victims; Milvus is killed once, twice or three times by turns, or each with -restarts. The directions
// take turns, or -from says which one.
func TestMoments(t *testing.T) {
	rig := newRig(t)
	turn := 0
	for i, mo := range moments {
		for _, v := range mo.victims {
			if v.milvus > 0 && v.milvus != 1+i%3 && !*restarts {
				continue
			}
			src := rig.sources[turn%len(rig.sources)]
			turn++
			for _, s := range rig.sources {
				if s.format == *from {
					src = s
				}
			}
			t.Run(mo.name+"/"+v.name, func(t *testing.T) {
				t.Parallel()
				b := rig.run(t, src, mo, v)
				t.Logf("%s: %d rows sent again of at most %d, %d repaired, %.1f s", src.format, b.again, b.allowed, b.repaired, b.took.Seconds())
			})
		}
	}
}

// A worker that is asked to end in the middle of a copy leaves nothing that must be sent again.
func TestTermRepeatsNothing(t *testing.T) {
	rig := newRig(t)
	for _, src := range rig.sources {
		t.Run(src.format, func(t *testing.T) {
			lane := <-rig.lanes
			t.Cleanup(func() { rig.lanes <- lane })
			m := newMigration(t, lane.usual, src, toNew, totalRows/2)
			middle := m.proxy.On(at(writes, middle, faultproxy.Answered))
			m.start()
			m.until(middle.Fired(), "the middle of the copy")
			m.worker.Term(t, 20*time.Second)
			if sent := m.proxy.RowsSent(); sent == 0 || sent == totalRows {
				t.Errorf("the worker ended when %d rows were sent: not in the middle", sent)
			}
			m.worker.Start(t)
			if b := m.finish(); b.again != 0 {
				t.Errorf("%d rows were sent again", b.again)
			}
			if m.result.Lost != 0 {
				t.Errorf("%d attempts were lost", m.result.Lost)
			}
		})
	}
}
