package workflows

import (
	"go.temporal.io/sdk/workflow"

	"milvusdm/activities"
	"milvusdm/internal/transfer"
)

// CleanJob drops what runs of a job that does not run have left: what carries the job's mark, and nothing else.
func CleanJob(ctx workflow.Context, in activities.CleanInput) (*transfer.Cleaned, error) {
	var out transfer.Cleaned
	ctx = looking(ctx, &in.Job, "drop what the job left")
	if err := workflow.ExecuteActivity(ctx, acts.Clean, in).Get(ctx, &out); err != nil {
		return nil, failure(err, nil)
	}
	return &out, nil
}

// Made are the targets of a state that the job made for itself: CleanJob drops them.
func (s *State) Made() []transfer.Target {
	var made []transfer.Target
	if s.Target.Name != "" && s.made() {
		made = append(made, s.Target)
	}
	for _, p := range s.Parts {
		if p.State != nil && p.Result == nil {
			made = append(made, p.State.Made()...)
		}
	}
	return made
}

// made reports whether the run made what it wrote into: a staging collection, or a partition.
func (s *State) made() bool {
	published := s.Target.Fresh && s.Target.Name == s.Target.Plan.Collection
	return s.Target.Fresh && !published || s.Target.Plan.Action == transfer.ActionPartition
}

// Cleaned is what is left of a state after CleanJob; nil if nothing is.
func (s *State) Cleaned() *State {
	if s.Run != "" || len(s.Parts) == 0 && s.made() {
		return nil
	}
	if len(s.Parts) == 0 {
		return s
	}
	out, some := *s, false
	out.Parts = nil
	for _, p := range s.Parts {
		if p.State != nil && p.Result == nil {
			p.State = p.State.Cleaned()
		}
		some = some || p.State != nil || p.Result != nil
		out.Parts = append(out.Parts, p)
	}
	if !some {
		return nil
	}
	return &out
}
