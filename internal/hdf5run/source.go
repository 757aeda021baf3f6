package hdf5run

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/protobuf/proto"

	"milvusdm/internal/export"
	"milvusdm/internal/fault"
	"milvusdm/internal/hdf5"
	"milvusdm/internal/human"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// Fix chooses the run that src names: it returns src with the run's own directory and its manifest's seal. All other functions
// need that, so that a job reads one run from its beginning to its end, whichever are finished or deleted meanwhile.
func Fix(src *job.ExportSource) (*job.ExportSource, error) {
	path, err := run(src.Path)
	if err != nil {
		return nil, err
	}
	m, err := export.ReadManifest(path)
	if err != nil {
		return nil, err
	}
	fixed := *src
	fixed.Path, fixed.Seal = path, m.Seal
	return &fixed, nil
}

// fixed refuses a manifest that is not of the run which src was fixed to. err is that of reading it.
func fixed(src *job.ExportSource, m *export.Manifest, err error) error {
	switch {
	case src.Seal == "":
		return fault.New(fault.Internal, "%s: the run is not chosen", src.Path)
	case err != nil && fault.KindOf(err) == fault.NotFound:
		return fault.New(fault.SourceChanged, "the export that the job began to read is gone; "+
			"run the job again with --fresh to read the newest one: %w", err)
	case err != nil:
		return err
	case m.Seal != src.Seal:
		return fault.New(fault.SourceChanged, "%s: another export is there than the one that the job began to read; "+
			"run the job again with --fresh to read this one", src.Path)
	}
	return nil
}

// List returns a choice for each collection that the job names: those named, in their order, and those of the run that patterns
// stand for, as the manifest has them.
func List(src *job.ExportSource) ([]job.Collection, error) {
	path := src.Path
	m, err := export.ReadManifest(path)
	if err := fixed(src, m, err); err != nil {
		return nil, err
	}
	var names []string
	for _, c := range m.Collections {
		names = append(names, c.Name)
	}
	chosen, idle := job.Choose(src.Collections, names)
	if len(idle) > 0 {
		return nil, fault.New(fault.NotFound, "%s: holds no collection that %s matches; it has %.500s", path, idle[0], strings.Join(names, ", "))
	}
	for _, choice := range chosen {
		if _, err := find(m, path, choice.Name); err != nil {
			return nil, err
		}
	}
	return chosen, nil
}

// run is the directory of the run that path names: itself, or, if it holds runs, the newest finished one.
func run(path string) (string, error) {
	runs, err := export.Runs(path)
	if err != nil {
		return "", err
	}
	for _, r := range runs {
		if r.State == export.Finished {
			return filepath.Join(path, r.Name), nil
		}
	}
	return path, nil // what is wrong with it tells its manifest
}

// find returns a collection of a run.
func find(m *export.Manifest, path, name string) (*export.Collection, error) {
	var there []string
	for i := range m.Collections {
		if m.Collections[i].Name == name {
			return &m.Collections[i], nil
		}
		there = append(there, m.Collections[i].Name)
	}
	return nil, fault.New(fault.NotFound, "%s: holds no collection %q; it has %.500s", path, name, strings.Join(there, ", "))
}

// source is one collection of a finished run, or some of its partitions.
type source struct {
	transfer.Source // of its files
	job.ExportSource
	choice   job.Collection
	manifest *export.Manifest
	parts    []export.Part // that are read, in row order
}

// keyedSource is one whose keys must not repeat.
type keyedSource struct {
	*source
	transfer.KeyScanner
}

var _ transfer.Checker = (*source)(nil)

// OpenSource opens the one collection that the job names, or the partitions of it that the job chooses. All files of it must be
// there with their sizes; what is in them, Check compares.
//
// The source is a transfer.KeyScanner where that of its files is one (see hdf5.Open).
func OpenSource(ctx context.Context, src *job.ExportSource) (transfer.Source, error) {
	if len(src.Collections) != 1 || src.Collections[0].IsPattern() {
		return nil, fault.New(fault.Internal, "a source is one collection; List says which there are")
	}
	s := &source{ExportSource: *src, choice: src.Collections[0]}
	if err := s.check(ctx, export.Sizes, nil); err != nil {
		return nil, err
	}
	var err error
	if s.parts, err = s.chosen(); err != nil {
		return nil, err
	}
	var files []string
	for _, p := range s.parts {
		files = append(files, filepath.Join(s.Path, filepath.FromSlash(p.Path)))
	}
	s.Source, err = hdf5.Open(ctx, &job.HDF5Source{Files: job.Files{Paths: files}, Layout: job.LayoutExport})
	if err != nil {
		return nil, err
	}
	if keys, ok := s.Source.(transfer.KeyScanner); ok {
		return keyedSource{s, keys}, nil
	}
	return s, nil
}

// chosen are the parts to read, in row order.
func (s *source) chosen() ([]export.Part, error) {
	c, err := find(s.manifest, s.Path, s.choice.Name)
	if err != nil {
		return nil, err
	}
	var parts []export.Part
	var there []string
	for _, p := range c.Parts {
		if !slices.Contains(there, p.Partition) {
			there = append(there, p.Partition)
		}
		if len(s.choice.Partitions) == 0 || slices.Contains(s.choice.Partitions, p.Partition) {
			parts = append(parts, p)
		}
	}
	for key, names := range map[string][]string{"partitions": s.choice.Partitions, "rename_partitions": slices.Sorted(maps.Keys(s.choice.RenamePartitions))} {
		for _, name := range names {
			if !slices.Contains(there, name) {
				return nil, fault.New(fault.NotFound, "source.export.collections.%s.%s: %s has no partition %q of it; it has %.500s",
					s.choice.Name, key, s.Path, name, strings.Join(there, ", "))
			}
		}
	}
	return parts, nil
}

// Check implements transfer.Checker.
func (s *source) Check(ctx context.Context, report func(string)) error {
	seen := func(done, total int64) {
		report(fmt.Sprintf("checking the files of %s: %d of %d MB", s.choice.Name, done>>20, total>>20))
	}
	return s.check(ctx, export.Checksums, seen)
}

// check compares the files with the manifest, which it reads.
func (s *source) check(ctx context.Context, level export.Level, seen func(done, total int64)) error {
	m, err := export.ReadManifest(s.Path) // which run it is comes first: another one's files are other files
	if err := fixed(&s.ExportSource, m, err); err != nil {
		return err
	}
	m, err = export.Check(ctx, s.Path, level, seen, s.choice.Name)
	if err := fixed(&s.ExportSource, m, err); err != nil {
		return err
	}
	s.manifest = m
	return nil
}

// rename returns a partition's name in the target.
func (s *source) rename(partition string) string {
	return cmp.Or(s.choice.RenamePartitions[partition], partition)
}

func (s *source) Describe(ctx context.Context) (*transfer.Description, error) {
	d, err := s.Source.Describe(ctx)
	if err != nil {
		return nil, err
	}
	d.Format = fmt.Sprintf("export of %s, begun %s, collection %s", s.manifest.Server.Address, human.Time(s.manifest.Started.UTC()), s.choice.Name)
	d.Collection = s.choice.Name
	if len(s.choice.MaxLength) > 0 {
		d.Schema = rows.Schema{CollectionSchema: proto.Clone(d.Schema.CollectionSchema).(*schemapb.CollectionSchema)}
		if err := rows.Widen(d.Schema, s.choice.MaxLength, "source.export.collections."+s.choice.Name+".max_length"); err != nil {
			return nil, err
		}
	}
	h := sha256.Sum256([]byte(s.manifest.Seal + d.Identity))
	d.Identity = "export:" + hex.EncodeToString(h[:16])
	if len(d.Inputs) != len(s.parts) {
		return nil, fault.New(fault.Internal, "%d parts are read as %d files", len(s.parts), len(d.Inputs))
	}
	for i, p := range s.parts {
		d.Inputs[i].Written = &transfer.Written{Partition: p.Partition, Sum: p.Sum}
	}
	d.Partitions = s.renamed(d.Partitions)
	if d.Settings != nil {
		settings := *d.Settings // the source's own stays as it is
		settings.Partitions = s.renamed(settings.Partitions)
		settings.LoadedPartitions = s.renamed(settings.LoadedPartitions)
		d.Settings = &settings
	}
	return d, distinct(d.Partitions)
}

// renamed returns the partitions' names in the target; nil stays nil.
func (s *source) renamed(partitions []string) []string {
	var out []string
	for _, p := range partitions {
		out = append(out, s.rename(p))
	}
	return out
}

// distinct refuses two partitions that would become one.
func distinct(partitions []string) error {
	for i, p := range partitions {
		if slices.Contains(partitions[:i], p) {
			return fault.New(fault.Config, "source.export.collections.rename_partitions: two partitions would become %s; write other names", p)
		}
	}
	return nil
}

func (s *source) Plan(ctx context.Context, rowsPerRange int64, report func(string)) ([]rows.Range, error) {
	ranges, err := s.Source.Plan(ctx, rowsPerRange, report)
	for i := range ranges {
		ranges[i].Partition = s.rename(ranges[i].Partition)
	}
	return ranges, err
}
