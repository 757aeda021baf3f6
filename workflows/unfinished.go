package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"

	"milvusdm/internal/job"
)

// left is what CopyCollection leaves if Temporal ends it now; nil if there is nothing to go on from.
func (c *collectionCopy) left() *State {
	if c.State == nil || c.State.Target.Name == "" {
		return nil
	}
	if prepared := len(c.State.Target.Steps) > 0 || c.State.Target.Plan.WholeRanges; !prepared {
		return nil
	}
	return c.State
}

// unfinished is what a job's run leaves if Temporal ends it now; nil if there is nothing to go on from. What a
// CopyCollection has done whose end was not seen is to be asked of that one.
func (r *jobRun) unfinished() *State {
	if len(r.parts) == 0 {
		return r.Resume
	}
	state := &State{Hash: r.Hash}
	if files := r.Job.Target.HDF5; files != nil {
		state.Run, state.Stage = files.Run, r.stage
	}
	if from := r.Job.Source.Export; from != nil {
		state.ReadRun, state.ReadSeal = from.Path, from.Seal
	}
	for _, p := range r.parts {
		left := PartState{Name: p.name, Result: p.result, Copy: p.copy}
		if p.result == nil && p.copy == nil {
			left.State = orState(StateOf(p.err), p)
		}
		state.Parts = append(state.Parts, left)
	}
	return state
}

// Interrupted is the state of a CopyCollection that Temporal ended at a time: what its last activities sent is not
// known, and may still arrive.
func (s *State) Interrupted(at time.Time, options *job.Copy) *State {
	out := *s
	out.Ranges = append([]RangeState(nil), s.Ranges...)
	for i := range out.Ranges {
		if r := &out.Ranges[i]; !r.Done {
			r.Touched = true
		}
	}
	out.Lost++
	if !s.Target.Plan.WholeRanges { // a worker hears of the end by its next heartbeat
		out.LateUntil = at.Add(options.HeartbeatTimeout + options.WriteTimeout + 2*time.Second)
	}
	return &out
}

// Single is the state of a job that copies one collection, as CopyCollection left it.
func (s *State) Single() *State {
	if len(s.Parts) != 1 || s.Parts[0].State == nil || s.Parts[0].Result != nil {
		return s
	}
	one := *s.Parts[0].State
	one.Run, one.Stage, one.ReadRun, one.ReadSeal = s.Run, s.Stage, s.ReadRun, s.ReadSeal
	return &one
}

// EndedByTemporal reports whether a workflow, a child or one that a client asks about, did not end by itself, so that its error
// holds no state.
func EndedByTemporal(err error) bool {
	var own *temporal.ApplicationError
	var canceled *temporal.CanceledError
	var child *temporal.ChildWorkflowExecutionError
	var asked *temporal.WorkflowExecutionError
	return (errors.As(err, &child) || errors.As(err, &asked)) && !errors.As(err, &own) && !errors.As(err, &canceled)
}

// rootText is the text of an error's innermost cause.
func rootText(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}
