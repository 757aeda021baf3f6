package milvus

import (
	"context"
	"testing"
	"time"

	"milvusdm/internal/job"
	"milvusdm/internal/limit"
)

func TestOneServerHasOneThrottle(t *testing.T) {
	a, releaseA := throttleOf("localhost:19530", job.Limit{Ranges: 1})
	b, releaseB := throttleOf("tcp://127.0.0.1:19530", job.Limit{RowsPerSecond: 10})
	c, releaseC := throttleOf("127.0.0.1:19530", job.Limit{})
	if a != b || b != c {
		t.Error("one server has several")
	}
	d, releaseD := throttleOf("127.0.0.1:19530", job.Limit{RowsPerSecond: 50, Ranges: 4, BytesPerSecond: 1 << 20})
	if got, want := d.limit(), (job.Limit{Ranges: 1, RowsPerSecond: 10, BytesPerSecond: 1 << 20}); got != want {
		t.Errorf("%+v in force, want the smallest of each: %+v", got, want)
	}
	releaseD()
	releaseB()
	releaseB()
	if got := a.limit(); got.Ranges != 1 {
		t.Errorf("%+v is not that of the job that is left", got)
	}
	releaseA()
	if got := a.limit(); got != (job.Limit{}) {
		t.Errorf("%+v is left of jobs that ended", got)
	}
	releaseC()
	if e, release := throttleOf("127.0.0.1:19530", job.Limit{}); e == a {
		t.Error("what nobody uses is kept")
	} else {
		release()
	}
}

func TestRangesWaitForOneAnother(t *testing.T) {
	limit, release := throttleOf("ranges", job.Limit{Ranges: 1})
	defer release()
	ctx, cancel := context.WithCancel(context.Background())
	leave, err := limit.enter(ctx, job.Limit{}, "read", func(string) { t.Error("the first waits") })
	if err != nil {
		t.Fatal(err)
	}
	other, err := limit.enter(ctx, job.Limit{}, "write", func(string) { t.Error("writing waits for reading") })
	if err != nil {
		t.Fatal(err)
	}
	other()
	if _, err := limit.enter(ctx, job.Limit{}, "read", func(string) { cancel() }); err == nil {
		t.Error("a second range is read at once")
	}
	leave()
	leave()
	if leave, err = limit.enter(context.Background(), job.Limit{}, "read", func(string) { t.Error("waits for a range that was left") }); err != nil {
		t.Fatal(err)
	}
	leave()
}

func TestWhatIsChargedIsWaitedFor(t *testing.T) {
	limit, release := throttleOf("charges", job.Limit{RowsPerSecond: 1000, BytesPerSecond: 1 << 20})
	defer release()
	begin := time.Now()
	limit.charge(500, func() int { return 10 << 20 }) // ten seconds of bytes
	limit.charge(5000, func() int { return 1 << 20 }) // five of rows
	if got := limit.next.Sub(begin); got < 15*time.Second || got > 20*time.Second {
		t.Errorf("charged %v", got)
	}
	ctx, cancel := context.WithCancel(context.Background())
	if err := limit.pause(ctx, job.Limit{}, func(string) { cancel() }); err == nil {
		t.Error("nothing is waited for")
	}
	release()
	if err := limit.pause(context.Background(), job.Limit{}, func(string) { t.Error("waits for a limit that is gone") }); err != nil {
		t.Error(err)
	}
}

func TestWhatIsReadTogetherIsOneRange(t *testing.T) {
	server, release := throttleOf("together", job.Limit{Ranges: 1})
	defer release()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	both := limit.Together(ctx)
	silent := func(string) {}
	left, err := server.enter(both, job.Limit{}, "read", silent)
	if err != nil {
		t.Fatal(err)
	}
	right, err := server.enter(both, job.Limit{}, "read", silent)
	if err != nil {
		t.Fatalf("the second waits for the first: %v", err)
	}
	left()
	left()
	told, tell := context.WithCancel(ctx)
	if _, err := server.enter(told, job.Limit{}, "read", func(string) { tell() }); err == nil {
		t.Error("another range is read while one of two readers is at work")
	}
	right()
	if leave, err := server.enter(ctx, job.Limit{}, "read", silent); err != nil {
		t.Error(err)
	} else {
		leave()
	}
}

// TestWaitNamesWhoseLimitItIs: a job without a limit waits for another's on the same server, and is told so.
func TestWaitNamesWhoseLimitItIs(t *testing.T) {
	limit, release := throttleOf("whose", job.Limit{RowsPerSecond: 10})
	defer release()
	limit.charge(100, func() int { return 0 })
	for _, c := range []struct {
		own  job.Limit
		want string
	}{
		{job.Limit{}, "slowed down, as another job's limit.rows_per_second for this server (10) says"},
		{job.Limit{RowsPerSecond: 10}, "slowed down, as the job's limit.rows_per_second (10) says"},
	} {
		ctx, cancel := context.WithCancel(context.Background())
		said := ""
		if err := limit.pause(ctx, c.own, func(s string) { said = s; cancel() }); err == nil || said != c.want {
			t.Errorf("%+v: %q, %v; want %q", c.own, said, err, c.want)
		}
	}
}
