package bench

import (
	"fmt"
	"testing"
)

// BenchmarkMemory reports the peak memory (VmHWM) of a fresh worker that did one job.
func BenchmarkMemory(b *testing.B) {
	m := &memory{rig: newRig(b), table: [][]string{{"", "vectors and keys", "peak RSS", "largest child process"}}}
	for _, s := range []shape{{200_000, 128}, {1_000_000, 128}, {3_000_000, 128}, {1_000, 32_768}} {
		for _, f := range formats {
			m.measure(b, f.name, s, func(b *testing.B) jobRun {
				run, collection := m.run(b, f, s)
				m.drop(b, collection)
				return run
			})
		}
	}
	for _, s := range []shape{{200_000, 128}, {1_000_000, 128}, {3_000_000, 128}} {
		m.measure(b, "milvus", s, func(b *testing.B) jobRun {
			g := newMigration(b, m.rig, s)
			run := g.do(b, g.job(b, "bench_memory"), s)
			g.dropCopy(b, "bench_memory")
			return run
		})
		m.measure(b, "export", s, func(b *testing.B) jobRun {
			o := newOrigin(b, m.rig, s)
			run, _ := o.export(b, exports(b), fmt.Sprintf("memory%d", s.Rows))
			return run
		})
	}
	show("Peak memory of the worker, one job by a fresh one", m.table,
		"milvus: from one server to another; export: from a server to HDF5; the others: from a file to a server. Target: 256 MiB.")
}

type memory struct {
	*rig
	table [][]string
}

// measure runs a job by a fresh worker.
func (m *memory) measure(b *testing.B, name string, s shape, job func(*testing.B) jobRun) {
	b.Run(fmt.Sprintf("%s/%dx%d", name, s.Rows, s.Dim), func(b *testing.B) {
		m.startWorker(b)
		run := job(b)
		m.worker = nil // it ends with this measurement
		peak, child := float64(run.Peak)/(1<<20), "none seen"
		if run.ChildPeak > 0 {
			child = fmt.Sprintf("%d MiB", run.ChildPeak>>20)
		}
		say("%s, %v: %.0f MiB, %s rows/s", name, s, peak, thousands(run.rate()))
		m.table = append(m.table, []string{fmt.Sprintf("%s, %v", name, s), fmt.Sprintf("%.0f MB", s.bytes()/1e6), fmt.Sprintf("%.0f MiB", peak), child})
		b.ReportMetric(float64(run.Whole.Nanoseconds()), "ns/op")
		b.ReportMetric(peak, "peak-MiB")
	})
}
