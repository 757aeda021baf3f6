package human

import (
	"testing"
	"time"
)

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{-1: "0 s", 30 * time.Millisecond: "0 s", 9 * time.Second: "9 s", 4200 * time.Millisecond: "4.2 s",
		9980 * time.Millisecond: "10 s", 42 * time.Second: "42 s", 3 * time.Minute: "3 min", 192 * time.Second: "3 min 12 s",
		59*time.Second + 600*time.Millisecond: "1 min", 7500123 * time.Millisecond: "2 h 5 min", 2 * time.Hour: "2 h", 76 * time.Hour: "3 d 4 h",
		48 * time.Hour: "2 d"} {
		if got := Duration(d); got != want {
			t.Errorf("Duration(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestTimesCarryTheirZone(t *testing.T) {
	at := time.Date(2026, 11, 22, 12, 3, 4, 0, time.UTC)
	india := at.In(time.FixedZone("IST", 5*3600+1800))
	if got := Time(at) + ", " + Clock(at); got != "2026-11-22 12:03:04 UTC, 12:03:04 UTC" {
		t.Error(got)
	}
	if got := Time(india) + ", " + Clock(india); got != "2026-11-22 17:33:04 +05:30, 17:33:04 +05:30" {
		t.Error(got)
	}
}
