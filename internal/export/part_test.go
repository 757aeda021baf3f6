package export

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"milvusdm/internal/fault"
)

var name = PartName{"c", "p", 0}

// newPublication is a draft whose file is written and closed.
func newPublication(t *testing.T, r *Run, writer, contents string) *publication {
	t.Helper()
	d := r.draft(t, name, writer).write(t, contents)
	return &publication{Draft: d, part: Part{Path: d.final, Partition: "p", Rows: int64(len(contents)), Sum: sumOf(contents)}}
}

// isWhole checks that what has the part's final name, if anything has, is what some attempt wrote in full.
func isWhole(t *testing.T, r *Run, contents ...string) {
	t.Helper()
	got, err := os.ReadFile(filepath.Join(r.Path(), name.Path()))
	if os.IsNotExist(err) {
		return
	}
	ok(t, err)
	for _, c := range contents {
		if string(got) == c {
			return
		}
	}
	t.Errorf("the final name has %q", got)
}

// A worker dies between any two steps of publishing; the next attempt goes on. It may read other rows, since the source is
// alive: whichever attempt was first counts, with its own sum.
func TestPublishAfterEachCrash(t *testing.T) {
	steps := len((&publication{}).steps())
	for crash := range steps + 1 {
		for _, second := range []string{"first rows", "other rows!"} {
			t.Run(fmt.Sprint(crash, " ", second), func(t *testing.T) {
				dir := t.TempDir()
				r := must(Prepare(dir, head("r1", "s1"), Owner))(t)
				p := newPublication(t, r, "a1", "first rows")
				for _, step := range p.steps()[:crash] {
					ok(t, step(context.Background()))
				}
				isWhole(t, r, "first rows")

				r = must(Open(dir, "r1", "s1"))(t)
				d, done, err := r.Draft(context.Background(), name, "a2", nil)
				ok(t, err)
				if done == nil {
					done = must(d.write(t, second).Publish(context.Background(), int64(len(second)), sumOf(second), nil))(t)
				}
				want := second
				if crash > 2 {
					want = "first rows"
				}
				isWhole(t, r, want)
				if done.Sum != sumOf(want) || done.Bytes != int64(len(want)) {
					t.Errorf("the part is %+v, want that of %q", done, want)
				}
				m := head("r1", "s1")
				m.Collections = []Collection{{Name: "c", Parts: []Part{*done}}}
				ok(t, r.Finish(m))
				must(Check(context.Background(), r.Path(), Checksums, nil))(t)
				if got := strings.Join(files(t, r.Path()), " "); got != "SHA256SUMS c/p.h5 manifest.json yamls/c.yaml" {
					t.Errorf("left behind: %s", got)
				}
			})
		}
	}
}

// Two attempts are alive at once, and take their steps in every order.
func TestTwoAttemptsAtOnce(t *testing.T) {
	steps := len((&publication{}).steps())
	orders := 0
	var interleave func(order []int, a, b int)
	interleave = func(order []int, a, b int) {
		if a == steps && b == steps {
			orders++
			twoAttempts(t, order)
			return
		}
		if a < steps {
			interleave(append(order[:len(order):len(order)], 0), a+1, b)
		}
		if b < steps {
			interleave(append(order[:len(order):len(order)], 1), a, b+1)
		}
	}
	interleave(nil, 0, 0)
	if orders != 70 {
		t.Errorf("%d orders", orders)
	}
}

func twoAttempts(t *testing.T, order []int) {
	t.Helper()
	r := must(Prepare(t.TempDir(), head("r1", "s1"), Owner))(t)
	defer r.Close()
	contents := []string{"rows of one", "rows of another"}
	a := newPublication(t, r, "a1", contents[0])
	b := newPublication(t, r, "a2", contents[1])
	a.write(t, contents[0]) // the second attempt has swept it; this one made it again, as a library that creates late does
	attempts := []*publication{a, b}
	at := []int{0, 0}
	for _, i := range order {
		ok(t, attempts[i].steps()[at[i]](context.Background()))
		at[i]++
		isWhole(t, r, contents...)
	}
	if a.part != b.part {
		t.Fatalf("order %v: one attempt says %+v, the other %+v", order, a.part, b.part)
	}
	got := string(must(os.ReadFile(filepath.Join(r.Path(), name.Path())))(t))
	if a.part.Sum != sumOf(got) {
		t.Errorf("order %v: the sum is not that of %q", order, got)
	}
}

// An attempt that wakes up when another one has finished the whole run leaves nothing, wherever it stood still.
func TestLateAttempt(t *testing.T) {
	for asleep := range len((&publication{}).steps()) {
		for _, second := range []string{"first rows", "other rows!"} {
			t.Run(fmt.Sprint(asleep, " ", second), func(t *testing.T) {
				r := must(Prepare(t.TempDir(), head("r1", "s1"), Owner))(t)
				late := newPublication(t, r, "a1", "first rows")
				for _, step := range late.steps()[:asleep] {
					ok(t, step(context.Background()))
				}
				_, done, err := r.Draft(context.Background(), name, "a2", nil)
				ok(t, err)
				if done == nil {
					done = must(newPublication(t, r, "a2", second).Publish(context.Background(), int64(len(second)), sumOf(second), nil))(t)
				}
				m := head("r1", "s1")
				m.Collections = []Collection{{Name: "c", Parts: []Part{*done}}}
				ok(t, r.Finish(m))
				want := files(t, r.Path())
				for _, step := range late.steps()[asleep:] {
					if step(context.Background()) != nil {
						break // there is nobody any more whom it would tell
					}
				}
				if got := files(t, r.Path()); !slices.Equal(got, want) {
					t.Errorf("the run has %q, want %q", got, want)
				}
			})
		}
	}
}

func TestManyAttemptsAtOnce(t *testing.T) {
	dir := t.TempDir()
	must(Prepare(dir, head("r1", "s1"), Owner))(t)
	parts := make([]*Part, 16)
	var all sync.WaitGroup
	for i := range parts {
		all.Go(func() {
			r, err := Open(dir, "r1", "s1")
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Close()
			for attempt := 0; parts[i] == nil; attempt++ { // one that lost its draft to another is tried again
				parts[i], err = attemptOnce(r, fmt.Sprintf("w%d-%d", i, attempt), fmt.Sprint("rows as attempt ", i, " saw them"))
				if err != nil && fault.KindOf(err) != fault.Internal {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	for _, p := range parts {
		if p == nil || *p != *parts[0] {
			t.Fatalf("%+v and %+v", p, parts[0])
		}
	}
}

func attemptOnce(r *Run, writer, contents string) (*Part, error) {
	d, done, err := r.Draft(context.Background(), name, writer, nil)
	if done != nil || err != nil {
		return done, err
	}
	if err := os.WriteFile(d.Path, []byte(contents), 0o644); err != nil {
		return nil, err
	}
	return d.Publish(context.Background(), int64(len(contents)), sumOf(contents), nil)
}

func TestPublishAgain(t *testing.T) {
	r := must(Prepare(t.TempDir(), head("r1", "s1"), Owner))(t)
	d := r.draft(t, name, "a1").write(t, "rows")
	first := must(d.Publish(context.Background(), 4, sumOf("rows"), nil))(t)
	again := must(d.Publish(context.Background(), 4, sumOf("rows"), nil))(t)
	if *first != *again {
		t.Errorf("%+v and %+v", first, again)
	}
	ok(t, d.Drop())
	isWhole(t, r, "rows")
}

func TestDraftTakesNoRoomOfLostAttempts(t *testing.T) {
	r := must(Prepare(t.TempDir(), head("r1", "s1"), Owner))(t)
	r.draft(t, name, "a1").write(t, "half")
	other := r.draft(t, PartName{"c", "p", 1}, "a1").write(t, "of another part")
	d := r.draft(t, name, "a2").write(t, "rows")
	if got := strings.Join(files(t, filepath.Join(r.Path(), "c")), " "); got != ".p.00001.h5.a1.tmp .p.h5.a2.tmp" {
		t.Errorf("there are %s", got)
	}
	ok(t, d.Drop())
	ok(t, other.Drop())
	ok(t, other.Drop()) // which is no error
}

// What stands under a final name and was not written by the run is not taken for its part, nor replaced.
func TestForeignPart(t *testing.T) {
	r := must(Prepare(t.TempDir(), head("r1", "s1"), Owner))(t)
	d := r.draft(t, name, "a1").write(t, "rows")
	final := filepath.Join(r.Path(), name.Path())
	ok(t, os.WriteFile(final, []byte("mine"), 0o644))
	_, err := d.Publish(context.Background(), 4, sumOf("rows"), nil)
	refused(t, err, fault.Conflict, "c/p.h5 is there and was not written by this run")
	isWhole(t, r, "mine")
	ok(t, os.Remove(final))
	r.publish(t, name, "a2", "rows")
	ok(t, os.WriteFile(final, []byte("Rows"), 0o644))
	_, _, err = r.Draft(context.Background(), name, "a3", nil)
	refused(t, err, fault.Conflict, "or was edited since")
}

func TestDraftRefuses(t *testing.T) {
	r := must(Prepare(t.TempDir(), head("r1", "s1"), Owner))(t)
	for _, writer := range []string{"", "a/b", "..", "a.b", strings.Repeat("w", 41)} {
		if _, _, err := r.Draft(context.Background(), name, writer, nil); err == nil {
			t.Errorf("takes writer %q", writer)
		}
	}
	if _, _, err := r.Draft(context.Background(), PartName{}, "w", nil); err == nil {
		t.Error("takes a part without a collection")
	}
	// links to elsewhere are not written through
	outside := t.TempDir()
	ok(t, os.Symlink(outside, filepath.Join(r.Path(), "linked")))
	if _, _, err := r.Draft(context.Background(), PartName{"linked", "p", 0}, "w", nil); err == nil {
		t.Error("takes a collection's directory that is a link")
	}
	// an empty file is no HDF5 file
	_, err := r.draft(t, name, "w").write(t, "").Publish(context.Background(), 0, sumOf(""), nil)
	refused(t, err, fault.Corrupt, "0 bytes")
}
