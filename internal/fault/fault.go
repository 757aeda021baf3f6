// Package fault gives every failure of a transfer one of a few kinds. The kind decides whether Temporal tries again,
// what the program's exit code is, and nothing else: what happened is told by the error's text.
package fault

import (
	"context"
	"errors"
	"fmt"
)

// Kind says what class of failure an error is.
type Kind string

const (
	Config        Kind = "Config"        // the job, or how it is run, is wrong
	NotFound      Kind = "NotFound"      // a file, collection or partition is not there
	Conflict      Kind = "Conflict"      // what stands in the target, or another job, is in the way
	Unsupported   Kind = "Unsupported"   // right, but not to be had: by this program or by the server's version
	Corrupt       Kind = "Corrupt"       // the input contradicts itself or its format
	Denied        Kind = "Denied"        // the server or the file system refuses the user
	SourceChanged Kind = "SourceChanged" // the source is no longer what was planned
	Unavailable   Kind = "Unavailable"   // a server does not answer
	Throttled     Kind = "Throttled"     // a server asks for less
	Different     Kind = "Different"     // what was to be equal is not
	Internal      Kind = "Internal"      // everything else
)

// Transient reports whether the same call may succeed later with nothing changed.
func (k Kind) Transient() bool { return k == Unavailable || k == Throttled || k == Internal }

type fault struct {
	kind Kind
	err  error
}

func (f *fault) Error() string { return f.err.Error() }
func (f *fault) Unwrap() error { return f.err }

// New makes an error of the given kind; format and args are those of fmt.Errorf, %w included.
func New(kind Kind, format string, args ...any) error {
	return &fault{kind, fmt.Errorf(format, args...)}
}

// Wrap gives err the kind and prefixes what was being done, as in "read x.h5: ...". A kind that err has already stays.
// Wrap(nil) is nil.
func Wrap(kind Kind, err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	var f *fault
	if errors.As(err, &f) {
		kind = f.kind
	}
	return &fault{kind, fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)}
}

// KindOf returns the kind of err: Internal for an error that has none, and Unavailable for a deadline that ran out.
func KindOf(err error) Kind {
	var f *fault
	switch {
	case errors.As(err, &f):
		return f.kind
	case errors.Is(err, context.DeadlineExceeded):
		return Unavailable
	}
	return Internal
}

// Rephrase is err with another text. Its kind, and what it wraps, stay. Rephrase(nil, ...) is nil.
func Rephrase(err error, text func(string) string) error {
	if err == nil {
		return nil
	}
	return &fault{KindOf(err), &rephrased{text(err.Error()), err}}
}

type rephrased struct {
	text string
	err  error
}

func (r *rephrased) Error() string { return r.text }
func (r *rephrased) Unwrap() error { return r.err }
