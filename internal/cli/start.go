package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"milvusdm/internal/fault"
	"milvusdm/internal/human"
	"milvusdm/internal/job"
	"milvusdm/workflows"
)

// load reads a job, from standard input where path is "-", and prints what is worth knowing about it.
func (a *app) load(path string) (j *job.Job, err error) {
	var warnings []job.Warning
	if options := (job.Options{Env: a.Env.LookupEnv}); path == "-" {
		j, warnings, err = job.LoadFrom(a.Stdin, options)
	} else {
		j, warnings, err = job.Load(path, options)
	}
	for _, w := range warnings {
		a.say("warning: %s", w)
	}
	return j, err
}

// loadCopy is load of a job that copies.
func (a *app) loadCopy(path string) (*job.Job, error) {
	j, err := a.load(path)
	if err == nil && j.Compare != nil {
		return nil, fault.New(fault.Config, "%s: the job compares (compare:) and copies nothing; run %s", path, a.hints().command("verify", path))
	}
	return j, err
}

// launch starts the job, or finds it running already.
func (a *app) launch(ctx context.Context, s *server, j *job.Job, fresh bool) (r *record, attached bool, err error) {
	id := workflows.WorkflowID(j)
	last, err := s.last(ctx, id)
	if err != nil {
		return nil, false, err
	}
	if last != nil && last.running() {
		return last, true, a.attach(last, j, fresh)
	}
	if err := s.needWorker(ctx, s.queue, hosts(j)...); err != nil {
		return nil, false, err
	}
	in := workflows.Input{Job: *j, Hash: j.Hash()}
	if last != nil {
		if in.Resume, err = a.resume(ctx, s, last, j, fresh); err != nil {
			return nil, false, err
		}
	}
	attributes, advice := s.attributes(ctx)
	in.StateAttribute, in.OtherAttributes = attributes.State, attributes.Others
	if advice != "" {
		a.say("%s", advice)
	}
	if ctx.Err() != nil {
		return nil, false, s.explain(ctx.Err())
	}
	runID, err := s.start(ctx, j, in)
	var started *serviceerror.WorkflowExecutionAlreadyStarted
	if errors.As(err, &started) { // by somebody else, just now
		if last, err = s.known(ctx, id); err == nil {
			err = a.attach(last, j, fresh)
		}
		return last, true, err
	}
	if err != nil {
		return nil, false, s.explain(err)
	}
	return &record{Name: id, RunID: runID, Direction: j.Direction(), State: "running", Target: j.TargetName(), Started: time.Now(),
		Queue: s.queue, WebUI: s.webUI(id, runID), hash: in.Hash, job: j}, false, nil
}

// start starts the workflow. An interrupt does not cut it off: whether the job runs would be unknown.
func (s *server) start(ctx context.Context, j *job.Job, in workflows.Input) (runID string, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	run, err := s.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID:                                       workflows.WorkflowID(j),
		TaskQueue:                                s.queue,
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIDConflictPolicy:                 enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		Memo:                                     map[string]any{workflows.HashMemo: in.Hash, workflows.JobMemo: j},
		StaticSummary:                            summary(j),
		StaticDetails:                            details(j),
	}, j.Direction(), in)
	if err != nil {
		return "", err
	}
	return run.GetRunID(), nil
}

// attach refuses to follow a running job in place of j when the two differ in what they do.
func (a *app) attach(running *record, j *job.Job, fresh bool) error {
	var changed []string
	if running.job != nil {
		changed = job.Diff(running.job, j)
	}
	if running.hash != j.Hash() {
		text := "what changed is not known, since the running one does not say what it does"
		if len(changed) > 0 {
			text = "what changed:\n  " + strings.Join(changed, "\n  ")
		}
		return fault.New(fault.Conflict, "job %s is running and is another job than this one; wait for its end, cancel it (%s), "+
			"or give this one another name; %s", running.Name, a.hints().command("cancel", running.Name), text)
	}
	if fresh {
		return fault.New(fault.Conflict, "job %s is running; --fresh starts it from the beginning once it has ended (%s)", running.Name, a.hints().command("cancel", running.Name))
	}
	if len(changed) > 0 {
		a.say("job %s is running with other settings, which stay:\n  %s", running.Name, strings.Join(changed, "\n  "))
	}
	return nil
}

// resume returns the state that the last run left for j to go on from, or nil, and says which.
func (a *app) resume(ctx context.Context, s *server, last *record, j *job.Job, fresh bool) (*workflows.State, error) {
	if last.State == "completed" {
		return nil, nil
	}
	ended := ended(last.State) + " at " + clock(last.Ended)
	if fresh && last.State != "failed" && last.State != "cancelled" {
		a.say("starts from the beginning (--fresh) after the run that %s", ended) // without asking a worker what it copied
		return nil, nil
	}
	cleaned, err := s.cleaned(ctx, last)
	if err != nil {
		return nil, err
	}
	state, err := a.left(ctx, s, last)
	if err != nil {
		return nil, err
	}
	if cleaned && state != nil {
		if state = state.Cleaned(); state == nil {
			a.say("starts from the beginning, since what the run that %s left was dropped (milvusdm clean)", ended)
			return nil, nil
		}
	}
	switch {
	case state == nil:
		a.say("the run that %s left nothing to go on from: starts from the beginning", ended)
	case state.Hash != j.Hash():
		changed := ""
		if last.job != nil {
			changed = ":\n  " + strings.Join(job.Diff(last.job, j), "\n  ")
		}
		a.say("starts from the beginning, since the run that %s was of another job%s", ended, changed)
	case fresh:
		a.say("starts from the beginning (--fresh) and leaves the %s rows of the run that %s", human.Count(state.Rows()), ended)
	case state.Rows() == 0:
		a.say("the run that %s had copied no rows: starts at the first one", ended)
		return state, nil
	default:
		a.say("goes on from %s rows of the run that %s", human.Count(state.Rows()), ended)
		return state, nil
	}
	return nil, nil
}

// watchStart waits a moment for a worker to take the new run up, and says so when none does.
func (a *app) watchStart(ctx context.Context, s *server, r *record) error {
	for limit := time.Now().Add(workerWait); ctx.Err() == nil; {
		now, err := s.known(ctx, r.Name)
		if err != nil || now.taken || !now.running() || now.RunID != r.RunID {
			return err
		}
		if time.Now().After(limit) {
			a.say("warning: no worker has taken the job up; it waits on task queue %s until one does", r.Queue)
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return nil
}

// summary is the line that the Web UI shows beside the workflow.
func summary(j *job.Job) string {
	text := short(j.SourceName(), 80) + " to " + short(j.TargetName(), 80)
	if t := j.Target.Milvus; t != nil {
		text += fmt.Sprintf(" (%s)", t.Mode)
	}
	return text
}

// details is the Markdown text that the Web UI shows on the workflow.
func details(j *job.Job) string {
	cell := func(text string) string { return strings.ReplaceAll(short(text, 1000), "|", "\\|") }
	return fmt.Sprintf("| | |\n|---|---|\n| job | `%s` |\n| source | `%s` |\n| target | `%s` |\n| follow | `milvusdm status --follow %[1]s` |\n"+
		"| cancel | `milvusdm cancel %[1]s` |\n", j.Name, cell(j.SourceName()), cell(j.TargetName()))
}

// short cuts the beginning of a text that is longer than limit; Temporal bounds what it keeps.
func short(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return "..." + strings.ToValidUTF8(text[len(text)-limit+3:], "")
}
