package job

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"milvusdm/internal/job/strict"
)

// Hash identifies what the job does: two jobs with the same hash put the same rows into the same place, and one may go on
// from the state of the other. It is over the resolved keys that differ from their defaults, so comments, order and notation do not
// count, and a key that a later version adds changes no hash. What a default means must therefore never change.
//
// Keys tagged retunable are left out: how to log in, sizes of batches, how many at once, time limits, and what is let
// through (allow_nan, allow_lossy, prescan). [Diff] shows them too.
func (j *Job) Hash() string {
	h := sha256.New()
	for _, e := range strict.Flatten(j) {
		if !e.Retunable && !e.Default {
			fmt.Fprintf(h, "%s=%s\n", e.Path, e.Value) // a hash's Write returns no error
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Diff lists the keys in which b differs from a, as `copy.batch_rows: 8000 -> 4000`, sorted by key. Secrets appear by
// reference only.
func Diff(a, b *Job) []string {
	old, now := values(a), values(b)
	var out []string
	for path, value := range old {
		if now[path] != value {
			out = append(out, fmt.Sprintf("%s: %s -> %s", path, value, orNotSet(now[path])))
		}
	}
	for path, value := range now {
		if old[path] == "" {
			out = append(out, fmt.Sprintf("%s: %s -> %s", path, orNotSet(""), value))
		}
	}
	slices.SortFunc(out, strings.Compare)
	return out
}

func values(j *Job) map[string]string {
	m := map[string]string{}
	for _, e := range strict.Flatten(j) {
		m[e.Path] = e.Value
	}
	return m
}

func orNotSet(value string) string {
	if value == "" {
		return "(not set)"
	}
	return value
}
