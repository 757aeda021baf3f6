package milvus

import (
	"context"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"

	"milvusdm/internal/fault"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// upsertsByPartitionKeySince is the first release that puts an upserted row into the partition of its partition key.
// Releases before it choose the partition by the primary key: the row counts, and no query for its partition key finds it.
var upsertsByPartitionKeySince = release{2, 3, 10}

// misplacesUpserts reports whether a server of this version may put an upserted row where its partition key's value is not
// looked for. A version that cannot be read is taken for one that does, unless the server numbers no collections: milvus-lite,
// which has one partition.
func misplacesUpserts(version string, t *transfer.Target) bool {
	is, known := releaseOf(version)
	return t.Plan.Schema.PartitionKey() != nil && t.CollectionID != 0 && (!known || is.before(upsertsByPartitionKeySince))
}

// replace does what an upsert should: it deletes the batch's keys, wherever their rows are, and then inserts the rows.
//
// Nothing is inserted unless the server acknowledged the delete, so that the delete's time is before the insert's. Both share the
// deadline of one write. Where either answer is lost, the rows may be missing or old: the batch is unacknowledged, and the
// engine writes it again. A delete that arrives late, after a later insert of its keys, takes rows away: the engine
// counts only when the deadlines of lost writes are over, and finds them missing.
//
// An acknowledged delete without its insert would lose rows that the batch was to replace, so a server that asks to wait in
// between is waited for even if the job is being stopped, up to the deadline.
func (w *writer) replace(ctx context.Context, b *rows.Batch, fields columns) (*milvuspb.MutationResult, error) {
	pk := w.target.Plan.Schema.PrimaryKey().GetName()
	keys, err := rows.KeysOf(b, pk)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "delete rows before they are inserted")
	}
	deleted, err := w.raw.Delete(ctx, &milvuspb.DeleteRequest{CollectionName: w.target.Name, Expr: deletable(pk, keys)})
	if err := check(deleted.GetStatus(), err); err != nil {
		return nil, err
	}
	if n := len(deleted.GetErrIndex()); n > 0 {
		return nil, fault.New(fault.Internal, "the server did not delete %d of %d keys", n, keys.Len())
	}
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		resp, err := w.sendInsert(ctx, b.Rows, fields)
		failed := check(resp.GetStatus(), err)
		if failed == nil || kindOf(failed) != fault.Throttled {
			return resp, err
		}
		w.report(asks(failed))
		select {
		case <-ctx.Done():
			return nil, fault.New(fault.Unavailable, "the rows were deleted and not inserted again (%v): %w",
				failed, context.Cause(ctx))
		case <-time.After(pause):
		}
	}
}
