package workflows

import (
	"strings"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"milvusdm/internal/job"
)

// Search attributes of a job. All but RowsAttribute are Keywords.
const (
	StateAttribute     = "MilvusDMState"     // its Phase
	DirectionAttribute = "MilvusDMDirection" // as job.Direction names it; of a verification too
	TargetAttribute    = "MilvusDMTarget"    // the target's place
	RowsAttribute      = "MilvusDMRows"      // Int: rows that are known to be copied
	ErrorAttribute     = "MilvusDMError"     // the fault.Kind that it failed with
)

// attributeBytes bounds a Keyword; Temporal takes 2,048 bytes.
const attributeBytes = 1024

// Attributes says which search attributes are registered. Upserting one that is not would block the workflow.
type Attributes struct {
	State  bool
	Others bool // all but the state
}

// searchable is what a workflow tells in its search attributes.
type searchable struct {
	Attributes
	direction, target string
	told              bool
}

func searchableAs(j *job.Job, a Attributes) searchable {
	return searchable{Attributes: a, direction: j.Direction(), target: j.TargetName()}
}

// upsert tells the search attributes. What does not change is told once.
func (s *searchable) upsert(ctx workflow.Context, status *Status, kind string) {
	var updates []temporal.SearchAttributeUpdate
	keyword := func(name, value string) {
		if value != "" {
			updates = append(updates, temporal.NewSearchAttributeKeyKeyword(name).ValueSet(bounded(value)))
		}
	}
	if s.State {
		keyword(StateAttribute, string(status.Phase))
	}
	if s.Others {
		if !s.told {
			s.told = true
			keyword(DirectionAttribute, s.direction)
			keyword(TargetAttribute, s.target)
		}
		updates = append(updates, temporal.NewSearchAttributeKeyInt64(RowsAttribute).ValueSet(status.Rows))
		keyword(ErrorAttribute, kind)
	}
	if len(updates) == 0 {
		return
	}
	if err := workflow.UpsertTypedSearchAttributes(ctx, updates...); err != nil {
		workflow.GetLogger(ctx).Warn("search attributes not set", "error", err)
	}
}

// bounded cuts a Keyword at a whole character.
func bounded(text string) string {
	text = strings.ToValidUTF8(text, "\ufffd")
	if len(text) <= attributeBytes {
		return text
	}
	return strings.ToValidUTF8(text[:attributeBytes-4], "") + " ..."
}
