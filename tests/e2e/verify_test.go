package e2e

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"milvusdm/internal/fault"
)

// TestVerifyNamesPlantedFaults spoils a copy in every way in which one can go wrong, and mends it again.
func TestVerifyNamesPlantedFaults(t *testing.T) {
	t.Parallel()
	from, to := theSource(t), theMilvus(t)
	name, collection := from.collection(t), to.collection(t)
	threeParts.make(t, from, name)
	path := migrate(t, "job-"+collection, from.address, fmt.Sprintf("[{name: %s, as: %s}]", name, collection), to.address,
		[]string{"mode: overwrite"}, []string{"verify: full", "range_rows: 300"})
	if r := verified(t, "run", path); r.Verified != "full" {
		t.Errorf("the job verified by %q", r.Verified)
	}
	milvusdm(t, "verify", path).exits(fault.ExitOK)
	milvusdm(t, "verify", "--sample", path).exits(fault.ExitOK)

	put := func(partition string, key int64, vector []float32) {
		t.Helper()
		_, err := to.Insert(t.Context(), collection, partition, entity.NewColumnInt64("id", []int64{key}), entity.NewColumnFloatVector("embedding", dim, [][]float32{vector}))
		if err != nil {
			t.Fatal(err)
		}
	}
	remove := func(partition string, keys ...int64) {
		t.Helper()
		text := strings.ReplaceAll(strings.Trim(fmt.Sprint(keys), "[]"), " ", ",")
		if err := to.Delete(t.Context(), collection, partition, "id in ["+text+"]"); err != nil {
			t.Fatal(err)
		}
	}
	change := func(key int64, vector []float32) {
		t.Helper()
		remove("north", key)
		put("north", key, vector)
	}
	right := func(keys ...int64) {
		t.Helper()
		for _, k := range keys {
			change(k, vectorOf(k, 1))
		}
	}
	flipped := vectorOf(1401, 1)
	flipped[dim-1] = math.Float32frombits(math.Float32bits(flipped[dim-1]) ^ 1)
	for _, c := range []struct {
		fault       string
		plant, mend func()
		says        []string
		uncounted   bool // numbers of rows are as they were
	}{
		{"a row dropped", func() { remove("north", 1005) }, func() { right(1005) },
			[]string{"partition north has 900 rows in the source, 899 in the target", "1 rows only in the source: key 1005 in partition north"}, false},
		{"a row doubled", func() { put("north", 1010, vectorOf(1010, 1)) }, func() { right(1010) },
			[]string{"900 rows in the source, 901 in the target", "1 rows too many in the target, beyond one of each key: key 1010 in partition north"}, false},
		{"two rows doubled", func() { put("north", 1020, vectorOf(1020, 1)); put("north", 1899, vectorOf(1899, 1)) }, func() { right(1020, 1899) },
			[]string{"2 rows too many in the target, beyond one of each key: key 1020 in partition north, 1899 in partition north"}, false},
		{"a row dropped, another doubled", func() { remove("north", 1000); put("north", 1100, vectorOf(1100, 1)) }, func() { right(1000, 1100) },
			[]string{"1 rows only in the source: key 1000 in partition north", "1 rows too many in the target, beyond one of each key: key 1100 in partition north"}, true},
		{"two values swapped", func() { change(1200, vectorOf(1300, 1)); change(1300, vectorOf(1200, 1)) }, func() { right(1200, 1300) },
			[]string{"2 rows with other contents: key 1200 in partition north (embedding), 1300 in partition north (embedding)"}, true},
		{"one bit flipped", func() { change(1401, flipped) }, func() { right(1401) },
			[]string{"1 rows with other contents: key 1401 in partition north (embedding)"}, true},
		{"moved to another partition", func() { remove("north", 1500); put("south", 1500, vectorOf(1500, 1)) }, func() { remove("south", 1500); right(1500) },
			[]string{"1 rows only in the source: key 1500 in partition north (there in partition south)", "1 rows only in the target: key 1500 in partition south (there in partition north)"}, false},
	} {
		c.plant()
		milvusdm(t, "verify", path).fails(fault.Different).says(c.says...)
		counted := milvusdm(t, "verify", "--count", path)
		if c.uncounted {
			counted.exits(fault.ExitOK)
		} else {
			counted.fails(fault.Different)
		}
		c.mend()
		milvusdm(t, "verify", path).exits(fault.ExitOK)
		if t.Failed() {
			t.Fatal("after", c.fault)
		}
	}
}

// TestVerifyWithoutTarget: before the job has run there is nothing to compare with, which is said by its place.
func TestVerifyWithoutTarget(t *testing.T) {
	t.Parallel()
	from, to := theSource(t), theMilvus(t)
	name, collection := from.collection(t), to.collection(t)
	partly{"_default": {0, 10, 1}}.make(t, from, name)
	choice := fmt.Sprintf("[{name: %s, as: %s}]", name, collection)
	path := migrate(t, "job-"+collection, from.address, choice, to.address, nil, nil)
	milvusdm(t, "verify", path).fails(fault.NotFound).says("Milvus at "+to.address, `the target collection "`+collection+`" does not exist in database default`,
		"the job creates it when it runs").lacks("source.milvus")
	path = migrate(t, "job-db-"+collection, from.address, choice, to.address, []string{"database: nowhere"}, nil)
	milvusdm(t, "verify", path).fails(fault.NotFound).says(to.address, "the target's database nowhere does not exist").lacks("source.milvus")
	path = migrate(t, "job-gone-"+collection, from.address, "[nowhere_to_be_found]", to.address, nil, nil)
	milvusdm(t, "plan", path).fails(fault.NotFound).says("Milvus at "+from.address, "source.milvus.collections", "nowhere_to_be_found")
	path = own(t, "job-file-"+collection, "/nowhere/vectors.h5", to.address, collection, nil, nil)
	milvusdm(t, "plan", path).fails(fault.NotFound).says("/nowhere/vectors.h5")
}
