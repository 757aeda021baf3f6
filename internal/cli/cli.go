// Package cli holds the commands of the program milvusdm: they start jobs as Temporal workflows, follow them and steer them.
//
// What a command answers goes to standard output; progress, warnings and errors go to standard error. With --output json
// standard output is one JSON document, also for an error.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/contrib/envconfig"
	"golang.org/x/term"

	"milvusdm/internal/fault"
	"milvusdm/internal/job/strict"
	"milvusdm/internal/version"
	"milvusdm/workflows"
)

// Surroundings are what the program knows of the process it runs in.
type Surroundings struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Env            envconfig.EnvLookup
	// Width is how many columns the terminal has that Stderr is, OutWidth the one that Stdout is; 0 says that it is none that
	// lines can be redrawn and coloured on. They may change at any time.
	Width, OutWidth func() int
}

// Process are the surroundings of this very process.
func Process() Surroundings {
	return surroundings(os.Stdin, os.Stdout, os.Stderr, envconfig.EnvLookupOS)
}

func surroundings(in, out, err *os.File, env envconfig.EnvLookup) Surroundings {
	return Surroundings{Stdin: in, Stdout: out, Stderr: err, Env: env, Width: widthOf(err, env), OutWidth: widthOf(out, env)}
}

// widthOf is how many columns a terminal has, 0 for what is none and for one that shows text only (TERM=dumb).
func widthOf(f *os.File, env envconfig.EnvLookup) func() int {
	fd := int(f.Fd())
	if kind, _ := env.LookupEnv("TERM"); kind == "dumb" || !term.IsTerminal(fd) {
		return func() int { return 0 }
	}
	return func() int {
		columns, _, err := term.GetSize(fd)
		if err != nil || columns <= 0 {
			return 80
		}
		return columns
	}
}

// app is one run of the program.
type app struct {
	Surroundings
	output                     string // text or json
	address, namespace, apiKey string
	ui, queue                  string
	entered                    bool // the command line was right: errors from here on are not about it
}

// Main runs the program with the given arguments and returns its exit code. When ctx ends, a command that follows a job
// detaches from it, and the others give up.
func Main(ctx context.Context, args []string, s Surroundings) int {
	a := &app{Surroundings: s, output: "text"}
	root := a.root()
	root.SetArgs(args)
	root.SetOut(s.Stdout)
	root.SetErr(s.Stderr)
	err := root.ExecuteContext(ctx)
	var code exit
	switch {
	case err == nil:
		return fault.ExitOK
	case errors.As(err, &code):
		return int(code)
	case !a.entered && fault.KindOf(err) == fault.Internal:
		a.output = asked(args)
		err = fault.New(fault.Config, "%w; milvusdm --help shows how it is used", err)
	}
	return a.fail(err)
}

// exit is the error of a command that has said all there is to say.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// fail says what went wrong and returns the exit code for it.
func (a *app) fail(err error) int {
	kind := fault.KindOf(err)
	code := fault.ExitCode(kind)
	text := err.Error()
	if errors.Is(err, context.Canceled) {
		code, text = fault.ExitCancelled, "interrupted"
	}
	doc := struct {
		Error    string     `json:"error"`
		Kind     fault.Kind `json:"kind"`
		ExitCode int        `json:"exitCode"`
	}{text, kind, code}
	if a.json() {
		if err := a.print(doc, nil); err != nil {
			a.say("milvusdm: %v", err)
		}
		return code
	}
	var problems strict.Problems
	if errors.As(err, &problems) { // lines that editors jump to
		a.say("%s", doc.Error)
	} else {
		a.say("milvusdm: %s", doc.Error)
	}
	return code
}

// print writes a command's answer: doc as JSON, or what text returns.
func (a *app) print(doc any, text func() string) error {
	if !a.json() {
		_, err := io.WriteString(a.Stdout, a.tint(a.OutWidth)(layout(text(), columnsOf(a.OutWidth))))
		return err
	}
	e := json.NewEncoder(a.Stdout)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(doc)
}

// say writes a line to standard error.
func (a *app) say(format string, args ...any) {
	emit(a.Stderr, a.tint(a.Width)(layout(strings.TrimRight(fmt.Sprintf(format, args...), "\n")+"\n", columnsOf(a.Width))))
}

// emit writes to standard error. When that fails there is nowhere left to say so, and the job is what counts.
func emit(w io.Writer, text string) { _, _ = io.WriteString(w, text) }

func (a *app) json() bool { return a.output == "json" }

// asked is the output that a command line asks for which could not be taken apart.
func asked(args []string) string {
	line := " " + strings.Join(args, " ") + " "
	for _, form := range []string{" -o json ", " -ojson ", " -o=json ", " --output json ", " --output=json "} {
		if strings.Contains(line, form) {
			return "json"
		}
	}
	return "text"
}

const about = `milvusdm moves vector collections between Faiss files, HDF5 files and Milvus, durably: a job runs as a Temporal workflow, which
survives the death of this program, of the worker and of any server, and goes on where it was.

Temporal is found by the settings that all its tools take: TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, TEMPORAL_TLS_*,
or a profile of its configuration file (TEMPORAL_PROFILE). TEMPORAL_UI is the address of its Web UI, as http://127.0.0.1:8233.

What a command answers goes to standard output, progress and errors to standard error.`

func (a *app) root() *cobra.Command {
	var file string
	root := &cobra.Command{
		Use:           "milvusdm",
		Short:         "Moves vector collections, durably",
		Long:          about,
		Example:       "  milvusdm plan job.yaml\n  milvusdm run job.yaml\n  milvusdm --yaml F2M.yaml     as MilvusDM 2.0 was called",
		Version:       version.Version,
		Args:          cobra.ArbitraryArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if a.output != "text" && a.output != "json" {
				return fmt.Errorf("--output is %q; write text or json", a.output)
			}
			a.entered = true
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if file != "" && len(args) == 0 {
				return a.run(cmd.Context(), file, false)
			}
			if len(args) > 0 {
				a.entered = false
				return unknown(cmd, args[0])
			}
			return cmd.Help()
		},
	}
	root.SuggestionsMinimumDistance = 2
	root.Flags().StringVar(&file, "yaml", "", "run the job in this `file` and wait for its end, as in MilvusDM 2.0")
	f := root.PersistentFlags()
	f.StringVarP(&a.output, "output", "o", "text", "what the answer is written as: text or json")
	f.StringVar(&a.address, "address", "", "`host:port` of Temporal (TEMPORAL_ADDRESS, else 127.0.0.1:7233)")
	f.StringVar(&a.namespace, "namespace", "", "Temporal namespace (TEMPORAL_NAMESPACE, else default)")
	f.StringVar(&a.apiKey, "api-key", "", "Temporal API `key`; TEMPORAL_API_KEY keeps it out of the list of processes")
	f.StringVar(&a.ui, "ui", a.env("TEMPORAL_UI"), "base `address` of Temporal's Web UI (TEMPORAL_UI)")
	f.StringVar(&a.queue, "task-queue", workflows.TaskQueue, "task queue of the workers")
	root.AddCommand(a.planCommand(), a.runCommand(), a.startCommand(), a.statusCommand(), a.listCommand(),
		a.pauseCommand(), a.resumeCommand(), a.cancelCommand(), a.cleanCommand(), a.verifyCommand(), a.scheduleCommand(),
		a.versionCommand(), exitCodesTopic())
	must(root.MarkFlagFilename("yaml", "yaml", "yml"))
	must(root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp)))
	return root
}

// must is for what can only fail by a mistake in this package.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// one and none check the arguments of a command.
func one(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("%s takes one argument, %s; there are %d", cmd.CommandPath(), what, len(args))
		}
		return nil
	}
}

func none(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%s takes no argument; there is %q", cmd.CommandPath(), args[0])
	}
	return nil
}

func unknown(cmd *cobra.Command, name string) error {
	text := fmt.Sprintf("there is no command %q", name)
	if near := cmd.SuggestionsFor(name); len(near) > 0 {
		text += fmt.Sprintf(" (did you mean %s?)", strings.Join(near, " or "))
	}
	if strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml") {
		text += " (did you mean run " + name + "?)"
	}
	return errors.New(text)
}

func (a *app) env(name string) string {
	value, _ := a.Env.LookupEnv(name)
	return value
}
