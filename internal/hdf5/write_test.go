package hdf5

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"gonum.org/v1/hdf5"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

func describing(fields ...*schemapb.FieldSchema) *transfer.Description {
	fields = append([]*schemapb.FieldSchema{rows.KeyField("id")}, fields...)
	return &transfer.Description{Schema: rows.Schema{CollectionSchema: &schemapb.CollectionSchema{Fields: fields}}}
}

func TestPartThatCannotBe(t *testing.T) {
	dir := t.TempDir()
	there := filepath.Join(dir, "there.h5")
	if err := os.WriteFile(there, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	vector := rows.VectorField("v", schemapb.DataType_FloatVector, 4)
	for name, c := range map[string]struct {
		path string
		d    *transfer.Description
		o    WriteOptions
		kind fault.Kind
		text string
	}{
		"it is there":      {there, describing(vector), WriteOptions{}, fault.Conflict, "there.h5: file exists"},
		"no directory":     {filepath.Join(dir, "none", "x.h5"), describing(vector), WriteOptions{}, fault.NotFound, "no such file"},
		"compression":      {"x", describing(vector), WriteOptions{Compression: "lzf"}, fault.Config, `compression "lzf"`},
		"level":            {"x", describing(vector), WriteOptions{Compression: "gzip", Level: 10}, fault.Config, "level 10"},
		"a type to come":   {"x", describing(&schemapb.FieldSchema{Name: "f", DataType: 99}), WriteOptions{}, fault.Unsupported, `field "f": values of type 99`},
		"an array of JSON": {"x", describing(&schemapb.FieldSchema{Name: "f", DataType: schemapb.DataType_Array, ElementType: schemapb.DataType_JSON}), WriteOptions{}, fault.Unsupported, "Array of JSON"},
		"no key":           {"x", &transfer.Description{Schema: rows.Schema{CollectionSchema: &schemapb.CollectionSchema{}}}, WriteOptions{}, fault.Unsupported, "no primary key"},
		"no dimension":     {"x", describing(&schemapb.FieldSchema{Name: "v", DataType: schemapb.DataType_FloatVector}), WriteOptions{}, fault.Corrupt, `"v" has no valid dimension`},
		"a NUL in a name":  {"x", describing(vector), WriteOptions{Partition: "a\x00b"}, fault.Unsupported, "the partition holds a NUL"},
	} {
		_, err := CreatePart(c.path, c.d, c.o)
		if fault.KindOf(err) != c.kind || err == nil || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v: %v", name, fault.KindOf(err), err)
		}
	}
	if n := onThread(openObjects); n != 0 {
		t.Errorf("%d objects are left open", n)
	}
}

// A batch that is not as the schema says is refused, and the part with it.
func TestBatchThatCannotBe(t *testing.T) {
	fields := []*schemapb.FieldSchema{
		rows.VectorField("v", schemapb.DataType_FloatVector, 2), {Name: "i", DataType: schemapb.DataType_Int8}, rows.VarCharField("s", 100),
		{Name: "sparse", DataType: schemapb.DataType_SparseFloatVector}, {Name: "a", DataType: schemapb.DataType_Array, ElementType: schemapb.DataType_Int64},
	}
	for name, c := range map[string]struct {
		change func(*rows.Batch)
		text   string
	}{
		"no column":    {func(b *rows.Batch) { b.Fields = b.Fields[1:] }, `field "id": the batch has none`},
		"few values":   {func(b *rows.Batch) { b.Field("v").GetVectors().GetFloatVector().Data = make([]float32, 3) }, "12 bytes of values for 2 rows of 8"},
		"few texts":    {func(b *rows.Batch) { b.Field("s").GetScalars().GetStringData().Data = []string{"a"} }, `field "s": 1 values for 2 rows`},
		"a wide value": {func(b *rows.Batch) { b.Field("i").GetScalars().GetIntData().Data[1] = 128 }, "value 1, 128, does not fit"},
		"another type": {func(b *rows.Batch) { b.Field("i").Field = b.Field("id").Field }, `come as "long_data", and not as "int_data"`},
		"no UTF-8":     {func(b *rows.Batch) { b.Field("s").GetScalars().GetStringData().Data[0] = "\xff" }, "value 0 is not valid UTF-8"},
		"null":         {func(b *rows.Batch) { b.Field("s").ValidData = []bool{true, false} }, "value 1 is null"},
		"half a pair": {func(b *rows.Batch) {
			b.Field("sparse").GetVectors().GetSparseFloatVector().Contents[1] = make([]byte, 9)
		},
			"sparse vector 1 takes 9 bytes"},
		"other elements": {func(b *rows.Batch) {
			b.Field("a").GetScalars().GetArrayData().Data[0] = randomValues{rand.New(rand.NewPCG(1, 2))}.scalars(schemapb.DataType_Bool, 1)
		}, "an array of Int64 holds bool_data"},
	} {
		c2 := &testCollection{Description: describing(fields...)}
		r := randomValues{rand.New(rand.NewPCG(1, 2))}
		path := filepath.Join(t.TempDir(), "x.h5")
		w, err := CreatePart(path, c2.Description, WriteOptions{})
		if err != nil {
			t.Fatal(err)
		}
		b := c2.batch(r, 2)
		b.Fields = append([]*schemapb.FieldData{b.Field("id")}, b.Fields...)
		for i := 1; i < len(b.Fields); i++ {
			if b.Fields[i].FieldName == "id" {
				b.Fields = append(b.Fields[:i], b.Fields[i+1:]...)
			}
		}
		c.change(b)
		err = w.Append(t.Context(), b)
		if err == nil || !strings.Contains(err.Error(), c.text) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
		if again := w.Append(t.Context(), c2.batch(r, 2)); again != err {
			t.Errorf("%s: it goes on: %v", name, again)
		}
		if end := w.Close(); end != err {
			t.Errorf("%s: it is completed: %v", name, end)
		}
		if _, err := Open(t.Context(), sourceOf(path)); fault.KindOf(err) != fault.Corrupt || !strings.Contains(err.Error(), "not finished") {
			t.Errorf("%s: what is left is read: %v", name, err)
		}
	}
	if n := onThread(openObjects); n != 0 {
		t.Errorf("%d objects are left open", n)
	}
}

func TestAbandon(t *testing.T) {
	c := newTestCollection(schemapb.DataType_Int64)
	path := filepath.Join(t.TempDir(), "x.h5")
	w, err := CreatePart(path, c.Description, c.options)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Append(t.Context(), c.batch(randomValues{rand.New(rand.NewPCG(1, 2))}, 100)); err != nil {
		t.Fatal(err)
	}
	w.Abandon()
	if err := w.Close(); err == nil {
		t.Error("it is completed")
	}
	if _, err := Open(t.Context(), sourceOf(path)); fault.KindOf(err) != fault.Corrupt || !strings.Contains(err.Error(), "not finished") {
		t.Errorf("it is read: %v", err)
	}
	if n := onThread(openObjects); n != 0 {
		t.Errorf("%d objects are left open", n)
	}
}

func TestAppendCancelled(t *testing.T) {
	c := newTestCollection(schemapb.DataType_Int64)
	w, err := CreatePart(filepath.Join(t.TempDir(), "x.h5"), c.Description, c.options)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abandon()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	block, blocked := make(chan struct{}), make(chan struct{})
	go func() {
		if err := do(context.Background(), func() error { close(blocked); <-block; return nil }); err != nil {
			t.Error(err)
		}
	}()
	<-blocked
	err = w.Append(ctx, c.batch(randomValues{rand.New(rand.NewPCG(1, 2))}, 10))
	close(block)
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestPartBytes(t *testing.T) {
	chunks := chunkBytes
	defer func() { chunkBytes = chunks }()
	chunkBytes = 64
	c := &testCollection{Description: describing(rows.VectorField("v", schemapb.DataType_FloatVector, 2), &schemapb.FieldSchema{Name: "g", DataType: schemapb.DataType_Array, ElementType: schemapb.DataType_Bool})}
	w, err := CreatePart(filepath.Join(t.TempDir(), "x.h5"), c.Description, WriteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r := randomValues{rand.New(rand.NewPCG(1, 2))}
	want := int64(0)
	for range 5 {
		b := c.batch(r, 50)
		want += 50 * (8 + 8)
		for _, a := range b.Field("g").GetScalars().GetArrayData().GetData() {
			want += int64(len(a.GetBoolData().GetData()))
		}
		if err := w.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil || w.Bytes() != want || w.Rows() != 250 {
		t.Errorf("%d bytes, want %d; %d rows (%v)", w.Bytes(), want, w.Rows(), err)
	}
}

// A disk that takes no more is told, and the file is let go of.
func TestFullDisk(t *testing.T) {
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	c := newTestCollection(schemapb.DataType_Int64)
	path := filepath.Join(t.TempDir(), "x.h5")
	w, err := CreatePart(path, c.Description, c.options)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 300 << 10, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if err == nil {
			err = w.Append(t.Context(), c.batch(randomValues{rand.New(rand.NewPCG(5, 5))}, 100))
		}
	}
	if e := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); e != nil {
		t.Fatal(e)
	}
	closed := w.Close()
	if !errors.Is(err, syscall.EFBIG) || err != closed || !strings.Contains(err.Error(), path) {
		t.Errorf("%v; closed: %v", err, closed)
	}
	if n := onThread(openObjects); n != 0 {
		t.Errorf("%d objects are left open", n)
	}
}

// edited writes an export, with some of its bytes replaced by as many others.
func edited(t *testing.T, old, new string) string {
	t.Helper()
	c := newTestCollection(schemapb.DataType_Int64)
	path := filepath.Join(t.TempDir(), "x.h5")
	c.write(t, path, randomValues{rand.New(rand.NewPCG(5, 5))}, []int{77})
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(old) != len(new) || bytes.Count(b, []byte(old)) == 0 {
		t.Fatalf("no %q to replace", old)
	}
	if err := os.WriteFile(path, bytes.ReplaceAll(b, []byte(old), []byte(new)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestEditedExport(t *testing.T) {
	for name, c := range map[string]struct {
		old, new string
		kind     fault.Kind
		text     string
	}{
		"another field":  {`"name":"nullBool"`, `"name":"nullBowl"`, fault.Corrupt, "its schema asks for dataset /fields/nullBowl"},
		"another type":   {`"name":"nullInt16","dataType":"Int16"`, `"name":"nullInt16","dataType":"Int32"`, fault.Corrupt, "its schema asks for rows of 1 int32"},
		"twice":          {`"name":"nullInt16"`, `"name":"nullInt64"`, fault.Corrupt, `"nullInt64" twice`},
		"no schema":      {`{"name":"films"`, `{"name" "films"`, fault.Corrupt, "attribute schema"},
		"no settings":    {`"aliases":["a"]`, `"aliases":[ 1 ]`, fault.Corrupt, "attribute settings"},
		"no primary key": {`"isPrimaryKey":true`, `"isPrimaryKey":null`, fault.Corrupt, "no primary key"},
	} {
		_, err := Open(t.Context(), sourceOf(edited(t, c.old, c.new)))
		if fault.KindOf(err) != c.kind || err == nil || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v: %v", name, fault.KindOf(err), err)
		}
	}
}

// What the attributes say is checked before there is a dataset to look at.
func TestExportAttributes(t *testing.T) {
	for name, c := range map[string]struct {
		texts []namedText
		kind  fault.Kind
		text  string
	}{
		"a version to come":  {[]namedText{{attrVersion, "2"}, {attrRows, "1"}}, fault.Unsupported, `version "2"`},
		"not finished":       {[]namedText{{attrVersion, "1"}}, fault.Corrupt, "not finished"},
		"rows are no number": {[]namedText{{attrVersion, "1"}, {attrRows, "many"}}, fault.Corrupt, `attribute rows is no number of rows: "many"`},
		"less than no rows":  {[]namedText{{attrVersion, "1"}, {attrRows, "-1"}}, fault.Corrupt, `attribute rows is no number`},
		"no schema":          {[]namedText{{attrVersion, "1"}, {attrRows, "1"}}, fault.Corrupt, "attribute schema"},
	} {
		path := filepath.Join(t.TempDir(), "x.h5")
		err := do(t.Context(), func() error {
			f, err := hdf5.CreateFile(path, hdf5.F_ACC_EXCL)
			if err != nil {
				return err
			}
			for _, text := range append(c.texts, namedText{attrFormat, exportFormat}) {
				err = errors.Join(err, writeFileText(f, text.name, text.text))
			}
			return errors.Join(err, f.Close())
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), sourceOf(path)); fault.KindOf(err) != c.kind || err == nil || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v: %v", name, fault.KindOf(err), err)
		}
	}
}

// Files that are not parts of one export are told apart, and jobs that say what the file says itself.
func TestExportsThatDoNotBelong(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, change func(*testCollection)) string {
		c := newTestCollection(schemapb.DataType_Int64)
		change(c)
		path := filepath.Join(dir, name)
		c.write(t, path, randomValues{rand.New(rand.NewPCG(5, 5))}, []int{3})
		return path
	}
	one := write("1", func(*testCollection) {})
	for other, text := range map[string]string{
		write("2", func(c *testCollection) { c.options.Collection = "books" }): "read them by jobs of their own",
		write("3", func(c *testCollection) { c.Settings.Shards++ }):            "another schema or other settings",
		write("4", func(c *testCollection) { c.options.Partition = "" }):       "one says its rows' partition",
		"testdata/milvusdm-float32.h5":                                         "is an export of a collection and",
	} {
		for _, paths := range [][]string{{one, other}, {other, one}} {
			if _, err := Open(t.Context(), sourceOf(paths...)); err == nil || !strings.Contains(err.Error(), text) {
				t.Errorf("%v: %v", paths, err)
			}
		}
	}
	j := sourceOf(one)
	j.KeyField = "pk"
	if _, err := Open(t.Context(), j); fault.KindOf(err) != fault.Config || !strings.Contains(err.Error(), "leave out source.hdf5.key_field") {
		t.Errorf("key_field: %v", err)
	}
	j = sourceOf("testdata/milvusdm-float32.h5")
	j.Layout = job.LayoutExport
	if _, err := Open(t.Context(), j); fault.KindOf(err) != fault.Config || !strings.Contains(err.Error(), "no export of this program's") {
		t.Errorf("layout: %v", err)
	}
}

// FuzzExport changes bytes of an export.
func FuzzExport(f *testing.F) {
	c := newTestCollection(schemapb.DataType_VarChar)
	c.options.Compression, c.options.Shuffle, c.options.Fletcher32 = "gzip", true, true
	path := filepath.Join(f.TempDir(), "x.h5")
	c.write(f, path, randomValues{rand.New(rand.NewPCG(9, 9))}, []int{20})
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	guard.on = true
	defer func() { guard.on = false }()
	for seed := range uint64(16) {
		f.Add(seed, uint8(seed))
	}
	f.Fuzz(func(t *testing.T, seed uint64, changes uint8) {
		b := bytes.Clone(whole)
		random := rand.New(rand.NewPCG(seed, 1))
		for range changes % 16 {
			b[random.IntN(len(b))] = byte(random.Uint32())
		}
		path := filepath.Join(t.TempDir(), "x.h5")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := readThrough(path); err != nil && fault.KindOf(err) == fault.Internal {
			t.Errorf("an error of no kind: %v", err)
		}
		if n := onThread(openObjects); n != 0 {
			t.Fatalf("%d objects are left open", n)
		}
	})
}

// readThrough reads all that a file has.
func readThrough(path string) error {
	ctx := context.Background()
	s, err := Open(ctx, sourceOf(path))
	if err != nil {
		return err
	}
	ranges, err := s.Plan(ctx, 1000, func(string) {})
	if err != nil {
		return err
	}
	for _, r := range ranges {
		reader, err := s.Open(ctx, r, rows.Cursor{}, transfer.BatchLimit{Rows: 7, Bytes: 1 << 20})
		if err != nil {
			return err
		}
		for err == nil {
			_, err = reader.Next(ctx)
		}
		if err := errors.Join(reader.Close()); err != nil {
			return err
		}
		if !errors.Is(err, io.EOF) {
			return err
		}
	}
	return nil
}
