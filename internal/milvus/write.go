package milvus

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"google.golang.org/grpc"

	"milvusdm/internal/fault"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

type writer struct {
	*sink
	target    *transfer.Target
	partition string
	insert    bool
	report    func(string)
	leave     func() // of the server's limit of ranges
}

func (s *sink) Open(ctx context.Context, t *transfer.Target, partition string, insert bool, report func(string)) (transfer.Writer, error) {
	insert = insert || t.Plan.NewIDs // there is no key to upsert by
	if insert && !t.Fresh && !t.Plan.NewIDs {
		return nil, fault.New(fault.Internal, "rows of %s can't be inserted unseen: it holds others", t.Name)
	}
	leave, err := s.throttle.enter(ctx, s.limit, "write", report)
	if err != nil {
		return nil, err
	}
	return &writer{s, t, cmp.Or(partition, t.Plan.Partition), insert, report, leave}, nil
}

func (w *writer) Close() error {
	w.leave()
	return nil
}

// Write sends one Insert or Upsert, or what stands for an upsert (see replace). A refusal for load is repeated, and a batch
// that is too large is sent in halves, since nothing was written then; nothing else is sent twice.
func (w *writer) Write(ctx context.Context, b *rows.Batch) error {
	fields, err := insertable(b, &w.target.Plan)
	if err != nil {
		return err
	}
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		if w.throttle.pause(ctx, w.limit, w.report) != nil || ctx.Err() != nil {
			return transfer.ErrNotSent
		}
		w.throttle.charge(b.Rows, fields.size)
		err := w.send(context.WithoutCancel(ctx), b, fields)
		if isTooLarge(err) && b.Rows > 1 {
			return w.writeHalves(ctx, b)
		}
		if fault.KindOf(err) != fault.Throttled {
			w.quota.passed()
			return err
		}
		if e := w.quota.wait(ctx, err, pause); e != nil && ctx.Err() == nil {
			return e
		}
	}
}

// writeHalves sends a batch that the server would not take whole.
func (w *writer) writeHalves(ctx context.Context, b *rows.Batch) error {
	parts, err := halves(b)
	if err != nil {
		return fault.New(fault.Config, "%d rows (%s) are too large for one message to the server and can't be cut: %w; write a smaller copy.batch_bytes", b.Rows, b.Place(0), err)
	}
	err = w.Write(ctx, parts[0])
	if errors.Is(err, transfer.ErrNotSent) && !w.insert {
		// the server may have taken the delete of a replacement, and found only the insert too large
		return fault.New(fault.Unavailable, "stopped before %d rows (%s) were written again in halves", b.Rows, b.Place(0))
	}
	if err != nil {
		return err
	}
	err = w.Write(ctx, parts[1])
	if errors.Is(err, transfer.ErrNotSent) {
		return fault.New(fault.Unavailable, "stopped when only half of %d rows (%s) was written", b.Rows, b.Place(0))
	}
	return err
}

// send makes the one write, with a deadline: after it the outcome is unknown.
func (w *writer) send(ctx context.Context, b *rows.Batch, fields columns) error {
	ctx, cancel := context.WithTimeout(ctx, w.copy.WriteTimeout)
	defer cancel()
	verb := "upsert"
	var resp *milvuspb.MutationResult
	var err error
	switch {
	case w.insert:
		verb = "insert"
		resp, err = w.sendInsert(ctx, b.Rows, fields)
	case misplacesUpserts(w.version, w.target):
		verb = "replace"
		resp, err = w.replace(ctx, b, fields)
	default:
		resp, err = w.raw.Upsert(ctx, &milvuspb.UpsertRequest{CollectionName: w.target.Name, PartitionName: w.partition,
			NumRows: uint32(b.Rows)}, grpc.ForceCodecV2(fields))
	}
	if err := check(resp.GetStatus(), err); err != nil {
		return wrap(err, "%s %d rows (%s) into %s", verb, b.Rows, b.Place(0), w.target.Name)
	}
	if err := acknowledged(resp, b.Rows, verb != "upsert"); err != nil {
		return fault.New(fault.Internal, "%s %d rows (%s) into %s: %w", verb, b.Rows, b.Place(0), w.target.Name, err)
	}
	return nil
}

func (w *writer) sendInsert(ctx context.Context, rows int, fields columns) (*milvuspb.MutationResult, error) {
	return w.raw.Insert(ctx, &milvuspb.InsertRequest{CollectionName: w.target.Name, PartitionName: w.partition,
		NumRows: uint32(rows)}, grpc.ForceCodecV2(fields))
}

// acknowledged checks that the server says of every row that it was written.
func acknowledged(resp *milvuspb.MutationResult, rows int, insert bool) error {
	if n := len(resp.GetErrIndex()); n > 0 {
		return fmt.Errorf("the server refused %d rows, the first is row %d of the batch", n, resp.GetErrIndex()[0])
	}
	n := resp.GetUpsertCnt()
	if insert {
		n = resp.GetInsertCnt()
	}
	if n != int64(rows) {
		return fmt.Errorf("the server says it wrote %d rows", n)
	}
	return nil
}
