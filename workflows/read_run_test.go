package workflows

import (
	"context"
	"testing"

	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"milvusdm/activities"
	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
	"milvusdm/internal/transfer/transfertest"
)

// sealed is an export that has vectors in a file which were written as rows.
type sealed struct {
	*transfertest.File
	written []transfertest.Row
}

func (s *sealed) Describe(ctx context.Context) (*transfer.Description, error) {
	d, err := s.File.Describe(ctx)
	if err != nil {
		return nil, err
	}
	sum, err := (&sealed{File: &transfertest.File{Rows: s.written}}).sum(ctx)
	d.Inputs = []transfer.Input{{Path: "c/None.h5", Rows: d.Rows, Written: &transfer.Written{Sum: sum}}}
	return d, err
}

func (s *sealed) sum(ctx context.Context) (rows.Sum, error) {
	ranges, err := s.Plan(ctx, 1000, nil)
	if err != nil {
		return rows.Sum{}, err
	}
	reader, err := s.Open(ctx, ranges[0], rows.Cursor{}, transfer.BatchLimit{Rows: 1000, Bytes: 1 << 20})
	if err != nil {
		return rows.Sum{}, err
	}
	b, err := reader.Next(ctx)
	if err != nil {
		return rows.Sum{}, err
	}
	return rows.SumBatch("", b)
}

// TestVerifyFindsAnEditOfAnExport: what is read of an export is compared with its manifest, so that a file which is edited after
// its checksum was compared is not taken for what was exported.
func TestVerifyFindsAnEditOfAnExport(t *testing.T) {
	rows := func() []transfertest.Row {
		out := verifyRows(30)
		for i := range out {
			out[i].Partition = ""
		}
		return out
	}
	edited := rows()
	edited[7].Value++
	for name, c := range map[string]struct {
		now  []transfertest.Row
		kind fault.Kind
	}{"as it was written": {rows(), ""}, "edited": {edited, fault.Corrupt}} {
		j := verifyJobOf(job.Source{Export: &job.ExportSource{Path: "/x", Collections: []job.Collection{{Name: "c"}}}}, job.Overwrite)
		target := &transfertest.Server{File: transfertest.File{Rows: c.now}, Partitions: nil}
		w := world{"/x@, run 1/c": &sealed{&transfertest.File{Rows: c.now}, rows()}, "right/c": target}
		r, err := w.verify(t, VerifyInput{Job: j, Mode: VerifyFull})
		kind := fault.Kind("")
		if err != nil {
			kind, _ = fault.FromTemporal(err)
		}
		if kind != c.kind {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

// TestResumedJobReadsTheRunItBeganWith: the run of an export is chosen once, for all activities, and for the runs of the job that
// go on from what one left.
func TestResumedJobReadsTheRunItBeganWith(t *testing.T) {
	run := func(resume *State) (asked int, read map[string]bool, _ error) {
		read = map[string]bool{}
		var suite testsuite.WorkflowTestSuite
		env := suite.NewTestWorkflowEnvironment()
		look := func(s *job.Source) { read[s.Export.Path+" "+s.Export.Seal] = true }
		env.RegisterActivity(&lookers{activities.Activities{ReportDir: t.TempDir(),
			ChooseRun: func(s *job.ExportSource) (*job.ExportSource, error) {
				asked++
				fixed := *s
				fixed.Path, fixed.Seal = s.Path+"/newest", "seal"
				return &fixed, nil
			},
			ListCollections: func(_ context.Context, s *job.Source) ([]job.Collection, []transfer.Left, error) {
				look(s)
				return s.Export.Collections, nil, nil
			},
			OpenSource: func(_ context.Context, s *job.Source) (transfer.Source, error) {
				look(s)
				return &transfertest.File{Rows: verifyRows(3)}, nil
			}}})
		env.RegisterWorkflowWithOptions(HDF5ToMilvus, workflow.RegisterOptions{Name: HDF5ToMilvusName})
		env.RegisterWorkflowWithOptions(func(_ workflow.Context, in copyInput) (*Result, error) {
			look(&in.Job.Source)
			return nil, failure(fault.New(fault.Denied, "no"), &State{Hash: "h", Identity: "i"})
		}, workflow.RegisterOptions{Name: CopyCollectionName})
		j := partsJob()
		j.Source = job.Source{Export: &job.ExportSource{Path: "/x", Collections: []job.Collection{{Name: "a"}, {Name: "b"}}}}
		env.ExecuteWorkflow(HDF5ToMilvusName, Input{Job: j, Hash: "h", Resume: resume})
		return asked, read, env.GetWorkflowError()
	}
	asked, read, err := run(nil)
	state := StateOf(err)
	if asked != 1 || len(read) != 1 || !read["/x/newest seal"] || state == nil || state.ReadRun != "/x/newest" || state.ReadSeal != "seal" {
		t.Fatalf("asked %d times, read %v, left %+v", asked, read, state)
	}
	state.ReadRun, state.ReadSeal = "/x/first", "old seal"
	asked, read, err = run(state)
	if state = StateOf(err); asked != 0 || len(read) != 1 || !read["/x/first old seal"] || state == nil || state.ReadSeal != "old seal" {
		t.Errorf("resumed: asked %d times, read %v, left %+v", asked, read, state)
	}
}
