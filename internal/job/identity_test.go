package job

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func parse(t *testing.T, text string) *Job {
	t.Helper()
	j, _, err := Parse("minimal.yaml", []byte(text), testOptions)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func minimal(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("testdata/right/minimal.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestHashIsOfWhatIsMeant(t *testing.T) {
	text := minimal(t)
	want := parse(t, text).Hash()
	same := map[string]string{
		"other notation": `{target: {milvus: {collection: "a", address: "localhost:19530"}}, source: {hdf5: {paths: [a.h5]}}, version: 1} # x`,
		"defaults":       text + "    mode: append\n    load: keep\ncopy: {on_duplicate: fail}\n",
		"tuning":         text + "    connect_timeout: 5s\n    token_file: t\ncopy: {batch_rows: 1, writers: 9, allow_nan: true, give_up_after: 1h}\n",
	}
	for name, text := range same {
		if j := parse(t, text); j.Hash() != want {
			t.Errorf("%s: another hash", name)
		}
	}
	other := map[string]string{
		"another path":       strings.Replace(text, "a.h5", "b.h5", 1),
		"another collection": strings.Replace(text, "collection: a", "collection: b", 1),
		"a name":             text + "name: b\n",
		"mode":               text + "    mode: overwrite\n",
		"a metric":           text + "    index: {metric: IP}\n",
		"duplicates":         text + "copy: {on_duplicate: last}\n",
		"rows":               strings.Replace(text, "paths: a.h5", "paths: a.h5\n    rows: {count: 5}", 1),
		"Faiss":              strings.Replace(text, "hdf5", "faiss", 1),
	}
	seen := map[string]string{want: "the first job"}
	for name, text := range other {
		hash := parse(t, text).Hash()
		if seen[hash] != "" {
			t.Errorf("%s has the hash of %s", name, seen[hash])
		}
		seen[hash] = name
	}
}

func TestDiff(t *testing.T) {
	text := minimal(t)
	a := parse(t, text+"    user: root\n    password: ${env:OLD}\ncopy: {batch_rows: 100}\n")
	b := parse(t, strings.Replace(text, "paths: a.h5", "paths: [a.h5, b.h5]", 1)+
		"    user: root\n    password_file: new\n    index: {params: {M: 8}}\n    connect_timeout: 1m\n")
	want := []string{
		`copy.batch_rows: 100 -> 8000`,
		`source.hdf5.paths: ["/work-dir/a.h5"] -> ["/work-dir/a.h5","/work-dir/b.h5"]`,
		`target.milvus.connect_timeout: 30s -> 1m0s`,
		`target.milvus.index.params: (not set) -> {"M":"8"}`,
		`target.milvus.password: ${env:OLD} -> file /work-dir/new`,
	}
	if diff := cmp.Diff(want, Diff(a, b)); diff != "" {
		t.Error(diff)
	}
	if d := Diff(a, a); d != nil {
		t.Errorf("a job differs from itself: %q", d)
	}
	faiss := parse(t, strings.Replace(text, "hdf5", "faiss", 1))
	if d := strings.Join(Diff(parse(t, text), faiss), "\n"); !strings.Contains(d, `source.faiss.paths: (not set) -> ["/work-dir/a.h5"]`) ||
		!strings.Contains(d, `source.hdf5.paths: ["/work-dir/a.h5"] -> (not set)`) {
		t.Error(d)
	}
}

// TestHashOfTheFirstRelease holds that runs which the first release left can be gone on from.
func TestHashOfTheFirstRelease(t *testing.T) {
	for name, want := range map[string]string{
		"minimal":     "b2d9c30a79e2c4d5341ce7c5070e5d17c465791fcfe1aea569ed7b7b1887c030",
		"everything":  "192df21816ca1450b5bc342cc71f427a58dab03be2f56c233cd5558f76b9cfe6",
		"F2M":         "9187018ed0a8c7ac3ed87393ee9590b897a81589cf7dc86a55103b3bc867bdc7",
		"H2M_options": "c9232e006394bb8533c4c25844b98fb7595723cdcfd7137674b6723ca12ff958",
	} {
		j, _, err := load(t, "testdata/right/"+name+".yaml")
		if err != nil {
			t.Fatal(err)
		}
		if got := j.Hash(); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestDirection(t *testing.T) {
	text := minimal(t)
	if d := parse(t, text).Direction(); d != "HDF5ToMilvus" {
		t.Error(d)
	}
	if d := parse(t, strings.Replace(text, "hdf5", "faiss", 1)).Direction(); d != "FaissToMilvus" {
		t.Error(d)
	}
	for _, source := range []Source{{Milvus: &MilvusSource{}}, {Milvus1: &Milvus1Source{}}} {
		if d := (&Job{Source: source, Target: Target{HDF5: &HDF5Target{}}}).Direction(); d != "MilvusToHDF5" {
			t.Error(d)
		}
	}
}

func TestNameOfAMilvusDM2Job(t *testing.T) {
	long := strings.Repeat("x", 200)
	of := func(collection string) string {
		j := &Job{Target: Target{Milvus: &MilvusTarget{Collection: collection, MilvusServer: MilvusServer{Address: "h:1"}}}}
		return targetName(j)
	}
	a, b := of(long+"a"), of(long+"b")
	if a == b || len(a) > 128 || !strings.HasPrefix(a, "HDF5ToMilvus-h_1-xxx") {
		t.Errorf("%s, %s", a, b)
	}
	if _, err := checkName(a); err != nil {
		t.Error(err)
	}
}
