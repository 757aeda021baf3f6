// Package content says what a Milvus collection holds, so that a test can compare it with what should be there.
//
// It reads by its own raw calls, not by the connector under test, and sums rows as transfers do (rows.SumBatch, with
// no partition), so a file's sum and its collection's are equal when all rows are.
package content

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"milvusdm/internal/rows"
)

const (
	maxRows    = 16_384   // the server's limit of a page
	maxMessage = 64 << 20 // the server's limit of an answer
	pageBytes  = 32 << 20 // of vectors
)

// Place names a collection, or one partition of it. An empty database is the default one.
type Place struct{ Database, Collection, Partition string }

// Content is what a collection holds.
type Content struct {
	// Count is count(*) with Strong consistency. A key that was inserted twice counts twice.
	Count int64
	// Sum covers each key once: Sum.Rows is the number of distinct keys.
	Sum rows.Sum
}

// Duplicates is how many rows repeat a key.
func (c Content) Duplicates() int64 { return c.Count - c.Sum.Rows }

// Check returns an error unless the collection holds exactly the rows of want, each once.
func (c Content) Check(want rows.Sum) error {
	var errs []error
	if c.Count != want.Rows {
		errs = append(errs, fmt.Errorf("%d rows by Strong count, want %d", c.Count, want.Rows))
	}
	if d := c.Duplicates(); d != 0 {
		errs = append(errs, fmt.Errorf("%d rows repeat a key", d))
	}
	if c.Sum != want {
		errs = append(errs, fmt.Errorf("content sum %v, want %v", c.Sum, want))
	}
	return errors.Join(errs...)
}

// Read reads a loaded collection from the server at addr (host:port, no TLS). Nobody must write to it meanwhile.
func Read(ctx context.Context, addr string, place Place) (content Content, err error) {
	conn, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)))
	if err != nil {
		return Content{}, fmt.Errorf("read %s: %w", place.Collection, err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if place.Database != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "dbname", place.Database)
	}
	r := &reader{service: milvuspb.NewMilvusServiceClient(conn), place: place, limit: maxRows}
	if err := r.describe(ctx); err != nil {
		return Content{}, fmt.Errorf("describe %s: %w", place.Collection, err)
	}
	if content.Count, err = r.count(ctx); err != nil {
		return Content{}, fmt.Errorf("count %s: %w", place.Collection, err)
	}
	if content.Sum, err = r.sum(ctx); err != nil {
		return Content{}, fmt.Errorf("read %s: %w", place.Collection, err)
	}
	return content, nil
}

type reader struct {
	service milvuspb.MilvusServiceClient
	place   Place
	key     *schemapb.FieldSchema
	fields  []string
	limit   int
	asOf    uint64 // pages show at least what was written before
}

func (r *reader) describe(ctx context.Context) error {
	d, err := r.service.DescribeCollection(ctx, &milvuspb.DescribeCollectionRequest{
		DbName: r.place.Database, CollectionName: r.place.Collection})
	if err := check(d.GetStatus(), err); err != nil {
		return err
	}
	schema := rows.Schema{CollectionSchema: d.GetSchema()}
	if r.key = schema.PrimaryKey(); r.key == nil {
		return errors.New("no primary key in the schema")
	}
	rowBytes := 1
	for _, f := range schema.GetFields() {
		r.fields = append(r.fields, f.GetName()) // "*" would leave out vectors on some servers
		if dim, err := rows.Dim(f); err == nil {
			rowBytes += int(dim) * 4 // at most
		}
	}
	if schema.GetEnableDynamicField() {
		r.fields = append(r.fields, "$meta")
	}
	r.limit = min(maxRows, max(1, pageBytes/rowBytes))
	return nil
}

func (r *reader) count(ctx context.Context) (int64, error) {
	q := r.query("", "count(*)")
	q.ConsistencyLevel = commonpb.ConsistencyLevel_Strong
	reply, err := r.service.Query(ctx, q)
	if err := check(reply.GetStatus(), err); err != nil {
		return 0, err
	}
	for _, f := range reply.GetFieldsData() {
		if v := f.GetScalars().GetLongData().GetData(); len(v) == 1 {
			return v[0], nil
		}
	}
	return 0, errors.New("the answer holds no count")
}

// sum pages through the collection in the order of its keys. Only an empty page is the end: the server drops rows of equal
// keys after it has cut the page.
func (r *reader) sum(ctx context.Context) (rows.Sum, error) {
	now, err := r.service.AllocTimestamp(ctx, &milvuspb.AllocTimestampRequest{})
	if err := check(now.GetStatus(), err); err != nil {
		return rows.Sum{}, fmt.Errorf("ask for the time: %w", err)
	}
	r.asOf = now.GetTimestamp()
	var total rows.Sum
	var after cursor
	for {
		fields, err := r.page(ctx, after.expr(r.key))
		if err != nil {
			return rows.Sum{}, fmt.Errorf("rows of %s: %w", after.expr(r.key), err)
		}
		n, err := after.advance(fields, r.key)
		if err != nil || n == 0 {
			return total, err
		}
		sum, err := rows.SumBatch("", &rows.Batch{Fields: fields, Rows: n, First: -1})
		if err != nil {
			return rows.Sum{}, err
		}
		total.Add(sum)
	}
}

// page reads the first rows that expr selects, fewer at a time from here on if they are too large for an answer.
func (r *reader) page(ctx context.Context, expr string) ([]*schemapb.FieldData, error) {
	for {
		q := r.query(expr, r.fields...)
		q.ConsistencyLevel, q.GuaranteeTimestamp = commonpb.ConsistencyLevel_Customized, r.asOf
		q.QueryParams = []*commonpb.KeyValuePair{
			{Key: "limit", Value: strconv.Itoa(r.limit)},
			{Key: "iterator", Value: "true"}, // without it, some servers cut a page before they sort it
		}
		reply, err := r.service.Query(ctx, q)
		if status.Code(err) == codes.ResourceExhausted && r.limit > 1 {
			r.limit /= 2
			continue
		}
		return reply.GetFieldsData(), check(reply.GetStatus(), err)
	}
}

func (r *reader) query(expr string, fields ...string) *milvuspb.QueryRequest {
	q := &milvuspb.QueryRequest{DbName: r.place.Database, CollectionName: r.place.Collection, Expr: expr, OutputFields: fields}
	if r.place.Partition != "" {
		q.PartitionNames = []string{r.place.Partition}
	}
	return q
}

// cursor is the last key that was read; zero before the first.
type cursor struct {
	started bool
	number  int64
	text    string
}

// expr selects the rows behind the cursor: at the beginning all of them, in words that the server's parser takes (the
// lowest integer it does not).
func (c *cursor) expr(key *schemapb.FieldSchema) string {
	name := key.GetName()
	switch text := key.GetDataType() == schemapb.DataType_VarChar; {
	case text && !c.started:
		return name + ` >= ""`
	case text:
		return name + " > " + strconv.Quote(c.text)
	case !c.started:
		return name + " <= 9223372036854775807"
	case c.number == math.MinInt64:
		return name + " >= -9223372036854775807"
	}
	return fmt.Sprintf("%s > %d", name, c.number)
}

// advance moves the cursor behind a page and returns the number of its rows, whose keys must ascend from the cursor on.
func (c *cursor) advance(page []*schemapb.FieldData, key *schemapb.FieldSchema) (rows int, err error) {
	i := slices.IndexFunc(page, func(f *schemapb.FieldData) bool { return f.GetFieldName() == key.GetName() })
	if i < 0 {
		if len(page) == 0 {
			return 0, nil
		}
		return 0, fmt.Errorf("a page without the key field %s", key.GetName())
	}
	numbers := page[i].GetScalars().GetLongData().GetData()
	texts := page[i].GetScalars().GetStringData().GetData()
	for _, n := range numbers {
		if c.started && n <= c.number {
			return 0, fmt.Errorf("key %d comes after %d", n, c.number)
		}
		c.started, c.number = true, n
	}
	for _, s := range texts {
		if c.started && s <= c.text {
			return 0, fmt.Errorf("key %q comes after %q", s, c.text)
		}
		c.started, c.text = true, s
	}
	return len(numbers) + len(texts), nil
}

func check(s *commonpb.Status, err error) error {
	if err == nil && (s.GetCode() != 0 || s.GetErrorCode() != commonpb.ErrorCode_Success) {
		return fmt.Errorf("the server says: %s (code %d)", s.GetReason(), s.GetCode())
	}
	return err
}
