package cli

import (
	"fmt"
	"strings"
	"time"

	"milvusdm/internal/human"
	"milvusdm/internal/transfer"
)

// size writes a number of bytes in decimal units: 512.0 MB.
func size(n int64) string { return units(float64(n)) + "B" }

// rate writes bytes per second: 31.3 MB/s.
func rate(perSecond float64) string { return units(perSecond) + "B/s" }

// sized adds to a text how large that is, where it is known.
func sized(text string, bytes int64) string {
	if bytes == 0 {
		return text
	}
	return text + ", " + size(bytes)
}

func units(n float64) string {
	if n < 1000 {
		return fmt.Sprintf("%.0f ", n)
	}
	for _, unit := range []string{"k", "M", "G"} {
		n /= 1000
		if n < 999.95 {
			return fmt.Sprintf("%.1f %s", n, unit)
		}
	}
	return fmt.Sprintf("%.1f T", n/1000)
}

// plural writes a number of things.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return human.Count(int64(n)) + " " + thing + "s"
}

// clock writes a time in the reader's zone.
func clock(t time.Time) string { return human.Time(t.Local()) }

// sheet is a text of lines "  key  value", the values under each other.
type sheet struct{ strings.Builder }

const keyWidth = 10

// row adds a line; no value, no line. Further lines of a value stand under its first.
func (s *sheet) row(key, value string) {
	if value == "" {
		return
	}
	for i, line := range strings.Split(strings.TrimRight(value, "\n"), "\n") {
		if i > 0 {
			key = ""
		}
		s.WriteString(strings.TrimRight(fmt.Sprintf("  %-*s %s", keyWidth, key, line), " ") + "\n")
	}
}

// rows adds a line for each value.
func (s *sheet) rows(key string, values []string) {
	for _, v := range values {
		if text, ok := strings.CutPrefix(v, transfer.Warning); ok {
			s.row("WARNING", text)
			continue
		}
		s.row(key, v)
	}
}

// title adds a line of its own.
func (s *sheet) title(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	s.WriteString(line + "\n")
}
