package transfer

import (
	"context"

	"milvusdm/internal/rows"
)

// Source is one collection's worth of rows. Nothing that it does changes what it reads.
//
// A source is opened for one activity and closed at its end; it may be used by several goroutines.
type Source interface {
	// Describe reads metadata only: it is cheap whatever the number of rows.
	Describe(ctx context.Context) (*Description, error)
	// Plan cuts the rows into ranges, disjoint and complete, of about rowsPerRange rows, numbered from 0.
	// The same unchanged source and argument give the same ranges. A server's source reads all its keys for it, and calls
	// report with how far it is.
	Plan(ctx context.Context, rowsPerRange int64, report func(string)) ([]rows.Range, error)
	// Open reads a range from the cursor on; the zero Cursor means from its beginning.
	Open(ctx context.Context, r rows.Range, from rows.Cursor, limit BatchLimit) (Reader, error)
	Close() error
}

// Reader yields the rows of one range, in an order that is the same each time it is read.
// It is used by one goroutine.
type Reader interface {
	// Next returns the next rows, at least one, or io.EOF behind the last. Cursors of successive batches strictly advance.
	// Memory is bounded by the batch. The error of a bad file is fault.Corrupt and names file and row; it repeats.
	Next(ctx context.Context) (*rows.Batch, error)
	Close() error
}

// Loader is a Source that can only be read once its server has loaded it.
type Loader interface {
	// Unloaded names what is to be read and is not loaded, as Description.Unloaded does.
	Unloaded(ctx context.Context) ([]string, error)
	// Load has what loaded, which Describe found unloaded, and waits for it. report is called with how far it is. What is loaded
	// by now is left as it is.
	Load(ctx context.Context, what []string, report func(string)) error
	// Release takes back what Load did.
	Release(ctx context.Context, what []string) error
}

// Identifier is a Source that can tell its Description's Identity alone, cheaper than all of it.
type Identifier interface {
	Identity() string
}

// Waiter is a Source or a Sink whose server may have it wait in the middle of a call.
type Waiter interface {
	// OnWait has report called, from any goroutine, with what is being waited for. It is called before the other is used.
	OnWait(report func(string))
}

// Checker is a Source that says what it holds was written with checksums.
type Checker interface {
	// Check reads all that will be read and compares it with its checksums: fault.Corrupt names what is not as it was written.
	// report is called with how far it is.
	Check(ctx context.Context, report func(string)) error
}

// Finder is a Source that can read rows by their primary keys.
type Finder interface {
	// Find yields the rows of a partition ("": of any) that have one of the distinct keys, in any order.
	Find(ctx context.Context, partition string, keys *rows.Keys, yield func(*rows.Batch) error) error
}

// Counter is a Source that can count rows without reading them.
type Counter interface {
	// CountRange returns how many rows stand in the range. A key that stands twice counts twice, though it is read once.
	CountRange(ctx context.Context, r rows.Range) (int64, error)
}

// Hashed is a KeyScanner whose keys are strings: it yields a 64-bit hash of each.
type Hashed interface{ HashedKeys() bool }

// KeyScanner is a Source that can read its primary keys alone, cheaper than its rows.
type KeyScanner interface {
	// ScanKeys calls yield with the keys of all rows, in row order from row number first on. yield must not keep keys.
	ScanKeys(ctx context.Context, yield func(first int64, keys []int64) error) error
	// Place names a row number for a person, as "vectors.h5: row 17".
	Place(row int64) string
}

// BatchLimit bounds a batch: a reader ends it at the first bound reached, and makes none without a row.
type BatchLimit struct {
	Rows  int
	Bytes int
}

// Description is what a source says of itself.
type Description struct {
	// Format names what was found, as "HDF5, MilvusDM layout (embeddings, ids)".
	Format string `json:"format"`
	// Collection is the source's own name of what it holds, "" where it has none.
	Collection string      `json:"collection,omitempty"`
	Schema     rows.Schema `json:"schema"`
	Rows       int64       `json:"rows"`
	// Bytes is how much will be read, at least roughly.
	Bytes int64 `json:"bytes"`
	// Identity changes when the source's content does: for files made from size, modification time and header.
	Identity string `json:"identity"`
	// Metric is the metric type the source was made for, in Milvus's names, or "" when it does not say.
	Metric string `json:"metric,omitempty"`
	// Lossy says why the vectors are only approximately those that once were given to the source; "" when they are exact.
	Lossy string `json:"lossy,omitempty"`
	// GeneratedKeys: keys are row numbers, so they can't repeat.
	GeneratedKeys bool `json:"generatedKeys,omitempty"`
	// KeysBehind: row numbers begin behind the greatest key of the target (see TargetPlan.FirstKey).
	KeysBehind bool `json:"keysBehind,omitempty"`
	// Notes are what a user should know, as "float64 is converted to float32".
	Notes []string `json:"notes,omitempty"`
	// Inputs are the files, in row order. Empty for a server.
	Inputs []Input `json:"inputs,omitempty"`
	// Settings is what a collection is besides its schema and rows. Nil where the source holds vectors only.
	Settings *Settings `json:"settings,omitempty"`
	// Partitions are those that rows come from, by their names in the target. Nil where the source has none: then the job names
	// the target's partition. Also nil where a partition key chooses them.
	Partitions []string `json:"partitions,omitempty"`
	// Unloaded is what a server must load before it can be read (see Loader): names of partitions, or "*" for the collection.
	Unloaded []string `json:"unloaded,omitempty"`
}

// Settings is what a Milvus collection is besides its schema and rows. Names of fields and partitions are the target's.
type Settings struct {
	// Collection is the source's own ID and creation time, "" for a file: it tells a target that is the source.
	Collection  string            `json:"collection,omitempty"`
	Aliases     []string          `json:"aliases,omitempty"`
	Properties  map[string]string `json:"properties,omitempty"`
	Shards      int32             `json:"shards,omitempty"`
	Consistency string            `json:"consistency,omitempty"` // name of a commonpb.ConsistencyLevel
	// Partitions are all those of the collection, without _default; nil where a partition key makes them, which are
	// KeyPartitions many.
	Partitions    []string     `json:"partitions,omitempty"`
	KeyPartitions int64        `json:"keyPartitions,omitempty,string"`
	Indexes       []FieldIndex `json:"indexes,omitempty"`
	// Loaded and Replicas are the load state as it is before the copy.
	Loaded   bool  `json:"loaded,omitempty"`
	Replicas int32 `json:"replicas,omitempty"`
	// LoadedPartitions are the loaded ones where others are not; nil where all are loaded, or none.
	LoadedPartitions []string `json:"loadedPartitions,omitempty"`
}

// FieldIndex is an index as the server states it: CreateIndex takes Params as they are.
type FieldIndex struct {
	Field  string            `json:"field"`
	Name   string            `json:"name"`
	Params map[string]string `json:"params,omitempty"`
}

// Left is a collection that a job means by '*', and that was left out.
type Left struct {
	Name string `json:"name"`
	Why  string `json:"why"`
}

// Input is one file of a source.
type Input struct {
	Path  string `json:"path"`
	Rows  int64  `json:"rows"`
	Bytes int64  `json:"bytes"`
	// Written is what was recorded of its rows when it was written, nil where nothing was.
	Written *Written `json:"written,omitempty"`
}

// Written is what is known of a file that this program wrote: Sum is over its rows, with the name that Partition had then.
type Written struct {
	Partition string   `json:"partition,omitempty"`
	Sum       rows.Sum `json:"sum"`
}
