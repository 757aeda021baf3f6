package bench

import (
	"fmt"
	"testing"
)

// BenchmarkMemory reports the peak memory (VmHWM) of a fresh worker that did one job.
func BenchmarkMemory(b *testing.B) {
	r := newRig(b)
	table := [][]string{{"", "file", "peak RSS", "largest child process"}}
	for _, s := range []shape{{200_000, 128}, {1_000_000, 128}, {3_000_000, 128}, {1_000, 32_768}} {
		for _, f := range formats {
			b.Run(fmt.Sprintf("%s/%dx%d", f.name, s.Rows, s.Dim), func(b *testing.B) {
				r.startWorker(b)
				run, collection := r.run(b, f, s)
				peak, child := float64(run.Peak)/(1<<20), "none seen"
				if run.ChildPeak > 0 {
					child = fmt.Sprintf("%d MiB", run.ChildPeak>>20)
				}
				r.drop(b, collection)
				r.worker = nil // it ends with this measurement
				say("%s, %v: %.0f MiB, %s rows/s", f.name, s, peak, thousands(run.rate()))
				table = append(table, []string{fmt.Sprintf("%s, %v", f.name, s), fmt.Sprintf("%.0f MB", s.bytes()/1e6), fmt.Sprintf("%.0f MiB", peak), child})
				b.ReportMetric(float64(run.Whole.Nanoseconds()), "ns/op")
				b.ReportMetric(peak, "peak-MiB")
			})
		}
	}
	show("Peak memory of the worker, one job by a fresh one", table, "Target: 256 MiB.")
}
