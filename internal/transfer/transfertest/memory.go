package transfertest

import (
	"cmp"
	"context"
	"io"
	"slices"
	"sync"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/fault"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// Row is a row in memory.
type Row struct {
	Partition string
	Key       int64
	Name      string // also the key, where keys are strings
	Value     float32
}

// File is a source of rows in memory that is like a file's: its rows are numbered, and a key that stands twice is read twice.
// Fields are id (Int64), name (VarChar) and v (a vector of two elements, both Value).
type File struct {
	Rows []Row
	// Strings: name is the primary key, and id is just a field.
	Strings bool
	// More is a field that only this source has, of zeros.
	More string
	// Identity is what the source says of itself.
	Identity string
	// Before is called before each batch is read.
	Before func() error
}

// Describe says what there is.
func (f *File) Describe(context.Context) (*transfer.Description, error) {
	n := int64(len(f.Rows))
	return &transfer.Description{Format: "rows in memory", Schema: f.schema(), Rows: n, Bytes: n * 40, Identity: cmp.Or(f.Identity, "memory"),
		Inputs: []transfer.Input{{Path: "memory", Rows: n, Bytes: n * 40}}}, nil
}

func (f *File) schema() rows.Schema {
	fields := []*schemapb.FieldSchema{rows.KeyField("id"), rows.VarCharField("name", 100), rows.VectorField("v", schemapb.DataType_FloatVector, 2)}
	fields[0].IsPrimaryKey, fields[1].IsPrimaryKey = !f.Strings, f.Strings
	if f.More != "" {
		fields = append(fields, &schemapb.FieldSchema{Name: f.More, DataType: schemapb.DataType_Int64})
	}
	return rows.Schema{CollectionSchema: &schemapb.CollectionSchema{Name: "memory", Fields: fields}}
}

// Plan cuts the rows into ranges of row numbers.
func (f *File) Plan(_ context.Context, size int64, _ func(string)) ([]rows.Range, error) {
	return transfer.RowRanges([]transfer.Input{{Rows: int64(len(f.Rows))}}, size), nil
}

// Open reads rows by number.
func (f *File) Open(_ context.Context, r rows.Range, from rows.Cursor, limit transfer.BatchLimit) (transfer.Reader, error) {
	at := max(r.From.Int, from.Int)
	return &memoryReader{file: f, rows: f.Rows[at:r.To.Int], first: at, limit: limit.Rows}, nil
}

// Close does nothing.
func (f *File) Close() error { return nil }

func (f *File) batch(some []Row) *rows.Batch {
	keys, names, values := make([]int64, 0, len(some)), make([]string, 0, len(some)), make([]float32, 0, 2*len(some))
	for _, r := range some {
		keys, names, values = append(keys, r.Key), append(names, r.Name), append(values, r.Value, r.Value)
	}
	b := &rows.Batch{Rows: len(some), First: -1, Fields: []*schemapb.FieldData{
		rows.FloatVectorColumn("v", 2, values), rows.Int64Column("id", keys), rows.VarCharColumn("name", names)}}
	if f.More != "" {
		b.Fields = append(b.Fields, rows.Int64Column(f.More, make([]int64, len(some))))
	}
	return b
}

type memoryReader struct {
	file  *File
	rows  []Row
	first int64 // -1 where rows have no numbers
	limit int
}

func (r *memoryReader) Next(ctx context.Context) (*rows.Batch, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if r.file.Before != nil {
		if err := r.file.Before(); err != nil {
			return nil, err
		}
	}
	n := min(r.limit, len(r.rows))
	if n == 0 {
		return nil, io.EOF
	}
	b := r.file.batch(r.rows[:n])
	if r.first >= 0 {
		b.First, b.After = r.first, rows.Row(r.first+int64(n))
		r.first += int64(n)
	} else {
		b.After = r.file.cursor(r.rows[n-1])
	}
	r.rows = r.rows[n:]
	return b, nil
}

func (r *memoryReader) Close() error { return nil }

func (f *File) cursor(r Row) rows.Cursor {
	if f.Strings {
		return rows.Cursor{Kind: rows.StringCursor, Str: r.Name}
	}
	return rows.Cursor{Kind: rows.Int64Cursor, Int: r.Key}
}

// Server is a source of rows in memory that is like a server's: it is read in key order by partition, each key once (though
// it counts as often as it stands there), and keys can be looked up.
type Server struct {
	File
	// Partitions are named by ranges. Nil: rows have none.
	Partitions []string
	// NeedsLoad: it can be read between Load and Release only.
	NeedsLoad bool
	// Released is what Release was called with.
	Released []string

	mu     sync.Mutex
	loaded bool
}

var (
	_ transfer.Source  = (*File)(nil)
	_ transfer.Source  = (*Server)(nil)
	_ transfer.Loader  = (*Server)(nil)
	_ transfer.Finder  = (*Server)(nil)
	_ transfer.Counter = (*Server)(nil)
)

// Describe says what there is.
func (s *Server) Describe(ctx context.Context) (*transfer.Description, error) {
	d, err := s.File.Describe(ctx)
	d.Inputs, d.Partitions = nil, s.Partitions
	if !s.ready() {
		d.Unloaded = []string{"*"}
	}
	return d, err
}

func (s *Server) ready() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.loaded || !s.NeedsLoad
}

// Unloaded is everything, or nothing.
func (s *Server) Unloaded(context.Context) ([]string, error) {
	if s.ready() {
		return nil, nil
	}
	return []string{"*"}, nil
}

// Load makes the rows readable.
func (s *Server) Load(_ context.Context, what []string, _ func(string)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loaded = s.loaded || len(what) > 0
	return nil
}

// Release takes Load back.
func (s *Server) Release(_ context.Context, loaded []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loaded, s.Released = false, append(s.Released, loaded...)
	return nil
}

// Plan cuts each partition into ranges of keys.
func (s *Server) Plan(_ context.Context, size int64, _ func(string)) ([]rows.Range, error) {
	if !s.ready() {
		return nil, fault.New(fault.Internal, "planned before it was loaded")
	}
	partitions := s.Partitions
	if partitions == nil {
		partitions = []string{""}
	}
	var out []rows.Range
	for _, p := range partitions {
		left := s.in(rows.Range{Partition: p}, true)
		var from rows.Cursor
		for int64(len(left)) > size {
			to := s.cursor(left[size-1])
			out = append(out, rows.Range{ID: len(out), Partition: p, Rows: size, From: from, To: to})
			left, from = left[size:], to
		}
		out = append(out, rows.Range{ID: len(out), Partition: p, Rows: int64(len(left)), From: from})
	}
	return out, nil
}

// Open reads keys behind the cursor.
func (s *Server) Open(_ context.Context, r rows.Range, from rows.Cursor, limit transfer.BatchLimit) (transfer.Reader, error) {
	if !s.ready() {
		return nil, fault.New(fault.Internal, "opened before it was loaded")
	}
	if !from.IsZero() {
		r.From = from
	}
	return &memoryReader{file: &s.File, rows: s.in(r, true), first: -1, limit: limit.Rows}, nil
}

// CountRange counts rows.
func (s *Server) CountRange(_ context.Context, r rows.Range) (int64, error) {
	return int64(len(s.in(r, false))), nil
}

// Find yields the rows of the keys, the last key's first.
func (s *Server) Find(_ context.Context, partition string, keys *rows.Keys, yield func(*rows.Batch) error) error {
	rows := s.in(rows.Range{Partition: partition}, true)
	rows = slices.DeleteFunc(rows, func(r Row) bool {
		return !slices.Contains(keys.Ints, r.Key) && !slices.Contains(keys.Strings, r.Name)
	})
	slices.Reverse(rows)
	for part := range slices.Chunk(rows, 3) {
		if err := yield(s.batch(part)); err != nil {
			return err
		}
	}
	return nil
}

// in returns the rows of a range in key order; each key of a partition once, if distinct.
func (s *Server) in(r rows.Range, distinct bool) []Row {
	var out []Row
	for _, row := range s.Rows {
		c := s.cursor(row)
		if (r.Partition == "" || r.Partition == row.Partition) && (r.From.IsZero() || order(c, r.From) > 0) && (r.To.IsZero() || order(c, r.To) <= 0) {
			out = append(out, row)
		}
	}
	slices.SortStableFunc(out, func(a, b Row) int { return order(s.cursor(a), s.cursor(b)) })
	if distinct {
		out = slices.CompactFunc(out, func(a, b Row) bool {
			return s.cursor(a) == s.cursor(b) && (r.Partition != "" || a.Partition == b.Partition)
		})
	}
	return out
}

func order(a, b rows.Cursor) int {
	return cmp.Or(cmp.Compare(a.Int, b.Int), cmp.Compare(a.Str, b.Str))
}
