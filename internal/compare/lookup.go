package compare

import (
	"context"
	"errors"
	"io"

	"milvusdm/internal/fault"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// Lookup compares the rows of one side with those that the other has under the same keys, whatever else the other has.
type Lookup struct {
	Comparing
	// Left is read; its keys are looked up in a partition of Right, which is nil where there is none.
	Left      transfer.Reader
	Right     transfer.Finder
	Partition string
	// Swapped: what is read is the right side.
	Swapped bool
	// Batches is how many batches are compared; 0 is all.
	Batches int
	// Keep leaves out rows of a batch; nil keeps all.
	Keep func(*rows.Batch) error
	// Record is told how far the comparison has come.
	Record func(Compared)
}

// Run compares from where from stands.
func (l *Lookup) Run(ctx context.Context, from Compared) (Compared, error) {
	for n := 0; l.Batches == 0 || n < l.Batches; n++ {
		b, err := l.Left.Next(ctx)
		if errors.Is(err, io.EOF) {
			return from, nil
		}
		if err != nil {
			return from, err
		}
		if l.Keep != nil {
			if err := l.Keep(b); err != nil {
				return from, err
			}
		}
		if b.Rows > 0 {
			if err := l.compare(ctx, b, &from); err != nil {
				return from, err
			}
		}
		from.Cursor = b.After
		b.Recycle()
		if l.Record != nil {
			l.Record(from)
		}
	}
	return from, nil
}

// compare looks a batch up.
func (l *Lookup) compare(ctx context.Context, b *rows.Batch, c *Compared) error {
	mine := l.hash(b)
	if mine.err != nil {
		return mine.err
	}
	read, found, lone := &c.Left, &c.Right, OnlyLeft
	if l.Swapped {
		read, found, lone = &c.Right, &c.Left, OnlyRight
	}
	sought := newIndex(mine.keys)
	distinct := mine.keys
	if len(sought.rows) < b.Rows {
		distinct = sought.keys()
	}
	alike := make([]bool, b.Rows)
	unlike := map[int]match{} // a key can be found in several partitions: one row that is alike will do
	err := l.find(ctx, distinct, func(f *rows.Batch) error {
		theirs := l.hash(f)
		if theirs.err != nil {
			return theirs.err
		}
		for j, h := range theirs.hashes {
			i, ok := sought.find(theirs.keys, j)
			if !ok {
				return fault.New(fault.Internal, "key %s was not asked for", theirs.keys.At(j))
			}
			found.AddHash(h)
			found.Rows++
			if mine.hashes[i] == h {
				alike[i] = true
			} else {
				unlike[i] = match{theirs, j}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, h := range mine.hashes {
		read.AddHash(h)
		read.Rows++
		last, _ := sought.find(mine.keys, i)
		other, differs := unlike[last]
		switch {
		case alike[last]:
		case !differs:
			err = l.lone(ctx, lone, mine.keys, i, &c.Difference)
		case last != i: // told when its turn comes
		case l.Swapped:
			err = l.differing(other.hashed, other.row, mine, i, &c.Difference)
		default:
			err = l.differing(mine, i, other.hashed, other.row, &c.Difference)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *Lookup) find(ctx context.Context, keys *rows.Keys, yield func(*rows.Batch) error) error {
	if l.Right == nil {
		return nil
	}
	return l.Right.Find(ctx, l.Partition, keys, yield)
}

// match is a row that was found.
type match struct {
	hashed
	row int
}

// index finds the row of a key; of equal keys the last, which is the one that stays of several written rows.
type index struct{ rows map[any]int }

func newIndex(k *rows.Keys) *index {
	x := &index{rows: make(map[any]int, k.Len())}
	for i, key := range k.Ints {
		x.rows[key] = i
	}
	for i, key := range k.Strings {
		x.rows[key] = i
	}
	return x
}

func (x *index) find(k *rows.Keys, i int) (int, bool) {
	var key any
	if k.Strings != nil {
		key = k.Strings[i]
	} else {
		key = k.Ints[i]
	}
	row, ok := x.rows[key]
	return row, ok
}

func (x *index) keys() *rows.Keys {
	k := &rows.Keys{}
	for key := range x.rows {
		switch key := key.(type) {
		case int64:
			k.Ints = append(k.Ints, key)
		case string:
			k.Strings = append(k.Strings, key)
		}
	}
	return k
}
