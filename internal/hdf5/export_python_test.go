package hdf5

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// TestExportInPython has h5py and pandas read an export, whatever it is packed with:
//
//	python3 -m venv venv && venv/bin/pip install -r testdata/requirements.txt; HDF5_PYTHON=venv/bin/python go test -run Python
func TestExportInPython(t *testing.T) {
	python := os.Getenv("HDF5_PYTHON")
	if python == "" {
		t.Skip("HDF5_PYTHON names no Python that has h5py and pandas")
	}
	var want any
	if err := json.Unmarshal([]byte(`{
		"attributes": {"format": "milvusdm-export", "version": "1", "collection": "films", "partition": "p", "rows": "3"},
		"schema": ["pk", "on", "vec", "title", "price", "tags", "names", "half", "brain", "sparse"], "field": ["pk", "vec", "VarChar"],
		"ids": [-1, 12, 7], "vectors": [[1, 2], [0.5, -3], [0, 4]], "titles": ["", "ä \" \\", "日本"], "price": [1.5, null, -2],
		"tags": [[], [1, -2], [3]], "names": [["a", "ü\"\u0000"], [], ["b"]], "meta": [{"x": 1}, {}, {"y": [true, "é"]}], "half": [[1], [0.5], [-2]],
		"brain": [[1], [0.5], [-2]], "sparse": [[[3, 1.5], [9, -1]], [], [[0, 2]]], "on": [true, false, true]
	}`), &want); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]WriteOptions{
		"plain": {}, "gzip": {Compression: "gzip"}, "checked": {Fletcher32: true, Shuffle: true}, "all": {Compression: "gzip", Level: 9, Shuffle: true, Fletcher32: true},
	} {
		o.Collection, o.Partition = "films", "p"
		path := filepath.Join(t.TempDir(), name+".h5")
		writeFilms(t, path, o)
		out, err := exec.CommandContext(t.Context(), python, "testdata/check_export.py", path).Output()
		if err != nil {
			t.Fatal(err, string(err.(*exec.ExitError).Stderr))
		}
		var got any
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: Python reads\n%v, want\n%v", name, got, want)
		}
	}
}

// writeFilms writes 3 rows, one in a batch and then two, in chunks of a row.
func writeFilms(t *testing.T, path string, o WriteOptions) {
	t.Helper()
	chunks := chunkBytes
	defer func() { chunkBytes = chunks }()
	chunkBytes = 1
	scalar := func(name string, t schemapb.DataType) *schemapb.FieldSchema {
		return &schemapb.FieldSchema{Name: name, DataType: t}
	}
	array := func(name string, t schemapb.DataType) *schemapb.FieldSchema {
		return &schemapb.FieldSchema{Name: name, DataType: schemapb.DataType_Array, ElementType: t}
	}
	key, price := rows.KeyField("pk"), scalar("price", schemapb.DataType_Double)
	price.Nullable = true
	d := &transfer.Description{Schema: rows.Schema{CollectionSchema: &schemapb.CollectionSchema{EnableDynamicField: true, Fields: []*schemapb.FieldSchema{
		key, scalar("on", schemapb.DataType_Bool), rows.VectorField("vec", schemapb.DataType_FloatVector, 2), rows.VarCharField("title", 20), price,
		array("tags", schemapb.DataType_Int64), array("names", schemapb.DataType_VarChar),
		rows.VectorField("half", schemapb.DataType_Float16Vector, 1), rows.VectorField("brain", schemapb.DataType_BFloat16Vector, 1),
		scalar("sparse", schemapb.DataType_SparseFloatVector),
	}}}}
	pair := func(index uint32, value float32) []byte {
		return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, index), math.Float32bits(value))
	}
	longs := func(v ...int64) *schemapb.ScalarField {
		return rows.Int64Column("", v).GetScalars()
	}
	texts := func(v ...string) *schemapb.ScalarField { return rows.VarCharColumn("", v).GetScalars() }
	arrays := func(name string, t schemapb.DataType, v ...*schemapb.ScalarField) *schemapb.FieldData {
		return &schemapb.FieldData{FieldName: name, Type: schemapb.DataType_Array, Field: &schemapb.FieldData_Scalars{Scalars: &schemapb.ScalarField{
			Data: &schemapb.ScalarField_ArrayData{ArrayData: &schemapb.ArrayArray{ElementType: t, Data: v}}}}}
	}
	sparse := func(v ...[]byte) *schemapb.FieldData {
		return &schemapb.FieldData{FieldName: "sparse", Type: schemapb.DataType_SparseFloatVector, Field: &schemapb.FieldData_Vectors{Vectors: &schemapb.VectorField{
			Data: &schemapb.VectorField_SparseFloatVector{SparseFloatVector: &schemapb.SparseFloatArray{Contents: v}}}}}
	}
	prices := rows.DoubleColumn("price", []float64{0, -2})
	prices.ValidData = []bool{false, true}
	batches := []*rows.Batch{
		{Rows: 1, Fields: []*schemapb.FieldData{
			rows.Int64Column("pk", []int64{-1}), rows.BoolColumn("on", []bool{true}), rows.FloatVectorColumn("vec", 2, []float32{1, 2}),
			rows.VarCharColumn("title", []string{""}), rows.DoubleColumn("price", []float64{1.5}), arrays("tags", schemapb.DataType_Int64, longs()),
			arrays("names", schemapb.DataType_VarChar, texts("a", "ü\"\x00")), rows.Float16VectorColumn("half", 1, []byte{0, 0x3c}),
			rows.BFloat16VectorColumn("brain", 1, []byte{0x80, 0x3f}), sparse(append(pair(3, 1.5), pair(9, -1)...)), rows.JSONColumn("$meta", [][]byte{[]byte(`{"x":1}`)}),
		}},
		{Rows: 2, Fields: []*schemapb.FieldData{
			rows.Int64Column("pk", []int64{12, 7}), rows.BoolColumn("on", []bool{false, true}), rows.FloatVectorColumn("vec", 2, []float32{0.5, -3, 0, 4}),
			rows.VarCharColumn("title", []string{`ä " \`, "日本"}), prices, arrays("tags", schemapb.DataType_Int64, longs(1, -2), longs(3)),
			arrays("names", schemapb.DataType_VarChar, texts(), texts("b")), rows.Float16VectorColumn("half", 1, []byte{0, 0x38, 0, 0xc0}),
			rows.BFloat16VectorColumn("brain", 1, []byte{0, 0x3f, 0, 0xc0}), sparse(nil, pair(0, 2)), rows.JSONColumn("$meta", [][]byte{[]byte(`{}`), []byte(`{"y":[true,"é"]}`)}),
		}},
	}
	w, err := CreatePart(path, d, o)
	for _, b := range batches {
		if err == nil {
			err = w.Append(t.Context(), b)
		}
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}
