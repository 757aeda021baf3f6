package job

import (
	"slices"
	"testing"
)

// TestChooseByPattern: a collection goes by its name, otherwise by the first pattern that stands for it.
func TestChooseByPattern(t *testing.T) {
	there := []string{"a", "ab", "abc", "b", "tmp_1", "tmp_22"}
	for _, x := range []struct {
		choices    []Collection
		want, idle []string
	}{
		{[]Collection{{Name: "*"}}, there, nil},
		{[]Collection{{Name: "b"}, {Name: "*", Except: []string{"tmp_*"}}}, []string{"b", "a", "ab", "abc"}, nil},
		{[]Collection{{Name: "a?"}, {Name: "*b*"}}, []string{"ab", "abc", "b"}, nil},
		{[]Collection{{Name: "tmp_?"}}, []string{"tmp_1"}, nil},
		{[]Collection{{Name: "tmp_*", Except: []string{"tmp_22"}}}, []string{"tmp_1"}, nil},
		{[]Collection{{Name: "a*", Except: []string{"*"}}}, nil, nil},
		{[]Collection{{Name: "ab"}, {Name: "ab*", Except: []string{"abc"}}}, []string{"ab"}, nil},
		{[]Collection{{Name: "gone"}, {Name: "x*"}, {Name: "*y?"}}, []string{"gone"}, []string{"x*", "*y?"}},
	} {
		chosen, idle := Choose(x.choices, there)
		var names []string
		for _, c := range chosen {
			names = append(names, c.Name)
			if c.Pattern == slices.ContainsFunc(x.choices, func(o Collection) bool { return o.Name == c.Name }) ||
				c.Except != nil {
				t.Errorf("%+v of %+v", c, x.choices)
			}
		}
		if !slices.Equal(names, x.want) || !slices.Equal(idle, x.idle) {
			t.Errorf("%+v: %q without %q, want %q without %q", x.choices, names, idle, x.want, x.idle)
		}
	}
	for name, want := range map[string]string{"ab": "ab_r", "tmp_1": "tmp_1_r"} {
		chosen, _ := Choose([]Collection{{Name: "*", As: "{name}_r"}}, []string{name})
		if len(chosen) != 1 || chosen[0].Target() != want {
			t.Errorf("%+v, want %s", chosen, want)
		}
	}
}
