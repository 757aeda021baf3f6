package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"milvusdm/internal/transfer"
)

// tellLosses adds to the result what the source has lost: collections that were dropped while they were to be copied and, since
// the last run of the schedule, collections that had rows then.
func (r *jobRun) tellLosses(ctx workflow.Context, result *Result) {
	if result == nil {
		return
	}
	result.Left = r.left
	result.Pruned = append(r.swept, result.Pruned...)
	result.Notes = append(result.Notes, r.notes...)
	result.Warnings = r.losses(ctx, result)
	result.Notes = append(result.Notes, result.Warnings...)
}

// losses are what was left out, and what the source held in the schedule's last run and holds no longer.
func (r *jobRun) losses(ctx workflow.Context, result *Result) []string {
	return append(leftNotes(r.left), r.shrunk(ctx, result)...)
}

// leftNotes names what was left out.
func leftNotes(left []transfer.Left) []string {
	var notes []string
	for _, l := range left {
		notes = append(notes, fmt.Sprintf("%s was left out: %s", l.Name, l.Why))
	}
	return notes
}

// shrunk warns of collections that had rows in the schedule's last successful run, and have none now or are gone.
func (r *jobRun) shrunk(ctx workflow.Context, result *Result) []string {
	var last *Result
	if r.Schedule == nil || !workflow.HasLastCompletionResult(ctx) || workflow.GetLastCompletionResult(ctx, &last) != nil || last == nil {
		return nil
	}
	now := map[string]int64{}
	for _, p := range result.each() {
		now[p.Name] = p.Rows
	}
	var notes []string
	for _, p := range last.each() {
		switch rows, there := now[p.Name]; {
		case p.Rows == 0 || rows > 0 || p.Name == "":
		case there:
			notes = append(notes, fmt.Sprintf(transfer.Warning+"%s had %d rows in the last run of the schedule, and the source holds none of them now", p.Name, p.Rows))
		default:
			notes = append(notes, fmt.Sprintf(transfer.Warning+"%s had %d rows in the last run of the schedule, and is gone from the source", p.Name, p.Rows))
		}
	}
	return notes
}

// each are the results of the parts.
func (t *Result) each() []Result {
	if len(t.Collections) > 0 {
		return t.Collections
	}
	return []Result{*t}
}
