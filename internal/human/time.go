// Package human writes values the way people read them. Each kind of value has one function, in the terminal and in notes.
package human

import (
	"fmt"
	"time"
)

// Duration writes a duration: 4.2 s, 42 s, 3 min 12 s, 2 h 5 min, 3 d 4 h.
func Duration(d time.Duration) string {
	d = max(d, 0)
	if tenths := d.Round(100 * time.Millisecond); tenths < 10*time.Second && tenths%time.Second != 0 {
		return fmt.Sprintf("%.1f s", tenths.Seconds())
	}
	switch seconds := int64(d.Round(time.Second) / time.Second); {
	case seconds < 60:
		return fmt.Sprintf("%d s", seconds)
	case seconds < 3600:
		return two(seconds/60, "min", seconds%60, "s")
	case seconds < 24*3600:
		return two(seconds/3600, "h", seconds/60%60, "min")
	default:
		return two(seconds/(24*3600), "d", seconds/3600%24, "h")
	}
}

func two(large int64, unit string, small int64, smaller string) string {
	if small == 0 {
		return fmt.Sprintf("%d %s", large, unit)
	}
	return fmt.Sprintf("%d %s %d %s", large, unit, small, smaller)
}

// Time writes a time in its own zone: 2006-01-02 15:04:05 +01:00, or UTC.
func Time(t time.Time) string { return t.Format(time.DateOnly + " " + clock(t)) }

// Clock writes the time of day, for what changes within minutes: 15:04:05 +01:00, or UTC.
func Clock(t time.Time) string { return t.Format(clock(t)) }

func clock(t time.Time) string {
	if _, offset := t.Zone(); offset == 0 {
		return "15:04:05 UTC"
	}
	return "15:04:05 -07:00"
}
