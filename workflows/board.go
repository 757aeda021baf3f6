package workflows

import (
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"milvusdm/activities"
	"milvusdm/internal/human"
)

// board is where a workflow shows how far it is: to queries, in the Web UI's current details, and in the search attribute.
type board struct {
	Status
	started   time.Time
	attribute bool
	times     []PhaseTime // of its own phases that are over
	following bool        // the phase is a child's, which keeps its own times
}

func newBoard(ctx workflow.Context, attribute bool) *board {
	b := &board{started: workflow.Now(ctx), attribute: attribute}
	b.Phase, b.Since = PhaseReading, b.started
	return b
}

var stateKey = temporal.NewSearchAttributeKeyKeyword(StateAttribute)

// phase enters a phase.
func (b *board) phase(ctx workflow.Context, p Phase) {
	changed := b.Phase != p || !b.Since.After(b.started)
	if b.Phase != p {
		b.leave(ctx)
		b.Since, b.following = workflow.Now(ctx), false
	}
	b.Phase = p
	if changed && b.attribute {
		if err := workflow.UpsertTypedSearchAttributes(ctx, stateKey.ValueSet(string(p))); err != nil {
			workflow.GetLogger(ctx).Warn("search attribute not set", "attribute", StateAttribute, "error", err)
		}
	}
	b.show(ctx)
}

// leave takes note of the time in the phase that ends.
func (b *board) leave(ctx workflow.Context) {
	if !b.following && b.Phase != PhaseDone {
		b.times = spend(b.times, b.Phase, b.Since, workflow.Now(ctx).Sub(b.Since))
	}
}

// spent is how long each phase took so far, which leaves the one that lasts.
func (b *board) spent(ctx workflow.Context) []PhaseTime {
	b.leave(ctx)
	b.Since = workflow.Now(ctx)
	return b.times
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
	b.leave(ctx)
	b.following = true
	s.Phase = b.Phase
	b.Status = s
	b.Child = child
	b.phase(ctx, next)
	b.following = true
}

// show renders the status as Markdown into the Web UI's current details.
func (b *board) show(ctx workflow.Context) {
	var t strings.Builder
	t.WriteString(fmt.Sprintf("**%s** since %s\n\n| | |\n|---|---|\n", b.Phase, human.Time(b.Since.UTC())))
	row := func(name, format string, args ...any) {
		t.WriteString("| " + name + " | " + fmt.Sprintf(format, args...) + " |\n")
	}
	row("source", "%s", b.Source)
	row("target", "`%s`", b.Target)
	if b.TotalRows > 0 {
		row("rows", "%d of %d (%d %%)", b.Rows, b.TotalRows, 100*b.Rows/b.TotalRows)
	}
	row("bytes sent", "%.1f MB", float64(b.Bytes)/1e6)
	row("ranges", "%d of %d", b.RangesDone, b.Ranges)
	if took := b.took(ctx).Seconds(); b.Rows > b.Resumed && took > 0 {
		row("rows/s, all in all", "%.0f", float64(b.Rows-b.Resumed)/took)
	}
	if b.Resumed > 0 {
		row("copied by an earlier run", "%d rows", b.Resumed)
	}
	if b.Lost > 0 {
		row("attempts lost", "%d", b.Lost)
	}
	for _, n := range b.Notes {
		row("note", "%s", strings.ReplaceAll(n, "|", "\\|"))
	}
	workflow.SetCurrentDetails(ctx, t.String())
}
