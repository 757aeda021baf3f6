package export

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"milvusdm/internal/fault"
	"milvusdm/internal/transfer"
)

// manifestFormat is the version of the manifest's form. A program refuses those above its own.
const manifestFormat = 1

// maxManifest bounds a manifest's file: a part takes about 400 bytes in it.
const maxManifest = 64 << 20

// Manifest says what a run has exported. In the file, Seal is the SHA-256 of the file's own bytes with 64 zeros in the
// seal's place, so that a manifest which was edited is found.
type Manifest struct {
	Format  int    `json:"format"`
	Program string `json:"program"` // that wrote it, with its version
	// Run is the name of the run's directory, as it was made.
	Run string `json:"run"`
	Job string `json:"job"`
	// Stage tells the job's attempts apart: one that goes on from another has the same.
	Stage string `json:"stage"`
	// Workflow and WorkflowRun are Temporal's, of the run that wrote it.
	Workflow    string `json:"workflow,omitempty"`
	WorkflowRun string `json:"workflowRun,omitempty"`
	// Schedule is the ID of the schedule that started the job, and Scheduled the time it was to start at.
	Schedule  string    `json:"schedule,omitempty"`
	Scheduled time.Time `json:"scheduled,omitzero"`
	// Started and Ended are when the source was in fact read.
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended,omitzero"`
	Server  Server    `json:"server"`
	// Verified says how the files were compared with the source: "count", "sample" or "full".
	Verified    string       `json:"verified,omitempty"`
	Collections []Collection `json:"collections"`
	// Left are the collections that the job meant by '*' and that were dropped before they were exported. Notes tell of them, and
	// of what the source has lost since the schedule's last run.
	Left  []transfer.Left `json:"left,omitempty"`
	Notes []string        `json:"notes,omitempty"`
	Seal  string          `json:"seal"`
}

// Server is what was read from.
type Server struct {
	Address  string `json:"address"`
	Database string `json:"database,omitempty"`
	Version  string `json:"version,omitempty"`
}

// Collection is one that was exported.
type Collection struct {
	Name string `json:"name"`
	// Source is its name on the server, where it was renamed.
	Source string `json:"source,omitempty"`
	// Alias is the one that the job followed, which stood for Source then.
	Alias    string `json:"alias,omitempty"`
	Identity string `json:"identity"`
	// Dimension and Metric are those of the vectors that stand in the parts as embeddings; 0 where MilvusDM 2.0 can't load the
	// collection: it takes one float or binary vector and Int64 keys.
	Dimension int64    `json:"dimension,omitempty"`
	Metric    string   `json:"metric,omitempty"`
	Notes     []string `json:"notes,omitempty"`
	// Parts are in row order: by partition, and by number within it.
	Parts []Part `json:"parts"`
}

// Part is one file. Its Path follows from collection, Partition and Number.
type Part = transfer.Part

// Rows is how many rows the run holds.
func (m *Manifest) Rows() (n int64) {
	for _, c := range m.Collections {
		for _, p := range c.Parts {
			n += p.Rows
		}
	}
	return n
}

// Bytes is how large the run's parts are.
func (m *Manifest) Bytes() (n int64) {
	for _, c := range m.Collections {
		for _, p := range c.Parts {
			n += p.Bytes
		}
	}
	return n
}

// ReadManifest reads the manifest of a finished run from its directory. It refuses one that is not finished, is being
// deleted, or has a manifest that was edited.
func ReadManifest(dir string) (*Manifest, error) {
	root, err := openRoot(dir)
	if err != nil {
		return nil, explainRead(err, "open the export")
	}
	defer root.Close()
	return finished(root, dir)
}

// finished is ReadManifest of an open directory.
func finished(root *os.Root, dir string) (*Manifest, error) {
	m, err := readManifest(root, manifestName)
	if !errors.Is(err, fs.ErrNotExist) {
		return m, fault.Wrap(fault.Internal, err, "%s", dir)
	}
	if m, err := readManifest(root, deletedName); err == nil {
		return nil, fault.New(fault.Corrupt, "%s: is being deleted by the retention of schedule %s; take another run", dir, m.Schedule)
	}
	if m, err := readManifest(root, partialName); err == nil {
		return nil, fault.New(fault.Corrupt, "%s: has no %s: the export that job %s began at %s is not finished; run the job again, or take another run",
			dir, manifestName, m.Job, m.Started.UTC().Format(time.RFC3339))
	}
	return nil, fault.New(fault.NotFound, "%s: has no %s, so it is no finished export", dir, manifestName)
}

// readManifest reads the manifest of that name. The error is fs.ErrNotExist when there is none.
func readManifest(root *os.Root, name string) (*Manifest, error) {
	data, err := readFile(root, name, maxManifest)
	if err != nil {
		return nil, explainRead(err, "read %s", name)
	}
	m, err := parseManifest(data)
	return m, fault.Wrap(fault.Corrupt, err, "%s", name)
}

const (
	sealHead  = `  "seal": "sha256:`
	sealTail  = "\"\n}\n"
	sealSize  = 2 * sha256.Size
	sealWhole = len(sealHead) + sealSize + len(sealTail)
)

var noSeal = []byte(strings.Repeat("0", sealSize))

// encode writes a manifest with its seal.
func (m Manifest) encode() ([]byte, error) {
	m.Format, m.Seal = manifestFormat, "sha256:"+string(noSeal)
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(m); err != nil {
		return nil, fault.New(fault.Internal, "encode the manifest: %w", err)
	}
	data := b.Bytes()
	seal(data)
	if _, err := parseManifest(data); err != nil { // what could not be read again is not written
		return nil, err
	}
	return data, nil
}

// seal puts the seal into a manifest that has zeros in its place.
func seal(data []byte) {
	sum := sha256.Sum256(data)
	hex.Encode(sealOf(data), sum[:])
}

// sealOf is the place of the seal at the end of a manifest, nil where it has none.
func sealOf(data []byte) []byte {
	if len(data) < sealWhole {
		return nil
	}
	end := data[len(data)-sealWhole:]
	if !bytes.HasPrefix(end, []byte(sealHead)) || !bytes.HasSuffix(end, []byte(sealTail)) {
		return nil
	}
	return end[len(sealHead):][:sealSize:sealSize]
}

// parseManifest decodes and checks a manifest. Of what it returns, paths are relative and stay inside, and totals do not
// overflow.
func parseManifest(data []byte) (*Manifest, error) {
	if len(data) > maxManifest {
		return nil, fault.New(fault.Corrupt, "the manifest has %d bytes; at most %d are taken", len(data), maxManifest)
	}
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fault.New(fault.Corrupt, "is truncated or edited: %w", err)
	}
	if head.Format > manifestFormat {
		return nil, fault.New(fault.Unsupported, "has form %d and this program knows up to %d; use the milvusdm that wrote it, or a newer one", head.Format, manifestFormat)
	}
	if err := checkSeal(data); err != nil {
		return nil, err
	}
	var m Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fault.New(fault.Corrupt, "%w", err)
	}
	return &m, m.check()
}

func checkSeal(data []byte) error {
	seal := sealOf(data)
	if seal == nil {
		return fault.New(fault.Corrupt, "is truncated or edited: its seal is not at its end")
	}
	h := sha256.New()
	h.Write(data[:len(data)-len(sealTail)-sealSize])
	h.Write(noSeal)
	h.Write([]byte(sealTail))
	if hex.EncodeToString(h.Sum(nil)) != string(seal) {
		return fault.New(fault.Corrupt, "was edited: its seal is of other contents")
	}
	return nil
}

var shaRule = regexp.MustCompile(`^[0-9a-f]{64}$`)

// check refuses what this program never writes.
func (m *Manifest) check() error {
	if m.Format < 1 {
		return fault.New(fault.Corrupt, "has form %d", m.Format)
	}
	if !runRule.MatchString(m.Run) {
		return fault.New(fault.Corrupt, "names run %.200q", m.Run)
	}
	seen := map[string]bool{}
	var rows, size int64
	for _, c := range m.Collections {
		if c.Name == "" || seen[collectionDir(c.Name)] {
			return fault.New(fault.Corrupt, "names collection %.300q without a name of its own", c.Name)
		}
		seen[collectionDir(c.Name)] = true
		for _, p := range c.Parts {
			if err := checkPart(&p, c.Name); err != nil {
				return err
			}
			if seen[p.Path] {
				return fault.New(fault.Corrupt, "names %s twice", p.Path)
			}
			seen[p.Path] = true
			rows, size = rows+p.Rows, size+p.Bytes
			if rows < 0 || size < 0 {
				return fault.New(fault.Corrupt, "counts more than there can be")
			}
		}
	}
	return nil
}

func checkPart(p *Part, collection string) error {
	name := PartName{collection, p.Partition, p.Number}
	if err := name.check(); err != nil || p.Path != name.Path() || !filepath.IsLocal(filepath.FromSlash(p.Path)) {
		return fault.New(fault.Corrupt, "has the path %.300q for %.300s", p.Path, name)
	}
	if p.Rows < 0 || p.Bytes <= 0 || p.Sum.Rows != p.Rows || !shaRule.MatchString(p.SHA256) {
		return fault.New(fault.Corrupt, "%s: has %d rows, %d bytes, content sum %s, SHA-256 %.100q", p.Path, p.Rows, p.Bytes, p.Sum, p.SHA256)
	}
	return nil
}
