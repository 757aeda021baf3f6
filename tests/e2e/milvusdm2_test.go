package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"milvusdm/internal/fault"
	"milvusdm/tests/faultproxy"
	"milvusdm/tests/stack"
	"milvusdm/workflows"
)

// MilvusDM 2.0's own sample files, in which only host, port, paths and names are set.
const (
	sampleF2M = `F2M:
  milvus_version: 1.0.0
  data_path: '%[1]s'
  dest_host: '127.0.0.1'
  dest_port: %[2]s
  mode: '%[3]s'        # 'skip/append/overwrite'
  dest_collection_name: '%[4]s'
  dest_partition_name: '%[5]s'
  collection_parameter:
    dimension: 8
    index_file_size: 1024
    metric_type: 'L2'
`
	sampleH2M = `H2M:
  milvus-version: 1.0.0
  data_path:
    - %[1]s
  data_dir:
  dest_host: '127.0.0.1'
  dest_port: %[2]s
  mode: '%[3]s'        # 'skip/append/overwrite'
  dest_collection_name: '%[4]s'
  dest_partition_name: '%[5]s'
  collection_parameter:
    dimension: 8
    index_file_size: 1024
    metric_type: 'L2'
`
)

var (
	source = rowSpan{0, 2000, 1}      // what the files hold
	old    = rowSpan{1000, 3000, 2}   // what a filled target holds: half of the keys are the source's
	beside = rowSpan{10000, 10100, 3} // what stands in another partition
	beyond = rowSpan{2000, 3000, 2}   // of the old rowSpan, those that the source has no row for
	absent = []rowSpan(nil)
)

// What the target is before the job.
type before string

const (
	noCollection before = "absent"
	noPartition  before = "partition absent" // the collection is there
	empty        before = "empty"
	filled       before = "filled"
	cancelled    before = "half-filled, cancelled" // by an earlier run of the same job
	killed       before = "half-filled, killed"    // and nobody knows how far it came
)

// modeCase is one job onto one target.
type modeCase struct {
	mode      string
	partition bool
	target    before
	// first is what the target was before the earlier run that left it half-filled.
	first before
	// during is what stands there for all to see when the earlier run was cut off; nil: the collection is not there.
	during []rowSpan
	// want is what the target, of the partition if there is one, holds in the end.
	want    []rowSpan
	skipped bool
}

var modeCases = []modeCase{
	{mode: "append", target: noCollection, want: []rowSpan{source}},
	{mode: "append", target: empty, want: []rowSpan{source}},
	{mode: "append", target: filled, want: []rowSpan{source, beyond}},
	{mode: "append", target: cancelled, first: noCollection, during: absent, want: []rowSpan{source}},
	{mode: "append", target: killed, first: filled, want: []rowSpan{source, beyond}},
	{mode: "skip", target: noCollection, want: []rowSpan{source}},
	{mode: "skip", target: empty, want: []rowSpan{}, skipped: true},
	{mode: "skip", target: filled, want: []rowSpan{old}, skipped: true},
	{mode: "skip", target: cancelled, first: noCollection, during: absent, want: []rowSpan{source}},
	{mode: "skip", target: killed, first: noCollection, during: absent, want: []rowSpan{source}},
	{mode: "overwrite", target: noCollection, want: []rowSpan{source}},
	{mode: "overwrite", target: empty, want: []rowSpan{source}},
	{mode: "overwrite", target: filled, want: []rowSpan{source}},
	{mode: "overwrite", target: cancelled, first: filled, during: []rowSpan{old}, want: []rowSpan{source}},
	{mode: "overwrite", target: killed, first: filled, during: []rowSpan{old}, want: []rowSpan{source}},

	{mode: "append", partition: true, target: noCollection, want: []rowSpan{source}},
	{mode: "append", partition: true, target: noPartition, want: []rowSpan{source}},
	{mode: "append", partition: true, target: empty, want: []rowSpan{source}},
	{mode: "append", partition: true, target: filled, want: []rowSpan{source, beyond}},
	{mode: "append", partition: true, target: cancelled, first: filled, want: []rowSpan{source, beyond}},
	{mode: "append", partition: true, target: killed, first: noPartition, want: []rowSpan{source}},
	{mode: "skip", partition: true, target: noCollection, want: []rowSpan{source}},
	{mode: "skip", partition: true, target: noPartition, want: []rowSpan{source}},
	{mode: "skip", partition: true, target: empty, want: []rowSpan{}, skipped: true},
	{mode: "skip", partition: true, target: filled, want: []rowSpan{old}, skipped: true},
	{mode: "skip", partition: true, target: cancelled, first: noPartition, want: []rowSpan{source}},
	{mode: "skip", partition: true, target: killed, first: noPartition, want: []rowSpan{source}},
	{mode: "overwrite", partition: true, target: noCollection, want: []rowSpan{source}},
	{mode: "overwrite", partition: true, target: noPartition, want: []rowSpan{source}},
	{mode: "overwrite", partition: true, target: empty, want: []rowSpan{source}},
	{mode: "overwrite", partition: true, target: filled, want: []rowSpan{source}},
	{mode: "overwrite", partition: true, target: cancelled, first: filled, want: []rowSpan{source}},
	{mode: "overwrite", partition: true, target: killed, first: filled, want: []rowSpan{source}},
}

// TestMilvusDM2Modes: each mode of MilvusDM 2.0's files onto whatever may stand in the target. The task alternates, so that
// both kinds of files meet every mode and most targets: behind the reading of the file all is the same.
func TestMilvusDM2Modes(t *testing.T) {
	stack.SharedWorker(t)
	for i, c := range modeCases {
		task := []string{"H2M", "F2M"}[i%2]
		name := fmt.Sprintf("%s/%s/%s", task, c.mode, c.target)
		if c.partition {
			name += "/partition"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.run(t, task)
		})
	}
}

func (c *modeCase) run(t *testing.T, task string) {
	m := theMilvus(t)
	collection := m.collection(t)
	proxy := faultproxy.Start(t, m.address)
	path := c.file(t, task, portOf(t, proxy.Addr()), collection)
	half := c.target == cancelled || c.target == killed
	stands := c.target
	if half {
		stands = c.first
	}
	c.prepare(t, m, collection, stands)
	var kept int64
	if half {
		kept = c.cutOff(t, m, proxy, path, collection)
	}
	proxy.ResetWrites()
	result := milvusdm(t, "-o", "json", "--yaml", path).exits(fault.ExitOK).document().Result

	outcome := workflows.OutcomeVerified
	if c.skipped {
		outcome = workflows.OutcomeSkipped
	}
	if result == nil || result.Outcome != outcome {
		t.Errorf("result %+v, want it %s", result, outcome)
	}
	if sent := proxy.RowsSent(); c.skipped && sent != 0 || !c.skipped && sent != int64(source.count())-kept {
		t.Errorf("%d rows were sent, and %d were there from the run before: %+v", sent, kept, result)
	}
	m.only(t, collection, true)
	partitions := []string{"_default"}
	if c.partition {
		partitions = append(partitions, "p1")
		m.holds(t, collection, "p1", c.want...)
		if stands != noCollection {
			m.holds(t, collection, "_default", beside)
		}
	} else {
		m.holds(t, collection, "", c.want...)
	}
	if got := m.partitions(t, collection); !slices.Equal(got, partitions) {
		t.Errorf("partitions %q, want %q", got, partitions)
	}
	if !m.isLoaded(t, collection) {
		t.Error("the collection is not loaded")
	}
}

// file writes the job's file.
func (c *modeCase) file(t *testing.T, task, port, collection string) string {
	t.Helper()
	partition, sample, data := "", sampleH2M, ""
	if c.partition {
		partition = "p1"
	}
	if task == "F2M" {
		sample, data = sampleF2M, source.faissFile(t)
	} else {
		data = source.hdf5File(t)
	}
	return write(t, task+".yaml", fmt.Sprintf(sample, data, port, c.mode, collection, partition))
}

// prepare makes the target what it is to be.
func (c *modeCase) prepare(t *testing.T, m *milvus, collection string, target before) {
	t.Helper()
	if target == noCollection {
		return
	}
	partition := ""
	switch {
	case c.partition && target != noPartition:
		partition = "p1"
		m.createAs(t, collection, dim, partition)
	default:
		m.createAs(t, collection, dim)
	}
	if c.partition {
		m.insert(t, collection, "", beside)
	}
	if target == filled {
		m.insert(t, collection, partition, old)
	}
	m.load(t, collection)
}

// cutOff has an earlier run of the job end in the middle, and checks what it leaves for all to see.
func (c *modeCase) cutOff(t *testing.T, m *milvus, proxy *faultproxy.Proxy, path, collection string) (kept int64) {
	t.Helper()
	text := read(t, path) + "  batch_rows: 50\n" // the same job, in smaller steps
	slowed := write(t, "slowed.yaml", text)
	if c.target == cancelled {
		kept = cancelInTheMiddle(t, proxy, slowed)
	} else {
		killInTheMiddle(t, proxy, slowed)
	}
	staged := c.mode == "overwrite" && !c.partition || c.first == noCollection
	if !staged {
		return kept // into the final place at once: half of the rows stand there
	}
	if exists := slices.Contains(m.collections(t, collection), collection); exists != (c.during != nil) {
		t.Errorf("in the middle the collection is there: %v", exists)
	}
	if c.during != nil {
		m.holds(t, collection, "", c.during...)
	}
	if !strings.Contains(strings.Join(m.collections(t, collection), " "), collection+"__mdm_") {
		t.Error("in the middle there is no staged collection")
	}
	return kept
}
