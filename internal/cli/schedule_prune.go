package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"milvusdm/internal/export"
	"milvusdm/internal/fault"
	"milvusdm/workflows"
)

func (a *app) schedulePruneCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "prune NAME",
		Short: "Remove exports of a schedule that were not finished, or are not kept any more",
		Long: `Removes what runs of the schedule have left unfinished, as after a full disk, and deletes the exports that its --keep rules do
not keep. Each run does the same for the runs before it. A run under way keeps what it writes, and the newest good export is
never deleted.`,
		Args:              one("the name of a schedule"),
		ValidArgsFunction: a.completeSchedules,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.atSchedule(cmd.Context(), args[0], func(s *server, d *scheduled) error {
				return a.schedulePrune(cmd.Context(), s, d)
			})
		},
	}
	return cmd
}

func (a *app) schedulePrune(ctx context.Context, s *server, d *scheduled) error {
	if d.job == nil || d.job.Target.HDF5 == nil {
		return fault.New(fault.Config, "schedule %s writes no exports; there is nothing to prune", d.Name)
	}
	if err := s.needWorker(ctx, d.Queue, hosts(d.job)...); err != nil {
		return err
	}
	run, err := s.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: workflows.PruneID(d.Name), TaskQueue: d.Queue,
		WorkflowExecutionTimeout: planLimit, StaticSummary: "prune the exports of schedule " + d.Name},
		workflows.PruneExportsName, workflows.PruneInput{Job: *d.job, Schedule: workflows.Schedule{ID: d.Name, Keep: d.Keep}})
	if err != nil {
		return s.explain(err)
	}
	var pruned export.Pruned
	if err := run.Get(ctx, &pruned); err != nil {
		return a.planFailed(ctx, s, run, err)
	}
	return a.print(pruned, func() string { return prunedText(&pruned) })
}

func prunedText(p *export.Pruned) string {
	var s sheet
	s.title("removed %s, kept %s", plural(len(p.Deleted), "export"), plural(len(p.Kept), "export"))
	s.rows("removed", p.Deleted)
	s.rows("kept", p.Kept)
	s.rows("left", p.Left)
	return strings.TrimLeft(s.String(), "\n")
}
