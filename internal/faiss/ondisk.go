package faiss

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"milvusdm/internal/access"
	"milvusdm/internal/fault"
)

// side is a file beside the index that holds its inverted lists.
type side struct {
	*input
	file *os.File
	stat fs.FileInfo
}

// openSide opens the file of that name in the index's directory. The index may name a directory too, where the file was when
// it was written; it is not followed, since an index from elsewhere could name any file of this machine.
func openSide(index, name string) (*side, error) {
	path := filepath.Join(filepath.Dir(index), filepath.Base(name))
	f, err := os.Open(path)
	if err != nil {
		return nil, access.Failed(err, fmt.Sprintf("%s keeps its inverted lists in %s; put that beside it", index, filepath.Base(name)))
	}
	stat, err := f.Stat()
	if err == nil && !stat.Mode().IsRegular() {
		err = fault.New(fault.Config, "%s: not a regular file (%s)", path, access.Here())
	}
	if err != nil {
		_ = f.Close() // nothing was done with it
		return nil, err
	}
	return &side{input: &input{r: f, name: path, size: stat.Size()}, file: f, stat: stat}, nil
}

// onDisk reads OnDiskInvertedLists: where the lists are in another file. Each has room for capacity codes, behind which its
// ids are.
func (d *decoder) onDisk(c *codes, lists int64) *unread {
	at := d.off
	off, count := d.vector(3*8, "the places of the inverted lists")
	d.vector(2*8, "the free places of the inverted lists")
	nameOff, length := d.vector(1, "the name of the lists' file")
	d.skip(8, "the size of the lists' file")
	if d.err == nil && (count != lists || length < 1 || length > 4096) {
		d.corrupt(at, "the places of %d inverted lists instead of %d, in a file with a name of %d bytes", count, lists, length)
	}
	if d.err != nil {
		return nil
	}
	name := make([]byte, length)
	if d.err = d.read(name, nameOff); d.err != nil {
		return nil
	}
	if d.openSide == nil || d.quantizer != "" {
		return &unread{lost: true, why: fmt.Sprintf("its inverted lists are in another file, %q", name)}
	}
	s, err := d.openSide(string(name))
	if err != nil {
		d.err = err
		return nil
	}
	c.input = s.input
	places := &decoder{input: d.input, off: off}
	d.placeLists(places, c, lists)
	return nil
}

// placeLists makes the runs of lists that are in another file, c.input, from their places.
func (d *decoder) placeLists(places *decoder, c *codes, lists int64) {
	var rows int64
	for list := int64(0); list < lists && d.err == nil; list++ {
		at := places.off
		n, room, off := places.int64("a list's size"), places.int64("a list's capacity"), places.int64("a list's offset")
		if d.err = places.err; d.err != nil || n == 0 {
			continue
		}
		left := c.input.size - off
		if n < 0 || room < n || off < 0 || left < 0 || room > left/max(c.size, 1) || n > (left-room*c.size)/8 {
			d.corrupt(at, "inverted list %d should have %d of %d rows at offset %d of %s, which has %d bytes", list, n, room, off,
				c.name, c.input.size)
			return
		}
		c.runs = append(c.runs, run{first: rows, list: list, off: off, ids: off + room*c.size})
		rows += n
	}
	if d.err == nil && rows != c.rows {
		d.corrupt(places.off, "the inverted lists hold %d rows instead of %d", rows, c.rows)
	}
}
