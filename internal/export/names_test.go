package export

import (
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestPartPaths(t *testing.T) {
	for want, name := range map[string]PartName{
		"articles/None.h5":        {"articles", "_default", 0},
		"keyed/None.h5":           {"keyed", "", 0},
		"articles/fr.h5":          {"articles", "fr", 0},
		"articles/fr.00012.h5":    {"articles", "fr", 12},
		"articles/fr.1234567.h5":  {"articles", "fr", 1234567},
		"articles/%4Eone.h5":      {"articles", "None", 0},
		"articles/%6Eone.h5":      {"articles", "none", 0}, // file systems that know no case
		"%79amls/None.h5":         {"yamls", "", 0},
		"%2E%2E/%2Fetc.h5":        {"..", "/etc", 0},
		"a%5Cb%00/%C3%BC%20.h5":   {"a\\b\x00", "ü ", 0},
		"%2Drf/p%2E00001.h5":      {"-rf", "p.00001", 0},
		"manifest%2Ejson/None.h5": {"manifest.json", "_default", 0},
	} {
		if got := name.Path(); got != want {
			t.Errorf("%+v: %s, want %s", name, got, want)
		}
	}
}

func TestFileNamesAreReversibleAndStayInside(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[./\\%~]{1,8}`), rapid.StringMatching(`[a-z_]{1,300}`), rapid.Just("yamls"))
		name := text.Filter(func(s string) bool { return s != "" }).Draw(t, "name")
		file := fileName(name, yamlDir)
		if file == "" || len(file) > maxName || strings.ContainsAny(file, "/\\. \x00") || strings.EqualFold(file, yamlDir) {
			t.Fatalf("%q becomes %q", name, file)
		}
		if back, err := url.PathUnescape(file); !strings.Contains(file, "~") && (err != nil || back != name) {
			t.Fatalf("%q becomes %q, which says %q (%v)", name, file, back, err)
		}
		at := PartName{name, name, 99_999_999}.Path()
		for _, p := range []string{at, tempPath(at, strings.Repeat("w", 40)), receiptPath(at, strings.Repeat("0", 64))} {
			if !filepath.IsLocal(p) || len(filepath.Base(p)) > 255 {
				t.Fatalf("%q: %d bytes, or not inside", p, len(filepath.Base(p)))
			}
		}
	})
}

func TestLongNamesStayApart(t *testing.T) {
	long := strings.Repeat("a", 255)
	a, b := fileName(long+"1", ""), fileName(long+"2", "")
	if a == b || len(a) != maxName {
		t.Errorf("%s and %s", a, b)
	}
}

func TestRunName(t *testing.T) {
	zone := time.FixedZone("", 2*3600)
	scheduled := time.Date(2026, 11, 22, 5, 0, 0, 0, zone)
	for want, began := range map[string]time.Time{
		"20261122T030000Z": scheduled.Add(7 * time.Minute),
		"20261122T040000Z": scheduled.Add(time.Hour), // a backfill, or a run that had to wait
	} {
		if got := RunName(began, scheduled, 10*time.Minute); got != want || !runRule.MatchString(got) {
			t.Errorf("began at %v: %s, want %s", began, got, want)
		}
	}
	if got := RunName(scheduled, time.Time{}, 0); got != "20261122T030000Z" {
		t.Errorf("of no schedule: %s", got)
	}
}
