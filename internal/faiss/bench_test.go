package faiss

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

const benchRows, benchDim = 1_000_000, 128

// writeFlat writes a Flat index, in an IDMap if asked for.
func writeFlat(b *testing.B, idMap bool) string {
	header := func(w *bytes.Buffer, kind string) {
		w.WriteString(kind)
		for _, v := range []any{int32(benchDim), int64(benchRows), int64(1 << 20), int64(1 << 20), true, int32(1)} {
			if err := binary.Write(w, binary.LittleEndian, v); err != nil {
				b.Fatal(err)
			}
		}
	}
	var head bytes.Buffer
	if idMap {
		header(&head, "IxMp")
	}
	header(&head, "IxF2")
	head.Write(binary.LittleEndian.AppendUint64(nil, benchRows*benchDim))
	path := filepath.Join(b.TempDir(), "bench.faiss")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	write := func(p []byte) {
		if _, err := f.Write(p); err != nil {
			b.Fatal(err)
		}
	}
	write(head.Bytes())
	block := make([]byte, benchDim*4*1000)
	for i := range block {
		block[i] = byte(i)
	}
	for range benchRows / 1000 {
		write(block)
	}
	if idMap {
		write(binary.LittleEndian.AppendUint64(nil, benchRows))
		for i := range benchRows {
			binary.LittleEndian.PutUint64(block[i%1000*8:], uint64(i)*3)
			if i%1000 == 999 {
				write(block[:8000])
			}
		}
	}
	return path
}

func benchRead(b *testing.B, path string, batch int) {
	src, err := Open(b.Context(), files(path), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer src.Close()
	d, err := src.Describe(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	all := rows.Range{From: rows.Row(0), To: rows.Row(d.Rows)}
	b.SetBytes(d.Bytes)
	b.ReportAllocs()
	for b.Loop() {
		r, err := src.Open(b.Context(), all, rows.Cursor{}, transfer.BatchLimit{Rows: batch, Bytes: 64 << 20})
		for err == nil {
			_, err = r.Next(context.Background())
		}
		if err != io.EOF {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(d.Rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkFlat(b *testing.B)  { benchRead(b, writeFlat(b, false), 8000) }
func BenchmarkIDMap(b *testing.B) { benchRead(b, writeFlat(b, true), 8000) }

// The time from nothing to the first row.
func BenchmarkFirstRow(b *testing.B) {
	path := writeFlat(b, true)
	for b.Loop() {
		start := time.Now()
		src, err := Open(b.Context(), files(path), nil)
		if err != nil {
			b.Fatal(err)
		}
		r, err := src.Open(b.Context(), rows.Range{From: rows.Row(0), To: rows.Row(benchRows)}, rows.Cursor{},
			transfer.BatchLimit{Rows: 1, Bytes: 1 << 20})
		if err == nil {
			_, err = r.Next(b.Context())
		}
		if err != nil {
			b.Fatal(err)
		}
		if took := time.Since(start); took > 20*time.Millisecond {
			b.Fatalf("first row after %v", took)
		}
		if err := src.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDecode decodes a million elements of each kind of code.
func BenchmarkDecode(b *testing.B) {
	for _, name := range []string{"sq8", "sq4", "sqfp16", "sqbf16", "pq2x8", "pq4x4", "ivf-sq8", "opq-pq", "rr-flat"} {
		b.Run(name, func(b *testing.B) {
			x, err := OpenIndex(filepath.Join("testdata", name+".faiss"))
			if err != nil {
				b.Fatal(err)
			}
			defer x.Close()
			dst := make([]float32, x.Rows*int64(x.Dim))
			b.SetBytes(int64(len(dst)) * 4)
			for b.Loop() {
				if err := x.ReadFloats(0, dst); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
