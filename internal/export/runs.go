package export

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"time"
)

// State is how far a run has come.
type State string

const (
	Finished   State = "finished"
	Unfinished State = "unfinished" // it is being written, or was given up
	Deleting   State = "deleting"   // retention has begun to delete it
	Damaged    State = "damaged"    // its manifest can't be taken: see Entry.Err
)

// Entry is a run's directory as its manifest tells.
type Entry struct {
	Name     string // of the directory
	State    State
	Manifest *Manifest // nil for a damaged one
	Err      error
}

func (e *Entry) began() time.Time {
	if e.Manifest == nil {
		return time.Time{}
	}
	return e.Manifest.Started
}

// Runs lists the runs in a directory of exports, the newest first. What has no manifest of ours is left out, symbolic links
// too. Parts are not looked at: see Check. A directory that is not there holds none.
func Runs(dir string) ([]Entry, error) {
	base, err := openRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, explain(err, "open the directory of exports")
	}
	defer base.Close()
	return runs(base)
}

func runs(base *os.Root) ([]Entry, error) {
	list, err := entries(base, ".")
	if err != nil {
		return nil, explain(err, "list the exports in %s", base.Name())
	}
	var out []Entry
	for _, e := range list {
		if !e.IsDir() || !runRule.MatchString(e.Name()) {
			continue
		}
		if r, is := entry(base, e.Name()); is {
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(a, b Entry) int { return b.began().Compare(a.began()) })
	return out, nil
}

// entry reads a run's manifest, by whichever name it has, and reports whether there is one.
func entry(base *os.Root, name string) (Entry, bool) {
	root, err := openDir(base, name)
	if err != nil {
		return Entry{}, false
	}
	defer root.Close()
	for _, is := range []struct {
		name  string
		state State
	}{{manifestName, Finished}, {deletedName, Deleting}, {partialName, Unfinished}} {
		m, err := readManifest(root, is.name)
		switch {
		case err == nil:
			return Entry{Name: name, State: is.state, Manifest: m}, true
		case !errors.Is(err, fs.ErrNotExist):
			return Entry{Name: name, State: Damaged, Err: err}, true
		}
	}
	return Entry{}, false
}
