package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"milvusdm/internal/export"
	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/workflows"
)

func (a *app) scheduleCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "schedule",
		Short: "Have a job run again and again",
		Long: `Has Temporal start a job at given times: it needs no cron, and no machine of ours has to be up at the time but a worker.
A schedule has the name of its job. Each run is a workflow of its own, named by the job and the time it was scheduled for, which
milvusdm status and cancel take like any other.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknown(cmd, args[0])
			}
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.SuggestionsMinimumDistance = 2
	cmd.AddCommand(a.scheduleCreateCommand(), a.scheduleListCommand(), a.scheduleShowCommand(), a.schedulePauseCommand(),
		a.scheduleResumeCommand(), a.scheduleTriggerCommand(), a.scheduleBackfillCommand(), a.schedulePruneCommand(), a.scheduleDeleteCommand())
	return cmd
}

// terms are when a schedule starts its job, as its user wrote them. Temporal keeps them in the schedule's memo, since it
// answers with something else.
type terms struct {
	Cron     []string      `json:"cron,omitempty"`
	Every    time.Duration `json:"every,omitempty"`
	TimeZone string        `json:"timeZone,omitempty"`
	Jitter   time.Duration `json:"jitter,omitempty"`
}

// termsMemo is the memo key of a schedule's terms.
const termsMemo = "terms"

// wish is a schedule as the command line asks for it.
type wish struct {
	terms
	overlap        string
	catchupWindow  time.Duration
	pauseOnFailure bool
	note           string
	paused         bool
	keep           export.Keep
}

// overlaps are what may be done when the last run is not over yet.
var overlaps = map[string]enumspb.ScheduleOverlapPolicy{
	"skip":         enumspb.SCHEDULE_OVERLAP_POLICY_SKIP,
	"buffer-one":   enumspb.SCHEDULE_OVERLAP_POLICY_BUFFER_ONE,
	"buffer-all":   enumspb.SCHEDULE_OVERLAP_POLICY_BUFFER_ALL,
	"cancel-other": enumspb.SCHEDULE_OVERLAP_POLICY_CANCEL_OTHER,
	"allow-all":    enumspb.SCHEDULE_OVERLAP_POLICY_ALLOW_ALL,
}

// minCatchup is the least catch-up window that Temporal takes as it is.
const minCatchup = 10 * time.Second

func (a *app) scheduleCreateCommand() *cobra.Command {
	var w wish
	cmd := &cobra.Command{
		Use:   "create JOB.yaml",
		Short: "Make a schedule for a job",
		Long: `Makes a schedule that starts the job as it is written now: to change it, delete the schedule and make it anew.

--cron takes five fields (minute, hour, day of month, month, day of week), seven with seconds and years, or @daily and the like.
Where two runs would overlap, the later one is left out (--overlap skip). A time that Temporal was away for is made up for if it
is not longer ago than --catchup-window.

The --keep flags are for jobs that write HDF5 files: after each run that was verified they decide, by the time at which runs in
fact began, which of this schedule's exports are kept; the others are deleted. The newest good one never is.`,
		Example: "  milvusdm schedule create nightly.yaml --cron '0 3 * * *' --time-zone Europe/Berlin --keep-daily 7 --keep-monthly 12\n" +
			"  milvusdm schedule create mirror.yaml --every 6h --pause-on-failure",
		Args:              one("the file of a job"),
		ValidArgsFunction: jobFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := w.check(cmd.Flags().Changed); err != nil {
				a.entered = false
				return err
			}
			return a.scheduleCreate(cmd.Context(), args[0], &w)
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&w.Cron, "cron", nil, "cron `expression` of the times to start at; may be given more than once")
	f.DurationVar(&w.Every, "every", 0, "start at this `interval`, as 6h, counted from the beginning of 1970")
	f.StringVar(&w.TimeZone, "time-zone", "", "time zone of --cron and --keep, as Europe/Berlin (UTC)")
	f.DurationVar(&w.Jitter, "jitter", 0, "start up to this much later, at random")
	f.StringVar(&w.overlap, "overlap", "skip", "what to do while the last run is not over: "+strings.Join(overlapNames(), ", "))
	f.DurationVar(&w.catchupWindow, "catchup-window", 10*time.Minute, "how late a run may start after Temporal was away")
	f.BoolVar(&w.pauseOnFailure, "pause-on-failure", false, "pause the schedule when a run fails")
	f.BoolVar(&w.paused, "paused", false, "make it paused")
	f.StringVar(&w.note, "note", "", "a note that is shown with it")
	f.IntVar(&w.keep.Last, "keep-last", 0, "keep the `N` newest exports")
	f.IntVar(&w.keep.Daily, "keep-daily", 0, "keep the newest export of each of the last `N` days that have one")
	f.IntVar(&w.keep.Weekly, "keep-weekly", 0, "keep the newest export of each of the last `N` weeks that have one")
	f.IntVar(&w.keep.Monthly, "keep-monthly", 0, "keep the newest export of each of the last `N` months that have one")
	must(cmd.RegisterFlagCompletionFunc("overlap", cobra.FixedCompletions(overlapNames(), cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

func overlapNames() []string {
	first := func(a, b string) int { return int(overlaps[a]) - int(overlaps[b]) }
	return slices.SortedFunc(maps.Keys(overlaps), first)
}

// check refuses what can be known to be wrong without asking Temporal.
func (w *wish) check(changed func(flag string) bool) error {
	if changed("every") && w.Every < time.Second {
		return fmt.Errorf("--every is %v; write at least 1s", w.Every)
	}
	if len(w.Cron) == 0 && w.Every == 0 {
		return errors.New("a schedule needs times to start at; write --cron '0 3 * * *' or --every 6h")
	}
	for _, c := range w.Cron {
		if strings.Contains(c, "TZ=") {
			return fmt.Errorf("--cron is %q; write the time zone as --time-zone", c)
		}
	}
	if _, err := time.LoadLocation(w.TimeZone); err != nil || w.TimeZone == "Local" {
		return fmt.Errorf("unknown time zone %q (--time-zone); write a name such as Europe/Berlin", w.TimeZone)
	}
	if w.Jitter < 0 {
		return fmt.Errorf("--jitter is %v; write 0s or more", w.Jitter)
	}
	if w.catchupWindow < minCatchup {
		return fmt.Errorf("--catchup-window is %v; write at least %v", w.catchupWindow, minCatchup)
	}
	if _, known := overlaps[w.overlap]; !known {
		return fmt.Errorf("--overlap is %q; write one of %s", w.overlap, strings.Join(overlapNames(), ", "))
	}
	for flag, n := range map[string]int{"last": w.keep.Last, "daily": w.keep.Daily, "weekly": w.keep.Weekly, "monthly": w.keep.Monthly} {
		if n < 0 || n == 0 && changed("keep-"+flag) {
			return fmt.Errorf("--keep-%s is %d; write at least 1, or leave it out", flag, n)
		}
	}
	return nil
}

// fits refuses what makes no sense for the job.
func (w *wish) fits(j *job.Job) error {
	switch t := j.Target.HDF5; {
	case t == nil && !w.keep.All():
		return fault.New(fault.Config, "the --keep flags delete old exports, and job %s writes none; leave them out", j.Name)
	case t != nil && t.Run != "":
		return fault.New(fault.Config, "target.hdf5.run is %q, and each run of a schedule needs a directory of its own; leave the key out", t.Run)
	}
	return nil
}

func (a *app) scheduleCreate(ctx context.Context, path string, w *wish) error {
	j, err := a.loadCopy(path)
	if err != nil {
		return err
	}
	if err := w.fits(j); err != nil {
		return err
	}
	s, err := a.dial(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := a.warnUnserved(ctx, s, "runs wait until one is there", s.queue, hosts(j)...); err != nil {
		return err
	}
	in := workflows.Input{Job: *j, Hash: j.Hash(), Schedule: &workflows.Schedule{ID: j.Name, CatchupWindow: w.catchupWindow, Keep: w.keep}}
	if !w.keep.All() {
		in.Schedule.Keep.TimeZone = w.TimeZone
	}
	attributes, advice := s.attributes(ctx)
	in.StateAttribute, in.OtherAttributes = attributes.State, attributes.Others
	if advice != "" {
		a.say("%s", advice)
	}
	if err := s.createSchedule(ctx, in, w); err != nil {
		return err
	}
	d, err := s.schedule(ctx, j.Name)
	if err != nil {
		return err
	}
	return a.print(d, func() string { return "made schedule " + d.Name + "\n" + d.text() })
}

// createSchedule makes the schedule. An interrupt does not cut it off: whether there is one would be unknown.
func (s *server) createSchedule(ctx context.Context, in workflows.Input, w *wish) error {
	if ctx.Err() != nil {
		return s.explain(ctx.Err())
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	o := client.ScheduleOptions{
		ID:   in.Job.Name,
		Spec: client.ScheduleSpec{CronExpressions: w.Cron, Jitter: w.Jitter, TimeZoneName: w.TimeZone},
		Action: &client.ScheduleWorkflowAction{
			ID: workflows.WorkflowID(&in.Job), Workflow: in.Job.Direction(), Args: []any{in}, TaskQueue: s.queue,
			Memo:          map[string]any{workflows.HashMemo: in.Hash, workflows.JobMemo: in.Job},
			StaticSummary: summary(&in.Job), StaticDetails: details(&in.Job),
		},
		Overlap: overlaps[w.overlap], CatchupWindow: w.catchupWindow, PauseOnFailure: w.pauseOnFailure, Note: w.note, Paused: w.paused,
		Memo: map[string]any{termsMemo: w.terms, workflows.JobMemo: in.Job},
	}
	if w.Every > 0 {
		o.Spec.Intervals = []client.ScheduleIntervalSpec{{Every: w.Every}}
	}
	_, err := s.ScheduleClient().Create(ctx, o)
	if errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
		return fault.New(fault.Conflict, "there is a schedule %s; to change it, delete it first (%s) and make it anew, or give the job another name",
			in.Job.Name, s.command("schedule", "delete", in.Job.Name))
	}
	return s.explain(err)
}
