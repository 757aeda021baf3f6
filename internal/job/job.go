// Package job turns a YAML file into a typed job. It knows two forms: this program's own, and MilvusDM 2.0's.
//
// A [Job] is frozen when it is started: paths are absolute, `${env:NAME}` is replaced, defaults are filled in. Secrets
// are the exception: a job only names them, and the worker looks them up when it connects.
package job

import "time"

// Job is one transfer, as it travels to the workflow.
type Job struct {
	// Name identifies the job; the workflow ID is made from it.
	Name   string `json:"name" yaml:"name"`
	Source Source `json:"source" yaml:"source"`
	Target Target `json:"target" yaml:"target"`
	Copy   Copy   `json:"copy" yaml:"copy"`
}

// Source is what is read: exactly one of its fields is set.
type Source struct {
	HDF5  *HDF5Source  `json:"hdf5,omitempty" yaml:"hdf5"`
	Faiss *FaissSource `json:"faiss,omitempty" yaml:"faiss"`
}

// Target is what is written: exactly one of its fields is set.
type Target struct {
	Milvus *MilvusTarget `json:"milvus,omitempty" yaml:"milvus"`
}

// Files are the input files of one collection, in row order, all of the same schema.
type Files struct {
	// Paths names files and directories. A directory stands for the files of the format in it, not below it, by name.
	Paths []string `json:"paths" yaml:"paths"`
	// Rows takes a part of the rows, counted over all files.
	Rows RowSlice `json:"rows,omitzero" yaml:"rows"`
}

// RowSlice is rows [First, First+Count); Count 0 means to the end.
type RowSlice struct {
	First int64 `json:"first,omitempty" yaml:"first"`
	Count int64 `json:"count,omitempty" yaml:"count"`
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
)

// HDF5Source says how to read HDF5 files.
type HDF5Source struct {
	Files  `yaml:",inline"`
	Layout HDF5Layout `json:"layout" yaml:"layout"`
	// Object is the path of the group or dataset inside the file, "" for the layout's own ("/", "/train", ...).
	Object string `json:"object,omitempty" yaml:"object"`
	// KeyField and VectorField name the target's fields where the layout has no names of its own: "id" and "embedding".
	KeyField    string `json:"keyField,omitempty" yaml:"key_field"`
	VectorField string `json:"vectorField,omitempty" yaml:"vector_field"`
	// Key names the dataset, member or column that holds the primary keys: "ids" or "id" where there is one. "none"
	// numbers the rows instead.
	Key string `json:"key,omitempty" yaml:"key"`
	// Vector is a vector type the data is to be taken for, as "BinaryVector" for a uint8 dataset in a group; "" detects.
	Vector string `json:"vector,omitempty" yaml:"vector"`
	// JSON names string datasets that hold JSON.
	JSON []string `json:"json,omitempty" yaml:"json"`
}

// FaissSource says how to read Faiss index files.
type FaissSource struct {
	Files       `yaml:",inline"`
	KeyField    string `json:"keyField,omitempty" yaml:"key_field"`
	VectorField string `json:"vectorField,omitempty" yaml:"vector_field"`
}

// Mode says what to do with a target collection or partition that exists; the meaning is MilvusDM's.
type Mode string

const (
	Append    Mode = "append"    // write into what exists
	Skip      Mode = "skip"      // leave alone what exists
	Overwrite Mode = "overwrite" // replace what exists
)

// MilvusTarget names a collection on a Milvus server and how it is to be.
type MilvusTarget struct {
	MilvusServer `yaml:",inline"`
	Collection   string `json:"collection" yaml:"collection"`
	Partition    string `json:"partition,omitempty" yaml:"partition"`
	Mode         Mode   `json:"mode" yaml:"mode"`
	// Dimension, when not 0, is what the data's dimension must be.
	Dimension int64 `json:"dimension,omitempty" yaml:"dimension"`
	// Description is the collection's, when it is created.
	Description string `json:"description,omitempty" yaml:"description"`
	// Shards is the number of shards of a collection that is created; 0 is the server's default.
	Shards int32 `json:"shards,omitempty" yaml:"shards"`
	Index  Index `json:"index" yaml:"index"`
	// Load says whether the collection is left loaded: "keep" (loaded if it was, new ones are), "yes" or "no".
	Load string `json:"load" yaml:"load"`
}

// Index is the index of the vector field.
type Index struct {
	// Type is Milvus's, as HNSW, IVF_FLAT, FLAT, AUTOINDEX, BIN_FLAT; "" is a default that fits the vector type.
	Type string `json:"type,omitempty" yaml:"type"`
	// Metric is L2, IP, COSINE, HAMMING, JACCARD, ...; "" is the source's, else L2 or HAMMING.
	Metric string            `json:"metric,omitempty" yaml:"metric"`
	Params map[string]string `json:"params,omitempty" yaml:"params"`
}

// MilvusServer says how to reach a Milvus server.
type MilvusServer struct {
	// Address is host:port, optionally behind tcp://, http:// or https:// (TLS).
	Address  string `json:"address" yaml:"address"`
	Database string `json:"database,omitempty" yaml:"database"`
	User     string `json:"user,omitempty" yaml:"user"`
	Password Secret `json:"password,omitzero" yaml:"password"`
	Token    Secret `json:"token,omitzero" yaml:"token"`
	TLS      *TLS   `json:"tls,omitempty" yaml:"tls"`
	// ConnectTimeout is how long the server may be away before the first write.
	ConnectTimeout time.Duration `json:"connectTimeout" yaml:"connect_timeout"`
}

// TLS holds the paths of PEM files on the worker's machine.
type TLS struct {
	CA         string `json:"ca,omitempty" yaml:"ca"`
	Cert       string `json:"cert,omitempty" yaml:"cert"`
	Key        string `json:"key,omitempty" yaml:"key"`
	ServerName string `json:"serverName,omitempty" yaml:"server_name"`
}

// Secret names a secret; it never holds one.
type Secret struct {
	Env  string `json:"env,omitempty"`  // `${env:NAME}`: an environment variable of the worker
	File string `json:"file,omitempty"` // `password_file: PATH`: a file on the worker's machine, its last newline left out
	// Key, with File, names the key of the YAML file that holds the secret (a MilvusDM 2.0 file).
	Key string `json:"key,omitempty"`
}

// Copy says how rows are moved.
type Copy struct {
	// BatchRows and BatchBytes bound what is sent at once.
	BatchRows  int `json:"batchRows" yaml:"batch_rows"`
	BatchBytes int `json:"batchBytes" yaml:"batch_bytes"`
	// RangeRows is about how many rows one activity copies; 0 chooses by the size of a row.
	RangeRows int64 `json:"rangeRows,omitempty" yaml:"range_rows"`
	// Parallel is how many ranges are copied at once, Writers how many batches of a range are under way at once.
	Parallel int `json:"parallel" yaml:"parallel"`
	Writers  int `json:"writers" yaml:"writers"`
	// OnDuplicate is for keys that stand more than once in the source: "fail", or "last" (by file order and row).
	OnDuplicate string `json:"onDuplicate" yaml:"on_duplicate"`
	// OnExisting is for keys that mode append finds in the target: "fail", "replace" or "keep".
	OnExisting string `json:"onExisting" yaml:"on_existing"`
	// AllowNaN passes NaN and infinite vector elements on; AllowLossy takes sources that hold only an approximation.
	AllowNaN   bool `json:"allowNaN,omitempty" yaml:"allow_nan"`
	AllowLossy bool `json:"allowLossy,omitempty" yaml:"allow_lossy"`
	// Prescan reads and checks every row before anything is written.
	Prescan bool `json:"prescan,omitempty" yaml:"prescan"`
	// WriteTimeout is how long the server may take for one batch (1s to 10m). A write that took longer may still have
	// happened: it is sent again as an upsert.
	WriteTimeout time.Duration `json:"writeTimeout" yaml:"write_timeout"`
	// HeartbeatTimeout is how soon a lost worker is noticed and its work given to another.
	HeartbeatTimeout time.Duration `json:"heartbeatTimeout" yaml:"heartbeat_timeout"`
	// GiveUpAfter bounds the wait for a server that went away after the first write; 0 waits for ever.
	GiveUpAfter time.Duration `json:"giveUpAfter,omitempty" yaml:"give_up_after"`
}
