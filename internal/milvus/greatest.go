package milvus

import (
	"context"
	"fmt"
	"math"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/fault"
	"milvusdm/internal/transfer"
)

// planFirstKey numbers the source's rows from behind the greatest key of a collection that is there.
func (s *sink) planFirstKey(ctx context.Context, plan *transfer.TargetPlan, from *transfer.Description) error {
	key := plan.Schema.PrimaryKey()
	if key.GetDataType() != schemapb.DataType_Int64 {
		return fault.New(fault.Config, "key_offset: auto needs a collection with Int64 keys, and those of %s are %v",
			plan.Collection, key.GetDataType())
	}
	if !plan.WhollyLoaded() {
		return fault.New(fault.Config,
			"key_offset: auto asks collection %s for its greatest key, and it is not loaded, or only in part; load it, or write a number",
			plan.Collection)
	}
	greatest, some, err := s.greatestKey(ctx, plan.Collection, key.GetName())
	switch {
	case err != nil:
		return err
	case !some || greatest < 0:
		greatest = -1
	case greatest > math.MaxInt64-1-from.Rows:
		return fault.New(fault.Config,
			"key_offset: auto finds no room for %d keys behind the greatest of %s, %d; write a number", from.Rows,
			plan.Collection, greatest)
	}
	plan.FirstKey = greatest + 1
	plan.Notes = append(plan.Notes,
		fmt.Sprintf("keys are row numbers from %d on, behind the greatest key in the target (key_offset: auto)",
			plan.FirstKey))
	return nil
}

// greatestKey finds the greatest Int64 key of a loaded collection by halving: no query tells it. Some is false if there
// are no rows.
func (s *sink) greatestKey(ctx context.Context, collection, pk string) (greatest int64, some bool, err error) {
	low, high := int64(math.MinInt64), int64(math.MaxInt64) // greatest is in [low, high], if there are rows
	if some, err = s.anyRow(ctx, collection, fmt.Sprintf("%s >= 0", pk)); err != nil {
		return 0, false, err
	}
	if some {
		low = 0
	} else {
		high = -1
		if some, err = s.anyRow(ctx, collection, fmt.Sprintf("%s < 0", pk)); err != nil || !some {
			return 0, false, err
		}
	}
	for low < high {
		middle := low + (high-low)/2 // both have one sign
		above, err := s.anyRow(ctx, collection, fmt.Sprintf("%s > %d", pk, middle))
		if err != nil {
			return 0, false, err
		}
		if above {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low, true, nil
}

// anyRow reports whether an expression is true for any row.
func (s *sink) anyRow(ctx context.Context, collection, expr string) (bool, error) {
	n, err := s.count(ctx, collection, expr, nil)
	return n > 0, err
}
