package faiss

import "sort"

// scratchBytes is how much of encoded rows is read at once, when they must be decoded.
const scratchBytes = 256 << 10

// codec turns codes into vectors.
type codec interface {
	// decode fills dst with len(dst)/dim vectors from as many codes.
	decode(dst []float32, codes []byte)
}

// codes are the rows of an index that stores them as codes of one size, in one run or, for inverted lists, in many.
type codes struct {
	*input
	size  int64 // of a code
	dim   int
	codec codec // nil: the code is the vector
	runs  []run
	rows  int64
	lists bool // each run has ids
	// coarse, when not nil, has the centroid of list i as row i; it is added to what the codec yields.
	coarse table
	panorama
}

// run is a stretch of rows whose codes are adjacent in the file.
type run struct {
	first int64 // row
	off   int64
	ids   int64 // where the ids are, in an inverted list
	list  int64 // number of the inverted list
}

// each calls f for the pieces of rows [first, first+n) that lie in one run: k rows of run r, from its row skip on; done
// rows came before.
func (c *codes) each(first, n int64, f func(r run, skip, done, k int64) error) error {
	i := sort.Search(len(c.runs), func(i int) bool { return c.runs[i].first > first }) - 1
	for done := int64(0); done < n; i++ {
		r, end := c.runs[i], c.rows
		if i+1 < len(c.runs) {
			end = c.runs[i+1].first
		}
		skip := first + done - r.first
		k := min(end-first-done, n-done)
		if err := f(r, skip, done, k); err != nil {
			return err
		}
		done += k
	}
	return nil
}

func (c *codes) vectors(first int64, dst []byte) error {
	if c.codec != nil {
		return c.decodeRows(first, floatsOf(dst))
	}
	return c.each(first, int64(len(dst))/c.size, func(r run, skip, done, k int64) error {
		rows := dst[done*c.size : (done+k)*c.size]
		if c.batch > 0 {
			return c.readParts(rows, r, skip)
		}
		return c.read(rows, r.off+skip*c.size)
	})
}

func (c *codes) decodeRows(first int64, dst []float32) error {
	dim, n := int64(c.dim), int64(len(dst)/c.dim)
	chunk := min(max(scratchBytes/c.size, 1), n)
	scratch := make([]byte, chunk*c.size)
	var centroid []float32
	if c.coarse != nil {
		centroid = make([]float32, c.dim)
	}
	return c.each(first, n, func(r run, skip, done, k int64) error {
		if centroid != nil {
			if err := c.coarse.vectors(r.list, floatBytes(centroid)); err != nil {
				return err
			}
		}
		for k > 0 {
			m := min(k, chunk)
			if err := c.read(scratch[:m*c.size], r.off+skip*c.size); err != nil {
				return err
			}
			out := dst[done*dim : (done+m)*dim]
			c.codec.decode(out, scratch[:m*c.size])
			if centroid != nil {
				addToEach(out, centroid)
			}
			skip, done, k = skip+m, done+m, k-m
		}
		return nil
	})
}

// addToEach adds v to every vector of rows.
func addToEach(rows, v []float32) {
	for ; len(rows) > 0; rows = rows[len(v):] {
		row := rows[:len(v)]
		for i, x := range v {
			row[i] += x
		}
	}
}

func (c *codes) ids(first int64, dst []int64) error {
	if !c.lists {
		for i := range dst {
			dst[i] = first + int64(i)
		}
		return nil
	}
	return c.each(first, int64(len(dst)), func(r run, skip, done, k int64) error {
		return c.read(int64Bytes(dst[done:done+k]), r.ids+skip*8)
	})
}

// oneRun reads codes that are stored as one counted array of elements of elem bytes.
func (d *decoder) oneRun(n Info, size, elem int64, decode codec) *codes {
	at := d.off
	off, count := d.vector(elem, "the vectors")
	if d.err == nil && (count*elem%size != 0 || count*elem/size != n.Rows) {
		d.corrupt(at, "the vectors take %d bytes, which does not fit %d rows of %d bytes", count*elem, n.Rows, size)
	}
	return &codes{input: d.input, size: size, dim: n.Dim, codec: decode, runs: []run{{off: off}}, rows: n.Rows}
}
