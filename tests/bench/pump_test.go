package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// pump is a bare loop that hands the field data of Query's answers to Insert, or only reads: what a copy between two servers,
// and a comparison of them, can't be faster than. Readers x Writers run at once: each reader has a part of the keys and its own
// writers.
type pump struct {
	Source, From     string // address, collection
	Target, To       string // "": only read
	Bounds           []int64
	Writers, PageRow int
	Fields           []string
	// Both reads the target too, the same keys at the same time, instead of writing to it.
	Both bool
}

func (p pump) String() string {
	if p.Writers == 0 {
		return fmt.Sprintf("%d x %s rows", len(p.Bounds)-1, thousands(float64(p.PageRow)))
	}
	return fmt.Sprintf("%d x %d, %s rows", len(p.Bounds)-1, p.Writers, thousands(float64(p.PageRow)))
}

// run runs the loop in a child process, with all rows that are in its bounds.
func (p pump) run(b *testing.B) loopResult {
	b.Helper()
	return child{Pump: &p}.run(b)
}

// best runs each of the loops once and returns the fastest, that they may be measured well.
func best(b *testing.B, finalists int, loops []pump) []pump {
	b.Helper()
	rate := map[int]float64{}
	var order []int
	for i, p := range loops {
		r := p.run(b)
		rate[i], order = r.rate(), append(order, i)
		say("bare loop %v over %s rows: %s rows/s, %s CPU", p, thousands(float64(r.Rows)), thousands(r.rate()), seconds(r.CPU))
	}
	slices.SortStableFunc(order, func(x, y int) int { return cmp.Compare(rate[y], rate[x]) })
	var out []pump
	for _, i := range order[:min(finalists, len(order))] {
		out = append(out, loops[i])
	}
	return out
}

// measure is the child process's work; its answer is a loopResult.
func (p pump) measure(ctx context.Context) (loopResult, error) {
	var r loopResult
	source, closeSource, err := dial(ctx, p.Source)
	if err != nil {
		return r, err
	}
	defer closeSource()
	var target milvuspb.MilvusServiceClient
	if p.To != "" {
		var closeTarget func()
		if target, closeTarget, err = dial(ctx, p.Target); err != nil {
			return r, err
		}
		defer closeTarget()
	}
	if p.To != "" && !p.Both {
		if err := p.create(ctx, source, target); err != nil {
			return r, err
		}
	}
	cpu, start := ownCPU(), time.Now()
	var rows atomic.Int64
	count := func(_ []*schemapb.FieldData, n int) error { rows.Add(int64(n)); return nil }
	ignore := func([]*schemapb.FieldData, int) error { return nil }
	errs := make([]error, 2*(len(p.Bounds)-1))
	var wg sync.WaitGroup
	for i := range len(p.Bounds) - 1 {
		wg.Go(func() {
			if p.To == "" || p.Both {
				errs[2*i] = p.read(ctx, source, p.From, p.Bounds[i], p.Bounds[i+1], count)
			} else {
				errs[2*i] = p.copy(ctx, source, target, p.Bounds[i], p.Bounds[i+1], count)
			}
		})
		if p.Both {
			wg.Go(func() { errs[2*i+1] = p.read(ctx, target, p.To, p.Bounds[i], p.Bounds[i+1], ignore) })
		}
	}
	wg.Wait()
	r.Insert, r.CPU, r.Rows = time.Since(start), ownCPU()-cpu, int(rows.Load())
	return r, errors.Join(errs...)
}

func dial(ctx context.Context, address string) (milvuspb.MilvusServiceClient, func(), error) {
	sdk, err := client.NewClient(ctx, client.Config{Address: address,
		DialOptions: []grpc.DialOption{grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(math.MaxInt32))}})
	if err != nil {
		return nil, nil, err
	}
	return sdk.(*client.GrpcClient).Service, func() { _ = sdk.Close() }, nil // what was measured is measured
}

// create makes the target collection like the source.
func (p pump) create(ctx context.Context, source, target milvuspb.MilvusServiceClient) error {
	d, err := source.DescribeCollection(ctx, &milvuspb.DescribeCollectionRequest{CollectionName: p.From})
	if err := said(d.GetStatus(), err); err != nil {
		return err
	}
	d.Schema.Name = p.To
	schema, err := proto.Marshal(d.Schema)
	if err != nil {
		return err
	}
	return said(target.CreateCollection(ctx, &milvuspb.CreateCollectionRequest{CollectionName: p.To, Schema: schema,
		ConsistencyLevel: commonpb.ConsistencyLevel_Bounded}))
}

func (p pump) copy(ctx context.Context, source, target milvuspb.MilvusServiceClient, after, to int64, count func([]*schemapb.FieldData, int) error) error {
	type page struct {
		fields []*schemapb.FieldData
		rows   int
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	pages := make(chan page)
	errs := make([]error, p.Writers+1)
	var wg sync.WaitGroup
	for i := range p.Writers {
		wg.Go(func() {
			for g := range pages {
				answer, err := target.Insert(ctx, &milvuspb.InsertRequest{CollectionName: p.To, FieldsData: g.fields, NumRows: uint32(g.rows)})
				if errs[i] = said(answer.GetStatus(), err); errs[i] != nil {
					stop()
					return
				}
			}
		})
	}
	errs[p.Writers] = p.read(ctx, source, p.From, after, to, func(fields []*schemapb.FieldData, rows int) error {
		select {
		case pages <- page{fields, rows}:
			return count(fields, rows)
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	close(pages)
	wg.Wait()
	return errors.Join(errs...)
}

// read reads the rows with after < key <= to, in the order of their keys.
func (p pump) read(ctx context.Context, service milvuspb.MilvusServiceClient, collection string, after, to int64, yield func([]*schemapb.FieldData, int) error) error {
	for {
		answer, err := service.Query(ctx, &milvuspb.QueryRequest{CollectionName: collection,
			Expr:         fmt.Sprintf("%s > %d and %s <= %d", keyField, after, keyField, to),
			OutputFields: p.Fields, ConsistencyLevel: commonpb.ConsistencyLevel_Eventually,
			QueryParams: []*commonpb.KeyValuePair{{Key: "limit", Value: strconv.Itoa(p.PageRow)}, {Key: "iterator", Value: "True"}}})
		if err := said(answer.GetStatus(), err); err != nil {
			return err
		}
		var keys []int64
		for _, f := range answer.GetFieldsData() {
			if f.GetFieldName() == keyField {
				keys = f.GetScalars().GetLongData().GetData()
			}
		}
		if len(keys) == 0 {
			return nil
		}
		after = keys[len(keys)-1]
		if err := yield(answer.FieldsData, len(keys)); err != nil {
			return err
		}
	}
}
