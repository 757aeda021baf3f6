package transfer

import (
	"context"
	"errors"
	"io"
	"sync"

	"google.golang.org/protobuf/proto"

	"milvusdm/internal/rows"
)

// Checkpoint is how far the copy of a range has come: what precedes Cursor is in the target, acknowledged; what follows
// may have been sent or not.
type Checkpoint struct {
	Cursor rows.Cursor `json:"cursor"`
	// Epoch is the one under which rows were acknowledged that the target may not have flushed yet.
	Epoch Epoch `json:"epoch,omitempty"`
	// Rows counts the rows read up to Cursor, Bytes their size on the wire; Sum covers those written, which are fewer where
	// the range has rows to skip.
	Rows  int64    `json:"rows,string"`
	Bytes int64    `json:"bytes,string"`
	Sum   rows.Sum `json:"sum"`
	// Read covers all rows read up to Cursor, where the source's sums are known: see Copier.Written.
	Read *rows.Sum `json:"read,omitempty"`
}

// Standing returns what the checkpoint is worth under the epoch now: all of it, or, where rows that the target acknowledged may be
// lost, the beginning of the range.
func (c Checkpoint) Standing(now Epoch) (from Checkpoint, lost bool) {
	if lost = c.Epoch.Over(now); lost {
		c = Checkpoint{}
	}
	c.Epoch = now
	return c, lost
}

// Copier moves the rows of one range from a reader to a writer, reading ahead while batches are under way.
type Copier struct {
	Reader Reader
	Writer Writer
	// Writers is how many batches are under way at once.
	Writers int
	// Check refuses a batch before it is sent, or drops rows of it; nil does neither.
	Check func(*rows.Batch) error
	// Range is what is copied: its partition counts in the sum, its Skip rows are left out.
	Range rows.Range
	// Written is that of the file that the range lies in, nil where none is known. With it, what is read is summed up as it was
	// written, so that CheckRead can compare the two.
	Written *Written
	// Record is told each checkpoint, in order, by one goroutine at a time.
	Record func(Checkpoint)
	// Stop, when closed, ends the copy at the next batch, as the end of the context does.
	Stop <-chan struct{}
	// Ahead is set by Run: batches behind the checkpoint were acknowledged, while one before them was not sent.
	Ahead bool
}

// Run copies from the checkpoint to the end of the range. It returns the checkpoint reached and whether the range is done.
//
// When ctx ends or Stop is closed, nothing new is sent, what is under way is waited for, and err is nil: everything sent is
// covered by the checkpoint, unless Ahead. After an error rows behind the checkpoint may have been written.
func (c *Copier) Run(ctx context.Context, from Checkpoint) (reached Checkpoint, done bool, err error) {
	skip, err := c.Range.Skip.Rows(c.Range.Rows)
	if err != nil {
		return from, false, err
	}
	// stop ends reading and sending: by the caller's wish, or after the first error
	stop, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if c.Stop != nil {
		go func() {
			select {
			case <-c.Stop:
				cancel(errStopped)
			case <-stop.Done():
			}
		}()
	}
	var failed error
	var once sync.Once
	fail := func(err error) { once.Do(func() { failed = err; cancel(err) }) }

	work := make(chan prepared)
	batches := -1 // how many the range has from here on, once its end was read
	var reading, writing sync.WaitGroup
	reading.Go(func() {
		defer close(work)
		for seq := 0; ; seq++ {
			p, err := c.prepare(stop, seq, skip)
			switch {
			case errors.Is(err, io.EOF):
				batches = seq
				return
			case err != nil:
				if stop.Err() == nil {
					fail(err)
				}
				return
			}
			select {
			case work <- p:
			case <-stop.Done():
				return
			}
		}
	})
	prefix := prefix{reached: from, record: c.Record, pending: map[int]Checkpoint{}}
	for range max(c.Writers, 1) {
		writing.Go(func() {
			for p := range work {
				if stop.Err() != nil {
					return
				}
				if p.batch.Rows > 0 {
					err := c.Writer.Write(stop, p.batch)
					if errors.Is(err, ErrNotSent) {
						return
					}
					if err != nil {
						fail(err)
						return
					}
				}
				p.batch.Recycle()
				prefix.acknowledge(p.seq, p.covers)
			}
		})
	}
	writing.Wait()
	cancel(nil) // a reader waiting to hand over a batch that nobody takes
	reading.Wait()
	c.Ahead = len(prefix.pending) > 0
	return prefix.reached, failed == nil && prefix.next == batches, failed
}

var errStopped = errors.New("stopped")

// prepared is a batch ready to be sent, and what its acknowledgement adds to the checkpoint.
type prepared struct {
	seq    int
	batch  *rows.Batch
	covers Checkpoint
}

// prepare reads the next batch, checks it and sums it up.
func (c *Copier) prepare(ctx context.Context, seq int, skip func(int64) bool) (prepared, error) {
	b, err := c.Reader.Next(ctx)
	if err != nil {
		return prepared{}, err
	}
	read := int64(b.Rows)
	var whole *rows.Sum
	if c.Written != nil {
		sum, err := rows.SumBatch(c.Written.Partition, b)
		if err != nil {
			return prepared{}, err
		}
		whole = &sum
	}
	if len(c.Range.Skip) > 0 {
		first := b.First - c.Range.From.Int
		if err := b.Keep(func(i int) bool { return !skip(first + int64(i)) }); err != nil {
			return prepared{}, err
		}
	}
	if c.Check != nil {
		if err := c.Check(b); err != nil {
			return prepared{}, err
		}
	}
	var sum rows.Sum
	if untouched := whole != nil && whole.Rows == int64(b.Rows) && c.Written.Partition == c.Range.Partition; untouched {
		sum = *whole
	} else if sum, err = rows.SumBatch(c.Range.Partition, b); err != nil {
		return prepared{}, err
	}
	p := prepared{seq: seq, batch: b, covers: Checkpoint{Cursor: b.After, Rows: read, Sum: sum, Read: whole}}
	for _, f := range b.Fields {
		p.covers.Bytes += int64(proto.Size(f))
	}
	return p, nil
}

// prefix is the longest run of acknowledged batches.
type prefix struct {
	mu      sync.Mutex
	next    int
	reached Checkpoint
	pending map[int]Checkpoint // acknowledged before one that precedes them
	record  func(Checkpoint)
}

func (p *prefix) acknowledge(seq int, covers Checkpoint) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pending[seq] = covers
	for {
		c, ok := p.pending[p.next]
		if !ok {
			return
		}
		delete(p.pending, p.next)
		p.next++
		p.reached.Cursor = c.Cursor
		p.reached.Rows += c.Rows
		p.reached.Bytes += c.Bytes
		p.reached.Sum.Add(c.Sum)
		if c.Read != nil {
			sum := *c.Read // a sum that was recorded is not changed
			if p.reached.Read != nil {
				sum.Add(*p.reached.Read)
			}
			p.reached.Read = &sum
		}
		if p.record != nil {
			p.record(p.reached)
		}
	}
}
