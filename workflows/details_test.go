package workflows

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

var begun = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

func boardOf(s Status) *board {
	s.Since = begun
	return &board{Status: s, started: begun}
}

func checkDetails(t *testing.T, text string, says ...string) {
	t.Helper()
	for _, want := range says {
		if !strings.Contains(text, want) {
			t.Errorf("the details lack %q:\n%s", want, text)
		}
	}
}

func TestDetailsOfSeveralCollections(t *testing.T) {
	s := Status{Phase: PhaseCopying, Rows: 1_500_000, TotalRows: 3_000_000, Ranges: 24, RangesDone: 1}
	s.Collections = []PartStatus{{Name: "done", Phase: PhaseDone, Target: "t", Rows: 1_000_000, TotalRows: 1_000_000},
		{Name: "half", Phase: PhaseCopying, Target: "t", Rows: 500_000, TotalRows: 1_000_000},
		{Name: "bad", Phase: PhaseFailed, Target: "t", TotalRows: 1_000_000, Error: "disk is full"}}
	text := boardOf(s).details(begun.Add(5 * time.Minute))
	checkDetails(t, text, "**copying** · 50 % · 1,500,000 of 3,000,000 rows · 5,000 rows/s · about 5 min left",
		"| collections | 3: 1 done, 1 failed, 1 under way |", "| failed | `bad`: disk is full |", "| under way | `half` copying 50 % |")
	for range 21 {
		s.Collections = append(s.Collections, PartStatus{Name: "later", Phase: PhaseWaiting})
	}
	text = boardOf(s).details(begun.Add(5 * time.Minute))
	checkDetails(t, text, "**copying** · 1,500,000 of at least 3,000,000 rows · 5,000 rows/s", "21 waiting")
	if head, _, _ := strings.Cut(text, "\n"); strings.Contains(head, "%") || strings.Contains(head, "left") {
		t.Errorf("a percentage of a total that grows: %s", head)
	}
}

func TestDetailsAtTheEnd(t *testing.T) {
	b := boardOf(Status{Phase: PhaseFailed, Rows: 1200, TotalRows: 5000})
	b.end = ending{outcome: "failed", reason: "no room", next: "`milvusdm run`", report: "/reports/a.json"}
	text := b.details(begun.Add(90 * time.Minute))
	checkDetails(t, text, "**failed** · 1,200 rows · took 1 h 30 min", "| reason | no room |", "| next | `milvusdm run` |", "| report | /reports/a\\.json |")
	if strings.Index(text, "reason") > strings.Index(text, "report") {
		t.Errorf("the report comes before the reason:\n%s", text)
	}
}

// TestDetailsAreBounded: Temporal takes 20,000 bytes.
func TestDetailsAreBounded(t *testing.T) {
	long := strings.Repeat("\\|*", 10_000)
	s := Status{Phase: PhaseCopying, Source: long, Target: long}
	for range 500 {
		s.Collections = append(s.Collections, PartStatus{Name: long, Phase: PhaseFailed, Error: long}, PartStatus{Name: long, Phase: PhaseCopying})
		s.Notes = append(s.Notes, long)
	}
	b := boardOf(s)
	b.end.reason, b.end.report = long, long
	if n := len(b.details(begun)); n > 20_000 {
		t.Errorf("the details have %d bytes", n)
	}
}

func FuzzDetails(f *testing.F) {
	for _, hostile := range []string{"", "a|b", "`a`", "**b**", "[x](http://evil)", "<script>", "a\nb\r\n| c |", "\\|", "\x00\u202e", "https://x.y", "~~a~~", "\xe2"} {
		f.Add(hostile, hostile)
	}
	f.Fuzz(func(t *testing.T, name, note string) {
		s := Status{Phase: PhaseCopying, Notes: []string{note}, Target: name,
			Collections: []PartStatus{{Name: name, Phase: PhaseFailed, Error: note}, {Name: name, Phase: PhaseCopying}}}
		b := boardOf(s)
		b.end.reason = note
		text := b.details(begun)
		if !utf8.ValidString(text) {
			t.Errorf("not UTF-8: %q", text)
		}
		for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n")[2:] {
			if cells := strings.Count(strings.ReplaceAll(strings.ReplaceAll(line, `\\`, ""), `\|`, ""), "|"); cells != 3 {
				t.Errorf("a row of %d cells: %q", cells-1, line)
			}
			if strings.Count(strings.ReplaceAll(strings.ReplaceAll(line, `\\`, ""), "\\`", ""), "`")%2 != 0 {
				t.Errorf("an open code span: %q", line)
			}
		}
	})
}

func TestPeople(t *testing.T) {
	got := fmt.Sprint(people(0), ", ", people(59*time.Second), ", ", people(61*time.Second), ", ", people(25*time.Hour), ", ", people(50*time.Hour),
		", ", thousands(-1234567), ", ", thousands(999))
	if want := "1 s, 59 s, 1 min, 25 h 0 min, 2 days, -1,234,567, 999"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
