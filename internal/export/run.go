package export

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"milvusdm/internal/fault"
)

// Run is the directory of a run that is being written. Several processes may have it open, and several goroutines use it.
type Run struct {
	root *os.Root
	path string
	head Manifest
}

// Prepare makes the directory of the run that head names, below dir, which is made too. Of head it needs Run, Job, Stage and
// Started. It may be repeated with the same Stage, by which a run is ours, until the run is finished; it refuses a directory
// that holds anything else, and a finished export. Directories that it makes, and all files, can be read by the readers.
func Prepare(dir string, head Manifest, readers Readers) (*Run, error) {
	mode, err := readers.mode()
	if err != nil {
		return nil, err
	}
	if err := Look(dir, head.Run, head.Stage); err != nil {
		return nil, err
	}
	data, err := head.encode()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, mode); err != nil {
		return nil, explain(err, "make the directory of exports")
	}
	r := &Run{path: filepath.Join(dir, head.Run)}
	if err := r.make(dir, head.Run, mode, data); err != nil {
		return nil, explain(err, "make the export %s", r.path)
	}
	return Open(dir, head.Run, head.Stage) // of two that were made at once, one is refused
}

func (r *Run) make(dir, run string, mode fs.FileMode, head []byte) error {
	base, err := openRoot(dir)
	if err != nil {
		return err
	}
	defer base.Close()
	err = base.Mkdir(run, mode)
	if err == nil {
		err = base.Chmod(run, mode) // whatever the umask
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	root, err := openDir(base, run)
	if err != nil {
		return err
	}
	defer root.Close()
	if m, err := readManifest(root, manifestName); err == nil {
		return finishedExport(filepath.Join(dir, run), m)
	}
	if err := writeOnce(root, partialName, head); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return errors.Join(syncDir(root, "."), syncDir(base, "."), syncPath(filepath.Dir(filepath.Clean(dir))))
}

// Open opens a run that was prepared.
func Open(dir, run, stage string) (*Run, error) {
	r := &Run{path: filepath.Join(dir, run)}
	base, err := openRoot(dir)
	if err != nil {
		return nil, explain(err, "open the directory of exports")
	}
	defer base.Close()
	if r.root, err = openDir(base, run); err != nil {
		return nil, explain(err, "open the export %s", r.path)
	}
	head, err := ours(r.root, r.path, stage)
	if err == nil && head == nil {
		err = fault.New(fault.NotFound, "the export %s is gone: the directory is empty", r.path)
	}
	if err != nil {
		return nil, errors.Join(err, r.root.Close())
	}
	r.head = *head
	return r, nil
}

// Close ends the use of the run. What was published stays.
func (r *Run) Close() error { return r.root.Close() }

// Path is the run's directory.
func (r *Run) Path() string { return r.path }

// ours returns the manifest, partial or whole, of a directory that this stage writes, nil for one that is empty, and a fault
// for any other.
func ours(root *os.Root, path, stage string) (*Manifest, error) {
	for _, name := range []string{manifestName, deletedName, partialName} {
		m, err := readManifest(root, name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return nil, fault.Wrap(fault.Conflict, err, "%s", path)
		case name == deletedName:
			return nil, fault.New(fault.Conflict, "%s is being deleted by the retention of schedule %s; choose another run", path, m.Schedule)
		case m.Stage == stage:
			return m, nil
		case name == manifestName:
			return nil, finishedExport(path, m)
		}
		return nil, fault.New(fault.Conflict, "%s holds what job %s began to export at %s and has not finished; have that job go on, choose another run, or delete the directory",
			path, m.Job, m.Started.UTC().Format(time.RFC3339))
	}
	list, err := entries(root, ".")
	if err != nil {
		return nil, explain(err, "list %s", path)
	}
	for _, e := range list {
		if !isStray(e.Name()) {
			return nil, fault.New(fault.Conflict, "%s is not empty and no export: it holds %q; choose another run or directory, or move that away", path, e.Name())
		}
	}
	return nil, nil
}

func finishedExport(path string, m *Manifest) error {
	return fault.New(fault.Conflict, "%s holds a finished export, of job %s at %s; choose another run, or move it away",
		path, m.Job, m.Started.UTC().Format(time.RFC3339))
}

// Look refuses a directory that Prepare would refuse, or could not write. It changes nothing.
func Look(dir, run, stage string) error {
	if !runRule.MatchString(run) {
		return fault.New(fault.Config, "run %q is no name of a directory; write at most 128 letters, digits, dots, underscores and hyphens, a letter or digit first", run)
	}
	path := filepath.Join(dir, run)
	base, err := openRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return lookAbove(dir)
	}
	if err != nil {
		return explain(err, "open the directory of exports")
	}
	defer base.Close()
	root, err := openDir(base, run)
	if errors.Is(err, fs.ErrNotExist) {
		return writable(dir)
	}
	if err != nil {
		return explain(err, "open the export %s", path)
	}
	defer root.Close()
	if _, err := ours(root, path, stage); err != nil {
		return err
	}
	return writable(path)
}

// lookAbove checks the directory in which dir would be made.
func lookAbove(dir string) error {
	for at := filepath.Dir(dir); ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		switch {
		case errors.Is(err, fs.ErrNotExist) && at != filepath.Dir(at):
		case err != nil:
			return explain(err, "make the directory of exports %s", dir)
		case !info.IsDir():
			return fault.New(fault.Conflict, "make the directory of exports %s: %s is no directory", dir, at)
		default:
			return writable(at)
		}
	}
}
