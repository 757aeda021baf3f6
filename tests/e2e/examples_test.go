package e2e

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"milvusdm/internal/faiss"
	"milvusdm/internal/fault"
	"milvusdm/internal/hdf5"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
	"milvusdm/tests/content"
	"milvusdm/tests/stack"
)

// examples are the files of examples/, those in MilvusDM 2.0's form with the port of the tests' server.
func examples(t *testing.T) []string {
	t.Helper()
	root := stack.Root(t)
	own, err := filepath.Glob(filepath.Join(root, "examples", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	old, err := filepath.Glob(filepath.Join(root, "examples", "milvusdm2", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if len(own) < 3 || len(old) < 3 {
		t.Fatalf("examples are missing: %q, %q", own, old)
	}
	for _, path := range old {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(filepath.Base(path), "M2H") {
			continue // it writes no Milvus
		}
		port := regexp.MustCompile(`dest_port: \d+`)
		if !port.Match(text) {
			t.Fatalf("%s has no port to be replaced", path)
		}
		own = append(own, write(t, filepath.Base(path), port.ReplaceAllString(string(text), "dest_port: "+theMilvus(t).port(t))))
	}
	return own
}

// TestExamples: what plan says of each example, and that it writes nothing; then each is run, and run again onto what
// is there then.
func TestExamples(t *testing.T) {
	m := theMilvus(t)
	for _, path := range examples(t) {
		j, _, err := job.Load(path, job.Options{Dir: stack.Root(t), Env: env(t)})
		if err != nil {
			t.Fatal(err)
		}
		if j.Collections() != nil {
			continue // see TestExamplesOfMilvus and TestExamplesOfFiles
		}
		place := content.Place{Collection: j.Target.Milvus.Collection, Partition: j.Target.Milvus.Partition}
		sum, rows := sumOfSource(t, &j.Source)
		before := m.collections(t, "")
		milvusdm(t, "plan", path).exits(fault.ExitOK).
			says("source: ", "target: "+m.address+"/default/"+place.Collection, "creates ", rows+", ", "nothing was written")
		if after := m.collections(t, ""); !slices.Equal(before, after) {
			t.Errorf("plan %s: the server had %q and has %q", path, before, after)
		}
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			t.Parallel()
			t.Cleanup(func() {
				if err := m.DropCollection(context.Background(), place.Collection); err != nil {
					t.Error(err)
				}
			})
			args := []string{"run", path}
			if strings.Contains(filepath.Base(path), "2M") {
				args[0] = "--yaml" // as MilvusDM 2.0 was called
			}
			for again := range 2 {
				result := verified(t, args...)
				if again == 0 && result.Rows != sum.Rows || result.Counted != sum.Rows || !result.Loaded {
					t.Errorf("%d rows copied, %d counted, loaded %v; the source has %d", result.Rows, result.Counted, result.Loaded, sum.Rows)
				}
				if _, err := os.Stat(result.Report); err != nil {
					t.Errorf("the report: %v", err)
				}
				m.holdsSum(t, place, sum)
				if staged := m.collections(t, place.Collection+"__mdm_"); len(staged) > 0 {
					t.Errorf("left behind: %q", staged)
				}
			}
		})
	}
}

// TestExampleOfMilvusDM2: the file of float64 that came with MilvusDM 2.0, read here by other means.
func TestExampleOfMilvusDM2(t *testing.T) {
	t.Parallel()
	m := theMilvus(t)
	collection := m.collection(t)
	file := filepath.Join(stack.Root(t), "examples", "data", "pymilvusdm-float_example.h5")
	var vectors []float32
	for _, x := range readHDF5[float64](t, file, "embeddings") {
		vectors = append(vectors, float32(x))
	}
	keys := readHDF5[int64](t, file, "ids")
	milvusdm(t, "run", own(t, "job-"+collection, file, m.address, collection, nil, nil)).exits(fault.ExitOK).says("verified", "float64", "float32")
	m.holdsSum(t, content.Place{Collection: collection}, sumOfColumns(t, keys, vectors, int64(len(vectors)/len(keys))))
}

// env is the environment that milvusdm is started with here.
func env(t *testing.T) func(string) (string, bool) {
	return func(name string) (string, bool) {
		if name == "MILVUS_TARGET" {
			return theMilvus(t).address, true
		}
		return "", false
	}
}

// thousands takes apart a number below a million.
var thousands = regexp.MustCompile(`^(\d+)(\d{3})$`)

// sumOfSource reads a source on its own, and returns the number of its rows as plan writes it.
func sumOfSource(t *testing.T, s *job.Source) (rows.Sum, string) {
	t.Helper()
	theLibrary.Lock()
	defer theLibrary.Unlock()
	var src transfer.Source
	var err error
	if s.HDF5 != nil {
		src, err = hdf5.Open(t.Context(), s.HDF5)
	} else {
		src, err = faiss.Open(t.Context(), s.Faiss, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	sum, err := content.Of(t.Context(), src)
	if err != nil {
		t.Fatal(err)
	}
	return sum, thousands.ReplaceAllString(strconv.FormatInt(sum.Rows, 10), "$1,$2")
}
