// Package hdf5 reads vectors, and the fields beside them, from HDF5 files of several layouts, and writes whole collections
// in one of them.
//
// gonum.org/v1/hdf5 opens and describes what is in a file; native.c adds what it lacks. The rest is Go. All calls of the
// library run on one thread ([do]): whatever touches an open file says so.
package hdf5

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"math"
	"slices"
	"sort"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// source is some HDF5 files, none of them open: they are opened by the readers.
type source struct {
	inputs []*input
	schema *schemapb.CollectionSchema
	// first and end are the rows that the job takes, numbered over all files.
	first, end int64
	offset     int64  // of numbered keys
	unresolved string // the key_offset that is yet to be found out, "" if there is none
	notes      []string
	identity   string
}

// input is one file.
type input struct {
	fileState
	table *table
	first int64 // its first row's number
}

// place names a row of the file for a person.
func (in *input) place(row int64) string {
	return fmt.Sprintf("%s: row %d of %s", in.name, row, in.table.object)
}

// Open finds the files, and what they hold. It reads no rows.
// What is wrong with a file is told as fault.NotFound, Denied, Corrupt or Unsupported; what is wrong with how the job
// sees it as Config.
func Open(ctx context.Context, j *job.HDF5Source) (transfer.Source, error) {
	s, err := open(ctx, j, survives)
	if err != nil {
		return nil, err // no source that is nil and yet an interface
	}
	if s.keysScanned() {
		return keyedSource{s}, nil
	}
	return s, nil
}

// open lets check look at the files before the library does.
func open(ctx context.Context, j *job.HDF5Source, check func(context.Context, *job.HDF5Source, []fileState) error) (*source, error) {
	if err := checkJob(j); err != nil {
		return nil, err
	}
	states, err := findFiles(j)
	if err != nil {
		return nil, err
	}
	if err := check(ctx, j, states); err != nil {
		return nil, err
	}
	s := &source{identity: identity(states)}
	for _, state := range states {
		in := &input{fileState: state, first: s.end}
		if in.table, err = inspect(ctx, state, j); err != nil {
			return nil, err
		}
		s.inputs = append(s.inputs, in)
		s.end += in.table.rows
	}
	if s.schema, err = mergeSchemas(s.inputs, j); err != nil {
		return nil, err
	}
	if err := s.takeRows(j); err != nil {
		return nil, err
	}
	return s, s.written(j)
}

// written refuses to read rows that were never written.
func (s *source) written(j *job.HDF5Source) error {
	taken := s.taken()
	for i, in := range s.inputs {
		last := max(s.first-in.first, 0) + taken[i].Rows // of the file's
		for _, c := range in.table.columns {
			for _, p := range c.parts {
				if taken[i].Rows == 0 || last <= p.data.written {
					continue
				}
				hint := ""
				if first := max(s.first, in.first); in.first+p.data.written > first && s.whole(i) {
					hint = fmt.Sprintf("; to take the %d rows before the first that is missing, write %s: {first: %d, count: %d}",
						in.first+p.data.written-s.first, j.KeyName("rows"), s.first, in.first+p.data.written-s.first)
				}
				return notWritten(in.name, p.data, hint)
			}
		}
	}
	return nil
}

// whole reports whether the files before one were all written.
func (s *source) whole(before int) bool {
	for _, in := range s.inputs[:before] {
		for _, c := range in.table.columns {
			for _, p := range c.parts {
				if p.data.written < p.data.rows() {
					return false
				}
			}
		}
	}
	return true
}

// inspect describes what a file holds.
func inspect(ctx context.Context, state fileState, j *job.HDF5Source) (*table, error) {
	var t *table
	err := do(ctx, func() error {
		f, err := openHDF5(state)
		if err != nil {
			return err
		}
		t, err = detect(f, j)
		return errors.Join(err, f.Close())
	})
	return t, err
}

// takeRows applies the job's part of the rows.
func (s *source) takeRows(j *job.HDF5Source) error {
	rows, total := j.Rows, s.end
	s.offset = j.FirstKey()
	if in := s.inputs[0]; j.KeyOffset != "" && in.table.hasKey && in.table.export == nil {
		return fault.New(fault.Config,
			"%s: %s is for rows that are numbered, and %s holds the keys; leave it out, or write %s: none", in.name,
			j.KeyName("key_offset"), in.table.columns[0].path, j.KeyName("key"))
	}
	if j.KeyOffset == job.KeyOffsetAuto {
		s.unresolved = j.KeyName("key_offset")
	}
	switch {
	case total == 0 && s.inputs[0].table.export != nil:
		return nil // a collection, or a partition, may be empty
	case total == 0 && len(s.inputs) == 1:
		return fault.New(fault.Corrupt, "%s: %s holds no rows", s.inputs[0].name, s.inputs[0].table.object)
	case total == 0:
		return fault.New(fault.Corrupt, "%s and %d more files hold no rows", s.inputs[0].name, len(s.inputs)-1)
	case rows.First < 0 || rows.Count < 0:
		return fault.New(fault.Config, "%s: first and count can't be negative: %d, %d", j.KeyName("rows"), rows.First,
			rows.Count)
	case rows.First >= total:
		return fault.New(fault.Config, "%s is %d, and there are %d rows", j.KeyName("rows.first"), rows.First, total)
	}
	s.first = rows.First
	if rows.Count > 0 && rows.Count < total-rows.First {
		s.end = rows.First + rows.Count
	} else if rows.Count > total-rows.First {
		s.notes = append(s.notes, fmt.Sprintf("%s asks for %d rows from row %d on; there are %d", j.KeyName("rows"),
			rows.Count, rows.First, total-rows.First))
	}
	return nil
}

func (s *source) Describe(context.Context) (*transfer.Description, error) {
	d := &transfer.Description{
		Format: "HDF5, " + s.inputs[0].table.format, Schema: rows.Schema{CollectionSchema: s.schema},
		Rows: s.end - s.first, Inputs: s.taken(), Metric: s.inputs[0].table.metric, GeneratedKeys: !s.inputs[0].table.hasKey,
		Identity: s.identity, Notes: slices.Clone(s.notes), KeysBehind: s.unresolved != "",
	}
	if x := s.inputs[0].table.export; x != nil {
		d.Settings, d.Partitions = x.settings, s.partitions()
	}
	for i, in := range s.inputs {
		d.Bytes += d.Inputs[i].Rows * int64(in.table.rowBytes())
		if in.table.metric != d.Metric {
			return nil, fault.New(fault.Config, "%s was made for metric %q and %s for %q: name files of one metric",
				s.inputs[0].name, d.Metric, in.name, in.table.metric)
		}
		for _, note := range in.table.notes {
			if !slices.Contains(d.Notes, note) {
				d.Notes = append(d.Notes, note)
			}
		}
	}
	return d, nil
}

// taken is the files with the rows that are taken of them.
func (s *source) taken() []transfer.Input {
	out := make([]transfer.Input, len(s.inputs))
	for i, in := range s.inputs {
		from, to := max(in.first, s.first), min(in.first+in.table.rows, s.end)
		out[i] = transfer.Input{Path: in.name, Rows: max(to-from, 0), Bytes: in.size}
	}
	return out
}

func (s *source) Plan(_ context.Context, rowsPerRange int64, _ func(string)) ([]rows.Range, error) {
	if rowsPerRange < 1 {
		return nil, fault.New(fault.Config, "ranges of %d rows: at least 1 is needed", rowsPerRange)
	}
	ranges := transfer.RowRanges(s.taken(), rowsPerRange)
	for i := range ranges {
		ranges[i].From.Int += s.first
		ranges[i].To.Int += s.first
		if x := s.inputOf(ranges[i].From.Int).table.export; x != nil {
			ranges[i].Partition = x.partition
		}
	}
	return ranges, nil
}

func (s *source) Open(_ context.Context, r rows.Range, from rows.Cursor, limit transfer.BatchLimit) (transfer.Reader, error) {
	if s.unresolved != "" {
		return nil, fault.New(fault.Config,
			"%s: auto is found out when rows are copied; write the number of the first key, which the plan and the "+
				"report of the copy tell", s.unresolved)
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
	return &reader{source: s, row: from.Int, end: r.To.Int, limit: limit}, nil
}

// partitions are those of exports' files, nil where they name none.
func (s *source) partitions() []string {
	var out []string
	for _, in := range s.inputs {
		if p := in.table.export.partition; p != "" && !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

// keysScanned reports whether no key may stand twice, and keys can be scanned. In exports a key may, in different
// partitions; what stands twice there, or is no Int64, shows when the target's rows are counted.
func (s *source) keysScanned() bool {
	if s.inputs[0].table.export == nil {
		return true
	}
	key := rows.Schema{CollectionSchema: s.schema}.PrimaryKey()
	return key.GetDataType() == schemapb.DataType_Int64 && len(s.partitions()) < 2
}

// keyedSource is a source that is a transfer.KeyScanner.
type keyedSource struct{ *source }

// ScanKeys implements transfer.KeyScanner.
func (s keyedSource) ScanKeys(ctx context.Context, yield func(first int64, keys []int64) error) error {
	const rows = 128 << 10
	r := &reader{source: s.source, row: s.first, end: s.end, limit: transfer.BatchLimit{Rows: rows, Bytes: math.MaxInt}, onlyKeys: true}
	for {
		batch, err := r.Next(ctx)
		if err == io.EOF {
			return r.Close()
		}
		if err == nil {
			err = yield(batch.First, s.numbersOf(batch.Fields[0].GetScalars()))
		}
		if err != nil {
			return errors.Join(err, r.Close())
		}
	}
}

// numbersOf returns keys, or hashes of keys that are strings.
func (s keyedSource) numbersOf(keys *schemapb.ScalarField) []int64 {
	if !s.HashedKeys() {
		return keys.GetLongData().GetData()
	}
	texts := keys.GetStringData().GetData()
	out := make([]int64, len(texts))
	for i, text := range texts {
		out[i] = int64(maphash.String(hashSeed, text))
	}
	return out
}

// hashSeed is the same for all scans of this process, which are compared with each other.
var hashSeed = maphash.MakeSeed()

// HashedKeys implements transfer.Hashed.
func (s keyedSource) HashedKeys() bool {
	return rows.Schema{CollectionSchema: s.schema}.PrimaryKey().GetDataType() == schemapb.DataType_VarChar
}

// Place implements transfer.KeyScanner.
func (s *source) Place(row int64) string {
	if row < 0 || row >= s.inputs[len(s.inputs)-1].first+s.inputs[len(s.inputs)-1].table.rows {
		return fmt.Sprintf("row %d", row)
	}
	in := s.inputOf(row)
	return in.place(row - in.first)
}

// inputOf returns the file that a row lies in.
func (s *source) inputOf(row int64) *input {
	i := sort.Search(len(s.inputs), func(i int) bool { return s.inputs[i].first+s.inputs[i].table.rows > row })
	return s.inputs[i]
}

// Close has nothing to do: only readers hold files open.
func (s *source) Close() error { return nil }
