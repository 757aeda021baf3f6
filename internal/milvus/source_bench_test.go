package milvus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// BenchmarkReading compares the reader with a bare loop of Query, of pages of the same size: rows and processor time a row.
func BenchmarkReading(b *testing.B) {
	const total, dim, page = 200_000, 128, 8000
	ctx := context.Background()
	c, server := testServer(b), serverOf(b)
	name := c.make(b, "bench_reading", &schemapb.CollectionSchema{Fields: []*schemapb.FieldSchema{rows.KeyField("id"),
		rows.VectorField("v", schemapb.DataType_FloatVector, dim), {Name: "n", DataType: schemapb.DataType_Int64}, rows.VarCharField("s", 100)}})
	for from := 0; from < total; from += 10_000 {
		v, texts := make([]float32, 10_000*dim), make([]string, 10_000)
		for i := range v {
			v[i] = rand.Float32()
		}
		for i := range texts {
			texts[i] = fmt.Sprintf("row %d of a benchmark", from+i)
		}
		keys := sequence(int64(from), 10_000)
		c.insert(b, name, "", len(keys), rows.Int64Column("id", keys), rows.FloatVectorColumn("v", dim, v), rows.Int64Column("n", keys), rows.VarCharColumn("s", texts))
	}
	c.flush(b, name)
	c.indexAndLoad(b, name, "v")
	b.Run("query", func(b *testing.B) {
		measure(b, func() (n int) {
			for at := int64(-1); ; {
				resp, err := c.raw.Query(ctx, &milvuspb.QueryRequest{CollectionName: name, Expr: fmt.Sprintf("id > %d", at),
					OutputFields: []string{"id", "v", "n", "s"}, ConsistencyLevel: commonpb.ConsistencyLevel_Eventually,
					QueryParams: []*commonpb.KeyValuePair{{Key: "limit", Value: fmt.Sprint(page)}}})
				if err := check(resp.GetStatus(), err); err != nil {
					b.Fatal(err)
				}
				keys, err := (&view{key: "id"}).keys(resp.GetFieldsData())
				if err != nil {
					b.Fatal(err)
				}
				if keys.Len() == 0 {
					return n
				}
				n, at = n+keys.Len(), keys.Ints[keys.Len()-1]
			}
		})
	})
	b.Run("reader", func(b *testing.B) {
		measure(b, func() (n int) {
			src, err := OpenSource(ctx, &job.MilvusSource{MilvusServer: server, Collections: []job.Collection{{Name: name}}})
			if err != nil {
				b.Fatal(err)
			}
			defer src.Close()
			r, err := src.Open(ctx, rows.Range{Partition: "_default"}, rows.Cursor{}, transfer.BatchLimit{Rows: page, Bytes: 8 << 20})
			if err != nil {
				b.Fatal(err)
			}
			defer r.Close()
			for {
				batch, err := r.Next(ctx)
				if errors.Is(err, io.EOF) {
					return n
				}
				if err != nil {
					b.Fatal(err)
				}
				n += batch.Rows
				batch.Recycle()
			}
		})
	})
}

func measure(b *testing.B, read func() int) {
	b.ReportAllocs()
	before, n := ownCPU(b), 0
	for b.Loop() {
		n += read()
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric((ownCPU(b)-before).Seconds()/float64(n)*1e6, "cpu-s/Mrow")
}

func ownCPU(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
