package transfer

import (
	"bufio"
	"container/heap"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unsafe"

	"milvusdm/internal/fault"
)

// Repeats are primary keys that stand more than once in a source.
type Repeats struct {
	// Keys are those keys, ascending.
	Keys []int64
	// Superseded are the rows, ascending, that a later row of the same key replaces.
	Superseded []int64
	// First names the rows of the first few repeated keys for a person.
	First string
}

// namedRepeats is how many repeated keys are named.
const namedRepeats = 3

// maxRepeated bounds the memory that repeated keys take.
const maxRepeated = 4 << 20

// runKeys is how many keys are sorted in memory at once (32 MiB); longer sources are sorted by runs on disk.
var runKeys = 4 << 20

// FindRepeats reads a source's keys and finds those that stand more than once. Memory is bounded; sources of more than
// 4 million keys that are not in ascending order need 8 bytes a key of temporary disk.
func FindRepeats(ctx context.Context, s KeyScanner) (*Repeats, error) {
	ascending, err := strictlyAscending(ctx, s)
	if err != nil || ascending {
		return &Repeats{}, err
	}
	keys, err := repeatedKeys(ctx, s)
	if err != nil || len(keys) == 0 {
		return &Repeats{}, err
	}
	return locate(ctx, s, keys)
}

func strictlyAscending(ctx context.Context, s KeyScanner) (bool, error) {
	ascending, any, last := true, false, int64(0)
	err := s.ScanKeys(ctx, func(_ int64, keys []int64) error {
		for _, k := range keys {
			if any && k <= last {
				ascending = false
				return io.EOF
			}
			any, last = true, k
		}
		return nil
	})
	if !ascending {
		return false, nil
	}
	return true, err
}

// repeatedKeys sorts all keys and returns, once each, those that have an equal neighbour.
func repeatedKeys(ctx context.Context, s KeyScanner) ([]int64, error) {
	var runs sortedRuns
	defer runs.close()
	buf := make([]int64, 0, 1<<16)
	err := s.ScanKeys(ctx, func(_ int64, keys []int64) error {
		for len(keys) > 0 {
			n := min(len(keys), runKeys-len(buf))
			buf, keys = append(buf, keys[:n]...), keys[n:]
			if len(buf) == runKeys {
				if err := runs.add(buf); err != nil {
					return err
				}
				buf = buf[:0]
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(buf)
	var out []int64
	any, last := false, int64(0)
	each := func(k int64) error {
		if any && k == last && (len(out) == 0 || out[len(out)-1] != k) {
			if len(out) == maxRepeated {
				return errTooManyRepeats()
			}
			out = append(out, k)
		}
		any, last = true, k
		return nil
	}
	return out, runs.merge(buf, each)
}

func errTooManyRepeats() error {
	return fault.New(fault.Unsupported, "more than %d rows repeat a key; remove them from the source first", maxRepeated)
}

// locate finds the rows of the repeated keys.
func locate(ctx context.Context, s KeyScanner, repeated []int64) (*Repeats, error) {
	r := &Repeats{Keys: repeated}
	last := make([]int64, len(repeated)) // the last row so far of each, -1 before the first
	for i := range last {
		last[i] = -1
	}
	err := s.ScanKeys(ctx, func(first int64, keys []int64) error {
		for i, k := range keys {
			at, ok := slices.BinarySearch(repeated, k)
			if !ok {
				continue
			}
			row := first + int64(i)
			if last[at] >= 0 {
				if len(r.Superseded) < namedRepeats {
					r.First += fmt.Sprintf(", %s stands at %s and at %s", keyText(s, k), s.Place(last[at]), s.Place(row))
				} else if len(r.Superseded) == namedRepeats {
					r.First += ", ..."
				}
				if len(r.Superseded) == maxRepeated {
					return errTooManyRepeats()
				}
				r.Superseded = append(r.Superseded, last[at])
			}
			last[at] = row
		}
		return nil
	})
	slices.Sort(r.Superseded)
	r.First = strings.TrimPrefix(r.First, ", ")
	return r, err
}

func keyText(s KeyScanner, k int64) string {
	if h, ok := s.(Hashed); ok && h.HashedKeys() {
		return "one key"
	}
	return fmt.Sprintf("key %d", k)
}

// sortedRuns keeps sorted runs of keys in one temporary file.
type sortedRuns struct {
	file  *os.File
	count int
}

func (r *sortedRuns) close() {
	if r.file != nil {
		_ = r.file.Close() // it is gone with it, whatever was in it
	}
}

func (r *sortedRuns) add(keys []int64) error {
	if r.file == nil {
		f, err := os.CreateTemp("", "milvusdm-keys-*")
		if err != nil {
			return fmt.Errorf("sort the keys on disk: %w", err)
		}
		r.file = f
		// the open file lives on; nothing is left behind, whatever happens
		if err := os.Remove(f.Name()); err != nil {
			return fmt.Errorf("sort the keys on disk: %w", err)
		}
	}
	slices.Sort(keys)
	if _, err := r.file.Write(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(keys))), len(keys)*8)); err != nil {
		return fmt.Errorf("sort the keys on disk: %w", err)
	}
	r.count++
	return nil
}

// merge calls each with all keys of the runs and of rest, ascending.
func (r *sortedRuns) merge(rest []int64, each func(int64) error) error {
	var h runHeap
	for i := range r.count {
		in := bufio.NewReaderSize(io.NewSectionReader(r.file, int64(i)*int64(runKeys)*8, int64(runKeys)*8), 64<<10)
		h = append(h, &run{next: func() (int64, bool, error) {
			var b [8]byte
			if _, err := io.ReadFull(in, b[:]); err == io.EOF {
				return 0, false, nil
			} else if err != nil {
				return 0, false, fmt.Errorf("sort the keys on disk: %w", err)
			}
			return int64(binary.NativeEndian.Uint64(b[:])), true, nil
		}})
	}
	at := 0
	h = append(h, &run{next: func() (int64, bool, error) {
		if at == len(rest) {
			return 0, false, nil
		}
		at++
		return rest[at-1], true, nil
	}})
	live := h[:0]
	for _, x := range h {
		ok, err := x.advance()
		if err != nil {
			return err
		}
		if ok {
			live = append(live, x)
		}
	}
	h = live
	heap.Init(&h)
	for len(h) > 0 {
		if err := each(h[0].key); err != nil {
			return err
		}
		ok, err := h[0].advance()
		switch {
		case err != nil:
			return err
		case ok:
			heap.Fix(&h, 0)
		default:
			heap.Pop(&h)
		}
	}
	return nil
}

type run struct {
	key  int64
	next func() (int64, bool, error)
}

func (r *run) advance() (bool, error) {
	k, ok, err := r.next()
	r.key = k
	return ok, err
}

type runHeap []*run

func (h runHeap) Len() int           { return len(h) }
func (h runHeap) Less(i, j int) bool { return h[i].key < h[j].key }
func (h runHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *runHeap) Push(x any)        { *h = append(*h, x.(*run)) }
func (h *runHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}
