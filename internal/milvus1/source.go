// Package milvus1 reads collections from the directory in which a Milvus 1.x server kept its data.
//
// What there is, the metadata says (catalog.go: SQLite or MySQL). Rows lie in segments (segment.go), and are read by offset, so
// that memory is bounded by a batch and a copy goes on from any row at once. Nothing is ever written there.
// docs/milvus1.md tells the format and where it is from.
package milvus1

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"sort"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// source is one collection, or some of its partitions.
type source struct {
	keyField, vectorField string
	metadata              string // where it is, for a person
	shape                 shape
	partitions            []partition // at least one
	segments              []*segment  // in the partitions' order
}

// partition is a run of a source's rows.
type partition struct {
	name       string // in the target
	dir        string
	first, end int64 // its rows, counted over the source
}

// shape is what all vectors of a collection are.
type shape struct {
	dim      int64 // in bits, where binary
	binary   bool
	metric   string
	rowBytes int64
}

// metrics are Milvus 1.x's metric types, by number (enum MetricType of ExecutionEngine.h). Those from 3 on are for binary vectors.
var metrics = []string{1: "L2", 2: "IP", 3: "HAMMING", 4: "JACCARD", 5: "TANIMOTO", 6: "SUBSTRUCTURE", 7: "SUPERSTRUCTURE"}

// Open opens the one collection that the job names, or the partitions of it that the job chooses. It reads metadata, and which
// rows are deleted; the files of a segment must agree with each other and with the metadata.
// Rows are numbered over what is chosen, deleted rows left out.
//
// The returned source is a transfer.KeyScanner too: Milvus 1.x lets ids repeat.
func Open(ctx context.Context, src *job.Milvus1Source) (transfer.Source, error) {
	s, err := open(ctx, src)
	if err != nil {
		return nil, err // no source that is nil and yet an interface
	}
	return s, nil
}

func open(ctx context.Context, src *job.Milvus1Source) (s *source, err error) {
	choice, err := theOne(src.Collections)
	if err != nil {
		return nil, err
	}
	c, err := openCatalog(ctx, src)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	collection, tables, err := c.choose(ctx, choice)
	if err != nil {
		return nil, err
	}
	s = &source{
		keyField: cmp.Or(src.KeyField, "id"), vectorField: cmp.Or(src.VectorField, "embedding"), metadata: c.place,
	}
	if s.shape, err = shapeOf(collection); err != nil {
		return nil, fault.Wrap(fault.Corrupt, err, "%s", c.place)
	}
	for _, t := range tables {
		if err := s.add(ctx, c, src.Path, collection, t, choice.RenamePartitions); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// theOne returns the one collection to read, which a source must have been left with (List).
func theOne(chosen []job.Collection) (*job.Collection, error) {
	if len(chosen) != 1 || chosen[0].IsPattern() {
		return nil, fault.New(fault.Internal, "a source is one collection; List says which there are")
	}
	c := &chosen[0]
	for _, k := range []struct {
		key string
		set bool
	}{{"filter", c.Filter != ""}, {"fields", len(c.Fields) > 0}, {"limit", c.Limit != 0}, {"rename_fields", len(c.RenameFields) > 0}} {
		if k.set {
			return nil, fault.New(fault.Config, "source.milvus1.collections: %s is not available for a Milvus 1.x directory, whose rows are an id and a vector; source.milvus1.key_field and source.milvus1.vector_field set their names in the target", k.key)
		}
	}
	return c, nil
}

// shapeOf checks what the metadata says of a collection's vectors.
func shapeOf(t table) (shape, error) {
	if t.metric < 1 || t.metric >= int64(len(metrics)) {
		return shape{}, fault.New(fault.Unsupported, "%q has metric type %d, which Milvus 1.x does not know", t.id, t.metric)
	}
	s := shape{dim: t.dim, binary: t.metric >= 3, metric: metrics[t.metric], rowBytes: t.dim * 4}
	if s.binary {
		s.rowBytes = t.dim / 8
	}
	switch {
	case t.dim < 1 || t.dim > math.MaxUint16: // Milvus's type for it
		return shape{}, fmt.Errorf("%q has vectors of dimension %d", t.id, t.dim)
	case s.binary && t.dim%8 != 0:
		return shape{}, fmt.Errorf("%q has binary vectors of dimension %d, which is no multiple of 8", t.id, t.dim)
	}
	return s, nil
}

// add adds the rows of a partition.
func (s *source) add(ctx context.Context, c *catalog, path string, collection, t table, rename map[string]string) error {
	if shape, err := shapeOf(t); err != nil || shape != s.shape {
		return fault.New(fault.Corrupt, "%s: partition %q of %q has vectors of dimension %d and metric type %d, and the collection of %d and %d",
			c.place, t.tag, collection.id, t.dim, t.metric, collection.dim, collection.metric)
	}
	name := cmp.Or(rename[t.tag], t.tag)
	for _, p := range s.partitions {
		if p.name == name {
			return fault.New(fault.Config, "two partitions of %q would be named %q in the target; name them apart with rename_partitions", collection.id, name)
		}
	}
	segments, err := c.segments(ctx, t.id)
	if err != nil {
		return err
	}
	p := partition{name: name, dir: filepath.Join(path, "db", "tables", t.id), first: s.rows(), end: s.rows()}
	for _, said := range segments {
		if err := ctx.Err(); err != nil {
			return err
		}
		found, err := findSegment(p.dir, said, s.shape.rowBytes)
		if err != nil {
			return err
		}
		found.first = p.end
		p.end = found.end()
		s.segments = append(s.segments, found)
	}
	s.partitions = append(s.partitions, p)
	return nil
}

// rows is how many there are, which is the number of the row behind the last.
func (s *source) rows() int64 {
	if len(s.partitions) == 0 {
		return 0
	}
	return s.partitions[len(s.partitions)-1].end
}

// Close has nothing to do: only readers hold files open.
func (s *source) Close() error { return nil }

func (s *source) Describe(context.Context) (*transfer.Description, error) {
	vector := rows.VectorField(s.vectorField, schemapb.DataType_FloatVector, s.shape.dim)
	if s.shape.binary {
		vector.DataType = schemapb.DataType_BinaryVector
	}
	d := &transfer.Description{
		Format: "Milvus 1.x directory, metadata in " + s.metadata,
		Schema: rows.Schema{CollectionSchema: &schemapb.CollectionSchema{
			Fields: []*schemapb.FieldSchema{rows.KeyField(s.keyField), vector}}},
		Rows: s.rows(), Metric: s.shape.metric, Identity: s.identity(), Inputs: s.inputs(),
	}
	for i, p := range s.partitions {
		d.Bytes += d.Inputs[i].Bytes
		d.Partitions = append(d.Partitions, p.name)
	}
	if d.Metric == "TANIMOTO" {
		d.Notes = append(d.Notes, "the collection was made for TANIMOTO, which Milvus does not have since 2.3: write index.metric: JACCARD, which ranks neighbours in the same order")
	}
	var deleted int64
	for _, seg := range s.segments {
		deleted += seg.rows - seg.live
	}
	if deleted > 0 {
		d.Notes = append(d.Notes, fmt.Sprintf("%d deleted rows in the files are skipped", deleted))
	}
	return d, nil
}

// inputs are the partitions' folders: a partition has one file and more for each of any number of segments.
func (s *source) inputs() []transfer.Input {
	var out []transfer.Input
	for _, p := range s.partitions {
		rows := p.end - p.first
		out = append(out, transfer.Input{Path: p.dir, Rows: rows, Bytes: rows * (s.shape.rowBytes + 8)})
	}
	return out
}

// identity is made from the segments and their files' sizes and modification times.
func (s *source) identity() string {
	h := sha256.New()
	fmt.Fprintln(h, s.shape.dim, s.shape.metric)
	for _, p := range s.partitions {
		fmt.Fprintln(h, filepath.Base(p.dir), p.first, p.end)
	}
	for _, seg := range s.segments {
		fmt.Fprintln(h, filepath.Base(seg.dir))
		for _, f := range seg.files() {
			fmt.Fprintln(h, f.size(), f.info.ModTime().UnixNano())
		}
	}
	return "milvus1:" + hex.EncodeToString(h.Sum(nil)[:16])
}

// Plan cuts the rows into ranges that do not cross from one partition to the next. They do cross segments, which can be many
// and small.
func (s *source) Plan(_ context.Context, rowsPerRange int64, _ func(string)) ([]rows.Range, error) {
	if rowsPerRange < 1 {
		return nil, fault.New(fault.Config, "ranges of %d rows: at least 1 is needed", rowsPerRange)
	}
	ranges := transfer.RowRanges(s.inputs(), rowsPerRange)
	for i := range ranges {
		at := sort.Search(len(s.partitions), func(p int) bool { return s.partitions[p].end > ranges[i].From.Int })
		ranges[i].Partition = s.partitions[at].name
	}
	return ranges, nil
}

func (s *source) Open(_ context.Context, r rows.Range, from rows.Cursor, limit transfer.BatchLimit) (transfer.Reader, error) {
	if from.IsZero() {
		from = r.From
	}
	for _, c := range []rows.Cursor{r.From, r.To, from} {
		if c.Kind != rows.RowCursor || c.Int < 0 || c.Int > s.rows() {
			return nil, fault.New(fault.SourceChanged, "%v is not within the %d rows of this collection", c, s.rows())
		}
	}
	if from.Int < r.From.Int || from.Int > r.To.Int {
		return nil, fault.New(fault.Internal, "%v is not in the range from %v to %v", from, r.From, r.To)
	}
	rows := max(min(int64(limit.Rows), int64(limit.Bytes)/(s.shape.rowBytes+8)), 1)
	return &reader{source: s, row: from.Int, end: r.To.Int, rows: rows}, nil
}

// scanKeys is how many keys are handed out at once.
const scanKeys = 1 << 16

// ScanKeys implements transfer.KeyScanner.
func (s *source) ScanKeys(ctx context.Context, yield func(first int64, keys []int64) error) error {
	keys := make([]int64, min(scanKeys, s.rows()))
	for _, seg := range s.segments {
		if err := s.scan(ctx, seg, keys, yield); err != nil {
			return err
		}
	}
	return nil
}

func (s *source) scan(ctx context.Context, seg *segment, room []int64, yield func(int64, []int64) error) (err error) {
	r, err := seg.open(ctx, 0, s.shape.rowBytes, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	for row := seg.first; row < seg.end(); {
		if err := ctx.Err(); err != nil {
			return err
		}
		keys := room[:min(int64(len(room)), seg.end()-row)]
		if err := r.read(keys, nil); err != nil {
			return err
		}
		if err := yield(row, keys); err != nil {
			return err
		}
		row += int64(len(keys))
	}
	return seg.unchanged()
}

// Place implements transfer.KeyScanner.
func (s *source) Place(row int64) string {
	if row < 0 || row >= s.rows() {
		return fmt.Sprintf("row %d", row)
	}
	seg := s.segmentOf(row)
	text := fmt.Sprintf("%s: row %d", seg.dir, row-seg.first)
	if seg.live != seg.rows {
		text += " of those that are not deleted"
	}
	return text
}

// segmentOf returns the segment that holds a row.
func (s *source) segmentOf(row int64) *segment {
	return s.segments[sort.Search(len(s.segments), func(i int) bool { return s.segments[i].end() > row })]
}
