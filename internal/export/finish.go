package export

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"strings"

	"milvusdm/internal/fault"
)

// Finish ends the run: it writes the files that load the collections again, SHA256SUMS and, last, the manifest, and removes
// what is left of attempts. m says all that the run is to be; its Run, Job, Stage and Started are those that Prepare was
// given. All parts have to be there. Finish may be repeated: it is a no-op when the manifest stands.
func (r *Run) Finish(m Manifest) error {
	if m.Run != r.head.Run || m.Job != r.head.Job || m.Stage != r.head.Stage {
		return fault.New(fault.Internal, "finish %s: the manifest is of run %s of job %s", r.path, m.Run, m.Job)
	}
	f := finishing{Run: r, manifest: m}
	for _, step := range f.steps() {
		if err := step(); err != nil {
			return explain(err, "finish the export %s", r.path)
		}
	}
	return nil
}

// finishing is one attempt to finish a run.
type finishing struct {
	*Run
	manifest Manifest
}

func (f *finishing) steps() []func() error {
	if _, err := f.root.Lstat(manifestName); err == nil { // written by an attempt before
		return []func() error{f.clean}
	}
	return []func() error{f.parts, f.loaders, f.sums, f.seal, f.clean}
}

// parts checks those of the manifest, and removes those of collections that were left out.
func (f *finishing) parts() error {
	written, err := receipted(f.root)
	if err != nil {
		return err
	}
	for _, c := range f.manifest.Collections {
		for _, p := range c.Parts {
			delete(written, p.Path)
		}
	}
	for at := range written {
		if err := removed(f.root.Remove(at)); err != nil {
			return err
		}
	}
	return f.checkParts(&f.manifest)
}

// loaders writes the jobs that load the run again.
func (f *finishing) loaders() error {
	files, err := loaders(f.path, &f.manifest)
	if err != nil {
		return err
	}
	made := map[string]bool{}
	for _, file := range files {
		dir := path.Dir(file.path)
		for at := range parents(dir) {
			if err := mkdir(f.root, at); err != nil {
				return err
			}
		}
		made[dir] = true
		if err := writeOnce(f.root, file.path, file.text); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	for dir := range made {
		if err := errors.Join(syncDir(f.root, dir), syncDir(f.root, path.Dir(dir))); err != nil {
			return err
		}
	}
	return nil
}

// parents are a directory in a run's, and those above it, from the top.
func parents(dir string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i, c := range dir + "/" {
			if c == '/' && !yield(dir[:i]) {
				return
			}
		}
	}
}

func (f *finishing) sums() error {
	var b strings.Builder
	for _, c := range f.manifest.Collections {
		for _, p := range c.Parts {
			fmt.Fprintf(&b, "%s  %s\n", p.SHA256, p.Path)
		}
	}
	if err := writeOnce(f.root, sumsName, []byte(b.String())); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(f.root, ".")
}

func (f *finishing) seal() error {
	data, err := f.manifest.encode()
	if err != nil {
		return err
	}
	if err := writeOnce(f.root, manifestName, data); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(f.root, ".")
}

// clean removes what is not needed any more.
func (f *finishing) clean() error {
	if err := removed(f.root.Remove(partialName)); err != nil {
		return err
	}
	return clean(f.root)
}

// clean removes temporary files and receipts below a run's directory, and nothing else.
func clean(root *os.Root) error {
	return walk(root, func(dir string, e fs.DirEntry) error {
		if !e.Type().IsRegular() || !isStray(e.Name()) {
			return nil
		}
		return removed(root.Remove(path.Join(dir, e.Name())))
	})
}

// walk calls visit with the entries of a run's directory and those of the directories in it, two levels deep as this
// program makes them. It follows no symbolic link.
func walk(root *os.Root, visit func(dir string, e fs.DirEntry) error) error {
	dirs := []string{"."}
	for len(dirs) > 0 {
		dir := dirs[0]
		dirs = dirs[1:]
		list, err := entries(root, dir)
		if err != nil {
			if removed(err) == nil {
				continue
			}
			return err
		}
		for _, e := range list {
			at := path.Join(dir, e.Name())
			if e.IsDir() && strings.Count(at, "/") < 2 {
				dirs = append(dirs, at)
			}
			if err := visit(dir, e); err != nil {
				return err
			}
		}
	}
	return nil
}

// Discard removes an unfinished run of this stage: its parts, what is left of attempts, and the directories where nothing
// else is in them. A finished run stays, and one of another stage.
func Discard(dir, run, stage string) error {
	at := filepath.Join(dir, run)
	base, err := openRoot(dir)
	if err != nil {
		return removed(explain(err, "open the directory of exports"))
	}
	defer base.Close()
	root, err := openDir(base, run)
	if err != nil {
		return removed(explain(err, "open the export %s", at))
	}
	defer root.Close()
	m, err := readManifest(root, partialName)
	if err != nil {
		return removed(err)
	}
	if _, err := root.Lstat(manifestName); err == nil || m.Stage != stage {
		return nil
	}
	parts, err := receipted(root)
	if err == nil {
		err = strip(root, parts)
	}
	if err == nil {
		err = removed(root.Remove(partialName)) // last: the run is known by it
	}
	return explain(errors.Join(err, notEmpty(base.Remove(run)), syncDir(base, ".")), "discard the export %s", at)
}

// receipted are the parts that have a receipt: this program has written them.
func receipted(root *os.Root) (map[string]bool, error) {
	parts := map[string]bool{}
	return parts, walk(root, func(dir string, e fs.DirEntry) error {
		if is := receiptIs.FindStringSubmatch(e.Name()); is != nil {
			parts[path.Join(dir, is[1])] = true
		}
		return nil
	})
}
