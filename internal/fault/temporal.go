package fault

import (
	"errors"
	"strings"

	"go.temporal.io/sdk/temporal"
)

// ToTemporal turns an activity's error into one that Temporal carries: its type is the kind, and permanent kinds are not
// retried. details are what a later attempt or the workflow can take from it. ToTemporal(nil) is nil.
func ToTemporal(err error, details ...any) error {
	if err == nil {
		return nil
	}
	var canceled *temporal.CanceledError
	if errors.As(err, &canceled) {
		return err
	}
	kind := KindOf(err)
	return temporal.NewApplicationErrorWithOptions(bounded(err.Error()), string(kind),
		temporal.ApplicationErrorOptions{NonRetryable: !kind.Transient(), Details: details})
}

// Final is ToTemporal for an error that is not worth another try, whatever its kind.
func Final(err error, details ...any) error {
	return temporal.NewApplicationErrorWithOptions(bounded(err.Error()), string(KindOf(err)),
		temporal.ApplicationErrorOptions{NonRetryable: true, Details: details})
}

// FromTemporal returns the kind and the text of an error that came through Temporal, without the layers that Temporal
// put around it.
func FromTemporal(err error) (Kind, string) {
	var app *temporal.ApplicationError
	if !errors.As(err, &app) {
		return KindOf(err), err.Error()
	}
	for _, k := range []Kind{Config, NotFound, Conflict, Unsupported, Corrupt, Denied, SourceChanged, Unavailable, Throttled, Different} {
		if app.Type() == string(k) {
			return k, app.Message()
		}
	}
	return Internal, app.Message()
}

// bounded cuts a text to what Temporal keeps of a failure (4 KiB), and drops invalid UTF-8, which it refuses.
func bounded(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	const limit = 3500
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + " ..."
	}
	return text
}
