package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"milvusdm/tests/faultproxy"
)

// TestRowsThatExpire: the source's rows live for some seconds. Some have expired before the copy begins and were not
// compacted, others expire while it runs. The job ends with what the server answered, and says that the copies' time
// begins anew.
func TestRowsThatExpire(t *testing.T) {
	t.Parallel()
	from, to := theSource(t), theMilvus(t)
	name := collectionOf(t, from, to)
	from.createAs(t, name, dim)
	if err := from.AlterCollection(t.Context(), name, entity.CollectionTTL(5)); err != nil {
		t.Fatal(err)
	}
	from.insert(t, name, "", rowSpan{0, 500, 1})
	from.load(t, name)
	time.Sleep(6 * time.Second)
	from.insert(t, name, "", rowSpan{1000, 1400, 1})
	proxy := faultproxy.Start(t, to.address)
	hook := slow(proxy, 2*time.Second)
	defer hook.Remove()
	path := migrate(t, "job-"+name, from.address, "["+name+"]", proxy.Addr(), nil, []string{"verify: full",
		"writers: 1"})
	result := verified(t, "run", path)
	if notes := strings.Join(result.Notes, "\n"); !strings.Contains(notes,
		"rows expire 5 seconds after they were written") {
		t.Errorf("notes %q", notes)
	}
	// one that was compacted away is missing on both sides
	if result.Rows < 400 || result.Counted != result.Rows || result.Verified != "full" {
		t.Errorf("%d rows were copied and %d counted, verified by %q", result.Rows, result.Counted, result.Verified)
	}
}
