package sweep

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
	temporal "go.temporal.io/sdk/client"
	sdk "go.temporal.io/sdk/temporal"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"milvusdm/internal/job"
	"milvusdm/tests/faultproxy"
	"milvusdm/tests/stack"
	"milvusdm/workflows"
)

const (
	batchRows = 500
	// pace is what each write takes longer than the server needs, so that a copy takes some seconds and checkpoints are
	// recorded on the way; those of every other range take longer still, so that ranges do not end together.
	pace, slowPace = 80 * time.Millisecond, 240 * time.Millisecond
	// patience is how long a job may take at most, all restarts included.
	patience = 5 * time.Minute
)

// servers are what a migration runs on.
type servers struct {
	temporal, milvus *stack.Server
	client           temporal.Client
}

func newServers(t *testing.T, temporalServer, milvusServer *stack.Server) *servers {
	t.Helper()
	// The ledger must see what Temporal has right after a restart.
	soon := grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.Config{BaseDelay: 20 * time.Millisecond, Multiplier: 1, MaxDelay: 20 * time.Millisecond},
		MinConnectTimeout: time.Second})
	c, err := temporal.Dial(temporal.Options{HostPort: temporalServer.Address, Logger: quiet{},
		ConnectionOptions: temporal.ConnectionOptions{DialOptions: []grpc.DialOption{soon}}})
	must(t, err)
	t.Cleanup(c.Close)
	return &servers{temporalServer, milvusServer, c}
}

// migration is one job, its worker, and the proxy between the worker and Milvus.
type migration struct {
	*servers
	t          *testing.T
	source     source
	worker     *stack.Worker
	proxy      *faultproxy.Proxy
	ledger     *ledger
	job        *job.Job
	collection string
	partition  string // "": the default one
	tenants    bool   // the collection has a partition key
	rangeRows  int64
	started    time.Time
	kills      int      // of Milvus
	made       []string // collections, to be dropped
	ended      chan struct{}
	result     workflows.Result // once ended, with err
	err        error
}

// target says what stands where the job writes to.
type target string

const (
	toNew       target = ""          // nothing
	toOld       target = "overwrite" // a collection, which the job replaces
	toPartition target = "partition" // a partition of a collection with others, which the job refills
	toSame      target = "same"      // a collection with other vectors under the same keys, flushed and loaded: the job replaces them
	toTenants   target = "tenants"   // the same with a partition key, under which all rows are another tenant's
)

var collections atomic.Int64

// newMigration prepares a job and all that it needs, and starts its worker. rangeRows is how many rows an activity copies.
func newMigration(t *testing.T, s *servers, src source, to target, rangeRows int64) *migration {
	t.Helper()
	s.temporal.Start(t) // an earlier case may have failed and left one dead
	s.milvus.Start(t)
	m := &migration{servers: s, t: t, source: src, rangeRows: rangeRows, ended: make(chan struct{})}
	m.collection = fmt.Sprintf("sweep_%d", collections.Add(1))
	m.made = []string{m.collection}
	m.proxy = faultproxy.Start(t, s.milvus.Address)
	more := ""
	partition, copying := "", ""
	switch to {
	case toOld:
		more = "mode: overwrite"
	case toPartition:
		more, partition = "mode: overwrite", "refilled"
	case toSame, toTenants:
		more, copying = "mode: append", "on_existing: replace, "
	}
	switch to {
	case toNew:
	case toSame, toTenants:
		must(t, m.fillSame(to == toTenants))
	default:
		must(t, m.fillOld(to == toPartition))
	}
	spec := src.spec(m.collection, partition)
	if src.labelled == nil {
		more = fmt.Sprintf("collection: %s, partition: %q, index: {type: FLAT, metric: L2}, %s", m.collection, partition, more)
	}
	text := fmt.Sprintf(`
version: 1
name: %s
source: {%s}
target:
  milvus: {address: %q, connect_timeout: 2s, load: "yes", %s}
copy: {batch_rows: %d, range_rows: %d, %sparallel: 2, writers: 2, write_timeout: 3s, heartbeat_timeout: 2s}
`, m.collection, spec, m.proxy.Addr(), more, batchRows, rangeRows, copying)
	var err error
	m.job, _, err = job.Parse("sweep.yaml", []byte(text), job.Options{})
	must(t, err)
	m.partition, m.tenants = partition, to == toTenants
	m.ledger = &ledger{client: s.client, firstKey: src.firstKey, sightings: map[activityID][]sighting{}, job: workflows.WorkflowID(m.job)}
	m.proxy.On(faultproxy.Rule{Method: faultproxy.AnyWrite, Do: func(c *faultproxy.Call) error {
		if m.slow(c) {
			return faultproxy.Delay(slowPace)(c)
		}
		return faultproxy.Delay(pace)(c)
	}})
	m.worker = m.startWorker()
	t.Cleanup(m.drop)
	return m
}

// slow reports whether a write is of one of the slower ranges.
func (m *migration) slow(c *faultproxy.Call) bool {
	for _, f := range c.Request.(interface{ GetFieldsData() []*schemapb.FieldData }).GetFieldsData() {
		if keys := f.GetScalars().GetLongData().GetData(); len(keys) > 0 {
			return (keys[0]-m.source.firstKey)/m.rangeRows%2 == 1
		}
	}
	return false
}

func (m *migration) startWorker() *stack.Worker {
	return stack.StartWorkerAt(m.t, m.temporal)
}

// start starts the job, once rules are armed.
func (m *migration) start() {
	m.t.Helper()
	m.started = time.Now()
	run, err := m.client.ExecuteWorkflow(m.t.Context(), temporal.StartWorkflowOptions{ID: workflows.WorkflowID(m.job), TaskQueue: workflows.TaskQueue},
		m.job.Direction(), workflows.Input{Job: *m.job, Hash: m.job.Hash()})
	must(m.t, err)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	var watching sync.WaitGroup
	watching.Go(func() {
		if err := m.ledger.watch(ctx); err != nil {
			m.t.Error(err)
		}
	})
	go func() {
		m.err = m.await(ctx, run)
		cancel()
		watching.Wait()
		close(m.ended)
	}()
	m.t.Cleanup(func() {
		cancel()
		<-m.ended
		if m.t.Failed() {
			m.t.Log("the course of the copy:\n" + m.ledger.timeline(context.Background()))
		}
	})
}

// await waits for the end of the job, whatever becomes of Temporal meanwhile.
func (m *migration) await(ctx context.Context, run temporal.WorkflowRun) error {
	for {
		err := run.Get(ctx, &m.result)
		var failed *sdk.WorkflowExecutionError
		if err == nil || errors.As(err, &failed) || ctx.Err() != nil {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// halt stops a call at a moment.
type halt struct {
	arrived chan struct{}
	release chan error
	once    sync.Once
}

// halt arms a rule whose call stays where it is until it is let go: the first one, or the first for which picked answers
// true.
func (m *migration) halt(r faultproxy.Rule, picked func(*faultproxy.Call) bool) *halt {
	return m.haltAt(m.proxy, r, picked)
}

func (m *migration) haltAt(p *faultproxy.Proxy, r faultproxy.Rule, picked func(*faultproxy.Call) bool) *halt {
	h := &halt{arrived: make(chan struct{}), release: make(chan error, 1)}
	var stopped atomic.Bool
	r.Do = func(c *faultproxy.Call) error {
		if picked != nil && !picked(c) || !stopped.CompareAndSwap(false, true) {
			return nil
		}
		close(h.arrived)
		return <-h.release
	}
	p.On(r)
	m.t.Cleanup(func() { h.letGo(nil) })
	return h
}

// letGo lets the call go on, or, with an error, gives its client that.
func (h *halt) letGo(err error) { h.once.Do(func() { h.release <- err }) }

// until waits for the event, which must come before the job ends.
func (m *migration) until(event <-chan struct{}, what string) {
	m.t.Helper()
	select {
	case <-event:
	case <-m.ended:
		select {
		case <-event:
		default:
			m.t.Fatalf("the job ended (%v) before: %s", m.err, what)
		}
	case <-time.After(patience):
		m.t.Fatalf("never came: %s", what)
	}
}

// untilTrue waits until done answers true, which must be before the job ends.
func (m *migration) untilTrue(what string, done func() bool) {
	m.t.Helper()
	event := make(chan struct{})
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		for !done() {
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
		close(event)
	}()
	m.until(event, what)
}

// oldRows is how many rows stand in a target that is not new.
const oldRows = 100

// fillOld makes the target collection with other rows than the source's, in the default partition and, if asked, in the
// partition that is to be refilled.
func (m *migration) fillOld(partition bool) error {
	ctx := m.t.Context()
	c := m.dialMilvus()
	schema := entity.NewSchema().WithName(m.collection).
		WithField(entity.NewField().WithName("id").WithDataType(entity.FieldTypeInt64).WithIsPrimaryKey(true)).
		WithField(entity.NewField().WithName("embedding").WithDataType(entity.FieldTypeFloatVector).WithDim(dim))
	if err := c.CreateCollection(ctx, schema, 1); err != nil {
		return err
	}
	partitions := []string{""}
	if partition {
		if err := c.CreatePartition(ctx, m.collection, "refilled"); err != nil {
			return err
		}
		partitions = append(partitions, "refilled")
	}
	for i, name := range partitions {
		if err := insert(ctx, c, m.collection, name, int64(-(i+1)*oldRows), oldRows); err != nil {
			return err
		}
	}
	return c.Flush(ctx, m.collection, false) // or a restart may lose them, which are not the job's to keep
}

// fillSame makes the target collection with zeros under the source's keys, flushed and loaded; with tenants, the rows are of a
// tenant that the source has not.
func (m *migration) fillSame(tenants bool) error {
	ctx := m.t.Context()
	c := m.dialMilvus()
	schema := entity.NewSchema().WithName(m.collection).
		WithField(entity.NewField().WithName("id").WithDataType(entity.FieldTypeInt64).WithIsPrimaryKey(true)).
		WithField(entity.NewField().WithName("embedding").WithDataType(entity.FieldTypeFloatVector).WithDim(dim))
	var more []entity.Column
	if tenants {
		schema.WithField(entity.NewField().WithName(tenantField).WithDataType(entity.FieldTypeInt64).WithIsPartitionKey(true))
		more = append(more, entity.NewColumnInt64(tenantField, slices.Repeat([]int64{-1}, totalRows)))
	}
	var options []client.CreateCollectionOption
	if tenants {
		options = append(options, client.WithPartitionNum(4))
	}
	flat, err := entity.NewIndexFlat(entity.L2)
	return errors.Join(err, c.CreateCollection(ctx, schema, 1, options...),
		insert(ctx, c, m.collection, "", m.source.firstKey, totalRows, more...),
		c.Flush(ctx, m.collection, false), c.CreateIndex(ctx, m.collection, "embedding", flat, false), c.LoadCollection(ctx, m.collection, false))
}

// insert inserts n vectors of zeros under successive keys, and more columns.
func insert(ctx context.Context, c client.Client, collection, partition string, first int64, n int, more ...entity.Column) error {
	ids, vectors := make([]int64, n), make([][]float32, n)
	for row := range ids {
		ids[row], vectors[row] = first+int64(row), make([]float32, dim)
	}
	_, err := c.Insert(ctx, collection, partition,
		append(more, entity.NewColumnInt64("id", ids), entity.NewColumnFloatVector("embedding", dim, vectors))...)
	return err
}

// drop keeps the servers light over many cases.
func (m *migration) drop() {
	if _, running := m.milvus.PID(); !running || m.t.Failed() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	c, err := client.NewClient(ctx, client.Config{Address: m.milvus.Address})
	if err == nil {
		for _, name := range m.made {
			err = errors.Join(err, c.DropCollection(ctx, name))
		}
		err = errors.Join(err, c.Close())
	}
	if err != nil {
		m.t.Errorf("drop %v: %v", m.made, err)
	}
}

func (m *migration) dialMilvus() *client.GrpcClient {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), 20*time.Second) // the dial blocks as long as this allows
	defer cancel()
	c, err := client.NewClient(ctx, client.Config{Address: m.milvus.Address})
	must(m.t, err)
	m.t.Cleanup(func() { must(m.t, c.Close()) })
	return c.(*client.GrpcClient)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// quiet keeps the Temporal client's complaints about a killed server out of the test's output.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}
