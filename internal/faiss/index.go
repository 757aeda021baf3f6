package faiss

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"milvusdm/internal/access"
	"milvusdm/internal/fault"
)

// Index is a Faiss index file, open for reading by row number: a row's number is its position in the file, which for
// inverted lists means list by list. Only its structure is in memory, and codebooks and matrices. Several goroutines may
// read at once.
type Index struct {
	Info
	root     *node
	checksum check // nil: the file has none
	file     io.Closer
	sides    []*side // files beside it
}

// Info is what an index file says of itself.
type Info struct {
	// Kind names the indexes from the outermost in, as "IDMap over IVFFlat".
	Kind string
	Rows int64
	Dim  int // in bits for a binary index
	// Binary: vectors are packed bits, Dim/8 bytes each; else float32.
	Binary bool
	Metric Metric
	// Lossy says why vectors come out only approximately as they went in; "" when they are exact.
	Lossy string
	// IDs: the file holds ids. Else row i has id i.
	IDs bool
	// Footer names what another program wrote behind the index, "" for nothing.
	Footer string
	// Normalized: the index scaled vectors to unit length before it stored them.
	Normalized bool
}

// RowBytes is the size of a vector as it is read.
func (i Info) RowBytes() int {
	if i.Binary {
		return i.Dim / 8
	}
	return i.Dim * 4
}

// OpenIndex reads the structure of an index file.
//
// Errors: fault.NotFound, fault.Denied, fault.Corrupt when it is not a sound index file, and fault.Unsupported when
// it is sound, as far as that was seen, and holds what this package does not read.
func OpenIndex(path string) (*Index, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, access.Failed(err, "open Faiss index")
	}
	x, err := openFile(f, path)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return x, nil
}

func openFile(f *os.File, path string) (*Index, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, access.Failed(err, "open Faiss index")
	}
	if !st.Mode().IsRegular() {
		return nil, fault.New(fault.Config, "%s: not a regular file; a Faiss index is read by offset (%s)", path, access.Here())
	}
	var sides []*side
	x, err := parseWith(f, path, st.Size(), func(name string) (*side, error) {
		s, err := openSide(path, name)
		if err == nil {
			sides = append(sides, s)
		}
		return s, err
	})
	if err != nil {
		for _, s := range sides {
			err = errors.Join(err, s.file.Close())
		}
		return nil, err
	}
	x.file, x.sides = f, sides
	return x, nil
}

// parse reads the structure of the index in r, which is size bytes long and has no file beside it.
func parse(r io.ReaderAt, name string, size int64) (*Index, error) {
	return parseWith(r, name, size, nil)
}

func parseWith(r io.ReaderAt, name string, size int64, openSide func(string) (*side, error)) (*Index, error) {
	d := &decoder{input: &input{r: r, name: name, size: size}, openSide: openSide}
	if size == 0 {
		return nil, fault.New(fault.Corrupt, "%s: the file is empty; write it again with faiss.write_index", name)
	}
	root := d.file()
	footer := d.footer()
	if d.err != nil {
		if fault.KindOf(d.err) == fault.Corrupt {
			return nil, fmt.Errorf("%w; the file is truncated, damaged or not a Faiss index: copy it again or write "+
				"it again with faiss.write_index", d.err)
		}
		return nil, d.err
	}
	info := root.Info
	info.Lossy, info.Footer = strings.Join(root.losses, "; "), footer
	if u := root.unread; u != nil {
		return nil, fault.New(fault.Unsupported, "%w", &unreadError{unread: *u, path: name, info: info})
	}
	if root.rows == nil {
		return nil, fault.New(fault.Internal, "%s: the index is %s, whose rows have no reader", name, info.Kind)
	}
	x := &Index{Info: info, root: root}
	if footer != "" {
		x.checksum = d.checksum
	}
	return x, nil
}

// Close closes the file, and those beside it.
func (x *Index) Close() error {
	err := x.file.Close()
	for _, s := range x.sides {
		err = errors.Join(err, s.file.Close())
	}
	return err
}

// check reads what tells whether the rows can be trusted: the checksum of a footer that has one and, with ids, the
// places in an id map.
func (x *Index) check(ctx context.Context, ids bool, report func(string)) error {
	if x.checksum != nil {
		if err := x.checksum(ctx, report); err != nil {
			return err
		}
	}
	for _, check := range x.root.checks {
		if !ids {
			break
		}
		if err := check(ctx, report); err != nil {
			return err
		}
	}
	return nil
}

// ReadFloats fills dst with the vectors of rows [first, first+len(dst)/Dim), which must exist, of a float index.
func (x *Index) ReadFloats(first int64, dst []float32) error {
	return x.root.rows.vectors(first, floatBytes(dst))
}

// ReadBits fills dst with the packed vectors of rows [first, first+len(dst)*8/Dim), which must exist, of a binary index.
func (x *Index) ReadBits(first int64, dst []byte) error { return x.root.rows.vectors(first, dst) }

// ReadIDs fills dst with the ids of rows [first, first+len(dst)), which must exist.
func (x *Index) ReadIDs(first int64, dst []int64) error { return x.root.rows.ids(first, dst) }

// node is an index together with those nested in it.
type node struct {
	Info
	losses []string
	rows   table   // nil: they can't be read
	unread *unread // why not
	checks []check // of the ids
}

// check reads what must be right for the rows to be right, and what reading a row alone does not show. report is
// called with how far it is.
type check func(ctx context.Context, report func(string)) error

// table gives rows by number. The ranges asked for exist. Tables may be used by several goroutines.
type table interface {
	// vectors fills dst with the vectors of consecutive rows from first on, as Faiss would reconstruct them. dst holds
	// float32 values, aligned, unless the index is binary.
	vectors(first int64, dst []byte) error
	// ids fills dst with ids: the row numbers, where the index has none of its own.
	ids(first int64, dst []int64) error
}

// over makes a node for an index that adds nothing to the rows of another.
func over(outer Info, name string, inner *node) *node {
	n := &node{Info: inner.Info, losses: inner.losses, rows: inner.rows, unread: inner.unread, checks: inner.checks}
	n.Kind, n.Metric = name+" over "+inner.Kind, outer.Metric
	return n
}

// header reads what every float index begins with, behind its kind.
func (d *decoder) header() Info {
	at := d.off
	n := Info{Dim: int(d.int32("the dimension")), Rows: d.int64("the number of rows")}
	d.skip(16, "unused fields")
	d.bool("is_trained")
	n.Metric = Metric(d.int32("the metric"))
	if n.Metric > MetricL2 {
		d.skip(4, "the metric's argument")
	}
	d.check(at, n)
	return n
}

// binaryHeader reads what every binary index begins with, behind its kind.
func (d *decoder) binaryHeader() Info {
	at := d.off
	n := Info{Binary: true, Dim: int(d.int32("the dimension"))}
	size := int(d.int32("the code size"))
	n.Rows = d.int64("the number of rows")
	d.bool("is_trained")
	n.Metric = Metric(d.int32("the metric"))
	if d.check(at, n); d.err == nil && (n.Dim%8 != 0 || size != n.Dim/8) {
		d.corrupt(at, "a binary index of dimension %d with codes of %d bytes", n.Dim, size)
	}
	return n
}

func (d *decoder) check(at int64, n Info) {
	switch {
	case d.err != nil:
	case n.Dim < 1 || n.Dim > maxDim:
		d.corrupt(at, "dimension %d is not in 1 to %d", n.Dim, maxDim)
	case n.Rows < 0:
		d.corrupt(at, "number of rows %d is negative", n.Rows)
	case !n.Metric.known():
		d.corrupt(at, "metric %d is not one of Faiss's", n.Metric)
	}
}

// same checks that an index nested in n holds the same rows as n.
func (d *decoder) same(at int64, n Info, inner *node) {
	if d.err == nil && (inner.Rows != n.Rows || inner.Dim != n.Dim) {
		d.corrupt(at, "%d rows of dimension %d, but %s in it holds %d of dimension %d", n.Rows, n.Dim, inner.Kind, inner.Rows, inner.Dim)
	}
}
