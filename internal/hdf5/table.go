package hdf5

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"gonum.org/v1/hdf5"

	"milvusdm/internal/fault"
)

// table is what a file holds: rows of fields. It is not open.
type table struct {
	file    string
	format  string // as "MilvusDM layout (embeddings, ids)"
	object  string // what the rows are rows of, for messages
	rows    int64
	columns []*column // in schema order; a key column is the first
	keyName string    // of the primary key
	hasKey  bool      // else rows are numbered
	metric  string
	notes   []string
	objects *objectList // rows are datasets of their own
	export  *exported   // nil unless this program wrote the file
}

// rowBytes is about what a row takes while it is read.
func (t *table) rowBytes() int {
	bytes := 0
	if !t.hasKey {
		bytes = 8 // its number
	}
	for _, c := range t.columns {
		bytes += c.rowBytes
	}
	return bytes
}

// fixedBytes is rowBytes without the values of variable length.
func (t *table) fixedBytes() int {
	bytes := t.rowBytes()
	for _, c := range t.columns {
		bytes -= c.guess
	}
	return bytes
}

const (
	// maxWindow bounds what is unpacked ahead of a column.
	maxWindow = 64 << 20
	// maxCache bounds the library's cache of unpacked chunks, for a dataset.
	maxCache = 32 << 20
)

// openTable is a table's file, open for batches of about maxRows rows. It is used on the library's thread.
type openTable struct {
	*table
	file     *file
	datasets map[string]*hdf5.Dataset
	columns  []*openColumn
	heap     *heap
	// budget is what the variable-length values of the batch may still take.
	budget int
}

type openColumn struct {
	*column
	table *openTable
	parts []openPart
	subs  []*openColumn
	// window is what has been unpacked ahead, rows [from, to): chunks that hold more rows than a batch are unpacked once.
	windowed bool
	window   *schemapb.FieldData
	from, to int64
}

type openPart struct {
	part
	data    *hdf5.Dataset
	space   *hdf5.Dataspace
	mem     *hdf5.Datatype
	objects *objectList // instead of data and space
}

// openFor opens some of the table's columns.
func (t *table) openFor(columns []*column, state fileState, maxRows int64) (_ *openTable, err error) {
	f, err := openHDF5(state)
	if err != nil {
		return nil, err
	}
	o := &openTable{table: t, file: f, datasets: map[string]*hdf5.Dataset{}, heap: f.newHeap()}
	defer func() {
		if err != nil {
			err = errors.Join(err, o.close())
		}
	}()
	for _, c := range columns {
		oc := &openColumn{column: c, table: o}
		o.columns = append(o.columns, oc) // what is open of it has to be closed
		band := c.band()
		oc.windowed = band > maxRows && c.guess == 0 && band <= maxWindow/int64(c.rowBytes)
		if err := o.openColumn(oc); err != nil {
			return nil, err
		}
	}
	// those first of which a batch may turn out to be too long
	slices.SortStableFunc(o.columns, func(a, b *openColumn) int { return cmp.Compare(b.guess, a.guess) })
	return o, nil
}

func (o *openTable) openColumn(c *openColumn) error {
	for _, p := range c.column.parts {
		op := openPart{part: p}
		err := o.openPart(c, &op)
		c.parts = append(c.parts, op)
		if err != nil {
			return o.file.corrupt(err, "open %s", c.path)
		}
	}
	for _, s := range c.column.subs {
		sub := &openColumn{column: s, table: o}
		c.subs = append(c.subs, sub)
		if err := o.openColumn(sub); err != nil {
			return err
		}
	}
	return nil
}

func (o *openTable) openPart(c *openColumn, p *openPart) error {
	if p.part.objects != nil {
		return p.openObjects(c)
	}
	var err error
	path := p.part.data.path
	if p.data = o.datasets[path]; p.data == nil {
		p.data, err = o.file.openDataset(path, func(access *hdf5.PropList) error {
			return setCache(access, p.part.data, c.windowed && p.member == "")
		})
		if err != nil {
			return err
		}
		o.datasets[path] = p.data
	}
	if err := o.unchanged(p.data, p.part.data); err != nil {
		return err
	}
	if p.space = p.data.Space(); p.space == nil {
		return libraryError(errors.New("no dataspace"))
	}
	fileType, err := p.data.Datatype()
	if err != nil {
		return libraryError(err)
	}
	defer fileType.Close()
	if p.mem, err = newReadType(c.mem, fileType, p.member, p.array); err != nil {
		return libraryError(err)
	}
	return nil
}

// unchanged makes sure that what is read now is what was measured: buffers are made to its measure.
func (o *openTable) unchanged(open *hdf5.Dataset, seen *dataset) error {
	t, err := open.Datatype()
	if err != nil {
		return libraryError(err)
	}
	elem, err := describeType(t, 0)
	if err != nil {
		return err
	}
	dims, err := extent(open)
	if err != nil {
		return err
	}
	if fmt.Sprint(dims) != fmt.Sprint(seen.dims) || !elem.equal(seen.stored) {
		return fault.New(fault.SourceChanged, "%s: %s is no longer what was planned: %v", o.file.name, seen.path, seen)
	}
	return nil
}

// setCache lets the library keep unpacked chunks that lie across the ends of batches, of several readers of a file.
func setCache(access *hdf5.PropList, d *dataset, windowed bool) error {
	band := d.bandBytes()
	if band == 0 || windowed {
		return nil
	}
	const slots = 10007 // a prime far above the number of chunks that fit
	return access.SetChunkCache(slots, int(cacheBytes(band)), 0.75)
}

func cacheBytes(band int64) int64 {
	if band > maxWindow {
		return min(band, maxChunk) // too large for a window: unpacked again for each batch, if not kept
	}
	return max(min(8*band, maxCache), 1<<20)
}

// bandBytes is what a band takes unpacked.
func (d *dataset) bandBytes() int64 {
	return d.band() * d.cols() * int64(d.elem.size)
}

// close closes everything that is open: a forgotten part would keep the file open for the process's life.
func (o *openTable) close() error {
	var errs []error
	for _, c := range o.columns {
		errs = append(errs, c.close())
	}
	for _, d := range o.datasets {
		errs = append(errs, d.Close())
	}
	errs = append(errs, o.file.Close())
	return errors.Join(errs...)
}

func (c *openColumn) close() error {
	var errs []error
	for _, p := range c.parts {
		if p.mem != nil {
			errs = append(errs, p.mem.Close())
		}
		if p.space != nil {
			errs = append(errs, p.space.Close())
		}
	}
	for _, s := range c.subs {
		errs = append(errs, s.close())
	}
	return errors.Join(errs...)
}

// fill makes sure that the window holds row, and returns how many rows it holds from there on.
func (c *openColumn) fill(row int64) (int64, error) {
	if row < c.from || row >= c.to {
		c.window = nil // before the next is made
		band := c.band()
		to := min((row/band+1)*band, c.table.rows)
		data, err := c.decode(c, row, int(to-row))
		if err != nil {
			return 0, err
		}
		c.window, c.from, c.to = data, row, to
	}
	return c.to - row, nil
}

// values returns rows [row, row+n), which the window holds if the column has one.
func (c *openColumn) values(row int64, n int) (*schemapb.FieldData, error) {
	if c.windowed {
		return slice(c.window, int(row-c.from), n), nil
	}
	return c.decode(c, row, n)
}
