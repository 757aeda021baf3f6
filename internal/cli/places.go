package cli

import (
	"slices"

	"milvusdm/internal/job"
)

// hosts are the machines that a job's files are on, where it names them.
func hosts(j *job.Job) []string {
	var out []string
	add := func(host string) {
		if host != "" && !slices.Contains(out, host) {
			out = append(out, host)
		}
	}
	sides := []*job.Source{&j.Source}
	if j.Compare != nil {
		sides = append(sides, j.Compare)
	}
	for _, s := range sides {
		add(s.Host())
	}
	if t := j.Target.Kind(); t != nil {
		add(t.OnHost())
	}
	return out
}
