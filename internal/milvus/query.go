package milvus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"google.golang.org/grpc"

	"milvusdm/internal/fault"
)

// query is a question for rows of the source's collection.
type query struct {
	expr      string
	outputs   []string
	partition string // "": all
	limit     int    // about how many rows; 0: all
}

// queryTimeout is how long the server may take for an answer.
const queryTimeout = 2 * time.Minute

// maxPage is how many rows a server answers with at most: its own limit of offset and limit together.
const maxPage = 16384

// barrier has the first question of a source wait until the server sees all that was acknowledged before, where it can't be
// told up to when: the others then need not wait.
type barrier struct{ passed atomic.Bool }

// now asks for the server's time, 0 where it does not tell.
func (c *conn) now(ctx context.Context) (uint64, error) {
	resp, err := c.raw.AllocTimestamp(ctx, &milvuspb.AllocTimestampRequest{})
	err = check(resp.GetStatus(), err)
	if is(err, fault.Unsupported) || is(err, fault.Denied) {
		return 0, nil
	}
	return resp.GetTimestamp(), wrap(err, "ask for the server's time")
}

// ask asks the server and waits as long as it asks for less. It returns what the answer's size on the wire was.
//
// Pages of a scan are asked for as an iterator's: in the order of keys, and each ended where the rows of any segment end (which
// may be before its limit, or far behind it). Without that a server that holds a key twice skips rows: it ends a segment's rows at
// the limit, leaves repeats out after that, and fills the page up with greater keys of other segments.
func (s *source) ask(ctx context.Context, q query) (*milvuspb.QueryResults, int, error) {
	req := &milvuspb.QueryRequest{CollectionName: s.view.choice.Name, Expr: q.expr, OutputFields: q.outputs,
		PartitionNames: partitions(q.partition), ConsistencyLevel: commonpb.ConsistencyLevel_Customized, GuaranteeTimestamp: s.stamp}
	first := !s.barrier.passed.Load()
	switch {
	case s.stamp != 0:
	case first:
		req.ConsistencyLevel = commonpb.ConsistencyLevel_Strong
	default:
		req.ConsistencyLevel = commonpb.ConsistencyLevel_Eventually
	}
	if q.limit > 0 {
		req.QueryParams = []*commonpb.KeyValuePair{{Key: "limit", Value: strconv.Itoa(q.limit)},
			{Key: "iterator", Value: "True"}, {Key: "reduce_stop_for_best", Value: "True"}}
	}
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		if err := s.throttle.pause(ctx, s.limit, s.report); err != nil {
			return nil, 0, err
		}
		resp, size, err := s.call(ctx, req)
		if err == nil {
			s.barrier.passed.Store(true)
		}
		if !is(err, fault.Throttled) {
			s.quota.passed()
			return resp, size, err
		}
		if err := s.quota.wait(ctx, err, pause); err != nil {
			return nil, 0, err
		}
	}
}

func (s *source) call(ctx context.Context, req *milvuspb.QueryRequest) (*milvuspb.QueryResults, int, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	codec := &answer{}
	resp, err := s.raw.Query(ctx, req, grpc.ForceCodecV2(codec))
	return resp, codec.size, check(resp.GetStatus(), err)
}

// is reports whether err is of the kind.
func is(err error, k fault.Kind) bool { return err != nil && kindOf(err) == k }

// answerTooLarge reports whether a smaller answer may be had: it was larger than a message may be for us, between the server's
// parts, or for the server's limit of a query's results.
func answerTooLarge(err error) bool {
	if err == nil {
		return false
	}
	if isTooLarge(err) {
		return true
	}
	text := err.Error()
	return strings.Contains(text, "larger than max") || strings.Contains(text, "maxOutputSize")
}

// notLoaded reports whether the server refused a query since what it is about is not loaded, or not yet.
func notLoaded(err error) bool {
	if err == nil {
		return false
	}
	text := err.Error()
	return strings.Contains(text, "not loaded") || strings.Contains(text, "not fully loaded") || strings.Contains(text, "'released'")
}

// explain says what became of the collection when reading it failed.
func (s *source) explain(ctx context.Context, err error, what string, args ...any) error {
	name := s.view.name()
	switch {
	case err == nil || ctx.Err() != nil:
		return err
	case is(err, fault.NotFound), strings.Contains(err.Error(), "partition name") && strings.Contains(err.Error(), "not found"):
		return fault.New(fault.SourceChanged, "%s was dropped while it was read: %w", name, err)
	case notLoaded(err):
		state, e := s.loadState(ctx, s.view.choice.Name)
		if e == nil && state == commonpb.LoadState_LoadStateNotLoad {
			return fault.New(fault.Conflict, "%s is not loaded, or was released while it was read; load it and run the job again: %w", name, err)
		}
		if e == nil && state == commonpb.LoadState_LoadStateLoaded {
			if missing, e := s.Unloaded(ctx); e == nil && len(missing) > 0 {
				return fault.New(fault.Conflict, "of %s not loaded, or released while it was read: %s; load it and run the job again: %w", name, shortList(missing), err)
			}
		}
		return fault.New(fault.Unavailable, "%s: %w", fmt.Sprintf(what, args...), errors.Join(err, e))
	}
	return wrap(err, what, args...)
}

// tryFilter refuses a filter that the server can't parse, with its words. It is tried alone: put in parentheses, what is no
// expression might become one.
func (s *source) tryFilter(ctx context.Context) error {
	if s.view.choice.Filter == "" {
		return nil
	}
	_, _, err := s.ask(ctx, query{expr: s.view.choice.Filter, outputs: []string{s.view.key}, partition: s.view.partitions[0].source, limit: 1})
	switch {
	case err == nil, notLoaded(err): // which is looked for when the expression was parsed
		return nil
	case is(err, fault.Config), is(err, fault.Internal), strings.Contains(err.Error(), "expr"):
		return fault.New(fault.Config, "%s: the server does not take %q: %w", s.view.keyPlace("filter"), s.view.choice.Filter, err)
	}
	return s.explain(ctx, err, "try the filter of %s", s.view.name())
}
