package workflows

import (
	"slices"
	"time"
)

// PhaseTime is how long a job was in a phase, all in all, and since when at first.
type PhaseTime struct {
	Phase Phase         `json:"phase"`
	Since time.Time     `json:"since"`
	Took  time.Duration `json:"took"`
}

// spend adds time to a phase. There are as many entries as phases at most, whatever a job goes through how often.
func spend(times []PhaseTime, p Phase, since time.Time, took time.Duration) []PhaseTime {
	if took <= 0 {
		return times
	}
	i := slices.IndexFunc(times, func(t PhaseTime) bool { return t.Phase == p })
	if i < 0 {
		return append(times, PhaseTime{p, since, took})
	}
	times[i].Took += took
	return times
}

// together adds up the times of both, in the order in which phases began.
func together(a, b []PhaseTime) []PhaseTime {
	all := slices.Clone(a)
	for _, t := range b {
		all = spend(all, t.Phase, t.Since, t.Took)
	}
	slices.SortStableFunc(all, func(a, b PhaseTime) int { return a.Since.Compare(b.Since) })
	return all
}
