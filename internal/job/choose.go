package job

import (
	"path"
	"slices"
	"strings"
)

// IsPattern reports whether the name stands for several collections.
func (c *Collection) IsPattern() bool { return strings.ContainsAny(c.Name, "*?") }

// Matches reports whether the pattern stands for a collection of this name.
func (c *Collection) Matches(name string) bool {
	return matches(c.Name, name) && !slices.ContainsFunc(c.Except, func(pattern string) bool {
		return matches(pattern,
			name)
	})
}

// matches reports whether a name is what a pattern says. Patterns hold nothing that path.Match takes for more than *
// and ?.
func matches(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}

// Choose puts in the place of each pattern of a job the collections that it stands for, of those that are there, in
// their order: those that the job does not name, and that no pattern before it stands for. idle are the patterns, but
// '*', that match no name at all, whether excepted and named or not.
func Choose(choices []Collection, there []string) (chosen []Collection, idle []string) {
	taken := map[string]bool{}
	for _, c := range choices {
		taken[c.Name] = true
	}
	for _, c := range choices {
		if !c.IsPattern() {
			chosen = append(chosen, c)
			continue
		}
		found := c.Name == "*"
		for _, name := range there {
			found = found || matches(c.Name, name)
			if taken[name] || !c.Matches(name) {
				continue
			}
			taken[name] = true
			one := c
			one.Name, one.Except, one.Pattern = name, nil, true
			chosen = append(chosen, one)
		}
		if !found {
			idle = append(idle, c.Name)
		}
	}
	return chosen, idle
}
