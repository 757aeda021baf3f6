package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) runCommand() *cobra.Command {
	var fresh bool
	cmd := &cobra.Command{
		Use:   "run JOB.yaml",
		Short: "Start a job and follow it to its end",
		Long: `Starts the job as a Temporal workflow and shows its progress until it ends. Ctrl-C detaches: the job goes on.

A job that runs already is attached to, if it is the same job; else the keys that differ are shown. A job that failed or was
cancelled goes on from what it had copied; --fresh starts it from the beginning.`,
		Args:              one("the file of a job"),
		ValidArgsFunction: jobFiles,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.run(cmd.Context(), args[0], fresh) },
	}
	cmd.Flags().BoolVar(&fresh, "fresh", false, "start anew, whatever an earlier run left")
	return cmd
}

func (a *app) startCommand() *cobra.Command {
	var fresh bool
	cmd := &cobra.Command{
		Use:               "start JOB.yaml",
		Short:             "Start a job and leave it to itself",
		Args:              one("the file of a job"),
		ValidArgsFunction: jobFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.startOnly(cmd.Context(), args[0], fresh)
		},
	}
	cmd.Flags().BoolVar(&fresh, "fresh", false, "start anew, whatever an earlier run left")
	return cmd
}

// jobFiles completes the name of a job's file.
func jobFiles(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
}

func (a *app) run(ctx context.Context, path string, fresh bool) error {
	j, err := a.loadCopy(path)
	if err != nil {
		return err
	}
	s, err := a.dial(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	r, attached, err := a.launch(ctx, s, j, fresh)
	if err != nil {
		return err
	}
	a.sayStarted(r, attached, fmt.Sprintf("job %s (%s)", r.Name, r.Direction))
	return a.toTheEnd(ctx, s, r, s.command("run", path))
}

// sayStarted says that what is being followed now was started, or ran already, and where else it can be watched.
func (a *app) sayStarted(r *record, attached bool, what string) {
	verb := "started"
	if attached {
		verb = "attached to"
	}
	a.say("%s %s", verb, what)
	if r.WebUI != "" {
		a.say("%s", r.WebUI)
	}
}

// toTheEnd follows a run, says how it ended, and how to go on: with the command again.
func (a *app) toTheEnd(ctx context.Context, s *server, r *record, again string) error {
	end, err := a.follow(ctx, s, r.Name, r.RunID)
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return a.end(s.detached(r, again))
	}
	if err != nil {
		return err
	}
	return a.end(s.ended(r, end, again))
}

func (a *app) startOnly(ctx context.Context, path string, fresh bool) error {
	j, err := a.loadCopy(path)
	if err != nil {
		return err
	}
	s, err := a.dial(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	r, attached, err := a.launch(ctx, s, j, fresh)
	if err != nil {
		return err
	}
	if err := a.watchStart(ctx, s, r); err != nil {
		return err
	}
	return a.end(s.about(r, attached))
}
