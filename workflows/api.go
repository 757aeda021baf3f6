package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"

	"milvusdm/internal/export"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// Input starts a direction's workflow.
type Input struct {
	Job  job.Job `json:"job"`
	Hash string  `json:"hash"`
	// Resume is what the job's last run left behind; nil starts from the beginning.
	Resume *State `json:"resume,omitempty"`
	// Schedule is set where a schedule started the job.
	Schedule *Schedule `json:"schedule,omitempty"`
	// StateAttribute: that search attribute is registered, and OtherAttributes: all others are. They are kept up to date.
	StateAttribute  bool `json:"stateAttribute,omitempty"`
	OtherAttributes bool `json:"otherAttributes,omitempty"`
}

// Schedule is the schedule that started a job, and which runs of it are kept.
type Schedule struct {
	ID   string      `json:"id"`
	Keep export.Keep `json:"keep,omitzero"`
	// CatchupWindow is how much later than scheduled a run may begin and still be named by its scheduled time.
	CatchupWindow time.Duration `json:"catchupWindow,omitempty"`
}

// Phase is what a job is doing.
type Phase string

const (
	PhaseWaiting    Phase = "waiting" // a collection whose turn has not come
	PhaseReading    Phase = "reading metadata"
	PhaseChecking   Phase = "checking files"
	PhaseLoadSource Phase = "loading the source"
	PhasePlanning   Phase = "checking keys"
	PhaseLooking    Phase = "looking for existing keys"
	PhasePreparing  Phase = "preparing the target"
	PhaseScanning   Phase = "scanning the source"
	PhaseCopying    Phase = "copying"
	PhasePaused     Phase = "paused"
	PhaseFlush      Phase = "flush"
	PhaseIndex      Phase = "index" // this and the next are the target's own steps
	PhaseLoad       Phase = "load"
	PhaseCounting   Phase = "counting"
	PhasePlacing    Phase = "checking partitions"
	PhaseRepairing  Phase = "counting by key"
	PhaseVerifying  Phase = "verifying"
	PhaseSealing    Phase = "writing the manifest"
	PhasePublish    Phase = "publishing"
	PhaseDone       Phase = "done"
	PhaseLeftOut    Phase = "left out" // a collection that is gone
	PhaseFailed     Phase = "failed"
	PhaseCancelled  Phase = "cancelled"
)

// Status is the answer to StatusQuery.
type Status struct {
	Phase  Phase     `json:"phase"`
	Since  time.Time `json:"since"` // when the phase began
	Source string    `json:"source"`
	Target string    `json:"target"`
	// Child is the workflow ID of the CopyCollection that does the work, once there is one. Ask it for the exact status;
	// heartbeats of its pending activities (activities.Heartbeat) add what they gained since they were scheduled.
	Child string `json:"child,omitempty"`
	// Rows and Bytes are what the workflow knows to be acknowledged; TotalRows and TotalBytes are what there is to copy.
	Rows       int64 `json:"rows,string"`
	TotalRows  int64 `json:"totalRows,string"`
	Bytes      int64 `json:"bytes,string"`
	TotalBytes int64 `json:"totalBytes,string"`
	RangesDone int   `json:"rangesDone"`
	Ranges     int   `json:"ranges"`
	// Lost is how many attempts at a range were lost, and the rest of the range sent again.
	Lost int `json:"lost,omitempty"`
	// Resumed is how many rows an earlier run had copied.
	Resumed int64    `json:"resumed,omitempty,string"`
	Paused  bool     `json:"paused,omitempty"`
	Notes   []string `json:"notes,omitempty"`
	// Collections are the parts of a job that copies several, by which the numbers above are the sums. While some are Unplanned there
	// are at least as many rows as the totals say.
	Collections []PartStatus `json:"collections,omitempty"`
}

// Unplanned is how many collections have not been looked at yet, so that there may be more rows than TotalRows.
func (s *Status) Unplanned() int {
	n := 0
	for _, c := range s.Collections {
		if c.Phase == PhaseWaiting || c.Phase == PhaseReading && c.Target == "" {
			n++
		}
	}
	return n
}

// PartStatus is one collection, or one of its partitions, of a job that copies several.
type PartStatus struct {
	// Name is the collection's in the source, and the partition's behind a slash where partitions were chosen.
	Name   string `json:"name"`
	Target string `json:"target"`
	// Phase is PhaseWaiting before its turn. Child is the CopyCollection at work.
	Phase     Phase  `json:"phase"`
	Child     string `json:"child,omitempty"`
	Rows      int64  `json:"rows,string"`
	TotalRows int64  `json:"totalRows,string"`
	// Bytes were sent of TotalBytes, as far as either is known.
	Bytes      int64 `json:"bytes,omitempty,string"`
	TotalBytes int64 `json:"totalBytes,omitempty,string"`
	// Error says why it failed. The others go on.
	Error string `json:"error,omitempty"`
}

// Result is what a finished job answers.
type Result struct {
	// Name is the part's, of a job that names several collections.
	Name string `json:"name,omitempty"`
	// Outcome is "verified" (counted, every row once), "not counted" (copied, but the server could not load it) or "skipped"
	// (the target was there and the mode is skip).
	Outcome string `json:"outcome"`
	Source  string `json:"source"`
	Target  string `json:"target"`
	// Rows were copied, Counted stand in the target (of the partition, where there is one), Bytes were sent.
	Rows    int64 `json:"rows,string"`
	Counted int64 `json:"counted,string"`
	Bytes   int64 `json:"bytes,string"`
	// Sum is the order-free content sum of what was copied.
	Sum     string        `json:"sum,omitempty"`
	Took    time.Duration `json:"took"`
	Copying time.Duration `json:"copying"`
	// Phases are how long each phase took, in the order in which they began; of several collections the sums, although those were
	// copied at the same time.
	Phases []PhaseTime `json:"phases,omitempty"`
	// Repaired is how many rows were written again because they counted double or not at all.
	Repaired int64  `json:"repaired,omitempty,string"`
	Lost     int    `json:"lost,omitempty"`
	Resumed  int64  `json:"resumed,omitempty,string"`
	Index    string `json:"index,omitempty"`
	Loaded   bool   `json:"loaded,omitempty"`
	// Verified says how the target was compared with what was copied: "count", "sample" or "full".
	Verified string   `json:"verified,omitempty"`
	Report   string   `json:"report,omitempty"`
	Notes    []string `json:"notes,omitempty"`
	// Exported is the collection as the manifest of an export tells it. Export is the run's directory, Pruned the runs that
	// retention deleted.
	Exported *export.Collection `json:"exported,omitempty"`
	Export   string             `json:"export,omitempty"`
	Pruned   []string           `json:"pruned,omitempty"`
	// Warnings are those of the Notes that tell of losses: collections that were left out, and a source that has shrunk.
	Warnings []string `json:"warnings,omitempty"`
	// Left are the collections that '*' stood for and that were dropped before they were copied.
	Left []transfer.Left `json:"left,omitempty"`
	// Collections are the results of a job that copies several, by which the numbers above are the sums. The job ends as a
	// failure if one of them failed.
	Collections []Result `json:"collections,omitempty"`
}

const (
	OutcomeVerified   = "verified"
	OutcomeNotCounted = "not counted"
	OutcomeSkipped    = "skipped"
)

// State is what a run that failed or was cancelled leaves for the next one. It travels in the details of the workflow's
// failure.
type State struct {
	Hash     string          `json:"hash"`
	Identity string          `json:"identity"`
	Target   transfer.Target `json:"target"`
	Ranges   []RangeState    `json:"ranges"`
	// Parts are what became of the collections of a job that copies several; then only Hash is set beside it.
	Parts []PartState `json:"parts,omitempty"`
	// Run is the directory of an export's run, Stage what it is known by.
	Run   string `json:"run,omitempty"`
	Stage string `json:"stage,omitempty"`
	// ReadRun and ReadSeal are the run of an export that was read: see job.ExportSource.Seal.
	ReadRun  string `json:"readRun,omitempty"`
	ReadSeal string `json:"readSeal,omitempty"`
	// LateUntil is when a write that was lost can arrive no more.
	LateUntil time.Time `json:"lateUntil,omitzero"`
	Lost      int       `json:"lost,omitempty"`
	// Restarted: the target's server was restarted when rows were acknowledged and not flushed. They were sent again.
	Restarted bool `json:"restarted,omitempty"`
}

// uncertain: a write was sent whose answer is not known, or acknowledged rows may have been lost. They were sent again; then
// contents are compared, and not only counted.
func (s *State) uncertain() bool { return s.Lost > 0 || s.Restarted }

// PartState is what a run left of one part: its Result if it is finished, else where to go on from, if it has begun.
type PartState struct {
	Name   string  `json:"name"`
	Result *Result `json:"result,omitempty"`
	State  *State  `json:"state,omitempty"`
	// Copy is the CopyCollection to ask for both, where its end was not seen: it may go on after its parent was terminated, or
	// Temporal ended it itself.
	Copy *Execution `json:"copy,omitempty"`
}

// Execution is a run of a workflow.
type Execution struct {
	ID  string `json:"id"`
	Run string `json:"run"`
}

// RangeState is one range and how far it has come.
type RangeState struct {
	Range rows.Range          `json:"range"`
	Reach transfer.Checkpoint `json:"reach"`
	Done  bool                `json:"done,omitempty"`
	// Touched: rows behind Reach may have been sent, so the rest can't be inserted unseen.
	Touched bool `json:"touched,omitempty"`
	// Flushed: the range is done, and the target has flushed it: no restart of its server can lose rows of it any more.
	Flushed bool `json:"flushed,omitempty"`
	// Part is what it became, where ranges are written whole.
	Part *transfer.Part `json:"part,omitempty"`
}

// Rows is how many rows the state covers.
func (s *State) Rows() int64 {
	var n int64
	for _, r := range s.Ranges {
		n += r.Reach.Rows
	}
	for _, p := range s.Parts {
		if p.Result != nil {
			n += p.Result.Rows
		} else if p.State != nil {
			n += p.State.Rows()
		}
	}
	return n
}

// parts are what the ranges became.
func (s *State) parts() []transfer.Part {
	var parts []transfer.Part
	for _, r := range s.Ranges {
		if r.Part != nil {
			parts = append(parts, *r.Part)
		}
	}
	return parts
}

// StateOf takes the state out of the error that a run of a job ended with; nil if it holds none.
func StateOf(err error) *State {
	// by value, as it is put in: the details of an error that was made in this very workflow are never decoded, and must be of
	// the type that is asked for
	var s State
	var app *temporal.ApplicationError
	if errors.As(err, &app) && app.HasDetails() && app.Details(&s) == nil && s.Hash != "" {
		return &s
	}
	var canceled *temporal.CanceledError
	if errors.As(err, &canceled) && canceled.HasDetails() && canceled.Details(&s) == nil && s.Hash != "" {
		return &s
	}
	return nil
}
