package export

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"milvusdm/internal/fault"
	"milvusdm/internal/rows"
)

var began = time.Date(2026, 11, 22, 3, 0, 7, 0, time.UTC)

// head is what a run is known by before it is finished.
func head(run, stage string) Manifest {
	return Manifest{Program: "milvusdm test", Run: run, Job: "nightly", Stage: stage, Schedule: "nightly", Started: began,
		Server: Server{Address: "127.0.0.1:19530"}}
}

// sumOf is a content sum that tells contents apart.
func sumOf(contents string) rows.Sum {
	h := sha256.Sum256([]byte(contents))
	return rows.Sum{Rows: int64(len(contents)), Hi: uint64(h[0]), Lo: uint64(h[1])}
}

// must returns the value of a call that has to succeed.
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused checks an error's kind and that its text says all that is wanted.
func refused(t *testing.T, err error, kind fault.Kind, texts ...string) {
	t.Helper()
	if err == nil || fault.KindOf(err) != kind {
		t.Fatalf("%v (%s), want a fault %s", err, fault.KindOf(err), kind)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%v\ndoes not say %q", err, text)
		}
	}
}

// write makes a draft's file, as its writer does.
func (d *Draft) write(t *testing.T, contents string) *Draft {
	t.Helper()
	ok(t, os.WriteFile(d.Path, []byte(contents), 0o644))
	return d
}

// draft begins a part that nobody has published.
func (r *Run) draft(t *testing.T, name PartName, writer string) *Draft {
	t.Helper()
	d, done, err := r.Draft(context.Background(), name, writer, nil)
	ok(t, err)
	if done != nil {
		t.Fatalf("%s is published: %+v", name, done)
	}
	return d
}

func (r *Run) publish(t *testing.T, name PartName, writer, contents string) Part {
	t.Helper()
	p, err := r.draft(t, name, writer).write(t, contents).Publish(context.Background(), int64(len(contents)), sumOf(contents), nil)
	ok(t, err)
	return *p
}

// export makes a finished run of one collection with two partitions, one of them split.
func export(t *testing.T, dir string, m Manifest) string {
	t.Helper()
	r := must(Prepare(dir, m, Owner))(t)
	defer r.Close()
	c := Collection{Name: "articles", Identity: "1", Dimension: 4, Metric: "L2"}
	for i, p := range []PartName{{"articles", "_default", 0}, {"articles", "fr", 1}, {"articles", "fr", 2}} {
		c.Parts = append(c.Parts, r.publish(t, p, "r1", "rows of part "+string(rune('0'+i))))
	}
	m.Collections = []Collection{c}
	m.Ended = m.Started.Add(time.Minute)
	ok(t, r.Finish(m))
	return filepath.Join(dir, m.Run)
}

// files lists what is below a directory.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	ok(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			out = append(out, strings.TrimPrefix(path, dir+"/"))
		}
		return err
	}))
	return out
}

func TestExport(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "exports") // made too
	at := export(t, dir, head("r1", "s1"))
	want := "SHA256SUMS articles/None.h5 articles/fr.00001.h5 articles/fr.00002.h5 manifest.json " +
		"yamls/articles/None.yaml yamls/articles/fr.yaml yamls/articles.yaml"
	if got := strings.Join(files(t, at), " "); got != want {
		t.Errorf("the run's directory holds\n%s\nwant\n%s", got, want)
	}
	m := must(Check(context.Background(), at, Checksums, nil))(t)
	if m.Rows() != 42 || m.Bytes() != 42 || m.Run != "r1" || !m.Ended.Equal(began.Add(time.Minute)) {
		t.Errorf("read back: %+v", m)
	}
	for _, p := range m.Collections[0].Parts {
		contents := must(os.ReadFile(filepath.Join(at, p.Path)))(t)
		sum := sha256.Sum256(contents)
		line := hex.EncodeToString(sum[:]) + "  " + p.Path + "\n"
		if sums := must(os.ReadFile(filepath.Join(at, "SHA256SUMS")))(t); !strings.Contains(string(sums), line) {
			t.Errorf("SHA256SUMS lacks %q:\n%s", line, sums)
		}
		if p.Sum != sumOf(string(contents)) {
			t.Errorf("%s: content sum %s", p.Path, p.Sum)
		}
	}
}

func TestProgress(t *testing.T) {
	at := export(t, t.TempDir(), head("r1", "s1"))
	var last, total int64
	must(Check(context.Background(), at, Checksums, func(done, of int64) {
		if done < last {
			t.Errorf("%d bytes after %d", done, last)
		}
		last, total = done, of
	}))(t)
	if last != 42 || total != 42 {
		t.Errorf("%d of %d bytes at the end", last, total)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Check(ctx, at, Checksums, nil); err == nil || ctx.Err() == nil {
		t.Error("goes on when it is cancelled")
	}
}

func TestFinishNeedsAllParts(t *testing.T) {
	r := must(Prepare(t.TempDir(), head("r1", "s1"), Owner))(t)
	p := r.publish(t, PartName{"c", "p", 0}, "w", "rows")
	q := r.publish(t, PartName{"c", "q", 0}, "w", "rows")
	ok(t, os.Remove(filepath.Join(r.Path(), q.Path)))
	m := head("r1", "s1")
	m.Collections = []Collection{{Name: "c", Parts: []Part{p, q}}}
	refused(t, r.Finish(m), fault.Corrupt, "c/q.h5: is missing")
	if _, err := os.Stat(filepath.Join(r.Path(), manifestName)); err == nil {
		t.Error("there is a manifest")
	}
	q.Path = "../q.h5"
	m.Collections[0].Parts[1] = q
	if err := r.Finish(m); err == nil {
		t.Error("takes a part outside of the run")
	}
}
