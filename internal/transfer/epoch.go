package transfer

import "slices"

// Epoch names the processes of a target's server that keep in memory what the server acknowledged and has not flushed,
// sorted. It is nil for a server that does not say, and for a target whose acknowledged rows are durable at once.
//
// Milvus 2.3.5 loses such rows when it is started again, where several shards share one of its channels. So what was
// acknowledged is durable only once a flush ended under the same epoch, and is sent again if a process is gone by then.
type Epoch []string

// Over reports whether one of e's processes is gone by now.
func (e Epoch) Over(now Epoch) bool {
	return slices.ContainsFunc(e, func(process string) bool {
		_, there := slices.BinarySearch(now, process)
		return !there
	})
}
