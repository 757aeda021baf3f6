package export

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"milvusdm/internal/fault"
)

func TestCheckFinds(t *testing.T) {
	const part = "articles/fr.00001.h5"
	for name, c := range map[string]struct {
		spoil func(t *testing.T, at string)
		sizes bool // sizes alone find it
		text  string
	}{
		"flipped byte": {func(t *testing.T, at string) {
			data := must(os.ReadFile(filepath.Join(at, part)))(t)
			data[7] ^= 0x10
			ok(t, os.WriteFile(filepath.Join(at, part), data, 0o644))
		}, false, part + ": was edited, or is of another run"},
		"missing":   {func(t *testing.T, at string) { ok(t, os.Remove(filepath.Join(at, part))) }, true, part + ": is missing"},
		"truncated": {func(t *testing.T, at string) { ok(t, os.Truncate(filepath.Join(at, part), 9)) }, true, part + ": is truncated to 9 of 14 bytes"},
		"grown":     {func(t *testing.T, at string) { ok(t, os.Truncate(filepath.Join(at, part), 20)) }, true, part + ": has 20 bytes, and 14 were written"},
		"of another run": {func(t *testing.T, at string) {
			ok(t, os.Rename(filepath.Join(at, "articles/fr.00002.h5"), filepath.Join(at, part)))
			ok(t, os.WriteFile(filepath.Join(at, "articles/fr.00002.h5"), []byte("rows of part 2"), 0o644))
		}, false, part + ": was edited, or is of another run"},
		"extra":            {func(t *testing.T, at string) { ok(t, os.WriteFile(filepath.Join(at, "articles/de.h5"), nil, 0o644)) }, true, "articles/de.h5: is no part of this run"},
		"no directory":     {func(t *testing.T, at string) { ok(t, os.RemoveAll(filepath.Join(at, "articles"))) }, true, "articles/None.h5: is missing"},
		"link":             {func(t *testing.T, at string) { relink(t, filepath.Join(at, part)) }, true, part + ": is no regular file"},
		"linked directory": {func(t *testing.T, at string) { relink(t, filepath.Join(at, "articles")) }, true, "articles: is no directory"},
		"no manifest":      {func(t *testing.T, at string) { ok(t, os.Remove(filepath.Join(at, manifestName))) }, true, "has no manifest.json"},
		"edited manifest": {func(t *testing.T, at string) {
			data := must(os.ReadFile(filepath.Join(at, manifestName)))(t)
			ok(t, os.WriteFile(filepath.Join(at, manifestName), bytes.Replace(data, []byte("nightly"), []byte("Nightly"), 1), 0o644))
		}, true, "manifest.json: was edited"},
		"linked manifest": {func(t *testing.T, at string) { relink(t, filepath.Join(at, manifestName)) }, true, "not a regular file"},
		"huge manifest":   {func(t *testing.T, at string) { ok(t, os.Truncate(filepath.Join(at, manifestName), maxManifest+1)) }, true, "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			at := export(t, t.TempDir(), head("r1", "s1"))
			must(Check(context.Background(), at, Checksums, nil))(t)
			c.spoil(t, at)
			for level, finds := range map[Level]bool{Sizes: c.sizes, Checksums: true} {
				_, err := Check(context.Background(), at, level, nil)
				if (err != nil) != finds {
					t.Fatalf("level %d: %v", level, err)
				}
				if finds && !strings.Contains(err.Error(), c.text) {
					t.Errorf("level %d: %v\nwant it to say %q", level, err, c.text)
				}
				if finds && fault.KindOf(err).Transient() {
					t.Errorf("%v is %s", err, fault.KindOf(err))
				}
			}
		})
	}
}

// relink moves a file away and puts a link to it in its place.
func relink(t *testing.T, path string) {
	t.Helper()
	ok(t, os.Rename(path, path+".moved"))
	ok(t, os.Symlink(filepath.Base(path)+".moved", path))
}

func TestCheckOfSomeCollections(t *testing.T) {
	r := must(Prepare(t.TempDir(), head("r1", "s1"), Owner))(t)
	m := head("r1", "s1")
	for _, c := range []string{"a", "b"} {
		p := PartName{c, "p", 0}
		m.Collections = append(m.Collections, Collection{Name: c, Parts: []Part{r.publish(t, p, "w", "rows of "+c)}})
	}
	ok(t, r.Finish(m))
	ok(t, os.Remove(filepath.Join(r.Path(), "b/p.h5")))
	must(Check(t.Context(), r.Path(), Checksums, nil, "a"))(t)
	_, err := Check(t.Context(), r.Path(), Sizes, nil, "b", "a")
	refused(t, err, fault.Corrupt, "b/p.h5: is missing")
	_, err = Check(t.Context(), r.Path(), Sizes, nil, "c")
	refused(t, err, fault.NotFound, `holds no collection "c"; it has "a", "b"`)
}

func TestCheckOfNoExport(t *testing.T) {
	_, err := ReadManifest(t.TempDir())
	refused(t, err, fault.NotFound, "is no finished export")
	_, err = ReadManifest(filepath.Join(t.TempDir(), "nowhere"))
	refused(t, err, fault.NotFound)
}

// A run's directory can be moved: nothing in it says where it is, but for the H2M files.
func TestMovedRun(t *testing.T) {
	dir := t.TempDir()
	at := export(t, dir, head("r1", "s1"))
	ok(t, os.Rename(at, filepath.Join(dir, "golden")))
	must(Check(t.Context(), filepath.Join(dir, "golden"), Checksums, nil))(t)
}

func TestManyProblems(t *testing.T) {
	var wrong []string
	for i := range 25 {
		wrong = append(wrong, fmt.Sprintf("c/%d.h5: is missing", i))
	}
	refused(t, problems("/x", wrong), fault.Corrupt, "c/9.h5", "and 15 more")
}
