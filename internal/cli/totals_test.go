package cli

import (
	"bytes"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"milvusdm/workflows"
)

// TestPercentNeverFalls: as long as not all collections of a job have been looked at, their total is a least, and there
// is no percentage.
func TestPercentNeverFalls(t *testing.T) {
	var out bytes.Buffer
	f := follower{display: display{w: &out, width: func() int { return 100 }}}
	var parts []workflows.PartStatus
	for _, name := range []string{"a", "b", "c"} {
		parts = append(parts, workflows.PartStatus{Name: name, Phase: workflows.PhaseWaiting})
	}
	at := noon
	see := func() {
		status := workflows.Status{Phase: workflows.PhaseCopying, Since: noon, Collections: slices.Clone(parts)}
		for _, p := range parts {
			status.Rows += p.Rows
			status.TotalRows += p.TotalRows
		}
		at = at.Add(time.Second)
		f.see(view{Status: status}, at)
	}
	see()
	for i := range parts {
		p := &parts[i]
		p.Phase = workflows.PhaseReading
		see()
		p.Target, p.TotalRows = "t/"+p.Name, 1000
		see()
		for p.Phase = workflows.PhaseCopying; p.Rows < p.TotalRows; p.Rows += 250 {
			see()
		}
		p.Phase = workflows.PhaseDone
		see()
	}
	text := out.String()
	for _, want := range []string{"750/1,000+", "1,250/2,000+", "66.6%", "100.0%"} {
		if !strings.Contains(text, want) {
			t.Errorf("the progress lacks %q: %q", want, text)
		}
	}
	last := 0.0
	for _, m := range regexp.MustCompile(`([0-9.]+)%`).FindAllStringSubmatch(text, -1) {
		now, err := strconv.ParseFloat(m[1], 64)
		if err != nil || now < last {
			t.Errorf("from %v%% to %s%%, %v", last, m[1], err)
		}
		last = now
	}
	status := workflows.Status{Phase: workflows.PhaseCopying, Rows: 5, TotalRows: 1000, Collections: []workflows.PartStatus{
		{Name: "a", Target: "t", Phase: workflows.PhaseCopying}, {Name: "b", Phase: workflows.PhaseWaiting}}}
	st := standing{report: report{Name: "j"}, Started: noon, Status: &liveStatus{Status: status}}
	said := st.text(noon)
	if !strings.Contains(said, "5 of at least 1,000") || strings.Contains(said, "0 B") || strings.Contains(said, "%") {
		t.Errorf("the status says: %s", said)
	}
}
