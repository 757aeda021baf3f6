package workflows

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"go.temporal.io/sdk/temporal"

	"milvusdm/internal/fault"
	"milvusdm/internal/human"
)

// The Web UI shows some six rows of a workflow's current details without scrolling, and Temporal takes 20,000 bytes:
// what matters most comes first, and everything is bounded.
const (
	detailNames = 5   // collections and notes named one by one
	detailRunes = 300 // of a text of others
)

// ending is how a job ended, for the details.
type ending struct {
	outcome, reason, next, report string
	kind                          string // the fault.Kind of a failure
}

// endingOf is how a workflow ended with err.
func endingOf(err error) (ending, Phase) {
	if temporal.IsCanceledError(err) {
		return ending{outcome: string(PhaseCancelled)}, PhaseCancelled
	}
	kind, reason := fault.FromTemporal(err)
	return ending{outcome: string(PhaseFailed), reason: reason, kind: string(kind)}, PhaseFailed
}

// details is the status as Markdown for the Web UI's current details.
func (b *board) details(now time.Time) string {
	var t strings.Builder
	t.WriteString(strings.Join(b.headline(now), " · ") + "\n\n| | |\n|---|---|\n")
	row := func(name, text string) {
		if text != "" {
			t.WriteString("| " + name + " | " + text + " |\n")
		}
	}
	row("reason", markdown(b.end.reason))
	row("next", b.end.next)
	row("report", markdown(b.end.report))
	b.collectionRows(row)
	if b.end.outcome == "" {
		row("since", b.Since.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	row("source", markdown(b.Source))
	row("target", markdown(b.Target))
	if b.Ranges > 0 && len(b.Collections) == 0 {
		row("ranges", fmt.Sprintf("%d of %d", b.RangesDone, b.Ranges))
	}
	if b.Resumed > 0 {
		row("resumed", human.Count(b.Resumed)+" rows were copied by an earlier run")
	}
	if b.Lost > 0 {
		row("interrupted", fmt.Sprintf("%d attempts; the rest of their ranges is written again", b.Lost))
	}
	for i, note := range b.Notes {
		if i == detailNames {
			row("note", fmt.Sprintf("and %d more", len(b.Notes)-i))
			break
		}
		row("note", markdown(note))
	}
	return t.String()
}

// headline says in a line what the job does, how far it is and how fast.
func (b *board) headline(now time.Time) []string {
	took := now.Sub(b.started)
	if b.end.outcome != "" {
		line := []string{"**" + markdown(b.end.outcome) + "**"}
		if b.Rows > 0 {
			line = append(line, human.Count(b.Rows)+" rows")
		}
		return append(line, "took "+human.Duration(took))
	}
	line := []string{"**" + string(b.Phase) + "**"}
	if b.TotalRows > 0 {
		line = append(line, b.progress()...)
	}
	if added := b.Rows - b.Resumed; b.Phase == PhaseCopying && added > 0 && took >= time.Second {
		perSecond := float64(added) / took.Seconds()
		line = append(line, human.Count(int64(perSecond))+" rows/s")
		if left := b.TotalRows - b.Rows; left > 0 && b.Unplanned() == 0 {
			line = append(line, "about "+human.Duration(time.Duration(float64(left)/perSecond*float64(time.Second)))+" left")
		}
	}
	return line
}

// progress is a percentage only when all rows are known, so that it never falls.
func (s *Status) progress() []string {
	if s.Unplanned() > 0 {
		return []string{fmt.Sprintf("%s of at least %s rows", human.Count(s.Rows), human.Count(s.TotalRows))}
	}
	return []string{percent(s.Rows, s.TotalRows), fmt.Sprintf("%s of %s rows", human.Count(s.Rows), human.Count(s.TotalRows))}
}

// collectionRows tells of the collections of a job that copies several: how many are how far, which failed and which
// are under way.
func (b *board) collectionRows(row func(name, text string)) {
	if len(b.Collections) == 0 {
		return
	}
	var failed, busy, counts []string
	tally := map[Phase]int{}
	for _, c := range b.Collections {
		phase := c.Phase
		switch phase {
		case PhaseFailed:
			failed = append(failed, code(c.Name)+": "+markdown(c.Error))
		case PhaseDone, PhaseWaiting, PhaseCancelled, PhaseLeftOut:
		default:
			text := code(c.Name) + " " + string(phase)
			if c.TotalRows > 0 {
				text += " " + percent(c.Rows, c.TotalRows)
			}
			busy, phase = append(busy, text), "under way"
		}
		tally[phase]++
	}
	for _, p := range []Phase{PhaseDone, PhaseFailed, "under way", PhaseWaiting, PhaseCancelled, PhaseLeftOut} {
		if tally[p] > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", tally[p], p))
		}
	}
	row("collections", fmt.Sprintf("%d: %s", len(b.Collections), strings.Join(counts, ", ")))
	row("failed", first(failed, "; "))
	row("under way", first(busy, ", "))
}

// first joins the first of many.
func first(texts []string, between string) string {
	if more := len(texts) - detailNames; more > 0 {
		texts = append(slices.Clone(texts[:detailNames]), fmt.Sprintf("and %d more", more))
	}
	return strings.Join(texts, between)
}

// markdown makes a text of others safe for a cell of a table: it is shown as it is, on one line, and not longer than
// detailRunes.
func markdown(text string) string {
	var t strings.Builder
	for _, r := range brieflySaid(text) {
		if strings.ContainsRune("\\`*_{}[]<>()#+!|~&$:@.-=^", r) { // with : and . what would become a link by itself
			t.WriteByte('\\')
		}
		t.WriteRune(r)
	}
	return t.String()
}

// code is a name as code. What would end the code, or the cell, is left out of it.
func code(name string) string {
	name = brieflySaid(name)
	if strings.ContainsAny(name, "`|\\") || name == "" {
		return markdown(name)
	}
	return "`" + name + "`"
}

// brieflySaid puts a text on one line, and cuts it.
func brieflySaid(text string) string {
	text = strings.ToValidUTF8(text, "\ufffd")
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if runes := []rune(text); len(runes) > detailRunes {
		return string(runes[:detailRunes]) + " ..."
	}
	return text
}

// percent is rounded down: 100 % is said of all rows only.
func percent(rows, total int64) string {
	return fmt.Sprintf("%d %%", int64(float64(min(rows, total))/float64(total)*100))
}
