package rows

import (
	"sync"
	"unsafe"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

// rooms is memory of batches that are done with: *[]uint64. What was just sent is in the processor's cache, and need be
// neither collected nor cleared.
var rooms sync.Pool

// element is what a column's memory holds; its size divides 8.
type element interface {
	byte | int32 | int64 | uint64 | float32 | float64
}

// Room returns memory for n values, which hold anything: the caller writes them all.
func Room[T element](n int) []T {
	size := int(unsafe.Sizeof(*new(T)))
	room := takeRoom((n*size + 7) / 8)
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(room))), len(room)*8/size)[:n]
}

func takeRoom(words int) []uint64 {
	r, ok := rooms.Get().(*[]uint64)
	switch {
	case !ok:
	case len(*r) >= words && len(*r) <= 2*words:
		return *r
	case len(*r) > words: // too good for this
		rooms.Put(r)
	}
	return make([]uint64, words)
}

// leastRoom is what is worth being kept. Above it the runtime aligns memory to 8 bytes, whatever it was made for.
const leastRoom = 4 << 10

func giveBack[T element](v []T) {
	words := cap(v) * int(unsafe.Sizeof(*new(T))) / 8
	if words < leastRoom/8 {
		return
	}
	room := unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(v))), words)
	rooms.Put(&room)
}

// Recyclable says that a column of vectors is this batch's alone, so that its memory can be used again with Recycle.
func (b *Batch) Recyclable(f *schemapb.FieldData) {
	switch d := f.GetVectors().GetData().(type) {
	case *schemapb.VectorField_FloatVector:
		v := d.FloatVector.Data
		b.recycle = append(b.recycle, func() { giveBack(v) })
	case *schemapb.VectorField_BinaryVector:
		v := d.BinaryVector
		b.recycle = append(b.recycle, func() { giveBack(v) })
	}
}

// Recycle has the memory of the batch's vectors used again, for other batches: nothing of the batch may be used after.
// A batch that is not recycled is left to the garbage collector.
func (b *Batch) Recycle() {
	for _, give := range b.recycle {
		give()
	}
	b.recycle = nil
}
