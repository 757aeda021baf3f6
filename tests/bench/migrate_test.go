package bench

import (
	"fmt"
	"testing"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	milvus "github.com/milvus-io/milvus-sdk-go/v2/client"

	"milvusdm/internal/job"
	"milvusdm/tests/stack"
)

// migration is a collection, and a second server, to which it is copied.
type migration struct {
	*origin
	other  string // the target's address
	target milvuspb.MilvusServiceClient
}

func newMigration(b *testing.B, r *rig, s shape) *migration {
	b.Helper()
	m := &migration{other: stack.Milvus(b, 1).Address}
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
	m.origin = newOrigin(b, r, s)
	return m
}

// job copies the source into a collection of that name, or compares both.
func (m *migration) job(b *testing.B, to string) *job.Job {
	b.Helper()
	return m.origin.job(b, to, to, fmt.Sprintf("milvus: {address: %q}", m.other))
}

// dropCopy drops a collection on the second server.
func (m *migration) dropCopy(b *testing.B, name string) {
	b.Helper()
	if err := said(m.target.ReleaseCollection(b.Context(), &milvuspb.ReleaseCollectionRequest{CollectionName: name})); err != nil {
		b.Fatal(err)
	}
	if err := said(m.target.DropCollection(b.Context(), &milvuspb.DropCollectionRequest{CollectionName: name})); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkMigrate holds MilvusToMilvus against a bare loop that hands the field data of Query's answers to Insert.
func BenchmarkMigrate(b *testing.B) {
	s := shape{setting(b, "ROWS", 1_000_000), 128}
	rounds := setting(b, "ROUNDS", 3)
	m := newMigration(b, newRig(b), s)
	m.startWorker(b)
	bare := m.pump(2, 8000, 1) // the program's own parallelism
	bare.Target, bare.Writers = m.other, 2
	var loops []loopResult
	var jobs []jobRun
	for round := range rounds {
		for turn := range 2 {
			name := fmt.Sprintf("bench_migrate_%d_%d", round, turn)
			if (turn+round)%2 == 0 {
				bare.To = name
				r := bare.run(b)
				loops = append(loops, r)
				say("round %d, bare loop %v: %s rows/s, %s CPU", round+1, bare, thousands(r.rate()), seconds(r.CPU))
			} else {
				r := m.do(b, m.job(b, name), s)
				jobs = append(jobs, r)
				say("round %d, job: %s rows/s, %s CPU, %s whole with %s CPU, peak %d MiB", round+1, thousands(r.rate()), seconds(r.CopyCPU), seconds(r.Whole),
					seconds(r.WholeCPU), r.Peak>>20)
			}
			m.dropCopy(b, name)
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
