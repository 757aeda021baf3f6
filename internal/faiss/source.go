// Package faiss reads Faiss index files as a source of rows.
//
// Files are read by offset, so that memory is bounded by a batch and a copy goes on from any row at once. Kinds of index
// that this package does not read can be left to a [Helper] that runs Faiss itself.
package faiss

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// Helper reads float indexes with Faiss itself, for kinds that this package does not know. It loads a whole index to do
// so, in a process of its own.
//
// What ctx has as transfer.Reporter is told while a process works.
type Helper interface {
	// Version is that of the Faiss that is linked, as "1.7.3".
	Version() string
	// Describe loads an index and says what it holds, but for Kind and Lossy. Errors are fault.Unsupported for a kind that can't be read
	// faithfully in this way either, and fault.Corrupt when Faiss refuses the file or dies of it.
	Describe(ctx context.Context, path string) (Info, error)
	// Open streams count rows from row first on: their ids, where the index has any, and vectors if asked for.
	Open(ctx context.Context, path string, first, count int64, vectors bool) (Stream, error)
}

// Stream yields rows one after another.
type Stream interface {
	// Read fills ids, where the index has any, with the next len(ids) ids, and vectors, if asked for, with as many
	// vectors. When ctx ends the stream does.
	Read(ctx context.Context, vectors []float32, ids []int64) error
	Close() error
}

// source is a set of index files as one sequence of rows.
type source struct {
	keyField, vectorField string
	numbered              bool    // the ids of the files are left out
	parts                 []*part // at least one
	behind                bool    // keys begin behind the target's, which is yet to be found out
	first, end            int64   // the rows that the job takes, numbered over all files
}

// Open opens the index files that a job names. helper may be nil.
//
// Rows are numbered over all files, those that the job leaves out included; that number is the key of a row in a file
// without ids. So a row has the same key whatever part of the rows a job takes.
//
// The returned source is a transfer.KeyScanner too.
func Open(ctx context.Context, src *job.FaissSource, helper Helper) (transfer.Source, error) {
	paths, err := expand(src.Paths)
	if err != nil {
		return nil, err
	}
	s := &source{keyField: src.KeyField, vectorField: src.VectorField, numbered: src.Key == job.NoKey,
		behind: src.KeyOffset == job.KeyOffsetAuto}
	if s.keyField == "" {
		s.keyField = "id"
	}
	if s.vectorField == "" {
		s.vectorField = "embedding"
	}
	for _, path := range paths {
		p, err := openPart(ctx, path, helper)
		if err == nil {
			p.numbered, p.report = s.numbered || !p.info.IDs, transfer.Reporter(ctx)
			p.first, s.end = s.end, s.end+p.info.Rows
			p.offset = src.FirstKey()
			s.parts = append(s.parts, p)
			err = agree(s.parts[0], p)
		}
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	if src.KeyOffset != "" && s.keyed() {
		err := fault.New(fault.Config, "%s: key_offset is for files without ids; leave it out", s.parts[0].path)
		return nil, errors.Join(err, s.Close())
	}
	if err := s.take(src.Rows); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// agree refuses files that do not fit one collection.
func agree(a, b *part) error {
	if a.info.shape() != b.info.shape() {
		return fault.New(fault.Config, "%s holds %s and %s holds %s; write a job for each", a.path, a.info.shape(),
			b.path, b.info.shape())
	}
	return nil
}

func (i Info) shape() string {
	if i.Binary {
		return fmt.Sprintf("binary vectors of dimension %d", i.Dim)
	}
	return fmt.Sprintf("float vectors of dimension %d for %v", i.Dim, i.Metric)
}

// take applies the job's part of the rows.
func (s *source) take(rows job.RowSlice) error {
	total := s.end
	switch {
	case total == 0:
		return fault.New(fault.Config, "%s: the index holds no rows; add the vectors to it before it is written",
			s.parts[0].path)
	case rows.First < 0 || rows.Count < 0:
		return fault.New(fault.Config, "rows: first and count can't be negative: %d, %d", rows.First, rows.Count)
	case rows.First >= total:
		return fault.New(fault.Config, "rows.first is %d, and there are %d rows", rows.First, total)
	}
	s.first = rows.First
	if rows.Count > 0 && rows.Count < total-rows.First {
		s.end = rows.First + rows.Count
	}
	return nil
}

func (s *source) Close() error {
	var err error
	for _, p := range s.parts {
		err = errors.Join(err, p.close())
	}
	return err
}

func (s *source) Describe(context.Context) (*transfer.Description, error) {
	shape := s.parts[0].info
	vector := rows.VectorField(s.vectorField, schemapb.DataType_FloatVector, int64(shape.Dim))
	if shape.Binary {
		vector.DataType = schemapb.DataType_BinaryVector
	}
	d := &transfer.Description{
		Schema: rows.Schema{CollectionSchema: &schemapb.CollectionSchema{
			Fields: []*schemapb.FieldSchema{rows.KeyField(s.keyField), vector}}},
		Rows:          s.end - s.first,
		Inputs:        s.taken(),
		GeneratedKeys: !s.keyed(),
		KeysBehind:    s.behind,
	}
	var err error
	if d.Identity, err = s.identity(); err != nil {
		return nil, err
	}
	for _, in := range d.Inputs {
		d.Bytes += in.Bytes
	}
	d.Format = "Faiss, " + s.gather(" and ", func(p *part) string { return p.kind() })
	d.Lossy = s.gather("; ", func(p *part) string { return p.info.Lossy })
	s.describeMetric(d)
	s.describeKeys(d)
	return d, nil
}

// taken is the files with the rows that are taken of them.
func (s *source) taken() []transfer.Input {
	out := make([]transfer.Input, len(s.parts))
	for i, p := range s.parts {
		rows := max(min(p.end(), s.end)-max(p.first, s.first), 0)
		out[i] = transfer.Input{Path: p.path, Rows: rows, Bytes: rows * int64(p.info.RowBytes()+8)}
	}
	return out
}

// gather joins what of says of the files, each text once.
func (s *source) gather(sep string, of func(*part) string) string {
	var out string
	seen := map[string]bool{"": true}
	for _, p := range s.parts {
		if text := of(p); !seen[text] {
			if seen[text] = true; out != "" {
				out += sep
			}
			out += text
		}
	}
	return out
}

func (s *source) describeMetric(d *transfer.Description) {
	info := s.parts[0].info // all are of one metric
	if info.Binary {
		d.Metric = "HAMMING"
		return
	}
	d.Metric = info.Metric.Milvus()
	switch {
	case d.Metric == "":
		d.Notes = append(d.Notes, fmt.Sprintf("the index was made for %v, which Milvus does not have: searches in "+
			"Milvus will find other neighbours", info.Metric))
	case d.Metric == "IP" && info.Normalized:
		d.Notes = append(d.Notes, "the index scales vectors to length 1 before it takes inner products: that is "+
			"cosine similarity")
	}
}

// keyed reports whether the keys of any file are its ids.
func (s *source) keyed() bool {
	return slices.ContainsFunc(s.parts, func(p *part) bool { return !p.numbered })
}

func (s *source) describeKeys(d *transfer.Description) {
	with, footers := 0, 0
	for _, p := range s.parts {
		if p.info.IDs {
			with++
		}
		if p.info.Footer != "" {
			footers++
		}
	}
	switch {
	case s.numbered && with > 0:
		d.Notes = append(d.Notes, fmt.Sprintf("the ids in %d of %d files are left out (key: none): keys are row "+
			"numbers, counted over all files", with, len(s.parts)))
	case with == 0:
		d.Notes = append(d.Notes, "the files hold no ids: keys are row numbers, counted over all files")
	case with < len(s.parts):
		d.Notes = append(d.Notes, fmt.Sprintf("%d of %d files hold ids; in the others keys are row numbers, counted over all files, which may repeat those ids", with, len(s.parts)))
	}
	if footers > 0 {
		d.Notes = append(d.Notes, fmt.Sprintf("%d of %d files end with %s: they are of an OpenSearch or "+
			"Elasticsearch segment, and their ids are Lucene's "+
			"numbers of documents in it, not the documents' _id", footers, len(s.parts), luceneName))
	}
}

// Plan cuts the rows into ranges that do not cross from one file to the next. It reads what tells whether ids and
// rows belong together.
func (s *source) Plan(ctx context.Context, rowsPerRange int64, report func(string)) ([]rows.Range, error) {
	if rowsPerRange < 1 {
		return nil, fault.New(fault.Config, "ranges of %d rows: at least 1 is needed", rowsPerRange)
	}
	for _, p := range s.parts {
		if err := p.check(ctx, report); err != nil {
			return nil, err
		}
	}
	ranges := transfer.RowRanges(s.taken(), rowsPerRange)
	for i := range ranges {
		ranges[i].From.Int += s.first
		ranges[i].To.Int += s.first
	}
	return ranges, nil
}

// scanKeys is how many keys are handed out at once.
const scanKeys = 1 << 16

// ScanKeys implements transfer.KeyScanner.
func (s *source) ScanKeys(ctx context.Context, yield func(first int64, keys []int64) error) error {
	keys := make([]int64, min(scanKeys, s.end-s.first))
	for row := s.first; row < s.end; {
		p := s.partOf(row)
		to := min(s.end, p.end())
		if err := p.scan(ctx, row, to, keys, yield); err != nil {
			return err
		}
		row = to
	}
	return nil
}

// Place implements transfer.KeyScanner.
func (s *source) Place(row int64) string {
	if row < s.first || row >= s.end {
		return fmt.Sprintf("row %d", row)
	}
	return s.partOf(row).place(row)
}

// partOf returns the part that holds a row.
func (s *source) partOf(row int64) *part {
	return s.parts[sort.Search(len(s.parts), func(i int) bool { return s.parts[i].end() > row })]
}

func (s *source) Open(_ context.Context, r rows.Range, from rows.Cursor, limit transfer.BatchLimit) (transfer.Reader, error) {
	if s.behind {
		return nil, fault.New(fault.Config,
			"key_offset: auto is found out when rows are copied; write the number of the first key, "+
				"which the plan and the report of the copy tell")
	}
	if from.IsZero() {
		from = r.From
	}
	for _, c := range []rows.Cursor{r.From, r.To, from} {
		if c.Kind != rows.RowCursor || c.Int < s.first || c.Int > s.end {
			return nil, fault.New(fault.SourceChanged, "%v is not within the rows %d to %d of these files", c, s.first, s.end)
		}
	}
	if from.Int < r.From.Int || from.Int > r.To.Int {
		return nil, fault.New(fault.Internal, "%v is not in the range from %v to %v", from, r.From, r.To)
	}
	rowBytes := s.parts[0].info.RowBytes() + 8
	return &reader{source: s, row: from.Int, end: r.To.Int, rows: int64(max(min(limit.Rows, limit.Bytes/rowBytes), 1))}, nil
}
