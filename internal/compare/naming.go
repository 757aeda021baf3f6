package compare

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"milvusdm/internal/rows"
)

// Naming finds out which rows make buckets differ. It reads both sides again, the left one first, and remembers at most
// about maxRemembered rows of it: where more rows are in buckets that differ, it looks into some of the buckets only, and
// says so (Difference.AtLeast).
type Naming struct {
	Comparing
	// Left and Right yield all rows of a side with the partition that counts in their hashes, anew each time they are called.
	Left, Right func(ctx context.Context, yield func(partition string, b *rows.Batch) error) error
	// Buckets of both sides.
	LeftBuckets, RightBuckets Buckets
}

// maxRemembered is how many rows Naming remembers, of about 50 bytes each (and the key, where it is a string).
var maxRemembered int64 = 1 << 20

// Run returns the difference.
func (n *Naming) Run(ctx context.Context) (Difference, error) {
	var d Difference
	x := n.choose(&d)
	err := n.Left(ctx, func(partition string, b *rows.Batch) error { return n.each(x, partition, b, x.remember) })
	if err != nil {
		return d, err
	}
	slices.SortFunc(x.rows, func(a, b remembered) int { return a.place(&b) })
	err = n.Right(ctx, func(partition string, b *rows.Batch) error { return n.each(x, partition, b, x.match) })
	if err != nil {
		return d, err
	}
	x.conclude(&d)
	return d, n.fields(ctx, x, &d)
}

// choose takes as many of the differing buckets as can be remembered, one at least.
func (n *Naming) choose(d *Difference) *naming {
	x := &naming{partitions: map[string]int32{}}
	rows := int64(0)
	for i, b := range n.LeftBuckets.Differing(n.RightBuckets) {
		if n.LeftBuckets != nil {
			rows += n.LeftBuckets[b].Rows
		}
		if i > 0 && rows > maxRemembered {
			d.AtLeast = true
			break
		}
		x.chosen[b] = true
	}
	return x
}

// each calls f with the rows of the chosen buckets.
func (n *Naming) each(x *naming, partition string, b *rows.Batch, f func(remembered)) error {
	c := n.Comparing
	c.Partition = partition
	h := c.hash(b)
	if h.err != nil {
		return h.err
	}
	p := x.number(partition)
	for i, hash := range h.hashes {
		if !x.chosen[bucketOf(h.keys, i)] {
			continue
		}
		r := rememberedKey(h.keys, i)
		r.hash, r.partition = hash, p
		f(r)
	}
	b.Recycle()
	return nil
}

// naming is the state of a Naming.
type naming struct {
	chosen     [bucketCount]bool
	partitions map[string]int32
	names      []string
	rows       []remembered // of the left side, sorted
	right      []remembered // the first ones that the left side lacks
	only       int64        // how many those are that the left side lacks
	doubled    int64        // how many rows of the right side there are beyond one of each key
	again      []remembered // the first of those
	differing  []remembered // the first rows of the left side that differ
}

// remembered is a row.
type remembered struct {
	number    int64
	text      string
	isText    bool // the key is text
	hash      rows.Hash
	partition int32
	seen      uint8 // how often on the other side: 0, 1 (alike), 2 (differing)
}

func rememberedKey(k *rows.Keys, i int) remembered {
	if k.Strings != nil {
		return remembered{text: k.Strings[i], isText: true}
	}
	return remembered{number: k.Ints[i]}
}

// place orders rows by partition and key.
func (r *remembered) place(s *remembered) int {
	return cmp.Or(cmp.Compare(r.partition, s.partition), cmp.Compare(r.number, s.number), cmp.Compare(r.text, s.text))
}

func (x *naming) number(partition string) int32 {
	p, ok := x.partitions[partition]
	if !ok {
		p = int32(len(x.names))
		x.partitions[partition] = p
		x.names = append(x.names, partition)
	}
	return p
}

func (x *naming) remember(r remembered) { x.rows = append(x.rows, r) }

// match looks for the left row of a right one: of the same key and partition, alike if there is one.
func (x *naming) match(r remembered) {
	at, ok := slices.BinarySearchFunc(x.rows, r, func(a, b remembered) int { return a.place(&b) })
	best := -1
	for i := at; ok && i < len(x.rows) && x.rows[i].place(&r) == 0; i++ {
		if l := &x.rows[i]; l.seen == 0 && (best < 0 || l.hash == r.hash) {
			best = i
		}
	}
	switch {
	case best >= 0 && x.rows[best].hash == r.hash:
		x.rows[best].seen = 1
	case best >= 0:
		x.rows[best].seen = 2
	case ok: // each of the left side's rows of the key has its match
		x.doubled++
		x.again = appendFirst(x.again, r)
	default:
		x.only++
		x.right = appendFirst(x.right, r)
	}
}

func appendFirst(list []remembered, r remembered) []remembered {
	if len(list) == mostNamed {
		return list
	}
	return append(list, r)
}

// conclude counts and names.
func (x *naming) conclude(d *Difference) {
	for from, to := 0, 0; from < len(x.rows); from = to {
		unseen := 0
		for ; to < len(x.rows) && x.rows[to].place(&x.rows[from]) == 0; to++ {
			switch x.rows[to].seen {
			case 0:
				unseen++
			case 2:
				x.note(d, Differing, x.rows[to])
				x.differing = appendFirst(x.differing, x.rows[to])
			}
		}
		if unseen == to-from {
			unseen--
			x.note(d, OnlyLeft, x.rows[from])
		}
		for range unseen {
			x.note(d, DoubledLeft, x.rows[from])
		}
	}
	for _, r := range x.right {
		x.note(d, OnlyRight, r)
	}
	d.OnlyRight += x.only - int64(len(x.right))
	for _, r := range x.again {
		x.note(d, DoubledRight, r)
	}
	d.DoubledRight += x.doubled - int64(len(x.again))
	// a key that both sides have, in different partitions
	for i := range d.Odd {
		for j := range d.Odd {
			l, r := &d.Odd[i], &d.Odd[j]
			if l.Kind == OnlyLeft && r.Kind == OnlyRight && l.Key == r.Key {
				l.Elsewhere, r.Elsewhere = r.Partition, l.Partition
			}
		}
	}
}

func (x *naming) note(d *Difference, kind OddKind, r remembered) {
	*d.Count(kind)++
	if d.wants(kind) {
		d.Odd = append(d.Odd, Odd{Kind: kind, Key: r.name(), Partition: x.names[r.partition]})
	}
}

func (r *remembered) name() string {
	if r.isText {
		return (&rows.Keys{Strings: []string{r.text}}).At(0)
	}
	return (&rows.Keys{Ints: []int64{r.number}}).At(0)
}

// fields finds the fields by which the named rows differ: both sides are read once more, until those rows were seen.
func (n *Naming) fields(ctx context.Context, x *naming, d *Difference) error {
	if len(x.differing) == 0 {
		return nil
	}
	left, err := n.values(ctx, n.Left, x)
	if err != nil {
		return err
	}
	right, err := n.values(ctx, n.Right, x)
	if err != nil {
		return err
	}
	at := 0
	for i := range d.Odd {
		if o := &d.Odd[i]; o.Kind == Differing {
			for name, l := range left[at] {
				if r, ok := right[at][name]; ok && l != r {
					o.Fields = append(o.Fields, name)
				}
			}
			slices.Sort(o.Fields)
			at++
		}
	}
	return nil
}

var errSeen = errors.New("all rows were seen")

// values returns the hashes of the differing rows' fields on one side.
func (n *Naming) values(ctx context.Context, read func(context.Context, func(string, *rows.Batch) error) error, x *naming) ([mostNamed]map[string]rows.Hash, error) {
	var out [mostNamed]map[string]rows.Hash
	missing := len(x.differing)
	err := read(ctx, func(partition string, b *rows.Batch) error {
		keys, err := rows.KeysOf(b, n.Key)
		if err != nil {
			return err
		}
		p := x.number(partition)
		for i := range keys.Len() {
			k := rememberedKey(keys, i)
			k.partition = p
			for at, r := range x.differing {
				if out[at] != nil || r.place(&k) != 0 {
					continue
				}
				if out[at], err = rows.FieldHashes(b, i); err != nil {
					return err
				}
				missing--
			}
		}
		b.Recycle()
		if missing == 0 {
			return errSeen
		}
		return nil
	})
	if errors.Is(err, errSeen) {
		err = nil
	}
	return out, err
}
