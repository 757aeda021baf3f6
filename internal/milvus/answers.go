package milvus

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/milvus-io/milvus-sdk-go/v2/merr"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"milvusdm/internal/fault"
)

// morePartitions is what to do where a server has no room for the partitions of a collection.
const morePartitions = "choose fewer partitions (target.milvus.num_partitions with a partition key), or raise the server's rootCoord.maxPartitionNum"

// refusals are the answers of Milvus that the same call meets again, with what to do about them. The first that fits
// counts: by Milvus's own code, or by words where a server has no code for them (2.3 answers most of these with 65535).
// docs/milvus.md has the same table.
var refusals = []struct {
	code   int32 // 0: any
	words  string
	kind   fault.Kind
	advice string
}{
	{102, "", fault.Conflict, "drop collections that nobody needs, write to another database, " +
		"or raise the server's quotaAndLimits.limits.maxCollectionNumPerDB"},
	{801, "", fault.Conflict, "drop databases that nobody needs, or raise the server's rootCoord.maxDatabaseNum"},
	{802, "", fault.Config, "write another database"},
	{1701, "", fault.Config, "give the field another name with rename_fields"},
	{1601, "", fault.Conflict, "drop or rename one of the two"},
	{1602, "", fault.Conflict, "drop the alias there"},
	{0, "partition number", fault.Conflict, morePartitions},
	{0, "maximum partition's number", fault.Conflict, morePartitions},
	{0, "maximum shards's number", fault.Config,
		"write a smaller target.milvus.shards, or raise the server's proxy.maxShardNum"},
	{0, "maximum field's number", fault.Unsupported,
		"choose fewer fields with fields, or raise the server's proxy.maxFieldNum"},
	{0, "multiple vector fields", fault.Unsupported, "choose one vector field with fields"},
	{0, "maximum vector field's number", fault.Unsupported,
		"choose fewer vector fields with fields, or raise the server's proxy.maxVectorFieldNum"},
	{0, "invalid dimension", fault.Unsupported, ""},
	{0, "invalid index type", fault.Config, "choose another type with target.milvus.index"},
	{0, "index type not supported", fault.Config, "choose another type with target.milvus.index"},
	{0, "out of range: [", fault.Config, "write the parameter as it is spelled here, below target.milvus.index.params"},
	{0, "metric type not found", fault.Config, "choose another metric with target.milvus.index"},
	{0, "nodes not enough", fault.Conflict, "add query nodes to the server, or load the collection with fewer replicas"},
	{0, "create duplicate collection", fault.Conflict, ""},
	{0, "duplicated new collection name", fault.Conflict, ""},
	{0, "Invalid partition name", fault.Config, "give the partition another name with rename_partitions"},
	{0, "cannot parse expression", fault.Config, ""},
	{0, "is not a number or infinity", fault.Unsupported, ""},
	// 2.3 has two codes for one meaning
	{0, "collection not found", fault.NotFound, ""},
	{0, "can't find collection", fault.NotFound, ""},
}

// refusalOf returns the kind of an answer that is in the table, and what to do.
func refusalOf(err error) (kind fault.Kind, advice string, ok bool) {
	code, text := merr.Code(err), err.Error()
	for _, r := range refusals {
		if r.code == code && r.code != 0 || r.words != "" && strings.Contains(text, r.words) {
			return r.kind, r.advice, true
		}
	}
	return "", "", false
}

// passing are words of a server's answers without a code that tell of a moment, not of the request.
var passing = []string{"deadline", "canceled", "cancelled", "timeout", "timed out", "not ready", "not healthy", "navailable", "connection",
	"offline", "not available", "retry", "no available", "etcd"}

// permanent reports whether a server that was asked to make something has refused it for what it is: it answered, its
// answer has no code that says more, and its words do not tell of a moment. Asked again it would say the same.
func permanent(err error) bool {
	if err == nil || kindOf(err) != fault.Internal {
		return false
	}
	if _, isGRPC := status.FromError(err); isGRPC {
		return false
	}
	text := strings.ToLower(err.Error())
	for _, words := range passing {
		if strings.Contains(text, words) {
			return false
		}
	}
	return merr.Code(err) != 0 && !errors.Is(err, errNoStatus)
}

// errNoStatus: every answer of Milvus has a status.
var errNoStatus = errors.New("the server answered without a status")

// advised is an error whose text says what to do.
type advised struct{ error }

func (a advised) Unwrap() error { return a.error }

// advise adds to an error what to do about it, once.
func advise(err error) error {
	if errors.As(err, &advised{}) {
		return err
	}
	_, advice, _ := refusalOf(err)
	if st, ok := status.FromError(err); ok && st.Code() != codes.OK {
		advice = cmp.Or(httpAdvice[httpCode(st)], advice)
	}
	if advice == "" {
		return err
	}
	return advised{fmt.Errorf("%w; %s", err, advice)}
}

// An ingress, or another web server at the address, answers with an HTTP status, which gRPC puts into words.
var httpStatus = regexp.MustCompile(`unexpected HTTP status code received from server: (\d{3})`)

// httpCode is the HTTP status of an answer that is not gRPC's, 0 for one that is.
func httpCode(st *status.Status) int {
	m := httpStatus.FindStringSubmatch(st.Message())
	if m == nil {
		return 0
	}
	code, _ := strconv.Atoi(m[1]) // three digits
	return code
}

// httpKinds are the HTTP statuses that say more than that no Milvus is there.
var httpKinds = map[int]fault.Kind{401: fault.Denied, 403: fault.Denied, 413: fault.Config, 429: fault.Throttled,
	500: fault.Unavailable, 502: fault.Unavailable, 503: fault.Unavailable, 504: fault.Unavailable}

var httpAdvice = map[int]string{
	200: "the address is that of a web server, not of Milvus or of an ingress that passes gRPC on",
	401: "a server in front of Milvus asks for other credentials",
	403: "a server in front of Milvus forbids it",
	404: "the address is that of a web server, not of Milvus or of an ingress that passes gRPC on",
	413: "a server in front of Milvus limits the size of requests; write a smaller copy.batch_bytes, " +
		"or raise its limit (nginx: client_max_body_size)",
}

// kindOfHTTP is the kind of an answer that is not gRPC's.
func kindOfHTTP(code int) fault.Kind { return cmp.Or(httpKinds[code], fault.Config) }
