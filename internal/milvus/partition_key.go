package milvus

import (
	"fmt"
	"hash/crc32"
	"iter"
	"maps"
	"math"
	"math/bits"
	"slices"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/rows"
)

// unpruned is an expression that is true for the same rows as expr, and for which the server reads all partitions.
// Milvus before 2.3.10 puts upserted rows into the wrong partition, and an expression that names values of the
// partition key misses them. A comparison of the partition key, here one that is true for no row, tells the server no
// partition.
func unpruned(field *schemapb.FieldSchema, expr string) string {
	if field.GetDataType() == schemapb.DataType_Int64 {
		return fmt.Sprintf("(%s) or %s > %d", expr, field.GetName(), int64(math.MaxInt64))
	}
	return fmt.Sprintf(`(%s) or %s < ""`, expr, field.GetName())
}

// value is one of a partition key: an integer, or text.
type value struct {
	int  int64
	text string
	// isText tells "" from 0.
	isText bool
}

func valueAt(k *rows.Keys, i int) value {
	if k.Strings != nil {
		return value{text: k.Strings[i], isText: true}
	}
	return value{int: k.Ints[i]}
}

func keysFrom(values []value) *rows.Keys {
	k := &rows.Keys{}
	for _, v := range values {
		if v.isText {
			k.Strings = append(k.Strings, v.text)
		} else {
			k.Ints = append(k.Ints, v.int)
		}
	}
	return k
}

// keysAt are the keys at the places.
func keysAt(k *rows.Keys, at []int) *rows.Keys {
	out := &rows.Keys{}
	for _, i := range at {
		if k.Strings != nil {
			out.Strings = append(out.Strings, k.Strings[i])
		} else {
			out.Ints = append(out.Ints, k.Ints[i])
		}
	}
	return out
}

// byPartition groups values by the partition that Milvus looks for them in. Where the number of partitions is 0, each
// value is alone.
func byPartition(values iter.Seq[value], partitions int64) [][]value {
	by := map[uint32][]value{}
	var single [][]value
	for v := range values {
		if partitions <= 0 {
			single = append(single, []value{v})
			continue
		}
		p := v.hash() % uint32(partitions)
		by[p] = append(by[p], v)
	}
	for _, p := range slices.Sorted(maps.Keys(by)) {
		single = append(single, by[p])
	}
	return single
}

// hash is what Milvus (2.3 to 2.6) takes, modulo the number of partitions, as the number of a value's partition. Milvus
// can't change it without moving rows.
func (v value) hash() uint32 {
	const textBytes = 100
	if v.isText {
		return crc32.ChecksumIEEE([]byte(v.text[:min(len(v.text), textBytes)]))
	}
	return murmur3(uint64(v.int)) & 0x7fffffff
}

// murmur3 is the 32-bit MurmurHash3 of the eight bytes of v, least first, with seed 0.
func murmur3(v uint64) uint32 {
	h := uint32(0)
	for _, k := range []uint32{uint32(v), uint32(v >> 32)} {
		h ^= bits.RotateLeft32(k*0xcc9e2d51, 15) * 0x1b873593
		h = bits.RotateLeft32(h, 13)*5 + 0xe6546b64
	}
	h ^= 8
	h = (h ^ h>>16) * 0x85ebca6b
	h = (h ^ h>>13) * 0xc2b2ae35
	return h ^ h>>16
}
