package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"
)

// completeLimit bounds what pressing Tab may take.
const completeLimit = time.Second

// completeNames completes the name of a job: of those that run, and for status and clean of those that ended too.
func (a *app) completeNames(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	condition := "ExecutionStatus = 'Running'"
	if cmd.Name() == "status" || cmd.Name() == "clean" {
		condition = "ExecutionStatus != 'ContinuedAsNew'"
	}
	ctx, cancel := context.WithTimeout(context.Background(), completeLimit)
	defer cancel()
	s, err := a.dial(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer s.Close()
	all, err := s.jobs(ctx, 50, condition)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	seen := map[string]bool{}
	var names []string
	for _, r := range all {
		if !seen[r.Name] {
			seen[r.Name] = true
			names = append(names, r.Name+"\t"+r.State+", "+r.Direction)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
