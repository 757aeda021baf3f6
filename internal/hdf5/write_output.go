package hdf5

import (
	"fmt"

	"gonum.org/v1/hdf5"
)

// chunkBytes is about what a chunk takes: two fit the cache that the library has for each dataset by itself.
var chunkBytes = 512 << 10

const (
	// maxChunkRows bounds the rows of a chunk: what a reader unpacks ahead of narrow columns.
	maxChunkRows = 64 << 10
	// variableChunkRows is how many references to values of variable length make a chunk: 16 KiB.
	variableChunkRows = 1 << 10
)

// output is a dataset that is being written. It is made when there is something to write.
type output struct {
	path  string
	texts []namedText // attributes
	open  *newDataset
}

func (o *output) create(w *PartWriter, t *hdf5.Datatype, width, chunkRows int, p packing) error {
	d, err := createDataset(w.file, o.path, t, width, chunkRows, p)
	if err != nil {
		return err
	}
	o.open = &d
	for _, a := range o.texts {
		if err := d.writeText(a.name, a.text); err != nil {
			return err
		}
	}
	return nil
}

func (o *output) close() error {
	if o.open == nil {
		return nil
	}
	d := o.open
	o.open = nil
	return d.close()
}

// fixedOutput is a dataset of rows of one size. Its chunks are handed to the library as they lie in the file.
type fixedOutput struct {
	output
	shape
	rows int64 // that are in the file
	// rest is what fills no chunk yet; next is what comes behind it, the caller's memory. spare is memory for the next rest.
	rest, next, spare []byte
}

func (f *fixedOutput) chunkRows() int {
	return max(min(chunkBytes/f.rowBytes(), maxChunkRows), 1)
}

// stage has raw written next. It is not kept beyond keepRest.
func (f *fixedOutput) stage(raw []byte) { f.next = raw }

// fullChunks appends the chunks that are full to all. Those that lie in the caller's memory are not copied.
func (f *fixedOutput) fullChunks(all []chunk) []chunk {
	size := f.chunkRows() * f.rowBytes()
	raw := f.next
	for row := f.rows; len(f.rest)+len(raw) >= size; row += int64(f.chunkRows()) {
		c := chunk{out: f, row: row}
		if len(f.rest) > 0 {
			n := size - len(f.rest)
			c.raw, raw = append(f.rest, raw[:n]...), raw[n:]
			f.rest, f.spare = nil, c.raw[:0] // the chunk's, until it is written
		} else {
			c.raw, raw = raw[:size], raw[size:]
		}
		all = append(all, c)
	}
	f.next = raw
	return all
}

// keepRest copies what is left of what was staged.
func (f *fixedOutput) keepRest() {
	if f.rest == nil {
		f.rest, f.spare = f.spare, nil
	}
	if f.rest == nil && len(f.next) > 0 {
		f.rest = make([]byte, 0, f.chunkRows()*f.rowBytes())
	}
	f.rest = append(f.rest, f.next...)
	f.next = nil
}

// write writes a full chunk. It runs on the library's thread.
func (f *fixedOutput) write(w *PartWriter, c *chunk) error {
	if f.open == nil {
		if err := f.make(w, f.chunkRows()); err != nil {
			return err
		}
	}
	f.rows += int64(f.chunkRows())
	return f.open.writeChunk(c.row, f.rows, c.packed)
}

// end writes what is left. It runs on the library's thread.
func (f *fixedOutput) end(w *PartWriter) error {
	left := len(f.rest) / f.rowBytes()
	if f.open == nil {
		if err := f.make(w, max(left, 1)); err != nil { // a small file is no larger than its rows
			return err
		}
	} else if left > 0 {
		f.rest = append(f.rest, make([]byte, f.chunkRows()*f.rowBytes()-len(f.rest))...)
	}
	if left == 0 {
		return nil
	}
	last := []chunk{{out: f, row: f.rows, raw: f.rest}}
	if err := w.pack(last); err != nil {
		return err
	}
	f.rows += int64(left)
	return f.open.writeChunk(last[0].row, f.rows, last[0].packed)
}

func (f *fixedOutput) make(w *PartWriter, chunkRows int) error {
	t, err := f.elem.newFileType()
	if err != nil {
		return err
	}
	defer t.Close()
	return f.create(w, t, f.width, chunkRows, w.packing)
}

// variableOutput is a dataset of values of variable length, which the library puts elsewhere in the file.
type variableOutput struct {
	output
	elem   elemType
	rows   int64    // that are in the file
	counts []uint64 // of the elements of each value to be written
	bytes  []byte   // of all of them
}

// add has a value written next.
func (v *variableOutput) add(value []byte) error {
	if len(value) > maxValue {
		return fmt.Errorf("a value takes %d bytes; at most %d are kept", len(value), maxValue)
	}
	v.bytes = append(v.bytes, value...)
	v.counts = append(v.counts, uint64(len(value)/v.unit().size))
	return nil
}

// unit is what a value is made of.
func (v *variableOutput) unit() elemType {
	if v.elem.class == classSequence {
		return *v.elem.elem
	}
	return elemByte
}

// write writes what was added. It runs on the library's thread.
func (v *variableOutput) write(w *PartWriter) error {
	if len(v.counts) == 0 {
		return nil
	}
	if err := v.make(w); err != nil {
		return err
	}
	unit, err := v.unit().newFileType()
	if err != nil {
		return err
	}
	defer unit.Close()
	if err := v.open.writeVariable(unit, v.rows, v.counts, v.bytes); err != nil {
		return err
	}
	v.rows += int64(len(v.counts))
	w.bytes += int64(len(v.bytes))
	v.counts, v.bytes = v.counts[:0], v.bytes[:0]
	return nil
}

// end makes a dataset to which nothing was written. It runs on the library's thread.
func (v *variableOutput) end(w *PartWriter) error { return v.make(w) }

func (v *variableOutput) make(w *PartWriter) error {
	if v.open != nil {
		return nil
	}
	t, err := v.elem.newFileType()
	if err != nil {
		return err
	}
	defer t.Close()
	return v.create(w, t, 0, variableChunkRows, packing{})
}

// newFileType makes the type of a dataset's elements; the caller closes it.
func (t elemType) newFileType() (*hdf5.Datatype, error) {
	switch t.class {
	case classBool:
		return newBoolType()
	case classInt:
		return map[int]*hdf5.Datatype{1: hdf5.T_STD_I8LE, 2: hdf5.T_STD_I16LE, 4: hdf5.T_STD_I32LE, 8: hdf5.T_STD_I64LE}[t.size].Copy()
	case classUint:
		return map[int]*hdf5.Datatype{1: hdf5.T_STD_U8LE, 2: hdf5.T_STD_U16LE, 4: hdf5.T_STD_U32LE}[t.size].Copy()
	case classFloat16:
		return newSmallFloat(5, 10)
	case classFloat32:
		return hdf5.T_IEEE_F32LE.Copy()
	case classFloat64:
		return hdf5.T_IEEE_F64LE.Copy()
	case classVariable:
		return newTextType()
	case classSequence:
		unit, err := t.elem.newFileType()
		if err != nil {
			return nil, err
		}
		defer unit.Close()
		return newSequenceType(unit)
	}
	return nil, fmt.Errorf("no type for %v", t)
}
