package rows

import "testing"

func TestRoomIsAsLargeAsAskedFor(t *testing.T) {
	for _, n := range []int{0, 1, 7, 4095, 4096, 10000, 3, 9000, 8191} {
		bytes, longs := Room[byte](n), Room[int64](n)
		if len(bytes) != n || len(longs) != n {
			t.Fatalf("asked for %d, got %d and %d", n, len(bytes), len(longs))
		}
		for i := range n {
			bytes[i], longs[i] = 1, -1 // a fault would be one of the race detector's or a crash
		}
		giveBack(bytes)
		giveBack(longs)
	}
}
