package milvus

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"milvusdm/internal/fault"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// renamedOntoKeys refuses a field whose name in the target is a key that rows have in their dynamic field: there the field
// would hide the key's values. Of a collection that is not loaded nobody knows; then it is noted.
func (s *source) renamedOntoKeys(ctx context.Context, d *transfer.Description) error {
	if !s.view.schema.GetEnableDynamicField() {
		return nil
	}
	for _, from := range slices.Sorted(maps.Keys(s.view.choice.RenameFields)) {
		to := s.view.renamed[from]
		if to == from || to == "" {
			continue
		}
		if d.Unloaded != nil {
			d.Notes = append(d.Notes, hides(from, to))
			continue
		}
		name, err := json.Marshal(to)
		if err != nil {
			return err
		}
		n, err := s.countWhere(ctx, partition{}, s.view.and("exists "+rows.MetaField+"["+string(name)+"]"))
		if err != nil && strings.Contains(err.Error(), "parse") { // a server that knows no exists
			d.Notes = append(d.Notes, hides(from, to))
			continue
		}
		if err != nil {
			return err
		}
		if n > 0 {
			return fault.New(fault.Config, "%s: %d rows have a dynamic key %q, which field %s would hide; write another name",
				s.view.keyPlace("rename_fields"), n, to, from)
		}
	}
	return nil
}

func hides(from, to string) string {
	return fmt.Sprintf("field %s is renamed to %s: where rows have a dynamic key of that name, the field hides it", from, to)
}
