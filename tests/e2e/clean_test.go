package e2e

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"milvusdm/internal/fault"
	"milvusdm/tests/faultproxy"
)

// TestCleanDropsWhatAJobStaged: and not what only has such a name. The next run begins from the beginning.
func TestCleanDropsWhatAJobStaged(t *testing.T) {
	t.Parallel()
	j := newSlowJob(t)
	others := j.collection + "__mdm_0123abcd"
	j.createAs(t, others, dim)
	cancelInTheMiddle(t, j.proxy, j.path)
	staged := slices.DeleteFunc(j.collections(t, j.collection), func(name string) bool { return name == others })
	if len(staged) != 1 {
		t.Fatalf("the cancelled job left %q", staged)
	}
	milvusdm(t, "status", j.name).exits(fault.ExitOK).says("milvusdm clean " + j.name)
	milvusdm(t, "clean", "--dry-run", j.name).exits(fault.ExitOK).says("would drop",
		"collection "+staged[0]).lacks(others)
	if left := j.collections(t, staged[0]); len(left) != 1 {
		t.Errorf("--dry-run drops: %q are left", left)
	}
	milvusdm(t, "clean", j.name).exits(fault.ExitOK).says("dropped", "collection "+staged[0]).lacks(others)
	if left := j.collections(t, j.collection); !slices.Equal(left, []string{others}) {
		t.Errorf("%q are left", left)
	}
	milvusdm(t, "status", j.name).exits(fault.ExitOK).says("was dropped").lacks("rows stand in")
	milvusdm(t, "clean", j.name).exits(fault.ExitOK).says("there is nothing to drop")
	startSlow(t, j.proxy, j.path)
	milvusdm(t, "clean", j.name).fails(fault.Conflict).says("is running", "milvusdm cancel "+j.name)
	milvusdm(t, "status", "--follow", j.name).exits(fault.ExitOK).says("verified").lacks("resumed")
	j.sentOnce(t)
	j.holds(t, j.collection, "", source)
}

// TestCleanStartsFromTheBeginning says so, for a partition of a collection of others, whose rows stay.
func TestCleanStartsFromTheBeginning(t *testing.T) {
	t.Parallel()
	m := theMilvus(t)
	proxy := faultproxy.Start(t, m.address)
	collection := m.collection(t)
	m.createAs(t, collection, dim)
	m.insert(t, collection, "", beyond)
	path := own(t, "job-"+collection, source.hdf5File(t), proxy.Addr(), collection, []string{"partition: fr"},
		[]string{"batch_rows: 50"})
	cancelInTheMiddle(t, proxy, path)
	milvusdm(t, "clean", "job-"+collection).exits(fault.ExitOK).says("dropped",
		"partition fr of collection "+collection)
	if left := m.partitions(t, collection); !slices.Equal(left, []string{"_default"}) {
		t.Errorf("the collection has partitions %q", left)
	}
	milvusdm(t, "run", path).exits(fault.ExitOK).says("starts from the beginning", "milvusdm clean",
		"verified").lacks("resumed")
	m.load(t, collection)
	m.holds(t, collection, "", beyond, source)
}

// TestCleanKeepsRowsAmongOthers: rows that a job appended stay, and the next run resumes from them.
func TestCleanKeepsRowsAmongOthers(t *testing.T) {
	t.Parallel()
	m := theMilvus(t)
	proxy := faultproxy.Start(t, m.address)
	collection := m.collection(t)
	m.createAs(t, collection, dim)
	m.insert(t, collection, "", beyond)
	path := own(t, "job-"+collection, source.hdf5File(t), proxy.Addr(), collection, nil, []string{"batch_rows: 50"})
	kept := cancelInTheMiddle(t, proxy, path)
	milvusdm(t, "clean", "job-"+collection).exits(fault.ExitOK).says("there is nothing to drop",
		"rows stand in collection "+collection)
	if r := verified(t, "run", path); r.Resumed != kept {
		t.Errorf("%d rows were kept: %+v", kept, r)
	}
}

// TestCleanRemovesAnUnfinishedExport: and the next run writes it from the beginning.
func TestCleanRemovesAnUnfinishedExport(t *testing.T) {
	t.Parallel()
	e := newSlowExport(t)
	milvusdm(t, "start", e.path).exits(fault.ExitOK)
	e.inTheMiddle(t)
	milvusdm(t, "cancel", e.name).exits(fault.ExitOK)
	milvusdm(t, "clean", e.name).exits(fault.ExitOK).says("dropped", "export one")
	if _, err := os.Stat(e.run); !os.IsNotExist(err) {
		t.Errorf("the run's directory is there: %v", err)
	}
	e.hook.Remove()
	milvusdm(t, "run", e.path).exits(fault.ExitOK).says("starts from the beginning", "verified")
	e.whole(t, nil)
}

// TestCleanOfASchedule drops what its runs left.
func TestCleanOfASchedule(t *testing.T) {
	t.Parallel()
	from, to := theSource(t), theMilvus(t)
	collection := collectionOf(t, from, to)
	partly{"_default": {0, 2000, 1}}.make(t, from, collection)
	p := faultproxy.Start(t, to.address)
	name := "cleaned-" + collection
	path := write(t, name+".yaml", fmt.Sprintf("version: 1\nname: %s\n"+
		"source:\n  milvus: {address: '%s', collections: [%s]}\n"+
		"target:\n  milvus: {address: '%s', mode: overwrite}\n"+
		"copy: {batch_rows: 50, parallel: 1, writers: 1}\n", name, from.address, collection, p.Addr()))
	cancelInTheMiddle(t, p, path) // a job of the same name marks what it makes with that name, too
	milvusdm(t, "schedule", "create", path, "--every", "1h").exits(fault.ExitOK)
	p.ResetWrites()
	t.Cleanup(slow(p, 250*time.Millisecond).Remove)
	milvusdm(t, "schedule", "trigger", name).exits(fault.ExitOK)
	written(t, p, 3)
	running := showSchedule(t, name).Running
	if len(running) != 1 {
		t.Fatalf("%q are running", running)
	}
	milvusdm(t, "clean", name).fails(fault.Conflict).says(running[0])
	milvusdm(t, "cancel", running[0])
	within(t, time.Minute, "the run is over", func() bool { return len(showSchedule(t, name).Running) == 0 })
	milvusdm(t, "clean", running[0]).fails(fault.Config).says("milvusdm clean " + name)
	milvusdm(t, "clean", name).exits(fault.ExitOK).says("dropped", "collection "+collection+"__mdm_")
	to.only(t, collection, false)
	stopSchedule(t, name)
}
