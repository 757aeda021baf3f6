package export

import (
	"fmt"
	"slices"
	"time"
)

// Keep says which runs are kept. A run is kept when one of the rules keeps it; without any rule all are. Only finished runs
// count, by the time at which they in fact began.
type Keep struct {
	// Last keeps the newest runs, so many.
	Last int `json:"last,omitempty"`
	// Daily keeps the newest run of each of the last so many days that have one, and Weekly and Monthly those of the last ISO
	// weeks and months.
	Daily   int `json:"daily,omitempty"`
	Weekly  int `json:"weekly,omitempty"`
	Monthly int `json:"monthly,omitempty"`
	// TimeZone is where days begin, as Europe/Berlin; "" is UTC.
	TimeZone string `json:"timeZone,omitempty"`
}

// All reports whether there is no rule, so that all runs are kept.
func (k Keep) All() bool { return k.Last <= 0 && k.Daily <= 0 && k.Weekly <= 0 && k.Monthly <= 0 }

// periods are the rules that count periods: how many, and which period a time is in.
func (k Keep) periods() []struct {
	count int
	of    func(time.Time) string
} {
	return []struct {
		count int
		of    func(time.Time) string
	}{
		{k.Daily, func(t time.Time) string { return t.Format(time.DateOnly) }},
		{k.Weekly, func(t time.Time) string { year, week := t.ISOWeek(); return fmt.Sprint(year, " ", week) }},
		{k.Monthly, func(t time.Time) string { return t.Format("2006-01") }},
	}
}

// Decide says for each run, by the time it began, whether it is kept. The newest always is.
func (k Keep) Decide(began []time.Time, zone *time.Location) []bool {
	keep := make([]bool, len(began))
	order := make([]int, len(began))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return began[b].Compare(began[a]) })
	for n, i := range order {
		keep[i] = n == 0 || n < k.Last || k.All()
	}
	for _, rule := range k.periods() {
		last, count := "", 0
		for _, i := range order {
			if period := rule.of(began[i].In(zone)); period != last && count < rule.count {
				last = period
				count++
				keep[i] = true
			}
		}
	}
	return keep
}
