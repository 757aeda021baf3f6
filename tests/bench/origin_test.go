package bench

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/protobuf/proto"

	"milvusdm/internal/job"
	"milvusdm/internal/rows"
)

// A collection to be read has a VarChar and an Int64 field beside key and vector.
const (
	titleField = "title"
	yearField  = "year"
)

var originFields = []string{keyField, vectorField, titleField, yearField}

// originColumns makes rows [first, first+n) of such a collection.
func (s shape) originColumns(first, n int) []*schemapb.FieldData {
	titles, years := make([]string, n), make([]int64, n)
	for i := range n {
		titles[i], years[i] = fmt.Sprintf("title of row %d", first+i), int64(1900+(first+i)%127)
	}
	return append(s.columns(first, n), rows.VarCharColumn(titleField, titles), rows.Int64Column(yearField, years))
}

// origin is a collection to be read, on the first server.
type origin struct {
	*rig
	name string
	data shape
}

// newOrigin makes the collection, indexed and loaded. It is dropped when the benchmark ends.
func newOrigin(b *testing.B, r *rig, s shape) *origin {
	b.Helper()
	o := &origin{r, fmt.Sprintf("bench_source_%d", s.Rows), s}
	say("filling the source with %v", s)
	if err := o.fill(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { o.drop(b, o.name) })
	return o
}

func (o *origin) fill(ctx context.Context) error {
	l := loop{Address: o.address, Collection: o.name, Data: o.data}
	schema, err := proto.Marshal(&schemapb.CollectionSchema{Name: o.name, Fields: []*schemapb.FieldSchema{
		rows.KeyField(keyField), rows.VectorField(vectorField, schemapb.DataType_FloatVector, int64(o.data.Dim)),
		rows.VarCharField(titleField, 64), {Name: yearField, DataType: schemapb.DataType_Int64}}})
	if err != nil {
		return err
	}
	if err := said(o.milvus.CreateCollection(ctx, &milvuspb.CreateCollectionRequest{CollectionName: o.name, Schema: schema})); err != nil {
		return err
	}
	const n = 8000
	for first := 0; first < o.data.Rows; first += n {
		rows := min(n, o.data.Rows-first)
		answer, err := o.milvus.Insert(ctx, &milvuspb.InsertRequest{CollectionName: o.name, NumRows: uint32(rows), FieldsData: o.data.originColumns(first, rows)})
		if err := said(answer.GetStatus(), err); err != nil {
			return err
		}
	}
	for _, step := range []func(context.Context, milvuspb.MilvusServiceClient) error{l.flush, l.index, l.load} {
		if err := step(ctx, o.milvus); err != nil {
			return err
		}
	}
	return nil
}

// sum is the content sum of all rows, as a job tells it.
func (o *origin) sum() (rows.Sum, error) { return o.data.sumOf("_default", o.data.originColumns) }

// job copies the collection under the name as.
func (o *origin) job(b *testing.B, name, as, target string) *job.Job {
	b.Helper()
	text := fmt.Sprintf("version: 1\nname: %s\nsource:\n  milvus: {address: %q, collections: [{name: %s, as: %s}]}\ntarget:\n  %s\n",
		name, o.address, o.name, as, target)
	if options := os.Getenv("COPY"); options != "" {
		text += "copy: {" + options + "}\n"
	}
	j, _, err := job.Parse(name+".yaml", []byte(text), job.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	return j
}

// pump only reads the collection, by so many readers at once, a part of the keys each. All of them are share of the keys.
func (o *origin) pump(readers, rows int, share float64) pump {
	p := pump{Source: o.address, From: o.name, PageRow: rows, Fields: originFields}
	const keys = 1 << 40 // shape.keys are below, spread evenly
	for i := range readers + 1 {
		p.Bounds = append(p.Bounds, int64(float64(i)*keys*share/float64(readers))-1)
	}
	return p
}
