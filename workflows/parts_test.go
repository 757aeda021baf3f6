package workflows

import (
	"context"
	"errors"
	"slices"
	"strings"
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
	return runPartsIn(t, suite.NewTestWorkflowEnvironment(), in, nil, copyPart)
}

// runPartsIn is runParts in an environment; gone tells of a collection that '*' stands for whether it was dropped.
func runPartsIn(t *testing.T, env *testsuite.TestWorkflowEnvironment, in Input, gone func(name string) bool,
	copyPart func(name string) (*Result, error)) (begun []string, _ *Result, _ error) {
	t.Helper()
	list := func(_ context.Context, s *job.Source) (found []job.Collection, left []transfer.Left, err error) {
		for _, c := range s.Milvus.Collections {
			if c.Pattern && gone(c.Name) {
				left = append(left, transfer.Left{Name: c.Name, Why: "it was dropped"})
			} else {
				found = append(found, c)
			}
		}
		return found, left, nil
	}
	env.RegisterActivity(&lookers{activities.Activities{ReportDir: t.TempDir(), ListCollections: list}})
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

// TestADroppedCollectionIsLeftOut: what '*' stands for and is dropped before or while it is copied is left out with a note; a
// collection that is named is missed.
func TestADroppedCollectionIsLeftOut(t *testing.T) {
	for name, c := range map[string]struct {
		pattern bool
		gone    []string // once they were begun; "+" before the job is
		begun   []string
		left    []string
		fails   bool
	}{
		"while it is copied":     {true, []string{"b"}, []string{"a", "b", "c"}, []string{"b"}, false},
		"before it is copied":    {true, []string{"+b"}, []string{"a", "c"}, []string{"b"}, false},
		"all of them":            {true, []string{"a", "b", "c"}, []string{"a", "b", "c"}, nil, true},
		"one that is named":      {false, []string{"b"}, []string{"a", "b", "c"}, nil, true},
		"none, and one fails":    {true, nil, []string{"a", "b", "c"}, nil, true},
		"one, and another fails": {true, []string{"b"}, []string{"a", "b", "c"}, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			j := partsJob()
			j.Source.Milvus.Collections = nil
			for _, n := range []string{"a", "b", "c"} {
				j.Source.Milvus.Collections = append(j.Source.Milvus.Collections, job.Collection{Name: n, Pattern: c.pattern})
			}
			dropped := map[string]bool{}
			for _, n := range c.gone {
				if before, is := strings.CutPrefix(n, "+"); is {
					dropped[before] = true
				}
			}
			var suite testsuite.WorkflowTestSuite
			begun, r, err := runPartsIn(t, suite.NewTestWorkflowEnvironment(), Input{Job: j, Hash: "h"}, func(n string) bool { return dropped[n] },
				func(n string) (*Result, error) {
					if slices.Contains(c.gone, n) {
						dropped[n] = true
						return nil, failure(fault.New(fault.SourceChanged, "gone"), nil)
					}
					if strings.Contains(name, "fails") && n == "c" {
						return nil, failure(fault.New(fault.Denied, "no"), nil)
					}
					return &Result{Outcome: OutcomeVerified, Rows: 3}, nil
				})
			if !slices.Equal(begun, c.begun) || (err != nil) != c.fails {
				t.Fatalf("begun %q, %v", begun, err)
			}
			if c.fails {
				return
			}
			var left []string
			for _, l := range r.Left {
				left = append(left, l.Name)
			}
			if !slices.Equal(left, c.left) || len(r.Notes) != 1 || r.Notes[0] != "b was left out: it was dropped" || r.Outcome != OutcomeVerified {
				t.Errorf("%+v", r)
			}
		})
	}
}

// TestASourceThatShrankIsTold: a collection that had rows in the schedule's last run and has none now, or is gone, is warned of.
func TestASourceThatShrankIsTold(t *testing.T) {
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.SetLastCompletionResult(&Result{Collections: []Result{{Name: "a/p", Rows: 5}, {Name: "a/q", Rows: 7}, {Name: "b"}, {Name: "z", Rows: 9}}})
	_, r, err := runPartsIn(t, env, Input{Job: partsJob(), Hash: "h", Schedule: &Schedule{ID: "s"}}, nil, func(name string) (*Result, error) {
		if name == "a/p" {
			return &Result{Outcome: OutcomeVerified, Rows: 4}, nil
		}
		return &Result{Outcome: OutcomeVerified}, nil
	})
	if err != nil || len(r.Notes) != 2 || !strings.Contains(r.Notes[0], "a/q had 7 rows in the last run") || !strings.Contains(r.Notes[1], "z had 9 rows") {
		t.Errorf("%+v, %v", r, err)
	}
}
