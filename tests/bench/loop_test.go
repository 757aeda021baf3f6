package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"google.golang.org/protobuf/proto"
)

// loopVariable holds the loop that this program is to run as a child process, so that its processor time can be told from
// the rest.
const loopVariable = "MILVUSDM_BENCH_LOOP"

// loop is a bare loop of Insert calls with batches that are ready in memory before the clock starts.
type loop struct {
	Address, Collection string
	Data                shape
	Writers, BatchRows  int
	// Whole goes on to flush, index and load.
	Whole bool
}

func (l loop) String() string {
	return fmt.Sprintf("%d x %s", l.Writers, thousands(float64(l.BatchRows)))
}

// loopResult is how long the loop's parts took.
type loopResult struct {
	Insert, CPU        time.Duration
	Flush, Index, Load time.Duration
	Rows               int
}

func (r loopResult) rate() float64 { return float64(r.Rows) / r.Insert.Seconds() }

func (r loopResult) whole() time.Duration { return r.Insert + r.Flush + r.Index + r.Load }

// child is what the child process runs: one of these.
type child struct {
	Loop *loop
	Pump *pump
}

// run runs the loop in a child process.
func (l loop) run(b *testing.B) loopResult {
	b.Helper()
	r := child{Loop: &l}.run(b)
	r.Rows = l.Data.Rows
	return r
}

func (c child) run(b *testing.B) loopResult {
	b.Helper()
	spec, err := json.Marshal(c)
	if err != nil {
		b.Fatal(err)
	}
	process := exec.CommandContext(b.Context(), os.Args[0])
	process.Env = append(os.Environ(), loopVariable+"="+string(spec))
	process.Stderr = os.Stderr
	out, err := process.Output()
	if err != nil {
		b.Fatalf("bare loop %s: %v", spec, err)
	}
	var r loopResult
	if err := json.Unmarshal(out, &r); err != nil {
		b.Fatalf("bare loop %s: %v", spec, err)
	}
	return r
}

// runLoop is the child process.
func runLoop(text string) (code int) {
	var c child
	var r loopResult
	err := json.Unmarshal([]byte(text), &c)
	switch {
	case err != nil:
	case c.Pump != nil:
		r, err = c.Pump.measure(context.Background())
	default:
		r, err = c.Loop.measure(context.Background())
	}
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(r)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bare loop:", err)
		return 1
	}
	return 0
}

func (l loop) measure(ctx context.Context) (r loopResult, err error) {
	sdk, err := client.NewClient(ctx, client.Config{Address: l.Address})
	if err != nil {
		return r, err
	}
	defer sdk.Close()
	service := sdk.(*client.GrpcClient).Service
	if err := l.create(ctx, service); err != nil {
		return r, err
	}
	batches := l.batches()
	cpu, start := ownCPU(), time.Now()
	if err := l.insert(ctx, service, batches); err != nil {
		return r, err
	}
	r.Insert, r.CPU = time.Since(start), ownCPU()-cpu
	if l.Whole {
		for _, step := range []struct {
			took *time.Duration
			do   func(context.Context, milvuspb.MilvusServiceClient) error
		}{{&r.Flush, l.flush}, {&r.Index, l.index}, {&r.Load, l.load}} {
			start := time.Now()
			if err := step.do(ctx, service); err != nil {
				return r, err
			}
			*step.took = time.Since(start)
		}
	}
	return r, nil
}

func ownCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // for a wrong argument only
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// create makes the collection as a job does.
func (l loop) create(ctx context.Context, service milvuspb.MilvusServiceClient) error {
	schema, err := proto.Marshal(&schemapb.CollectionSchema{Name: l.Collection, Fields: []*schemapb.FieldSchema{
		{Name: keyField, DataType: schemapb.DataType_Int64, IsPrimaryKey: true},
		{Name: vectorField, DataType: schemapb.DataType_FloatVector,
			TypeParams: []*commonpb.KeyValuePair{{Key: "dim", Value: fmt.Sprint(l.Data.Dim)}}},
	}})
	if err != nil {
		return err
	}
	return said(service.CreateCollection(ctx, &milvuspb.CreateCollectionRequest{CollectionName: l.Collection, Schema: schema,
		ConsistencyLevel: commonpb.ConsistencyLevel_Bounded}))
}

func (l loop) batches() []*milvuspb.InsertRequest {
	var out []*milvuspb.InsertRequest
	for first := 0; first < l.Data.Rows; first += l.BatchRows {
		n := min(l.BatchRows, l.Data.Rows-first)
		out = append(out, &milvuspb.InsertRequest{CollectionName: l.Collection, FieldsData: l.Data.columns(first, n), NumRows: uint32(n)})
	}
	return out
}

func (l loop) insert(ctx context.Context, service milvuspb.MilvusServiceClient, batches []*milvuspb.InsertRequest) error {
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, l.Writers)
	for i := range errs {
		wg.Go(func() {
			for errs[i] == nil {
				n := int(next.Add(1)) - 1
				if n >= len(batches) {
					return
				}
				answer, err := service.Insert(ctx, batches[n])
				errs[i] = said(answer.GetStatus(), err)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (l loop) flush(ctx context.Context, service milvuspb.MilvusServiceClient) error {
	answer, err := service.Flush(ctx, &milvuspb.FlushRequest{CollectionNames: []string{l.Collection}})
	if err := said(answer.GetStatus(), err); err != nil {
		return err
	}
	return poll(func() (bool, error) {
		state, err := service.GetFlushState(ctx, &milvuspb.GetFlushStateRequest{CollectionName: l.Collection,
			SegmentIDs: answer.GetCollSegIDs()[l.Collection].GetData(), FlushTs: answer.GetCollFlushTs()[l.Collection]})
		return state.GetFlushed(), said(state.GetStatus(), err)
	})
}

func (l loop) index(ctx context.Context, service milvuspb.MilvusServiceClient) error {
	err := said(service.CreateIndex(ctx, &milvuspb.CreateIndexRequest{CollectionName: l.Collection, FieldName: vectorField,
		ExtraParams: []*commonpb.KeyValuePair{{Key: "index_type", Value: "FLAT"}, {Key: "metric_type", Value: "L2"}}}))
	if err != nil {
		return err
	}
	return poll(func() (bool, error) {
		answer, err := service.DescribeIndex(ctx, &milvuspb.DescribeIndexRequest{CollectionName: l.Collection})
		for _, d := range answer.GetIndexDescriptions() {
			if d.GetState() != commonpb.IndexState_Finished || d.GetPendingIndexRows() > 0 {
				return false, nil
			}
		}
		return true, said(answer.GetStatus(), err)
	})
}

func (l loop) load(ctx context.Context, service milvuspb.MilvusServiceClient) error {
	err := said(service.LoadCollection(ctx, &milvuspb.LoadCollectionRequest{CollectionName: l.Collection, ReplicaNumber: 1}))
	if err != nil {
		return err
	}
	return poll(func() (bool, error) {
		answer, err := service.GetLoadingProgress(ctx, &milvuspb.GetLoadingProgressRequest{CollectionName: l.Collection})
		return answer.GetProgress() == 100, said(answer.GetStatus(), err)
	})
}

// poll asks every 50 ms until done.
func poll(done func() (bool, error)) error {
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// said turns the two ways in which a call fails into one.
func said(s *commonpb.Status, err error) error {
	if err == nil && (s.GetCode() != 0 || s.GetErrorCode() != commonpb.ErrorCode_Success) {
		return fmt.Errorf("the server says: %s (code %d)", s.GetReason(), s.GetCode())
	}
	return err
}
