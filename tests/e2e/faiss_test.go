package e2e

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"milvusdm/internal/fault"
	"milvusdm/tests/content"
	"milvusdm/tests/stack"
	"milvusdm/workflows"
)

// forms writes a job for a Faiss file in our own form and in MilvusDM 2.0's. further are keys of the source, a line
// each, which both forms have under the same name.
func forms(t *testing.T, file string, m *milvus, collection, metric string, dim int,
	further ...string) map[string]string {
	t.Helper()
	lines := ""
	for _, line := range further {
		lines += "\n    " + line
	}
	own := fmt.Sprintf("version: 1\nname: own-%[4]s\nsource:\n  faiss:\n    paths: %[1]s%[2]s\ntarget:\n  milvus:\n  "+
		"  address: %[3]s\n"+
		"    collection: %[4]s\n    mode: overwrite\n    index: {type: FLAT, metric: %[5]s}\n", file, lines, m.address,
		collection, metric)
	old := fmt.Sprintf("F2M:\n    milvus_version: 1.0.0\n    data_path: '%[1]s'%[2]s\n    dest_host: '127.0.0.1'\n   "+
		" dest_port: %[3]s\n    mode: 'overwrite'\n"+
		"    dest_collection_name: '%[4]s'\n    dest_partition_name:\n    index: {type: FLAT}\n"+
		"    collection_parameter:\n        dimension: %[6]d\n        metric_type: '%[5]s'\n", file, lines, portOf(t,
		m.address), collection, metric, dim)
	return map[string]string{"own": write(t, "own.yaml", own), "F2M": write(t, "F2M.yaml", old)}
}

// faissFixture is a file of internal/faiss's, with the rows that Faiss says are in it.
func faissFixture(t *testing.T, name string) (path string, keys []int64, vectors []float32) {
	t.Helper()
	base := filepath.Join(stack.Root(t), "internal", "faiss", "testdata", name)
	ids, floats := []byte(read(t, base+".ids")), []byte(read(t, base+".f32"))
	for ; len(ids) > 0; ids = ids[8:] {
		keys = append(keys, int64(binary.LittleEndian.Uint64(ids)))
	}
	for ; len(floats) > 0; floats = floats[4:] {
		vectors = append(vectors, math.Float32frombits(binary.LittleEndian.Uint32(floats)))
	}
	return base + ".faiss", keys, vectors
}

// TestFaissFiles: files as people have them arrive whole and exactly, from jobs in both forms.
func TestFaissFiles(t *testing.T) {
	t.Parallel()
	const dim = 16
	for name, fixture := range map[string]string{
		"behind a quantizer that is not read": "behind-ivf-fastscan-rflat", "panorama": "panorama-l2",
		"with a footer of Lucene": "idmap-flat",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := theMilvus(t)
			file, keys, vectors := faissFixture(t, fixture)
			if strings.Contains(name, "Lucene") {
				text := []byte(read(t, file) + "\xc0\x28\x93\xe8\x00\x00\x00\x00")
				file = write(t, "_0_165_field.faiss", string(binary.BigEndian.AppendUint64(text,
					uint64(crc32.ChecksumIEEE(text)))))
			}
			collection := m.collection(t)
			for _, path := range forms(t, file, m, collection, "L2", dim) {
				milvusdm(t, "plan", path).exits(fault.ExitOK).lacks("lossy").lacks("WARNING")
				verified(t, "run", path)
				m.holdsSum(t, content.Place{Collection: collection}, sumOfColumns(t, keys, vectors, dim))
			}
		})
	}
}

// TestFaissIDs: ids that can't be keys are refused before anything is written, and the first advice, followed as it
// stands, keeps all rows.
func TestFaissIDs(t *testing.T) {
	t.Parallel()
	const dim = 16
	for name, c := range map[string]struct {
		fixture, kind string
		rows          int
		says          []string
	}{
		"ids removed from IDMap over IVF": {"refused-removed-twice", string(fault.Corrupt), 50,
			[]string{"the ids can't be trusted"}},
		"ids that repeat": {"idmap-flat-repeated", string(fault.Config), 60, []string{"5 rows too many",
			"leaves out 5 rows"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := theMilvus(t)
			collection := m.collection(t)
			file := filepath.Join(stack.Root(t), "internal", "faiss", "testdata", c.fixture+".faiss")
			metric := "L2"
			if c.fixture == "idmap-flat-repeated" {
				metric = "IP"
			}
			for form, path := range forms(t, file, m, collection, metric, dim) {
				a := milvusdm(t, "run", path).fails(fault.Kind(c.kind)).says(append(c.says, file)...)
				m.only(t, collection, false)
				hint := regexp.MustCompile(`write (\S+): none`).FindStringSubmatch(a.stdout + a.stderr)
				if hint == nil {
					t.Errorf("%s: no advice that keeps all rows: %s", form, a.stderr)
					continue
				}
				key := strings.TrimPrefix(hint[1], "source.faiss.")
				if form == "F2M" && key != hint[1] {
					t.Errorf("%s: the advice names %s", form, hint[1])
				}
				followed := forms(t, file, m, collection, metric, dim, key+": none")[form]
				result := verified(t, "run", followed)
				if result.Rows != int64(c.rows) {
					t.Errorf("%s: %d of %d rows", form, result.Rows, c.rows)
				}
				cleanCollection(t, m, collection)
			}
		})
	}
}

// cleanCollection drops what a job made, so that the next may be seen to make nothing.
func cleanCollection(t *testing.T, m *milvus, collection string) {
	t.Helper()
	if err := m.DropCollection(t.Context(), collection); err != nil {
		t.Fatal(err)
	}
}

// TestFaissMetric: another metric than the file's is said loudly in the plan and in the result.
func TestFaissMetric(t *testing.T) {
	t.Parallel()
	m := theMilvus(t)
	file, _, _ := faissFixture(t, "flat-ip")
	collection := m.collection(t)
	for form, path := range forms(t, file, m, collection, "L2", 16) {
		key := map[string]string{"own": "target.milvus.index.metric: IP",
			"F2M": "collection_parameter.metric_type: IP"}[form]
		milvusdm(t, "plan", path).exits(fault.ExitOK).says("WARNING",
			"made for metric IP, and the target's index has L2", key)
		milvusdm(t, "run", path).exits(fault.ExitOK).says("WARNING", "made for metric IP")
	}
	for _, path := range forms(t, file, m, collection, "IP", 16) {
		milvusdm(t, "plan", path).exits(fault.ExitOK).lacks("WARNING").lacks("cosine")
	}
}

// TestFaissRefused: what can't be read is called by its name, not damaged, and nothing is written.
func TestFaissRefused(t *testing.T) {
	t.Parallel()
	m := theMilvus(t)
	testdata := filepath.Join(stack.Root(t), "internal", "faiss", "testdata")
	collection := m.collection(t)
	for file, says := range map[string][]string{
		"closed-rabitq.faiss":   {"RaBitQ", "since Faiss 1.11.0", "linked with Faiss 1."},
		"foreign-4.pkl":         {"Python pickle", "faiss.write_index"},
		"closed-ivf-eden.faiss": {"IVFEDEN", "since Faiss 1.15.0"}, "refused-no-storage.faiss": {"HNSW", "not saved"},
	} {
		for _, path := range forms(t, filepath.Join(testdata, file), m, collection, "L2", 16) {
			for _, command := range []string{"plan", "run"} {
				milvusdm(t, command, path).fails(fault.Unsupported).says(append(slices.Clone(says),
					file)...).lacks("damaged")
			}
		}
	}
	m.only(t, collection, false)
	// lossy kinds are taken when the job says so, by the key of its form
	for form, path := range forms(t, filepath.Join(testdata, "sqfp16.faiss"), m, collection, "L2", 16) {
		key := map[string]string{"own": "copy.allow_lossy", "F2M": "allow_lossy"}[form]
		milvusdm(t, "plan", path).fails(fault.Config).says("write "+key+": true", "exact if it was float16 before")
		text := read(t, path)
		if form == "own" {
			text += "copy: {allow_lossy: true}\n"
		} else {
			text += "    allow_lossy: true\n"
		}
		if result := verified(t, "run", write(t, form+"-lossy.yaml",
			text)); result.Outcome != workflows.OutcomeVerified || result.Rows != 60 {
			t.Errorf("%s: %+v", form, result)
		}
	}
}
