package activities

import (
	"context"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"

	"milvusdm/internal/transfer"
)

// pulse tells Temporal that an activity is alive as long as it has a reason to believe so: rows were acknowledged, or a call
// is under way that has not passed its deadline. It is never a blind ticker.
type pulse struct {
	ctx      context.Context
	timeout  time.Duration // the heartbeat timeout
	patience time.Duration // how long a single call may take
	base     transfer.Checkpoint

	mu   sync.Mutex
	beat Heartbeat
	sign time.Time // the last sign of life
	tick time.Time // when the pulse itself last ran
}

// startPulse beats until stop is called. base is where the activity began, reached where it goes on from.
func startPulse(ctx context.Context, patience time.Duration, base, reached transfer.Checkpoint) (p *pulse, stop func()) {
	now := time.Now()
	p = &pulse{ctx: ctx, timeout: activity.GetInfo(ctx).HeartbeatTimeout, patience: patience, base: base, sign: now, tick: now}
	p.beat.Reached = reached
	p.gain()
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		t := time.NewTicker(max(p.timeout/10, 100*time.Millisecond))
		defer t.Stop()
		for beats := 0; ; beats++ {
			select {
			case <-done:
				return
			case <-t.C:
			}
			p.mu.Lock()
			p.tick = time.Now()
			if beats%3 == 0 && time.Since(p.sign) < p.patience {
				activity.RecordHeartbeat(ctx, p.beat)
			}
			p.mu.Unlock()
		}
	})
	return p, func() { close(done); wg.Wait() }
}

func (p *pulse) gain() {
	p.beat.Rows = p.beat.Reached.Rows - p.base.Rows
	p.beat.Bytes = p.beat.Reached.Bytes - p.base.Bytes
}

// reached records a checkpoint.
func (p *pulse) reached(c transfer.Checkpoint) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.beat.Reached, p.beat.Waiting, p.beat.Since = c, "", time.Time{}
	p.gain()
	p.sign = time.Now()
	activity.RecordHeartbeat(p.ctx, p.beat)
}

// waiting records what the activity waits for: a sign of life too.
func (p *pulse) waiting(for_ string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.beat.Waiting == "" {
		p.beat.Since = time.Now()
	}
	p.beat.Waiting = for_
	p.sign = time.Now()
}

// alive is a sign of life: a call begins.
func (p *pulse) alive() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sign = time.Now()
}

// lapsed reports whether this process did not run for so long (it was stopped, the machine slept) that Temporal has given
// the activity to another: then nothing must be sent any more. It goes by the monotonic clock.
func (p *pulse) lapsed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Since(p.tick) >= p.timeout
}

// guarded is a writer that sends nothing once its activity's time has lapsed.
type guarded struct {
	transfer.Writer
	pulse *pulse
}

func (g guarded) Write(ctx context.Context, b *transfer.Batch) error {
	if g.pulse.lapsed() {
		return transfer.ErrNotSent
	}
	g.pulse.alive()
	return g.Writer.Write(ctx, b)
}
