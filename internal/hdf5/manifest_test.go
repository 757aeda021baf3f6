package hdf5

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// manifest.json says what each file of testdata holds; testdata/generate.py wrote it, and them, by h5py and pandas.
// found.json is the same for files of the shapes that people's own programs give.
type manifestCase struct {
	Name          string
	Job           job.HDF5Source
	Fields        map[string]expectedField
	Key           string
	Rows          int64
	Format        string
	Metric        string
	Notes         []string
	GeneratedKeys bool
	Error         *expectedError
}

type expectedField struct {
	Type      string
	Dim       int64
	Data      []byte // little-endian; base64 in JSON
	Strings   []string
	MaxLength int
}

type expectedError struct {
	Kind     fault.Kind
	Contains []string
}

func loadManifest(t testing.TB) []manifestCase {
	t.Helper()
	var cases []manifestCase
	for _, name := range []string{"manifest.json", "found.json"} {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		var some []manifestCase
		if err := json.Unmarshal(b, &some); err != nil {
			t.Fatal(err)
		}
		cases = append(cases, some...)
	}
	for _, c := range cases {
		for i, p := range c.Job.Paths {
			c.Job.Paths[i] = filepath.Join("testdata", p)
		}
	}
	return cases
}

func TestManifest(t *testing.T) {
	for i, c := range loadManifest(t) {
		t.Run(fmt.Sprintf("%d %s", i, c.Name), func(t *testing.T) {
			if c.Error != nil {
				c.mustFail(t)
				return
			}
			c.mustDescribe(t)
			for _, limit := range []transfer.BatchLimit{{Rows: 1, Bytes: 1 << 20}, {Rows: 7, Bytes: 1 << 20}, {Rows: 1000, Bytes: 3000}, {Rows: 100000, Bytes: 64 << 20}} {
				for _, rowsPerRange := range []int64{math.MaxInt64 / 4, 17} {
					c.mustRead(t, limit, rowsPerRange)
				}
			}
		})
	}
	if n := onThread(openObjects); n != 0 {
		t.Errorf("%d objects are left open", n)
	}
}

// onThread returns what f does on the library's thread.
func onThread[T any](f func() T) (v T) {
	if err := do(context.Background(), func() error { v = f(); return nil }); err != nil {
		panic(err)
	}
	return v
}

func (c *manifestCase) mustFail(t *testing.T) {
	t.Helper()
	source, err := Open(t.Context(), &c.Job)
	if err == nil {
		_, err = source.Describe(t.Context())
	}
	if err == nil {
		_, err = readAll(t, source, transfer.BatchLimit{Rows: 10, Bytes: 1 << 20}, 1000)
	}
	if err == nil {
		t.Fatalf("no error; want %v", *c.Error)
	}
	t.Log(err)
	if fault.KindOf(err) != c.Error.Kind {
		t.Errorf("kind %v, want %v: %v", fault.KindOf(err), c.Error.Kind, err)
	}
	for _, s := range c.Error.Contains {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("no %q in: %v", s, err)
		}
	}
}

func (c *manifestCase) mustDescribe(t *testing.T) {
	t.Helper()
	source := mustOpen(t, &c.Job)
	d, err := source.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if d.Rows != c.Rows || d.Metric != c.Metric || d.GeneratedKeys != c.GeneratedKeys || !strings.HasPrefix(d.Format, c.Format) || d.Identity == "" || d.Bytes <= 0 {
		t.Errorf("rows %d, metric %q, generated keys %v, format %q, %d bytes, identity %q", d.Rows, d.Metric, d.GeneratedKeys, d.Format, d.Bytes, d.Identity)
	}
	for _, note := range c.Notes {
		if !strings.Contains(strings.Join(d.Notes, "\n"), note) {
			t.Errorf("no %q in the notes: %q", note, d.Notes)
		}
	}
	if key := d.Schema.PrimaryKey(); key.GetName() != c.Key {
		t.Errorf("key %v, want %q", key, c.Key)
	}
	if len(d.Schema.Fields) != len(c.Fields) {
		t.Errorf("%d fields, want %d: %v", len(d.Schema.Fields), len(c.Fields), d.Schema.Fields)
	}
	for _, f := range d.Schema.Fields {
		want := c.Fields[f.Name]
		if f.DataType.String() != want.Type || want.Dim > 0 && rows.TypeParam(f, "dim") != fmt.Sprint(want.Dim) ||
			want.MaxLength > 0 && rows.TypeParam(f, "max_length") != fmt.Sprint(want.MaxLength) {
			t.Errorf("field %v, want %s of dimension %d, length %d", f, want.Type, want.Dim, want.MaxLength)
		}
	}
}

// mustRead reads everything and compares it, and the numbers and names of rows with it.
func (c *manifestCase) mustRead(t *testing.T, limit transfer.BatchLimit, rowsPerRange int64) {
	t.Helper()
	got, err := readAll(t, mustOpen(t, &c.Job), limit, rowsPerRange)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range c.Fields {
		data, strings := got[name].data, got[name].strings
		if string(data) != string(want.Data) || fmt.Sprint(strings) != fmt.Sprint(want.Strings) {
			t.Fatalf("limit %+v, ranges of %d: field %q:\n got %.200x %.300q\nwant %.200x %.300q", limit, rowsPerRange, name, data, strings, want.Data, want.Strings)
		}
	}
}

func mustOpen(t testing.TB, j *job.HDF5Source) transfer.Source {
	t.Helper()
	source, err := Open(context.Background(), j)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { source.Close() })
	return source
}

type values struct {
	data    []byte
	strings []string
}

// readAll reads a source range by range. It fails the test if cursors and counts are not what the contract says.
func readAll(t testing.TB, source transfer.Source, limit transfer.BatchLimit, rowsPerRange int64) (map[string]values, error) {
	t.Helper()
	ctx := context.Background()
	ranges, err := source.Plan(ctx, rowsPerRange, func(string) {})
	if err != nil {
		return nil, err
	}
	got := map[string]values{}
	for i, r := range ranges {
		if r.ID != i || i > 0 && r.From != ranges[i-1].To {
			t.Fatalf("range %d does not follow %d: %+v", i, i-1, r)
		}
		if err := readRange(t, source, r, limit, got); err != nil {
			return nil, err
		}
	}
	return got, nil
}

func readRange(t testing.TB, source transfer.Source, r rows.Range, limit transfer.BatchLimit, got map[string]values) error {
	reader, err := source.Open(context.Background(), r, rows.Cursor{}, limit)
	if err != nil {
		return err
	}
	defer func() {
		if err := reader.Close(); err != nil {
			t.Error(err)
		}
	}()
	at := r.From.Int
	for {
		batch, err := reader.Next(context.Background())
		if err == io.EOF {
			if at != r.To.Int {
				t.Fatalf("range %v ends at row %d", r, at)
			}
			return nil
		}
		if err != nil {
			if _, again := reader.Next(context.Background()); again == nil || again.Error() != err.Error() {
				t.Errorf("the error %v does not repeat: %v", err, again)
			}
			return err
		}
		if batch.First != at || batch.Rows < 1 || batch.Rows > limit.Rows || batch.After != rows.Row(at+int64(batch.Rows)) {
			t.Fatalf("batch of %d rows from %d to %v, at row %d", batch.Rows, batch.First, batch.After, at)
		}
		if place := source.(transfer.KeyScanner).Place(at); place != batch.Place(0) || !strings.Contains(place, ": row ") {
			t.Fatalf("place %q, and in the batch %q", place, batch.Place(0))
		}
		for _, f := range batch.Fields {
			v := got[f.FieldName]
			appendValues(t, &v, f)
			got[f.FieldName] = v
		}
		at += int64(batch.Rows)
	}
}

func appendValues(t testing.TB, v *values, f *schemapb.FieldData) {
	switch {
	case f.GetVectors() != nil:
		switch x := f.GetVectors().Data.(type) {
		case *schemapb.VectorField_FloatVector:
			v.data = append(v.data, rawBytes(x.FloatVector.Data)...)
		case *schemapb.VectorField_BinaryVector:
			v.data = append(v.data, x.BinaryVector...)
		case *schemapb.VectorField_Float16Vector:
			v.data = append(v.data, x.Float16Vector...)
		case *schemapb.VectorField_Bfloat16Vector:
			v.data = append(v.data, x.Bfloat16Vector...)
		default:
			t.Fatalf("vector %T", x)
		}
	default:
		switch x := f.GetScalars().Data.(type) {
		case *schemapb.ScalarField_BoolData:
			v.data = append(v.data, rawBytes(x.BoolData.Data)...)
		case *schemapb.ScalarField_IntData:
			v.data = append(v.data, rawBytes(x.IntData.Data)...)
		case *schemapb.ScalarField_LongData:
			v.data = append(v.data, rawBytes(x.LongData.Data)...)
		case *schemapb.ScalarField_FloatData:
			v.data = append(v.data, rawBytes(x.FloatData.Data)...)
		case *schemapb.ScalarField_DoubleData:
			v.data = append(v.data, rawBytes(x.DoubleData.Data)...)
		case *schemapb.ScalarField_StringData:
			v.strings = append(v.strings, x.StringData.Data...)
		case *schemapb.ScalarField_JsonData:
			for _, j := range x.JsonData.Data {
				v.strings = append(v.strings, string(j))
			}
		default:
			t.Fatalf("scalar %T", x)
		}
	}
}

// rawBytes is the memory of v: little-endian on the machines that tests run on.
func rawBytes[T any](v []T) []byte {
	if len(v) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&v[0])), len(v)*int(reflect.TypeFor[T]().Size()))
}
