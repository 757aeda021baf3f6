package milvus1_test

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"testing"

	"milvusdm/internal/job"
	"milvusdm/internal/milvus1"
	"milvusdm/internal/milvus1/milvus1test"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

func execute(db *sql.DB, text string, args ...any) error {
	_, err := db.Exec(text, args...)
	return err
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// through returns first, first+1, ... up to last.
func through(first, last int64) []int64 {
	var out []int64
	for id := first; id <= last; id++ {
		out = append(out, id)
	}
	return out
}

// faces is a collection of float vectors with two partitions beside the default one; of its 100 rows 5 are deleted.
func faces() []milvus1test.Table {
	return []milvus1test.Table{
		{ID: "faces", Dim: 4, Metric: 2, Segments: []milvus1test.Segment{
			{ID: "1600000000000000001", IDs: through(1, 40), Deleted: []int32{0, 39, 17, 18}},
			{ID: "1600000000000000002", IDs: through(41, 50)},
		}},
		{ID: "1600000000000000100", Owner: "faces", Tag: "2020-01", Dim: 4, Metric: 2},
		{ID: "1600000000000000200", Owner: "faces", Tag: "y2021", Dim: 4, Metric: 2, Segments: []milvus1test.Segment{
			{ID: "1600000000000000003", IDs: through(51, 51), Deleted: []int32{0}},
			{ID: "1600000000000000004", IDs: through(52, 100), Types: []int{milvus1test.FileIndex, milvus1test.FileBackup}},
		}},
	}
}

// prints is a collection of binary vectors.
func prints() []milvus1test.Table {
	return []milvus1test.Table{{ID: "prints", Dim: 16, Metric: 4, Segments: []milvus1test.Segment{
		{ID: "7", IDs: through(1, 30), Deleted: []int32{1, 3, 5}, Types: []int{milvus1test.FileToIndex}},
	}}}
}

// sourceOf names a collection of a directory, and partitions of it.
func sourceOf(dir, collection string, partitions ...string) *job.Milvus1Source {
	return &job.Milvus1Source{Path: dir, Collections: []job.Collection{{Name: collection, Partitions: partitions}}}
}

func open(t testing.TB, src *job.Milvus1Source) transfer.Source {
	t.Helper()
	s, err := milvus1.Open(context.Background(), src)
	must(t, err)
	return s
}

func describe(t testing.TB, src transfer.Source) *transfer.Description {
	t.Helper()
	d, err := src.Describe(context.Background())
	must(t, err)
	return d
}

// row is a row as it was read.
type row struct {
	partition string
	id        int64
	vector    string
}

// readAll reads all rows.
func readAll(t testing.TB, src transfer.Source, rangeRows int64, limit transfer.BatchLimit) []row {
	t.Helper()
	out, err := tryReadAll(src, rangeRows, limit)
	must(t, err)
	return out
}

func tryReadAll(src transfer.Source, rangeRows int64, limit transfer.BatchLimit) (out []row, err error) {
	ranges, err := src.Plan(context.Background(), rangeRows, func(string) {})
	if err != nil {
		return nil, err
	}
	for _, r := range ranges {
		if out, err = readRange(src, r, limit, out); err != nil {
			return out, err
		}
	}
	return out, nil
}

func readRange(src transfer.Source, r rows.Range, limit transfer.BatchLimit, out []row) (_ []row, err error) {
	reader, err := src.Open(context.Background(), r, rows.Cursor{}, limit)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	for {
		b, err := reader.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		vectors := b.Field("embedding").GetVectors().GetBinaryVector()
		if vectors == nil {
			vectors = rows.FloatBytes(b.Field("embedding").GetVectors().GetFloatVector().GetData())
		}
		w := len(vectors) / b.Rows
		for i, id := range b.Field("id").GetScalars().GetLongData().GetData() {
			out = append(out, row{r.Partition, id, string(vectors[i*w : (i+1)*w])})
		}
		b.Recycle()
	}
}
