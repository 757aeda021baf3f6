package workflows

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"milvusdm/activities"
	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/transfer"
	"milvusdm/internal/transfer/transfertest"
)

// world holds sources by address (servers) or path (files).
type world map[string]transfer.Source

func (w world) open(_ context.Context, s *job.Source) (transfer.Source, error) {
	name := ""
	switch {
	case s.Milvus != nil:
		name = s.Milvus.Address + "/" + s.Milvus.Collections[0].Name
	case s.HDF5 != nil:
		name = s.HDF5.Paths[0]
	case s.Export != nil:
		name = s.Export.Path + "@" + s.Export.Host + ", " + s.Export.Seal + "/" + s.Export.Collections[0].Name
	}
	src, ok := w[name]
	if !ok {
		return nil, fault.New(fault.NotFound, "there is no %s", name)
	}
	return src, nil
}

func (w world) environment(t *testing.T) *testsuite.TestWorkflowEnvironment {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.SetTestTimeout(time.Minute)
	env.RegisterWorkflowWithOptions(Verify, workflow.RegisterOptions{Name: VerifyName})
	chosen := 0
	choose := func(s *job.ExportSource) (*job.ExportSource, error) { // each time a newer run is there
		chosen++
		fixed := *s
		fixed.Seal = fmt.Sprint("run ", chosen)
		return &fixed, nil
	}
	env.RegisterActivity(&activities.Activities{OpenSource: w.open, ReportDir: t.TempDir(), ChooseRun: choose,
		ListCollections: func(_ context.Context, s *job.Source) ([]job.Collection, []transfer.Left, error) {
			return s.Collections(), nil, nil
		}})
	return env
}

func verifyRows(n int) []transfertest.Row {
	out := make([]transfertest.Row, n)
	for i := range out {
		out[i] = transfertest.Row{Partition: string(rune('a' + i%2)), Key: int64(3 * i), Name: fmt.Sprintf("name %03d", i), Value: float32(i)}
	}
	return out
}

func atServer(rows []transfertest.Row) *transfertest.Server {
	return &transfertest.Server{File: transfertest.File{Rows: rows}, Partitions: []string{"a", "b"}}
}

func collections(names ...string) *job.MilvusSource {
	s := &job.MilvusSource{MilvusServer: job.MilvusServer{Address: "left"}}
	for _, n := range names {
		s.Collections = append(s.Collections, job.Collection{Name: n})
	}
	return s
}

func verifyJobOf(s job.Source, mode job.Mode) job.Job {
	return job.Job{Name: "j", Source: s,
		Target: job.Target{Milvus: &job.MilvusTarget{MilvusServer: job.MilvusServer{Address: "right"}, Collection: "c", Mode: mode}},
		Copy:   job.Copy{BatchRows: 7, BatchBytes: 1 << 20, RangeRows: 20, Parallel: 2, HeartbeatTimeout: time.Minute, OnDuplicate: "fail"}}
}

// fromServer and fromFile are jobs that replace what stands in the target.
func fromServer() job.Job { return verifyJobOf(job.Source{Milvus: collections("c")}, job.Overwrite) }

func fromFile() job.Job {
	return verifyJobOf(job.Source{HDF5: &job.HDF5Source{Files: job.Files{Paths: []string{"file"}}}}, job.Overwrite)
}

// unplanned has no range rows: partitions are compared whole.
func unplanned() job.Job {
	j := fromServer()
	j.Copy.RangeRows = 0
	return j
}

func (w world) verify(t *testing.T, in VerifyInput) (*VerifyResult, error) {
	t.Helper()
	env := w.environment(t)
	env.ExecuteWorkflow(VerifyName, in)
	if !env.IsWorkflowCompleted() {
		t.Fatal("not completed")
	}
	if err := env.GetWorkflowError(); err != nil {
		r := VerifyResultOf(err)
		if kind, _ := fault.FromTemporal(err); (kind == fault.Different) != (r != nil) {
			t.Errorf("kind %s, result %+v", kind, r)
		}
		return r, err
	}
	var r VerifyResult
	if err := env.GetWorkflowResult(&r); err != nil {
		t.Fatal(err)
	}
	return &r, nil
}

func TestVerifyNamesEveryPlantedFault(t *testing.T) {
	for name, f := range map[string]struct {
		plant func([]transfertest.Row) []transfertest.Row
		rows  []string // between two servers
		file  []string // a file, without partitions, and a server
	}{
		"nothing": {func(r []transfertest.Row) []transfertest.Row { return r }, nil, nil},
		"a row dropped": {func(r []transfertest.Row) []transfertest.Row { return slices.Delete(r, 41, 42) },
			[]string{"partition b has 50 rows in the source, 49 in the target", "1 rows only in the source: key 123 in partition b"},
			[]string{"100 rows in the source, 99 in the target", "1 rows only in the source: key 123"}},
		"two rows doubled": {func(r []transfertest.Row) []transfertest.Row { return append(r, r[3], r[97]) },
			[]string{"partition b has 50 rows in the source, 52 in the target", "2 rows too many in the target, beyond one of each key: key 9 in partition b, 291 in partition b"},
			[]string{"100 rows in the source, 102 in the target", "2 rows too many in the target, beyond one of each key: key 9 in partition b, 291 in partition b"}},
		"one dropped, one doubled": {func(r []transfertest.Row) []transfertest.Row { r[4] = r[6]; return r },
			[]string{"1 rows only in the source: key 12 in partition a", "1 rows too many in the target, beyond one of each key: key 18 in partition a"},
			[]string{"1 rows only in the source: key 12", "1 rows too many in the target, beyond one of each key: key 18 in partition a"}},
		"two values swapped": {func(r []transfertest.Row) []transfertest.Row {
			r[10].Name, r[12].Name = r[12].Name, r[10].Name
			return r
		}, []string{"2 rows with other contents: key 30 in partition a (name), 36 in partition a (name)"},
			[]string{"2 rows with other contents: key 30 (name), 36 (name)"}},
		"one bit flipped": {func(r []transfertest.Row) []transfertest.Row { r[55].Value = 57; return r },
			[]string{"1 rows with other contents: key 165 in partition b (v)"}, []string{"1 rows with other contents: key 165 (v)"}},
		"moved to another partition": {func(r []transfertest.Row) []transfertest.Row { r[20].Partition = "b"; return r },
			[]string{"partition a has 50 rows in the source, 49 in the target", "partition b has 50 rows in the source, 51 in the target",
				"1 rows only in the source: key 60 in partition a (there in partition b)", "1 rows only in the target: key 60 in partition b (there in partition a)"}, nil},
	} {
		w := world{"left/c": atServer(verifyRows(100)), "right/c": atServer(f.plant(verifyRows(100))), "file": &transfertest.File{Rows: verifyRows(100)}}
		for _, j := range []struct {
			job  job.Job
			want []string
		}{{fromServer(), f.rows}, {fromFile(), f.file}, {unplanned(), f.rows}} {
			r, err := w.verify(t, VerifyInput{Job: j.job, Mode: VerifyFull})
			if r == nil || !slices.Equal(r.Differences, j.want) || (err == nil) != (j.want == nil) || r.Compared < 100 {
				t.Errorf("%s, %s: %+v, %v\nwant %q", name, j.job.SourceName(), r, err, j.want)
			}
			if err != nil && j.want != nil && !strings.Contains(err.Error(), j.want[0]) {
				t.Errorf("%s: the error does not say it: %v", name, err)
			}
		}
	}
}

func TestVerifyCountLooksAtNumbersOnly(t *testing.T) {
	changed := verifyRows(100)
	changed[5].Value++
	w := world{"left/c": atServer(verifyRows(100)), "right/c": atServer(changed)}
	r, err := w.verify(t, VerifyInput{Job: fromServer(), Mode: VerifyCount})
	if err != nil || r.Outcome != OutcomeEqual || r.LeftRows != 100 || r.RightRows != 100 || r.Compared != 0 ||
		!slices.Equal(r.Partitions, []PartitionRows{{"a", 50, 50}, {"b", 50, 50}}) || r.Report == "" {
		t.Errorf("%+v, %v", r, err)
	}
	w["right/c"] = atServer(verifyRows(99))
	if r, err = w.verify(t, VerifyInput{Job: fromServer(), Mode: VerifyCount}); err == nil || r.Differences[0] != "partition b has 50 rows in the source, 49 in the target" {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestVerifySampleComparesABatchOfEachRange(t *testing.T) {
	wrong := verifyRows(100)
	for i := range wrong {
		wrong[i].Name = "x"
	}
	file := &transfertest.File{Rows: verifyRows(100)}
	for _, j := range []job.Job{fromServer(), fromFile()} {
		w := world{"left/c": atServer(verifyRows(100)), "right/c": atServer(verifyRows(100)), "file": file}
		r, err := w.verify(t, VerifyInput{Job: j, Mode: VerifySample})
		if err != nil || r.Compared == 0 || r.Compared >= 100 {
			t.Errorf("%s: %+v, %v", j.SourceName(), r, err)
		}
		w["right/c"] = atServer(wrong)
		again, err := w.verify(t, VerifyInput{Job: j, Mode: VerifySample})
		if err == nil || again.Difference.Differing != r.Compared {
			t.Errorf("%s: %+v, %v", j.SourceName(), again, err)
		}
	}
	// a server compared with a file: the file's rows are looked up
	j := fromServer()
	j.Target, j.Compare = job.Target{}, &job.Source{HDF5: &job.HDF5Source{Files: job.Files{Paths: []string{"file"}}}}
	r, err := world{"left/c": atServer(verifyRows(100)), "file": file}.verify(t, VerifyInput{Job: j, Mode: VerifySample})
	if err != nil || r.Compared == 0 || r.Compared >= 100 {
		t.Errorf("%+v, %v", r, err)
	}
	r, err = world{"left/c": atServer(verifyRows(100)), "file": &transfertest.File{Rows: wrong}}.verify(t, VerifyInput{Job: j, Mode: VerifySample})
	if err == nil || r.Difference.Differing == 0 || r.Difference.Odd[0].Fields[0] != "name" {
		t.Errorf("%+v, %v", r, err)
	}
	// two files: all rows
	j.Source = fromFile().Source
	r, err = world{"file": file}.verify(t, VerifyInput{Job: j, Mode: VerifySample})
	if err != nil || r.Compared != 100 || len(r.Notes) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestVerifyOfAppendLeavesOthersRowsAlone(t *testing.T) {
	for _, others := range []int{3, 500} { // both sides read; the source's rows looked up
		rows := verifyRows(100)
		for i := range others {
			rows = append(rows, transfertest.Row{Partition: "a", Key: int64(100_000 + i)})
		}
		w := world{"left/c": atServer(verifyRows(100)), "right/c": atServer(rows), "file": &transfertest.File{Rows: verifyRows(100)}}
		for _, j := range []job.Job{fromServer(), fromFile()} {
			j.Target.Milvus.Mode = job.Append
			r, err := w.verify(t, VerifyInput{Job: j, Mode: VerifyFull})
			if err != nil || len(r.Notes) != 1 {
				t.Errorf("%s, %d others: %+v, %v", j.SourceName(), others, r, err)
			}
			if r, err = w.verify(t, VerifyInput{Job: j, Mode: VerifyFull, Exact: true}); err == nil || r.Difference.OnlyRight != int64(others) {
				t.Errorf("%s, exactly: %+v, %v", j.SourceName(), r, err)
			}
			rows[30].Value = -1
			if r, err = w.verify(t, VerifyInput{Job: j, Mode: VerifyFull}); err == nil || r.Difference.Differing != 1 {
				t.Errorf("%s, one differs: %+v, %v", j.SourceName(), r, err)
			}
			rows[30].Value = 30
		}
	}
}

func TestVerifyNamesFieldsThatASideLacks(t *testing.T) {
	left, right := atServer(verifyRows(10)), atServer(verifyRows(10))
	left.More = "extra"
	right.Rows[3].Value = 7
	r, err := world{"left/c": left, "right/c": right}.verify(t, VerifyInput{Job: fromServer(), Mode: VerifyFull})
	if err == nil || !slices.Equal(r.Differences, []string{`field "extra" is in the source only`, "1 rows with other contents: key 9 in partition b (v)"}) {
		t.Errorf("%+v, %v", r, err)
	}
	right.Strings = true
	if r, err = (world{"left/c": left, "right/c": right}).verify(t, VerifyInput{Job: fromServer(), Mode: VerifyFull}); err == nil || len(r.Differences) != 2 || r.Compared != 0 {
		t.Errorf("other keys: %+v, %v", r, err)
	}
}

func TestVerifyReadsPartitionsThatOnlyOneSideHas(t *testing.T) {
	left, right := atServer(verifyRows(100)), atServer(verifyRows(100))
	left.Partitions = append(left.Partitions, "l", "empty")
	left.Rows = append(left.Rows, transfertest.Row{Partition: "l", Key: 1000})
	right.Partitions = append(right.Partitions, "r")
	right.Rows = append(right.Rows, transfertest.Row{Partition: "r", Key: 2000})
	for _, j := range []job.Job{fromServer(), unplanned()} {
		testPartitionsOfOneSide(t, world{"left/c": left, "right/c": right}, j)
	}
}

func testPartitionsOfOneSide(t *testing.T, w world, j job.Job) {
	t.Helper()
	r, err := w.verify(t, VerifyInput{Job: j, Mode: VerifyFull})
	want := []string{"partition l has 1 rows in the source, 0 in the target", "partition r has 0 rows in the source, 1 in the target",
		"1 rows only in the source: key 1000 in partition l", "1 rows only in the target: key 2000 in partition r"}
	if err == nil || !slices.Equal(r.Differences, want) {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestVerifyLoadsAndReleases(t *testing.T) {
	left, right := atServer(verifyRows(20)), atServer(verifyRows(19))
	left.NeedsLoad, right.NeedsLoad = true, true
	for _, mode := range []string{VerifyCount, VerifyFull} {
		left.Released, right.Released = nil, nil
		if r, err := (world{"left/c": left, "right/c": right}).verify(t, VerifyInput{Job: fromServer(), Mode: mode}); r == nil || r.Outcome != OutcomeDifferent {
			t.Errorf("%+v, %v", r, err)
		}
		if !slices.Equal(left.Released, []string{"*"}) || !slices.Equal(right.Released, []string{"*"}) {
			t.Errorf("released %q and %q", left.Released, right.Released)
		}
	}
}

func TestVerifyGoesOnAfterFailures(t *testing.T) {
	left, right := atServer(verifyRows(200)), atServer(verifyRows(200))
	reads := 0
	right.Before = func() error {
		if reads++; reads%6 == 0 {
			return fault.New(fault.Unavailable, "away")
		}
		return nil
	}
	j := fromServer()
	j.Copy.Parallel = 1
	r, err := world{"left/c": left, "right/c": right}.verify(t, VerifyInput{Job: j, Mode: VerifyFull})
	if err != nil || r.Compared != 200 {
		t.Errorf("%+v, %v", r, err)
	}
	right.Before = func() error { return fault.New(fault.Corrupt, "broken") }
	if r, err = (world{"left/c": left, "right/c": right}).verify(t, VerifyInput{Job: j, Mode: VerifyFull}); err == nil || r != nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestVerifyOfSeveralCollections(t *testing.T) {
	bad := verifyRows(10)
	bad[9].Value = 0
	w := world{"left/x": atServer(verifyRows(10)), "right/x": atServer(verifyRows(10)), "left/y": atServer(verifyRows(10)), "right/y": atServer(bad),
		"left/z": atServer(verifyRows(10))}
	j := verifyJobOf(job.Source{Milvus: collections("x", "y")}, job.Overwrite)
	r, err := w.verify(t, VerifyInput{Job: j, Mode: VerifyFull})
	if err == nil || r == nil || len(r.Collections) != 2 || r.Compared != 20 || !slices.Equal(r.Differences, []string{"y: 1 rows with other contents: key 27 in partition b (v)"}) {
		t.Errorf("%+v, %v", r, err)
	}
	j = verifyJobOf(job.Source{Milvus: collections("x", "z")}, job.Overwrite)
	r, err = w.verify(t, VerifyInput{Job: j, Mode: VerifyCount})
	if kind, _ := fault.FromTemporal(err); r != nil || kind != fault.NotFound {
		t.Errorf("%+v, %v", r, err)
	}
	j = verifyJobOf(job.Source{Milvus: collections("x")}, job.Overwrite)
	if r, err = w.verify(t, VerifyInput{Job: j, Mode: VerifyFull}); err != nil || r.Compared != 10 {
		t.Errorf("one collection, whose target is named by it: %+v, %v", r, err)
	}
}

func TestVerifyRefusesWhatCannotBeCompared(t *testing.T) {
	newIDs := fromServer()
	newIDs.Target.Milvus.IDs = "new"
	machines := fromFile()
	machines.Source.HDF5.Host, machines.Compare = "one", &job.Source{HDF5: &job.HDF5Source{Files: job.Files{Host: "other"}}}
	for name, in := range map[string]VerifyInput{"new ids": {Job: newIDs, Mode: VerifyFull},
		"files on two machines": {Job: machines, Mode: VerifyFull}, "no mode": {Job: fromServer(), Mode: "most"}} {
		_, err := world{}.verify(t, in)
		if kind, _ := fault.FromTemporal(err); kind != fault.Unsupported && kind != fault.Config {
			t.Errorf("%s: %v", name, err)
		}
	}
	if VerifyResultOf(errors.New("x")) != nil {
		t.Error("a result in an error without one")
	}
}
