package cli

import (
	"fmt"
	"strings"
	"time"

	"milvusdm/internal/human"
	"milvusdm/internal/transfer"
	"milvusdm/workflows"
)

// meter measures how fast a job copies, over the last seconds.
type meter struct {
	samples []sample
}

type sample struct {
	at          time.Time
	rows, bytes int64
}

// window is how far back a meter looks: some heartbeats, which come every few seconds.
const window = 15 * time.Second

// add takes note of where the job is. A job that is behind where it was measures anew.
func (m *meter) add(at time.Time, rows, bytes int64) {
	if n := len(m.samples); n > 0 && rows < m.samples[n-1].rows {
		m.samples = m.samples[:0]
	}
	m.samples = append(m.samples, sample{at, rows, bytes})
	for len(m.samples) > 2 && at.Sub(m.samples[1].at) >= window {
		m.samples = m.samples[1:]
	}
}

func (m *meter) reset() { m.samples = m.samples[:0] }

// rates are rows and bytes per second, 0 when there is too little to say.
func (m *meter) rates() (rows, bytes float64) {
	if len(m.samples) < 2 {
		return 0, 0
	}
	a, b := m.samples[0], m.samples[len(m.samples)-1]
	seconds := b.at.Sub(a.at).Seconds()
	if seconds <= 0 {
		return 0, 0
	}
	return float64(b.rows-a.rows) / seconds, max(float64(b.bytes-a.bytes), 0) / seconds
}

// frame is what is shown of a job at one moment.
type frame struct {
	Phase       workflows.Phase
	For         time.Duration // how long the phase lasts
	Rows, Total int64
	AtLeast     bool // there may be more rows than Total: not all collections have been looked at
	RowRate     float64
	ByteRate    float64
	Waiting     string
	Begun       time.Time // of Waiting; zero if not known
	// Parts are those under way of a job's collections. Name is such a part's own, else "".
	Parts []frame
	Name  string
}

// mostParts bounds the lines of collections.
const mostParts = 10

// lines is the frame as lines of a terminal: one, and one for each collection that is under way.
func (f frame) lines(width int) []string {
	lines := []string{f.line(width)}
	shown := f.Parts[:min(len(f.Parts), mostParts)]
	names := 0
	for _, p := range shown {
		names = min(max(names, columns(p.Name)), max(width/3, 1))
	}
	cut := shortNames(shown, names)
	for i, p := range shown {
		name := cut[i]
		name += strings.Repeat(" ", names-columns(name))
		lines = append(lines, fit("  "+name+"  "+p.line(max(width-names-4, 1)), max(width-1, 1)))
	}
	if more := len(f.Parts) - len(shown); more > 0 {
		lines = append(lines, fit(fmt.Sprintf("  and %d more", more), max(width-1, 1)))
	}
	return lines
}

// moving reports whether a phase goes through rows.
func moving(p workflows.Phase) bool {
	return p == workflows.PhaseCopying || p == workflows.PhaseVerifying
}

// counts says whether it can be told how far through the rows the phase is. A job that verifies what it copied says only that.
func (f frame) counts() bool {
	verifying := f.Phase == workflows.PhaseVerifying && f.Rows < f.Total
	return f.Total > 0 && (f.Phase == workflows.PhaseCopying || f.Phase == workflows.PhasePaused || verifying)
}

// eta is how long the copy still takes, 0 when that is not known.
func (f frame) eta() time.Duration {
	if !moving(f.Phase) || f.RowRate <= 0 || f.Rows >= f.Total || f.AtLeast {
		return 0
	}
	return time.Duration(float64(f.Total-f.Rows) / f.RowRate * float64(time.Second))
}

func (f frame) percent() string {
	tenths := f.Rows * 1000 / f.Total // rounded down: 100 % is said of all rows only
	return fmt.Sprintf("%d.%d%%", tenths/10, tenths%10)
}

// progress is how far through the rows it is. There is no percentage of a total that grows: it would fall.
func (f frame) progress(unit string) string {
	if f.AtLeast {
		return fmt.Sprintf("%s of at least %s%s", human.Count(f.Rows), human.Count(f.Total), unit)
	}
	return fmt.Sprintf("%s of %s%s (%s)", human.Count(f.Rows), human.Count(f.Total), unit, f.percent())
}

// speed is how fast it goes. Of several collections only rows are added up, and only they are known of a verification.
func (f frame) speed() []string {
	rows := human.Count(int64(f.RowRate)) + " rows/s"
	if len(f.Parts) > 0 || f.Phase == workflows.PhaseVerifying || f.ByteRate == 0 {
		return []string{rows}
	}
	return []string{rows, rate(f.ByteRate)}
}

// waiting is the note, with its time.
func (f frame) waiting() string { return waits(f.Waiting, f.Begun, human.Clock) }

// waits is what is waited for and since when, if that is known, written by form.
func waits(what string, since time.Time, form func(time.Time) string) string {
	if what == "" || since.IsZero() {
		return what
	}
	return what + " (since " + form(since.Local()) + ")"
}

// flows reports whether nothing is waited for but the time that a limit asks for.
func (f frame) flows() bool { return f.Waiting == "" || strings.HasPrefix(f.Waiting, transfer.Slowed) }

// plain is the frame as a line of a log.
func (f frame) plain() string {
	parts := []string{}
	if f.counts() {
		parts = append(parts, f.progress(" rows"))
		if moving(f.Phase) && f.RowRate > 0 && f.flows() {
			parts = append(parts, f.speed()...)
		}
		if eta := f.eta(); eta > 0 && f.flows() {
			parts = append(parts, "ETA "+human.Duration(eta))
		}
	}
	line := string(f.Phase)
	if len(parts) > 0 {
		line += ": " + strings.Join(parts, ", ")
	}
	if f.Waiting != "" {
		line = strings.TrimPrefix(line+"; "+f.waiting(), "; ")
	}
	return line
}

// barCells is how wide the bar is at most, leastCells at least.
const barCells, leastCells = 30, 8

// line is the frame as one line of a terminal, shorter than width columns: what there is no room for is left out, the
// least important first.
func (f frame) line(width int) string {
	room := max(width-1, 1) // in the last column some terminals wrap
	head := string(f.Phase)
	if !f.counts() {
		parts := []string{head}
		if f.For > 0 {
			parts = append(parts, human.Duration(f.For))
		}
		if f.Waiting != "" {
			parts = append(parts, f.waiting())
		}
		return fit(strings.Trim(strings.Join(parts, "  "), " "), room)
	}
	line, total := head+" "+f.percent(), human.Count(f.Total)
	if f.AtLeast {
		line, total = head, total+"+"
	}
	free := room - columns(line) - leastCells - 3
	parts := []string{human.Count(f.Rows) + "/" + total} // by importance
	switch {
	case !f.flows():
		parts = append(parts, fit(f.waiting(), max(free-columns(parts[0])-4, 0)))
	case moving(f.Phase) && f.Name == "":
		parts = append(parts, "ETA "+orDash(human.Duration(f.eta().Round(time.Second)), f.eta() > 0))
		parts = append(parts, f.speed()...)
		parts = append(parts, f.Waiting)
	}
	for _, part := range parts {
		if free -= columns(part) + 2; part == "" || free < 0 {
			break
		}
		line += "  " + part
	}
	if cells := min(room-columns(line)-3, barCells); cells >= leastCells && !f.AtLeast {
		line = head + " " + bar(f.Rows, f.Total, cells) + strings.TrimPrefix(line, head)
	}
	return fit(line, room)
}

// bar draws done of total in cells columns and two brackets.
func bar(done, total int64, cells int) string {
	full := int(float64(cells) * float64(done) / float64(total))
	full = min(max(full, 0), cells)
	tip := ""
	if full < cells {
		tip = ">"
	}
	return "[" + strings.Repeat("=", full) + tip + strings.Repeat(" ", cells-full-len(tip)) + "]"
}

// shortNames cuts names to room columns, at their beginnings, since those are what names of collections have in common; where
// that would make two of them equal, at their ends.
func shortNames(parts []frame, room int) []string {
	for _, cut := range []func(string, int) string{fitEnd, fit} {
		names := map[string]bool{}
		var out []string
		for _, p := range parts {
			out = append(out, cut(p.Name, room))
			names[out[len(out)-1]] = true
		}
		if len(names) == len(parts) {
			return out
		}
	}
	out := make([]string, len(parts))
	for i, p := range parts {
		out[i] = fitEnd(p.Name, room)
	}
	return out
}

// fitEnd cuts the beginning of a text that takes more than room columns.
func fitEnd(text string, room int) string {
	if columns(text) <= room {
		return text
	}
	dots := "..."[:min(3, room)]
	end := []rune(text)
	for len(dots)+columns(string(end)) > room {
		end = end[1:]
	}
	return dots + string(end)
}

// fit cuts the end of a text that takes more than room columns.
func fit(text string, room int) string {
	if columns(text) <= room {
		return text
	}
	dots := "..."[:min(3, room)]
	used := len(dots)
	var b strings.Builder
	for _, r := range text {
		if used += columns(string(r)); used > room {
			break
		}
		b.WriteRune(r)
	}
	return b.String() + dots
}

// columns is how many columns of a terminal a text takes, rather one too many: East Asian letters and symbols take two.
func columns(text string) int {
	n := 0
	for _, r := range text {
		if n++; r >= 0x1100 {
			n++
		}
	}
	return n
}

func orDash(text string, known bool) string {
	if known {
		return text
	}
	return "-"
}
