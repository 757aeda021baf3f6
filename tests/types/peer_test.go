package types_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/tests/stack"
)

// peer runs testdata/peer.py and returns what it printed, and whether it was content.
func peer(t *testing.T, args ...string) (string, bool) {
	t.Helper()
	cmd := stack.Python(t, append([]string{"testdata/peer.py"}, args...)...)
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	err := cmd.Run()
	if err != nil && out.Len() == 0 {
		t.Fatalf("peer.py %v: %v\n%s", args, err, &complaints)
	}
	return out.String(), err == nil
}

func content(t *testing.T, args ...string) {
	t.Helper()
	if said, ok := peer(t, args...); !ok {
		t.Fatalf("peer.py %v:\n%s", args, said)
	}
}

// What pymilvus wrote is copied, and pymilvus reads the copy: value by value the same.
func TestPeerReadsACopyOfWhatItWrote(t *testing.T) {
	stack.Dir(t) // skips where it must
	from, to := start(t, wire), start(t, wire)
	content(t, "write", from.address, "peers")
	content(t, "check", from.address, "peers")
	copyCollection(t, from, "peers", to, "copy")
	content(t, "check", to.address, "copy")
	content(t, "same", from.address, "peers", to.address, "copy")

	// and it would tell
	deleted, err := to.Delete(t.Context(), &milvuspb.DeleteRequest{CollectionName: "copy", Expr: `id == " 1"`})
	if err := failure(deleted.GetStatus(), err); err != nil || deleted.GetDeleteCnt() != 1 {
		t.Fatal(deleted, err)
	}
	if said, ok := peer(t, "check", to.address, "copy"); ok || !strings.Contains(said, "on one side only") {
		t.Errorf("a row is gone, and pymilvus says %q", said)
	}
}

// What the program writes is read by pymilvus: every cell of the matrix.
func TestPeerReadsWhatWeWrite(t *testing.T) {
	stack.Dir(t)
	from, to := start(t, wire), start(t, wire)
	all := specs(rowsEach, 2)
	var names []string
	written := make([][]stored, len(all))
	for i, sp := range all {
		var err error
		if written[i], err = fill(t.Context(), from, sp); err != nil {
			t.Fatal(err)
		}
		copyCollection(t, from, sp.collection, to, sp.name)
		names = append(names, sp.name)
	}
	peerReads(t, to, names, written)
}

// peerReads checks that pymilvus reads these rows of collections.
func peerReads(t *testing.T, to *server, collections []string, written [][]stored) {
	t.Helper()
	text, ok := peer(t, append([]string{"dump", to.address}, collections...)...)
	if !ok {
		t.Fatal(text)
	}
	answers := json.NewDecoder(strings.NewReader(text))
	for i, name := range collections {
		t.Run(name, func(t *testing.T) {
			var got []map[string]any
			if err := answers.Decode(&got); err != nil {
				t.Fatal(err)
			}
			if len(got) != len(written[i]) {
				t.Errorf("pymilvus reads %d rows, want %d", len(got), len(written[i]))
			}
			want := map[any]map[string]any{}
			for _, r := range written[i] {
				row := canonicalRow(t, r)
				want[row["id"]] = row
			}
			for _, g := range got {
				row := want[g["id"]]
				for name := range row {
					if !reflect.DeepEqual(g[name], row[name]) {
						t.Errorf("row %v, %s: pymilvus reads %v, want %v", g["id"], name, g[name], row[name])
					}
				}
				if len(g) != len(row) {
					t.Errorf("row %v: pymilvus reads %d fields, want %d", g["id"], len(g), len(row))
				}
			}
		})
	}
}

// canonicalRow writes a row as canonical() of peer.py does; members of the dynamic field stand beside the others.
func canonicalRow(t *testing.T, r stored) map[string]any {
	t.Helper()
	out := map[string]any{}
	for name, v := range r.values {
		c := canonical(t, v)
		if name != dynamicField {
			out[name] = c
			continue
		}
		for member, value := range c.(map[string]any) {
			out[member] = value
		}
	}
	return out
}

func canonical(t *testing.T, v *schemapb.FieldData) any {
	t.Helper()
	switch d := v.GetField().(type) {
	case nil:
		return nil
	case *schemapb.FieldData_Scalars:
		if a := d.Scalars.GetArrayData(); a != nil {
			return canonicalScalars(t, a.Data[0])
		}
		return canonicalScalars(t, d.Scalars)[0]
	case *schemapb.FieldData_Vectors:
		return canonicalVector(t, d.Vectors)
	case *schemapb.FieldData_StructArrays:
		return canonicalStructs(t, d.StructArrays.GetFields())
	}
	t.Fatalf("no canonical form of %v", v)
	return nil
}

func canonicalScalars(t *testing.T, s *schemapb.ScalarField) []any {
	t.Helper()
	out := []any{}
	switch d := s.GetData().(type) {
	case nil:
	case *schemapb.ScalarField_BoolData:
		out = append(out, toAny(d.BoolData.GetData())...)
	case *schemapb.ScalarField_IntData:
		for _, n := range d.IntData.GetData() {
			out = append(out, fmt.Sprintf("i%d", n))
		}
	case *schemapb.ScalarField_LongData:
		for _, n := range d.LongData.GetData() {
			out = append(out, fmt.Sprintf("i%d", n))
		}
	case *schemapb.ScalarField_FloatData:
		for _, f := range d.FloatData.GetData() {
			out = append(out, canonicalFloat(float64(f)))
		}
	case *schemapb.ScalarField_DoubleData:
		for _, f := range d.DoubleData.GetData() {
			out = append(out, canonicalFloat(f))
		}
	case *schemapb.ScalarField_StringData:
		for _, text := range d.StringData.GetData() {
			out = append(out, "s"+text)
		}
	case *schemapb.ScalarField_GeometryWktData:
		for _, text := range d.GeometryWktData.GetData() {
			out = append(out, "s"+text)
		}
	case *schemapb.ScalarField_JsonData:
		for _, text := range d.JsonData.GetData() {
			v, err := decode(text, canonicalNumber)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, canonicalJSON(v))
		}
	default:
		t.Fatalf("no canonical form of %T", d)
	}
	return out
}

func canonicalFloat(f float64) string { return fmt.Sprintf("f%016x", math.Float64bits(f)) }

// number is a JSON number in canonical form; text would be taken for a string.
type number string

func canonicalNumber(n json.Number) any {
	if !strings.ContainsAny(n.String(), ".eE") {
		return number("i" + n.String())
	}
	f, err := n.Float64()
	if err != nil {
		return number(err.Error())
	}
	return number(canonicalFloat(f))
}

func canonicalJSON(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = canonicalJSON(v[k])
		}
	case []any:
		for i := range v {
			v[i] = canonicalJSON(v[i])
		}
	case number:
		return string(v)
	case string:
		return "s" + v
	}
	return v
}

func canonicalVector(t *testing.T, v *schemapb.VectorField) any {
	t.Helper()
	switch d := v.GetData().(type) {
	case *schemapb.VectorField_FloatVector:
		out := []any{}
		for _, f := range d.FloatVector.GetData() {
			out = append(out, canonicalFloat(float64(f)))
		}
		return out
	case *schemapb.VectorField_SparseFloatVector:
		out := map[string]any{}
		for b := d.SparseFloatVector.GetContents()[0]; len(b) > 0; b = b[8:] {
			out[strconv.FormatUint(uint64(le32(b)), 10)] = canonicalFloat(float64(math.Float32frombits(le32(b[4:]))))
		}
		return out
	case *schemapb.VectorField_BinaryVector:
		return "x" + hex.EncodeToString(d.BinaryVector)
	case *schemapb.VectorField_Float16Vector:
		return "x" + hex.EncodeToString(d.Float16Vector)
	case *schemapb.VectorField_Bfloat16Vector:
		return "x" + hex.EncodeToString(d.Bfloat16Vector)
	case *schemapb.VectorField_Int8Vector:
		return "x" + hex.EncodeToString(d.Int8Vector)
	}
	t.Fatalf("no canonical form of %T", v.GetData())
	return nil
}

func le32(b []byte) uint32 {
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}

// canonicalStructs turns the columns of structs into objects.
func canonicalStructs(t *testing.T, fields []*schemapb.FieldData) []any {
	t.Helper()
	out := []any{}
	for _, f := range fields {
		var values []any
		if a := f.GetScalars().GetArrayData(); a != nil {
			values = canonicalScalars(t, a.Data[0])
		} else {
			all := f.GetVectors().GetVectorArray()
			floats := all.GetData()[0].GetFloatVector().GetData()
			for dim := int(all.GetDim()); len(floats) > 0; floats = floats[dim:] {
				one := []any{}
				for _, x := range floats[:dim] {
					one = append(one, canonicalFloat(float64(x)))
				}
				values = append(values, one)
			}
		}
		for i, v := range values {
			if i == len(out) {
				out = append(out, map[string]any{})
			}
			out[i].(map[string]any)[f.GetFieldName()] = v
		}
	}
	return out
}
