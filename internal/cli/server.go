package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"

	"milvusdm/internal/fault"
	"milvusdm/workflows"
)

const (
	dialTimeout = 4 * time.Second  // of the first contact: a user waits for it
	callTimeout = 10 * time.Second // of a call that Temporal answers by itself
	workerWait  = 4 * time.Second  // how long a worker may take to show up
)

// server is a connection to Temporal.
type server struct {
	client.Client
	hints
	address, namespace, queue, ui string
	payloads                      converter.DataConverter
}

// dial connects to the Temporal that flags, environment and configuration file name, and makes sure that it answers.
func (a *app) dial(ctx context.Context) (*server, error) {
	profile, err := envconfig.LoadClientConfigProfile(envconfig.LoadClientConfigProfileOptions{EnvLookup: a.Env})
	if err != nil {
		return nil, fault.Wrap(fault.Config, err, "read the settings for Temporal (TEMPORAL_*)")
	}
	profile.Address = first(a.address, profile.Address, defaultAddress)
	profile.Namespace = first(a.namespace, profile.Namespace, client.DefaultNamespace)
	profile.APIKey = first(a.apiKey, profile.APIKey)
	options, err := profile.ToClientOptions(envconfig.ToClientOptionsRequest{IncludeRemoteCodec: true})
	if err != nil {
		return nil, fault.Wrap(fault.Config, err, "read the settings for Temporal (TEMPORAL_*)")
	}
	options.Logger = log.NewStructuredLogger(slog.New(slog.DiscardHandler)) // errors are told by the commands
	s := &server{hints: a.hints(), address: profile.Address, namespace: profile.Namespace, queue: a.queue, ui: strings.TrimRight(a.ui, "/"),
		payloads: workflows.Payloads(options.DataConverter)}
	options.DataConverter = s.payloads
	dialing, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	s.Client, err = client.DialContext(dialing, options)
	if ctx.Err() != nil { // what gRPC makes of it would not be known again
		return nil, s.explain(ctx.Err())
	}
	if err != nil {
		return nil, s.explain(err)
	}
	return s, nil
}

// first returns the first of values that is not empty.
func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// explain gives an error of a call to Temporal a kind, and says what to set where that helps. A job's own failure it
// leaves to [fault.FromTemporal].
func (s *server) explain(err error) error {
	var (
		noNamespace *serviceerror.NamespaceNotFound
		notFound    *serviceerror.NotFound
		denied      *serviceerror.PermissionDenied
		invalid     *serviceerror.InvalidArgument
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &noNamespace):
		return fault.New(fault.NotFound, "Temporal at %s has no namespace %q; name another with --namespace or TEMPORAL_NAMESPACE", s.address, s.namespace)
	case errors.As(err, &notFound):
		return fault.New(fault.NotFound, "Temporal at %s, namespace %s: %w", s.address, s.namespace, err)
	case errors.As(err, &denied):
		return fault.New(fault.Denied, "Temporal at %s refuses us: %w; see TEMPORAL_API_KEY and TEMPORAL_TLS_*", s.address, err)
	case errors.As(err, &invalid):
		return fault.New(fault.Config, "Temporal at %s does not take the request: %w", s.address, err)
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("interrupted: %w", err)
	case away(err) || s.Client == nil:
		return fault.New(fault.Unavailable, "Temporal does not answer at %s: %s; start it (make up), or say where it is with --address or TEMPORAL_ADDRESS",
			s.address, cause(err))
	}
	return fault.Wrap(fault.Internal, err, "ask Temporal at %s", s.address)
}

// cause is the end of a gRPC error's text, where what happened is told.
func cause(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	text := strings.TrimPrefix(grpcText(err.Error()), "failed reaching server: ")
	return strings.Trim(text, `"`)
}

// grpcText is the end of the text of a gRPC error.
func grpcText(text string) string {
	if i := strings.LastIndex(text, "desc = "); i >= 0 {
		return text[i+len("desc = "):]
	}
	return text
}

// away reports whether err says that Temporal can't be reached or is too busy, which passes.
func away(err error) bool {
	var (
		unavailable *serviceerror.Unavailable
		deadline    *serviceerror.DeadlineExceeded
		canceled    *serviceerror.Canceled
		exhausted   *serviceerror.ResourceExhausted
		internal    *serviceerror.Internal
		aborted     *serviceerror.Aborted
	)
	return errors.As(err, &unavailable) || errors.As(err, &deadline) || errors.As(err, &canceled) || errors.As(err, &exhausted) ||
		errors.As(err, &internal) || errors.As(err, &aborted) || errors.Is(err, context.DeadlineExceeded)
}

// webUI is the address of a run in Temporal's Web UI, "" when nobody said where that is.
func (s *server) webUI(id, runID string) string {
	if s.ui == "" {
		return ""
	}
	address := s.ui + "/namespaces/" + url.PathEscape(s.namespace) + "/workflows/" + url.PathEscape(id)
	if runID == "" {
		return address
	}
	return address + "/" + url.PathEscape(runID) + "/history"
}

// needWorker returns nil once a worker polls the task queue, and one the own queue of each host that has a job's files; it
// returns a fault when none does within a few seconds. Temporal remembers a worker for some minutes after its death: nil is
// no promise.
func (s *server) needWorker(ctx context.Context, queue string, hosts ...string) error {
	limit := time.After(workerWait)
	for {
		missing, err := s.missing(ctx, queue, hosts...)
		if err != nil || missing == nil {
			return err
		}
		select {
		case <-limit:
			return fault.New(fault.Unavailable, "%s", s.noWorker(*missing))
		case <-ctx.Done():
			return s.explain(ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// missing is the first of the queues that no worker polls, nil when there is none such.
func (s *server) missing(ctx context.Context, queue string, hosts ...string) (*unserved, error) {
	if ok, err := s.polled(ctx, queue, enumspb.TASK_QUEUE_TYPE_WORKFLOW); err != nil || !ok {
		return &unserved{queue: queue}, err
	}
	for _, host := range hosts {
		if ok, err := s.polled(ctx, workflows.HostQueue(queue, host), enumspb.TASK_QUEUE_TYPE_ACTIVITY); err != nil || !ok {
			return &unserved{queue, host}, err
		}
	}
	return nil, nil
}

// warnUnserved warns of a task queue that no worker polls, where that is no reason to refuse. then says what it means.
func (a *app) warnUnserved(ctx context.Context, s *server, then, queue string, hosts ...string) error {
	missing, err := s.missing(ctx, queue, hosts...)
	if err == nil && missing != nil {
		a.say("warning: %s; %s; %s", s.lacks(*missing), then, s.startOne(*missing))
	}
	return err
}

// pollEvery is how long a worker's poll for workflow tasks takes at most, with something to spare. Temporal remembers a worker that is
// gone for five minutes.
const pollEvery = 75 * time.Second

// polled reports whether a worker polls a task queue. One whose slots are all taken does not ask for activities for as long.
func (s *server) polled(ctx context.Context, queue string, kind enumspb.TaskQueueType) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, workerWait)
	defer cancel()
	d, err := s.DescribeTaskQueue(ctx, queue, kind)
	if err != nil {
		return false, s.explain(err)
	}
	return slices.ContainsFunc(d.GetPollers(), func(p *taskqueuepb.PollerInfo) bool {
		return kind != enumspb.TASK_QUEUE_TYPE_WORKFLOW || time.Since(p.GetLastAccessTime().AsTime()) < pollEvery
	}), nil
}

// attributeKinds are the search attributes, in the order in which they are shown.
var attributeKinds = []struct {
	name string
	kind enumspb.IndexedValueType
}{
	{workflows.StateAttribute, enumspb.INDEXED_VALUE_TYPE_KEYWORD},
	{workflows.DirectionAttribute, enumspb.INDEXED_VALUE_TYPE_KEYWORD},
	{workflows.TargetAttribute, enumspb.INDEXED_VALUE_TYPE_KEYWORD},
	{workflows.RowsAttribute, enumspb.INDEXED_VALUE_TYPE_INT},
	{workflows.ErrorAttribute, enumspb.INDEXED_VALUE_TYPE_KEYWORD},
}

// attributes reports which search attributes are registered, and what to do about those that are not.
func (s *server) attributes(ctx context.Context) (registered workflows.Attributes, advice string) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	list, err := s.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: s.namespace})
	if err != nil {
		return registered, "goes without search attributes, since Temporal does not list what is registered: " + cause(err)
	}
	registered = workflows.Attributes{State: true, Others: true}
	var missing, wrong, flags []string
	for _, a := range attributeKinds {
		kind := list.GetCustomAttributes()[a.name]
		switch kind {
		case a.kind:
			continue
		case enumspb.INDEXED_VALUE_TYPE_UNSPECIFIED:
			missing = append(missing, a.name)
			flags = append(flags, fmt.Sprintf("--name %s --type %s", a.name, a.kind))
		default:
			wrong = append(wrong, fmt.Sprintf("%s is registered as %s and has to be %s", a.name, kind, a.kind))
		}
		if a.name == workflows.StateAttribute {
			registered.State = false
		} else {
			registered.Others = false
		}
	}
	if len(missing) > 0 {
		advice = fmt.Sprintf("these search attributes are not registered: %s; to have them from the next job on:\n"+
			"  temporal operator search-attribute create --address %s --namespace %s %s",
			strings.Join(missing, ", "), s.address, s.namespace, strings.Join(flags, " "))
	}
	return registered, strings.TrimPrefix(strings.Join(append([]string{advice}, wrong...), "\n"), "\n")
}
