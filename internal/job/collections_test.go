package job

import (
	"strings"
	"testing"
)

// A name in the target may hold the name in the source, so that all collections can be copied beside the originals.
func TestNameInTargetHoldsNameInSource(t *testing.T) {
	for _, x := range []struct{ name, as, want string }{
		{"books", "", "books"}, {"books", "b", "b"}, {"books", "{name}_restored", "books_restored"},
		{"books", "of_{name}", "of_books"}, {"books", "{name}_{name}", "books_books"},
	} {
		if got := (&Collection{Name: x.name, As: x.as}).Target(); got != x.want {
			t.Errorf("%s as %q: %s, not %s", x.name, x.as, got, x.want)
		}
	}
	const text = `
version: 1
source: {milvus: {address: "a:1", collections: [{name: '*', as: AS}]}}
target: {milvus: {address: "a:1"}}
`
	for as, says := range map[string]string{"'{name}_restored'": "", "'{name}'": "would be copied onto itself", "one": "is one name for several",
		"'{nam}_x'": "is not a valid Milvus name", "'1{name}'": "is not a valid Milvus name"} {
		_, _, err := Parse("job.yaml", []byte(strings.Replace(text, "AS", as, 1)), Options{})
		if says == "" && err != nil || says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
			t.Errorf("as: %s: %v, not %q", as, err, says)
		}
	}
}
