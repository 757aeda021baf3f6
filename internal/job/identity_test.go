package job

import (
	"os"
	"slices"
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

// TestHashStaysWhatItIs keeps jobs resumable by later versions: new keys must not change the hash of jobs that lack them.
func TestHashStaysWhatItIs(t *testing.T) {
	for name, want := range map[string]string{
		"minimal":     "b7cf00a43c0d7f472a30bcad3699101c1220050069087ccd4c810c20c70ee509",
		"everything":  "37cbf0c8894a4fffc5f4209a215589e4bac87b200bfd5a8b8035486124e2c35d",
		"F2M":         "113e33ce20fdf431be20cd8a15721d5e4881ac822d528a05c22689db8accae7d",
		"H2M_options": "596b1c6e2d31712f91784e6715544b4bcfeb6ce57c1a7565c6cc9640c640bd92",
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
		j := &Job{Source: Source{HDF5: &HDF5Source{}}, Target: Target{Milvus: &MilvusTarget{Collection: collection, MilvusServer: MilvusServer{Address: "h:1"}}}}
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

func TestDefaultsDoNotCountInTheHash(t *testing.T) {
	text := minimal(t)
	plain := parse(t, text)
	if said := parse(t, text+"copy: {verify: count, on_existing: fail, on_duplicate: fail}\n"); said.Hash() != plain.Hash() {
		t.Error("a default that is written makes another hash")
	}
	without := *plain
	without.Copy.Verify = "" // as if the key were not known yet
	if without.Hash() != plain.Hash() {
		t.Error("a key that is new makes another hash")
	}
	if other := parse(t, text+"copy: {verify: full}\n"); other.Hash() == plain.Hash() {
		t.Error("another value makes the same hash")
	}
}

func TestDirectionsAreThosePairsOfKindsThatJobsCanName(t *testing.T) {
	want := []string{"HDF5ToMilvus", "FaissToMilvus", "MilvusToMilvus", "MilvusToHDF5"}
	if got := Directions(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
