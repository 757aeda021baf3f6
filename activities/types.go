package activities

import (
	"time"

	"milvusdm/internal/compare"
	"milvusdm/internal/export"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// Ref names the job that an activity works for.
type Ref struct {
	Job job.Job `json:"job"`
	// Owner is the job's workflow ID. Stage is the same for runs that continue each other.
	Owner string `json:"owner"`
	Stage string `json:"stage"`
	// PlannedOn is the host of the worker that planned the job, "" before it was planned.
	PlannedOn string `json:"plannedOn,omitempty"`
}

// Plan is what ReadMetadata found and what would be done about it.
type Plan struct {
	Source transfer.Description `json:"source"`
	Target transfer.TargetPlan  `json:"target"`
	// SourceShared: another job has had the source loaded, and will release it.
	SourceShared bool `json:"sourceShared,omitempty"`
	// SourcePlaced: a partition key of its server chooses the source's partitions (see transfer.Placer).
	SourcePlaced bool `json:"sourcePlaced,omitempty"`
	// Host is that of the worker that planned.
	Host string `json:"host,omitempty"`
	// RangeRows is about how many rows one CopyRange copies; Ranges is how many there will be.
	RangeRows int64 `json:"rangeRows,string"`
	Ranges    int   `json:"ranges"`
	// Memory is what the worker needs at most for this job, in bytes; TargetMemory what the server needs to load it.
	Memory       int64    `json:"memory,string"`
	TargetMemory int64    `json:"targetMemory,string"`
	Notes        []string `json:"notes,omitempty"`
}

// Parts is ListParts' answer.
type Parts struct {
	Collections []job.Collection `json:"collections"`
	// Left are those that '*' stood for and that are gone.
	Left []transfer.Left `json:"left,omitempty"`
}

// LoadInput names what is to be loaded, or was, as transfer.Description.Unloaded does.
type LoadInput struct {
	Ref
	What []string `json:"what"`
	Sharing
}

// PlanRangesInput is what PlanRanges needs.
type PlanRangesInput struct {
	Ref
	Identity  string `json:"identity"`
	RangeRows int64  `json:"rangeRows,string"`
	// Whole: each range becomes a part.
	Whole bool `json:"whole,omitempty"`
}

// Ranges is PlanRanges' answer.
type Ranges struct {
	Ranges []rows.Range `json:"ranges"`
	// Superseded is how many rows a later row of the same key replaces; they are not copied.
	Superseded int64 `json:"superseded,omitempty,string"`
}

// TargetInput names a prepared target.
type TargetInput struct {
	Ref
	Target transfer.Target `json:"target"`
	// Step is FinalizeTarget's.
	Step string `json:"step,omitempty"`
}

// PrepareInput is what PrepareTarget needs.
type PrepareInput struct {
	Ref
	Plan transfer.TargetPlan `json:"plan"`
}

// RangeInput names a range of a source and the target it goes to.
type RangeInput struct {
	Ref
	Target   transfer.Target     `json:"target"`
	Identity string              `json:"identity"`
	Range    rows.Range          `json:"range"`
	From     transfer.Checkpoint `json:"from"`
	// Written is what was recorded of the file that the range lies in.
	Written *transfer.Written `json:"written,omitempty"`
	// Insert: nothing behind From has ever been sent, so that the first attempt may insert.
	Insert bool `json:"insert,omitempty"`
	// Doubled: CheckRange mends only keys that stand more than once; others may have deleted rows.
	Doubled bool `json:"doubled,omitempty"`
	// Placed: CheckRange counts the rows that queries for their partition key find.
	Placed bool `json:"placed,omitempty"`
}

// CopyResult is CopyRange's answer: how far it came, and why no further.
type CopyResult struct {
	Reached transfer.Checkpoint `json:"reached"`
	Done    bool                `json:"done"`
	// Lost is how many attempts before this one ended without an answer.
	Lost int `json:"lost,omitempty"`
	// Ahead: rows behind Reached were written, so that the rest can't be inserted unseen.
	Ahead bool `json:"ahead,omitempty"`
	// Restarted: the target's server was restarted since the range's checkpoint, and the range was begun again.
	Restarted bool `json:"restarted,omitempty"`
	// Part is what the range became, where ranges are written whole.
	Part *transfer.Part `json:"part,omitempty"`
}

// ExportInput says what the run of an export is, once all its parts are in place.
type ExportInput struct {
	Ref
	Workflow string `json:"workflow"`
	Run      string `json:"run"`
	// Schedule and Scheduled are the schedule that started the job and when it was to.
	Schedule    string              `json:"schedule,omitempty"`
	Scheduled   time.Time           `json:"scheduled,omitzero"`
	Started     time.Time           `json:"started"`
	Ended       time.Time           `json:"ended"`
	Verified    string              `json:"verified"`
	Server      string              `json:"server"`
	Collections []export.Collection `json:"collections"`
	Left        []transfer.Left     `json:"left,omitempty"`
	Notes       []string            `json:"notes,omitempty"`
}

// CheckResult is CheckRange's answer.
type CheckResult struct {
	// Wrong is how many rows were in batches whose keys did not stand exactly once; they were written again.
	Wrong int64 `json:"wrong,string"`
	// Lost: an attempt before this one was lost, and may have written rows again that count right now.
	Lost bool `json:"lost,omitempty"`
	// Values are how many rows with which other values of the partition key are replaced; those of "" have further values.
	Values []ValueRows `json:"values,omitempty"`
}

// ValueRows is how many rows have a value.
type ValueRows struct {
	Value string `json:"value"`
	Rows  int64  `json:"rows,string"`
}

// Heartbeat is what a running activity tells of itself. It is also what the next attempt goes on from.
type Heartbeat struct {
	Reached transfer.Checkpoint `json:"reached"`
	// Rows and Bytes are what was gained since the activity was scheduled.
	Rows  int64 `json:"rows,string"`
	Bytes int64 `json:"bytes,string"`
	// Waiting says what is waited for, Since when.
	Waiting string    `json:"waiting,omitempty"`
	Since   time.Time `json:"since,omitzero"`
	// Away is since when a server has not answered, AwayServer which, if it could not even be connected to; give_up_after counts
	// from then.
	Away       time.Time `json:"away,omitzero"`
	AwayServer string    `json:"awayServer,omitempty"`
	// Compared is CompareRange's, Placement FindMisplaced's.
	Compared  *compare.Compared   `json:"compared,omitempty"`
	Placement *transfer.Placement `json:"placement,omitempty"`
}
