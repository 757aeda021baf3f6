package hdf5

import (
	"strconv"
	"unsafe"

	"gonum.org/v1/hdf5"

	"milvusdm/internal/fault"
)

// maxNames bounds the columns of a frame.
const maxNames = 1 << 18

// names reads an axis: strings, or integers as text.
func (p *place) names(axis string) ([]string, error) {
	d, err := p.open(axis)
	if err != nil {
		return nil, err
	}
	switch {
	case len(d.dims) != 1 || d.dims[0] > maxNames || d.elem.class != classFixed && !d.elem.isInt():
		return nil, fault.New(fault.Unsupported, "%s: %v holds no plain column names (one string or integer a column)", p.file.name, d)
	case d.dims[0] == 0:
		return nil, nil
	case d.elem.isInt():
		values, err := readWhole[int64](p, d, memInt64, 1)
		out := make([]string, len(values))
		for i, v := range values {
			out[i] = strconv.FormatInt(v, 10)
		}
		return out, err
	}
	size := d.elem.size
	raw, err := readWhole[byte](p, d, memAsFile, size)
	out := make([]string, d.dims[0])
	for i := range out {
		out[i] = d.elem.padding.strip(string(raw[i*size : (i+1)*size]))
	}
	return out, err
}

// readWhole reads all of a small dataset of one dimension, size values of T an element.
func readWhole[T any](p *place, d *dataset, m memType, size int) ([]T, error) {
	if bytes, ok := times(d.dims[0], int64(d.elem.size)); !ok || bytes > maxRow {
		return nil, fault.New(fault.Unsupported, "%s: %v is too long", p.file.name, d)
	}
	out := make([]T, d.dims[0]*int64(size))
	err := func() error {
		open, err := p.file.openDataset(d.path, nil)
		if err != nil {
			return err
		}
		defer open.Close()
		fileType, err := open.Datatype()
		if err != nil {
			return libraryError(err)
		}
		defer fileType.Close()
		mem, err := newReadType(m, fileType, "", 0)
		if err != nil {
			return libraryError(err)
		}
		defer mem.Close()
		all, err := hdf5.CreateSimpleDataspace([]uint{uint(d.dims[0])}, nil)
		if err != nil {
			return libraryError(err)
		}
		defer all.Close()
		return readInto(open, mem, all, all, unsafe.Pointer(unsafe.SliceData(out)), d.chunkBytes())
	}()
	return out, p.file.corrupt(err, "read %s", d.path)
}
