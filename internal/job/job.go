// Package job turns a YAML file into a typed job. It knows two forms: this program's own, and MilvusDM 2.0's.
//
// A [Job] is frozen when it is started: paths are absolute, `${env:NAME}` is replaced, defaults are filled in. Secrets
// are the exception: a job only names them, and the worker looks them up when it connects.
//
// The keys, their rules and their defaults are the tags of the types in job.go, server.go (own form) and milvusdm2.go; the tags'
// meaning is told by package strict. The comments on fields are also the texts that editors show.
package job

import (
	"strconv"
	"time"
)

//go:generate go test -run TestSchema -update .

// Job is one transfer, as it travels to the workflow.
type Job struct {
	// Identifies the job, also to Temporal. Without it, the name of the file.
	Name string `json:"name" yaml:"name" rule:"is=name"`
	// What is read.
	Source Source `json:"source" yaml:"source" rule:"required,one"`
	// What is written.
	Target Target `json:"target,omitzero" yaml:"target" rule:"one"`
	// What the source is compared with, instead of a target: such a job is for verify only.
	Compare *Source `json:"compare,omitempty" yaml:"compare" rule:"one"`
	// How rows are moved.
	Copy Copy `json:"copy" yaml:"copy"`
	// Form is the form that the job was written in: "" for our own, or MilvusDM2. See Key.
	Form string `json:"form,omitempty" yaml:"-"`
}

// Source is what is read: exactly one of its fields is set.
type Source struct {
	// HDF5 files.
	HDF5 *HDF5Source `json:"hdf5,omitempty" yaml:"hdf5"`
	// Faiss index files.
	Faiss *FaissSource `json:"faiss,omitempty" yaml:"faiss"`
	// Collections on a Milvus server.
	Milvus *MilvusSource `json:"milvus,omitempty" yaml:"milvus"`
	// Collections in the directory of a Milvus 1.x server.
	Milvus1 *Milvus1Source `json:"milvus1,omitempty" yaml:"milvus1"`
	// Collections that a job with an HDF5 target wrote.
	Export *ExportSource `json:"export,omitempty" yaml:"export"`
}

// Target is what is written: exactly one of its fields is set.
type Target struct {
	// A collection on a Milvus server; with a Milvus source, as many as are copied.
	Milvus *MilvusTarget `json:"milvus,omitempty" yaml:"milvus"`
	// A directory of HDF5 files.
	HDF5 *HDF5Target `json:"hdf5,omitempty" yaml:"hdf5"`
}

// MilvusSource says what to read from a Milvus server.
type MilvusSource struct {
	MilvusServer `yaml:",inline"`
	// Collections to copy: names, or, to say more, mappings with name. '*' stands for all that are not named, and 'tmp_*' for those
	// of them that begin with tmp_.
	Collections []Collection `json:"collections" yaml:"collections" rule:"required"`
	// Side is what a verification reads here, where it is not the job's source: SideTarget or SideCompare.
	Side string `json:"side,omitempty" yaml:"-"`
}

// Collection is what to copy of a source's collection.
type Collection struct {
	// Name of the collection, or a pattern of names, in which * is any text and ? any one character.
	Name string `json:"name" yaml:"name" rule:"required,text,is=any_collection"`
	// Names, or patterns of names, of collections that a pattern does not stand for.
	Except []string `json:"except,omitempty" yaml:"except" rule:"is=any_collection"`
	// The name is an alias: what it stands for when a run begins is copied, by default into a collection of the alias's name.
	FollowAlias bool `json:"followAlias,omitempty" yaml:"follow_alias"`
	// Alias is the one that Name stands for in this run; the worker that lists collections fills it in.
	Alias string `json:"alias,omitempty" yaml:"-"`
	// Pattern says that a pattern stood for it; the worker that lists collections fills it in.
	Pattern bool `json:"pattern,omitempty" yaml:"-"`
	// Its name in the target, in which {name} is the name in the source. Without it, the same.
	As string `json:"as,omitempty" yaml:"as" rule:"is=as_collection"`
	// Partitions to copy. Without it, all.
	Partitions []string `json:"partitions,omitempty" yaml:"partitions" rule:"is=source_partition"`
	// Names that partitions get in the target, by their names in the source.
	RenamePartitions map[string]string `json:"renamePartitions,omitempty" yaml:"rename_partitions" rule:"is=source_partition"`
	// Copies only rows for which this expression of Milvus is true, as year > 2000.
	Filter string `json:"filter,omitempty" yaml:"filter" rule:"is=filter"`
	// Fields to copy; the primary key is among them always, and $meta stands for all dynamic ones. Without it, all.
	Fields []string `json:"fields,omitempty" yaml:"fields" rule:"is=source_field"`
	// Names that fields get in the target, by their names in the source.
	RenameFields map[string]string `json:"renameFields,omitempty" yaml:"rename_fields" rule:"is=field"`
	// Larger max_length that VarChar fields get in the target, in bytes, by their names in the source.
	MaxLength map[string]string `json:"maxLength,omitempty" yaml:"max_length" rule:"is=length"`
	// Most rows to copy, the first ones by partition and primary key. Without it, all.
	Limit int64 `json:"limit,omitempty" yaml:"limit" rule:"min=1"`
}

// Milvus1Source says what to read from the directory that a Milvus 1.x server kept its data in.
type Milvus1Source struct {
	// Directory of the server: the one that holds db.
	Path string `json:"path" yaml:"path" rule:"required,is=path"`
	// Name of the machine that has the directory, where not every worker does: the host name its worker was started with.
	Host string `json:"host,omitempty" yaml:"host" rule:"is=name,retunable"`
	// MySQL server that holds the metadata. Without it, the SQLite file db/meta.sqlite in the directory.
	MySQL *MySQL `json:"mysql,omitempty" yaml:"mysql"`
	// Collections to copy: names, or, to say more, mappings with name. '*' stands for all that are not named, and 'tmp_*' for those
	// of them that begin with tmp_.
	Collections []Collection `json:"collections" yaml:"collections" rule:"required"`
	// Name of the target's primary key.
	KeyField string `json:"keyField,omitempty" yaml:"key_field" rule:"is=field,default=id"`
	// Name of the target's vector field.
	VectorField string `json:"vectorField,omitempty" yaml:"vector_field" rule:"is=field,default=embedding"`
}

// MySQL says how to reach the MySQL server of a Milvus 1.x.
type MySQL struct {
	// Host of the server.
	Host string `json:"host" yaml:"host" rule:"required,is=host"`
	// Port of the server.
	Port int `json:"port" yaml:"port" rule:"quoted,min=1,max=65535,default=3306"`
	// User to log in as.
	User string `json:"user" yaml:"user" rule:"required,is=user,retunable"`
	// Password of the user, by reference.
	Password Secret `json:"password,omitzero" yaml:"password" rule:"retunable"`
	// Database of the metadata.
	Database string `json:"database" yaml:"database" rule:"is=user,default=milvus"`
}

// ExportSource says what to read of the run of an export.
type ExportSource struct {
	// Directory of the run, which holds manifest.json; or that of all runs: then the newest finished one is taken.
	Path string `json:"path" yaml:"path" rule:"required,is=path"`
	// Seal is that of the run's manifest, once the run is chosen; the workflow fills it in, with the run's own directory as Path.
	Seal string `json:"seal,omitempty" yaml:"-"`
	// Name of the machine that has the directory, where not every worker does: the host name its worker was started with.
	Host string `json:"host,omitempty" yaml:"host" rule:"is=name,retunable"`
	// Collections to copy: names, or, to say more, mappings with name. '*' stands for all that are not named, and 'tmp_*' for those
	// of them that begin with tmp_.
	Collections []Collection `json:"collections" yaml:"collections" rule:"required"`
}

// HDF5Target says how HDF5 files are written: DIRECTORY/RUN/COLLECTION/PARTITION.h5.
type HDF5Target struct {
	// Directory of all runs.
	Directory string `json:"directory" yaml:"directory" rule:"required,is=path"`
	// Name of this run's directory. Without it, the time at which the run was started (or scheduled).
	Run string `json:"run,omitempty" yaml:"run" rule:"is=name"`
	// Schedule is the one that started the run; the workflow fills it in.
	Schedule string `json:"schedule,omitempty" yaml:"-"`
	// Workflow is the run's workflow ID; the workflow fills it in too.
	Workflow string `json:"workflow,omitempty" yaml:"-"`
	// Name of the machine that has the directory, where not every worker does: the host name its worker was started with.
	Host string `json:"host,omitempty" yaml:"host" rule:"is=name,retunable"`
	// Who may read the files, beside this worker's user: nobody (owner), its group, or everyone.
	ReadableBy string `json:"readableBy,omitempty" yaml:"readable_by" rule:"is=readable_by,default=owner,retunable"`
	// Compression of the datasets.
	Compression Compression `json:"compression,omitempty" yaml:"compression" rule:"is=compression,default=none"`
	// Level of gzip.
	Level int `json:"level,omitempty" yaml:"level" rule:"min=1,max=9"`
	// Sorts the bytes of each chunk by their place in the number, which compresses better.
	Shuffle bool `json:"shuffle,omitempty" yaml:"shuffle"`
	// Adds a checksum to each chunk.
	Fletcher32 bool `json:"fletcher32,omitempty" yaml:"fletcher32"`
	// Begins a new file after about so many rows: a partition's are spread evenly over its files.
	SplitRows int64 `json:"splitRows,omitempty" yaml:"split_rows" rule:"min=1"`
	// Begins a new file after about so many bytes of rows.
	SplitBytes int64 `json:"splitBytes,omitempty" yaml:"split_bytes" rule:"bytes,min=1MiB"`
}

// Files are the input files of one collection, in row order, all of the same schema.
type Files struct {
	// Files and directories, in row order. A directory stands for the files of the format in it, not below it, by name.
	// Relative paths start at the job file's directory.
	Paths []string `json:"paths" yaml:"paths" rule:"required,is=path"`
	// Name of the machine that has the files, where not every worker does: the host name its worker was started with.
	Host string `json:"host,omitempty" yaml:"host" rule:"is=name,retunable"`
	// Takes only a part of the rows, counted over all files.
	Rows RowSlice `json:"rows,omitzero" yaml:"rows"`
	// Key of the first row of all files where rows are numbered: a number, or auto: behind the greatest key in the target.
	// Without it, 0.
	KeyOffset string `json:"keyOffset,omitempty" yaml:"key_offset" rule:"is=key_offset"`
}

// KeyOffsetAuto is the KeyOffset that is resolved when the job is planned.
const KeyOffsetAuto = "auto"

// FirstKey is the key of the first row where rows are numbered. An offset that is not resolved is 0.
func (f *Files) FirstKey() int64 {
	n, err := strconv.ParseInt(f.KeyOffset, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// RowSlice is rows [First, First+Count); Count 0 means to the end.
type RowSlice struct {
	// Number of the first row to take, from 0.
	First int64 `json:"first,omitempty" yaml:"first" rule:"min=0"`
	// How many rows to take. Without it, all to the end.
	Count int64 `json:"count,omitempty" yaml:"count" rule:"min=1"`
}

// HDF5Layout names a way in which an HDF5 file holds rows.
type HDF5Layout string

const (
	LayoutAuto     HDF5Layout = "auto"
	LayoutMilvusDM HDF5Layout = "milvusdm"       // root datasets embeddings and, optionally, ids
	LayoutANN      HDF5Layout = "ann-benchmarks" // root dataset train
	LayoutGroup    HDF5Layout = "group"          // one dataset per field in a group
	LayoutCompound HDF5Layout = "compound"       // one dataset of a compound type
	LayoutPandas   HDF5Layout = "pandas"         // a numeric DataFrame written by to_hdf(format="fixed")
	LayoutObjects  HDF5Layout = "objects"        // one dataset, or group of one dataset, per vector, named by its key
	LayoutExport   HDF5Layout = "export"         // a file that this program wrote, of a whole collection
)

// HDF5Source says how to read HDF5 files.
type HDF5Source struct {
	Files `yaml:",inline"`
	// How the file holds rows. "auto" finds out.
	Layout HDF5Layout `json:"layout" yaml:"layout" rule:"is=layout,default=auto"`
	// Path of the group or dataset inside the file, as /packages. Without it, the layout's own.
	Object string `json:"object,omitempty" yaml:"object"`
	// Name of the target's primary key. Without it, the name in the file, else id.
	KeyField string `json:"keyField,omitempty" yaml:"key_field" rule:"is=field"`
	// Name of the target's vector field. Without it, the name in the file, else embedding.
	VectorField string `json:"vectorField,omitempty" yaml:"vector_field" rule:"is=field"`
	// Dataset, member or column that holds the primary keys: integers or strings. Without it, ids or id where there is
	// one. "none" numbers the rows instead.
	Key string `json:"key,omitempty" yaml:"key"`
	// Datasets, members or columns to copy; the key is among them always. Without it, all.
	Fields []string `json:"fields,omitempty" yaml:"fields"`
	// Datasets, members or columns to leave out.
	Except []string `json:"except,omitempty" yaml:"except"`
	// Names that fields get in the target, by their names in the file.
	RenameFields map[string]string `json:"renameFields,omitempty" yaml:"rename_fields" rule:"is=field"`
	// Numeric columns of one value a row that make up the vector, in this order, as ['x*'] or [x, y, z].
	VectorColumns []string `json:"vectorColumns,omitempty" yaml:"vector_columns"`
	// Vector type that the data is to be taken for, as BinaryVector for a uint8 dataset in a group. Without it, detected.
	Vector string `json:"vector,omitempty" yaml:"vector" rule:"is=vector"`
	// Datasets of strings that hold JSON.
	JSON []string `json:"json,omitempty" yaml:"json"`
	// AnyLayout: a file that is not of Layout may be of another, as "auto" finds out.
	AnyLayout bool `json:"anyLayout,omitempty" yaml:"-"`
	// Form is where the source stands in the file that it was read from; see KeyName.
	Form HDF5Form `json:"form,omitempty" yaml:"-"`
}

// FaissSource says how to read Faiss index files.
type FaissSource struct {
	Files `yaml:",inline"`
	// Name of the target's primary key.
	KeyField string `json:"keyField,omitempty" yaml:"key_field" rule:"is=field,default=id"`
	// Name of the target's vector field.
	VectorField string `json:"vectorField,omitempty" yaml:"vector_field" rule:"is=field,default=embedding"`
	// "none" leaves the ids of the files out and numbers the rows. Without it, ids are the primary keys.
	Key string `json:"key,omitempty" yaml:"key" rule:"is=no_key"`
}

// MilvusTarget names a collection on a Milvus server and how it is to be.
type MilvusTarget struct {
	MilvusServer `yaml:",inline"`
	// Collection to write. It is created when it does not exist. With a Milvus source, source.milvus.collections says it.
	Collection string `json:"collection,omitempty" yaml:"collection" rule:"is=collection"`
	// Partition to write. Without it, the default partition.
	Partition string `json:"partition,omitempty" yaml:"partition" rule:"is=partition"`
	// What to do with a collection (with a partition named: a partition) that exists: write into it (append), leave it alone
	// (skip) or replace it (overwrite).
	Mode Mode `json:"mode" yaml:"mode" rule:"is=mode,default=append"`
	// What the data's dimension must be. Without it, the data decides.
	Dimension int64 `json:"dimension,omitempty" yaml:"dimension" rule:"min=1,max=262144"`
	// Description of a collection that is created.
	Description string `json:"description,omitempty" yaml:"description"`
	// Number of partitions that the values of a partition key are spread over, in a collection that is created. Without it, the source's.
	NumPartitions int64 `json:"numPartitions,omitempty" yaml:"num_partitions" rule:"min=1,max=4096"`
	// Number of shards of a collection that is created. Without it, the source's or the server's default.
	Shards int32 `json:"shards,omitempty" yaml:"shards" rule:"min=1,max=64"`
	// Index of the vector field. With a Milvus source, the source's indexes are made.
	Index Index `json:"index" yaml:"index"`
	// Primary keys of a copied collection: the source's (keep), or new ones that the server makes (new), which needs
	// accept_repeats. Without it, keep.
	IDs IDs `json:"ids,omitempty" yaml:"ids" rule:"is=ids"`
	// Takes it that with ids: new a row can arrive twice when a server or a worker fails: nothing can tell.
	AcceptRepeats bool `json:"acceptRepeats,omitempty" yaml:"accept_repeats"`
	// Whether the collection is left loaded. "keep": if it was before; a new one is.
	Load LoadState `json:"load" yaml:"load" rule:"is=load,default=keep"`
}

// Index is the index of the vector field.
type Index struct {
	// Index type. Without it, a default that fits the vector type.
	Type string `json:"type,omitempty" yaml:"type" rule:"is=index"`
	// Metric type. Without it, the source's, else L2, and HAMMING for binary vectors.
	Metric string `json:"metric,omitempty" yaml:"metric" rule:"is=metric"`
	// Parameters of the index type, as M and efConstruction for HNSW.
	Params map[string]string `json:"params,omitempty" yaml:"params"`
}

// Copy says how rows are moved.
type Copy struct {
	// Most rows sent at once.
	BatchRows int `json:"batchRows" yaml:"batch_rows" rule:"min=1,max=16384,default=8000,retunable"`
	// Most bytes sent at once; the server takes less than 64 MiB.
	BatchBytes int `json:"batchBytes" yaml:"batch_bytes" rule:"bytes,min=64KiB,max=48MiB,default=8MiB,retunable"`
	// About how many rows one activity copies. Without it, chosen by the size of a row.
	RangeRows int64 `json:"rangeRows,omitempty" yaml:"range_rows" rule:"min=1"`
	// How many ranges of rows are copied at once.
	Parallel int `json:"parallel" yaml:"parallel" rule:"min=1,max=64,default=2,retunable"`
	// How many collections are copied at once, where a job copies several.
	Collections int `json:"collections" yaml:"collections" rule:"min=1,max=64,default=1,retunable"`
	// How many batches of a range are under way at once.
	Writers int `json:"writers" yaml:"writers" rule:"min=1,max=16,default=2,retunable"`
	// For keys that stand more than once in the source: refuse (fail), or take the last by file order and row (last; for
	// files), or the one that the server answers with (one; for Milvus).
	OnDuplicate OnDuplicate `json:"onDuplicate" yaml:"on_duplicate" rule:"is=on_duplicate,default=fail"`
	// For keys that mode append finds in the target: refuse (fail), write the source's row (replace) or leave the target's
	// (keep).
	OnExisting OnExisting `json:"onExisting" yaml:"on_existing" rule:"is=on_existing,default=fail"`
	// Where the server has no memory for the collection that mode overwrite replaces and the new one: releases the old one, which
	// is then not served until the new one is counted and in its place.
	ReleaseFirst bool `json:"releaseFirst,omitempty" yaml:"release_first" rule:"retunable"`
	// How the target is compared with what was copied: by the number of its rows (count), with contents of a batch out of each
	// range (sample), or all of them (full).
	Verify Verify `json:"verify" yaml:"verify" rule:"is=verify,default=count"`
	// Passes NaN and infinite vector elements on, instead of refusing them.
	AllowNaN bool `json:"allowNaN,omitempty" yaml:"allow_nan" rule:"retunable"`
	// Takes sources that hold only an approximation of the vectors.
	AllowLossy bool `json:"allowLossy,omitempty" yaml:"allow_lossy" rule:"retunable"`
	// Reads and checks every row before anything is written.
	Prescan bool `json:"prescan,omitempty" yaml:"prescan" rule:"retunable"`
	// How long the server may take for one batch. A batch that took longer may have been written all the same: it is sent
	// again as an upsert.
	WriteTimeout time.Duration `json:"writeTimeout" yaml:"write_timeout" rule:"min=1s,max=10m,default=30s,retunable"`
	// How often rows that were written are flushed while others are copied: what is not flushed yet is sent again when the target's
	// server is restarted.
	FlushEvery time.Duration `json:"flushEvery" yaml:"flush_every" rule:"min=1s,max=24h,default=5m,retunable"`
	// How soon a lost worker is noticed and its work given to another.
	HeartbeatTimeout time.Duration `json:"heartbeatTimeout" yaml:"heartbeat_timeout" rule:"min=2s,max=10m,default=30s,retunable"`
	// Bounds the wait for a server that went away after the first write. Without it, the job waits for ever.
	GiveUpAfter time.Duration `json:"giveUpAfter,omitempty" yaml:"give_up_after" rule:"min=1s,retunable"`
}

// Direction names the workflow that runs the job, as "HDF5ToMilvus". Of a job that only compares it names the two sides.
func (j *Job) Direction() string {
	from := j.Source.Kind().Direction() + "To"
	if j.Compare != nil {
		return from + j.Compare.Kind().Direction()
	}
	return from + j.Target.Kind().Direction()
}
