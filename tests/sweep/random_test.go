package sweep

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"milvusdm/tests/faultproxy"
)

var (
	cases    = flag.Int("sweep", 0, "how many random cases TestSweep runs")
	from     = flag.String("from", "", "the source of all of TestMoments' cases: hdf5, faiss, milvus or, of an export, export; without it they take turns")
	restarts = flag.Bool("restarts", false, "TestMoments kills Milvus once, twice and three times at each moment, and not one of these by turns")
	seed     = flag.Uint64("seed", 0, "what TestSweep draws its cases from; 0 draws that too")
)

// randomCase is a moment, its call and its victim drawn at random.
type randomCase struct {
	moment
	victim
	source source
}

func (c *randomCase) String() string {
	return fmt.Sprintf("%s to Milvus, %s: call %d of %q, %v; struck: %s",
		c.source.format, c.moment.name, c.call.Nth, c.call.Method, c.call.When, c.victim.name)
}

func draw(random *rand.Rand, sources []source) *randomCase {
	mo := moments[random.IntN(len(moments))]
	switch {
	case mo.draining:
	case mo.call.Nth == middle:
		mo.call.Nth = 1 + random.IntN(totalRows/batchRows)
	case mo.call.When == faultproxy.Sent: // a step: also before it began, and when it was done
		mo.call.When = faultproxy.Moment(random.IntN(int(faultproxy.Answered)))
	}
	return &randomCase{mo, mo.victims[random.IntN(len(mo.victims))], sources[random.IntN(len(sources))]}
}

// TestSweep runs random cases until one fails, and prints the tally. With the same seed, and the same number of cases or
// more, each case is the same; one alone is run by -run TestSweep/case/17.
func TestSweep(t *testing.T) {
	if *cases == 0 {
		t.Skip("make sweep runs it, or -sweep 100")
	}
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	t.Logf("%d cases of seed %d; to repeat: go test ./tests/sweep -v -run TestSweep -sweep %d -seed %d", *cases, *seed, *cases, *seed)
	rig := newRig(t)
	random := rand.New(rand.NewPCG(*seed, 0))
	sum := &tally{}
	t.Run("case", func(t *testing.T) {
		for i := range *cases {
			c := draw(random, rig.sources)
			t.Run(strconv.Itoa(i+1), func(t *testing.T) {
				t.Parallel()
				if sum.failed() {
					t.Skip("another case failed")
				}
				var b *books
				defer func() { sum.add(c.moment.name, b, t.Failed()) }()
				t.Log(c)
				got := rig.run(t, c.source, c.moment, c.victim)
				b = &got
				t.Logf("%d rows sent again of at most %d, %d repaired, %.1f s", b.again, b.allowed, b.repaired, b.took.Seconds())
			})
		}
	})
	t.Log("\n" + sum.String())
}

// tally adds up cases by moment.
type tally struct {
	mu       sync.Mutex
	byMoment map[string]*entry
}

type entry struct {
	books
	cases, ended, failed int
	worst                time.Duration
}

// add enters a case; b is nil for a job that did not end by itself.
func (t *tally) add(moment string, b *books, failed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byMoment == nil {
		t.byMoment = map[string]*entry{}
	}
	e := t.byMoment[moment]
	if e == nil {
		e = &entry{}
		t.byMoment[moment] = e
	}
	e.cases++
	if failed {
		e.failed++
	}
	if b == nil {
		return
	}
	e.ended++
	e.again += b.again
	e.allowed += b.allowed
	e.repaired += b.repaired
	e.worst = max(e.worst, b.took)
}

func (t *tally) failed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range t.byMoment {
		if e.failed > 0 {
			return true
		}
	}
	return false
}

func (t *tally) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var b strings.Builder
	line := func(name string, e *entry) {
		fmt.Fprintf(&b, "%-50s %5d %5d %6d %12d %8d %9d %7.1f\n", name, e.cases, e.ended, e.failed, e.again, e.allowed, e.repaired, e.worst.Seconds())
	}
	fmt.Fprintf(&b, "%-50s %5s %5s %6s %12s %8s %9s %7s\n", "moment", "cases", "ended", "failed", "sent again", "at most", "repaired", "worst s")
	all := &entry{}
	for _, mo := range moments {
		e := t.byMoment[mo.name]
		if e == nil {
			continue
		}
		line(mo.name, e)
		all.cases, all.ended, all.failed = all.cases+e.cases, all.ended+e.ended, all.failed+e.failed
		all.again, all.allowed, all.repaired = all.again+e.again, all.allowed+e.allowed, all.repaired+e.repaired
		all.worst = max(all.worst, e.worst)
	}
	line("all", all)
	return b.String()
}
