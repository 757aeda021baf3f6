package workflows

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"go.temporal.io/sdk/converter"

	"milvusdm/activities"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// maxPayload is what Temporal takes.
const maxPayload = 2 << 20

func TestLargeAnswersFitIntoAPayload(t *testing.T) {
	schema := &schemapb.CollectionSchema{Name: "articles", EnableDynamicField: true}
	for i := range 20 {
		schema.Fields = append(schema.Fields, rows.VarCharField(fmt.Sprintf("some_field_%d", i), 1000+i))
	}
	plans := make([]activities.Plan, 500)
	for i := range plans {
		plans[i].Source.Schema.CollectionSchema, plans[i].Target.Schema.CollectionSchema = schema, schema
		plans[i].Source.Identity = fmt.Sprintf("milvus %d/%d", rand.Int64(), rand.Int64())
	}
	state := State{Hash: "h"}
	for range 5 {
		part := &State{Hash: "h"}
		for i := range 2000 {
			at := rand.Int64()
			part.Ranges = append(part.Ranges, RangeState{Range: rows.Range{ID: i, Partition: "_default", Rows: 40_000, From: rows.Row(at), To: rows.Row(at + 40_000)},
				Reach: transfer.Checkpoint{Rows: 40_000, Sum: rows.Sum{Rows: 40_000, Hi: rand.Uint64(), Lo: rand.Uint64()}}, Done: true})
		}
		state.Parts = append(state.Parts, PartState{Name: "c", State: part})
	}
	for _, v := range []any{plans, state} {
		if p, err := converter.GetDefaultDataConverter().ToPayload(v); err != nil || len(p.Data) < maxPayload {
			t.Fatalf("%T: %d bytes fit as they are, %v", v, len(p.Data), err)
		}
		p, err := Payloads(nil).ToPayload(v)
		if err != nil || len(p.Data) > maxPayload {
			t.Fatalf("%T: %d bytes, %v", v, len(p.Data), err)
		}
		back := reflect.New(reflect.TypeOf(v))
		if err := Payloads(nil).FromPayload(p, back.Interface()); err != nil {
			t.Fatal(err)
		}
		again, err := Payloads(nil).ToPayload(back.Elem().Interface())
		if err != nil || len(again.Data) != len(p.Data) {
			t.Errorf("%T came back another, %v", v, err)
		}
	}
}

func TestSmallPayloadsStayAsTheyAre(t *testing.T) {
	plain, err := converter.GetDefaultDataConverter().ToPayload(Status{Phase: PhaseCopying})
	if err != nil {
		t.Fatal(err)
	}
	p, err := Payloads(nil).ToPayload(Status{Phase: PhaseCopying})
	if err != nil || p.String() != plain.String() {
		t.Errorf("%v, want %v; %v", p, plain, err)
	}
	var back Status
	if err := Payloads(nil).FromPayload(plain, &back); err != nil || back.Phase != PhaseCopying {
		t.Errorf("what was written before: %+v, %v", back, err)
	}
}
