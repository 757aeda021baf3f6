package cli

import (
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"milvusdm/internal/transfer"
	"milvusdm/workflows"
)

// What is not known, or has no bound, is not written as if it were a number.
func TestNoOddNumbers(t *testing.T) {
	p := goldenPlan()
	p.Source.Bytes, p.RangeRows, p.Ranges, p.Target.Index.Metric = 0, math.MaxInt64, 3, ""
	p.Source.Inputs = []transfer.Input{{Path: "a.h5", Rows: 7}}
	text := planText(&planned{Plan: &p})
	st := standing{report: report{Name: "a", State: "running"}, Status: &liveStatus{Status: workflows.Status{Phase: workflows.PhaseCopying, TotalRows: 5}}}
	text += st.text(noon) + report{Name: "a", Result: &workflows.Result{Outcome: workflows.OutcomeVerified, Rows: 5, Copying: time.Second}}.text()
	text += frame{Phase: workflows.PhaseCopying, Rows: 5, Total: 10, RowRate: 2}.plain() + "\n"
	if odd := regexp.MustCompile(`9,223,372|\b0 B\b|\b0\.0 |metric ,|metric $|\S  +\S.*\S  +\S`).FindAllString(text, -1); odd != nil {
		t.Errorf("%q in:\n%s", odd, text)
	}
	if got := rate(58_800); got != "58.8 kB/s" {
		t.Error(got)
	}
}

// TestSlowedDownStillMoves: a job that waits only because of its limit shows how fast it goes and when it ends.
func TestSlowedDownStillMoves(t *testing.T) {
	f := frame{Phase: workflows.PhaseCopying, Rows: 250, Total: 1000, RowRate: 10, Waiting: transfer.Slowed + ", as the job's limit says"}
	for _, text := range []string{f.line(120), f.plain()} {
		for _, want := range []string{"10 rows/s", "ETA 1 min 15 s", transfer.Slowed} {
			if !strings.Contains(text, want) {
				t.Errorf("%q lacks %q", text, want)
			}
		}
	}
	f.Waiting = "waiting for Milvus at h:1"
	if text := f.line(120) + f.plain(); strings.Contains(text, "ETA") {
		t.Errorf("a job that stands still says when it ends: %q", text)
	}
}
