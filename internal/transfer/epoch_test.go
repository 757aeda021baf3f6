package transfer

import (
	"testing"

	"milvusdm/internal/rows"
)

// TestACheckpointStandsWhileItsProcessesLive: one that is gone takes acknowledged rows with it, a new one takes none.
func TestACheckpointStandsWhileItsProcessesLive(t *testing.T) {
	for name, c := range map[string]struct {
		then, now Epoch
		over      bool
	}{
		"the same":             {Epoch{"a", "b"}, Epoch{"a", "b"}, false},
		"one more":             {Epoch{"b"}, Epoch{"a", "b", "c"}, false},
		"one gone":             {Epoch{"a", "b"}, Epoch{"b"}, true},
		"another in its stead": {Epoch{"a", "b"}, Epoch{"b", "c"}, true},
		"none left":            {Epoch{"a"}, nil, true},
		"never told":           {nil, Epoch{"a"}, false},
		"never told, not now":  {nil, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			from, lost := Checkpoint{Rows: 5, Bytes: 6, Cursor: rows.Row(5), Epoch: c.then}.Standing(c.now)
			want := int64(5)
			if c.over {
				want = 0
			}
			if c.then.Over(c.now) != c.over || lost != c.over || from.Rows != want || from.Cursor.IsZero() != c.over {
				t.Errorf("lost %v, goes on from %+v; want lost %v", lost, from, c.over)
			}
			if from.Epoch.Over(c.now) {
				t.Errorf("it goes on under %q, which is over", from.Epoch)
			}
		})
	}
}
