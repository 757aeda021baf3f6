package bench

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	milvus "github.com/milvus-io/milvus-sdk-go/v2/client"
	"google.golang.org/protobuf/proto"

	"milvusdm/internal/job"
	"milvusdm/internal/transfer"
	"milvusdm/tests/stack"
)

// The source collection has a VarChar and an Int64 field beside key and vector.
const (
	titleField = "title"
	yearField  = "year"
)

var migratedFields = []string{keyField, vectorField, titleField, yearField}

// migration is two servers, and a source collection on the first.
type migration struct {
	*rig
	other  string // the target's address
	source string // the collection
	target milvuspb.MilvusServiceClient
}

func newMigration(b *testing.B, s shape) *migration {
	b.Helper()
	m := &migration{rig: newRig(b), other: stack.Milvus(b, 1).Address, source: fmt.Sprintf("bench_source_%d", s.Rows)}
	sdk, err := milvus.NewClient(b.Context(), milvus.Config{Address: m.other})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := sdk.Close(); err != nil {
			b.Error(err)
		}
	})
	m.target = sdk.(*milvus.GrpcClient).Service
	say("filling the source with %v", s)
	if err := m.fill(b.Context(), s); err != nil {
		b.Fatal(err)
	}
	return m
}

// fill makes the source collection, indexed and loaded.
func (m *migration) fill(ctx context.Context, s shape) error {
	l := loop{Address: m.address, Collection: m.source, Data: s}
	schema, err := proto.Marshal(&schemapb.CollectionSchema{Name: m.source, Fields: []*schemapb.FieldSchema{
		transfer.KeyField(keyField), transfer.VectorField(vectorField, schemapb.DataType_FloatVector, int64(s.Dim)),
		transfer.VarCharField(titleField, 64), {Name: yearField, DataType: schemapb.DataType_Int64}}})
	if err != nil {
		return err
	}
	if err := said(m.milvus.CreateCollection(ctx, &milvuspb.CreateCollectionRequest{CollectionName: m.source, Schema: schema})); err != nil {
		return err
	}
	const n = 8000
	for first := 0; first < s.Rows; first += n {
		rows := min(n, s.Rows-first)
		titles, years := make([]string, rows), make([]int64, rows)
		for i := range rows {
			titles[i], years[i] = fmt.Sprintf("title of row %d", first+i), int64(1900+(first+i)%127)
		}
		answer, err := m.milvus.Insert(ctx, &milvuspb.InsertRequest{CollectionName: m.source, NumRows: uint32(rows),
			FieldsData: append(s.columns(first, rows), transfer.VarCharColumn(titleField, titles), transfer.Int64Column(yearField, years))})
		if err := said(answer.GetStatus(), err); err != nil {
			return err
		}
	}
	for _, step := range []func(context.Context, milvuspb.MilvusServiceClient) error{l.flush, l.index, l.load} {
		if err := step(ctx, m.milvus); err != nil {
			return err
		}
	}
	return nil
}

// job copies the source into a collection of that name, or compares both.
func (m *migration) job(b *testing.B, to string) *job.Job {
	b.Helper()
	text := fmt.Sprintf("version: 1\nname: %s\nsource:\n  milvus: {address: %q, collections: [{name: %s, as: %s}]}\ntarget:\n  milvus: {address: %q}\n",
		to, m.address, m.source, to, m.other)
	if options := os.Getenv("COPY"); options != "" {
		text += "copy: {" + options + "}\n"
	}
	j, _, err := job.Parse(to+".yaml", []byte(text), job.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	return j
}

// pump is the bare loop with the program's own parallelism.
func (m *migration) pump(parallel, writers, rows int) pump {
	p := pump{Source: m.address, From: m.source, Target: m.other, Writers: writers, PageRow: rows, Fields: migratedFields}
	const keys = 1 << 40 // shape.keys are below, spread evenly
	for i := range parallel {
		p.Bounds = append(p.Bounds, int64(i)*keys/int64(parallel)-1)
	}
	p.Bounds = append(p.Bounds, keys)
	return p
}

// BenchmarkMigrate holds MilvusToMilvus against a bare loop that hands the field data of Query's answers to Insert.
func BenchmarkMigrate(b *testing.B) {
	s := shape{setting(b, "ROWS", 1_000_000), 128}
	rounds := setting(b, "ROUNDS", 3)
	m := newMigration(b, s)
	m.startWorker(b)
	bare := m.pump(2, 2, 8000)
	var loops []loopResult
	var jobs []jobRun
	for round := range rounds {
		for turn := range 2 {
			name := fmt.Sprintf("bench_migrate_%d_%d", round, turn)
			if (turn+round)%2 == 0 {
				bare.To = name
				r := child{Pump: &bare}.run(b)
				r.rows = s.Rows
				loops = append(loops, r)
				say("round %d, bare loop %v: %s rows/s, %s CPU", round+1, bare, thousands(r.rate()), seconds(r.CPU))
			} else {
				r := m.do(b, m.job(b, name), s)
				jobs = append(jobs, r)
				say("round %d, job: %s rows/s, %s CPU, %s whole with %s CPU, peak %d MiB", round+1, thousands(r.rate()), seconds(r.CopyCPU), seconds(r.Whole),
					seconds(r.WholeCPU), r.Peak>>20)
			}
			if err := said(m.target.ReleaseCollection(b.Context(), &milvuspb.ReleaseCollectionRequest{CollectionName: name})); err != nil {
				b.Fatal(err)
			}
			if err := said(m.target.DropCollection(b.Context(), &milvuspb.DropCollectionRequest{CollectionName: name})); err != nil {
				b.Fatal(err)
			}
		}
	}
	ceiling, rate := medianOf(loops, loopResult.rate), medianOf(jobs, jobRun.rate)
	loopCPU := medianOf(loops, func(r loopResult) time.Duration { return r.CPU })
	cpu := medianOf(jobs, func(r jobRun) time.Duration { return r.CopyCPU })
	whole := medianOf(jobs, func(r jobRun) time.Duration { return r.Whole })
	top := medianOf(jobs, func(r jobRun) int64 { return r.Peak })
	result(b, "job", time.Duration(float64(s.Rows)/rate*1e9), rate, "rows/s", rate/ceiling, "of-ceiling", cpu.Seconds(), "cpu-s",
		cpu.Seconds()/loopCPU.Seconds(), "cpu-ratio", whole.Seconds(), "whole-s", float64(top)/(1<<20), "peak-MiB")
	show(fmt.Sprintf("Copy of %v float32, a VarChar and an Int64 field between two servers, medians of %d", s, rounds), [][]string{
		{"", "rows/s", "of ceiling", "CPU", "of ceiling's", "whole", "peak RSS"},
		{"bare loop " + bare.String(), thousands(ceiling), "1.000", seconds(loopCPU), "1.00", "", ""},
		{"MilvusToMilvus", thousands(rate), fmt.Sprintf("%.3f", rate/ceiling), seconds(cpu), fmt.Sprintf("%.2f", cpu.Seconds()/loopCPU.Seconds()),
			seconds(whole), fmt.Sprintf("%d MiB", top>>20)},
	}, "Bare loop: readers x writers, rows of a page; it hands the field data of Query's answer to Insert, and neither checks nor sums anything.",
		"Targets: 0.95 of its rows/s, 1.2 of its CPU, 256 MiB.")
}
