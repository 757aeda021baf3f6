package workflows

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestKeywordsAreBounded(t *testing.T) {
	long := bounded(strings.Repeat("é", 3000))
	if len(long) > attributeBytes || !utf8.ValidString(long) || !strings.HasSuffix(long, " ...") {
		t.Errorf("%d bytes: %q", len(long), long)
	}
	if short := bounded("x"); short != "x" {
		t.Errorf("bounded changed a short text to %q", short)
	}
}
