package e2e

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/milvus-io/milvus-sdk-go/v2/client"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/tests/content"
	"milvusdm/tests/faultproxy"
	"milvusdm/tests/stack"
	"milvusdm/workflows"
)

// TestOnExisting: keys of the source that a filled target holds already.
func TestOnExisting(t *testing.T) {
	t.Parallel()
	apart := rowSpan{5000, 5100, 2}
	for name, c := range map[string]struct {
		there      rowSpan
		onExisting string
		unloaded   bool
		want       []rowSpan
		refused    bool
	}{
		"fail, some are there":           {there: old, onExisting: "fail", want: []rowSpan{old}, refused: true},
		"fail, some are there, unloaded": {there: old, onExisting: "fail", unloaded: true, want: []rowSpan{old}, refused: true},
		"fail, none is there":            {there: apart, onExisting: "fail", want: []rowSpan{source, apart}},
		"replace":                        {there: old, onExisting: "replace", want: []rowSpan{source, beyond}},
		"replace, unloaded":              {there: old, onExisting: "replace", unloaded: true, want: []rowSpan{source, beyond}},
		"keep":                           {there: old, onExisting: "keep", want: []rowSpan{{0, 1000, 1}, old}},
		"keep, unloaded":                 {there: old, onExisting: "keep", unloaded: true, want: []rowSpan{{0, 1000, 1}, old}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := theMilvus(t)
			collection := m.collection(t)
			m.createAs(t, collection, dim)
			m.insert(t, collection, "", c.there)
			if !c.unloaded {
				m.load(t, collection)
			}
			path := own(t, "job-"+collection, source.hdf5File(t), m.address, collection, nil, []string{"on_existing: " + c.onExisting})
			if c.refused {
				milvusdm(t, "run", path).fails(fault.Conflict).says("200 of the 200 keys from ", "row 1000", collection+" already", "on_existing: replace or keep")
			} else {
				verified(t, "run", path)
			}
			if m.isLoaded(t, collection) == c.unloaded {
				t.Errorf("the load state is another than before")
			}
			m.load(t, collection)
			m.only(t, collection, true)
			m.holds(t, collection, "", c.want...)
		})
	}
}

// TestKeepAndGoOn: a cancelled job puts the load state back; the next run looks keys up all the same.
func TestKeepAndGoOn(t *testing.T) {
	t.Parallel()
	m := theMilvus(t)
	proxy := faultproxy.Start(t, m.address)
	collection := m.collection(t)
	m.createAs(t, collection, dim)
	m.insert(t, collection, "", old)
	path := own(t, "job-"+collection, source.hdf5File(t), proxy.Addr(), collection, nil, []string{"on_existing: keep", "batch_rows: 50"})
	kept := cancelInTheMiddle(t, proxy, path)
	if m.isLoaded(t, collection) {
		t.Error("the cancelled job leaves the collection loaded")
	}
	if result := verified(t, "run", path); result.Resumed != kept {
		t.Errorf("%d rows were kept: %+v", kept, result)
	}
	if again := proxy.RowsSentAgain(); again != 0 {
		t.Errorf("%d rows were sent again", again)
	}
	m.load(t, collection)
	m.holds(t, collection, "", rowSpan{0, 1000, 1}, old)
}

func TestOnDuplicate(t *testing.T) {
	t.Parallel()
	m := theMilvus(t)
	collection := m.collection(t)
	twice := rowSpan{100, 300, 5} // the same keys once more, behind all others
	keys, vectors := append(source.keys(), twice.keys()...), append(source.vectors(), twice.vectors()...)
	file := hdf5File(t, keys, vectors, dim)
	path := own(t, "job-"+collection, file, m.address, collection, nil, nil)
	milvusdm(t, "run", path).fails(fault.Config).says("200 primary keys stand more than once", "vectors.h5", "on_duplicate: last",
		"write source.hdf5.key: none to keep all rows", "key 100 stands at", "key 101 stands at", "nothing was written")
	m.only(t, collection, false)
	path = own(t, "job-"+collection, file, m.address, collection, nil, []string{"on_duplicate: last"})
	if result := verified(t, "run", path); result.Counted != 2000 {
		t.Errorf("%+v", result)
	}
	m.holds(t, collection, "", rowSpan{0, 100, 1}, twice, rowSpan{300, 2000, 1})
}

// TestNaN: one element of the last row.
func TestNaN(t *testing.T) {
	t.Parallel()
	m := theMilvus(t)
	vectors := source.vectors()
	vectors[len(vectors)-3] = float32(math.NaN())
	file := hdf5File(t, source.keys(), vectors, dim)
	for _, mode := range []string{"append", "overwrite"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			collection := m.collection(t)
			if mode == "overwrite" {
				m.createAs(t, collection, dim)
				m.insert(t, collection, "", old)
				m.load(t, collection)
			}
			path := own(t, "job-"+collection, file, m.address, collection, []string{"mode: " + mode}, nil)
			milvusdm(t, "run", path).fails(fault.Corrupt).says("vectors.h5", "row 1999", "NaN", "allow_nan: true", "is as it was before the job")
			m.only(t, collection, mode == "overwrite")
			if mode == "overwrite" {
				m.holds(t, collection, "", old)
			}
		})
	}
	// allow_nan passes it on to the server, which has the last word: this version takes none
	t.Run("refused by the server", func(t *testing.T) {
		t.Parallel()
		collection := m.collection(t)
		path := own(t, "job-"+collection, file, m.address, collection, nil, []string{"allow_nan: true"})
		milvusdm(t, "run", path).fails(fault.Unsupported).says("vectors.h5", "NaN", "is not a number or infinity")
		m.only(t, collection, false)
	})
}

func TestLossySource(t *testing.T) {
	t.Parallel()
	m := theMilvus(t)
	collection := m.collection(t)
	file := filepath.Join(stack.Root(t), "internal", "faiss", "testdata", "hnsw-sq8.faiss")
	path := own(t, "job-"+collection, file, m.address, collection, nil, nil)
	milvusdm(t, "plan", path).fails(fault.Config).says("approximation", "allow_lossy: true")
	milvusdm(t, "run", path).fails(fault.Config).says("approximation", "allow_lossy: true")
	m.only(t, collection, false)
	path = own(t, "job-"+collection, file, m.address, collection, nil, []string{"allow_lossy: true"})
	milvusdm(t, "plan", path).exits(fault.ExitOK).says("lossy")
	sum, _ := sumOfSource(t, &job.Source{Faiss: &job.FaissSource{Files: job.Files{Paths: []string{file}}, KeyField: "id", VectorField: "embedding"}})
	if result := verified(t, "run", path); result.Counted != sum.Rows {
		t.Errorf("%+v", result)
	}
	m.holdsSum(t, content.Place{Collection: collection}, sum)
}

// TestMisfit: what does not fit the collection that is there is refused before anything is written.
func TestMisfit(t *testing.T) {
	t.Parallel()
	m := theMilvus(t)
	for name, c := range map[string]struct {
		thereDim int64
		target   []string
		source   string
		kind     fault.Kind
		says     []string
	}{
		"dimension of the collection": {thereDim: 16, kind: fault.Conflict, says: []string{`field "embedding" has dimension 16, the source's has 8`}},
		"dimension of the job":        {target: []string{"dimension: 16"}, kind: fault.Config, says: []string{"dimension", "16", "8"}},
		"names":                       {thereDim: dim, source: "vector_field: vec", kind: fault.Conflict, says: []string{`field "vec"`, "is not there", `"embedding"`}},
		"metric":                      {target: []string{"index: {metric: HAMMING}"}, kind: fault.Config, says: []string{"HAMMING", "L2, IP or COSINE"}},
		"alias":                       {kind: fault.Config, says: []string{"is an alias of"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			collection := m.collection(t)
			target := collection
			if c.thereDim != 0 || name == "alias" {
				m.createAs(t, collection, max(c.thereDim, dim))
			}
			if name == "alias" {
				target = "a" + collection
				if err := m.CreateAlias(t.Context(), collection, target); err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { dropAlias(t, m, target) })
			}
			path := ownWith(t, "job-"+collection, source.hdf5File(t), m.address, target, c.source, c.target)
			for _, command := range []string{"plan", "run"} {
				milvusdm(t, command, path).fails(c.kind).says(c.says...)
			}
			m.only(t, collection, c.thereDim != 0 || name == "alias")
		})
	}
}

func dropAlias(t *testing.T, m *milvus, alias string) {
	if err := m.DropAlias(context.Background(), alias); err != nil {
		t.Error(err)
	}
}

func TestDatabase(t *testing.T) {
	t.Parallel()
	m := theMilvus(t)
	collection := m.collection(t)
	database := "d" + collection
	path := own(t, "job-"+collection, source.hdf5File(t), m.address, collection, []string{"database: " + database}, nil)
	milvusdm(t, "run", path).fails(fault.NotFound).says(database)
	if err := m.CreateDatabase(t.Context(), database); err != nil {
		t.Fatal(err)
	}
	in, err := client.NewClient(t.Context(), client.Config{Address: m.address, DBName: database})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	verified(t, "run", path)
	m.only(t, collection, false) // in the default database
	m.holdsSum(t, content.Place{Database: database, Collection: collection}, sumOf(t, source))
	if err := in.DropCollection(t.Context(), collection); err != nil {
		t.Error(err)
	}
	if err := m.DropDatabase(t.Context(), database); err != nil {
		t.Error(err)
	}
}

// TestLoad: how the collection is left, which must be counted in any case.
func TestLoad(t *testing.T) {
	t.Parallel()
	m := theMilvus(t)
	for name, c := range map[string]struct {
		there, want bool
		load        string
	}{
		"new, no":        {load: "no"},
		"unloaded, keep": {there: true, load: "keep"},
		"unloaded, yes":  {there: true, load: "yes", want: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			collection := m.collection(t)
			if c.there {
				m.createAs(t, collection, dim)
			}
			path := own(t, "job-"+collection, source.hdf5File(t), m.address, collection, []string{"load: " + c.load}, nil)
			if result := verified(t, "run", path); result.Counted != 2000 || result.Loaded != c.want {
				t.Errorf("%+v", result)
			}
			if loaded := m.isLoaded(t, collection); loaded != c.want {
				t.Errorf("loaded %v", loaded)
			}
			m.load(t, collection)
			m.holds(t, collection, "", source)
		})
	}
}

// TestWaitForTheServer: a server that goes away in the middle of the copy is waited for, and the wait is told.
func TestWaitForTheServer(t *testing.T) {
	t.Parallel()
	j := newSlowJob(t)
	slowly := slow(j.proxy, 250*time.Millisecond)
	run := start(t, "run", j.path)
	written(t, j.proxy, 4)
	away := j.proxy.On(faultproxy.Rule{When: faultproxy.BeforeSend, Do: faultproxy.Lost})
	waits := "waiting for Milvus at " + j.proxy.Addr()
	run.awaitSays(waits, time.Minute)
	for _, command := range [][]string{{"status", j.name}, {"list"}} {
		within(t, time.Minute, command[0]+" tells of the wait", func() bool {
			return strings.Contains(milvusdm(t, command...).exits(fault.ExitOK).stdout, waits)
		})
	}
	away.Remove()
	slowly.Remove()
	run.wait().exits(fault.ExitOK).says("verified, every row is there once")
	if again := j.proxy.RowsSentAgain(); again != 0 {
		t.Errorf("%d rows were sent again, though none that went out was lost", again)
	}
	if d := milvusdm(t, "-o", "json", "status", j.name).exits(fault.ExitOK).document(); d.Result == nil || d.Result.Outcome != workflows.OutcomeVerified {
		t.Errorf("%+v", d)
	}
	j.done(t)
}

// TestPlanAndVerifySayWhatTheyWaitFor: so do the commands that only look.
func TestPlanAndVerifySayWhatTheyWaitFor(t *testing.T) {
	t.Parallel()
	const nobody = "127.0.0.1:9" // the port of the discard protocol
	path := own(t, "job-"+t.Name(), source.hdf5File(t), nobody, "c", nil, nil)
	for _, command := range []string{"plan", "verify"} {
		p := start(t, command, path)
		p.awaitSays("waiting for Milvus at "+nobody+" (since ", 20*time.Second)
		p.signal(os.Interrupt)
		p.wait()
	}
}

// TestPhasesOfAResult: the result tells how long each phase took, and nothing twice.
func TestPhasesOfAResult(t *testing.T) {
	t.Parallel()
	m := theMilvus(t)
	collection := m.collection(t)
	result := verified(t, "run", own(t, "job-"+collection, source.hdf5File(t), m.address, collection, nil, nil))
	var sum time.Duration
	var order []workflows.Phase
	for _, p := range result.Phases {
		sum += p.Took
		order = append(order, p.Phase)
	}
	if sum > result.Took+time.Second || sum < result.Took/2 {
		t.Errorf("the phases took %v, all in all it was %v: %+v", sum, result.Took, result.Phases)
	}
	for _, p := range []workflows.Phase{workflows.PhaseReading, workflows.PhaseCopying, workflows.PhaseFlush, workflows.PhaseIndex, workflows.PhaseLoad, workflows.PhaseCounting} {
		if !slices.Contains(order, p) {
			t.Errorf("%s is missing: %v", p, order)
		}
	}
	if len(order) == 0 || order[0] != workflows.PhaseReading {
		t.Errorf("not in their order: %v", order)
	}
	milvusdm(t, "status", "job-"+collection).exits(fault.ExitOK).says("of which   ", " copying, ")
}

// TestOtherMetricIsSaidLoudly: a job for inner products that appends to a collection with an L2 index is warned, not merely noted.
func TestOtherMetricIsSaidLoudly(t *testing.T) {
	t.Parallel()
	m := theMilvus(t)
	collection := m.collection(t)
	m.createAs(t, collection, dim)
	path := own(t, "job-"+collection, source.hdf5File(t), m.address, collection, []string{"index: {metric: IP}"}, nil)
	for _, command := range []string{"plan", "run"} {
		milvusdm(t, command, path).exits(fault.ExitOK).says("WARNING    field embedding has an index with metric L2, which stays, and the job asks for IP")
	}
}
