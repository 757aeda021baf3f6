package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"milvusdm/internal/export"
	"milvusdm/internal/fault"
	"milvusdm/internal/human"
	"milvusdm/internal/job"
	"milvusdm/workflows"
)

// scheduled is a schedule as Temporal has it.
type scheduled struct {
	Name      string `json:"name"`
	State     string `json:"state"` // active or paused
	Direction string `json:"direction"`
	Target    string `json:"target,omitempty"`
	// Queue is the task queue that the runs' workers poll.
	Queue string `json:"taskQueue,omitempty"`
	terms
	Overlap        string        `json:"overlap,omitempty"`
	CatchupWindow  time.Duration `json:"catchupWindow,omitempty"`
	PauseOnFailure bool          `json:"pauseOnFailure,omitempty"`
	Keep           export.Keep   `json:"keep,omitzero"`
	Note           string        `json:"note,omitempty"`
	Next           []time.Time   `json:"next,omitempty"`
	// Running are the workflow IDs of runs under way.
	Running []string `json:"running,omitempty"`
	// Begun is how many runs were started, Skipped how many were not because one was under way, Missed how many because
	// Temporal was away for too long.
	Begun   int    `json:"begun,omitempty"`
	Skipped int    `json:"skipped,omitempty"`
	Missed  int    `json:"missed,omitempty"`
	WebUI   string `json:"webUI,omitempty"`
	// Runs are what the command show adds, the newest first; Notes says why some may be missing.
	Runs  []*scheduledRun `json:"runs,omitempty"`
	Notes []string        `json:"notes,omitempty"`

	job    *job.Job
	recent []client.ScheduleActionResult
}

// scheduledRun is a run that a schedule started: as Temporal still knows it, as the manifest of its export tells, or both.
type scheduledRun struct {
	Name      string    `json:"name"` // the workflow ID
	RunID     string    `json:"runId,omitempty"`
	Scheduled time.Time `json:"scheduled,omitzero"`
	Started   time.Time `json:"started"`
	Ended     time.Time `json:"ended,omitzero"`
	// State is a record's or, of a run that Temporal has forgotten, completed or unfinished.
	State   string `json:"state"`
	Outcome string `json:"outcome,omitempty"`
	Rows    int64  `json:"rows,omitempty,string"`
	Bytes   int64  `json:"bytes,omitempty,string"`
	// Export is the directory of what it exported, "" when there is none any more.
	Export string `json:"export,omitempty"`
	Error  string `json:"error,omitempty"`
	// Warnings are what the run lost: collections that were left out, or that had rows in the run before.
	Warnings []string `json:"warnings,omitempty"`
	WebUI    string   `json:"webUI,omitempty"`
}

func (a *app) scheduleShowCommand() *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:   "show NAME",
		Short: "Show a schedule, when it runs next, and its runs",
		Long: `Shows a schedule and its runs, the newest first: those that Temporal still knows and, where the job exports to a directory that
this machine has, those whose manifests are there, however old.`,
		Args:              one("the name of a schedule"),
		ValidArgsFunction: a.completeSchedules,
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 1 {
				a.entered = false
				return fmt.Errorf("--limit is %d; write at least 1", limit)
			}
			return a.scheduleShow(cmd.Context(), args[0], limit)
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 10, "how many runs to show")
	return cmd
}

func (a *app) scheduleShow(ctx context.Context, name string, limit int) error {
	return a.atSchedule(ctx, name, func(s *server, d *scheduled) (err error) {
		if d.Runs, err = s.scheduledRuns(ctx, name, limit); err != nil {
			return err
		}
		d.addExports(limit)
		return a.print(d, func() string { return d.text() + d.runsText(time.Now()) })
	})
}

// schedule describes a schedule of ours.
func (s *server) schedule(ctx context.Context, name string) (*scheduled, error) {
	d, err := s.describeSchedule(ctx, name)
	var notFound *serviceerror.NotFound
	if errors.As(err, &notFound) {
		return nil, fault.New(fault.NotFound, "Temporal at %s, namespace %s, has no schedule %q; %s shows those it has",
			s.address, s.namespace, name, s.command("schedule", "list"))
	}
	if err != nil {
		return nil, s.explain(err)
	}
	action, is := d.Schedule.Action.(*client.ScheduleWorkflowAction)
	direction := ""
	if is {
		direction, _ = action.Workflow.(string)
	}
	if !slices.Contains(directions, direction) {
		return nil, fault.New(fault.Conflict, "schedule %s is none of milvusdm's; it starts %s", name, first(direction, "no workflow"))
	}
	out := s.fromMemo(name, direction, d.Memo)
	out.State, out.Note, out.Next = stateOfSchedule(d.Schedule.State.Paused), d.Schedule.State.Note, d.Info.NextActionTimes
	out.PauseOnFailure, out.CatchupWindow = d.Schedule.Policy.PauseOnFailure, d.Schedule.Policy.CatchupWindow
	for text, policy := range overlaps {
		if policy == d.Schedule.Policy.Overlap {
			out.Overlap = text
		}
	}
	out.Begun, out.Skipped, out.Missed = d.Info.NumActions, d.Info.NumActionsSkippedOverlap, d.Info.NumActionsMissedCatchupWindow
	for _, w := range d.Info.RunningWorkflows {
		out.Running = append(out.Running, w.WorkflowID)
	}
	out.recent = d.Info.RecentActions
	out.Queue = action.TaskQueue
	var in workflows.Input
	if len(action.Args) > 0 {
		if p, is := action.Args[0].(*commonpb.Payload); is && s.decode(p, &in) && in.Schedule != nil {
			out.Keep = in.Schedule.Keep
		}
	}
	return out, nil
}

// describeSchedule asks Temporal for a schedule. Temporal gives itself five seconds to answer, which a busy one needs more
// than once.
func (s *server) describeSchedule(ctx context.Context, name string) (d *client.ScheduleDescription, err error) {
	ctx, cancel := context.WithTimeout(ctx, 3*callTimeout)
	defer cancel()
	for range 5 {
		d, err = s.ScheduleClient().GetHandle(ctx, name).Describe(ctx)
		if err == nil || ctx.Err() != nil || !away(err) {
			break
		}
	}
	return d, err
}

// fromMemo is what a schedule's memo tells of it.
func (s *server) fromMemo(name, direction string, memo *commonpb.Memo) *scheduled {
	out := &scheduled{Name: name, Direction: direction}
	s.decode(memo.GetFields()[termsMemo], &out.terms)
	var j job.Job
	if s.decode(memo.GetFields()[workflows.JobMemo], &j) {
		out.job, out.Target = &j, j.TargetName()
	}
	if s.ui != "" {
		out.WebUI = strings.Replace(s.webUI(name, ""), "/workflows/", "/schedules/", 1)
	}
	return out
}

func stateOfSchedule(paused bool) string {
	if paused {
		return "paused"
	}
	return "active"
}

// scheduledRuns are the runs of a schedule that Temporal still knows, the newest first.
func (s *server) scheduledRuns(ctx context.Context, name string, limit int) ([]*scheduledRun, error) {
	query := fmt.Sprintf("TemporalScheduledById = '%s' AND ExecutionStatus != 'ContinuedAsNew'", strings.ReplaceAll(name, "'", "''"))
	listing, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	list, err := s.ListWorkflow(listing, &workflowservice.ListWorkflowExecutionsRequest{Namespace: s.namespace, Query: query, PageSize: int32(min(limit, 1000))})
	if err != nil {
		return nil, s.explain(err)
	}
	var out []*scheduledRun
	for _, info := range list.GetExecutions() {
		r := s.record(info)
		run := &scheduledRun{Name: r.Name, RunID: r.RunID, State: r.State, Started: r.Started, Ended: r.Ended, WebUI: r.WebUI}
		s.decode(info.GetSearchAttributes().GetIndexedFields()["TemporalScheduledStartTime"], &run.Scheduled)
		if !r.running() {
			end, err := s.await(ctx, r.Name, r.RunID)
			if err != nil {
				return nil, err
			}
			run.ended(s.ended(r, end, ""))
		}
		out = append(out, run)
	}
	return out, nil
}

// ended fills in how the run ended.
func (r *scheduledRun) ended(end report) {
	r.State, r.Error = end.State, end.Error
	if end.Result != nil {
		r.Outcome, r.Rows, r.Bytes = end.Result.Outcome, end.Result.Rows, end.Result.Bytes
		r.Warnings = end.Result.Warnings
	}
}

// addExports adds what the manifests of the schedule's exports tell, which outlive what Temporal keeps.
func (d *scheduled) addExports(limit int) {
	if d.job == nil || d.job.Target.HDF5 == nil {
		return
	}
	dir := d.job.Target.HDF5.Directory
	_, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		d.Notes = append(d.Notes, "no exports are in "+dir+" on this machine (yet)")
		return
	}
	if err != nil {
		d.Notes = append(d.Notes, "exports are not looked at: "+err.Error())
		return
	}
	exports, err := export.Runs(dir)
	if err != nil {
		d.Notes = append(d.Notes, "exports are not looked at: "+err.Error())
		return
	}
	for _, e := range exports {
		switch {
		case e.State == export.Damaged:
			d.Notes = append(d.Notes, "export "+e.Err.Error())
		case e.Manifest.Schedule == d.Name && e.State != export.Deleting:
			d.addExport(filepath.Join(dir, e.Name), &e)
		}
	}
	slices.SortStableFunc(d.Runs, func(a, b *scheduledRun) int { return b.Started.Compare(a.Started) })
	d.Runs = d.Runs[:min(limit, len(d.Runs))]
}

func (d *scheduled) addExport(at string, e *export.Entry) {
	m := e.Manifest
	i := slices.IndexFunc(d.Runs, func(r *scheduledRun) bool { return r.Name == m.Workflow && m.Workflow != "" })
	if i < 0 { // Temporal has forgotten it
		i = len(d.Runs)
		d.Runs = append(d.Runs, &scheduledRun{Name: first(m.Workflow, e.Name), RunID: m.WorkflowRun, Scheduled: m.Scheduled, Started: m.Started,
			Ended: m.Ended, State: string(e.State), Outcome: m.Verified})
		if e.State == export.Finished {
			d.Runs[i].State = "completed"
		}
	}
	r := d.Runs[i]
	r.Export = at
	if e.State == export.Finished {
		r.Rows, r.Bytes, r.Warnings = m.Rows(), m.Bytes(), m.Notes
	}
}

// text is the schedule for a person.
func (d *scheduled) text() string {
	var s sheet
	s.title("schedule %s: %s", d.Name, d.State)
	s.row("note", oneLine(d.Note))
	s.row("when", d.when())
	if d.job != nil {
		s.row("job", fmt.Sprintf("%s, %s to %s", d.Direction, d.job.SourceName(), d.Target))
	}
	s.row("queue", d.Queue)
	s.row("overlap", d.Overlap)
	s.row("catch-up", "within "+human.Duration(d.CatchupWindow))
	s.row("on failure", map[bool]string{true: "pauses", false: "goes on"}[d.PauseOnFailure])
	s.row("keeps", keepText(d.Keep))
	if len(d.Next) > 0 && d.State == "active" {
		s.row("next", clock(d.Next[0]))
	}
	s.rows("running", d.Running)
	runs := plural(d.Begun, "run") + " started"
	if d.Skipped > 0 {
		runs += fmt.Sprintf(", %d skipped because the last was not over", d.Skipped)
	}
	if d.Missed > 0 {
		runs += fmt.Sprintf(", %d missed because Temporal was away", d.Missed)
	}
	s.row("so far", runs)
	s.rows("note", d.Notes)
	s.row("Web UI", d.WebUI)
	return s.String()
}

// when says at which times a schedule starts its job.
func (t *terms) when() string {
	var parts []string
	for _, c := range t.Cron {
		parts = append(parts, "cron "+c)
	}
	if t.Every > 0 {
		parts = append(parts, "every "+human.Duration(t.Every))
	}
	text := strings.Join(parts, "; ")
	if len(t.Cron) > 0 {
		text += " (" + first(t.TimeZone, "UTC") + ")"
	}
	if t.Jitter > 0 {
		text += ", up to " + human.Duration(t.Jitter) + " later"
	}
	return text
}

func keepText(k export.Keep) string {
	var parts []string
	for _, rule := range []struct {
		name  string
		count int
	}{{"last", k.Last}, {"daily", k.Daily}, {"weekly", k.Weekly}, {"monthly", k.Monthly}} {
		if rule.count > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", rule.name, rule.count))
		}
	}
	return strings.Join(parts, ", ")
}

func (d *scheduled) runsText(now time.Time) string {
	if len(d.Runs) == 0 {
		return "no runs\n"
	}
	lines := [][]string{{"SCHEDULED", "STARTED", "TOOK", "STATE", "ROWS", "BYTES", "RUN", ""}}
	for _, r := range d.Runs {
		of := record{Started: r.Started, Ended: r.Ended}
		when, rows, bytes := "", "", ""
		if !r.Scheduled.IsZero() {
			when = clock(r.Scheduled)
		}
		if r.Outcome != "" {
			rows, bytes = human.Count(r.Rows), size(r.Bytes)
		}
		lines = append(lines, []string{when, clock(r.Started), human.Duration(of.took(now)), first(r.Outcome, r.State), rows, bytes, first(r.Export, r.Name), oneLine(r.Error)})
	}
	text := table(lines)
	for _, r := range d.Runs {
		for _, w := range r.Warnings {
			text += fmt.Sprintf("%s: %s\n", clock(r.Started), oneLine(w))
		}
	}
	return text
}
