package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/timestamppb"

	"milvusdm/internal/fault"
	"milvusdm/internal/human"
)

func (a *app) scheduleListCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "list",
		Short:             "List schedules",
		Args:              none,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.dial(cmd.Context())
			if err != nil {
				return err
			}
			defer s.Close()
			all, err := s.schedules(cmd.Context())
			if err != nil {
				return err
			}
			return a.print(all, func() string { return schedulesText(all) })
		},
	}
}

// schedules are all of ours, by name.
func (s *server) schedules(ctx context.Context) ([]*scheduled, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	list, err := s.ScheduleClient().List(ctx, client.ScheduleListOptions{PageSize: 100})
	if err != nil {
		return nil, s.explain(err)
	}
	all := []*scheduled{}
	for list.HasNext() {
		e, err := list.Next()
		if err != nil {
			return nil, s.explain(err)
		}
		if !slices.Contains(directions, e.WorkflowType.Name) {
			continue
		}
		d := s.fromMemo(e.ID, e.WorkflowType.Name, e.Memo)
		d.State, d.Note, d.Next, d.recent = stateOfSchedule(e.Paused), e.Note, e.NextActionTimes, e.RecentActions
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b *scheduled) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

func schedulesText(all []*scheduled) string {
	if len(all) == 0 {
		return "no schedules\n"
	}
	rows := [][]string{{"NAME", "STATE", "WHEN", "LAST", "NEXT", "DIRECTION", "TARGET"}}
	for _, d := range all {
		last, next := "", ""
		if n := len(d.recent); n > 0 {
			last = clock(d.recent[n-1].ActualTime)
		}
		if len(d.Next) > 0 && d.State == "active" {
			next = clock(d.Next[0])
		}
		rows = append(rows, []string{d.Name, d.State, d.when(), last, next, d.Direction, d.Target})
	}
	return table(rows)
}

// completeSchedules completes the name of a schedule.
func (a *app) completeSchedules(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(context.Background(), completeLimit)
	defer cancel()
	s, err := a.dial(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer s.Close()
	all, err := s.schedules(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, d := range all {
		names = append(names, d.Name+"\t"+d.State+", "+d.when())
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// onSchedule makes a command that does something to a schedule and shows it then.
func (a *app) onSchedule(use, short string, do func(ctx context.Context, s *server, h client.ScheduleHandle, d *scheduled) error) *cobra.Command {
	return &cobra.Command{
		Use:               use + " NAME",
		Short:             short,
		Args:              one("the name of a schedule"),
		ValidArgsFunction: a.completeSchedules,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.atSchedule(cmd.Context(), args[0], func(s *server, d *scheduled) error {
				ctx, cancel := context.WithTimeout(cmd.Context(), callTimeout)
				defer cancel()
				return do(ctx, s, s.ScheduleClient().GetHandle(ctx, d.Name), d)
			})
		},
	}
}

// atSchedule looks a schedule up and does something with it.
func (a *app) atSchedule(ctx context.Context, name string, do func(*server, *scheduled) error) error {
	s, err := a.dial(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	d, err := s.schedule(ctx, name)
	if err != nil {
		return err
	}
	return do(s, d)
}

// showSchedule prints how a schedule is now.
func (a *app) showSchedule(ctx context.Context, s *server, name string) error {
	d, err := s.schedule(ctx, name)
	if err != nil {
		return err
	}
	return a.print(d, d.text)
}

func (a *app) schedulePauseCommand() *cobra.Command {
	var note string
	cmd := a.onSchedule("pause", "Have a schedule start nothing until it is resumed; a run under way goes on",
		func(ctx context.Context, s *server, h client.ScheduleHandle, d *scheduled) error {
			if err := h.Pause(ctx, client.SchedulePauseOptions{Note: first(note, "paused by milvusdm")}); err != nil {
				return s.explain(err)
			}
			return a.showSchedule(ctx, s, d.Name)
		})
	cmd.Flags().StringVar(&note, "note", "", "why, which is shown with it")
	return cmd
}

func (a *app) scheduleResumeCommand() *cobra.Command {
	var note string
	cmd := a.onSchedule("resume", "Have a paused schedule go on; what it left out is not made up for",
		func(ctx context.Context, s *server, h client.ScheduleHandle, d *scheduled) error {
			if err := h.Unpause(ctx, client.ScheduleUnpauseOptions{Note: first(note, "resumed by milvusdm")}); err != nil {
				return s.explain(err)
			}
			return a.showSchedule(ctx, s, d.Name)
		})
	cmd.Flags().StringVar(&note, "note", "", "a note that is shown with it")
	return cmd
}

func (a *app) scheduleDeleteCommand() *cobra.Command {
	return a.onSchedule("delete", "Delete a schedule; a run under way goes on, and what it exported stays",
		func(ctx context.Context, s *server, h client.ScheduleHandle, d *scheduled) error {
			if err := h.Delete(ctx); err != nil {
				return s.explain(err)
			}
			d.State, d.Next = "deleted", nil
			return a.print(d, func() string {
				text := "deleted schedule " + d.Name + "\n"
				for _, run := range d.Running {
					text += "its run " + run + " goes on; to end it: " + s.command("cancel", run) + "\n"
				}
				return text
			})
		})
}

func (a *app) scheduleTriggerCommand() *cobra.Command {
	return a.onSchedule("trigger", "Start a schedule's job now, also while it is paused",
		func(ctx context.Context, s *server, h client.ScheduleHandle, d *scheduled) error {
			if len(d.Running) > 0 && d.Overlap == "skip" {
				return fault.New(fault.Conflict, "run %s is under way, and overlap is skip: nothing would start; wait until it ends, or cancel it", d.Running[0])
			}
			if err := a.warnUnserved(ctx, s, "the run waits until one is there", d.Queue, hostsOf(d)...); err != nil {
				return err
			}
			if err := h.Trigger(ctx, client.ScheduleTriggerOptions{}); err != nil {
				return s.explain(err)
			}
			now, err := s.started(ctx, d)
			if err != nil {
				return err
			}
			return a.print(now, func() string { return s.triggered(now, d.Begun) })
		})
}

// hostsOf are the machines that a schedule's job needs a worker on.
func hostsOf(d *scheduled) []string {
	if d.job == nil {
		return nil
	}
	return hosts(d.job)
}

// started waits a moment until the schedule has started a run since it was d: Temporal does it when it finds the time.
func (s *server) started(ctx context.Context, d *scheduled) (*scheduled, error) {
	for limit := time.Now().Add(workerWait); ; time.Sleep(100 * time.Millisecond) {
		now, err := s.schedule(ctx, d.Name)
		if err != nil || now.Begun > d.Begun || time.Now().After(limit) {
			return now, err
		}
	}
}

func (s *server) triggered(now *scheduled, before int) string {
	if n := len(now.recent); n > 0 && now.Begun > before && now.recent[n-1].StartWorkflowResult != nil {
		run := now.recent[n-1].StartWorkflowResult.WorkflowID
		return fmt.Sprintf("started run %s\n  %-*s %s\n", run, keyWidth, "follow", s.command("status", "--follow", run))
	}
	return "asked schedule " + now.Name + " for a run; it starts when overlap allows it\n"
}

// maxBackfill is how many runs a backfill may start: Temporal keeps that many waiting, and drops the rest silently.
const maxBackfill = 500

func (a *app) scheduleBackfillCommand() *cobra.Command {
	var from, to string
	var asNow bool
	cmd := a.onSchedule("backfill", "Run a schedule's job once for each time it would have run between two times",
		func(ctx context.Context, s *server, h client.ScheduleHandle, d *scheduled) error {
			begin, end, err := d.between(from, to, time.Now())
			if err != nil {
				return err
			}
			times, err := s.matching(ctx, d.Name, begin, end)
			switch {
			case err != nil:
				return err
			case times == 0:
				return fault.New(fault.NotFound, "schedule %s has no time from %s to %s", d.Name, clock(begin), clock(end))
			case times > maxBackfill:
				return fault.New(fault.Config, "schedule %s has %s times from %s to %s; write times that make at most %d runs", d.Name, human.Count(int64(times)), clock(begin), clock(end), maxBackfill)
			case !asNow:
				return fault.New(fault.Config, "a backfill would read the source as it is now, %s, and file today's data under past dates; "+
					"where that is meant, --as-now does it, and files them under the time they are read at", plural(times, "time"))
			}
			if err := a.warnUnserved(ctx, s, "the runs wait until one is there", d.Queue, hostsOf(d)...); err != nil {
				return err
			}
			overlap := enumspb.SCHEDULE_OVERLAP_POLICY_BUFFER_ALL
			if d.Overlap == "allow-all" {
				overlap = overlaps[d.Overlap]
			}
			if err := h.Backfill(ctx, client.ScheduleBackfillOptions{Backfill: []client.ScheduleBackfill{{Start: begin, End: end, Overlap: overlap}}}); err != nil {
				return s.explain(err)
			}
			now, err := s.started(ctx, d)
			if err != nil {
				return err
			}
			return a.print(now, func() string {
				return fmt.Sprintf("asked schedule %s for %s; %s tells how they go\n", d.Name, plural(times, "run"), s.command("schedule", "show", d.Name))
			})
		})
	cmd.Long = `Runs the job once for each time the schedule would have run at between two times, one run after another. Each reads the source as
it is now: what it was then is gone. So this is refused without --as-now, and what is exported is filed under the time it was
read at, not under the time that was missed.`
	f := cmd.Flags()
	f.StringVar(&from, "from", "", "the first time, as 2026-11-22, '2026-11-22 03:00' (in the schedule's time zone) or 2026-11-22T03:00:00Z")
	f.StringVar(&to, "to", "", "the last time (now)")
	f.BoolVar(&asNow, "as-now", false, "run it although each run reads what the source is now")
	return cmd
}

// between reads the two times of a backfill.
func (d *scheduled) between(from, to string, now time.Time) (begin, end time.Time, err error) {
	zone, err := time.LoadLocation(d.TimeZone)
	if err != nil {
		return begin, end, fault.New(fault.Config, "time zone %q of schedule %s: %w", d.TimeZone, d.Name, err)
	}
	if from == "" {
		return begin, end, fault.New(fault.Config, "a backfill needs the first time; write --from 2026-11-22")
	}
	if begin, err = moment("--from", from, zone); err != nil {
		return begin, end, err
	}
	end = now
	if to != "" {
		if end, err = moment("--to", to, zone); err != nil {
			return begin, end, err
		}
	}
	if end.After(now) || !begin.Before(end) {
		return begin, end, fault.New(fault.Config, "from %s to %s is no time that has passed", clock(begin), clock(end))
	}
	return begin, end, nil
}

func moment(flag, text string, zone *time.Location) (time.Time, error) {
	for _, form := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(form, text, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fault.New(fault.Config, "%s is %q; write a time as 2026-11-22, '2026-11-22 03:00' or 2026-11-22T03:00:00Z", flag, text)
}

// matching is how many times a schedule has between two.
func (s *server) matching(ctx context.Context, name string, begin, end time.Time) (int, error) {
	list, err := s.WorkflowService().ListScheduleMatchingTimes(ctx, &workflowservice.ListScheduleMatchingTimesRequest{
		Namespace: s.namespace, ScheduleId: name, StartTime: timestamppb.New(begin), EndTime: timestamppb.New(end)})
	return len(list.GetStartTime()), s.explain(err)
}
