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

// wrap gives an error of the SDK or of gRPC its kind, and says what was being done.
func wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fault.Wrap(kindOf(err), err, format, args...)
}

// check turns the two ways in which a raw call fails into one error.
func check(st *commonpb.Status, err error) error {
	if err != nil {
		return err
	}
	if st == nil {
		return errors.New("the server answered without a status")
	}
	return merr.Error(st)
}

func kindOf(err error) fault.Kind {
	if st, ok := status.FromError(err); ok && st.Code() != codes.OK {
		return kindOfStatus(st)
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return fault.Unavailable
	case errors.Is(err, merr.ErrServiceNotReady), errors.Is(err, merr.ErrServiceUnavailable):
		return fault.Unavailable
	case errors.Is(err, merr.ErrServiceMemoryLimitExceeded), errors.Is(err, merr.ErrServiceRequestLimitExceeded),
		errors.Is(err, merr.ErrServiceDiskLimitExceeded), errors.Is(err, merr.ErrServiceRateLimit), errors.Is(err, merr.ErrServiceForceDeny):
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
	if strings.Contains(err.Error(), "duplicated new collection name") {
		return fault.Conflict
	}
	// 2.3 has no code of its own for some refusals
	switch text := err.Error(); {
	case strings.Contains(text, "collection not found"), strings.Contains(text, "can't find collection"):
		return fault.NotFound
	case strings.Contains(text, "is not a number or infinity"):
		return fault.Unsupported
	}
	return fault.Internal
}

func kindOfStatus(st *status.Status) fault.Kind {
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
	return ok && st.Code() == codes.ResourceExhausted && tooLarge(st)
}

// tooLarge tells a message that is too large from a quota: gRPC has one code for both.
func tooLarge(st *status.Status) bool { return strings.Contains(st.Message(), "larger than max") }
