package rows

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

// Keys are primary keys, all of one type: the other slice is nil.
type Keys struct {
	Ints    []int64
	Strings []string
}

// Len is how many keys there are.
func (k *Keys) Len() int { return len(k.Ints) + len(k.Strings) }

// KeysOf returns a batch's primary keys, which it shares with the batch.
func KeysOf(b *Batch, field string) (*Keys, error) {
	f := b.Field(field)
	k := &Keys{Ints: f.GetScalars().GetLongData().GetData(), Strings: f.GetScalars().GetStringData().GetData()}
	if k.Len() != b.Rows {
		return nil, fmt.Errorf("%s: the batch has %d rows and %d keys in field %q", b.Place(0), b.Rows, k.Len(), field)
	}
	return k, nil
}

// Compare orders key i and key j of l, as Milvus does: integers by value, strings by bytes.
func (k *Keys) Compare(i int, l *Keys, j int) int {
	if k.Strings != nil {
		return cmp.Compare(k.Strings[i], l.Strings[j])
	}
	return cmp.Compare(k.Ints[i], l.Ints[j])
}

// Cursor stands right behind key i.
func (k *Keys) Cursor(i int) Cursor {
	if k.Strings != nil {
		return Cursor{Kind: StringCursor, Str: k.Strings[i]}
	}
	return Cursor{Kind: Int64Cursor, Int: k.Ints[i]}
}

// At names key i for a person.
func (k *Keys) At(i int) string {
	if k.Strings != nil {
		return fmt.Sprintf("%.200q", k.Strings[i])
	}
	return fmt.Sprint(k.Ints[i])
}

// One returns key i alone. It shares nothing with k.
func (k *Keys) One(i int) *Keys {
	if k.Strings != nil {
		return &Keys{Strings: []string{k.Strings[i]}}
	}
	return &Keys{Ints: []int64{k.Ints[i]}}
}

// Range returns the least and the greatest key, of at least one.
func (k *Keys) Range() (low, high *Keys) {
	if k.Strings != nil {
		return &Keys{Strings: []string{slices.Min(k.Strings)}}, &Keys{Strings: []string{slices.Max(k.Strings)}}
	}
	return &Keys{Ints: []int64{slices.Min(k.Ints)}}, &Keys{Ints: []int64{slices.Max(k.Ints)}}
}

// KeySet is a set of primary keys.
type KeySet struct {
	ints    map[int64]bool
	strings map[string]bool
}

// Add adds the keys of an answer.
func (s *KeySet) Add(f *schemapb.ScalarField) {
	if s.ints == nil {
		s.ints, s.strings = map[int64]bool{}, map[string]bool{}
	}
	for _, k := range f.GetLongData().GetData() {
		s.ints[k] = true
	}
	for _, k := range f.GetStringData().GetData() {
		s.strings[k] = true
	}
}

// Has reports whether key i of k is in the set.
func (s KeySet) Has(k *Keys, i int) bool {
	if k.Strings != nil {
		return s.strings[k.Strings[i]]
	}
	return s.ints[k.Ints[i]]
}
