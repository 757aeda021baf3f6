package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"milvusdm/internal/export"
	"milvusdm/internal/hdf5run"
	"milvusdm/internal/job"
	"milvusdm/tests/content"
)

// exports is the directory that exports are written to: on the disk of the cache, since they are synced.
func exports(b *testing.B) string {
	b.Helper()
	dir, err := os.MkdirTemp(cacheDir(b), "exports-")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			b.Error(err)
		}
	})
	return dir
}

// export runs a job that writes the collection to a run below dir, with default settings.
func (o *origin) export(b *testing.B, dir, run string) (jobRun, string) {
	b.Helper()
	j := o.job(b, "bench_"+run, o.name, fmt.Sprintf("hdf5: {directory: %q, run: %s}", dir, run))
	return o.do(b, j, o.data), filepath.Join(dir, run)
}

// checkExport reads a run's files.
func (o *origin) checkExport(b *testing.B, dir string) {
	b.Helper()
	say("checking the content of %s", dir)
	want, err := o.sum()
	if err != nil {
		b.Fatal(err)
	}
	if _, err := export.Check(b.Context(), dir, export.Checksums, nil); err != nil {
		b.Fatal(err)
	}
	run, err := hdf5run.Fix(&job.ExportSource{Path: dir, Collections: []job.Collection{{Name: o.name}}})
	if err != nil {
		b.Fatal(err)
	}
	src, err := hdf5run.OpenSource(b.Context(), run)
	if err != nil {
		b.Fatal(err)
	}
	defer src.Close()
	got, err := content.Of(b.Context(), src)
	if err != nil || got != want {
		b.Fatalf("%s holds %v, want %v: %v", dir, got, want, err)
	}
}

// BenchmarkExport holds MilvusToHDF5 against raw Query alone.
func BenchmarkExport(b *testing.B) {
	s := shape{setting(b, "ROWS", 1_000_000), 128}
	rounds := setting(b, "ROUNDS", 3)
	o := newOrigin(b, newRig(b), s)
	o.startWorker(b)
	var tries []pump
	for _, readers := range []int{1, 2, 4} {
		for _, rows := range []int{4000, 8000, 16000} {
			tries = append(tries, o.pump(readers, rows, 0.3))
		}
	}
	var bare []pump
	for _, p := range best(b, setting(b, "FINALISTS", 2), tries) {
		bare = append(bare, o.pump(len(p.Bounds)-1, p.PageRow, 1))
	}
	loops := make([][]loopResult, len(bare))
	var jobs []jobRun
	dir := exports(b)
	for round := range rounds {
		for turn := range len(bare) + 1 {
			i := (turn + round) % (len(bare) + 1)
			if i < len(bare) {
				r := bare[i].run(b)
				loops[i] = append(loops[i], r)
				say("round %d, raw Query %v: %s rows/s, %s CPU", round+1, bare[i], thousands(r.rate()), seconds(r.CPU))
				continue
			}
			r, run := o.export(b, dir, fmt.Sprintf("round%d", round))
			jobs = append(jobs, r)
			say("round %d, job: %s rows/s, %s CPU, %s whole with %s CPU, peak %d MiB", round+1, thousands(r.rate()), seconds(r.CopyCPU), seconds(r.Whole),
				seconds(r.WholeCPU), r.Peak>>20)
			if round == 0 {
				o.checkExport(b, run)
			}
			if err := os.RemoveAll(run); err != nil {
				b.Fatal(err)
			}
		}
	}
	reportReading(b, fmt.Sprintf("Export of %v float32, a VarChar and an Int64 field to HDF5, medians of %d", s, rounds), "MilvusToHDF5", bare, loops, jobs,
		"Raw Query: readers x rows of a page; it keeps nothing. The ceiling is the one with the most rows/s: a first pass over 3/10 of the rows chose them",
		"from 1, 2 and 4 readers x 4,000, 8,000 and 16,000 rows. In the first round the files' checksums and contents were checked.",
		"rows/s: of the copy phase, with sync and checksum of the file. Whole: of the job, from plan to manifest and report.",
		"Targets: 0.9 of the ceiling's rows/s, twice its CPU, 256 MiB.")
}

// reportReading prints a table of what only reads, beside bare loops that do.
func reportReading(b *testing.B, title, name string, bare []pump, loops [][]loopResult, jobs []jobRun, notes ...string) {
	b.Helper()
	top := 0
	for i := range loops {
		if medianOf(loops[i], loopResult.rate) > medianOf(loops[top], loopResult.rate) {
			top = i
		}
	}
	cpuOf := func(r loopResult) time.Duration { return r.CPU }
	ceiling, ceilingCPU := medianOf(loops[top], loopResult.rate), medianOf(loops[top], cpuOf)
	table := [][]string{{"", "rows/s", "of ceiling", "CPU", "of ceiling's", "whole", "CPU of job", "peak RSS"}}
	for i, p := range bare {
		rate, cpu := medianOf(loops[i], loopResult.rate), medianOf(loops[i], cpuOf)
		table = append(table, []string{"raw Query " + p.String(), thousands(rate), fmt.Sprintf("%.3f", rate/ceiling), seconds(cpu),
			fmt.Sprintf("%.2f", cpu.Seconds()/ceilingCPU.Seconds()), "", "", ""})
	}
	rate := medianOf(jobs, jobRun.rate)
	cpu := medianOf(jobs, func(r jobRun) time.Duration { return r.CopyCPU })
	whole := medianOf(jobs, func(r jobRun) time.Duration { return r.Whole })
	wholeCPU := medianOf(jobs, func(r jobRun) time.Duration { return r.WholeCPU })
	peak := medianOf(jobs, func(r jobRun) int64 { return r.Peak })
	table = append(table, []string{name, thousands(rate), fmt.Sprintf("%.3f", rate/ceiling), seconds(cpu),
		fmt.Sprintf("%.2f", cpu.Seconds()/ceilingCPU.Seconds()), seconds(whole), seconds(wholeCPU), fmt.Sprintf("%d MiB", peak>>20)})
	result(b, name, time.Duration(float64(jobs[0].Rows)/rate*1e9), rate, "rows/s", rate/ceiling, "of-ceiling", cpu.Seconds(), "cpu-s",
		cpu.Seconds()/ceilingCPU.Seconds(), "cpu-ratio", whole.Seconds(), "whole-s", wholeCPU.Seconds(), "whole-cpu-s", float64(peak)/(1<<20), "peak-MiB")
	show(title, table, notes...)
}
