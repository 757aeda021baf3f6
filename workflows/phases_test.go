package workflows

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPhaseTimesAddUp(t *testing.T) {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	var child []PhaseTime
	for i := range 1000 { // a copy flushes as often as it likes
		child = spend(child, []Phase{PhaseCopying, PhaseFlush}[i%2], at.Add(time.Duration(i)*time.Second), time.Second)
	}
	child = spend(child, PhasePublish, at.Add(time.Hour), 0)
	own := []PhaseTime{{PhaseReading, at.Add(-time.Second), time.Second}, {PhaseSealing, at.Add(time.Hour), 2 * time.Second}}
	want := []PhaseTime{own[0], {PhaseCopying, at, 500 * time.Second}, {PhaseFlush, at.Add(time.Second), 500 * time.Second}, own[1]}
	if diff := cmp.Diff(want, together(own, child)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
