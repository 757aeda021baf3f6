package e2e

import (
	"sync/atomic"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"

	"milvusdm/internal/fault"
	"milvusdm/tests/faultproxy"
)

// TestOverwriteKeepsTheOldToTheEnd: until the new rows are counted the old ones answer, by their alias too, which then
// leads to the new ones.
func TestOverwriteKeepsTheOldToTheEnd(t *testing.T) {
	t.Parallel()
	j := newSlowJob(t, "mode: overwrite")
	alias := "a" + j.collection
	j.createAs(t, j.collection, dim)
	j.insert(t, j.collection, "", old)
	j.load(t, j.collection)
	if err := j.CreateAlias(t.Context(), j.collection, alias); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dropAlias(t, j.milvus, alias) })
	startSlow(t, j.proxy, j.path)
	j.holds(t, j.collection, "", old)
	j.holds(t, alias, "", old)
	milvusdm(t, "status", "--follow", j.name).exits(fault.ExitOK).says("verified")
	j.done(t)
	j.holds(t, alias, "", source)
}

// TestOverwriteWithoutMemoryForBoth: a collection that is loaded and served is not replaced by one that could not be counted.
func TestOverwriteWithoutMemoryForBoth(t *testing.T) {
	t.Parallel()
	m := theMilvus(t)
	proxy := faultproxy.Start(t, m.address)
	collection := m.collection(t)
	m.createAs(t, collection, dim)
	m.insert(t, collection, "", old)
	m.load(t, collection)
	full := proxy.On(faultproxy.Rule{Method: "LoadCollection", Do: func(*faultproxy.Call) error {
		return grpcstatus.Error(codes.Internal, "load segment failed, OOM if load, maxSegmentSize = 300.1 MB")
	}})
	path := own(t, "job-"+collection, source.hdf5File(t), proxy.Addr(), collection, []string{"mode: overwrite"}, nil)
	cleanUp(t, "job-"+collection)
	milvusdm(t, "run", path).fails(fault.Unsupported).says(collection+" stays as it was", "OOM if load", "Free memory")
	m.holds(t, collection, "", old)
	full.Remove()
	milvusdm(t, "run", path).exits(fault.ExitOK).says("verified")
	m.only(t, collection, true)
	m.holds(t, collection, "", source)
}

// TestOverwriteReleasesFirst: where the job lets it, the collection that is served is released for the one that replaces it, and
// loaded again if that one can't be loaded all the same.
func TestOverwriteReleasesFirst(t *testing.T) {
	t.Parallel()
	for name, alone := range map[string]bool{"fits alone": true, "never fits": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := theMilvus(t)
			proxy := faultproxy.Start(t, m.address)
			collection := m.collection(t)
			m.createAs(t, collection, dim)
			m.insert(t, collection, "", old)
			m.load(t, collection)
			var released atomic.Bool
			proxy.On(faultproxy.Rule{Method: "ReleaseCollection", When: faultproxy.Replied, Do: func(c *faultproxy.Call) error {
				r, ok := c.Request.(*milvuspb.ReleaseCollectionRequest)
				if ok && r.GetCollectionName() == collection {
					released.Store(true)
				}
				return nil
			}})
			full := proxy.On(faultproxy.Rule{Method: "LoadCollection", Do: func(c *faultproxy.Call) error {
				r, ok := c.Request.(*milvuspb.LoadCollectionRequest)
				if !ok || r.GetCollectionName() == collection || alone && released.Load() {
					return nil
				}
				return grpcstatus.Error(codes.Internal, "load segment failed, OOM if load, maxSegmentSize = 300.1 MB")
			}})
			path := own(t, "job-"+collection, source.hdf5File(t), proxy.Addr(), collection, []string{"mode: overwrite"}, []string{"release_first: true"})
			cleanUp(t, "job-"+collection)
			if alone {
				milvusdm(t, "run", path).exits(fault.ExitOK).says("verified", "was released, since the server has no memory")
			} else {
				milvusdm(t, "run", path).fails(fault.Unsupported).says("even while that one is released", "OOM if load")
				if !released.Load() || !m.isLoaded(t, collection) {
					t.Error("the old collection was to be released, and loaded again")
				}
				m.holds(t, collection, "", old)
				full.Remove()
				milvusdm(t, "run", path).exits(fault.ExitOK).says("verified")
			}
			m.only(t, collection, true)
			if !m.isLoaded(t, collection) {
				t.Error("the new collection is not loaded")
			}
			m.holds(t, collection, "", source)
		})
	}
}
