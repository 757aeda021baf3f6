package hdf5

import (
	"fmt"
	"slices"
	"strings"

	"milvusdm/internal/fault"
)

const (
	// maxRow bounds one row of a dataset, as it lies in the file. Milvus's longest vector takes 128 KiB.
	maxRow = 64 << 20
	// maxChunk bounds a compressed chunk, since it has to be unpacked as a whole.
	maxChunk = 256 << 20
)

// filterNames names the filters that are met in the wild and don't come with the library.
var filterNames = map[int]string{
	32000: "LZF", 32001: "Blosc", 32004: "LZ4", 32008: "bitshuffle", 32013: "ZFP", 32015: "Zstandard", 32017: "SZ",
	32019: "JPEG XR", 32024: "SZ3", 32026: "Blosc2",
}

// usable refuses a dataset of rows that can't be read, or whose extent its storage does not bear out: the library gives
// zeros for what was never written.
func (f *file) usable(d *dataset) error {
	if err := f.usableRows(d); err != nil {
		return err
	}
	if d.written < d.rows() {
		return notWritten(f.name, d, "")
	}
	return nil
}

// usableRows is usable for a dataset of which the job may take only the rows that were written; whether it does is
// checked once they are known (see written).
func (f *file) usableRows(d *dataset) error {
	if err := f.supported(d); err != nil {
		return err
	}
	if why := d.unfit(); why != "" {
		return fault.New(fault.Unsupported,
			"%s: %v: is %s; datasets of 1 or 2 dimensions are read, a row for each of the first",
			f.name, d, why)
	}
	// what lies elsewhere takes 12 or 16 bytes here
	size := int64(d.elem.size)
	if d.elem.holdsVariable() {
		size = 12
	}
	row, ok := times(d.cols(), size)
	total, ok2 := times(d.rows(), row)
	if !ok || !ok2 || row <= 0 && d.rows() > 0 {
		return fault.New(fault.Corrupt, "%s: %v: is an impossible size", f.name, d)
	}
	if row > maxRow {
		return fault.New(fault.Unsupported, "%s: %v: a row takes %d bytes; at most %d are read", f.name, d, row, maxRow)
	}
	if d.bytes > uint64(f.size) {
		return fault.New(fault.Corrupt, "%s: %v: takes %d bytes by its own account, in a file of %d", f.name, d, d.bytes, f.size)
	}
	switch {
	case total == 0:
		return nil
	case d.chunked:
		return f.chunksComplete(d)
	case d.bytes == 0:
		return fault.New(fault.Corrupt, "%s: %v: was never written: its program made it and ended", f.name, d)
	case d.bytes < uint64(total), d.bytes > uint64(total) && !d.elem.holdsVariable():
		return fault.New(fault.Corrupt, "%s: %v: %d bytes are stored for it, and not %d", f.name, d, d.bytes, total)
	}
	return nil
}

func (f *file) supported(d *dataset) error {
	switch {
	case d.virtual:
		return fault.New(fault.Unsupported, "%s: %s is a virtual dataset, and parts of it that are missing would read as zeros: "+
			"name the files that hold its parts, or make one file of it with `h5repack`", f.name, d.path)
	case d.external:
		return fault.New(fault.Unsupported, "%s: %s keeps its data in another file: make one file of it with `h5repack`", f.name, d.path)
	}
	for _, x := range d.filters {
		if x.available {
			continue
		}
		name := filterNames[x.id]
		if name == "" {
			name = fmt.Sprintf("%q", x.name)
		}
		return fault.New(fault.Unsupported, "%s: %s is compressed with filter %d (%s), which the HDF5 library here lacks: "+
			"install its plugin where the worker's HDF5_PLUGIN_PATH points, or rewrite the file where it can be read "+
			"(h5py: compression=\"gzip\")", f.name, d.path, x.id, name)
	}
	return nil
}

func (f *file) chunksComplete(d *dataset) error {
	want := int64(1)
	bytes := int64(d.elem.fileSize())
	for i, n := range d.dims {
		c := int64(d.chunk[i])
		if c <= 0 {
			return fault.New(fault.Corrupt, "%s: %v: has chunks of no size", f.name, d)
		}
		var ok, ok2 bool
		want, ok = times(want, (n-1)/c+1)
		bytes, ok2 = times(bytes, c)
		if !ok || !ok2 {
			return fault.New(fault.Corrupt, "%s: %v: has chunks of an impossible size", f.name, d)
		}
	}
	if len(d.filters) > 0 && bytes > maxChunk {
		return fault.New(fault.Unsupported, "%s: %v: is compressed in chunks of %d MiB, which have to be unpacked whole; at most %d MiB are: "+
			"rewrite it with `h5repack -l %s:CHUNK=%s`", f.name, d, bytes>>20, maxChunk>>20, d.path, repackChunk(d))
	}
	if d.oddChunks > 0 {
		return fault.New(fault.Corrupt, "%s: %v: %d of its chunks have another size than they should", f.name, d, d.oddChunks)
	}
	d.wanted = want
	if d.chunks < uint64(want) {
		return f.findWritten(d)
	}
	return nil
}

// findWritten finds how many rows there are before the first that was never written. Whether that does is for the job
// to say.
func (f *file) findWritten(d *dataset) error {
	open, err := f.openDataset(d.path, nil)
	if err != nil {
		return err
	}
	defer open.Close()
	if d.written, err = firstMissing(open, d.rowAxis()); err != nil {
		return f.corrupt(err, "chunks of %s", d.path)
	}
	return nil
}

// notWritten is the error of a dataset whose rows are to be read and were never written.
func notWritten(file string, d *dataset, hint string) error {
	return fault.New(fault.Corrupt,
		"%s: %v: only %d of its %d chunks were written, and the others would read as the fill value: its program "+
			"ended before it was done. If those values are right, write them (h5py: d[...] = d[...])%s", file, d, d.chunks,
		d.wanted, hint)
}

// repackChunk suggests chunks of about 1 MiB that hold whole rows.
func repackChunk(d *dataset) string {
	row := max(d.cols()*int64(d.elem.size), 1)
	dims := []string{fmt.Sprint(max(1<<20/row, 1))}
	if len(d.dims) > 1 {
		dims = append(dims, fmt.Sprint(d.cols()))
	}
	if d.turned {
		slices.Reverse(dims)
	}
	return strings.Join(dims, "x")
}

// cols is the number of elements of a row.
func (d *dataset) cols() int64 {
	if len(d.dims) < 2 {
		return 1
	}
	return d.dims[1-d.rowAxis()]
}

// chunkBytes is what a chunk takes unpacked, 0 if there are no chunks.
func (d *dataset) chunkBytes() int64 {
	if !d.chunked {
		return 0
	}
	bytes := int64(d.elem.fileSize())
	for i := range d.dims {
		bytes *= int64(d.chunk[i])
	}
	return bytes
}

// band is the number of rows that are unpacked together: 0 when nothing has to be unpacked.
func (d *dataset) band() int64 {
	if len(d.filters) == 0 || !d.chunked {
		return 0
	}
	return int64(d.chunk[d.rowAxis()])
}
