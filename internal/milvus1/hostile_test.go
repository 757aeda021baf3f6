package milvus1_test

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/milvus1"
	"milvusdm/internal/milvus1/milvus1test"
	"milvusdm/internal/transfer"
)

// damage is something wrong with a directory, and what is said of it.
type damage struct {
	harm func(t *testing.T, dir string)
	kind fault.Kind
	text string // in the message
}

// onFile changes the content of a file of the first segment of faces.
func onFile(name string, change func([]byte) []byte) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		path := filepath.Join(segmentDir(dir), name)
		content, err := os.ReadFile(path)
		must(t, err)
		must(t, os.WriteFile(path, change(content), 0o644))
	}
}

func segmentDir(dir string) string {
	return filepath.Join(dir, "db/tables/faces/1600000000000000001")
}

// onMetadata changes the metadata.
func onMetadata(text string, args ...any) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		db := milvus1test.OpenSQLite(t, dir)
		must(t, execute(db, text, args...))
		must(t, db.Close())
	}
}

func remove(name string) func(*testing.T, string) {
	return func(t *testing.T, dir string) { must(t, os.RemoveAll(filepath.Join(dir, name))) }
}

func cut(n int) func([]byte) []byte { return func(b []byte) []byte { return b[:len(b)-n] } }

// number sets the little-endian number of 8 bytes that a file begins with.
func number(n uint64) func([]byte) []byte {
	return func(b []byte) []byte { binary.LittleEndian.PutUint64(b, n); return b }
}

const (
	uid = "1600000000000000001.uid"
	rv  = "1600000000000000001.rv"
)

var damages = map[string]damage{
	"no such directory":         {remove(""), fault.NotFound, "no such file"},
	"no folder db":              {remove("db"), fault.NotFound, "has no folder db"},
	"no metadata":               {remove("db/meta.sqlite"), fault.NotFound, "write source.milvus1.mysql"},
	"no segment":                {remove("db/tables/faces/1600000000000000001"), fault.Corrupt, uid + " is not there"},
	"no ids":                    {remove("db/tables/faces/1600000000000000001/" + uid), fault.Corrupt, uid + " is not there"},
	"no vectors":                {remove("db/tables/faces/1600000000000000001/" + rv), fault.Corrupt, rv + " is not there"},
	"deleted rows unknown":      {remove("db/tables/faces/1600000000000000001/deleted_docs"), fault.Corrupt, "says that the segment holds 36 rows, and its files hold 40, 0 of them deleted"},
	"ids cut in a row":          {onFile(uid, cut(3)), fault.Corrupt, "says that 320 bytes of ids follow, 8 each, and 317 do"},
	"ids cut by a row":          {onFile(uid, cut(8)), fault.Corrupt, "says that 320 bytes of ids follow, 8 each, and 312 do"},
	"ids cut and relabelled":    {onFile(uid, func(b []byte) []byte { return number(312)(cut(8)(b)) }), fault.Corrupt, rv + ": has 648 bytes, and 39 rows of 16 bytes take 632"},
	"ids almost gone":           {onFile(uid, cut(325)), fault.Corrupt, uid + ": has 3 bytes"},
	"ids empty":                 {onFile(uid, cut(328)), fault.Corrupt, uid + ": has 0 bytes"},
	"ids too long":              {onFile(uid, func(b []byte) []byte { return append(b, 1, 2, 3, 4, 5, 6, 7, 8) }), fault.Corrupt, "and 328 do"},
	"ids' length lies":          {onFile(uid, number(1<<63)), fault.Corrupt, "says that 9223372036854775808 bytes"},
	"ids are no whole number":   {onFile(uid, func(b []byte) []byte { return number(321)(append(b, 1)) }), fault.Corrupt, "says that 321 bytes of ids follow"},
	"vectors cut":               {onFile(rv, cut(1)), fault.Corrupt, rv + ": has 647 bytes"},
	"vectors cut by a length":   {onFile(rv, cut(8)), fault.Corrupt, rv + ": has 640 bytes"},
	"vectors' length lies":      {onFile(rv, number(8)), fault.Corrupt, rv + ": says that 8 bytes of vectors follow, and 640 do"},
	"deleted rows cut":          {onFile("deleted_docs", cut(4)), fault.Corrupt, "says that 16 bytes of row offsets follow, 4 each, and 12 do"},
	"deleted rows almost gone":  {onFile("deleted_docs", cut(20)), fault.Corrupt, "deleted_docs: ends too early"},
	"deleted rows' length lies": {onFile("deleted_docs", number(1<<64-8)), fault.Corrupt, "deleted_docs: says that"},
	"a deleted row beyond":      {onFile("deleted_docs", func(b []byte) []byte { b[8] = 40; return b }), fault.Corrupt, "says that row 40 is deleted, and the segment has 40 rows"},
	"a deleted row before": {onFile("deleted_docs", func(b []byte) []byte {
		binary.LittleEndian.PutUint32(b[8:], 0xffffffff)
		return b
	}), fault.Corrupt, "says that row -1 is deleted"},
	"ids in a folder": {func(t *testing.T, dir string) {
		remove("db/tables/faces/1600000000000000001/"+uid)(t, dir)
		must(t, os.Mkdir(filepath.Join(segmentDir(dir), uid), 0o755))
	}, fault.Corrupt, "is not a regular file"},
	"a segment that is a file": {func(t *testing.T, dir string) {
		remove("db/tables/faces/1600000000000000001")(t, dir)
		must(t, os.WriteFile(segmentDir(dir), nil, 0o644))
	}, fault.Corrupt, uid + " is not there"},
	"metadata in a folder": {func(t *testing.T, dir string) {
		remove("db/meta.sqlite")(t, dir)
		must(t, os.Mkdir(filepath.Join(dir, "db/meta.sqlite"), 0o755))
	}, fault.Corrupt, "is not a regular file"},
	"metadata is something else": {func(t *testing.T, dir string) {
		must(t, os.WriteFile(filepath.Join(dir, "db/meta.sqlite"), []byte("CREATE TABLE Tables"), 0o644))
	}, fault.Corrupt, "is not an SQLite file"},
	"metadata cut": {func(t *testing.T, dir string) {
		must(t, os.Truncate(filepath.Join(dir, "db/meta.sqlite"), 5000))
	}, fault.Corrupt, "meta.sqlite: "},
	"metadata without its tables": {onMetadata("DROP TABLE TableFiles"), fault.Corrupt, "no such table: TableFiles"},
	"metadata of an old version":  {onMetadata("ALTER TABLE Tables DROP COLUMN partition_tag"), fault.Corrupt, "no such column"},
	"fewer rows than said":        {onMetadata("UPDATE TableFiles SET row_count = row_count + 1"), fault.Corrupt, "says that the segment holds 37 rows"},
	"more rows than said":         {onMetadata("UPDATE TableFiles SET row_count = 0"), fault.Corrupt, "says that the segment holds 0 rows"},
	"a negative number of rows":   {onMetadata("UPDATE TableFiles SET row_count = -1"), fault.Corrupt, "holds -1 rows"},
	"a number that is text":       {onMetadata("UPDATE TableFiles SET row_count = 'many'"), fault.Corrupt, "row_count"},
	"a huge number of rows":       {onMetadata("UPDATE TableFiles SET row_count = 9223372036854775807"), fault.Corrupt, "holds 9223372036854775807 rows"},
	"dimension 0":                 {onMetadata("UPDATE Tables SET dimension = 0"), fault.Corrupt, "vectors of dimension 0"},
	"a huge dimension":            {onMetadata("UPDATE Tables SET dimension = 1 << 62"), fault.Corrupt, "vectors of dimension 4611686018427387904"},
	"another dimension":           {onMetadata("UPDATE Tables SET dimension = 8"), fault.Corrupt, rv + ": has 648 bytes, and 40 rows of 32 bytes take 1288"},
	"half a byte":                 {onMetadata("UPDATE Tables SET dimension = 12, metric_type = 3"), fault.Corrupt, "no multiple of 8"},
	"a partition's dimension":     {onMetadata("UPDATE Tables SET dimension = 8 WHERE owner_table <> ''"), fault.Corrupt, `partition "2020-01" of "faces" has vectors of dimension 8`},
	"an unknown metric":           {onMetadata("UPDATE Tables SET metric_type = 8"), fault.Unsupported, "metric type 8"},
	"no metric":                   {onMetadata("UPDATE Tables SET metric_type = 0"), fault.Unsupported, "metric type 0"},
	"an unknown state":            {onMetadata("UPDATE Tables SET state = 2"), fault.Corrupt, "in state 2"},
	"a collection dropped":        {onMetadata("UPDATE Tables SET state = 1 WHERE table_id = 'faces'"), fault.NotFound, `no collection "faces"; there is none`},
	"a segment outside":           {onMetadata("UPDATE TableFiles SET segment_id = '../faces/1600000000000000001'"), fault.Corrupt, "no name of a folder"},
	"a segment without a name":    {onMetadata("UPDATE TableFiles SET segment_id = ''"), fault.Corrupt, "no name of a folder"},
	"a segment with a long name":  {onMetadata("UPDATE TableFiles SET segment_id = hex(zeroblob(500))"), fault.Corrupt, "no name of a folder"},
	"a partition outside":         {onMetadata("UPDATE Tables SET table_id = '/etc' WHERE partition_tag = 'y2021'"), fault.Corrupt, `"/etc": no name of a folder`},
	"a partition upwards":         {onMetadata("UPDATE Tables SET table_id = '..' WHERE partition_tag = 'y2021'"), fault.Corrupt, `"..": no name of a folder`},
	"a partition without a name":  {onMetadata("UPDATE Tables SET partition_tag = '' WHERE owner_table <> ''"), fault.Corrupt, "not at all"},
	"two partitions of a name":    {onMetadata("UPDATE Tables SET partition_tag = 'p' WHERE owner_table <> ''"), fault.Corrupt, "as another one"},
	"a segment twice":             {onMetadata("UPDATE TableFiles SET segment_id = '1600000000000000001'"), fault.Corrupt, "is listed twice"},
}

func TestDamages(t *testing.T) {
	for name, d := range damages {
		t.Run(name, func(t *testing.T) {
			dir := milvus1test.NewDirectory(t, faces()...)
			d.harm(t, dir)
			src, err := milvus1.Open(context.Background(), sourceOf(dir, "faces"))
			if err == nil {
				rows, err := tryReadAll(src, 1000, large)
				t.Fatalf("opened, and %d rows read (%v)", len(rows), err)
			}
			if fault.KindOf(err) != d.kind || !strings.Contains(err.Error(), d.text) || !strings.Contains(err.Error(), dir) && d.kind != fault.Config {
				t.Errorf("%v: %v\nexpected %v: ...%s... with the path", fault.KindOf(err), err, d.kind, d.text)
			}
		})
	}
}

// What the job says wrongly.
func TestJobs(t *testing.T) {
	dir := milvus1test.NewDirectory(t, faces()...)
	with := func(change func(*job.Milvus1Source, *job.Collection)) *job.Milvus1Source {
		src := sourceOf(dir, "faces")
		change(src, &src.Collections[0])
		return src
	}
	for text, src := range map[string]*job.Milvus1Source{
		`no collection "face"; there is faces`:                        sourceOf(dir, "face"),
		`no collection "1600000000000000200"`:                         sourceOf(dir, "1600000000000000200"),
		`has no partition "2022"; there are _default, 2020-01, y2021`: sourceOf(dir, "faces", "y2021", "2022"),
		`write ` + dir:                   {Path: filepath.Join(dir, "db"), Collections: []job.Collection{{Name: "faces"}}},
		"is not a directory":             {Path: filepath.Join(dir, "db/meta.sqlite"), Collections: []job.Collection{{Name: "faces"}}},
		"filter is not available":        with(func(_ *job.Milvus1Source, c *job.Collection) { c.Filter = "id > 1" }),
		"limit is not available":         with(func(_ *job.Milvus1Source, c *job.Collection) { c.Limit = 1 }),
		"fields is not available":        with(func(_ *job.Milvus1Source, c *job.Collection) { c.Fields = []string{"id"} }),
		"rename_fields is not available": with(func(_ *job.Milvus1Source, c *job.Collection) { c.RenameFields = map[string]string{"id": "pk"} }),
		`would be named "y2021"`: with(func(_ *job.Milvus1Source, c *job.Collection) {
			c.RenamePartitions = map[string]string{"2020-01": "y2021"}
		}),
		`has no partition "y2020"`:      with(func(_ *job.Milvus1Source, c *job.Collection) { c.RenamePartitions = map[string]string{"y2020": "x"} }),
		"a source is one collection":    with(func(s *job.Milvus1Source, c *job.Collection) { s.Collections = append(s.Collections, *c) }),
		"a source is one collection; L": sourceOf(dir, "*"),
	} {
		if _, err := milvus1.Open(context.Background(), src); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%v, expected ...%s...", err, text)
		}
	}
}

// Files that are written while they are read are a mixture.
func TestChangedMeanwhile(t *testing.T) {
	for _, name := range []string{uid, rv, "deleted_docs"} {
		dir := milvus1test.NewDirectory(t, faces()...)
		src := open(t, sourceOf(dir, "faces"))
		before := describe(t, src).Identity
		path := filepath.Join(segmentDir(dir), name)
		must(t, os.Chtimes(path, time.Now(), time.Now().Add(time.Hour)))
		if _, err := tryReadAll(src, 1000, large); fault.KindOf(err) != fault.SourceChanged || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
		if after := describe(t, open(t, sourceOf(dir, "faces"))).Identity; after == before {
			t.Errorf("%s: changed, and the source's identity is the same", name)
		}
	}
}

// A server that was killed before it wrote the metadata deletes the same rows once more: they are in the file twice.
func TestDeletedTwice(t *testing.T) {
	dir := milvus1test.NewDirectory(t, faces()...)
	path := filepath.Join(segmentDir(dir), "deleted_docs")
	content, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(path, number(32)(append(content, content[8:]...)), 0o644))
	for name, change := range map[string]string{
		"counted once":  "UPDATE TableFiles SET row_count = 36 WHERE segment_id = '1600000000000000001'",
		"counted twice": "UPDATE TableFiles SET row_count = 32 WHERE segment_id = '1600000000000000001'",
	} {
		onMetadata(change)(t, dir)
		if rows := readAll(t, open(t, sourceOf(dir, "faces")), 1000, large); len(rows) != 95 {
			t.Errorf("%s: %d rows", name, len(rows))
		}
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	src := open(t, sourceOf(milvus1test.NewDirectory(t, faces()...), "faces"))
	cancel()
	if err := src.(transfer.KeyScanner).ScanKeys(ctx, func(int64, []int64) error { return nil }); err != context.Canceled {
		t.Error(err)
	}
	if _, err := milvus1.Open(ctx, sourceOf(milvus1test.NewDirectory(t, faces()...), "faces")); err == nil {
		t.Error("opened")
	}
}
