package hdf5

import (
	"path"
	"slices"
	"strings"
)

const (
	// mostNamed bounds what a message names of a file, mostWalked what is looked at for it.
	mostNamed  = 20
	mostWalked = 2000
	maxDepth   = 8
)

// walk calls visit with the members of a group and of the groups in it, each object once, until visit returns false. It
// looks at mostWalked members at most.
func (f *file) walk(visit func(object string, e entry) bool) {
	seen := map[objectKey]bool{}
	looked := 0
	var inside func(group string, depth int) bool
	inside = func(group string, depth int) bool {
		if depth > maxDepth || f.wasSeen(group, seen) {
			return true
		}
		members, err := f.list(group)
		if err != nil {
			return true // the message that this is for says what matters
		}
		for _, m := range members {
			if looked++; looked > mostWalked {
				return false
			}
			object := path.Join(group, m.name)
			if !visit(object, m) || m.group && !inside(object, depth+1) {
				return false
			}
		}
		return true
	}
	inside("/", 0)
}

// wasSeen reports whether a group is among those seen, and adds it. A link may lead back to a group that holds it.
func (f *file) wasSeen(group string, seen map[objectKey]bool) bool {
	g, err := f.openGroup(group)
	if err != nil {
		return true
	}
	defer g.Close()
	key, err := keyOfObject(g.Identifier)
	if err != nil || seen[key] {
		return true
	}
	seen[key] = true
	return false
}

// contents names what the file holds, for messages.
func (f *file) contents() string {
	var found []string
	groups := 0
	f.walk(func(object string, m entry) bool {
		switch {
		case m.external:
			found = append(found, object+" (a link into another file)")
		case m.dataset:
			if d, err := f.describe(object); err == nil {
				found = append(found, d.String())
			} else {
				found = append(found, object+" (unreadable)")
			}
		case m.group:
			groups++
		}
		return len(found) <= mostNamed
	})
	switch {
	case len(found) == 0 && groups > 0:
		return "groups and no datasets"
	case len(found) == 0:
		return "no datasets"
	case len(found) > mostNamed:
		return strings.Join(found[:mostNamed], ", ") + ", ..."
	}
	return strings.Join(found, ", ")
}

// firstOf names the first of many.
func firstOf(names []string) string {
	if len(names) > mostNamed {
		names = append(slices.Clone(names[:mostNamed]), "...")
	}
	return strings.Join(names, ", ")
}
