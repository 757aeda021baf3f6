package job

// Values of keys that are a choice of some. What each does is told by the comment of its key.

// Mode says what to do with a target collection or partition that exists; the meaning is MilvusDM's.
type Mode string

const (
	Append    Mode = "append"    // write into what exists
	Skip      Mode = "skip"      // leave alone what exists
	Overwrite Mode = "overwrite" // replace what exists
)

// OnDuplicate says what to do with keys that several rows of the source have.
type OnDuplicate string

const (
	DuplicateFail OnDuplicate = "fail"
	DuplicateLast OnDuplicate = "last" // of files: the last row
	DuplicateOne  OnDuplicate = "one"  // of a Milvus: the row that the server answers with
)

// OnExisting says what to do with keys that the target has.
type OnExisting string

const (
	ExistingFail    OnExisting = "fail"
	ExistingReplace OnExisting = "replace"
	ExistingKeep    OnExisting = "keep"
)

// Verify says how a target is compared with what was copied.
type Verify string

const (
	VerifyCount  Verify = "count"
	VerifySample Verify = "sample"
	VerifyFull   Verify = "full"
)

// IDs says which primary keys a copied collection gets.
type IDs string

const (
	KeepIDs IDs = "keep"
	NewIDs  IDs = "new"
)

// LoadState says how the target is left.
type LoadState string

const (
	LoadAsBefore LoadState = "keep"
	LoadYes      LoadState = "yes"
	LoadNo       LoadState = "no"
)

// Compression is that of the files that are written.
type Compression string

const (
	NoCompression Compression = "none"
	Gzip          Compression = "gzip"
)
