package compare

import (
	"fmt"
	"slices"
	"strings"
)

// OddKind is a way in which a primary key tells two sides apart.
type OddKind string

const (
	OnlyLeft     OddKind = "only left"     // the right side lacks it, in this partition
	OnlyRight    OddKind = "only right"    // the left side lacks it, in this partition
	Differing    OddKind = "differing"     // its rows differ
	DoubledLeft  OddKind = "doubled left"  // it stands more than once on the left
	DoubledRight OddKind = "doubled right" // it stands more than once on the right
)

// mostNamed is how many keys of each kind are named.
const mostNamed = 10

// Odd is a primary key that tells two sides apart.
type Odd struct {
	Kind OddKind `json:"kind"`
	// Key is the key for a person: a number, or a quoted string that may be cut.
	Key       string `json:"key"`
	Partition string `json:"partition,omitempty"`
	// Elsewhere is the partition in which the other side has the key that it lacks in this one.
	Elsewhere string `json:"elsewhere,omitempty"`
	// Fields are those that differ.
	Fields []string `json:"fields,omitempty"`
}

func (o Odd) String() string {
	s := o.Key
	if o.Partition != "" {
		s += " in partition " + o.Partition
	}
	if o.Elsewhere != "" {
		s += " (there in partition " + o.Elsewhere + ")"
	}
	if len(o.Fields) > 0 {
		s += " (" + strings.Join(o.Fields, ", ") + ")"
	}
	return s
}

// Difference is how two sets of rows differ: how many rows, and the first of them by name. Its size is bounded.
type Difference struct {
	OnlyLeft  int64 `json:"onlyLeft,omitempty,string"`
	OnlyRight int64 `json:"onlyRight,omitempty,string"`
	Differing int64 `json:"differing,omitempty,string"`
	// DoubledLeft and DoubledRight are how many rows there are beyond one for each key.
	DoubledLeft  int64 `json:"doubledLeft,omitempty,string"`
	DoubledRight int64 `json:"doubledRight,omitempty,string"`
	// AtLeast: there are too many to have all been counted.
	AtLeast bool `json:"atLeast,omitempty"`
	// Odd names the first of each kind.
	Odd []Odd `json:"odd,omitempty"`
}

// Count returns the number of a kind, for reading and changing it.
func (d *Difference) Count(k OddKind) *int64 {
	switch k {
	case OnlyLeft:
		return &d.OnlyLeft
	case OnlyRight:
		return &d.OnlyRight
	case Differing:
		return &d.Differing
	case DoubledLeft:
		return &d.DoubledLeft
	case DoubledRight:
		return &d.DoubledRight
	}
	panic("no kind of difference: " + k)
}

// kinds are all kinds, in the order in which they are told.
var kinds = []OddKind{OnlyLeft, OnlyRight, Differing, DoubledLeft, DoubledRight}

// Empty reports whether there is no difference.
func (d *Difference) Empty() bool {
	return !slices.ContainsFunc(kinds, func(k OddKind) bool { return *d.Count(k) != 0 })
}

// Add adds what e covers.
func (d *Difference) Add(e Difference) {
	for _, k := range kinds {
		*d.Count(k) += *e.Count(k)
	}
	d.AtLeast = d.AtLeast || e.AtLeast
	for _, o := range e.Odd {
		if d.wants(o.Kind) {
			d.Odd = append(d.Odd, o)
		}
	}
}

// wants reports whether another key of a kind is to be named.
func (d *Difference) wants(k OddKind) bool { return len(d.Named(k)) < mostNamed }

// Named returns the keys of a kind that are named.
func (d *Difference) Named(k OddKind) []Odd {
	var out []Odd
	for _, o := range d.Odd {
		if o.Kind == k {
			out = append(out, o)
		}
	}
	return out
}

// Tell says what differs, one line for each kind, with left and right called by the given names.
func (d *Difference) Tell(left, right string) []string {
	says := map[OddKind]string{
		OnlyLeft: "only in " + left, OnlyRight: "only in " + right, Differing: "with other contents",
		DoubledLeft: "too many in " + left + ", beyond one of each key", DoubledRight: "too many in " + right + ", beyond one of each key",
	}
	var out []string
	for _, k := range kinds {
		n := *d.Count(k)
		if n == 0 {
			continue
		}
		line := fmt.Sprintf("%d rows %s", n, says[k])
		if d.AtLeast {
			line = "at least " + line
		}
		if named := d.Named(k); len(named) > 0 {
			var keys []string
			for _, o := range named {
				keys = append(keys, o.String())
			}
			line += ": key " + strings.Join(keys, ", ")
			if int64(len(named)) < n {
				line += ", ..."
			}
		}
		out = append(out, line)
	}
	return out
}
