package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"milvusdm/activities"
)

// board is where a workflow shows how far it is: to queries, in the Web UI's current details, and in the search attributes.
type board struct {
	Status
	started time.Time
	search  searchable
	end     ending // once it has ended
}

func newBoard(ctx workflow.Context, search searchable) *board {
	b := &board{started: workflow.Now(ctx), search: search}
	b.Phase, b.Since = PhaseReading, b.started
	return b
}

// phase enters a phase.
func (b *board) phase(ctx workflow.Context, p Phase) {
	changed := b.Phase != p || !b.Since.After(b.started)
	if b.Phase != p {
		b.Since = workflow.Now(ctx)
	}
	b.Phase = p
	if changed {
		b.search.upsert(ctx, &b.Status, b.end.kind)
	}
	b.show(ctx)
}

// planned fills in what the plan says.
func (b *board) planned(ctx workflow.Context, p *activities.Plan) {
	b.Source, b.Target = p.Source.Format, p.Target.Place
	b.TotalRows, b.TotalBytes, b.Ranges, b.Notes = p.Source.Rows, p.Source.Bytes, p.Ranges, p.Notes
	b.show(ctx)
}

// follow takes over the child's status.
func (b *board) follow(ctx workflow.Context, s Status) {
	child := b.Child
	next := s.Phase
	s.Phase = b.Phase
	b.Status = s
	b.Child = child
	b.phase(ctx, next)
}

// show renders the status into the Web UI's current details.
func (b *board) show(ctx workflow.Context) {
	workflow.SetCurrentDetails(ctx, b.details(workflow.Now(ctx)))
}

// ended shows how the job ended.
func (b *board) ended(ctx workflow.Context, p Phase, e ending) {
	b.end = e
	b.phase(ctx, p)
}
