package workflows

import (
	"context"
	"errors"
	"slices"
	"testing"

	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"milvusdm/activities"
	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/transfer"
)

// partsJob copies partitions of two collections.
func partsJob() job.Job {
	return job.Job{Name: "j",
		Source: job.Source{Milvus: &job.MilvusSource{Collections: []job.Collection{{Name: "a", Partitions: []string{"p", "q"}}, {Name: "b"}}}},
		Target: job.Target{Milvus: &job.MilvusTarget{}}, Copy: job.Copy{Collections: 1}}
}

// lookers are the activities that look at servers, without servers.
type lookers struct{ activities.Activities }

// ReadMetadata tells the target's collection only.
func (*lookers) ReadMetadata(_ context.Context, ref activities.Ref) (*activities.Plan, error) {
	return &activities.Plan{Target: transfer.TargetPlan{LockID: "target/" + ref.Job.Target.Milvus.Collection}}, nil
}

// runParts runs the job with CopyCollection replaced, and returns which parts were begun.
func runParts(t *testing.T, in Input, copyPart func(name string) (*Result, error)) (begun []string, _ *Result, _ error) {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.RegisterActivity(&lookers{activities.Activities{ReportDir: t.TempDir(),
		ListCollections: func(_ context.Context, s *job.Source) ([]job.Collection, error) { return s.Milvus.Collections, nil }}})
	env.RegisterWorkflowWithOptions(MilvusToMilvus, workflow.RegisterOptions{Name: MilvusToMilvusName})
	env.RegisterWorkflowWithOptions(func(_ workflow.Context, in copyInput) (*Result, error) {
		name := in.Job.Source.Milvus.Collections[0].PartName()
		begun = append(begun, name)
		return copyPart(name)
	}, workflow.RegisterOptions{Name: CopyCollectionName})
	env.ExecuteWorkflow(MilvusToMilvusName, in)
	var r *Result
	err := env.GetWorkflowError()
	if err == nil {
		err = env.GetWorkflowResult(&r)
	}
	return begun, r, err
}

func TestPartitionsAreNotCopiedIntoAStagingCollectionThatAFailureLeft(t *testing.T) {
	for _, staged := range []bool{true, false} {
		left := &State{Hash: "h", Identity: "i", Target: transfer.Target{Name: "a__mdm_1", Fresh: staged}}
		begun, _, err := runParts(t, Input{Job: partsJob(), Hash: "h"}, func(name string) (*Result, error) {
			if name == "a/p" {
				return nil, failure(fault.New(fault.NotFound, "gone"), left)
			}
			return &Result{Outcome: OutcomeVerified}, nil
		})
		want := []string{"a/p", "a/q", "b"}
		if staged {
			want = []string{"a/p", "b"}
		}
		state := StateOf(err)
		if !slices.Equal(begun, want) || state == nil || len(state.Parts) != 3 || state.Parts[0].State.Identity != "i" {
			t.Errorf("staged %v: begun %q, want %q; %v, state %+v", staged, begun, want, err, state)
			continue
		}
		// the next run goes on with what is missing
		begun, r, err := runParts(t, Input{Job: partsJob(), Hash: "h", Resume: state}, func(string) (*Result, error) {
			return &Result{Outcome: OutcomeVerified}, nil
		})
		if want = want[:1]; staged {
			want = []string{"a/p", "a/q"}
		}
		if err != nil || !slices.Equal(begun, want) || len(r.Collections) != 3 {
			t.Errorf("staged %v, again: begun %q, want %q; %v", staged, begun, want, errors.Unwrap(err))
		}
	}
}

func TestAJobIsVerifiedAsItsLeastVerifiedPart(t *testing.T) {
	for _, c := range []struct {
		parts []Result
		want  string
	}{
		{[]Result{{Outcome: OutcomeVerified, Verified: VerifyFull}, {Outcome: OutcomeVerified, Verified: VerifyCount}}, VerifyCount},
		{[]Result{{Outcome: OutcomeNotCounted}, {Outcome: OutcomeVerified, Verified: VerifyFull}}, ""},
		{[]Result{{Outcome: OutcomeSkipped}, {Outcome: OutcomeVerified, Verified: VerifyFull}, {Outcome: OutcomeSkipped}}, VerifyFull},
	} {
		total := Result{Outcome: OutcomeSkipped}
		for _, p := range c.parts {
			total.add(&p)
		}
		if total.Verified != c.want {
			t.Errorf("%+v: verified %q, want %q", c.parts, total.Verified, c.want)
		}
	}
}
