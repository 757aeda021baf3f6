package sweep

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"milvusdm/tests/faultproxy"
	"milvusdm/tests/stack"
)

// lanes is how many cases run at once, each on servers that are for the time its own to kill. A case mostly waits, so there
// may be more of them than processors.
const lanes = 3

func TestMain(m *testing.M) {
	if socket := os.Getenv(gateVariable); socket != "" {
		fmt.Fprintln(os.Stderr, "gate:", passGate(socket, os.Args[1:])) // it only returns when it failed
		os.Exit(1)
	}
	flag.Parse()
	if err := flag.Set("test.parallel", strconv.Itoa(lanes)); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// rig holds what all cases share.
type rig struct {
	sources []source
	tenants source // what is copied into a collection with a partition key
	lanes   chan *lane
}

// lane is a set of servers. draining is the same with a Temporal that suggests early to continue as new.
type lane struct{ usual, draining *servers }

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{lanes: make(chan *lane, lanes)}
	var lane *lane
	for i := range lanes {
		lane = newLane(t, i)
		r.lanes <- lane
	}
	r.sources = makeSources(t, stack.Milvus(t, lanes), lane.usual.temporal)
	r.tenants = tenantSource(t)
	return r
}

func newLane(t *testing.T, i int) *lane {
	t.Helper()
	milvus := sharing(t, fmt.Sprint("sharing-", i))
	usual := stack.TemporalWith(t, fmt.Sprint("usual-", i))
	draining := stack.TemporalWith(t, fmt.Sprint("draining-", i), "limit.historyCount.suggestContinueAsNew=40")
	return &lane{newServers(t, usual, milvus), newServers(t, draining, milvus)}
}

// run runs one case and checks it.
func (r *rig) run(t *testing.T, src source, mo moment, v victim) books {
	t.Helper()
	lane := <-r.lanes
	t.Cleanup(func() { r.lanes <- lane }) // when all else is cleaned up
	s, rangeRows := lane.usual, int64(totalRows/2)
	if mo.draining {
		s, rangeRows = lane.draining, totalRows/8
	}
	if mo.target == toTenants {
		src = r.tenants
	}
	m := newMigration(t, s, src, mo.target, rangeRows)
	if mo.play != nil {
		mo.play(m, mo, v)
	} else {
		m.strike(mo, v)
	}
	b := m.finish()
	if b.repaired > 0 && !mo.repairs {
		t.Errorf("%d rows had to be repaired", b.repaired)
	}
	if mo.draining && m.ledger.runs() < 2 {
		t.Error("the copy did not continue as new")
	}
	return b
}

// strike strikes the victim while the moment's call stands still.
func (m *migration) strike(mo moment, v victim) {
	m.t.Helper()
	var picked func(*faultproxy.Call) bool
	if mo.draining {
		picked = m.drains
	}
	h := m.halt(mo.call, picked)
	m.start()
	m.until(h.arrived, mo.name)
	v.strike(m)
	h.letGo(answer(mo.call.When, v))
	v.restore(m)
}

// drains gives the other ranges half a second to end and the copy to begin to drain, while a slow one is under way.
func (m *migration) drains(c *faultproxy.Call) bool {
	for deadline := time.Now().Add(500 * time.Millisecond); m.slow(c) && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if m.ledger.draining() {
			return true
		}
	}
	return false
}

// answer is what becomes of a call that stood still: nothing of its own, unless it would go on from a worker that is dead,
// or the loss of the answer is the fault.
func answer(when faultproxy.Moment, v victim) error {
	if v.name == killWorker.name && when == faultproxy.BeforeSend || v.name == noVictim.name {
		return faultproxy.Lost(nil)
	}
	return nil
}

// releaseAfterCount holds back a write, which the worker takes for lost, and lets it through when the rows have been
// counted and before the worker knows their number.
func releaseAfterCount(m *migration, mo moment, v victim) {
	m.t.Helper()
	mo.call.Do = faultproxy.Lost
	held := m.proxy.Hold(mo.call)
	r := count(faultproxy.Replied)
	r.Nth = 0 // a target that is there is counted before, too
	counted := m.halt(r, func(*faultproxy.Call) bool { return m.proxy.RowsSent() >= totalRows })
	m.start()
	m.until(counted.arrived, "the count")
	if err := held.Release(m.t.Context()); err != nil {
		m.t.Fatalf("the late write: %v", err)
	}
	v.strike(m)
	counted.letGo(nil)
	v.restore(m)
	m.until(m.ended, "")
	if m.result.Repaired == 0 {
		m.t.Error("the rows of the late write were not repaired")
	}
}

// releaseAfterRename is the same with a write that comes when the collection has its final name: there is none of the name
// that it goes to.
func releaseAfterRename(m *migration, mo moment, _ victim) {
	m.t.Helper()
	mo.call.Do = faultproxy.Lost
	held := m.proxy.Hold(mo.call)
	renamed := m.halt(at("RenameCollection", 1, faultproxy.Replied), nil)
	m.start()
	m.until(renamed.arrived, "the rename")
	if err := held.Release(m.t.Context()); err == nil {
		m.t.Error("the server took a write to a name that is no more")
	}
	renamed.letGo(nil)
}
