package activities

import (
	"context"
	"fmt"
	"slices"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// CountReplaced counts the rows of the target that the range's rows will replace though they have another value of the
// partition key: a primary key has one row after an upsert, whatever the values.
func (a *Activities) CountReplaced(ctx context.Context, in RangeInput) (*CheckResult, error) {
	pulse, stop := startPulse(ctx, &in.Job, stepPatience, transfer.Checkpoint{}, transfer.Checkpoint{})
	defer stop()
	plan := &in.Target.Plan
	there, err := a.open(ctx, &job.Source{Milvus: &job.MilvusSource{MilvusServer: in.Job.Target.Milvus.MilvusServer,
		Collections: []job.Collection{{Name: plan.Collection, Fields: []string{plan.ReplacedAcross}}}}}, pulse)
	if err != nil {
		return nil, pulse.end(err)
	}
	defer there.Close()
	finder, ok := there.(transfer.Finder)
	if !ok {
		return nil, pulse.end(fault.New(fault.Internal, "rows of %s can't be looked up", plan.Place))
	}
	out := &CheckResult{}
	return out, pulse.end(a.eachBatch(ctx, &in, pulse, func(b *rows.Batch) error {
		mine, err := valuesOf(b, plan)
		if err != nil {
			return err
		}
		keys, err := keysOf(b, &in.Target)
		if err != nil {
			return err
		}
		return finder.Find(ctx, "", keys, func(found *rows.Batch) error {
			theirs, err := valuesOf(found, plan)
			for key, value := range theirs {
				if value != mine[key] {
					out.count(shown(value), 1)
				}
			}
			return err
		})
	}))
}

// shown is a value for a person.
func shown(value any) string {
	if text, ok := value.(string); ok {
		return fmt.Sprintf("%.200q", text)
	}
	return fmt.Sprint(value)
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

// valuesOf are the partition key's values of a batch's rows by primary key.
func valuesOf(b *rows.Batch, plan *transfer.TargetPlan) (map[any]any, error) {
	keys, err := rows.KeysOf(b, plan.Schema.PrimaryKey().GetName())
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "find the primary keys")
	}
	values, err := rows.KeysOf(b, plan.ReplacedAcross)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "find the values of the partition key")
	}
	out := map[any]any{}
	for i := range keys.Len() {
		out[scalar(keys, i)] = scalar(values, i)
	}
	return out, nil
}

// scalar is value i, an int64 or a string.
func scalar(k *rows.Keys, i int) any {
	if k.Strings != nil {
		return k.Strings[i]
	}
	return k.Ints[i]
}
