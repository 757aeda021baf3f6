package export

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"regexp"
	"strings"
	"time"

	"milvusdm/internal/fault"
)

// Names of files in a run's directory.
const (
	manifestName = "manifest.json"
	partialName  = "manifest.partial.json"
	deletedName  = "manifest.deleted.json"
	sumsName     = "SHA256SUMS"
	yamlDir      = "yamls"
)

// defaultFile is the file name of the default partition, as MilvusDM's users know it: there, the partition of no name is
// Python's None.
const defaultFile = "None"

// defaultPartition is what Milvus calls it.
const defaultPartition = "_default"

// maxName bounds an encoded name: a file's name has at most 255 bytes, and a receipt's holds a part's and a checksum.
const maxName = 150

// fileName makes a file name of a collection's or a partition's name: letters, digits, "_" and "-" stay, all other bytes are
// written as %XX, as in a URL. So is the first byte of a name that would mean something else: reserved, or a hyphen at its
// beginning. A name that becomes too long is cut and ends in "~" and half its SHA-256; manifests hold all names in full.
func fileName(name, reserved string) string {
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		plain := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
		if i == 0 && (c == '-' || strings.EqualFold(name, reserved)) {
			plain = false
		}
		if plain {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	if b.Len() <= maxName {
		return b.String()
	}
	sum := sha256.Sum256([]byte(name))
	tail := "~" + hex.EncodeToString(sum[:16])
	return b.String()[:maxName-len(tail)] + tail
}

// collectionDir is the directory of a collection's parts.
func collectionDir(collection string) string { return fileName(collection, yamlDir) }

// PartName says which part of a run a file is.
type PartName struct {
	Collection string
	// Partition is "" for a collection whose partitions a key chooses. Its file has the default partition's name.
	Partition string
	// Number counts the parts of a split partition from 1; 0 says that it is not split.
	Number int
}

func (p PartName) String() string {
	text := p.Collection
	if p.Partition != "" {
		text += "/" + p.Partition
	}
	if p.Number > 0 {
		text += fmt.Sprintf(", part %d", p.Number)
	}
	return text
}

// partitionFile is the name, without ending, that a partition's files have.
func (p PartName) partitionFile() string {
	if p.Partition == "" || p.Partition == defaultPartition {
		return defaultFile
	}
	return fileName(p.Partition, defaultFile)
}

// Path is the part's path in its run's directory, with slashes.
func (p PartName) Path() string {
	file := p.partitionFile()
	if p.Number > 0 {
		file += fmt.Sprintf(".%05d", p.Number)
	}
	return path.Join(collectionDir(p.Collection), file+".h5")
}

func (p PartName) check() error {
	if p.Collection == "" {
		return fault.New(fault.Internal, "a part of a collection without a name")
	}
	if p.Number < 0 || p.Number > 99_999_999 {
		return fault.New(fault.Internal, "%s: part number %d", p, p.Number)
	}
	return nil
}

var (
	runRule    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)
	writerRule = regexp.MustCompile(`^[A-Za-z0-9-]{1,40}$`)
	tempRule   = regexp.MustCompile(`^\.(.+\.(h5|yaml|json)|SHA256SUMS)\.[A-Za-z0-9-]{1,40}\.tmp$`)
	receiptIs  = regexp.MustCompile(`^\.(.+\.h5)\.([0-9a-f]{64})\.json$`)
)

// tempPath is where a writer makes the file at p, beside it.
func tempPath(p, writer string) string {
	dir, base := path.Split(p)
	return dir + "." + base + "." + writer + ".tmp"
}

// receiptPath is where the receipt of the part at p with that checksum is, beside it.
func receiptPath(p, sha string) string {
	dir, base := path.Split(p)
	return dir + "." + base + "." + sha + ".json"
}

// isStray reports whether a file of that name is needed only until the manifest is there.
func isStray(base string) bool { return tempRule.MatchString(base) || receiptIs.MatchString(base) }

// RunName is the name of the directory of a run that began at that time. One that a schedule started is named by the time it
// was scheduled for, which is then not zero; but where it began later than window, its catch-up window, by the time it began:
// what is read is the source as it is then, and must not stand under a past date.
func RunName(began, scheduled time.Time, window time.Duration) string {
	if !scheduled.IsZero() && began.Sub(scheduled) <= window {
		began = scheduled
	}
	return began.UTC().Format("20060102T150405Z")
}

// maxRun is how long runRule lets a name be.
const maxRun = 128

// ScheduledName is the name of the directory of a run that a schedule started, by RunName's: schedules that start at the same
// time have directories of their own.
func ScheduledName(run, schedule string) string {
	name := run + "-" + notInName.ReplaceAllString(schedule, "_")
	if len(name) > maxRun {
		sum := sha256.Sum256([]byte(schedule))
		tail := "-" + hex.EncodeToString(sum[:8])
		name = name[:maxRun-len(tail)] + tail
	}
	return name
}
