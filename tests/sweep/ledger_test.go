package sweep

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"milvusdm/activities"
	"milvusdm/internal/rows"
	"milvusdm/tests/faultproxy"
)

// ledger watches what Temporal has recorded of a copy: the checkpoint of each CopyRange, and when an attempt at one was lost.
// With the proxy's books it says how many rows may have been sent again: of each lost attempt those behind the last
// checkpoint that Temporal had of it.
type ledger struct {
	client   client.Client
	job      string // the job's workflow ID
	workflow string // the CopyCollection's ID, once it is known
	firstKey int64

	mu        sync.Mutex
	sightings map[activityID][]sighting
}

// activityID names an activity over the whole chain of runs.
type activityID struct{ run, activity string }

// sighting is what Temporal showed of a pending CopyRange when that changed.
type sighting struct {
	at      time.Time
	attempt int32
	reached int64 // the row of the recorded checkpoint, -1 for none
}

// watch looks every 20 ms until ctx ends. After an attempt was lost, Temporal waits a second before the next one, so none
// goes unseen.
func (l *ledger) watch(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := l.look(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

func (l *ledger) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if l.workflow == "" {
		d, err := l.client.DescribeWorkflowExecution(ctx, l.job, "")
		if err != nil || len(d.GetPendingChildren()) == 0 {
			return nil //nolint:nilerr // Temporal is down, or the copy has not begun
		}
		l.mu.Lock()
		l.workflow = d.GetPendingChildren()[0].GetWorkflowId()
		l.mu.Unlock()
	}
	d, err := l.client.DescribeWorkflowExecution(ctx, l.workflow, "")
	if err != nil {
		return nil //nolint:nilerr // Temporal is down
	}
	now := time.Now()
	run := d.GetWorkflowExecutionInfo().GetExecution().GetRunId()
	for _, p := range d.GetPendingActivities() {
		if p.GetActivityType().GetName() != "CopyRange" {
			continue
		}
		s := sighting{now, p.GetAttempt(), -1}
		if p.GetHeartbeatDetails() != nil {
			var beat activities.Heartbeat
			if err := converter.GetDefaultDataConverter().FromPayloads(p.GetHeartbeatDetails(), &beat); err != nil {
				return fmt.Errorf("heartbeat of activity %s: %w", p.GetActivityId(), err)
			}
			if !beat.Reached.Cursor.IsZero() {
				s.reached = l.row(beat.Reached.Cursor, -1)
			}
		}
		l.enter(activityID{run, p.GetActivityId()}, s)
	}
	return nil
}

func (l *ledger) enter(id activityID, s sighting) {
	l.mu.Lock()
	defer l.mu.Unlock()
	seen := l.sightings[id]
	if n := len(seen); n > 0 && seen[n-1].attempt == s.attempt && seen[n-1].reached == s.reached {
		return
	}
	l.sightings[id] = append(seen, s)
}

// child is the CopyCollection's ID, "" before it is known.
func (l *ledger) child() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.workflow
}

// draining reports whether the copy has been told that its history is long, and so waits for its running ranges.
func (l *ledger) draining() bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	reply, err := l.client.WorkflowService().GetWorkflowExecutionHistoryReverse(ctx, &workflowservice.GetWorkflowExecutionHistoryReverseRequest{
		Namespace: client.DefaultNamespace, Execution: &common.WorkflowExecution{WorkflowId: l.child()}, MaximumPageSize: 20})
	if err != nil {
		return false
	}
	for _, e := range reply.GetHistory().GetEvents() {
		if a := e.GetWorkflowTaskStartedEventAttributes(); a != nil {
			return a.GetSuggestContinueAsNew()
		}
	}
	return false
}

// lostOne reports whether an attempt at a range has been lost.
func (l *ledger) lostOne() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, seen := range l.sightings {
		if seen[len(seen)-1].attempt > 1 {
			return true
		}
	}
	return false
}

// runs returns how many runs of the chain have copied ranges.
func (l *ledger) runs() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	runs := map[string]bool{}
	for id := range l.sightings {
		runs[id.run] = true
	}
	return len(runs)
}

// allowed returns how many rows may have been sent again, given all writes of the job.
func (l *ledger) allowed(ctx context.Context, writes []faultproxy.Write) (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	inputs := map[string]map[string]activities.RangeInput{}
	var total int64
	for id, seen := range l.sightings {
		if inputs[id.run] == nil {
			var err error
			if inputs[id.run], err = l.inputs(ctx, id.run); err != nil {
				return 0, err
			}
		}
		in, ok := inputs[id.run][id.activity]
		if !ok {
			return 0, fmt.Errorf("activity %s of run %s is not in the history", id.activity, id.run)
		}
		n, err := l.allowedOf(in, seen, writes)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

// allowedOf adds up, over the attempts that took the place of a lost one and sent anything, the rows behind the checkpoint
// that they began with which had been sent before.
func (l *ledger) allowedOf(in activities.RangeInput, seen []sighting, writes []faultproxy.Write) (total int64, err error) {
	from, to := l.row(in.Range.From, 0), l.row(in.Range.To, totalRows)
	from = l.row(in.From.Cursor, from)
	var begun []sighting
	for i := 1; i < len(seen); i++ {
		if seen[i].attempt != seen[i-1].attempt {
			begun = append(begun, seen[i])
		}
	}
	for i, attempt := range begun {
		end := time.Now()
		if i+1 < len(begun) {
			end = begun[i+1].at
		}
		own, err := l.sent(writes, attempt.at, end, from, to)
		if err != nil {
			return 0, err
		}
		before, err := l.sent(writes, time.Time{}, attempt.at, max(from, attempt.reached), to)
		if err != nil {
			return 0, err
		}
		if own > 0 {
			total += before
		}
	}
	return total, nil
}

// row is the number of the row that a cursor stands before.
func (l *ledger) row(c rows.Cursor, otherwise int64) int64 {
	switch c.Kind {
	case "":
		return otherwise
	case rows.Int64Cursor:
		return c.Int - l.firstKey + 1
	}
	return c.Int
}

// sent counts the rows [from, to) that were given to the proxy between two times.
func (l *ledger) sent(writes []faultproxy.Write, after, until time.Time, from, to int64) (n int64, err error) {
	sent := make([]bool, max(to-from, 0))
	for _, w := range writes {
		if w.Arrived.Before(after) || w.Arrived.After(until) {
			continue
		}
		first, err1 := strconv.ParseInt(w.FirstKey, 10, 64)
		last, err2 := strconv.ParseInt(w.LastKey, 10, 64)
		if err := errors.Join(err1, err2); err != nil {
			return 0, err
		}
		for row := max(first-l.firstKey, from); row <= min(last-l.firstKey, to-1); row++ {
			sent[row-from] = true
		}
	}
	for _, s := range sent {
		if s {
			n++
		}
	}
	return n, nil
}

// inputs returns what each CopyRange of a run was scheduled with.
func (l *ledger) inputs(ctx context.Context, run string) (map[string]activities.RangeInput, error) {
	found := map[string]activities.RangeInput{}
	events := l.client.GetWorkflowHistory(ctx, l.workflow, run, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		e, err := events.Next()
		if err != nil {
			return nil, fmt.Errorf("history of run %s: %w", run, err)
		}
		if err := rangeInput(e, found); err != nil {
			return nil, fmt.Errorf("history of run %s: %w", run, err)
		}
	}
	return found, nil
}

func rangeInput(e *history.HistoryEvent, into map[string]activities.RangeInput) error {
	a := e.GetActivityTaskScheduledEventAttributes()
	if a.GetActivityType().GetName() != "CopyRange" {
		return nil
	}
	var in activities.RangeInput
	if err := converter.GetDefaultDataConverter().FromPayloads(a.GetInput(), &in); err != nil {
		return err
	}
	into[a.GetActivityId()] = in
	return nil
}

// timeline tells what happened in the copy's last run and when, for the log of a case that failed.
func (l *ledger) timeline(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var b strings.Builder
	var began time.Time
	events := l.client.GetWorkflowHistory(ctx, l.workflow, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		e, err := events.Next()
		if err != nil {
			return b.String() + err.Error()
		}
		at := e.GetEventTime().AsTime()
		if began.IsZero() {
			began = at
		}
		fmt.Fprintf(&b, "%7.2f s %v %s", at.Sub(began).Seconds(), e.GetEventType(), e.GetActivityTaskScheduledEventAttributes().GetActivityType().GetName())
		if s := e.GetActivityTaskStartedEventAttributes(); s.GetAttempt() > 1 {
			fmt.Fprintf(&b, " attempt %d: %s", s.GetAttempt(), s.GetLastFailure().GetMessage())
		}
		b.WriteByte('\n')
	}
	return b.String()
}
