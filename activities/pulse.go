package activities

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"milvusdm/internal/fault"
	"milvusdm/internal/human"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// pulse tells Temporal that an activity is alive as long as it has a reason to believe so: rows were acknowledged, or a call
// is under way that has not passed its deadline. It is never a blind ticker.
type pulse struct {
	ctx      context.Context
	timeout  time.Duration // the heartbeat timeout
	giveUp   time.Duration // the job's give_up_after
	job      *job.Job
	patience time.Duration // how long a single call may take
	base     transfer.Checkpoint

	mu     sync.Mutex
	beat   Heartbeat
	server string    // that is being connected to
	sign   time.Time // the last sign of life
	tick   time.Time // when the pulse itself last ran
	gone   bool      // it did not for so long that the activity may be another's
}

// startPulse beats until stop is called. patience is how long a single call may take. base is where the activity began,
// reached where this attempt goes on from.
func startPulse(ctx context.Context, j *job.Job, patience time.Duration, base, reached transfer.Checkpoint) (p *pulse, stop func()) {
	now := time.Now()
	p = &pulse{ctx: ctx, timeout: activity.GetInfo(ctx).HeartbeatTimeout, giveUp: j.Copy.GiveUpAfter, job: j, patience: patience, base: base, sign: now, tick: now}
	var last Heartbeat
	if activity.HasHeartbeatDetails(ctx) && activity.GetHeartbeatDetails(ctx, &last) == nil {
		p.beat.Waiting, p.beat.Since, p.beat.Away = last.Waiting, last.Since, last.Away // the wait goes on
		p.beat.AwayServer = last.AwayServer
	}
	p.beat.Reached = reached
	p.gain()
	// The first heartbeat is sent at once and waited for: a worker that was stopped while it was handed this attempt hears
	// now, before it sends anything, that the attempt has been given up.
	activity.RecordHeartbeat(ctx, p.beat)
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		t := time.NewTicker(max(p.timeout/10, 100*time.Millisecond))
		defer t.Stop()
		for ticks := 0; ; ticks++ {
			select {
			case <-done:
				return
			case <-t.C:
			}
			p.mu.Lock()
			p.gone = p.stoodStill() // or this tick would hide it
			p.tick = time.Now()
			if ticks%3 == 0 && time.Since(p.sign) < p.patience {
				activity.RecordHeartbeat(ctx, p.beat)
			}
			p.mu.Unlock()
		}
	})
	return p, func() { close(done); wg.Wait() }
}

// end turns the activity's error into Temporal's, with keys named as the user wrote them: one of a cancelled activity is its
// cancellation, and a server that has been away for the job's give_up_after ends the job.
func (p *pulse) end(err error, details ...any) error {
	if err == nil {
		return nil
	}
	if rest := resting(p.ctx); rest != nil {
		return rest
	}
	if p.ctx.Err() != nil {
		return temporal.NewCanceledError(details...)
	}
	err = fault.Rephrase(err, p.job.Say)
	p.mu.Lock()
	defer p.mu.Unlock()
	if fault.KindOf(err) == fault.Unavailable {
		p.missing()
		activity.RecordHeartbeat(p.ctx, p.beat) // so that the next attempt knows since when
		if away := time.Since(p.beat.Away); p.giveUp > 0 && away > p.giveUp {
			return fault.Final(fault.New(fault.Unavailable, "gave up after %s (give_up_after): %w", human.Duration(away), err), details...)
		}
	}
	if fault.KindOf(err) == fault.Throttled && p.giveUp > 0 { // the connector has waited as long as the job lets it
		return fault.Final(err, details...)
	}
	return fault.ToTemporal(err, details...)
}

// resting is what an activity ends with that an operator paused or reset in Temporal: an error, by which it stays pending, rests for as
// long as it is paused, and then has another attempt, which upserts.
func resting(ctx context.Context) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, activity.ErrActivityPaused) || errors.Is(cause, activity.ErrActivityReset) {
		return cause
	}
	return nil
}

func (p *pulse) gain() {
	p.beat.Rows = p.beat.Reached.Rows - p.base.Rows
	p.beat.Bytes = p.beat.Reached.Bytes - p.base.Bytes
}

// reached records a checkpoint.
func (p *pulse) reached(c transfer.Checkpoint) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.beat.Reached = c
	p.came()
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

// connecting: a server is waited for.
func (p *pulse) connecting(server string) {
	p.waiting("waiting for " + server)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.server = server
	p.missing()
}

// missing notes since when a server has not answered. The caller holds p.mu.
func (p *pulse) missing() {
	if p.beat.Away.IsZero() {
		p.beat.Away, p.beat.AwayServer = time.Now(), p.server
	}
}

// answered is waiting for something that a server has said, which so is not away.
func (p *pulse) answered(waiting string) {
	p.mu.Lock()
	p.came()
	p.mu.Unlock()
	p.waiting(waiting)
}

// settled: the server that was connected to is there. Where an attempt before it missed another one, that one still counts as
// away; so does one that lets us connect and answers nothing else.
func (p *pulse) settled() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server != "" && p.beat.AwayServer == p.server {
		p.came()
	} else {
		p.beat.Waiting, p.beat.Since = "", time.Time{}
	}
	p.server = ""
	p.sign = time.Now()
}

// came: nothing is waited for. The caller holds p.mu.
func (p *pulse) came() {
	p.beat.Waiting, p.beat.Since, p.beat.Away, p.beat.AwayServer = "", time.Time{}, time.Time{}, ""
}

// alive is a sign of life: a call begins.
func (p *pulse) alive() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sign = time.Now()
}

// lapsed reports whether this process once did not run for so long (it was stopped, the machine slept) that Temporal may have
// given the activity to another: then nothing must be sent any more. It goes by the monotonic clock, and by half of the
// heartbeat timeout, since the last heartbeat was sent some time before. Stopping too early costs nothing: what was
// sent is answered for, and the rest is scheduled anew.
func (p *pulse) lapsed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stoodStill()
}

// A machine that sleeps stops the monotonic clock too (on Linux); then the wall clock tells.
func (p *pulse) stoodStill() bool {
	now := time.Now()
	return p.gone || max(now.Sub(p.tick), now.Round(0).Sub(p.tick.Round(0))) >= p.timeout/2
}

// guarded is a writer that sends nothing once its activity's time has lapsed.
type guarded struct {
	transfer.Writer
	pulse *pulse
}

func (g guarded) Write(ctx context.Context, b *rows.Batch) error {
	if g.pulse.lapsed() {
		return transfer.ErrNotSent
	}
	g.pulse.alive()
	return g.Writer.Write(ctx, b)
}
