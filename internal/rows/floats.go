package rows

import (
	"encoding/binary"
	"unsafe"
)

func init() {
	var probe [2]byte
	binary.NativeEndian.PutUint16(probe[:], 1)
	if probe[0] != 1 {
		panic("milvusdm runs on little-endian machines only: vectors are read as the bytes they are stored in")
	}
}

// FloatBytes returns the memory of v as bytes; it shares it.
func FloatBytes(v []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), len(v)*4)
}
