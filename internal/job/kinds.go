package job

import (
	"reflect"
	"slices"
)

// SourceKind is what a kind of source says of itself, so that nothing else needs to know which kinds there are. A new kind is a field
// of Source, a type with these methods, and a line in the worker that opens it.
type SourceKind interface {
	// Direction is the first half of the name of the workflow that runs its jobs, as "HDF5".
	Direction() string
	// Name is what is read, for a person, as "vectors.h5", "a.h5 and 3 more" or "127.0.0.1:19530/default/articles".
	Name() string
	// OnHost is the machine that has the source's files, "" where any worker can read it.
	OnHost() string
	// Chosen are the collections that the job names; nil for a source that is one collection.
	Chosen() []Collection
	// Only is the source with c as its one collection. A source that is one collection returns itself.
	Only(c Collection) SourceKind
	// IsFiles reports whether its rows are those of files, which are one collection of vectors and values without settings.
	IsFiles() bool
	// Ordered reports whether the rows have an order of their own, by which one is the last of its key.
	Ordered() bool
	// Needs is what of its machine and network a worker must allow.
	Needs() Needs
}

// Numbered is a SourceKind that may number its rows.
type Numbered interface {
	// FromKey is the source with the key of its first row, where rows are numbered and the job does not say from where on.
	FromKey(first int64) SourceKind
}

// TargetKind is what a kind of target says of itself, as SourceKind is for sources.
type TargetKind interface {
	// Direction is the second half of the name of the workflow that runs its jobs, as "Milvus".
	Direction() string
	// Name is what is written, for a person. c are the collections that a job names; nil where its source is one collection.
	Name(c []Collection) string
	OnHost() string
	// Takes reports whether it can be written from that kind of source.
	Takes(from SourceKind) bool
	// Unit is the target of a unit: of c, which has at most one partition.
	Unit(c Collection) TargetKind
	Needs() Needs
}

// Needs is what a job names of a worker's machine and network.
type Needs struct {
	Paths     []string
	Addresses []string // of servers, as the job writes them
	Secrets   []Secret
}

// Kind is the one kind of source that is set, nil where none is.
func (s *Source) Kind() SourceKind { return oneOf[SourceKind](s) }

// Kind is the one kind of target that is set, nil where none is.
func (t *Target) Kind() TargetKind { return oneOf[TargetKind](t) }

// oneOf is the first pointer that is set of a struct of pointers. The fields of a struct have an order, which reflection
// keeps, so workflows may call it.
//
//workflowcheck:ignore
func oneOf[K any](choices any) (kind K) {
	v := reflect.ValueOf(choices).Elem()
	for i := range v.NumField() {
		if p := v.Field(i); !p.IsNil() {
			return p.Interface().(K)
		}
	}
	return kind
}

// sourceOf is the source whose kind is k.
func sourceOf(k SourceKind) (s Source) { choose(&s, k); return s }

// targetOf is the target whose kind is k.
func targetOf(k TargetKind) (t Target) { choose(&t, k); return t }

// choose sets the pointer of k's type in a struct of pointers.
//
//workflowcheck:ignore
func choose(choices, k any) {
	v := reflect.ValueOf(choices).Elem()
	for i := range v.NumField() {
		if p := v.Field(i); p.Type() == reflect.TypeOf(k) {
			p.Set(reflect.ValueOf(k))
		}
	}
}

// Directions are the names of the workflows of all jobs: one for each pair of kinds.
func Directions() []string {
	var out []string
	for _, from := range kindsOf[SourceKind](Source{}) {
		for _, to := range kindsOf[TargetKind](Target{}) {
			if name := from.Direction() + "To" + to.Direction(); to.Takes(from) && !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}

// kindsOf are the kinds of a struct of pointers, none of which says more than its type.
func kindsOf[K any](choices any) []K {
	var out []K
	t := reflect.TypeOf(choices)
	for i := range t.NumField() {
		out = append(out, reflect.New(t.Field(i).Type.Elem()).Interface().(K))
	}
	return out
}
