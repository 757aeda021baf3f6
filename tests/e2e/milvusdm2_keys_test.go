package e2e

import (
	"fmt"
	"testing"

	"milvusdm/internal/fault"
)

// TestMilvusDM2KeysInMessages: what a server, a file or the worker refuses is told by the keys of MilvusDM 2.0's form.
func TestMilvusDM2KeysInMessages(t *testing.T) {
	t.Parallel()
	from, to := theSource(t), theMilvus(t)
	name := collectionOf(t, from, to)
	partly{"_default": {0, 100, 1}}.make(t, from, name)
	m2m := func(collections, more string) string {
		return write(t, "m2m.yaml",
			fmt.Sprintf("M2M:\n  milvus_version: 2.x\n  source_milvus_path: %s\n  source_collection: %s\n  dest_host: 127.0.0.1\n  dest_port: %s\n  mode: append\n%s",
				from.address, collections, to.port(t), more))
	}
	milvusdm(t, "plan", m2m("[no_such]",
		"")).fails(fault.NotFound).says("source_collection: there is no collection").lacks("source.milvus")
	milvusdm(t, "plan", m2m(fmt.Sprintf("[{name: %s, filter: 'id >>> 1'}]", name), "")).fails(fault.Config).
		says("source_collection." + name + ".filter: ").lacks("source.milvus")
	to.createAs(t, name, dim)
	to.insert(t, name, "", rowSpan{0, 100, 2})
	to.load(t, name)
	milvusdm(t, "run", m2m("["+name+"]",
		"  on_existing: fail\n")).fails(fault.Conflict).says("write on_existing: replace").lacks("copy.on_existing")
}
