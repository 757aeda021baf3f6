package milvus1

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"

	"milvusdm/internal/access"
	"milvusdm/internal/fault"
)

// segment is a folder db/tables/TABLE/SEGMENT of three files: SEGMENT.rv holds the vectors of its rows, SEGMENT.uid their ids,
// deleted_docs which of the rows are deleted. Formulas are those of DefaultVectorsFormat and DefaultDeletedDocsFormat in
// Milvus's core/src/codecs/default.
type segment struct {
	dir                   string
	vectors, ids, deleted file  // deleted is none where the file is not there
	header                int64 // bytes before the first vector, and before the first id
	rows                  int64 // deleted ones included
	live                  int64 // rows without them
	first                 int64 // number of its first row, counted over the source
}

// end is the number of the row behind the last.
func (s *segment) end() int64 { return s.first + s.live }

// findSegment looks at the files of a segment, which must agree with each other and with the metadata.
func findSegment(tableDir string, said segmentRows, rowBytes int64) (*segment, error) {
	s := &segment{dir: filepath.Join(tableDir, said.id)}
	base := filepath.Join(s.dir, said.id)
	var err error
	if s.ids, err = s.find(base + ".uid"); err != nil {
		return nil, err
	}
	if s.vectors, err = s.find(base + ".rv"); err != nil {
		return nil, err
	}
	s.deleted, err = statFile(filepath.Join(s.dir, "deleted_docs"))
	if err != nil && !missing(err) {
		return nil, access.Failed(err, "find the deleted rows")
	}
	if err := s.measure(said, rowBytes); err != nil {
		return nil, err
	}
	return s, nil
}

// find finds a file that must be there.
func (s *segment) find(path string) (file, error) {
	f, err := statFile(path)
	if missing(err) {
		return f, fault.New(fault.Corrupt, "%s is not there, and the metadata says that it is; a server with several storage paths has parts of its data in each: copy them together first", path)
	}
	return f, access.Failed(err, "find a segment")
}

// measure counts the segment's rows.
func (s *segment) measure(said segmentRows, rowBytes int64) error {
	if said.rows < 0 || said.rows > math.MaxInt32 {
		return fault.New(fault.Corrupt, "%s: the metadata says that the segment holds %d rows", s.dir, said.rows)
	}
	entries, err := s.deletedEntries()
	if err != nil {
		return err
	}
	if err := s.measureIDs(said.rows + entries); err != nil {
		return err
	}
	if err := s.measureVectors(rowBytes); err != nil {
		return err
	}
	deleted, err := s.readDeleted()
	if err != nil {
		return err
	}
	s.live = s.rows - deleted.count
	// A server takes a row off as often as the file names it, but for one that was killed between the file and the metadata.
	if s.live != said.rows && s.rows-deleted.entries != said.rows {
		return fault.New(fault.Corrupt, "%s: the metadata says that the segment holds %d rows, and its files hold %d, %d of them deleted; if the server was killed, start it once more and stop it cleanly",
			s.dir, said.rows, s.rows, deleted.count)
	}
	return nil
}

// measureIDs counts the rows. Files begin with a length, but for those of the first versions, which hold nothing but values:
// such a file is known by having exactly the expected rows.
func (s *segment) measureIDs(expected int64) error {
	length, err := s.ids.length()
	if err != nil {
		return err
	}
	size := s.ids.size()
	switch {
	case length == uint64(size-lengthBytes) && length%8 == 0:
		s.header, s.rows = lengthBytes, int64(length/8)
	case size == expected*8 && length != uint64(size):
		s.header, s.rows = 0, expected
	default:
		return fault.New(fault.Corrupt, "%s: says that %d bytes of ids follow, 8 each, and %d do", s.ids.path, length, size-lengthBytes)
	}
	if s.rows > math.MaxInt32 {
		return fault.New(fault.Corrupt, "%s: holds %d rows, more than a segment can", s.ids.path, s.rows)
	}
	return nil
}

// measureVectors makes sure that there is a vector for each id.
func (s *segment) measureVectors(rowBytes int64) error {
	want, size := s.rows*rowBytes, s.vectors.size()
	if size != s.header+want {
		return fault.New(fault.Corrupt, "%s: has %d bytes, and %d rows of %d bytes take %d; the file is cut, or the metadata is of another",
			s.vectors.path, size, s.rows, rowBytes, s.header+want)
	}
	if s.header == 0 {
		return nil
	}
	length, err := s.vectors.length()
	if err == nil && length != uint64(want) {
		return fault.New(fault.Corrupt, "%s: says that %d bytes of vectors follow, and %d do", s.vectors.path, length, want)
	}
	return err
}

// length reads the number that the file begins with.
func (f file) length() (uint64, error) {
	if f.size() < lengthBytes {
		return 0, fault.New(fault.Corrupt, "%s: has %d bytes, and %d are the least", f.path, f.size(), lengthBytes)
	}
	r, err := f.open()
	if err != nil {
		return 0, err
	}
	defer r.Close()
	return readLength(r, f.path)
}

// deletedEntries is how many rows the segment's file of deleted ones names.
func (s *segment) deletedEntries() (int64, error) {
	if s.deleted.info == nil {
		return 0, nil
	}
	r, err := s.deleted.open()
	if err != nil {
		return 0, err
	}
	defer r.Close()
	return deletedEntries(r, s.deleted.path, s.deleted.size())
}

// readDeleted reads which rows are deleted.
func (s *segment) readDeleted() (deletedRows, error) {
	if s.deleted.info == nil {
		return deletedRows{}, nil
	}
	r, err := s.deleted.open()
	if err != nil {
		return deletedRows{}, err
	}
	defer r.Close()
	return readDeleted(r, s.deleted.path, s.deleted.size(), s.rows)
}

// unchanged refuses a segment that was written since it was found.
func (s *segment) unchanged() error {
	for _, f := range s.files() {
		if err := f.unchanged(); err != nil {
			return err
		}
	}
	return nil
}

// files are the segment's files that are there.
func (s *segment) files() []file {
	out := []file{s.ids, s.vectors}
	if s.deleted.info != nil {
		out = append(out, s.deleted)
	}
	return out
}

// segmentReader yields the rows of a segment that are not deleted, in order.
type segmentReader struct {
	*segment
	rowBytes int64
	ids      *os.File
	vectors  *os.File // nil: only ids are read
	deleted  deletedRows
	at       int64 // the next row, deleted ones included
}

// open begins with the row that has skip rows before it that are not deleted.
func (s *segment) open(ctx context.Context, skip, rowBytes int64, vectors bool) (*segmentReader, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r := &segmentReader{segment: s, rowBytes: rowBytes}
	var err error
	if r.deleted, err = s.readDeleted(); err != nil {
		return nil, err
	}
	r.at = r.deleted.nth(skip)
	if r.ids, err = s.ids.open(); err != nil {
		return nil, err
	}
	if vectors {
		if r.vectors, err = s.vectors.open(); err != nil {
			return nil, errors.Join(err, r.ids.Close())
		}
	}
	return r, nil
}

func (r *segmentReader) close() error {
	err := r.ids.Close()
	if r.vectors != nil {
		err = errors.Join(err, r.vectors.Close())
	}
	return err
}

// read fills ids with the next ids, and vectors, unless only ids are read, with as many vectors. There must be so many.
// Deleted rows are read too, into the place of what follows them.
func (r *segmentReader) read(ids []int64, vectors []byte) error {
	w := r.rowBytes
	for done := int64(0); done < int64(len(ids)); {
		r.at = r.deleted.nextLive(r.at)
		n := min(int64(len(ids))-done, r.rows-r.at)
		if n <= 0 {
			return fault.New(fault.SourceChanged, "%s: more rows are deleted than when it was found; stop the Milvus 1.x server first", r.dir)
		}
		if err := readAt(r.ids, int64Bytes(ids[done:done+n]), r.header+r.at*8); err != nil {
			return err
		}
		var some []byte
		if r.vectors != nil {
			some = vectors[done*w : (done+n)*w]
			if err := readAt(r.vectors, some, r.header+r.at*w); err != nil {
				return err
			}
		}
		done += r.keep(ids[done:done+n], some)
		r.at += n
	}
	return nil
}

// keep moves rows that are not deleted to the front and returns how many there are; ids holds those from r.at on.
func (r *segmentReader) keep(ids []int64, vectors []byte) int64 {
	w, end := r.rowBytes, r.at+int64(len(ids))
	kept := int64(0)
	for from := r.at; from < end; {
		to := min(r.deleted.nextDeleted(from), end)
		if at := from - r.at; at != kept {
			copy(ids[kept:], ids[at:to-r.at])
			if vectors != nil {
				copy(vectors[kept*w:], vectors[at*w:(to-r.at)*w])
			}
		}
		kept += to - from
		from = r.deleted.nextLive(to)
	}
	return kept
}

func readAt(f *os.File, b []byte, offset int64) error {
	if _, err := f.ReadAt(b, offset); err != nil {
		return readFault(err, f.Name())
	}
	return nil
}
