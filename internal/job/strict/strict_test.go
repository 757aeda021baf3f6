package strict

import (
	"math"
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	keys := []string{"batch_rows", "batch_bytes", "paths", "mode", "HNSW"}
	for word, want := range map[string]string{
		"batchRows":              "batch_rows",
		"batch-byte":             "batch_bytes",
		"path":                   "paths",
		"Mode":                   "mode",
		"hnws":                   "HNSW",
		"collection":             "",
		"":                       "",
		strings.Repeat("a", 1e6): "",
	} {
		if got := nearest(word, keys); got != want {
			t.Errorf("nearest to %.20q is %q, not %q", word, got, want)
		}
	}
}

func TestParseBytes(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "17": 17, "64KiB": 65536, "8 MiB": 8 << 20, "8589934591GiB": math.MaxInt64 - 1<<30 + 1} {
		if got, err := parseBytes(text); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "MiB", "-1", "8MB", "1.5MiB", "8589934592GiB", "9223372036854775808"} {
		if got, err := parseBytes(text); err == nil {
			t.Errorf("%s: %d", text, got)
		}
	}
}

func TestExpand(t *testing.T) {
	d := &Decoder{Env: func(name string) (string, bool) {
		v, ok := map[string]string{"A": "a", "EMPTY": "", "REF": "${env:A}"}[name]
		return v, ok
	}}
	for text, want := range map[string]string{
		"":                          "",
		"$A $ {A}":                  "$A $ {A}",
		"x${env:A}y${env:A}":        "xaya",
		"${env:EMPTY}":              "",
		"${env:EMPTY:-b}":           "b",
		"${env:NONE:-}":             "",
		"${env:NONE:-host:1/a-b}":   "host:1/a-b",
		"$${env:A} and $${unclosed": "${env:A} and ${unclosed",
		"${env:REF}":                "${env:A}", // what comes from outside is not expanded again
	} {
		if got, _, err := d.expand(text); err != nil || got != want {
			t.Errorf("%s: %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"${A}", "${env:NONE}", "${env:}", "${env:A", "${ENV:A}", "${env:A-b}", "${}"} {
		if got, _, err := d.expand(text); err == nil {
			t.Errorf("%s: %q", text, got)
		}
	}
}

func TestShortenKeepsLinesAndLetters(t *testing.T) {
	if got := shorten("a\nb\x7f" + strings.Repeat("ü", 100)); strings.ContainsAny(got, "\n\x7f\uFFFD") || len(got) > 64 {
		t.Errorf("%q", got)
	}
}
