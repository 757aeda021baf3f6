package e2e

import (
	"testing"
	"time"

	"milvusdm/internal/fault"
	"milvusdm/tests/faultproxy"
)

// TestGiveUp: a server that lets us connect and then answers no write is away as well.
func TestGiveUp(t *testing.T) {
	t.Parallel()
	m := theMilvus(t)
	proxy := faultproxy.Start(t, m.address)
	proxy.On(faultproxy.Rule{Method: faultproxy.AnyWrite, Do: faultproxy.Lost})
	collection := m.collection(t)
	path := own(t, "job-"+collection, source.hdf5File(t), proxy.Addr(), collection, nil, []string{"give_up_after: 3s"})
	milvusdm(t, "run", path).fails(fault.Unavailable).says("gave up after")
	m.only(t, collection, false)
}

// TestGiveUpUnderALimit: what the job's own limit makes it wait for is no answer of a server that hangs.
func TestGiveUpUnderALimit(t *testing.T) {
	t.Parallel()
	m := theMilvus(t)
	proxy := faultproxy.Start(t, m.address)
	proxy.On(faultproxy.Rule{Method: faultproxy.AnyWrite, Do: faultproxy.Delay(time.Hour)})
	collection := m.collection(t)
	path := own(t, "job-"+collection, source.hdf5File(t), proxy.Addr(), collection, []string{"limit: {rows_per_second: 100}"},
		[]string{"give_up_after: 5s", "write_timeout: 2s", "range_rows: 500", "batch_rows: 100", "writers: 3"})
	begin := time.Now()
	milvusdm(t, "run", path).fails(fault.Unavailable).says("gave up after")
	if d := time.Since(begin); d > 45*time.Second {
		t.Errorf("took %v", d)
	}
}
