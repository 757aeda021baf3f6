package cli

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"milvusdm/internal/fault"
	"milvusdm/workflows"
)

func (a *app) pauseCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "pause NAME",
		Short:             "Have a running job stop copying until it is resumed",
		Args:              one("the name of a job"),
		ValidArgsFunction: a.completeNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.update(cmd.Context(), args[0], workflows.PauseUpdate)
		},
	}
}

func (a *app) resumeCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "resume NAME",
		Short:             "Have a paused job go on",
		Args:              one("the name of a job"),
		ValidArgsFunction: a.completeNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.update(cmd.Context(), args[0], workflows.ResumeUpdate)
		},
	}
}

func (a *app) cancelCommand() *cobra.Command {
	wait, drop := true, false
	cmd := &cobra.Command{
		Use:   "cancel NAME",
		Short: "Cancel a running job; what it copied is kept for the next run",
		Long: `Cancels a running job and waits until it has ended: writes under way are let finish, and what was copied is kept, so that
milvusdm run of the same job goes on from there. It says what stands in the target. With --drop-target, the collection or
partition that the job was making is dropped instead; rows that it wrote into one of others stay.`,
		Args:              one("the name of a job"),
		ValidArgsFunction: a.completeNames,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.cancel(cmd.Context(), args[0], wait, drop) },
	}
	cmd.Flags().BoolVar(&drop, "drop-target", false, "drop what the job was making, instead of keeping it for the next run")
	cmd.Flags().BoolVar(&wait, "wait", true, "wait until the job has ended; --wait=false only asks for it")
	return cmd
}

// running is known for a job that has to be running.
func (s *server) running(ctx context.Context, name string) (*record, error) {
	r, err := s.known(ctx, name)
	if err == nil && !r.running() {
		err = fault.New(fault.Conflict, "job %s is not running: it %s at %s", name, ended(r.State), clock(r.Ended))
	}
	return r, err
}

// ended makes a sentence's verb of a state.
func ended(state string) string {
	switch state {
	case "completed", "failed", "timed out":
		return state
	}
	return "was " + state
}

// update has a job pause or resume, and prints how it stands then.
func (a *app) update(ctx context.Context, name, update string) error {
	s, err := a.dial(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	r, err := s.running(ctx, name)
	if err != nil {
		return err
	}
	if r.Direction == workflows.VerifyName {
		return fault.New(fault.Unsupported, "%s is a verification, which can't %s; cancel it (%s), and verify again", name, update, s.command("cancel", name))
	}
	if missing, err := s.missing(ctx, r.Queue); err != nil {
		return err
	} else if missing != nil {
		return a.updateLater(ctx, s, r, update, s.noWorker(*missing))
	}
	err = s.update(ctx, name, update, workerWait)
	if errors.Is(err, errUnanswered) { // a worker that has just died is still on Temporal's list
		return a.updateLater(ctx, s, r, update, "no worker answers on task queue "+r.Queue)
	}
	if err != nil {
		return err
	}
	s.settle(ctx, name, update == workflows.PauseUpdate)
	return a.show(ctx, s, r)
}

// updateLater asks a job that no worker can run now to pause or resume: Temporal keeps the signal until a worker is there.
func (a *app) updateLater(ctx context.Context, s *server, r *record, update, why string) error {
	if err := s.SignalWorkflow(ctx, r.Name, "", workflows.PauseSignal, update == workflows.PauseUpdate); err != nil {
		return s.explain(err)
	}
	a.say("%s", why)
	d := s.about(r, false)
	d.State, d.Pending = "running", update
	return a.end(d)
}

// settle waits a moment until the job shows that it was told; its child is told by a signal.
func (s *server) settle(ctx context.Context, name string, paused bool) {
	for limit := time.Now().Add(2 * time.Second); time.Now().Before(limit) && ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
		if v, err := s.look(ctx, name); err != nil || v.Paused == paused {
			return
		}
	}
}

// errUnanswered says that no worker has taken up an update in time.
var errUnanswered = errors.New("no worker answered in time")

func (s *server) update(ctx context.Context, name, update string, limit time.Duration) error {
	asked, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	handle, err := s.UpdateWorkflow(asked, client.UpdateWorkflowOptions{WorkflowID: name, UpdateName: update,
		WaitForStage: client.WorkflowUpdateStageCompleted})
	if err == nil {
		err = handle.Get(asked, nil)
	}
	var notFound *serviceerror.NotFound
	var late *client.WorkflowUpdateServiceTimeoutOrCanceledError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return s.explain(ctx.Err())
	case errors.As(err, &notFound):
		return fault.New(fault.Conflict, "job %s has just ended; %s says how", name, s.command("status", name))
	case errors.As(err, &late), errors.Is(err, context.DeadlineExceeded):
		return fault.Wrap(fault.Unavailable, errUnanswered, "%s job %s", update, name)
	case away(err):
		return s.explain(err)
	}
	kind, text := fault.FromTemporal(err)
	return fault.New(kind, "%s job %s: %s", update, name, text)
}

func (a *app) cancel(ctx context.Context, name string, wait, drop bool) error {
	s, err := a.dial(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	r, err := s.running(ctx, name)
	if err != nil {
		return err
	}
	missing, err := s.missing(ctx, r.Queue)
	if err != nil {
		return err
	}
	if drop {
		if missing != nil {
			return fault.New(fault.Unavailable, "cancel job %s with --drop-target: nothing was asked of it, since it takes a worker: %s", name, s.noWorker(*missing))
		}
		if err := s.update(ctx, name, workflows.DropTargetUpdate, 2*callTimeout); err != nil {
			return err
		}
	}
	if err := s.CancelWorkflow(ctx, name, ""); err != nil {
		return s.explain(err)
	}
	if missing != nil {
		a.say("warning: %s; job %s ends once there is one; %s", s.lacks(*missing), name, s.startOne(*missing))
	}
	if !wait {
		d := s.about(r, false)
		d.State = "cancelling"
		return a.end(d)
	}
	a.say("cancelling job %s; writes under way are let finish", name)
	end, err := a.follow(ctx, s, r.Name, r.RunID)
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		d := s.detached(r, s.command("status", name))
		d.State = "cancelling"
		return a.end(d)
	}
	if err != nil {
		return err
	}
	d := s.ended(r, end, "")
	switch d.State {
	case "cancelled": // as wished
		d.ExitCode = fault.ExitOK
	case "completed":
		a.say("job %s was done before it could be cancelled", name)
		d.ExitCode = fault.ExitCode(fault.Conflict)
	}
	return a.end(d)
}
