package e2e

import (
	"testing"

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
