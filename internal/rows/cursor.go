package rows

import "fmt"

// CursorKind says what a cursor counts in.
type CursorKind string

const (
	RowCursor    CursorKind = "row"    // Int is a row number of a file source, counted over all its files: the place before it
	Int64Cursor  CursorKind = "int64"  // Int is a primary key: the place right behind it
	StringCursor CursorKind = "string" // Str is a primary key, or text that need be none: the place right behind it
)

// Cursor is a place in a source: a row number or a key, never a batch number, so that it means the same whatever the
// batch size. The zero Cursor means "no bound". It passes through Temporal as JSON; integers travel as strings, since a
// JSON number would lose digits above 2^53.
type Cursor struct {
	Kind CursorKind `json:"kind,omitempty"`
	Int  int64      `json:"int,omitempty,string"`
	Str  string     `json:"str,omitempty"`
}

// Row makes a cursor that stands before row n.
func Row(n int64) Cursor { return Cursor{Kind: RowCursor, Int: n} }

// IsZero reports whether the cursor is no bound at all.
func (c Cursor) IsZero() bool { return c.Kind == "" }

func (c Cursor) String() string {
	switch c.Kind {
	case "":
		return "the beginning"
	case StringCursor:
		return fmt.Sprintf("key %q", c.Str)
	case Int64Cursor:
		return fmt.Sprintf("key %d", c.Int)
	}
	return fmt.Sprintf("row %d", c.Int)
}

// Range is a part of a source that one activity copies: the half-open interval [From, To).
type Range struct {
	ID int `json:"id"`
	// Partition is where the rows go, by its name in the target, "" where the source names none. It counts in content sums.
	Partition string `json:"partition,omitempty"`
	// Number counts the ranges of a partition from 1, if it has several and they are to become parts (see PartSink).
	Number int `json:"number,omitempty"`
	// Empty: the source has no rows here, and is not asked for them. The range is there for what it becomes.
	Empty bool `json:"empty,omitempty"`
	// Rows is how many rows the range holds: exact for files, estimated for servers.
	Rows int64  `json:"rows,string"`
	From Cursor `json:"from"`
	To   Cursor `json:"to"`
	// Skip holds the rows, counted from From, that a later row of the same key supersedes: they are read and not written.
	Skip RowSet `json:"skip,omitempty"`
	// Repeated is how many rows a server's source holds beyond one for each primary key of the partition: they are never read.
	// It stands at the partition's last range.
	Repeated int64 `json:"repeated,omitempty,string"`
}
