package milvus

import (
	"context"
	"testing"
	"time"

	"milvusdm/internal/job"
	"milvusdm/internal/transfer"
)

func TestOneServerHasOneThrottle(t *testing.T) {
	a, releaseA := throttleOf("localhost:19530", job.Limit{Ranges: 1})
	b, releaseB := throttleOf("tcp://127.0.0.1:19530", job.Limit{RowsPerSecond: 10})
	c, releaseC := throttleOf("127.0.0.1:19530", job.Limit{})
	if a != b || b != c {
		t.Error("one server has several")
	}
	if got := a.limit(); got.Ranges != 0 || got.RowsPerSecond != 10 {
		t.Errorf("%+v is not that of the job that came last", got)
	}
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
	if d, release := throttleOf("127.0.0.1:19530", job.Limit{}); d == a {
		t.Error("what nobody uses is kept")
	} else {
		release()
	}
}

func TestRangesWaitForOneAnother(t *testing.T) {
	limit, release := throttleOf("ranges", job.Limit{Ranges: 1})
	defer release()
	ctx, cancel := context.WithCancel(context.Background())
	leave, err := limit.enter(ctx, "read", func(string) { t.Error("the first waits") })
	if err != nil {
		t.Fatal(err)
	}
	other, err := limit.enter(ctx, "write", func(string) { t.Error("writing waits for reading") })
	if err != nil {
		t.Fatal(err)
	}
	other()
	if _, err := limit.enter(ctx, "read", func(string) { cancel() }); err == nil {
		t.Error("a second range is read at once")
	}
	leave()
	leave()
	if leave, err = limit.enter(context.Background(), "read", func(string) { t.Error("waits for a range that was left") }); err != nil {
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
	if err := limit.pause(ctx, func(string) { cancel() }); err == nil {
		t.Error("nothing is waited for")
	}
	release()
	if err := limit.pause(context.Background(), func(string) { t.Error("waits for a limit that is gone") }); err != nil {
		t.Error(err)
	}
}

func TestWhatIsReadTogetherIsOneRange(t *testing.T) {
	limit, release := throttleOf("together", job.Limit{Ranges: 1})
	defer release()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	both := transfer.Together(ctx)
	silent := func(string) {}
	left, err := limit.enter(both, "read", silent)
	if err != nil {
		t.Fatal(err)
	}
	right, err := limit.enter(both, "read", silent)
	if err != nil {
		t.Fatalf("the second waits for the first: %v", err)
	}
	left()
	left()
	told, tell := context.WithCancel(ctx)
	if _, err := limit.enter(told, "read", func(string) { tell() }); err == nil {
		t.Error("another range is read while one of two readers is at work")
	}
	right()
	if leave, err := limit.enter(ctx, "read", silent); err != nil {
		t.Error(err)
	} else {
		leave()
	}
}
