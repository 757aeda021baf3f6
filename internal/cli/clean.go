package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"milvusdm/activities"
	"milvusdm/internal/fault"
	"milvusdm/internal/transfer"
	"milvusdm/workflows"
)

func (a *app) cleanCommand() *cobra.Command {
	dry := false
	cmd := &cobra.Command{
		Use:   "clean NAME",
		Short: "Drop what a failed or cancelled job left",
		Long: `Drops what runs of a job, or of a schedule, have made and not finished: staging collections, new partitions, unfinished
exports. Only what carries the job's mark is dropped, never anything by its name alone; rows that the job wrote into a
collection of others stay. It refuses while the job runs. The next run begins from the beginning. --dry-run says what
would be dropped.`,
		Args:              one("the name of a job or a schedule"),
		ValidArgsFunction: a.completeNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.clean(cmd.Context(), args[0], dry)
		},
	}
	cmd.Flags().BoolVar(&dry, "dry-run", false, "say what would be dropped, and drop nothing")
	return cmd
}

func (a *app) clean(ctx context.Context, name string, dry bool) error {
	s, err := a.dial(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	in, queue, rows, err := a.toClean(ctx, s, name)
	if err != nil {
		return err
	}
	in.Dry = dry
	if err := s.needWorker(ctx, queue, hosts(&in.Job)...); err != nil {
		return err
	}
	id := workflows.CleanID(name)
	if dry {
		id = workflows.CleanDryID(name)
	}
	run, err := s.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: id, TaskQueue: queue, WorkflowExecutionTimeout: planLimit,
		StaticSummary: "drop what " + name + " left"}, workflows.CleanJobName, *in)
	if err != nil {
		return s.explain(err)
	}
	var cleaned transfer.Cleaned
	if err := run.Get(ctx, &cleaned); err != nil {
		return a.planFailed(ctx, s, run, err)
	}
	if rows != "" {
		cleaned.Kept = append(cleaned.Kept, rows)
	}
	if cleaned.Dropped == nil {
		cleaned.Dropped = []string{}
	}
	return a.print(cleaned, func() string { return cleanedText(&cleaned, dry) })
}

func cleanedText(c *transfer.Cleaned, dry bool) string {
	var s sheet
	verb := "dropped"
	if dry {
		verb = "would drop"
	}
	if len(c.Dropped) == 0 {
		s.title("there is nothing to drop")
	} else {
		s.title("%s what was left:", verb)
	}
	s.rows(verb, c.Dropped)
	s.rows("kept", c.Kept)
	return s.String()
}

// toClean finds the job, or the schedule, its task queue, and what is known of what it left. rows are what its last run wrote into a
// place of others, "" for none.
func (a *app) toClean(ctx context.Context, s *server, name string) (in *activities.CleanInput, queue, rows string, err error) {
	last, err := s.last(ctx, name)
	if err != nil {
		return nil, "", "", err
	}
	// a schedule has the name of its job, and both mark what they make with it
	in, queue, err = s.scheduleToClean(ctx, name)
	if last == nil || err != nil && fault.KindOf(err) != fault.NotFound {
		return in, queue, "", err
	}
	schedule := ""
	if err == nil {
		schedule = name
	}
	switch {
	case last.running():
		return nil, "", "", fault.New(fault.Conflict, "job %s is running; wait until it ends, or cancel it (%s)", name, s.command("cancel", name))
	case last.Direction == workflows.VerifyName:
		return nil, "", "", fault.New(fault.Unsupported, "%s is a verification, which makes nothing", name)
	case last.schedule() != "":
		return nil, "", "", fault.New(fault.Config, "%s is a run of schedule %s; write %s", name, last.schedule(), s.command("clean", last.schedule()))
	case last.job == nil:
		return nil, "", "", fault.New(fault.Unsupported, "the last run of job %s does not say where it wrote", name)
	}
	in = &activities.CleanInput{Ref: activities.Ref{Job: *last.job, Owner: name}, Schedule: schedule}
	if last.State == "completed" {
		return in, last.Queue, "", nil
	}
	state, err := a.left(ctx, s, last)
	if err != nil || state == nil {
		return in, last.Queue, "", err
	}
	in.Made = state.Made()
	if rest := state.Cleaned(); rest != nil && rest.Rows() > 0 {
		rows = stands(rest)
	}
	return in, last.Queue, rows, nil
}

func (s *server) scheduleToClean(ctx context.Context, name string) (in *activities.CleanInput, queue string, err error) {
	d, err := s.schedule(ctx, name)
	if fault.KindOf(err) == fault.NotFound {
		return nil, "", fault.New(fault.NotFound, "Temporal at %s, namespace %s, knows no job and no schedule %q; %s and %s show those it knows",
			s.address, s.namespace, name, s.command("list"), s.command("schedule", "list"))
	}
	if err != nil {
		return nil, "", err
	}
	if len(d.Running) > 0 {
		return nil, "", fault.New(fault.Conflict, "schedule %s is running %s; wait until it ends, or cancel it (%s)",
			name, strings.Join(d.Running, ", "), s.command("cancel", d.Running[0]))
	}
	if d.job == nil {
		return nil, "", fault.New(fault.Unsupported, "schedule %s does not say where it writes", name)
	}
	return &activities.CleanInput{Ref: activities.Ref{Job: *d.job, Owner: name}, Schedule: name}, d.Queue, nil
}

// cleaned reports whether what an ended run left was dropped since. While it is being dropped, that is an error.
func (s *server) cleaned(ctx context.Context, r *record) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	d, err := s.DescribeWorkflowExecution(ctx, workflows.CleanID(r.Name), "")
	var never *serviceerror.NotFound
	if errors.As(err, &never) {
		return false, nil
	}
	if err != nil {
		return false, s.explain(err)
	}
	info := d.GetWorkflowExecutionInfo()
	if info.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return false, fault.New(fault.Conflict, "what job %s left is being dropped (workflow %s); wait until "+
			"that is done", r.Name, workflows.CleanID(r.Name))
	}
	done := info.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED
	return done && when(info.GetStartTime()).After(r.Ended), nil
}

// forgets takes what was dropped off the report of a run.
func (r *report) forgets(state *workflows.State) {
	r.Kept, r.Stands, r.drops, r.resumed = 0, "what the run left was dropped (milvusdm clean)", false, false
	if state != nil && state.Rows() > 0 {
		r.Kept, r.Stands = state.Rows(), fmt.Sprintf("%s\n%s", stands(state), r.Stands)
	}
}
