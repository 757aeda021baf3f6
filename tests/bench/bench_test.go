// Package bench measures the program against what it can't be faster than: a copy against a bare loop of Insert calls, a
// reader against the file or against h5py, the worker's memory against its bound. docs/benchmarks.md says what is measured
// how, and what came out. Nothing here asserts a time.
//
//	make bench [BENCH=Copy|Migrate|Export|Verify|Memory|Readers] [ROWS=1000000] [ROUNDS=3] [FINALISTS=2]
//
// Each result is a line as `go test -bench` prints it, for benchstat, and each benchmark ends with a table for people.
package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if text := os.Getenv(loopVariable); text != "" {
		os.Exit(runLoop(text))
	}
	os.Exit(m.Run())
}

// setting is a whole number from the environment.
func setting(b *testing.B, name string, otherwise int) int {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		b.Fatalf("%s=%s: write a whole number from 1 on", name, text)
	}
	return n
}

// cacheDir is where what is made once is kept, outside the checkout.
func cacheDir(b *testing.B) string {
	b.Helper()
	dir := os.Getenv("MILVUSDM_CACHE")
	if dir == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			b.Fatal(err)
		}
		dir = filepath.Join(base, "milvusdm")
	}
	dir = filepath.Join(dir, "bench")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.Fatal(err)
	}
	return dir
}

var begun = time.Now()

// say tells what is going on, since some of it takes long.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "# %4.0f s: %s\n", time.Since(begun).Seconds(), fmt.Sprintf(format, args...))
}

// show prints a table and what has to be known to read it.
func show(title string, rows [][]string, notes ...string) {
	var width []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(width) {
				width = append(width, 0)
			}
			width[i] = max(width[i], len([]rune(cell)))
		}
	}
	fmt.Printf("\n%s\n\n", title)
	for i, row := range rows {
		for j, cell := range row {
			pad := strings.Repeat(" ", width[j]-len([]rune(cell)))
			if j > 0 {
				cell, pad = pad+cell, ""
			}
			fmt.Print("  ", cell, pad)
		}
		fmt.Println()
		if i == 0 {
			for _, w := range width {
				fmt.Print("  ", strings.Repeat("-", w))
			}
			fmt.Println()
		}
	}
	fmt.Println()
	for _, note := range notes {
		fmt.Println("  " + note)
	}
	fmt.Println()
}

// result reports measured values as a line of the benchmark's output: pairs of a value and its unit.
func result(b *testing.B, name string, took time.Duration, pairs ...any) {
	b.Helper()
	b.Run(name, func(b *testing.B) {
		b.ReportMetric(float64(took.Nanoseconds()), "ns/op")
		for i := 0; i < len(pairs); i += 2 {
			b.ReportMetric(pairs[i].(float64), pairs[i+1].(string))
		}
	})
}

func median[T int64 | float64 | time.Duration](v []T) T {
	v = slices.Sorted(slices.Values(v))
	n := len(v)
	return (v[(n-1)/2] + v[n/2]) / 2
}

// medianOf is the median of what of the runs.
func medianOf[R any, T int64 | float64 | time.Duration](runs []R, what func(R) T) T {
	var v []T
	for _, r := range runs {
		v = append(v, what(r))
	}
	return median(v)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

func thousands(v float64) string {
	text := strconv.FormatInt(int64(v+0.5), 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
