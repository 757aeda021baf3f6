package activities

import (
	"context"
	"slices"
	"strconv"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/transfer"
)

// CountReplaced counts the rows of the target that the range's rows will replace though they have another value of the
// partition key: a primary key has one row after an upsert, whatever the values.
func (a *Activities) CountReplaced(ctx context.Context, in RangeInput) (*CheckResult, error) {
	pulse, stop := startPulse(ctx, &in.Job, stepPatience, transfer.Checkpoint{}, transfer.Checkpoint{})
	defer stop()
	plan := &in.Target.Plan
	there, err := a.open(ctx, &job.Source{Milvus: &job.MilvusSource{MilvusServer: in.Job.Target.Milvus.MilvusServer,
		Collections: []job.Collection{{Name: plan.Collection, Fields: []string{plan.PartitionKey}}}}}, pulse)
	if err != nil {
		return nil, pulse.end(err)
	}
	defer there.Close()
	finder, ok := there.(transfer.Finder)
	if !ok {
		return nil, pulse.end(fault.New(fault.Internal, "rows of %s can't be looked up", plan.Place))
	}
	out := &CheckResult{}
	return out, pulse.end(a.eachBatch(ctx, &in, pulse, func(b *transfer.Batch) error {
		mine, err := valuesOf(b, plan)
		if err != nil {
			return err
		}
		keys, err := keysOf(b, &in.Target)
		if err != nil {
			return err
		}
		return finder.Find(ctx, "", keys, func(found *transfer.Batch) error {
			theirs, err := valuesOf(found, plan)
			for key, value := range theirs {
				if value != mine[key] {
					out.count(value, 1)
				}
			}
			return err
		})
	}))
}

// maxValues bounds how many values are told apart.
const maxValues = 20

// count adds rows of a value. Those of further values than maxValues are counted as of none.
func (r *CheckResult) count(value string, rows int64) {
	of := func(value string) int {
		return slices.IndexFunc(r.Values, func(v ValueRows) bool { return v.Value == value })
	}
	if of(value) < 0 && len(r.Values) >= maxValues {
		value = ""
	}
	if i := of(value); i >= 0 {
		r.Values[i].Rows += rows
		return
	}
	r.Values = append(r.Values, ValueRows{value, rows})
}

// Add takes the values of another range into the result of all.
func (r *CheckResult) Add(o CheckResult) {
	for _, v := range o.Values {
		r.count(v.Value, v.Rows)
	}
}

// valuesOf are the partition key's values of a batch's rows, quoted or as numbers, by primary key.
func valuesOf(b *transfer.Batch, plan *transfer.TargetPlan) (map[string]string, error) {
	keys, err := transfer.KeysOf(b, plan.Schema.PrimaryKey().GetName())
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "find the primary keys")
	}
	var s *schemapb.ScalarField
	for _, f := range b.Fields {
		if f.GetFieldName() == plan.PartitionKey {
			s = f.GetScalars()
		}
	}
	texts, numbers := s.GetStringData().GetData(), s.GetLongData().GetData()
	if len(texts)+len(numbers) != keys.Len() {
		return nil, fault.New(fault.Internal, "%d rows have %d values of %q", keys.Len(), len(texts)+len(numbers),
			plan.PartitionKey)
	}
	out := map[string]string{}
	for i := range keys.Len() {
		if texts != nil {
			out[keys.At(i)] = strconv.Quote(texts[i])
		} else {
			out[keys.At(i)] = strconv.FormatInt(numbers[i], 10)
		}
	}
	return out, nil
}
