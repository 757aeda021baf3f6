package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"milvusdm/internal/fault"
)

// exitCodes is the one list of exit codes and what they say; docs/cli.md has the same.
var exitCodes = []struct {
	code int
	says string
}{
	{fault.ExitOK, "done; for run: verified, or skipped because the target is there and the mode is skip; for verify: equal"},
	{fault.ExitInternal, "a failure of no other kind"},
	{fault.ExitUsage, "the command line, the job or the settings are wrong"},
	{fault.ExitNotCounted, "all rows were copied, but the server could not load the collection, so nobody counted them"},
	{fault.ExitCancelled, "the job was cancelled or terminated, or the command was interrupted before it started one"},
	{fault.ExitDetached, "interrupted (Ctrl-C, SIGTERM) while following: the job goes on"},
	{fault.ExitCode(fault.NotFound), "a file, a collection, a job or a namespace is not there"},
	{fault.ExitCode(fault.Conflict), "what stands in the target, or another job, is in the way"},
	{fault.ExitCode(fault.Unsupported), "not supported by this program or by the server's version"},
	{fault.ExitCode(fault.Corrupt), "the input contradicts itself or its format"},
	{fault.ExitCode(fault.Denied), "a server or the file system refuses the user"},
	{fault.ExitCode(fault.SourceChanged), "the source is no longer what was planned"},
	{fault.ExitCode(fault.Unavailable), "a server does not answer (Temporal, Milvus), or no worker polls the task queue"},
	{fault.ExitCode(fault.Different), "source and target differ"},
}

func exitCodesText() string {
	var b strings.Builder
	b.WriteString("Exit codes:\n")
	for _, c := range exitCodes {
		fmt.Fprintf(&b, "%4d  %s\n", c.code, c.says)
	}
	return b.String()
}

// exitCodesTopic is `milvusdm help exit-codes`.
func exitCodesTopic() *cobra.Command {
	return &cobra.Command{Use: "exit-codes", Short: "What the exit codes say", Long: strings.TrimRight(exitCodesText(), "\n")}
}
