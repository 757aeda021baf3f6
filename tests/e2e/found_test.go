package e2e

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"milvusdm/internal/fault"
	"milvusdm/tests/stack"
)

// foundCase is a case of internal/hdf5/testdata/found.json: a file as a person's own program writes it, and what it
// holds.
type foundCase struct {
	Name   string
	Fields map[string]struct {
		Type    string
		Dim     int
		Data    []byte
		Strings []string
	}
	Rows int
}

func foundFile(t *testing.T, name string) (path string, c foundCase) {
	t.Helper()
	dir := filepath.Join(stack.Root(t), "internal", "hdf5", "testdata")
	var cases []foundCase
	if err := json.Unmarshal([]byte(read(t, filepath.Join(dir, "found.json"))), &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		if c.Name == name && c.Fields != nil {
			return filepath.Join(dir, name), c
		}
	}
	t.Fatalf("no case of %s", name)
	return "", c
}

// TestFoundFiles copies files of people's own shapes by jobs of both forms.
func TestFoundFiles(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		file, key, vector string // the names in the case
		dim               int
		keys              []string // of the source, in either form
	}{
		{"found-matlab.mat", "id", "embeddings", 16, nil},
		{"found-netcdf.nc", "item", "embedding", 16, []string{"key: item"}},
		{"found-objects.h5", "id", "embedding", 16, nil},
		{"found-objects-groups.h5", "id", "embedding", 16, nil},
		{"found-table.h5", "name", "embedding", 12, []string{"key: name", "vector_columns: ['x*']"}},
		{"found-string-ids.h5", "id", "embedding", 16, nil},
		{"found-interrupted.h5", "id", "embedding", 16, []string{"rows: {first: 0, count: 24}"}},
		{"found-lzf-beside.h5", "id", "vec", 16, []string{"except: [raw]"}},
	} {
		for _, form := range []string{"own", "H2M"} {
			t.Run(c.file+" "+form, func(t *testing.T) {
				t.Parallel()
				m := theMilvus(t)
				collection := m.collection(t)
				path, want := foundFile(t, c.file)
				job := ""
				if form == "own" {
					job = fmt.Sprintf("version: 1\nname: job-%s\nsource:\n  hdf5:\n    paths: %s\n%s    key_field: id\n    "+
						"vector_field: embedding\n"+
						"target:\n  milvus: {address: '%s', collection: %s, index: {type: FLAT}}\n", collection, path, lines("    ",
						c.keys), m.address, collection)
				} else {
					job = fmt.Sprintf("H2M:\n  data_path: [%s]\n%s  dest_host: 127.0.0.1\n  dest_port: %s\n  mode: append\n  "+
						"dest_collection_name: %s\n"+
						"  index: {type: FLAT}\n  collection_parameter: {dimension: %d, metric_type: L2}\n", path, lines("  ", c.keys),
						m.port(t), collection, c.dim)
				}
				r := verified(t, "run", write(t, "job-"+collection+".yaml", job))
				if int(r.Rows) != want.Rows {
					t.Errorf("%d rows, want %d", r.Rows, want.Rows)
				}
				m.holdsFound(t, collection, want, c.key, c.vector, c.dim)
			})
		}
	}
}

func lines(indent string, keys []string) string {
	text := ""
	for _, k := range keys {
		text += indent + k + "\n"
	}
	return text
}

// holdsFound compares a collection with a case, row by row.
func (m *milvus) holdsFound(t *testing.T, collection string, want foundCase, key, vector string, dim int) {
	t.Helper()
	got := m.vectorsByKey(t, collection)
	keys, vectors := want.Fields[key], want.Fields[vector].Data
	if len(got) != want.Rows {
		t.Fatalf("%d rows in the collection, want %d", len(got), want.Rows)
	}
	for i := range want.Rows {
		name := ""
		if keys.Strings != nil {
			name = keys.Strings[i]
		} else {
			name = fmt.Sprint(int64(binary.LittleEndian.Uint64(keys.Data[8*i:])))
		}
		row, ok := got[name]
		for j := 0; ok && j < dim; j++ {
			if x := math.Float32frombits(binary.LittleEndian.Uint32(vectors[4*(i*dim+j):])); row[j] != x {
				t.Fatalf("key %s, element %d: %v, want %v", name, j, row[j], x)
			}
		}
		if !ok {
			t.Fatalf("no key %s among %d", name, len(got))
		}
	}
}

// vectorsByKey reads all rows of a small collection.
func (m *milvus) vectorsByKey(t *testing.T, collection string) map[string][]float32 {
	t.Helper()
	set, err := m.Query(t.Context(), collection, nil, "", []string{"id", "embedding"}, client.WithLimit(1000),
		client.WithSearchQueryConsistencyLevel(entity.ClStrong))
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	var vectors []float32
	dim := 1
	for _, column := range set {
		f := column.FieldData()
		switch {
		case f.GetFieldName() == "embedding":
			vectors, dim = f.GetVectors().GetFloatVector().GetData(), int(f.GetVectors().GetDim())
		case f.GetType() == schemapb.DataType_VarChar:
			keys = f.GetScalars().GetStringData().GetData()
		default:
			for _, k := range f.GetScalars().GetLongData().GetData() {
				keys = append(keys, fmt.Sprint(k))
			}
		}
	}
	out := map[string][]float32{}
	for i, k := range keys {
		out[k] = vectors[i*dim : (i+1)*dim]
	}
	return out
}

// TestKeyOffset appends files without ids to a collection of numbered rows: from a number on, and from behind the
// greatest key.
func TestKeyOffset(t *testing.T) {
	t.Parallel()
	m := theMilvus(t)
	collection := m.collection(t)
	path, want := foundFile(t, "found-one-row.h5")
	job := func(name string, source ...string) string {
		return write(t, name+".yaml",
			fmt.Sprintf("version: 1\nname: %s-%s\nsource:\n  hdf5:\n    paths: %s\n%starget:\n  milvus: {address: '%s', "+
				"collection: %s, index: {type: FLAT}}\n",
				name, collection, path, lines("    ", source), m.address, collection))
	}
	verified(t, "run", job("first"))
	milvusdm(t, "run", job("second")).fails(fault.Conflict).says("the source has no keys", "source.hdf5.key_offset: auto").lacks("replace or keep")
	text, err := os.ReadFile(job("third"))
	if err != nil {
		t.Fatal(err)
	}
	replacing := write(t, "replacing.yaml", string(text)+"copy: {on_existing: replace}\n")
	milvusdm(t, "plan", replacing).exits(0).says("WARNING    the source has no keys: its rows are numbered from 0, and replace rows", "source.hdf5.key_offset: auto")
	verified(t, "run", job("number", "key_offset: 40"))
	auto := job("auto", "key_offset: auto")
	milvusdm(t, "plan", auto).exits(0).says("keys are row numbers from 41 on", "key_offset: auto")
	verified(t, "run", auto)
	verified(t, "run", job("again", "key_offset: auto"))
	got := m.vectorsByKey(t, collection)
	if len(got) != 4*want.Rows || got["0"] == nil || got["40"] == nil || got["41"] == nil || got["42"] == nil {
		t.Errorf("keys %v", got)
	}
	milvusdm(t, "verify", auto).says("key_offset", "write the number")
	if a := milvusdm(t, "verify", job("number", "key_offset: 40")); strings.Contains(a.stdout, "key 40") {
		t.Errorf("rows under a numbered key differ: %s", a.stdout)
	}
}
