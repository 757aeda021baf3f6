package milvus

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"milvusdm/internal/fault"
	"milvusdm/internal/transfer"
)

// Flush seals what was written and waits until it is in the server's storage, deletions by upserts too: the server's word for
// that is that all of the collection's channels are stored up to the time of the flush.
func (s *sink) Flush(ctx context.Context, t *transfer.Target, report func(string)) (transfer.Epoch, error) {
	name, err := s.currentName(ctx, t)
	if err != nil {
		return nil, err
	}
	resp, err := s.raw.Flush(ctx, &milvuspb.FlushRequest{CollectionNames: []string{name}})
	if err := check(resp.GetStatus(), err); err != nil {
		return nil, wrap(err, "flush %s", name)
	}
	segments := resp.GetCollSegIDs()[name].GetData()
	err = wait(ctx, func() (bool, error) {
		report(fmt.Sprintf("flushing %d segments", len(segments)))
		state, err := s.raw.GetFlushState(ctx, &milvuspb.GetFlushStateRequest{SegmentIDs: segments,
			FlushTs: resp.GetCollFlushTs()[name], CollectionName: name})
		return state.GetFlushed(), check(state.GetStatus(), err)
	})
	if err != nil {
		return nil, wrap(err, "flush %s", name)
	}
	return s.Epoch(ctx)
}

// maxMetrics bounds the answer that is parsed: some KiB for each of a server's processes.
const maxMetrics = 16 << 20

// Epoch is made of the IDs of the processes that consume the log: data nodes, and streaming nodes since Milvus 2.6. A process gets
// a new ID whenever it is started. A proxy remembers its answer for 10 s, and forgets it when it is started itself.
func (c *conn) Epoch(ctx context.Context) (transfer.Epoch, error) {
	resp, err := c.raw.GetMetrics(ctx, &milvuspb.GetMetricsRequest{Request: `{"metric_type": "system_info"}`})
	if status.Code(err) == codes.Unimplemented {
		return nil, nil // milvus-lite
	}
	err = check(resp.GetStatus(), err)
	switch {
	case err != nil && (kindOf(err) == fault.Denied || kindOf(err) == fault.Unsupported):
		return nil, nil
	case err != nil:
		return nil, wrap(err, "ask Milvus at %s for its processes", c.address)
	}
	epoch, err := epochOf(resp.GetResponse())
	return epoch, wrap(err, "Milvus at %s", c.address)
}

// epochOf reads the answer to system_info: https://milvus.io/docs/monitor.md names its fields. An answer of another form tells
// nothing.
func epochOf(answer string) (transfer.Epoch, error) {
	if len(answer) > maxMetrics {
		return nil, fault.New(fault.Unsupported, "its list of processes takes %d bytes", len(answer))
	}
	var info struct {
		Nodes []struct {
			ID    int64 `json:"identifier"`
			Infos struct {
				Type string `json:"type"`
			} `json:"infos"`
		} `json:"nodes_info"`
	}
	if json.Unmarshal([]byte(answer), &info) != nil {
		return nil, nil
	}
	var epoch transfer.Epoch
	for _, n := range info.Nodes {
		if n.Infos.Type == "datanode" || n.Infos.Type == "streamingnode" {
			epoch = append(epoch, fmt.Sprintf("%s %d", n.Infos.Type, n.ID))
		}
	}
	slices.Sort(epoch)
	return slices.Compact(epoch), nil
}
