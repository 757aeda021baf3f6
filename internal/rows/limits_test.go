package rows

import (
	"strings"
	"testing"
)

func TestToFieldNameIsTaken(t *testing.T) {
	for name, want := range map[string]string{
		"image-embedding": "image_embedding", "file name": "file_name", "2d": "_2d", "": "_", "größe": "gr__e", "vec": "vec",
		"_x": "_x", "$meta": "_meta",
		strings.Repeat("a", 300): strings.Repeat("a", 255),
	} {
		got := ToFieldName(name)
		if got != want || !IsFieldName(got) || IsFieldName(name) != (name == got) {
			t.Errorf("%q becomes %q, want %q", name, got, want)
		}
	}
}
