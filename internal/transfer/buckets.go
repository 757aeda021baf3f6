package transfer

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/zeebo/xxh3"
)

// bucketCount is how many buckets there are.
const bucketCount = 1024

// Buckets sums up rows by the hash of their key, so that two sides that are read in different orders can be compared and
// only what lies in buckets that differ is read again. Nil is empty.
type Buckets []Sum

// Add adds rows.
func (s *Buckets) Add(keys *Keys, hashes []Hash) {
	if *s == nil {
		*s = make(Buckets, bucketCount)
	}
	for i, h := range hashes {
		b := &(*s)[keys.bucket(i)]
		b.add(h)
		b.Rows++
	}
}

// AddAll adds what t covers.
func (s *Buckets) AddAll(t Buckets) {
	if *s == nil {
		*s = make(Buckets, bucketCount)
	}
	for i := range t {
		(*s)[i].Add(t[i])
	}
}

// Total is the sum of all rows.
func (s Buckets) Total() (total Sum) {
	for _, b := range s {
		total.Add(b)
	}
	return total
}

// Differing returns the numbers of the buckets that differ.
func (s Buckets) Differing(t Buckets) []int {
	var out []int
	for i := range bucketCount {
		var x, y Sum
		if s != nil {
			x = s[i]
		}
		if t != nil {
			y = t[i]
		}
		if x != y {
			out = append(out, i)
		}
	}
	return out
}

// MarshalText writes the buckets as base64: for each, its rows as a varint, and its sum, which an empty one has not.
func (s Buckets) MarshalText() ([]byte, error) {
	var b []byte
	for _, x := range s {
		if b = binary.AppendUvarint(b, uint64(x.Rows)); x.Rows > 0 {
			b = le.AppendUint64(le.AppendUint64(b, x.Hi), x.Lo)
		}
	}
	return base64.StdEncoding.AppendEncode(nil, b), nil
}

// UnmarshalText reads what MarshalText wrote.
func (s *Buckets) UnmarshalText(text []byte) error {
	*s = nil
	b, err := base64.StdEncoding.AppendDecode(nil, text)
	if err != nil {
		return fmt.Errorf("buckets of sums: %w", err)
	}
	for len(b) > 0 && len(*s) < bucketCount {
		rows, n := binary.Uvarint(b)
		if n <= 0 || rows > 0 && len(b) < n+16 {
			break
		}
		x := Sum{Rows: int64(rows)}
		if b = b[n:]; rows > 0 {
			x.Hi, x.Lo = le.Uint64(b), le.Uint64(b[8:])
			b = b[16:]
		}
		*s = append(*s, x)
	}
	if len(b) > 0 || len(*s) != 0 && len(*s) != bucketCount {
		return errors.New("buckets of sums: the text is damaged")
	}
	return nil
}

// bucket is the number of key i's bucket.
func (k *Keys) bucket(i int) int { return int(k.hash(i) % bucketCount) }

func (k *Keys) hash(i int) uint64 {
	if k.Strings != nil {
		return xxh3.HashString(k.Strings[i])
	}
	var b [8]byte
	le.PutUint64(b[:], uint64(k.Ints[i]))
	return xxh3.Hash(b[:])
}
