package export

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestKeep(t *testing.T) {
	berlin := must(time.LoadLocation("Europe/Berlin"))(t)
	at := func(texts ...string) []time.Time {
		var out []time.Time
		for _, text := range texts {
			out = append(out, must(time.Parse("2006-01-02 15:04", text))(t))
		}
		return out
	}
	for name, c := range map[string]struct {
		keep  Keep
		zone  *time.Location
		began []time.Time
		want  []bool
	}{
		"none":             {Keep{Last: 1}, time.UTC, nil, []bool{}},
		"no rule":          {Keep{TimeZone: "UTC"}, time.UTC, at("2026-01-01 00:00", "2026-01-02 00:00"), []bool{true, true}},
		"last":             {Keep{Last: 2}, time.UTC, at("2026-01-01 00:00", "2026-01-03 00:00", "2026-01-02 00:00"), []bool{false, true, true}},
		"last of few":      {Keep{Last: 9}, time.UTC, at("2026-01-01 00:00"), []bool{true}},
		"daily":            {Keep{Daily: 2}, time.UTC, at("2026-01-01 23:00", "2026-01-02 01:00", "2026-01-02 02:00", "2026-01-05 01:00"), []bool{false, false, true, true}},
		"daily elsewhere":  {Keep{Daily: 2}, berlin, at("2026-01-01 22:30", "2026-01-01 23:30", "2026-01-02 02:00"), []bool{true, false, true}},
		"weekly":           {Keep{Weekly: 2}, time.UTC, at("2026-12-27 00:00", "2026-12-28 00:00", "2027-01-03 00:00", "2027-01-04 00:00"), []bool{false, false, true, true}},
		"monthly":          {Keep{Monthly: 3}, time.UTC, at("2025-12-31 00:00", "2026-01-01 00:00", "2026-01-31 00:00", "2026-03-01 00:00"), []bool{true, false, true, true}},
		"rules add":        {Keep{Last: 1, Monthly: 2}, time.UTC, at("2026-01-30 00:00", "2026-01-31 00:00", "2026-02-01 00:00"), []bool{false, true, true}},
		"same time":        {Keep{Last: 1}, time.UTC, at("2026-01-01 00:00", "2026-01-01 00:00"), []bool{true, false}},
		"less than no run": {Keep{Last: -1, Daily: 1}, time.UTC, at("2026-01-01 00:00", "2026-01-02 00:00"), []bool{false, true}},
	} {
		if diff := cmp.Diff(c.want, c.keep.Decide(c.began, c.zone)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestKeepProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.IntRange(0, 5)
		k := Keep{Last: number.Draw(t, "last"), Daily: number.Draw(t, "daily"), Weekly: number.Draw(t, "weekly"), Monthly: number.Draw(t, "monthly")}
		hours := rapid.SliceOf(rapid.IntRange(0, 3*365*24)).Draw(t, "hours")
		zone := time.FixedZone("", rapid.IntRange(-12, 14).Draw(t, "zone")*3600)
		var times []time.Time
		newest := 0
		for i, h := range hours {
			times = append(times, began.Add(time.Duration(h)*time.Hour))
			if times[i].After(times[newest]) {
				newest = i
			}
		}
		keep := k.Decide(times, zone)
		var kept []time.Time
		for i := range keep {
			if keep[i] {
				kept = append(kept, times[i])
			}
		}
		if len(keep) > 0 && !keep[newest] {
			t.Fatal("the newest is not kept")
		}
		if most := k.Last + k.Daily + k.Weekly + k.Monthly; !k.All() && len(kept) > most {
			t.Fatalf("%d are kept by rules for %d", len(kept), most)
		}
		if k.All() && len(kept) != len(times) {
			t.Fatal("one is not kept by no rule")
		}
		for i, again := range k.Decide(kept, zone) { // deleting is done at once: nothing more is deleted by the same rules
			if !again {
				t.Fatalf("%v is kept, and then not", kept[i])
			}
		}
		more := k
		more.Daily++
		if !k.All() {
			for i, also := range more.Decide(times, zone) {
				if keep[i] && !also {
					t.Fatalf("%v is deleted by a rule that keeps more", times[i])
				}
			}
		}
	})
}
