package bench

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// contestant is what takes part in the final: a bare loop, or a job of a format.
type contestant struct {
	loop   loop
	format *format // nil: the loop
	loops  []loopResult
	jobs   []jobRun
}

func (c *contestant) rate() float64 {
	if c.format == nil {
		return medianOf(c.loops, loopResult.rate)
	}
	return medianOf(c.jobs, jobRun.rate)
}

func (c *contestant) cpu() time.Duration {
	if c.format == nil {
		return medianOf(c.loops, func(r loopResult) time.Duration { return r.CPU })
	}
	return medianOf(c.jobs, func(r jobRun) time.Duration { return r.CopyCPU })
}

// jobCPU is what planning, counting and the rest add to it.
func (c *contestant) jobCPU() time.Duration {
	if c.format == nil {
		return c.cpu()
	}
	return medianOf(c.jobs, func(r jobRun) time.Duration { return r.WholeCPU })
}

func (c *contestant) whole() time.Duration {
	if c.format == nil {
		return medianOf(c.loops, loopResult.whole)
	}
	return medianOf(c.jobs, func(r jobRun) time.Duration { return r.Whole })
}

func (c *contestant) name() string {
	if c.format == nil {
		return "bare loop " + c.loop.String()
	}
	return c.format.name + " to Milvus"
}

// BenchmarkCopy holds jobs of the file directions against the best bare loop.
func BenchmarkCopy(b *testing.B) {
	data := shape{setting(b, "ROWS", 1_000_000), 128}
	rounds := setting(b, "ROUNDS", 3)
	r := newRig(b)
	want, err := data.sum()
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range formats {
		f.file(b, data)
	}
	loops := r.coarse(b, data, setting(b, "FINALISTS", 2))
	var all []*contestant
	for _, l := range loops {
		all = append(all, &contestant{loop: l})
	}
	for i := range formats {
		all = append(all, &contestant{format: &formats[i]})
	}
	r.startWorker(b)
	for round := range rounds {
		for i := range all {
			c := all[(i+round)%len(all)]
			collection := r.measure(b, c, data, round)
			if round == 0 {
				r.check(b, collection, want)
			}
			r.drop(b, collection)
		}
	}
	report(b, data, rounds, all)
}

// coarse runs every bare loop once over a part of the rows and returns the best, that they may be measured well.
func (r *rig) coarse(b *testing.B, data shape, finalists int) []loop {
	part := shape{max(data.Rows*3/10, 1), data.Dim}
	type try struct {
		loop loop
		rate float64
	}
	var tries []try
	for _, writers := range []int{1, 2, 4} {
		for _, rows := range []int{4000, 8000, 16000} {
			l := loop{Address: r.address, Collection: fmt.Sprintf("bench_loop_%d_%d", writers, rows), Data: part, Writers: writers, BatchRows: rows}
			result := l.run(b)
			r.drop(b, l.Collection)
			tries = append(tries, try{l, result.rate()})
			say("bare loop %v over %s rows: %s rows/s, %s CPU", l, thousands(float64(part.Rows)), thousands(result.rate()), seconds(result.CPU))
		}
	}
	slices.SortStableFunc(tries, func(x, y try) int { return cmp.Compare(y.rate, x.rate) })
	var best []loop
	for _, t := range tries[:min(finalists, len(tries))] {
		t.loop.Data, t.loop.Whole = data, true
		best = append(best, t.loop)
	}
	return best
}

// measure lets a contestant run once and returns the collection that it filled.
func (r *rig) measure(b *testing.B, c *contestant, data shape, round int) string {
	if c.format == nil {
		l := c.loop
		l.Collection = fmt.Sprintf("%s_round%d", l.Collection, round)
		result := l.run(b)
		c.loops = append(c.loops, result)
		say("round %d, %s: %s rows/s, %s CPU, %s whole (flush %s, index %s, load %s)", round+1, c.name(), thousands(result.rate()),
			seconds(result.CPU), seconds(result.whole()), seconds(result.Flush), seconds(result.Index), seconds(result.Load))
		return l.Collection
	}
	run, collection := r.run(b, *c.format, data)
	c.jobs = append(c.jobs, run)
	say("round %d, %s: %s rows/s, %s CPU, %s whole with %s CPU", round+1, c.name(), thousands(run.rate()), seconds(run.CopyCPU),
		seconds(run.Whole), seconds(run.WholeCPU))
	return collection
}

func report(b *testing.B, data shape, rounds int, all []*contestant) {
	ceiling, whole := all[0], all[0]
	for _, c := range all {
		if c.format == nil && c.rate() > ceiling.rate() {
			ceiling = c
		}
		if c.format == nil && c.whole() < whole.whole() {
			whole = c
		}
	}
	table := [][]string{{"", "rows/s", "of ceiling", "CPU", "of ceiling's", "CPU of job", "of ceiling's", "whole", "of least bare"}}
	for _, c := range all {
		rate, took := c.rate()/ceiling.rate(), c.whole().Seconds()/whole.whole().Seconds()
		cpu, jobCPU := c.cpu().Seconds()/ceiling.cpu().Seconds(), c.jobCPU().Seconds()/ceiling.cpu().Seconds()
		table = append(table, []string{c.name(), thousands(c.rate()), fmt.Sprintf("%.3f", rate), seconds(c.cpu()), fmt.Sprintf("%.2f", cpu),
			seconds(c.jobCPU()), fmt.Sprintf("%.2f", jobCPU), seconds(c.whole()), fmt.Sprintf("%.2f", took)})
		result(b, strings.ReplaceAll(c.name(), " ", "_"), time.Duration(float64(data.Rows)/c.rate()*1e9), c.rate(), "rows/s", rate, "of-ceiling",
			c.cpu().Seconds(), "cpu-s", cpu, "cpu-ratio", jobCPU, "job-cpu-ratio", c.whole().Seconds(), "whole-s", took, "whole-ratio")
	}
	show(fmt.Sprintf("Copy of %v float32 into Milvus, medians of %d", data, rounds), table,
		"Bare loop: writers x rows of an Insert call, with batches ready in memory; the ceiling is the one with the most rows/s.",
		"A first pass over 3/10 of the rows chose them from 1, 2 and 4 writers x 4,000, 8,000 and 16,000 rows. They took turns with the jobs,",
		"each into a fresh collection without index, not loaded. In the first round all contents were read back and checked.",
		"rows/s: of the copy phase. CPU: the loop's, and the worker's during the copy phase and during the whole job.",
		"Whole: of a job from plan to publish, with count and report; of a loop with flush, index (FLAT) and load.",
		"Targets: 0.95 of the ceiling's rows/s, 1.5 of its CPU, 1.25 of the least bare whole.")
}
