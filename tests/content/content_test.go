package content_test

import (
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
	"milvusdm/tests/content"
)

const dim = 4

// fakeMilvus answers queries as Milvus does: a page is cut at the limit and only then rid of repeated keys.
type fakeMilvus struct {
	milvuspb.UnimplementedMilvusServiceServer
	ids     []int64 // ascending
	maxPage int     // a page of more rows is too large for an answer
	skew    bool    // swaps the first two rows of each page
}

func (m *fakeMilvus) start(t *testing.T) (addr string) {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	milvuspb.RegisterMilvusServiceServer(server, m)
	go func() { _ = server.Serve(lis) }()
	t.Cleanup(server.Stop)
	return lis.Addr().String()
}

func (m *fakeMilvus) DescribeCollection(_ context.Context, r *milvuspb.DescribeCollectionRequest) (*milvuspb.DescribeCollectionResponse, error) {
	if r.GetCollectionName() != "books" {
		return &milvuspb.DescribeCollectionResponse{Status: &commonpb.Status{Code: 100, Reason: "collection not found"}}, nil
	}
	return &milvuspb.DescribeCollectionResponse{Status: &commonpb.Status{}, Schema: &schemapb.CollectionSchema{
		Fields: []*schemapb.FieldSchema{rows.KeyField("id"), rows.VectorField("vec", schemapb.DataType_FloatVector, dim)}}}, nil
}

func (m *fakeMilvus) AllocTimestamp(context.Context, *milvuspb.AllocTimestampRequest) (*milvuspb.AllocTimestampResponse, error) {
	return &milvuspb.AllocTimestampResponse{Status: &commonpb.Status{}, Timestamp: 77}, nil
}

func (m *fakeMilvus) Query(_ context.Context, q *milvuspb.QueryRequest) (*milvuspb.QueryResults, error) {
	if slices.Equal(q.GetOutputFields(), []string{"count(*)"}) {
		if q.GetConsistencyLevel() != commonpb.ConsistencyLevel_Strong {
			return nil, status.Error(codes.InvalidArgument, "a count that is not Strong")
		}
		return result(rows.Int64Column("count(*)", []int64{int64(len(m.ids))})), nil
	}
	if q.GetGuaranteeTimestamp() != 77 || !slices.Equal(q.GetOutputFields(), []string{"id", "vec"}) {
		return nil, status.Errorf(codes.InvalidArgument, "query %v", q)
	}
	var after int64
	first := false
	switch q.GetExpr() {
	case "id <= 9223372036854775807":
		first = true
	case "id >= -9223372036854775807":
		after = math.MinInt64
	default:
		if _, err := fmt.Sscanf(q.GetExpr(), "id > %d", &after); err != nil || after == math.MinInt64 {
			return nil, status.Errorf(codes.InvalidArgument, "cannot parse expression: %s", q.GetExpr())
		}
	}
	limit := 0
	for _, kv := range q.GetQueryParams() {
		if kv.GetKey() == "limit" {
			if _, err := fmt.Sscan(kv.GetValue(), &limit); err != nil {
				return nil, status.Error(codes.InvalidArgument, kv.GetValue())
			}
		}
	}
	var ids []int64
	for _, id := range m.ids {
		if (first || id > after) && len(ids) < limit {
			ids = append(ids, id)
		}
	}
	if m.maxPage > 0 && len(ids) > m.maxPage {
		return nil, status.Error(codes.ResourceExhausted, "message larger than max")
	}
	ids = slices.Compact(ids)
	if m.skew && len(ids) > 1 {
		ids[0], ids[1] = ids[1], ids[0]
	}
	return result(batch(ids).Fields...), nil
}

func result(fields ...*schemapb.FieldData) *milvuspb.QueryResults {
	return &milvuspb.QueryResults{Status: &commonpb.Status{}, FieldsData: fields}
}

func batch(ids []int64) *rows.Batch {
	var vectors []float32
	for _, id := range ids {
		for d := range dim {
			vectors = append(vectors, float32(id)+float32(d)/8)
		}
	}
	return &rows.Batch{Rows: len(ids), First: -1, Fields: []*schemapb.FieldData{
		rows.FloatVectorColumn("vec", dim, vectors), rows.Int64Column("id", ids)}}
}

func sumOf(t *testing.T, ids []int64) rows.Sum {
	t.Helper()
	s, err := rows.SumBatch("", batch(ids))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func upTo(n int64) []int64 {
	var ids []int64
	for i := range n {
		ids = append(ids, i)
	}
	return ids
}

func TestRead(t *testing.T) {
	twice := append(upTo(40_000), upTo(40_000)...)
	slices.Sort(twice)
	edges := []int64{math.MinInt64, math.MinInt64 + 1, -1, 0, math.MaxInt64}
	for _, tc := range []struct {
		name     string
		server   *fakeMilvus
		distinct []int64
		repeated int64
	}{
		{"nothing", &fakeMilvus{}, nil, 0},
		{"several pages", &fakeMilvus{ids: upTo(40_000)}, upTo(40_000), 0},
		{"each row twice: pages are short", &fakeMilvus{ids: twice}, upTo(40_000), 40_000},
		{"pages too large for an answer", &fakeMilvus{ids: upTo(5_000), maxPage: 700}, upTo(5_000), 0},
		{"lowest and highest keys", &fakeMilvus{ids: edges}, edges, 0},
		{"lowest key alone on a page", &fakeMilvus{ids: edges, maxPage: 1}, edges, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := content.Read(t.Context(), tc.server.start(t), content.Place{Collection: "books"})
			if err != nil {
				t.Fatal(err)
			}
			want := sumOf(t, tc.distinct)
			if got.Sum != want || got.Count != want.Rows+tc.repeated || got.Duplicates() != tc.repeated {
				t.Errorf("got %+v, want sum %v and %d repeated", got, want, tc.repeated)
			}
			if err := got.Check(want); (err == nil) != (tc.repeated == 0) {
				t.Errorf("check: %v", err)
			}
		})
	}
}

func TestCheckNamesWhatDiffers(t *testing.T) {
	want := sumOf(t, upTo(10))
	err := content.Content{Count: 10, Sum: sumOf(t, upTo(9))}.Check(want)
	if err == nil || !strings.Contains(err.Error(), "1 rows repeat a key") || !strings.Contains(err.Error(), "content sum 9:") {
		t.Errorf("one row lost, one doubled: %v", err)
	}
	other := batch(upTo(10))
	other.Fields[0].GetVectors().GetFloatVector().Data[3] += 0.125
	sum, sumErr := rows.SumBatch("", other)
	if sumErr != nil {
		t.Fatal(sumErr)
	}
	if err := (content.Content{Count: 10, Sum: sum}).Check(want); err == nil {
		t.Error("a changed value goes unseen")
	}
}

func TestReadFails(t *testing.T) {
	for name, tc := range map[string]struct {
		server     *fakeMilvus
		collection string
		want       string
	}{
		"no collection":     {&fakeMilvus{}, "films", "describe films: the server says: collection not found (code 100)"},
		"keys out of order": {&fakeMilvus{ids: upTo(5), skew: true}, "books", "read books: key 0 comes after 1"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := content.Read(t.Context(), tc.server.start(t), content.Place{Collection: tc.collection})
			if err == nil || err.Error() != tc.want {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}

// numbers is a source of rows with the keys [0, rows), which fails at row bad.
type numbers struct{ rows, bad int64 }

func (n numbers) Describe(context.Context) (*transfer.Description, error) {
	return &transfer.Description{Rows: n.rows}, nil
}

func (n numbers) Plan(context.Context, int64, func(string)) ([]rows.Range, error) {
	ranges := transfer.RowRanges([]transfer.Input{{Rows: n.rows}}, 1_000)
	ranges[0].Skip = rows.NewRowSet([]int64{0, 5}, ranges[0].Rows)
	return ranges, nil
}

func (n numbers) Open(_ context.Context, r rows.Range, _ rows.Cursor, _ transfer.BatchLimit) (transfer.Reader, error) {
	return &numbersReader{next: r.From.Int, end: r.To.Int, bad: n.bad}, nil
}

func (n numbers) Close() error { return nil }

type numbersReader struct{ next, end, bad int64 }

func (r *numbersReader) Next(context.Context) (*rows.Batch, error) {
	if r.next == r.end {
		return nil, io.EOF
	}
	if r.bad > 0 && r.next >= r.bad {
		return nil, io.ErrUnexpectedEOF
	}
	end := min(r.next+300, r.end)
	b := batch(upTo(end)[r.next:])
	b.First, b.After = r.next, rows.Row(end)
	r.next = end
	return b, nil
}

func (r *numbersReader) Close() error { return nil }

func TestOf(t *testing.T) {
	ids := upTo(2_500)
	want := sumOf(t, append(ids[1:5:5], ids[6:]...))
	got, err := content.Of(t.Context(), numbers{rows: 2_500})
	if err != nil || got != want {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	if _, err := content.Of(t.Context(), numbers{rows: 2_500, bad: 1_500}); err == nil {
		t.Error("a source that fails has a sum")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := content.Of(ctx, numbers{rows: 2_500}); err == nil {
		t.Error("a read cut off has a sum")
	}
}
