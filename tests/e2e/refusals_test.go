package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"milvusdm/internal/fault"
	"milvusdm/tests/stack"
)

// limitedMilvus is a server with quotas of DDL, indexes and flushes, and with room for few shards, partitions and collections.
func limitedMilvus(t *testing.T) *milvus {
	t.Helper()
	server := stack.MilvusWith(t, "limited", "QUOTAANDLIMITS_ENABLED=true", "QUOTAANDLIMITS_DDL_ENABLED=true", "QUOTAANDLIMITS_DDL_COLLECTIONRATE=1",
		"QUOTAANDLIMITS_DDL_PARTITIONRATE=1", "QUOTAANDLIMITS_INDEXRATE_ENABLED=true", "QUOTAANDLIMITS_INDEXRATE_MAX=1",
		"QUOTAANDLIMITS_FLUSHRATE_ENABLED=true", "QUOTAANDLIMITS_FLUSHRATE_MAX=0.2", "QUOTAANDLIMITS_LIMITS_MAXCOLLECTIONNUMPERDB=3",
		"ROOTCOORD_MAXPARTITIONNUM=16", "PROXY_MAXSHARDNUM=2")
	return milvusOn(t, server.Address)
}

// milvusOn is a connection for the time of the test.
func milvusOn(t *testing.T, address string) *milvus {
	t.Helper()
	c, err := client.NewClient(t.Context(), client.Config{Address: address})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return &milvus{c, address}
}

// TestQuotasOnlySlowAJobDown: every kind of call has its quota, and the job ends verified.
func TestQuotasOnlySlowAJobDown(t *testing.T) {
	from, to := theSource(t), limitedMilvus(t)
	name := from.collection(t)
	parts := partly{"_default": {0, 100, 1}}
	for i := range int64(12) {
		parts[fmt.Sprintf("p%d", i)] = rowSpan{1000 * (i + 1), 1000*(i+1) + 20, 1}
	}
	parts.make(t, from, name)
	t.Cleanup(func() {
		if err := to.DropCollection(context.Background(), name); err != nil {
			t.Error(err)
		}
	})
	verified(t, "run", migrate(t, "slow-"+name, from.address, "["+name+"]", to.address, nil, nil))
	for partition, r := range parts {
		to.holds(t, name, partition, r)
	}
}

// TestRefusalsEndWithinSeconds: what a server will never take ends the job with the server's limit and what to do, and leaves nothing.
func TestRefusalsEndWithinSeconds(t *testing.T) {
	from, to := theSource(t), limitedMilvus(t)
	file := source.hdf5File(t)
	many := from.collection(t)
	wide := partly{"_default": {0, 10, 1}}
	for i := range int64(20) {
		wide[fmt.Sprintf("p%d", i)] = rowSpan{100 * (i + 1), 100*(i+1) + 2, 1}
	}
	wide.make(t, from, many)
	full := to.collection(t)
	for _, c := range []struct {
		name string
		kind fault.Kind
		job  func(collection string) string
		says []string
	}{
		{"shards", fault.Config, func(n string) string {
			return own(t, "job-"+n, file, to.address, n, []string{"shards: 5"}, nil)
		}, []string{"limited to 2", "proxy.maxShardNum", "shards"}},
		{"index", fault.Config, func(n string) string {
			return own(t, "job-"+n, file, to.address, n, []string{"index: {type: GPU_CAGRA}"}, nil)
		}, []string{"invalid index type", "index"}},
		{"index of a source's", fault.Config, func(n string) string {
			return migrate(t, "job-"+n, from.address, fmt.Sprintf("[{name: %s, as: %s}]", many, n), to.address, []string{"index: {type: DISKANN}"}, nil)
		}, []string{"DISKANN", "index"}},
		{"partitions", fault.Conflict, func(n string) string {
			return migrate(t, "job-"+n, from.address, fmt.Sprintf("[{name: %s, as: %s}]", many, n), to.address, nil, nil)
		}, []string{"exceeds max configuration (16)", "rootCoord.maxPartitionNum"}},
		{"collections", fault.Conflict, func(n string) string {
			for i := range 3 {
				to.createAs(t, fmt.Sprintf("%s_%d", full, i), dim)
			}
			return own(t, "job-"+n, file, to.address, n, nil, nil)
		}, []string{"limit=3", "maxCollectionNumPerDB"}},
	} {
		collection := fmt.Sprintf("refused_%d", names.Add(1))
		path := c.job(collection)
		begin := time.Now()
		milvusdm(t, "run", path).fails(c.kind).says(c.says...)
		t.Logf("%s: %v", c.name, time.Since(begin).Round(time.Second))
		if d := time.Since(begin); d > time.Minute { // with waits for the quotas, on a busy machine
			t.Errorf("%s took %v", c.name, d)
		}
		there, err := to.ListCollections(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range there {
			if strings.HasPrefix(found.Name, collection) {
				t.Errorf("%s left %s", c.name, found.Name)
			}
		}
	}
}

// TestDeniedWritesAreSaid: the job says so, and ends after give_up_after.
func TestDeniedWritesAreSaid(t *testing.T) {
	to := milvusOn(t, stack.MilvusWith(t, "denying", "QUOTAANDLIMITS_ENABLED=true", "QUOTAANDLIMITS_LIMITWRITING_FORCEDENY=true").Address)
	probe := to.collection(t)
	to.createAs(t, probe, dim)
	for i := int64(0); ; i++ { // the server denies from its first look at its quotas on
		_, err := to.Insert(t.Context(), probe, "", entity.NewColumnInt64("id", []int64{i}),
			entity.NewColumnFloatVector("embedding", dim, [][]float32{make([]float32, dim)}))
		if err != nil && strings.Contains(err.Error(), "deactivated by the administrator") {
			break
		}
		if i == 100 {
			t.Fatalf("writes are not denied: %v", err)
		}
		time.Sleep(500 * time.Millisecond)
	}
	collection := fmt.Sprintf("denied_%d", names.Add(1))
	begin := time.Now()
	// a new collection is denied writes from the server's next look on, every 3 s
	milvusdm(t, "run", own(t, "job-"+collection, source.hdf5File(t), to.address, collection, []string{"limit: {rows_per_second: 100}"},
		[]string{"give_up_after: 3s", "batch_rows: 100", "writers: 1"})).
		fails(fault.Throttled).says("gave up after", "denies writes", "deactivated by the administrator")
	if d := time.Since(begin); d > 40*time.Second {
		t.Errorf("took %v", d)
	}
}
