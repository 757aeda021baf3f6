package faiss_test

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"testing"

	"milvusdm/internal/faiss"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
	"milvusdm/internal/transfer/transfertest"
)

// Every fixture that can be read keeps the contract of a transfer.Source, alone and as a part of its rows.
func TestContract(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.faiss")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, path := range paths {
		open := func(rows job.RowSlice) (transfer.Source, error) {
			return faiss.Open(context.Background(), &job.FaissSource{Files: job.Files{Paths: []string{path}, Rows: rows}}, nil)
		}
		rows := readable(open)
		if rows < 20 {
			continue
		}
		checked++
		for name, slice := range map[string]job.RowSlice{"whole": {}, "part": {First: 4, Count: rows - 7}} {
			t.Run(filepath.Base(path)+"/"+name, func(t *testing.T) {
				transfertest.Source(t, func(t *testing.T) transfer.Source {
					src, err := open(slice)
					if err != nil {
						t.Fatal(err)
					}
					return src
				})
			})
		}
	}
	if checked < 20 {
		t.Errorf("only %d fixtures were checked", checked)
	}
}

// readable is how many rows a fixture has, 0 for one that is there to be refused.
func readable(open func(job.RowSlice) (transfer.Source, error)) int64 {
	src, err := open(job.RowSlice{})
	if err != nil {
		return 0
	}
	defer src.Close()
	ranges, err := src.Plan(context.Background(), 1<<20, func(string) {})
	if err != nil || len(ranges) != 1 {
		return 0
	}
	r, err := src.Open(context.Background(), ranges[0], rows.Cursor{}, transfer.BatchLimit{Rows: 1 << 20, Bytes: 1 << 30})
	if err != nil {
		return 0
	}
	defer r.Close()
	rows := int64(0)
	for {
		b, err := r.Next(context.Background())
		switch {
		case errors.Is(err, io.EOF):
			return rows
		case err != nil:
			return 0
		}
		rows += int64(b.Rows)
	}
}
