package types_test

import (
	"flag"
	"slices"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "find out anew what each server can hold, and write it to docs/types.md")

// rowsEach is how many rows a collection of the matrix has: all edges and about as many more.
const rowsEach = 60

// TestFind finds out what each server can hold. It takes minutes, and is run only with -update.
func TestFind(t *testing.T) {
	if !*update {
		t.Skip("writes docs/types.md; run it with -update")
	}
	for _, name := range serverNames {
		t.Run(name, func(t *testing.T) {
			tb := readTable(t)
			for cell := range tb {
				delete(tb[cell], name)
			}
			s := start(t, name)
			for _, sp := range specs(rowsEach, 1) {
				begun := time.Now()
				refused := find(t, s, sp)
				if sp.complete() {
					tb.record(name, sp)
				}
				t.Logf("%s: %d fields, %v", sp.name, len(sp.fields), time.Since(begun))
				for what, why := range refused {
					t.Logf("    %s: %.300s", what, why)
				}
			}
			writeTable(t, tb)
		})
	}
}

var seed = flag.Int("seed", int(time.Now().Unix()&0xfffff), "of the random values")

// TestMatrix copies every cell of docs/types.md on each server that the table names, and compares all that was copied.
func TestMatrix(t *testing.T) {
	tb := readTable(t)
	t.Logf("-seed %d", *seed)
	for _, name := range serverNames {
		t.Run(name, func(t *testing.T) {
			s := start(t, name)
			to := s
			if name == wire {
				to = start(t, name)
			}
			done := table{}
			for _, sp := range specs(rowsEach, *seed) {
				if !tb.restrict(name, sp) {
					continue
				}
				done.record(name, sp)
				t.Run(sp.name, func(t *testing.T) { copyAndCompare(t, s, to, sp) })
			}
			for cell, on := range tb {
				if on[name] && !done[cell][name] {
					t.Errorf("%s is not run, and the table says so", cell)
				}
			}
		})
	}
}

// copyAndCompare fills a collection, copies it, and compares the copy with it.
func copyAndCompare(t *testing.T, from, to *server, sp *spec) {
	before, err := fill(t.Context(), from, sp)
	if err != nil {
		t.Fatal(err)
	}
	for name, why := range sp.wrong(before) {
		t.Fatalf("the server does not hold field %s: %s", name, why)
	}
	as := sp.collection + "_copy"
	copyCollection(t, from, sp.collection, to, as)
	after, err := to.read(t.Context(), as)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range differences(before, after) {
		t.Error(d)
	}
	_, want := from.described(t, sp.collection)
	d, got := to.described(t, as)
	if got != want {
		t.Errorf("metadata\n%s\nwant\n%s", got, want)
	}
	if aliases := slices.Sorted(slices.Values(d.GetAliases())); from != to && !slices.Equal(aliases, sp.aliasNames()) {
		t.Errorf("aliases %q, want %q", aliases, sp.aliasNames())
	}
	if err := from.drop(t.Context(), sp.collection, sp.aliasNames()); err != nil {
		t.Error(err)
	}
	if err := to.drop(t.Context(), as, d.GetAliases()); err != nil {
		t.Error(err)
	}
}
