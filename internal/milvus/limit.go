package milvus

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"milvusdm/internal/job"
	"milvusdm/internal/limit"
	"milvusdm/internal/transfer"
)

// throttle is what this process may ask of one server: the smallest of the limits of all jobs that are at work on it, each of
// ranges, rows and bytes for itself.
type throttle struct {
	mu      sync.Mutex
	users   []*job.Limit // of those that have a limit
	opened  int
	running map[string]int // ranges under way, by what is done: "read", "write"
	next    time.Time      // when what was asked for last has been paid for
}

var throttles = struct {
	sync.Mutex
	byServer map[string]*throttle
}{byServer: map[string]*throttle{}}

// throttleOf returns the server's throttle, with the limit in force until release is called.
func throttleOf(address string, l job.Limit) (t *throttle, release func()) {
	key := hostPort(address)
	throttles.Lock()
	defer throttles.Unlock()
	t = throttles.byServer[key]
	if t == nil {
		t = &throttle{running: map[string]int{}}
		throttles.byServer[key] = t
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.opened++
	if l != (job.Limit{}) {
		t.users = append(t.users, &l)
	}
	return t, sync.OnceFunc(func() {
		throttles.Lock()
		defer throttles.Unlock()
		t.mu.Lock()
		defer t.mu.Unlock()
		for i, u := range t.users {
			if u == &l {
				t.users = append(t.users[:i:i], t.users[i+1:]...)
				break
			}
		}
		if t.opened--; t.opened == 0 {
			delete(throttles.byServer, key)
		}
	})
}

// limit is the one in force. The caller holds t.mu.
func (t *throttle) limit() job.Limit {
	var least job.Limit
	for _, u := range t.users {
		least.Ranges = smaller(least.Ranges, u.Ranges)
		least.RowsPerSecond = smaller(least.RowsPerSecond, u.RowsPerSecond)
		least.BytesPerSecond = smaller(least.BytesPerSecond, u.BytesPerSecond)
	}
	return least
}

// smaller is the smaller of two limits, of which 0 is none.
func smaller[N int | int64](a, b N) N {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// enter waits until one more range may be read (or written: what is done) and counts it until leave is called. What is read
// together (see transfer.Together) is one range. own is the limit of the job that asks.
func (t *throttle) enter(ctx context.Context, own job.Limit, what string, report func(string)) (leave func(), err error) {
	type place struct {
		*throttle
		what string
	}
	return limit.Enter(ctx, place{t, what}, func() (func(), error) { return t.enterAlone(ctx, own, what, report) })
}

func (t *throttle) enterAlone(ctx context.Context, own job.Limit, what string,
	report func(string)) (leave func(), err error) {
	err = waitFor(ctx, func() (time.Duration, string) {
		t.mu.Lock()
		defer t.mu.Unlock()
		if n := t.limit().Ranges; n > 0 && t.running[what] >= n {
			why := whose("limit.ranges", int64(own.Ranges), int64(n))
			return 100 * time.Millisecond, fmt.Sprintf("waiting for one of %d ranges, as %s says", n, why)
		}
		t.running[what]++
		return 0, ""
	}, report)
	if err != nil {
		return nil, err
	}
	return sync.OnceFunc(func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.running[what]--
	}), nil
}

// pause waits until what was charged before has been paid for. own is the limit of the job that waits.
func (t *throttle) pause(ctx context.Context, own job.Limit, report func(string)) error {
	return waitFor(ctx, func() (time.Duration, string) {
		t.mu.Lock()
		defer t.mu.Unlock()
		l := t.limit()
		if l.RowsPerSecond == 0 && l.BytesPerSecond == 0 {
			t.next = time.Time{}
		}
		return time.Until(t.next), transfer.Slowed + ", as " + rates(own, l) + " says"
	}, report)
}

// rates names the limits of rows and bytes that are in force for a job that has its own.
func rates(own, l job.Limit) string {
	var names []string
	if l.RowsPerSecond > 0 {
		by := whose("limit.rows_per_second", own.RowsPerSecond, l.RowsPerSecond)
		names = append(names, fmt.Sprintf("%s (%d)", by, l.RowsPerSecond))
	}
	if l.BytesPerSecond > 0 {
		by := whose("limit.bytes_per_second", own.BytesPerSecond, l.BytesPerSecond)
		names = append(names, fmt.Sprintf("%s (%d)", by, l.BytesPerSecond))
	}
	return strings.Join(names, " or ")
}

// whose names a limit that is in force: the job's own, or another's.
func whose(key string, own, inForce int64) string {
	if own == inForce {
		return "the job's " + key
	}
	return "another job's " + key + " for this server"
}

// charge accounts for rows, of so many bytes, that are asked of the server, or were.
func (t *throttle) charge(rows int, bytes func() int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.limit()
	var cost time.Duration
	if l.RowsPerSecond > 0 {
		cost = seconds(float64(rows) / float64(l.RowsPerSecond))
	}
	if l.BytesPerSecond > 0 {
		cost = max(cost, seconds(float64(bytes())/float64(l.BytesPerSecond)))
	}
	if now := time.Now(); t.next.Before(now) {
		t.next = now
	}
	t.next = t.next.Add(cost)
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// waitFor sleeps as long as ask says that there is to wait, and reports why, at least every second.
func waitFor(ctx context.Context, ask func() (time.Duration, string), report func(string)) error {
	for {
		left, why := ask()
		if left <= 0 {
			return nil
		}
		report(why)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(min(left, time.Second)):
		}
	}
}
