package hdf5

import (
	"unsafe"

	"gonum.org/v1/hdf5"
)

// read reads n rows of all the column's parts into dst, which has room for them.
func (c *openColumn) read(row int64, n int, dst unsafe.Pointer) error {
	for i := range c.parts {
		p := &c.parts[i]
		var err error
		switch {
		case p.objects != nil:
			err = p.objects.read(c, row, n, dst)
		case p.part.data.turned && p.width > 1:
			err = p.readTurned(row, n, dst)
		default:
			err = p.read(row, n, c.width, dst)
		}
		if err != nil {
			return c.table.file.corrupt(err, "read rows %d to %d of %s", row, row+int64(n)-1, c.path)
		}
	}
	return nil
}

// read reads n rows of the part into their places in dst, in rows of width elements.
func (p *openPart) read(row int64, n int, width int64, dst unsafe.Pointer) error {
	mem, err := p.selectRows(row, n, width)
	if err != nil {
		return err
	}
	defer mem.Close()
	return readInto(p.data, p.mem, mem, p.space, dst, p.part.data.chunkBytes())
}

// selectRows selects rows in the part's file space and makes the memory space for them.
func (p *openPart) selectRows(row int64, n int, width int64) (*hdf5.Dataspace, error) {
	rows := uint(n)
	from, count := []uint{uint(row)}, []uint{rows}
	if len(p.part.data.dims) > 1 {
		from, count = []uint{uint(row), uint(p.col)}, []uint{rows, uint(p.width)}
	}
	if p.part.data.turned { // of a single element a row
		from, count = []uint{uint(p.col), uint(row)}, []uint{1, rows}
	}
	if err := p.space.SelectHyperslab(from, nil, count, nil); err != nil {
		return nil, libraryError(err)
	}
	if p.array > 0 || width == 1 { // an element is all of a row
		return hdf5.CreateSimpleDataspace([]uint{rows}, nil)
	}
	mem, err := hdf5.CreateSimpleDataspace([]uint{rows, uint(width)}, nil)
	if err != nil || p.width == width {
		return mem, err
	}
	if err := mem.SelectHyperslab([]uint{0, uint(p.at)}, nil, []uint{rows, uint(p.width)}, nil); err != nil {
		mem.Close()
		return nil, libraryError(err)
	}
	return mem, nil
}

// readTurned reads n rows that are columns in the file.
func (p *openPart) readTurned(row int64, n int, dst unsafe.Pointer) error {
	width, size := int(p.width), int(p.mem.Size())
	if err := p.space.SelectHyperslab([]uint{uint(p.col), uint(row)}, nil, []uint{uint(width), uint(n)}, nil); err != nil {
		return libraryError(err)
	}
	mem, err := hdf5.CreateSimpleDataspace([]uint{uint(width), uint(n)}, nil)
	if err != nil {
		return libraryError(err)
	}
	defer mem.Close()
	raw := make([]byte, width*n*size)
	if err := readInto(p.data, p.mem, mem, p.space, unsafe.Pointer(unsafe.SliceData(raw)),
		p.part.data.chunkBytes()); err != nil {
		return err
	}
	from := unsafe.Pointer(unsafe.SliceData(raw))
	switch size {
	case 1:
		transpose[uint8](dst, from, n, width)
	case 2:
		transpose[uint16](dst, from, n, width)
	case 4:
		transpose[uint32](dst, from, n, width)
	default: // no memory type of numbers is longer
		transpose[uint64](dst, from, n, width)
	}
	return nil
}

// sample reads the first rows of a dataset of bytes or of strings of fixed length.
func (f *file) sample(d *dataset) ([]byte, error) {
	const most = 4096
	row := d.cols() * int64(d.elem.size)
	if row <= 0 || d.rows() == 0 || row > maxRow {
		return nil, nil
	}
	n := min(max(most/row, 1), d.rows(), d.written)
	out := make([]byte, n*row)
	open, err := f.openDataset(d.path, nil)
	if err != nil {
		return nil, err
	}
	defer open.Close()
	p := openPart{part: part{data: d, width: d.cols()}, data: open}
	if p.space = open.Space(); p.space == nil || n == 0 {
		return nil, nil
	}
	defer p.space.Close()
	fileType, err := open.Datatype()
	if err != nil {
		return nil, libraryError(err)
	}
	defer fileType.Close()
	p.mem = fileType
	err = p.read(0, int(n), d.cols(), unsafe.Pointer(unsafe.SliceData(out)))
	return out, f.corrupt(err, "read %s", d.path)
}

// transpose writes width rows of n elements as n rows of width.
func transpose[T any](dst, src unsafe.Pointer, n, width int) {
	to, from := unsafe.Slice((*T)(dst), n*width), unsafe.Slice((*T)(src), n*width)
	const block = 32 // of rows and columns, so that both sides stay in the processor's cache
	for i0 := 0; i0 < n; i0 += block {
		for j0 := 0; j0 < width; j0 += block {
			for i := i0; i < min(i0+block, n); i++ {
				for j := j0; j < min(j0+block, width); j++ {
					to[i*width+j] = from[j*n+i]
				}
			}
		}
	}
}
