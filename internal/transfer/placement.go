package transfer

import (
	"context"

	"milvusdm/internal/rows"
)

// Placer is a Source of a server that keeps each row in the partition that a field's value chooses, the partition key,
// and answers a query for a value from that partition alone.
type Placer interface {
	// FindMisplaced finds the rows that queries for their partition key do not find. It resumes from what an earlier
	// call gave to record, reads the keys of all rows, and ignores a job's limit.
	FindMisplaced(ctx context.Context, from Placement, record func(Placement)) (Placement, error)
}

// PlacedCounter is a Sink whose server does so.
type PlacedCounter interface {
	// CountPlaced returns how many rows have one of the batch's distinct keys and are found by queries for the batch's
	// values of the partition key.
	CountPlaced(ctx context.Context, t *Target, b *rows.Batch) (int64, error)
}

// Placement is what a Placer has found so far.
type Placement struct {
	// Cursor: what precedes it was looked at, Rows many.
	Cursor rows.Cursor `json:"cursor,omitzero"`
	Rows   int64       `json:"rows,string"`
	// Field is the partition key. Queries for it do not find Misplaced rows; Example names the first by key and value.
	Field     string `json:"field,omitempty"`
	Misplaced int64  `json:"misplaced,string"`
	Example   string `json:"example,omitempty"`
}
