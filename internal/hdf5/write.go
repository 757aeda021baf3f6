package hdf5

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"gonum.org/v1/hdf5"

	"milvusdm/internal/fault"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// WriteOptions say how a part is written, and of what.
type WriteOptions struct {
	// Collection and Partition are names, kept in the file. Partition is "" where a partition key chooses it.
	Collection, Partition string
	// Compression is "gzip", or "" or "none". Level is gzip's, 1 to 9, or 0 for 4.
	Compression string
	Level       int
	// Shuffle sorts the bytes of each chunk by their place in the element; Fletcher32 adds a checksum to each chunk. Neither
	// they nor compression are for values of variable length, which HDF5 keeps outside of chunks.
	Shuffle, Fletcher32 bool
}

func (o *WriteOptions) packing() (packing, error) {
	p := packing{shuffle: o.Shuffle, fletcher32: o.Fletcher32}
	switch {
	case o.Compression == "" || o.Compression == "none":
		return p, nil
	case o.Compression != "gzip":
		return p, fault.New(fault.Config, "compression %q: gzip is known, and none", o.Compression)
	case o.Level < 0 || o.Level > 9:
		return p, fault.New(fault.Config, "level %d: gzip has 1 to 9", o.Level)
	}
	p.gzip = o.Level
	if p.gzip == 0 {
		p.gzip = 4
	}
	return p, nil
}

// PartWriter writes one file of an export. It is used by one goroutine; memory is bounded by a batch and a chunk of each
// field.
type PartWriter struct {
	name    string
	file    *hdf5.File // nil once closed
	packing packing
	columns []columnWriter
	late    []*lateValues
	fixed   []*fixedOutput
	varying []*variableOutput
	rows    int64
	bytes   int64
	failed  error
}

// CreatePart makes the file path, which must not be there, for rows of a source with that description: of its Schema,
// Settings and Metric, which are kept in the file. A schema with a type that can't be kept is refused, before there is a file.
func CreatePart(path string, d *transfer.Description, o WriteOptions) (*PartWriter, error) {
	w := &PartWriter{name: path}
	var err error
	if w.packing, err = o.packing(); err != nil {
		return nil, err
	}
	if err := w.addColumns(d.Schema.CollectionSchema); err != nil {
		return nil, fault.Wrap(fault.Unsupported, err, "write %s", path)
	}
	texts, err := rootTexts(d, &o)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "write %s", path)
	}
	err = do(context.Background(), func() error {
		f, err := hdf5.CreateFile(path, hdf5.F_ACC_EXCL)
		if err != nil {
			return libraryError(err)
		}
		w.file = f
		for _, t := range texts {
			if err := writeFileText(f, t.name, t.text); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.Abandon()
		return nil, w.wrap(err, "create")
	}
	return w, nil
}

type namedText struct{ name, text string }

// rootTexts are the attributes that are known from the start.
func rootTexts(d *transfer.Description, o *WriteOptions) ([]namedText, error) {
	schema, err := d.Schema.MarshalJSON()
	if err != nil {
		return nil, err
	}
	var compact bytes.Buffer // protojson puts spaces in at random
	if err := json.Compact(&compact, schema); err != nil {
		return nil, err
	}
	texts := []namedText{
		{attrFormat, exportFormat}, {attrVersion, exportVersion}, {attrCollection, o.Collection}, {attrSchema, compact.String()},
	}
	if d.Settings != nil {
		settings := *d.Settings
		settings.Collection = "" // a copy is not its source
		text, err := json.Marshal(settings)
		if err != nil {
			return nil, err
		}
		texts = append(texts, namedText{attrSettings, string(text)})
	}
	for _, t := range []namedText{{attrPartition, o.Partition}, {attrMetric, d.Metric}} {
		if t.text != "" {
			texts = append(texts, t)
		}
	}
	for _, t := range texts {
		if strings.ContainsRune(t.text, 0) {
			return nil, fault.New(fault.Unsupported, "the %s holds a NUL, which no attribute of HDF5 can: %q", t.name, t.text)
		}
	}
	return texts, nil
}

// Append writes a batch, behind those before; it keeps nothing of it. It is not durable before [PartWriter.Close] and a sync of the
// file. After an error the part can only be abandoned.
func (w *PartWriter) Append(ctx context.Context, b *rows.Batch) error {
	if w.failed != nil {
		return w.failed
	}
	if w.failed = w.append(ctx, b); w.failed != nil {
		w.failed = w.wrap(w.failed, fmt.Sprintf("write rows %d to %d of", w.rows, w.rows+int64(b.Rows)-1))
	}
	return w.failed
}

func (w *PartWriter) append(ctx context.Context, b *rows.Batch) error {
	if b.Rows == 0 {
		return nil
	}
	for i := range w.columns {
		if err := w.columns[i].takeRows(b); err != nil {
			return err
		}
	}
	if err := w.writeChunks(ctx); err != nil {
		return err
	}
	err := do(ctx, func() error {
		for _, v := range w.varying {
			if err := v.write(w); err != nil {
				return fmt.Errorf("%s: %w", v.path, err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	w.rows += int64(b.Rows)
	return nil
}

// Rows is how many rows were written.
func (w *PartWriter) Rows() int64 { return w.rows }

// Bytes is what was written, before it was packed.
func (w *PartWriter) Bytes() int64 { return w.bytes }

// chunk is a chunk to be written.
type chunk struct {
	out *fixedOutput
	row int64
	raw []byte
	// packed is raw, packed; buf is memory for it, used again.
	packed, buf []byte
}

// writeChunks writes the chunks that are full, packed on all processors, some at a time.
func (w *PartWriter) writeChunks(ctx context.Context) error {
	var all []chunk
	for _, f := range w.fixed {
		w.bytes += int64(len(f.next))
		all = f.fullChunks(all)
	}
	some := 2 * runtime.GOMAXPROCS(0)
	if w.packing.none() {
		some = max(len(all), 1)
	}
	bufs := make([][]byte, some)
	for len(all) > 0 {
		now := all[:min(some, len(all))]
		all = all[len(now):]
		for i := range now {
			now[i].buf = bufs[i]
		}
		if err := w.pack(now); err != nil {
			return err
		}
		err := do(ctx, func() error {
			for i := range now {
				if err := now[i].out.write(w, &now[i]); err != nil {
					return fmt.Errorf("%s: %w", now[i].out.path, err)
				}
				bufs[i] = now[i].buf
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, f := range w.fixed {
		f.keepRest()
	}
	return nil
}

func (w *PartWriter) pack(chunks []chunk) error {
	if w.packing.none() {
		for i := range chunks {
			chunks[i].packed = chunks[i].raw
		}
		return nil
	}
	errs := make([]error, len(chunks))
	var wg sync.WaitGroup
	for i := range chunks {
		wg.Go(func() {
			c := &chunks[i]
			c.packed, errs[i] = w.packing.pack(c.raw, c.out.elem.size, c.buf)
			c.buf = c.packed
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Close writes what is left and completes the file. It is then whole, though not synced to the disk. After an error, its own or
// one of Append, it completes nothing, and the file is to be removed.
func (w *PartWriter) Close() error {
	if w.file == nil {
		return w.failed
	}
	if w.failed == nil {
		w.failed = w.wrap(w.complete(), "complete")
	}
	if err := w.closeFile(); w.failed == nil {
		w.failed = w.wrap(err, "close")
	}
	return w.failed
}

// Abandon closes a file that is not to be completed, for the caller to remove after. It does nothing after Close.
func (w *PartWriter) Abandon() {
	if w.failed == nil {
		w.failed = fault.New(fault.Internal, "write %s: it was abandoned", w.name)
	}
	_ = w.closeFile() // what became of it is no matter
}

func (w *PartWriter) complete() error {
	for _, v := range w.late {
		if err := v.end(); err != nil {
			return err
		}
	}
	return do(context.Background(), func() error {
		for _, f := range w.fixed {
			if err := f.end(w); err != nil {
				return fmt.Errorf("%s: %w", f.path, err)
			}
		}
		for _, v := range w.varying {
			if err := v.end(w); err != nil {
				return fmt.Errorf("%s: %w", v.path, err)
			}
		}
		return writeFileText(w.file, attrRows, strconv.FormatInt(w.rows, 10))
	})
}

func (w *PartWriter) closeFile() error {
	if w.file == nil {
		return nil
	}
	if w.failed != nil {
		// The library keeps a file open that it can't write to the end, as on a full disk; this makes room. Where it does not
		// work, the close tells.
		_ = os.Truncate(w.name, 0)
	}
	return do(context.Background(), func() error {
		var errs []error
		for _, f := range w.fixed {
			errs = append(errs, f.close())
		}
		for _, v := range w.varying {
			errs = append(errs, v.close())
		}
		if err := w.file.Close(); err != nil {
			errs = append(errs, libraryError(err))
		}
		w.file = nil
		return errors.Join(errs...)
	})
}

// systemErrors are those that the library tells by their text alone.
var systemErrors = []syscall.Errno{
	syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, syscall.EROFS, syscall.EACCES, syscall.EPERM, syscall.EEXIST, syscall.ENOENT, syscall.EIO,
}

// wrap says what was done to which file. Errors of the system can be told with errors.Is; they are fault.Internal, so that
// the caller may give them another kind.
func (w *PartWriter) wrap(err error, doing string) error {
	if err == nil {
		return nil
	}
	for _, e := range systemErrors {
		if strings.Contains(strings.ToLower(err.Error()), "error message = '"+strings.ToLower(e.Error())+"'") {
			err = e // says it all
			break
		}
	}
	return fault.Wrap(kindOfWrite(err), err, "%s %s", doing, w.name)
}

func kindOfWrite(err error) fault.Kind {
	switch {
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EROFS):
		return fault.Denied
	case errors.Is(err, syscall.ENOENT):
		return fault.NotFound
	case errors.Is(err, syscall.EEXIST):
		return fault.Conflict
	}
	return fault.Internal
}

// Writable refuses a schema with a type that can't be kept in a file.
func Writable(s rows.Schema) error { return (&PartWriter{}).addColumns(s.CollectionSchema) }
