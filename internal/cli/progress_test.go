package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	activitypb "go.temporal.io/api/activity/v1"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"milvusdm/activities"
	"milvusdm/workflows"
)

func TestFrameLine(t *testing.T) {
	copying := frame{Phase: workflows.PhaseCopying, Rows: 452_000, Total: 1_000_000, RowRate: 61_234, ByteRate: 31.3e6}
	waiting := copying
	waiting.Waiting, waiting.Begun = "waiting for Milvus at 127.0.0.1:19530", noon
	paused := copying
	paused.Phase = workflows.PhasePaused
	done := copying
	done.Rows = done.Total
	slow := copying
	slow.RowRate, slow.ByteRate = 0, 0
	frames := []frame{copying, waiting, paused, done, slow,
		{Phase: workflows.PhaseIndex, For: 12 * time.Second, Waiting: "indexed 300 of 1000 rows"},
		{Phase: "starting", Waiting: "日本語のとても長いメッセージがここにあります"}}
	var all strings.Builder
	for _, width := range []int{120, 80, 60, 40, 20, 4, 1} {
		for _, f := range frames {
			line := f.line(width)
			if n := columns(line); n >= width && width > 1 {
				t.Errorf("%d columns in a terminal of %d: %q", n, width, line)
			}
			all.WriteString(line + "|\n")
		}
	}
	for _, f := range frames {
		all.WriteString(f.plain() + "\n")
	}
	several := copying
	for i, name := range []string{"articles", "a_collection_with_a_name_that_is_rather_long", "本本本本"} {
		part := frame{Name: name, Phase: workflows.PhaseCopying, Rows: int64(i) * 100, Total: 1000}
		if i == 1 {
			part.Waiting = "waiting for Milvus at 127.0.0.1:19530"
		}
		several.Parts = append(several.Parts, part)
	}
	for range 9 {
		several.Parts = append(several.Parts, frame{Name: "b", Phase: workflows.PhaseIndex})
	}
	for _, width := range []int{100, 60, 20, 1} {
		for _, line := range several.lines(width) {
			if n := columns(line); n >= width && width > 1 {
				t.Errorf("%d columns in a terminal of %d: %q", n, width, line)
			}
			all.WriteString(line + "|\n")
		}
	}
	golden(t, "frames.txt", all.String())
}

func TestMeter(t *testing.T) {
	var m meter
	if rows, bytes := m.rates(); rows != 0 || bytes != 0 {
		t.Errorf("%v, %v of nothing", rows, bytes)
	}
	for i := range 100 { // 10 rows/s, then 100 rows/s
		rows := int64(i) * 10
		if i > 50 {
			rows = 500 + int64(i-50)*100
		}
		m.add(noon.Add(time.Duration(i)*time.Second), rows, rows*4)
	}
	rows, bytes := m.rates()
	if rows != 100 || bytes != 400 {
		t.Errorf("%v rows/s, %v bytes/s, want those of the last seconds", rows, bytes)
	}
	if n := len(m.samples); n > 20 {
		t.Errorf("%d samples kept", n)
	}
	f := frame{Phase: workflows.PhaseCopying, Rows: 5400, Total: 10_000, RowRate: rows}
	if got := f.eta(); got != 46*time.Second {
		t.Errorf("ETA %v, want 46s", got)
	}
	m.add(noon.Add(101*time.Second), 7, 7)
	if rows, _ := m.rates(); rows != 0 {
		t.Errorf("%v rows/s when the job is behind where it was", rows)
	}
}

func TestPlainLinesAreSparse(t *testing.T) {
	var out bytes.Buffer
	d := display{w: &out, width: func() int { return 0 }, tint: coloured}
	for i := range 120 { // 12 s, ten looks a second
		f := frame{Phase: workflows.PhaseCopying, Rows: int64(i), Total: 1000}
		if i >= 70 {
			f.Phase = workflows.PhaseFlush
		}
		if i >= 80 {
			f.Waiting = "flushing 3 segments"
		}
		d.show(f, noon.Add(time.Duration(i)*100*time.Millisecond))
	}
	want := "12:00:00 UTC copying: 0 of 1,000 rows (0.0%)\n12:00:05 UTC copying: 50 of 1,000 rows (5.0%)\n12:00:07 UTC flush\n12:00:08 UTC flush; flushing 3 segments\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTerminalLineIsRedrawn(t *testing.T) {
	var out bytes.Buffer
	d := display{w: &out, width: func() int { return 40 }, tint: coloured}
	d.show(frame{Phase: "a"}, noon)
	d.show(frame{Phase: "b"}, noon)
	d.clear()
	d.clear()
	d.show(frame{Phase: "c", Parts: []frame{{Name: "x", Phase: "d"}, {Name: "y", Phase: "e"}}}, noon)
	d.say("y: done", noon)
	d.show(frame{Phase: "f", Parts: []frame{{Name: "x", Phase: "g"}}}, noon)
	d.show(frame{Phase: "h"}, noon)
	want := "\r\x1b[Ka\r\x1b[Kb\r\x1b[K" +
		"\r\x1b[Kc\n  x  d\n  y  e\x1b[2A\r\x1b[J12:00:00 UTC y: done\n" +
		"\r\x1b[Kf\n  x  g\x1b[1A\r\x1b[Jh"
	if out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

// What a lost worker's heartbeat had gained does not vanish from the bar and come back.
func TestProgressDoesNotGoBack(t *testing.T) {
	var out bytes.Buffer
	f := follower{display: display{w: &out, width: func() int { return 80 }, tint: coloured}}
	status := workflows.Status{Phase: workflows.PhaseCopying, Rows: 500, TotalRows: 1000}
	f.see(view{Status: status}, noon)
	status.Rows = 450
	f.see(view{Status: status}, noon.Add(time.Second))
	f.see(view{Waiting: "no worker polls q"}, noon.Add(2*time.Second))
	lines := strings.Split(out.String(), "\r")
	for _, line := range lines[1:] {
		if !strings.Contains(line, "50.0%") {
			t.Errorf("went back: %q", line)
		}
	}
	if last := lines[len(lines)-1]; !strings.Contains(last, "no worker polls q (since 12:00:02 UTC)") {
		t.Errorf("does not say what it waits for: %q", last)
	}
}

func TestWaitingOfActivities(t *testing.T) {
	s := &server{payloads: converter.GetDefaultDataConverter()}
	details := func(beat activities.Heartbeat) *commonpb.Payloads {
		p, err := s.payloads.ToPayloads(beat)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	activity := func(change func(*workflowpb.PendingActivityInfo)) *workflowpb.PendingActivityInfo {
		beat := details(activities.Heartbeat{Rows: 10, Bytes: 100})
		a := &workflowpb.PendingActivityInfo{ActivityType: &commonpb.ActivityType{Name: "CopyRange"}, HeartbeatDetails: beat, Attempt: 2,
			State: enumspb.PENDING_ACTIVITY_STATE_STARTED, LastHeartbeatTime: timestamppb.New(noon), LastStartedTime: timestamppb.New(noon),
			ScheduledTime:   timestamppb.New(noon),
			ActivityOptions: &activitypb.ActivityOptions{HeartbeatTimeout: durationpb.New(30 * time.Second), TaskQueue: &taskqueuepb.TaskQueue{Name: "q"}}}
		change(a)
		return a
	}
	fine := activity(func(*workflowpb.PendingActivityInfo) {})
	for name, c := range map[string]struct {
		pending []*workflowpb.PendingActivityInfo
		after   time.Duration
		want    string
	}{
		"fine":   {[]*workflowpb.PendingActivityInfo{fine, fine}, 10 * time.Second, ""},
		"silent": {[]*workflowpb.PendingActivityInfo{fine, fine}, 16 * time.Second, "no word from the worker at CopyRange (since 12:00:00 UTC)"},
		"away again": {[]*workflowpb.PendingActivityInfo{activity(func(a *workflowpb.PendingActivityInfo) {
			a.State, a.LastFailure = enumspb.PENDING_ACTIVITY_STATE_SCHEDULED, &failurepb.Failure{Message: "connect to Milvus at h:1: rpc error: code = Unavailable desc = refused"}
			a.HeartbeatDetails = details(activities.Heartbeat{Rows: 10, Bytes: 100, Away: noon.Add(-time.Minute), Waiting: "waiting for Milvus at h:1"})
		})}, 0, "waiting for Milvus at h:1: refused (since 11:59:00 UTC)"},
		"away while it writes": {[]*workflowpb.PendingActivityInfo{activity(func(a *workflowpb.PendingActivityInfo) {
			a.State, a.LastFailure = enumspb.PENDING_ACTIVITY_STATE_SCHEDULED, &failurepb.Failure{Message: "insert 50 rows: refused"}
			a.HeartbeatDetails = details(activities.Heartbeat{Rows: 10, Bytes: 100, Away: noon.Add(-time.Minute)})
		})}, 0, "CopyRange (attempt 2): insert 50 rows: refused (since 11:59:00 UTC)"},
		"waits since it was away": {[]*workflowpb.PendingActivityInfo{activity(func(a *workflowpb.PendingActivityInfo) {
			a.HeartbeatDetails = details(activities.Heartbeat{Rows: 10, Bytes: 100, Waiting: "waiting for Milvus at h:1", Since: noon, Away: noon.Add(-time.Minute)})
		})}, 0, "waiting for Milvus at h:1 (since 11:59:00 UTC)"},
		"nobody":  {nil, time.Minute, ""},
		"retried": {[]*workflowpb.PendingActivityInfo{activity(func(a *workflowpb.PendingActivityInfo) { a.LastFailure = &failurepb.Failure{Message: "gone"} })}, 0, ""},
		"failing": {[]*workflowpb.PendingActivityInfo{fine, activity(func(a *workflowpb.PendingActivityInfo) {
			a.State, a.LastFailure = enumspb.PENDING_ACTIVITY_STATE_SCHEDULED, &failurepb.Failure{Message: "dial:\n refused"}
		})}, 0, "CopyRange (attempt 2): dial: refused"},
		"resting": {[]*workflowpb.PendingActivityInfo{activity(func(a *workflowpb.PendingActivityInfo) {
			a.ActivityId, a.State, a.Paused = "17", enumspb.PENDING_ACTIVITY_STATE_PAUSED, true
			a.LastFailure = &failurepb.Failure{Message: "activity paused"}
			a.PauseInfo = &workflowpb.PendingActivityInfo_PauseInfo{PauseTime: timestamppb.New(noon), PausedBy: &workflowpb.PendingActivityInfo_PauseInfo_Manual_{
				Manual: &workflowpb.PendingActivityInfo_PauseInfo_Manual{Identity: "ann@ops", Reason: "disk\nswap"}}}
		})}, time.Minute, "CopyRange (activity 17) rests until it is unpaused in Temporal; paused by ann@ops: disk swap (since 12:00:00 UTC)"},
		"not taken up": {[]*workflowpb.PendingActivityInfo{activity(func(a *workflowpb.PendingActivityInfo) {
			a.State = enumspb.PENDING_ACTIVITY_STATE_SCHEDULED
		})}, 6 * time.Second, "no worker takes up CopyRange on task queue q (since 12:00:00 UTC)"},
	} {
		v := view{Status: workflows.Status{Rows: 5, TotalRows: 1000}}
		v.addPending(s, c.pending, noon.Add(c.after))
		if got := (frame{Waiting: v.Waiting, Begun: v.Begun}).waiting(); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if want := 5 + 10*int64(len(c.pending)); v.Rows != want {
			t.Errorf("%s: %d rows, want %d", name, v.Rows, want)
		}
	}
}
