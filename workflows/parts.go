package workflows

import (
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"milvusdm/activities"
	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/transfer"
)

// part is what one CopyCollection copies: the whole job, or one of the collections that it names, or a partition of that.
type part struct {
	name   string
	job    job.Job
	plan   *activities.Plan
	child  workflow.ChildWorkflowFuture // while it runs
	status PartStatus
	// resume is what an earlier run left of it.
	resume *State
	result *Result
	err    error
	// left is set where the collection is gone, and '*' stood for it.
	left *transfer.Left
}

// list finds out what the job's parts are: for a server's collections an activity tells.
func (r *jobRun) list(ctx workflow.Context) error {
	parts, left, err := listParts(ctx, r.ref(&r.Job))
	if err != nil {
		return err
	}
	r.left = left
	for _, p := range parts {
		p.status = PartStatus{Name: p.name, Phase: PhaseWaiting}
		if r.Resume == nil {
			continue
		}
		if len(r.Resume.Parts) == 0 && len(parts) == 1 {
			p.resume = r.Resume
		}
		for _, left := range r.Resume.Parts {
			if left.Name == p.name && r.Resume.Hash == r.Hash {
				p.resume, p.result = left.State, left.Result
			}
			if p.result != nil { // it counts from the beginning
				p.showResult()
			}
		}
	}
	r.parts = parts
	return nil
}

// listParts returns the parts of a job; a source that is one collection has one, the job itself. left are collections that '*'
// stands for and that are gone.
func listParts(ctx workflow.Context, ref activities.Ref) (parts []*part, left []transfer.Left, err error) {
	if ref.Job.Collections() == nil {
		return []*part{{job: ref.Job}}, nil, nil
	}
	var found activities.Parts
	if err := workflow.ExecuteActivity(brief(ctx, &ref.Job, "list collections"), acts.ListParts, ref).Get(ctx, &found); err != nil {
		return nil, nil, err
	}
	for _, c := range found.Collections {
		parts = append(parts, &part{name: c.PartName(), job: ref.Job.Part(c)})
	}
	if len(parts) == 0 {
		return nil, nil, allGone(found.Left)
	}
	return parts, found.Left, nil
}

// allGone is the error of a job that has nothing left to copy.
func allGone(left []transfer.Left) error {
	return fault.New(fault.NotFound, "all %d collections of the source were dropped while the job began; there is nothing to copy", len(left))
}

// gone finds out whether a part failed because its collection was dropped, and leaves it out if '*' stood for it.
func (r *jobRun) gone(ctx workflow.Context, p *part) bool {
	if c := p.job.Collections(); p.err == nil || temporal.IsCanceledError(p.err) || len(c) != 1 || !c[0].Pattern {
		return false
	}
	var found activities.Parts
	ctx = brief(ctx, &p.job, "look whether "+p.name+" was dropped")
	if err := workflow.ExecuteActivity(ctx, acts.ListParts, r.ref(&p.job)).Get(ctx, &found); err != nil || len(found.Left) == 0 {
		return false // the part's own failure tells
	}
	p.left, p.err = &found.Left[0], nil
	return true
}

// checkFiles reads through all files of an export that is loaded again: nothing of the job is written if one of them is not as
// it was written.
func (r *jobRun) checkFiles(ctx workflow.Context) error {
	if r.Job.Source.Export == nil {
		return nil
	}
	r.board.phase(ctx, PhaseChecking)
	for _, p := range r.parts {
		if p.result != nil {
			continue
		}
		if err := workflow.ExecuteActivity(looking(ctx, &p.job, "check the files of "+p.name), acts.CheckSource, r.ref(&p.job)).Get(ctx, nil); err != nil {
			return err
		}
	}
	return nil
}

// copyAll copies several collections, some at once. Partitions of one collection go one after another, since there is one lock
// for all of them. A part that fails does not keep the others from being copied, unless it leaves the collection staged that
// they too belong in.
func (r *jobRun) copyAll(ctx workflow.Context) (*Result, error) {
	r.sum(ctx)
	free := workflow.NewSemaphore(ctx, int64(r.Job.Copy.Collections))
	all := workflow.NewWaitGroup(ctx)
	for _, group := range groups(r.parts) {
		all.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer all.Done()
			if free.Acquire(ctx, 1) != nil {
				return // cancelled
			}
			defer free.Release(1)
			var staged *part
			for _, p := range group {
				switch {
				case p.result != nil || ctx.Err() != nil:
				case staged != nil: // it would write into the staging collection, and publish that half-filled
					p.err = failure(fault.New(fault.Conflict, "not begun, since %s failed, with which the collection begins", staged.name), p.resume)
				default:
					p.result, p.err = r.copyPart(ctx, p)
					if p.result != nil {
						p.result.Name = p.name
					}
					if r.gone(ctx, p) {
						r.left = append(r.left, *p.left)
					}
				}
				if left := StateOf(p.err); staged == nil && left != nil && left.Target.Fresh {
					staged = p
				}
				r.ended(ctx, p)
			}
		})
	}
	wait, _ := workflow.NewDisconnectedContext(ctx)
	all.Wait(wait)
	return r.conclude(ctx)
}

// groups puts the parts of one target collection together.
func groups(parts []*part) [][]*part {
	var out [][]*part
	at := map[string]int{}
	for _, p := range parts {
		target := p.job.Collections()[0].Target()
		i, ok := at[target]
		if !ok {
			i = len(out)
			at[target] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], p)
	}
	return out
}

// showResult makes the status that of a part that is done.
func (p *part) showResult() {
	s, r := &p.status, p.result
	s.Phase, s.Target, s.Rows, s.Bytes = PhaseDone, r.Target, r.Rows, r.Bytes
	s.TotalRows, s.TotalBytes = max(r.Rows, s.TotalRows), max(r.Bytes, s.TotalBytes)
}

// ended shows what became of a part.
func (r *jobRun) ended(ctx workflow.Context, p *part) {
	switch {
	case p.result != nil:
		p.showResult()
	case temporal.IsCanceledError(p.err):
		p.status.Phase = PhaseCancelled
	case p.left != nil:
		p.status.Phase, p.status.Error, p.status.TotalRows, p.status.TotalBytes = PhaseLeftOut, p.left.Why, 0, 0
	case p.err != nil:
		p.status.Phase = PhaseFailed
		_, p.status.Error = fault.FromTemporal(p.err)
	}
	p.status.Child = ""
	r.sum(ctx)
}

// sum shows how far all parts are together.
func (r *jobRun) sum(ctx workflow.Context) {
	b := r.board
	b.Rows, b.TotalRows, b.Bytes, b.TotalBytes, b.RangesDone, b.Ranges = 0, 0, 0, 0, 0, len(r.parts)
	b.Collections = b.Collections[:0]
	for _, p := range r.parts {
		b.Collections = append(b.Collections, p.status)
		b.Rows += p.status.Rows
		b.TotalRows += p.status.TotalRows
		b.Bytes += p.status.Bytes
		b.TotalBytes += p.status.TotalBytes
		if p.status.Phase == PhaseDone {
			b.RangesDone++
		}
	}
	b.Paused = r.paused
	phase := PhaseCopying
	if r.paused {
		phase = PhasePaused
	}
	b.phase(ctx, phase)
}

// conclude adds up the results. Where a part failed or was cancelled, all that is left goes into the state of the failure.
func (r *jobRun) conclude(ctx workflow.Context) (*Result, error) {
	total := &Result{Outcome: OutcomeSkipped, Took: r.board.took(ctx), Source: fmt.Sprintf("%d collections and partitions", len(r.parts))}
	state := &State{Hash: r.Hash}
	var failed []string
	kind, complete := fault.Internal, true
	for _, p := range r.parts {
		if p.left != nil {
			continue
		}
		left := PartState{Name: p.name, Result: p.result, State: p.resume}
		if p.result != nil {
			total.add(p.result)
		} else {
			complete = false
			left.State = orState(StateOf(p.err), p)
		}
		state.Parts = append(state.Parts, left)
		if p.err != nil && !temporal.IsCanceledError(p.err) {
			k, text := fault.FromTemporal(p.err)
			if len(failed) == 0 {
				kind = k
			}
			failed = append(failed, p.name+": "+text)
		}
	}
	switch {
	case complete && len(total.Collections) == 0:
		return nil, failure(allGone(r.left), nil)
	case complete:
		total.Copying = total.Took // of parts that were copied at the same time there is no sum
		return total, nil
	case len(failed) == 0:
		return total, failure(temporal.NewCanceledError(), state)
	}
	return total, failure(fault.New(kind, "%d of %d collections and partitions failed: %s", len(failed), len(r.parts), some(failed)), state)
}

// orState is what a part left, or, if it never began, what the run before left of it.
func orState(left *State, p *part) *State {
	if left == nil && p.err == nil {
		return p.resume
	}
	return left
}

// some names the first of many.
func some(texts []string) string {
	const most = 5
	if len(texts) > most {
		return strings.Join(texts[:most], "; ") + fmt.Sprintf("; and %d more", len(texts)-most)
	}
	return strings.Join(texts, "; ")
}

// add takes a part's result into the result of all.
func (t *Result) add(p *Result) {
	first := t.Outcome == OutcomeSkipped
	depth := []string{"", VerifyCount, VerifySample, VerifyFull}
	if p.Outcome != OutcomeSkipped && (first || slices.Index(depth, p.Verified) < slices.Index(depth, t.Verified)) {
		t.Verified = p.Verified // all are compared as well as the one that is least
	}
	rank := map[string]int{OutcomeSkipped: 0, OutcomeVerified: 1, OutcomeNotCounted: 2}
	if rank[p.Outcome] > rank[t.Outcome] {
		t.Outcome = p.Outcome
	}
	t.Target = p.Target
	t.Rows += p.Rows
	t.Counted += p.Counted
	t.Bytes += p.Bytes
	t.Repaired += p.Repaired
	t.Resumed += p.Resumed
	t.Lost += p.Lost
	t.Collections = append(t.Collections, *p)
}
