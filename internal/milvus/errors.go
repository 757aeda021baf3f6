package milvus

import (
	"context"
	"errors"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-sdk-go/v2/merr"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"milvusdm/internal/fault"
)

// Milvus's own error codes that decide what is done; the SDK's merr package names more of them.
const (
	codeCollectionNotFound  = 100
	codeCollectionNotLoaded = 101
	codePartitionNotFound   = 200
	codeIndexNotFound       = 700
	codeDatabaseNotFound    = 800
	codeParameterInvalid    = 1100
	codeNotAuthenticated    = 1400
	codeNotPermitted        = 1401
)

// wrap gives an error of the SDK or of gRPC its kind, says what was being done, and what to do where the table of answers knows.
func wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fault.Wrap(kindOf(err), advise(err), format, args...)
}

// check turns the two ways in which a raw call fails into one error.
func check(st *commonpb.Status, err error) error {
	if err != nil {
		return err
	}
	if st == nil {
		return errNoStatus
	}
	return merr.Error(st)
}

// kindOf is the kind of an error of the SDK or of gRPC; one that has a kind keeps it. What is Internal may pass or not: nobody knows.
func kindOf(err error) fault.Kind {
	if kind := fault.KindOf(err); kind != fault.Internal {
		return kind
	}
	if st, ok := status.FromError(err); ok && st.Code() != codes.OK {
		return kindOfStatus(st)
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return fault.Unavailable
	case errors.Is(err, merr.ErrServiceNotReady), errors.Is(err, merr.ErrServiceUnavailable):
		return fault.Unavailable
	case paced(err), errors.Is(err, merr.ErrServiceMemoryLimitExceeded), errors.Is(err, merr.ErrServiceDiskLimitExceeded):
		return fault.Throttled
	}
	switch merr.Code(err) {
	case codeCollectionNotFound, codePartitionNotFound, codeIndexNotFound, codeDatabaseNotFound:
		return fault.NotFound
	case codeNotAuthenticated, codeNotPermitted:
		return fault.Denied
	case codeParameterInvalid:
		return fault.Config
	}
	if kind, _, ok := refusalOf(err); ok {
		return kind
	}
	return fault.Internal
}

// paced reports whether the server asks for fewer calls, or refuses them for now by an administrator's word.
func paced(err error) bool {
	if st, ok := status.FromError(err); ok && st.Code() != codes.OK {
		return kindOfStatus(st) == fault.Throttled
	}
	return errors.Is(err, merr.ErrServiceRequestLimitExceeded) || errors.Is(err, merr.ErrServiceRateLimit) ||
		errors.Is(err, merr.ErrServiceForceDeny)
}

func kindOfStatus(st *status.Status) fault.Kind {
	if code := httpCode(st); code != 0 {
		return kindOfHTTP(code)
	}
	switch st.Code() {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled, codes.Aborted:
		return fault.Unavailable
	case codes.Unauthenticated, codes.PermissionDenied:
		return fault.Denied
	case codes.ResourceExhausted:
		if tooLarge(st) {
			return fault.Config
		}
		return fault.Throttled
	case codes.Unimplemented:
		return fault.Unsupported
	case codes.InvalidArgument:
		return fault.Config
	}
	return fault.Internal
}

// isTooLarge reports whether a call was refused for the size of its message, before the server looked at it.
func isTooLarge(err error) bool {
	st, ok := status.FromError(err)
	return ok && st.Code() != codes.OK && tooLarge(st)
}

// tooLarge tells a message that is too large from a quota: gRPC has one code for both. An ingress answers with HTTP's 413.
func tooLarge(st *status.Status) bool {
	return st.Code() == codes.ResourceExhausted && strings.Contains(st.Message(), "larger than max") || httpCode(st) == 413
}
