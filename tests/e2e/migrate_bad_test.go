package e2e

import (
	"fmt"
	"strings"
	"testing"

	"milvusdm/internal/fault"
	"milvusdm/tests/faultproxy"
)

// TestMigrateBadJobs: what is wrong with a job is said before anything is written.
func TestMigrateBadJobs(t *testing.T) {
	t.Parallel()
	from, to := theSource(t), theMilvus(t)
	name, collection := from.collection(t), to.collection(t)
	threeParts.make(t, from, name)
	other := to.collection(t)
	to.createAs(t, other, dim+1)
	for what, c := range map[string]struct {
		choice, address string
		target          []string
		kind            fault.Kind
		says            []string
	}{
		"no collection":      {choice: "[nowhere_to_be_found]", kind: fault.NotFound, says: []string{"nowhere_to_be_found"}},
		"no partition":       {choice: fmt.Sprintf("[{name: %s, partitions: [east]}]", name), kind: fault.NotFound, says: []string{"east", "north", "south"}},
		"no field":           {choice: fmt.Sprintf("[{name: %s, fields: [colour]}]", name), kind: fault.Config, says: []string{"colour", "embedding"}},
		"a bad filter":       {choice: fmt.Sprintf("[{name: %s, filter: 'id >< 5'}]", name), kind: fault.Config, says: []string{"filter", name, "id >< 5"}},
		"another schema":     {choice: fmt.Sprintf("[{name: %s, as: %s}]", name, other), kind: fault.Conflict, says: []string{"embedding", "dim", "8", "9"}},
		"itself":             {choice: "[" + name + "]", address: from.address, kind: fault.Config, says: []string{"itself"}},
		"itself, localhost":  {choice: "[" + name + "]", address: strings.Replace(from.address, "127.0.0.1", "localhost", 1), kind: fault.Config, says: []string{"itself"}},
		"itself, by a proxy": {choice: "[" + name + "]", address: faultproxy.Start(t, from.address).Addr(), kind: fault.Config, says: []string{"is the source itself"}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			address := to.address
			if c.address != "" {
				address = c.address
			}
			path := migrate(t, "job-"+collection+"-"+strings.NewReplacer(" ", "-", ",", "").Replace(what), from.address, c.choice, address, c.target, nil)
			for _, command := range []string{"plan", "run"} {
				milvusdm(t, command, path).fails(c.kind).says(c.says...)
			}
		})
	}
}
