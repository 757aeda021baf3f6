package transfer

import (
	"context"
	"errors"

	"milvusdm/internal/rows"
)

// Sink is one target collection. Every step may be repeated: it is a no-op when its result already stands, and never
// undoes what a later step did.
//
// A sink is opened for one activity and closed at its end.
type Sink interface {
	// Inspect says what stands in the target and what would become of it. It changes nothing, and refuses with a fault
	// whatever can be known to fail.
	Inspect(ctx context.Context, from *Description) (*TargetPlan, error)
	// Prepare makes what the plan says: collection, partition. It returns what to write into.
	Prepare(ctx context.Context, plan *TargetPlan) (*Target, error)
	// Adopt checks that a target which an earlier run prepared still stands and is ours, and returns it as it is now:
	// fault.NotFound or fault.Conflict when it is gone or somebody else's.
	Adopt(ctx context.Context, t *Target) (*Target, error)
	// Open makes a writer into a partition ("": the plan's). With insert, rows are sent without looking for their keys: right
	// only when none of them can have been sent before. report is called with what a write waits for.
	Open(ctx context.Context, t *Target, partition string, insert bool, report func(string)) (Writer, error)
	// Epoch names the processes that keep what is acknowledged from now on until it is flushed.
	Epoch(ctx context.Context) (Epoch, error)
	// Flush makes durable all that was acknowledged under the epoch that it returns, or under one that is not over by then.
	// report is called with what is being waited for.
	Flush(ctx context.Context, t *Target, report func(string)) (Epoch, error)
	// Finalize does one of the target's steps, which end in "done" or in a reason why it can't be had (Outcome.Missing).
	// report is called with what is being waited for.
	Finalize(ctx context.Context, t *Target, step string, report func(string)) (Outcome, error)
	// Count returns how many rows the target holds: of the partition, where there is one.
	Count(ctx context.Context, t *Target) (int64, error)
	// CountKeys returns how many rows have one of the given distinct keys, in one partition, or over all ("").
	CountKeys(ctx context.Context, t *Target, keys *rows.Keys, partition string) (int64, error)
	// ExistingKeys returns those of the given keys that stand in the target, in any partition.
	ExistingKeys(ctx context.Context, t *Target, keys *rows.Keys) (rows.KeySet, error)
	// Publish puts the target in its final place, dropping what it replaces.
	Publish(ctx context.Context, t *Target) error
	// Discard drops what Prepare made and Publish has not put in place; what belongs to others it never touches.
	Discard(ctx context.Context, t *Target) error
	Close() error
}

// Cleaner is a Sink that can find what a job's runs have made there.
type Cleaner interface {
	// Clean drops what runs of the sink's job have made and not put in its place; made is what is known of it. What does not carry the
	// job's mark it leaves alone. With dry it only says what it would do. report is called with how far it is.
	Clean(ctx context.Context, made []Target, dry bool, report func(string)) (*Cleaned, error)
}

// Cleaned is what a Cleaner dropped, and what it kept that is the job's too, and why.
type Cleaned struct {
	Dropped []string `json:"dropped"`
	Kept    []string `json:"kept,omitempty"`
}

// Writer writes batches into a target. It may be used by several goroutines.
type Writer interface {
	// Write returns nil when the target has acknowledged the whole batch; Sink.Flush makes it durable. When ctx ends before the
	// batch was sent it returns ErrNotSent; a call under way it does not cut off. After any other error the batch may have
	// been written wholly, partly or not at all, and the batch's memory may still be read from: it must not be changed. When it
	// returns nil it keeps nothing of b.
	Write(ctx context.Context, b *rows.Batch) error
	Close() error
}

// PartSink is a Sink whose targets get a range whole or not at all (TargetPlan.WholeRanges): a file for each.
type PartSink interface {
	Sink
	// OpenPart begins the part that r becomes; where it stands there already, from an attempt before, it returns that instead.
	// attempt is unique to the attempt. report is called with what is going on.
	OpenPart(ctx context.Context, t *Target, r rows.Range, attempt string, report func(string)) (PartWriter, *Part, error)
}

// PartWriter is a Writer of a part. It takes batches in order, one at a time; Close, without Finish, leaves nothing.
type PartWriter interface {
	Writer
	// Finish puts the part in its place, durably. sum is that of the rows that were written.
	Finish(ctx context.Context, sum rows.Sum) (*Part, error)
}

// Part is what a range became: a file of an export.
type Part struct {
	// Path is relative to the run's directory, with slashes.
	Path      string `json:"path"`
	Partition string `json:"partition,omitempty"`
	// Number counts the parts of a partition from 1, if it has several.
	Number int   `json:"number,omitempty"`
	Rows   int64 `json:"rows,string"`
	Bytes  int64 `json:"bytes,string"`
	// SHA256 is the file's, in hex; Sum the content sum of its rows.
	SHA256 string   `json:"sha256"`
	Sum    rows.Sum `json:"sum"`
}

// ErrNotSent says that a write was given up before anything was sent.
var ErrNotSent = errors.New("not sent")

// Action is what becomes of a target.
type Action string

const (
	ActionCreate    Action = "create"    // it is not there: made under a staging name and renamed at the end
	ActionReplace   Action = "replace"   // it is there and is replaced, at the end, by what was staged
	ActionAppend    Action = "append"    // rows are added to what is there
	ActionPartition Action = "partition" // a new partition is made in a collection that is there
	ActionRefill    Action = "refill"    // a partition is dropped, made anew and filled
	ActionSkip      Action = "skip"      // it is there and is left alone
)

// TargetPlan is what Inspect found and what Prepare is to make.
type TargetPlan struct {
	Action Action `json:"action"`
	// Place names the target for a person, as "127.0.0.1:19530/default/articles".
	Place string `json:"place"`
	// LockID is the same for whatever would write into the same collection.
	LockID     string `json:"lockId"`
	Collection string `json:"collection"`
	Partition  string `json:"partition,omitempty"`
	// Partitions are those that rows go to, where the source names them; Partition is "" then.
	Partitions []string `json:"partitions,omitempty"`
	// NewIDs: the server makes the primary keys, and the source's are left out.
	NewIDs bool `json:"newIds,omitempty"`
	// Settings are what a collection that is made gets besides its schema, and of one that is there the indexes that it lacks; nil
	// where the source has none, and the job's own keys say it all.
	Settings *Settings `json:"settings,omitempty"`
	// RowNumbers: the source has no keys, and its rows are numbered.
	RowNumbers bool `json:"rowNumbers,omitempty"`
	// RangeRows is how many rows a range is to have, 0 where the engine may choose. WholeRanges: a range is written whole or not
	// at all, by one writer in order (see PartSink).
	RangeRows   int64 `json:"rangeRows,omitempty,string"`
	WholeRanges bool  `json:"wholeRanges,omitempty"`
	// StagingName is the collection's name until it is published, "" where rows go into the final place at once.
	StagingName string `json:"stagingName,omitempty"`
	// OldID is the ID of the collection (for ActionRefill: of the partition) that is replaced.
	OldID int64 `json:"oldId,omitempty,string"`
	// OnExisting is what is done with keys that stand in the target already: "fail", "replace" or "keep".
	OnExisting string `json:"onExisting,omitempty"`
	// Placed: a partition key of the server's chooses the rows' partitions (see PlacedCounter).
	Placed bool `json:"placed,omitempty"`
	// ReplacedAcross is the partition key of a collection that is there and whose keys are replaced: rows with other values of it
	// are replaced too. "" where that can't be.
	ReplacedAcross string `json:"replacedAcross,omitempty"`
	// FirstKey is the key of the source's first row where its rows are numbered from behind the target's greatest key on.
	// A job that is resumed keeps it.
	FirstKey int64 `json:"firstKey,omitempty,string"`
	// OtherPartitions: the collection has partitions that rows do not go to. An upsert does not see the keys in them.
	OtherPartitions bool `json:"otherPartitions,omitempty"`
	// CollectionID is the ID of the collection that is there, 0 if there is none.
	CollectionID int64 `json:"collectionId,omitempty,string"`
	// Rows is how many rows stand in the target, -1 when that is not known (the collection is not loaded).
	Rows int64 `json:"rows,string"`
	// Schema is the collection's: as it is, or as it will be made.
	Schema rows.Schema `json:"schema"`
	// Index is the vector field's. With Settings those have all indexes, and this is the first vector field's, to be told.
	Index Index `json:"index"`
	// Indexed: the collection that is there has an index on the vector field.
	Indexed bool `json:"indexed,omitempty"`
	// Loaded says whether the collection was loaded; KeepLoaded how it is left. LoadedPartitions and KeepPartitions are the
	// loaded partitions where others are not loaded; nil where all are, or none.
	Loaded           bool     `json:"loaded,omitempty"`
	LoadedPartitions []string `json:"loadedPartitions,omitempty"`
	KeepLoaded       bool     `json:"keepLoaded,omitempty"`
	KeepPartitions   []string `json:"keepPartitions,omitempty"`
	// CountIndexes are the fields that have no index in the source: they get one only to load and count the rows.
	CountIndexes []string `json:"countIndexes,omitempty"`
	Server       string   `json:"server"`
	Notes        []string `json:"notes,omitempty"`
}

// WhollyLoaded reports whether all partitions of the collection were loaded, so that every key can be looked up.
func (p *TargetPlan) WhollyLoaded() bool { return p.Loaded && len(p.LoadedPartitions) == 0 }

// Index is the index that a vector field has or will have.
type Index struct {
	Field  string            `json:"field"`
	Type   string            `json:"type"`
	Metric string            `json:"metric"`
	Params map[string]string `json:"params,omitempty"`
}

// Target is a prepared target.
type Target struct {
	Plan TargetPlan `json:"plan"`
	// Name is the collection that rows are written into: the staging name, or the final one.
	Name         string `json:"name"`
	CollectionID int64  `json:"collectionId,string"`
	// Fresh: the collection was made by this job, holds nothing else and nobody else knows its name.
	Fresh bool `json:"fresh,omitempty"`
	// Steps are what Finalize has to do, in order.
	Steps []string `json:"steps"`
	// Replicas is how many are loaded of a collection that is not Fresh; 0 stands for one.
	Replicas int32 `json:"replicas,omitempty"`
	// Parts are what the ranges became, once all are copied, where ranges are written whole.
	Parts []Part `json:"parts,omitempty"`
}

// Steps of Finalize that are not in Target.Steps: they put back what was changed only to count rows or to look keys up.
const (
	// StepRelease releases the collection, and drops its CountIndexes.
	StepRelease = "release"
	// StepReleaseOthers releases the partitions that are not among KeepPartitions or, where there are none, LoadedPartitions.
	StepReleaseOthers = "release partitions"
	// StepDropIndex drops the index.
	StepDropIndex = "drop index"
)

// Outcome is the end of a finalizing step.
type Outcome struct {
	// Missing says why the step's result can't be had on this server; the job goes on and says so.
	Missing string `json:"missing,omitempty"`
	// Published: StepRelease found a new collection under its final name, and did not release it.
	Published bool `json:"published,omitempty"`
	// Replicas is how many of the collection were loaded before StepRelease.
	Replicas int32 `json:"replicas,omitempty"`
}
