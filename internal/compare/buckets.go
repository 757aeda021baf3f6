package compare

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/zeebo/xxh3"

	"milvusdm/internal/rows"
)

// bucketCount is how many buckets there are.
const bucketCount = 1024

// Buckets sums up rows by the hash of their key, so that two sides that are read in different orders can be compared and
// only what lies in buckets that differ is read again. Nil is empty.
type Buckets []rows.Sum

// Add adds rows.
func (s *Buckets) Add(keys *rows.Keys, hashes []rows.Hash) {
	if *s == nil {
		*s = make(Buckets, bucketCount)
	}
	for i, h := range hashes {
		b := &(*s)[bucketOf(keys, i)]
		b.AddHash(h)
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
func (s Buckets) Total() (total rows.Sum) {
	for _, b := range s {
		total.Add(b)
	}
	return total
}

// Differing returns the numbers of the buckets that differ.
func (s Buckets) Differing(t Buckets) []int {
	var out []int
	for i := range bucketCount {
		var x, y rows.Sum
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
			b = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(b, x.Hi), x.Lo)
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
		count, n := binary.Uvarint(b)
		if n <= 0 || count > 0 && len(b) < n+16 {
			break
		}
		x := rows.Sum{Rows: int64(count)}
		if b = b[n:]; count > 0 {
			x.Hi, x.Lo = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
			b = b[16:]
		}
		*s = append(*s, x)
	}
	if len(b) > 0 || len(*s) != 0 && len(*s) != bucketCount {
		return errors.New("buckets of sums: the text is damaged")
	}
	return nil
}

// bucketOf is the number of key i's bucket.
func bucketOf(k *rows.Keys, i int) int { return int(hashOf(k, i) % bucketCount) }

func hashOf(k *rows.Keys, i int) uint64 {
	if k.Strings != nil {
		return xxh3.HashString(k.Strings[i])
	}
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(k.Ints[i]))
	return xxh3.Hash(b[:])
}
