package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/temporal"

	"milvusdm/internal/fault"
	"milvusdm/internal/human"
	"milvusdm/workflows"
)

// ending is how a job's run ended.
type ending struct {
	runID  string          // of the last run of the chain
	answer json.RawMessage // of a run that is done
	result workflows.Result
	err    error // of the job, as it came through Temporal; nil for a job that is done
	// reason and by say why and by whom a run was terminated, at says when Temporal ended it.
	reason, by string
	at         time.Time
}

// await waits for the end of a run, over runs that it continues as, and over times when Temporal is away. err says that
// the end can't be had: ctx ended, or Temporal refuses to tell.
func (s *server) await(ctx context.Context, id, runID string) (e ending, err error) {
	for {
		run := s.GetWorkflow(ctx, id, runID)
		err := run.Get(ctx, &e.answer)
		runID = first(run.GetRunID(), runID)
		e.runID = runID
		var ended *temporal.WorkflowExecutionError
		switch {
		case err == nil:
			return e, fault.Wrap(fault.Internal, json.Unmarshal(e.answer, &e.result), "read what job %s answered", id)
		case errors.As(err, &ended):
			e.err = err
			if workflows.EndedByTemporal(err) {
				return e, s.lastWords(ctx, id, &e)
			}
			return e, nil
		case ctx.Err() != nil:
			return e, ctx.Err()
		case !away(err):
			return e, s.explain(err)
		}
		select {
		case <-ctx.Done():
			return e, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// lastWords reads from a run's history why Temporal ended it.
func (s *server) lastWords(ctx context.Context, id string, e *ending) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	events := s.GetWorkflowHistory(ctx, id, e.runID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		if err != nil {
			return s.explain(err)
		}
		e.at = when(event.GetEventTime())
		if t := event.GetWorkflowExecutionTerminatedEventAttributes(); t != nil {
			e.reason, e.by = t.GetReason(), t.GetIdentity()
		}
	}
	return nil
}

// follow shows the progress of a run until its end. When ctx ends it returns its error, and the job goes on.
func (a *app) follow(ctx context.Context, s *server, id, runID string) (ending, error) {
	type outcome struct {
		ending
		err error
	}
	end := make(chan outcome, 1)
	waiting, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		e, err := s.await(waiting, id, runID)
		end <- outcome{e, err}
	}()
	f := follower{display: display{w: a.Stderr, width: a.Width, tint: a.tint(a.Width)}}
	views := make(chan view)
	go s.watch(waiting, id, f.pace(), views)
	defer f.display.clear()
	for {
		select {
		case o := <-end:
			return o.ending, o.err
		case <-ctx.Done():
			return ending{runID: runID}, ctx.Err()
		case v := <-views:
			f.see(v, time.Now())
		}
	}
}

// watch sends a view of the job at each tick, until ctx ends.
func (s *server) watch(ctx context.Context, id string, pace time.Duration, views chan<- view) {
	for {
		v, err := s.look(ctx, id)
		if err != nil {
			v.Waiting = s.silence(err)
		}
		select {
		case views <- v:
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(pace):
		case <-ctx.Done():
			return
		}
	}
}

// silence says what it means for a job that it could not be asked.
func (s *server) silence(err error) string {
	var notFound *serviceerror.NotFound
	if !away(err) && !errors.As(err, &notFound) {
		return "can't ask for the progress: " + oneLine(cause(err))
	}
	return "Temporal does not answer at " + s.address + "; the job goes on when it is back, and so does this"
}

// follower turns views into frames: it knows what was before.
type follower struct {
	display display
	meter   meter
	seen    workflows.Status // the last that a worker told
	waiting bool
	advised string    // the advice that was given last
	begun   time.Time // when what is waited for, without a time of its own, was first seen
}

// pace is the time between two looks.
func (f *follower) pace() time.Duration {
	if f.display.width() > 0 {
		return 400 * time.Millisecond
	}
	return time.Second
}

// see shows a view. One that no worker told, or that is behind the last, shows where the job was.
func (f *follower) see(v view, now time.Time) {
	if v.Phase == "" {
		v.Status = f.seen
		f.meter.reset()
	}
	if v.Phase == f.seen.Phase {
		v.Rows, v.Bytes = max(v.Rows, f.seen.Rows), max(v.Bytes, f.seen.Bytes)
	} else {
		f.meter.reset()
	}
	if moving(v.Phase) {
		f.meter.add(now, v.Rows, v.Bytes)
	}
	if v.Waiting != "" && !f.waiting {
		f.begun = now
	}
	f.waiting = v.Waiting != ""
	for _, line := range news(f.seen.Collections, v.Collections) {
		f.display.say(line, now)
	}
	if v.Advice != "" && v.Advice != f.advised { // a terminal may be too narrow for it
		f.display.say(v.Waiting+"; "+v.Advice, now)
	}
	f.advised = first(v.Advice, f.advised)
	f.seen = v.Status
	f.display.show(f.frame(v, now), now)
}

// news says which collections have ended since.
func news(before, now []workflows.PartStatus) []string {
	phases := map[string]workflows.Phase{}
	for _, p := range before {
		phases[p.Name] = p.Phase
	}
	var lines []string
	for _, p := range now {
		was, known := phases[p.Name]
		switch {
		case was == p.Phase || p.Child != "":
		case p.Phase == workflows.PhaseFailed:
			lines = append(lines, p.Name+": failed: "+oneLine(p.Error))
		case p.Phase == workflows.PhaseDone && known:
			lines = append(lines, fmt.Sprintf("%s: done, %s rows", p.Name, human.Count(p.Rows)))
		}
	}
	return lines
}

func (f *follower) frame(v view, now time.Time) frame {
	fr := frame{Phase: v.Phase, Rows: v.Rows, Total: v.TotalRows, AtLeast: v.Unplanned() > 0, Waiting: v.Waiting, Begun: v.Begun}
	if !v.Since.IsZero() {
		fr.For = now.Sub(v.Since)
	}
	if fr.Waiting != "" && fr.Begun.IsZero() {
		fr.Begun = f.begun
	}
	if fr.Phase == "" {
		fr.Phase = "starting"
	}
	fr.RowRate, fr.ByteRate = f.meter.rates()
	for _, p := range v.Parts {
		if p.Child != "" {
			fr.Parts = append(fr.Parts, frame{Name: p.Name, Phase: p.Phase, Rows: p.Rows, Total: p.TotalRows, Waiting: oneLine(p.Waiting), Begun: p.Begun})
		}
	}
	return fr
}
