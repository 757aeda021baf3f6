package cli

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"google.golang.org/protobuf/types/known/timestamppb"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/workflows"
)

// directions are the workflow types that are jobs, or verify one.
var directions = append(job.Directions(), workflows.VerifyName)

// record is what Temporal knows of a job's run without asking a worker.
type record struct {
	Name      string    `json:"name"`
	RunID     string    `json:"runId"`
	Direction string    `json:"direction"`
	State     string    `json:"state"` // running, completed, failed, cancelled, terminated, timed out
	Phase     string    `json:"phase,omitempty"`
	Target    string    `json:"target,omitempty"`
	Started   time.Time `json:"started"`
	Ended     time.Time `json:"ended,omitzero"`
	// Waiting says what a running job waits for, since when if that is known.
	Waiting string    `json:"waiting,omitempty"`
	Begun   time.Time `json:"waitingSince,omitzero"`
	// Queue is the task queue that the run's workers poll.
	Queue string `json:"taskQueue,omitempty"`
	WebUI string `json:"webUI,omitempty"`

	hash string
	job  *job.Job // nil when the memo holds none
	// taken says that a worker has taken the run up.
	taken bool
}

// hosts are the machines that have files of the run's job.
func (r *record) hosts() []string {
	if r.job == nil {
		return nil
	}
	return hosts(r.job)
}

// schedule is the schedule that started the run, "" for one that somebody started. A schedule has its job's name, and each of
// its runs a name of its own.
func (r *record) schedule() string {
	if r.job == nil || r.Direction == workflows.VerifyName || r.Name == workflows.WorkflowID(r.job) {
		return ""
	}
	return r.job.Name
}

func (r *record) running() bool { return r.State == "running" }

// took is how long the run took, or takes so far.
func (r *record) took(now time.Time) time.Duration {
	if r.Ended.IsZero() {
		return now.Sub(r.Started)
	}
	return r.Ended.Sub(r.Started)
}

// last returns the newest run of a job, or nil when Temporal knows none. A workflow of that name which is no job is an error.
func (s *server) last(ctx context.Context, id string) (*record, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	d, err := s.DescribeWorkflowExecution(ctx, id, "")
	var notFound *serviceerror.NotFound
	if errors.As(err, &notFound) {
		return nil, nil
	}
	if err != nil {
		return nil, s.explain(err)
	}
	r := s.record(d.GetWorkflowExecutionInfo())
	if !slices.Contains(directions, r.Direction) {
		return nil, fault.New(fault.Conflict, "workflow %s is no job of milvusdm but a %s", id, r.Direction)
	}
	r.taken = d.GetPendingWorkflowTask().GetState() != enumspb.PENDING_WORKFLOW_TASK_STATE_SCHEDULED
	return r, nil
}

// known is last for a job that has to be there.
func (s *server) known(ctx context.Context, id string) (*record, error) {
	r, err := s.last(ctx, id)
	if err == nil && r == nil {
		if _, err := s.schedule(ctx, id); err == nil {
			return nil, fault.New(fault.NotFound, "%s is a schedule, and no job of that name has run by itself; see %s", id, s.command("schedule", "show", id))
		}
		err = fault.New(fault.NotFound, "Temporal at %s, namespace %s, knows no job %q; %s shows the jobs it knows", s.address, s.namespace, id, s.command("list"))
	}
	return r, err
}

func (s *server) record(info *workflowpb.WorkflowExecutionInfo) *record {
	r := &record{
		Name: info.GetExecution().GetWorkflowId(), RunID: info.GetExecution().GetRunId(), Direction: info.GetType().GetName(),
		State: stateName(info.GetStatus()), Queue: first(info.GetTaskQueue(), s.queue), Started: when(info.GetStartTime()), Ended: when(info.GetCloseTime()),
	}
	r.WebUI = s.webUI(r.Name, r.RunID)
	memo := info.GetMemo().GetFields()
	s.decode(memo[workflows.HashMemo], &r.hash)
	var j job.Job
	if s.decode(memo[workflows.JobMemo], &j) {
		r.job = &j
		r.Target = j.TargetName()
	}
	if r.running() {
		s.decode(info.GetSearchAttributes().GetIndexedFields()[workflows.StateAttribute], &r.Phase)
	}
	return r
}

// decode decodes p into to. A payload that is not there, or of another making, leaves to as it is.
func (s *server) decode(p *commonpb.Payload, to any) bool {
	return p != nil && s.payloads.FromPayload(p, to) == nil
}

func when(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}

func stateName(s enumspb.WorkflowExecutionStatus) string {
	switch s {
	case enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, enumspb.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW:
		return "running"
	case enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED:
		return "cancelled"
	case enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT:
		return "timed out"
	}
	return strings.ToLower(s.String())
}
