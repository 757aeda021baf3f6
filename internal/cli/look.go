package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"

	"milvusdm/activities"
	"milvusdm/workflows"
)

const (
	queryTimeout = 3 * time.Second // of a query, which needs a worker
	takeUp       = 5 * time.Second // how long an activity may wait for a worker before we say so
)

// view is a job at one moment.
type view struct {
	workflows.Status
	// Waiting says what the job waits for or does beside copying, "" for nothing; Begun is since when, if known.
	Waiting string
	Begun   time.Time
	// Advice says what to do about it, where only the reader can.
	Advice string
	// Parts are the collections of a job that copies several, which Status.Collections tells too.
	Parts []partView
}

// partView is one collection of a job that copies several.
type partView struct {
	workflows.PartStatus
	Waiting string    `json:"waiting,omitempty"`
	Begun   time.Time `json:"waitingSince,omitzero"`
}

// look asks the job where it is. When no worker answers, the view is about that alone (its Phase is "") and err is nil;
// err is Temporal's failure.
func (s *server) look(ctx context.Context, id string) (view, error) {
	status, err := s.query(ctx, id)
	if err != nil {
		return s.unanswered(ctx, id, err)
	}
	v := view{Status: status}
	if len(status.Collections) > 0 {
		s.lookAtParts(ctx, &v)
	}
	busy := first(status.Child, id)
	if status.Child != "" {
		if of, err := s.query(ctx, status.Child); err == nil {
			v.Status = merge(status, of)
		}
	}
	d, err := s.describe(ctx, busy)
	if err != nil {
		return v, err
	}
	v.addPending(s, d.GetPendingActivities(), time.Now())
	return v, nil
}

// lookAtParts asks the collections that are being copied where they are, some at once. One that does not answer is where the
// job says.
func (s *server) lookAtParts(ctx context.Context, v *view) {
	v.Parts = make([]partView, len(v.Collections))
	someAtOnce(len(v.Parts), func(i int) {
		if v.Parts[i].PartStatus = v.Collections[i]; v.Parts[i].Child != "" {
			s.lookAtPart(ctx, &v.Parts[i])
		}
	})
	v.addParts()
}

// someAtOnce calls do for 0 to n-1, at most 8 at once, and waits for all.
func someAtOnce(n int, do func(i int)) {
	var calls sync.WaitGroup
	free := make(chan struct{}, 8)
	for i := range n {
		free <- struct{}{}
		calls.Go(func() {
			defer func() { <-free }()
			do(i)
		})
	}
	calls.Wait()
}

// addWaits notes what running jobs wait for, without asking a worker. One of which Temporal does not tell is as it is.
func (s *server) addWaits(ctx context.Context, all []*record) {
	someAtOnce(len(all), func(i int) {
		if all[i].running() {
			s.addWait(ctx, all[i])
		}
	})
}

func (s *server) addWait(ctx context.Context, r *record) {
	const most = 8 // children to look at
	d, err := s.describe(ctx, r.Name)
	if err != nil {
		return
	}
	var v view
	if missing, err := s.missing(ctx, r.Queue, r.hosts()...); err == nil && missing != nil {
		v.Waiting = s.lacks(*missing)
	}
	v.addPending(s, d.GetPendingActivities(), time.Now())
	children := d.GetPendingChildren()
	for _, c := range children[:min(len(children), most)] {
		if d, err := s.describe(ctx, c.GetWorkflowId()); err == nil {
			v.addPending(s, d.GetPendingActivities(), time.Now())
		}
	}
	r.Waiting, r.Begun = v.Waiting, v.Begun
}

func (s *server) lookAtPart(ctx context.Context, p *partView) {
	status, err := s.query(ctx, p.Child)
	if err != nil {
		return
	}
	v := view{Status: status}
	if d, err := s.describe(ctx, p.Child); err == nil {
		v.addPending(s, d.GetPendingActivities(), time.Now())
	}
	p.Phase, p.Rows, p.TotalRows = v.Phase, max(v.Rows, p.Rows), max(v.TotalRows, p.TotalRows)
	p.Bytes, p.TotalBytes = max(v.Bytes, p.Bytes), max(v.TotalBytes, p.TotalBytes)
	p.Waiting, p.Begun = v.Waiting, v.Begun
}

// addParts makes the job's numbers the sums of its collections'. The job waits when all do that are under way.
func (v *view) addParts() {
	v.Collections, v.Rows, v.TotalRows, v.Bytes, v.TotalBytes = nil, 0, 0, 0, 0
	busy := false
	for _, p := range v.Parts {
		v.Collections = append(v.Collections, p.PartStatus)
		v.Rows += p.Rows
		v.TotalRows += p.TotalRows
		v.Bytes += p.Bytes
		v.TotalBytes += p.TotalBytes
		busy = busy || p.Child != "" && p.Waiting == ""
	}
	for _, p := range v.Parts {
		if !busy && p.Waiting != "" {
			v.wait(p.Begun, "%s: %s", p.Name, p.Waiting)
		}
	}
}

// merge takes from a job's status what its child does not know.
func merge(job, child workflows.Status) workflows.Status {
	child.Source, child.Target = first(child.Source, job.Source), first(child.Target, job.Target)
	child.Child = job.Child
	child.Resumed = max(child.Resumed, job.Resumed)
	if len(child.Notes) == 0 {
		child.Notes = job.Notes
	}
	return child
}

func (s *server) query(ctx context.Context, id string) (status workflows.Status, err error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	answer, err := s.QueryWorkflow(ctx, id, "", workflows.StatusQuery)
	if err == nil {
		err = answer.Get(&status)
	}
	return status, err
}

func (s *server) describe(ctx context.Context, id string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	return s.DescribeWorkflowExecution(ctx, id, "")
}

// unanswered tells a job that no worker answers for from a Temporal that is away.
func (s *server) unanswered(ctx context.Context, id string, err error) (view, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	r, asked := s.last(ctx, id)
	if asked != nil || r == nil {
		return view{}, errors.Join(asked, err)
	}
	if missing, asked := s.missing(ctx, r.Queue, r.hosts()...); asked == nil && missing != nil {
		return view{Waiting: s.lacks(*missing), Advice: s.startOne(*missing)}, nil
	}
	var notReady *serviceerror.WorkflowNotReady
	if errors.As(err, &notReady) || !r.taken {
		return view{Waiting: "waiting for a worker on task queue " + r.Queue}, nil
	}
	var nobody *serviceerror.FailedPrecondition // no worker has polled for a while
	if errors.As(err, &nobody) {
		return view{Waiting: s.lacks(unserved{queue: r.Queue}), Advice: s.startOne(unserved{queue: r.Queue})}, nil
	}
	if !away(err) {
		return view{Waiting: "can't ask for the progress: " + oneLine(cause(err))}, nil
	}
	return view{Waiting: "no worker answers on task queue " + r.Queue + "; the job goes on when one is back"}, nil
}

// addPending adds what the running activities tell: rows that the workflow does not know of yet, and what is waited for.
func (v *view) addPending(s *server, pending []*workflowpb.PendingActivityInfo, now time.Time) {
	started := false
	for _, a := range pending {
		var beat activities.Heartbeat
		if a.GetHeartbeatDetails() == nil || s.payloads.FromPayloads(a.GetHeartbeatDetails(), &beat) != nil {
			beat = activities.Heartbeat{} // another activity's details are not ours to read
		}
		v.Rows += beat.Rows
		v.Bytes += beat.Bytes
		alive := a.GetState() == enumspb.PENDING_ACTIVITY_STATE_STARTED &&
			!when(a.GetLastHeartbeatTime()).Before(when(a.GetLastStartedTime()))
		since := beat.Since
		if away := beat.Away; !away.IsZero() && (since.IsZero() || away.Before(since)) {
			since = away // of an attempt before
		}
		started = started || a.GetState() != enumspb.PENDING_ACTIVITY_STATE_SCHEDULED
		switch {
		case a.GetPaused():
			v.wait(when(a.GetPauseInfo().GetPauseTime()), "%s", rests(a))
		case silent(a, now):
			v.wait(when(a.GetLastHeartbeatTime()), "no word from the worker at %s", a.GetActivityType().GetName())
		case a.GetLastFailure() != nil && !alive && !beat.Away.IsZero() && beat.Waiting != "": // it could not even connect
			v.wait(beat.Away, "%s: %s", oneLine(beat.Waiting), oneLine(grpcText(a.GetLastFailure().GetMessage())))
		case a.GetLastFailure() != nil && !alive:
			v.wait(beat.Away, "%s (attempt %d): %s", a.GetActivityType().GetName(), a.GetAttempt(), oneLine(a.GetLastFailure().GetMessage()))
		case beat.Waiting != "":
			v.wait(since, "%s", oneLine(beat.Waiting))
		}
	}
	if v.TotalRows > 0 {
		v.Rows = min(v.Rows, v.TotalRows)
	}
	if len(pending) > 0 && !started && v.Waiting == "" && now.Sub(when(pending[0].GetScheduledTime())) > takeUp {
		v.wait(when(pending[0].GetScheduledTime()), "no worker takes up %s on task queue %s", pending[0].GetActivityType().GetName(),
			pending[0].GetActivityOptions().GetTaskQueue().GetName())
	}
}

// rests says who paused an activity in Temporal. Nothing else of the job matters until it is unpaused.
func rests(a *workflowpb.PendingActivityInfo) string {
	text := fmt.Sprintf("%s (activity %s) rests until it is unpaused in Temporal; ",
		a.GetActivityType().GetName(), a.GetActivityId())
	by, reason := a.GetPauseInfo().GetManual().GetIdentity(), a.GetPauseInfo().GetManual().GetReason()
	if rule := a.GetPauseInfo().GetRule().GetRuleId(); rule != "" {
		by = "rule " + rule
	}
	text += "paused by " + first(by, "somebody")
	if reason != "" {
		text += ": " + reason
	}
	return oneLine(text)
}

// silent reports whether a running activity has not been heard of for half the time after which another worker gets it.
func silent(a *workflowpb.PendingActivityInfo, now time.Time) bool {
	patience := a.GetActivityOptions().GetHeartbeatTimeout().AsDuration() / 2
	return a.GetState() == enumspb.PENDING_ACTIVITY_STATE_STARTED && patience > 0 && a.GetLastHeartbeatTime() != nil &&
		now.Sub(when(a.GetLastHeartbeatTime())) > patience && now.Sub(when(a.GetLastStartedTime())) > patience
}

// wait notes what is waited for; of several things, what has been waited for longest.
func (v *view) wait(since time.Time, format string, args ...any) {
	if v.Waiting != "" && (since.IsZero() || !v.Begun.IsZero() && v.Begun.Before(since)) {
		return
	}
	v.Waiting, v.Begun = fmt.Sprintf(format, args...), since
}

// oneLine makes a text of others fit for a line of a terminal.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}
