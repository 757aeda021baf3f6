package sweep

import (
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"

	"milvusdm/tests/faultproxy"
)

// page picks the queries that read rows of a source.
func page(nth int, when faultproxy.Moment) faultproxy.Rule {
	return faultproxy.Rule{Method: "Query", Nth: nth, When: when, Match: func(c *faultproxy.Call) bool {
		q, ok := c.Request.(*milvuspb.QueryRequest)
		return ok && len(q.GetOutputFields()) > 1 && q.GetCollectionName() == sourceCollection
	}}
}

// keyPage picks those that read its keys.
func keyPage(nth int, when faultproxy.Moment) faultproxy.Rule {
	r := page(nth, when)
	r.Match = func(c *faultproxy.Call) bool {
		q, ok := c.Request.(*milvuspb.QueryRequest)
		return ok && len(q.GetOutputFields()) == 1 && !faultproxy.IsCount(c) && q.GetCollectionName() == sourceCollection
	}
	return r
}

// The source's server is struck while it is read. These cases have it to themselves, so they run one after another.
func TestSourceMoments(t *testing.T) {
	rig := newRig(t)
	killSource := victim{"source", 0,
		func(m *migration) { m.source.server.Kill9(m.t) },
		func(m *migration) { m.source.server.Start(m.t) }}
	for _, mo := range []moment{
		{name: "a page asked for", call: page(middle, faultproxy.BeforeSend), victims: []victim{killSource, killWorker}},
		{name: "a page under way", call: page(middle, faultproxy.Sent), victims: []victim{killSource}},
		{name: "a page answered and not passed on", call: page(middle, faultproxy.Replied), victims: []victim{noVictim, killSource, killWorker}},
		{name: "a page of keys answered and not passed on", call: keyPage(1, faultproxy.Replied), victims: []victim{killWorker}},
	} {
		for _, v := range mo.victims {
			t.Run(mo.name+"/"+v.name, func(t *testing.T) {
				lane := <-rig.lanes
				t.Cleanup(func() { rig.lanes <- lane })
				src := rig.sources[fromMilvus]
				src.server.Start(t)
				src.proxy = faultproxy.Start(t, src.server.Address)
				src.address = src.proxy.Addr()
				m := newMigration(t, lane.usual, src, toNew, totalRows/2)
				h := m.haltAt(src.proxy, mo.call, nil)
				m.start()
				m.until(h.arrived, mo.name)
				v.strike(m)
				h.letGo(answer(mo.call.When, v))
				v.restore(m)
				b := m.finish()
				t.Logf("%d rows sent again of at most %d, %d repaired, %.1f s", b.again, b.allowed, b.repaired, b.took.Seconds())
			})
		}
	}
}
