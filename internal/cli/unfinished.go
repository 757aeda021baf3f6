package cli

import (
	"context"
	"errors"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/workflows"
)

// left returns the state that a job's ended run left, nil if there is none: what the run's failure says, or, where
// Temporal ended it or a part of it, what their histories say. It waits for parts that still end.
func (a *app) left(ctx context.Context, s *server, last *record) (*workflows.State, error) {
	e, err := s.await(ctx, last.Name, last.RunID)
	if err != nil {
		return nil, err
	}
	state := workflows.StateOf(e.err)
	if workflows.EndedByTemporal(e.err) {
		if state, err = s.askState(ctx, last.Name, e.runID); err != nil {
			return nil, err
		}
	}
	if state == nil {
		return nil, nil
	}
	found := false
	for i := range state.Parts {
		p := &state.Parts[i]
		if p.Copy != nil {
			if err := a.askPart(ctx, s, last, p); err != nil {
				return nil, err
			}
		}
		found = found || p.State != nil || p.Result != nil
	}
	if len(state.Parts) > 0 && !found && state.Run == "" {
		return nil, nil
	}
	return state.Single(), nil
}

// askPart asks a CopyCollection how it ended.
func (a *app) askPart(ctx context.Context, s *server, last *record, p *workflows.PartState) error {
	d, err := s.describeRun(ctx, p.Copy)
	var forgotten *serviceerror.NotFound
	if errors.As(err, &forgotten) {
		return nil
	}
	if err != nil {
		return s.explain(err)
	}
	if d == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		a.say("waiting for the copy that the last run began (workflow %s) to end", p.Copy.ID)
	}
	e, err := s.await(ctx, p.Copy.ID, p.Copy.Run)
	switch {
	case err != nil:
		return err
	case e.err == nil:
		p.Result, p.State = &e.result, nil
	case workflows.EndedByTemporal(e.err):
		state, err := s.askState(ctx, p.Copy.ID, e.runID)
		if err != nil {
			return err
		}
		p.State = nil
		if state != nil {
			p.State = state.Interrupted(e.at, copyOptions(last.job))
		}
	default:
		p.State = workflows.StateOf(e.err)
	}
	p.Copy = nil
	return nil
}

// copyOptions are those of a run, whose memo may have none.
func copyOptions(j *job.Job) *job.Copy {
	if j == nil {
		return &job.Copy{}
	}
	return &j.Copy
}

func (s *server) describeRun(ctx context.Context, e *workflows.Execution) (enumspb.WorkflowExecutionStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	d, err := s.DescribeWorkflowExecution(ctx, e.ID, e.Run)
	return d.GetWorkflowExecutionInfo().GetStatus(), err
}

// askState has a worker find the state of a run that is over in its history.
func (s *server) askState(ctx context.Context, id, runID string) (state *workflows.State, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*callTimeout)
	defer cancel()
	answer, err := s.QueryWorkflow(ctx, id, runID, workflows.StateQuery)
	if err == nil {
		err = answer.Get(&state)
	}
	var never *serviceerror.WorkflowNotReady
	switch {
	case errors.As(err, &never): // no worker ever took it up
		return nil, nil
	case err != nil:
		return nil, fault.New(fault.Unavailable, "find in the history of workflow %s what it had copied: %s; run "+
			"the job again, or begin from the beginning with --fresh",
			id, cause(err))
	}
	return state, nil
}
