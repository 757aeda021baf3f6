package e2e

import (
	"testing"

	"milvusdm/internal/fault"
	"milvusdm/tests/faultproxy"
)

// newTerminable is a slow job of several ranges, one after another, the first of which is copied.
func newTerminable(t *testing.T) *slowJob {
	t.Helper()
	j := newSlowJob(t)
	j.path = own(t, j.name, source.hdf5File(t), j.proxy.Addr(), j.collection, nil,
		[]string{"batch_rows: 50", "range_rows: 200", "parallel: 1", "writers: 1"})
	startSlow(t, j.proxy, j.path)
	written(t, j.proxy, 7)
	return j
}

// TestTerminatedJobIsResumed: Temporal ends the job, whose copy drains and keeps what it has.
func TestTerminatedJobIsResumed(t *testing.T) {
	t.Parallel()
	j := newTerminable(t)
	c := temporal(t)
	defer c.Close()
	terminate(t, c, j.name)
	milvusdm(t, "status", j.name).exits(fault.ExitOK).says("was terminated", "an operator's reason", "milvusdm run")
	if r := verified(t, "run", j.path); r.Resumed == 0 || r.Rows != int64(source.count()) {
		t.Errorf("resumed %d rows: %+v", r.Resumed, r)
	}
	j.sentOnce(t)
	j.done(t)
}

// TestTerminatedCopyIsResumed: Temporal ends the copy itself; the next run finds in its history what it had copied.
func TestTerminatedCopyIsResumed(t *testing.T) {
	t.Parallel()
	for name, parentToo := range map[string]bool{"copy": false, "copy and job": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newTerminable(t)
			c := temporal(t)
			defer c.Close()
			child := childOf(t, c, j.name)
			if parentToo {
				terminate(t, c, j.name)
			}
			terminate(t, c, child)
			follow := milvusdm(t, "status", "--follow", j.name)
			if parentToo {
				follow.exits(fault.ExitCancelled).says("an operator's reason")
			} else {
				follow.fails(fault.Internal).says("Temporal ended the copy into ", child, "run the job again")
			}
			if r := verified(t, "run", j.path); r.Resumed == 0 || r.Verified != "full" {
				t.Errorf("resumed %d rows, verified by %s: %+v", r.Resumed, r.Verified, r)
			}
			j.done(t)
		})
	}
}

// TestTerminatedJobOfSeveralIsResumed: what was done of several collections is not done again.
func TestTerminatedJobOfSeveralIsResumed(t *testing.T) {
	t.Parallel()
	from, to := theSource(t), theMilvus(t)
	one, two := collectionOf(t, from, to), collectionOf(t, from, to)
	for _, collection := range []string{one, two} {
		partly{"_default": {0, 2000, 1}}.make(t, from, collection)
	}
	p := faultproxy.Start(t, to.address)
	path := migrate(t, "job-"+one, from.address, "["+one+", "+two+"]", p.Addr(), nil,
		[]string{"batch_rows: 50", "parallel: 1", "writers: 1", "collections: 2"})
	name := startSlow(t, p, path)
	cleanUp(t, name)
	c := temporal(t)
	defer c.Close()
	terminate(t, c, name)
	if r := verified(t, "run", path); r.Resumed == 0 || r.Rows != 4000 {
		t.Errorf("resumed %d rows: %+v", r.Resumed, r)
	}
	if again := p.RowsSentAgain(); again != 0 {
		t.Errorf("%d rows were sent again", again)
	}
	to.holds(t, one, "", rowSpan{0, 2000, 1})
	to.holds(t, two, "", rowSpan{0, 2000, 1})
}
