package export

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"milvusdm/internal/fault"
)

// Pruned says what retention did.
type Pruned struct {
	// Deleted and Kept are names of runs, the newest first.
	Deleted []string `json:"deleted,omitempty"`
	Kept    []string `json:"kept,omitempty"`
	// Left says of what is this schedule's, or might be, why it was neither counted nor deleted.
	Left []string `json:"left,omitempty"`
}

// Prune deletes the runs of a schedule that keep does not keep. Only runs that are whole, by their manifest and the sizes of
// their files, count and are deleted; the newest of them always stays. What others put into a run's directory stays too. It
// finishes what a Prune that died has begun, and may run twice at once. A directory that is not there has no runs.
func Prune(ctx context.Context, dir, schedule string, keep Keep) (*Pruned, error) {
	if schedule == "" {
		return nil, fault.New(fault.Internal, "prune %s: of no schedule", dir)
	}
	zone, err := time.LoadLocation(keep.TimeZone)
	if err != nil {
		return nil, fault.New(fault.Config, "keep runs by the days of time zone %q: %w", keep.TimeZone, err)
	}
	base, err := openRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return &Pruned{}, nil
	}
	if err != nil {
		return nil, explain(err, "open the directory of exports")
	}
	defer base.Close()
	p := pruning{base: base, dir: dir, schedule: schedule}
	if err := p.run(ctx, keep, zone); err != nil {
		return nil, explain(err, "delete old exports in %s", dir)
	}
	return &p.Pruned, nil
}

// Sweep removes what runs of a schedule have left unfinished, but for those of which ended, which is given what is known of the
// run, says that they may still be written, and for the one of this stage. It also finishes deletions that were begun.
func Sweep(dir, schedule, stage string, ended func(*Manifest) (bool, error)) (*Pruned, error) {
	if schedule == "" {
		return nil, fault.New(fault.Internal, "sweep %s: of no schedule", dir)
	}
	base, err := openRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return &Pruned{}, nil
	}
	if err != nil {
		return nil, explain(err, "open the directory of exports")
	}
	defer base.Close()
	p := pruning{base: base, dir: dir, schedule: schedule}
	all, err := runs(base)
	if err != nil {
		return nil, explain(err, "remove unfinished exports in %s", dir)
	}
	for _, e := range all {
		switch {
		case e.Manifest == nil || e.Manifest.Schedule != schedule:
		case e.State == Deleting:
			p.delete(e)
		case e.State == Unfinished && (stage == "" || e.Manifest.Stage != stage):
			p.discard(e, ended)
		}
	}
	return &p.Pruned, nil
}

// discard removes an unfinished run that nobody writes any more.
func (p *pruning) discard(e Entry, ended func(*Manifest) (bool, error)) {
	over, err := ended(e.Manifest)
	switch {
	case err != nil:
		p.left(e.Name, err)
	case !over && e.Manifest.Workflow == "":
		p.left(e.Name, fmt.Errorf("is not finished; milvusdm schedule prune %s removes it", p.schedule))
	case !over:
		p.left(e.Name, fmt.Errorf("is being written by %s", e.Manifest.Workflow))
	default:
		if err := Discard(p.dir, e.Name, e.Manifest.Stage); err != nil {
			p.left(e.Name, err)
			return
		}
		p.Deleted = append(p.Deleted, e.Name)
	}
}

type pruning struct {
	Pruned
	base          *os.Root
	dir, schedule string
}

func (p *pruning) run(ctx context.Context, keep Keep, zone *time.Location) error {
	if err := p.sweep(); err != nil {
		return err
	}
	all, err := runs(p.base)
	if err != nil {
		return err
	}
	var whole []Entry
	var began []time.Time
	for _, e := range all {
		switch {
		case e.State == Damaged:
			p.left(e.Name, e.Err)
		case e.Manifest.Schedule != p.schedule:
		case e.State == Deleting:
			p.delete(e)
		case e.State == Unfinished:
			p.left(e.Name, errors.New("is not finished"))
		default:
			if err := p.whole(ctx, e.Name); err != nil {
				p.left(e.Name, err)
				continue
			}
			whole = append(whole, e)
			began = append(began, e.Manifest.Started)
		}
	}
	for i, kept := range keep.Decide(began, zone) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if kept {
			p.Kept = append(p.Kept, whole[i].Name)
		} else {
			p.delete(whole[i])
		}
	}
	return nil
}

// whole checks a run that says that it is finished.
func (p *pruning) whole(ctx context.Context, name string) error {
	root, err := openDir(p.base, name)
	if err != nil {
		return explain(err, "open it")
	}
	defer root.Close()
	_, err = check(ctx, root, filepath.Join(p.dir, name), Sizes, nil, nil)
	return err
}

// left notes why a run is left as it is.
func (p *pruning) left(run string, err error) { p.Left = append(p.Left, run+": "+err.Error()) }

// delete deletes a run. A failure concerns it alone: the next retention tries again.
func (p *pruning) delete(e Entry) {
	d, err := p.open(e)
	if err == nil {
		defer d.root.Close()
		for _, step := range d.steps() {
			if err = step(); err != nil {
				break
			}
		}
	}
	if err != nil {
		p.left(e.Name, explain(err, "delete it"))
		return
	}
	p.Deleted = append(p.Deleted, e.Name)
	if d.others {
		p.left(e.Name, errors.New("its files were deleted; others are in its directory and stay"))
	}
}

// deletion is one attempt to delete a run.
type deletion struct {
	base, root *os.Root
	name       string // of the run's directory
	manifest   *Manifest
	others     bool // files that are not ours are in it
}

func (p *pruning) open(e Entry) (*deletion, error) {
	root, err := openDir(p.base, e.Name)
	if err != nil {
		return nil, err
	}
	return &deletion{base: p.base, root: root, name: e.Name, manifest: e.Manifest}, nil
}

// steps are what is done, in order. From the first on nobody takes the run for whole, and by the renamed manifest the next
// retention knows what to go on with.
func (d *deletion) steps() []func() error {
	return []func() error{d.mark, d.strip, d.hide, d.remove}
}

func (d *deletion) mark() error {
	// what is there is looked at again: it may not be what was listed
	if m, err := readManifest(d.root, manifestName); err == nil && (m.Schedule != d.manifest.Schedule || m.Stage != d.manifest.Stage) {
		return fault.New(fault.Conflict, "it is another run by now")
	}
	if err := removed(d.root.Rename(manifestName, deletedName)); err != nil {
		return err
	}
	return syncDir(d.root, ".")
}

func (d *deletion) strip() error {
	parts := map[string]bool{}
	for _, c := range d.manifest.Collections {
		for _, p := range c.Parts {
			parts[p.Path] = true
		}
	}
	return errors.Join(strip(d.root, parts), removed(d.root.Remove(partialName)))
}

const hidden = ".deleted-"

// hide renames the directory, when nothing but the manifest is left in it: an empty directory of its own name could not be
// told from one that a new run has just made.
func (d *deletion) hide() error {
	list, err := entries(d.root, ".")
	if err != nil {
		return err
	}
	for _, e := range list {
		if e.Name() != deletedName {
			d.others = true
			return nil
		}
	}
	return errors.Join(removed(d.base.Rename(d.name, hidden+d.name)), syncDir(d.base, "."))
}

func (d *deletion) remove() error {
	if err := removed(d.root.Remove(deletedName)); err != nil || d.others {
		return err
	}
	return errors.Join(notEmpty(d.base.Remove(hidden+d.name)), syncDir(d.base, "."))
}

// strip removes the parts, and then all else that this program writes into a run's directory but its manifests. Directories
// go where nothing else is in them.
func strip(root *os.Root, parts map[string]bool) error {
	var files, dirs []string
	err := walk(root, func(dir string, e fs.DirEntry) error {
		at := path.Join(dir, e.Name())
		switch {
		case e.IsDir():
			dirs = append(dirs, at)
		case parts[at] && e.Type().IsRegular():
			return removed(root.Remove(at))
		case e.Type().IsRegular() && (isStray(e.Name()) || isLoader(at) || at == sumsName):
			files = append(files, at)
		}
		return nil
	})
	for _, at := range files {
		err = errors.Join(err, removed(root.Remove(at)))
	}
	for i := len(dirs) - 1; i >= 0; i-- {
		err = errors.Join(err, notEmpty(root.Remove(dirs[i])))
	}
	return err
}

// isLoader reports whether a file is where the jobs are that load a run again.
func isLoader(at string) bool {
	return strings.HasPrefix(at, yamlDir+"/") && strings.HasSuffix(at, ".yaml")
}

var hiddenRule = regexp.MustCompile(`^\.deleted-[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

// sweep removes directories of which a retention that died had left the manifest only, or nothing.
func (p *pruning) sweep() error {
	list, err := entries(p.base, ".")
	if err != nil {
		return err
	}
	for _, e := range list {
		if !e.IsDir() || !hiddenRule.MatchString(e.Name()) {
			continue
		}
		if err := p.sweepOne(e.Name()); err != nil {
			p.left(e.Name(), fmt.Errorf("remove it: %w", err))
		}
	}
	return nil
}

func (p *pruning) sweepOne(name string) error {
	root, err := openDir(p.base, name)
	if err != nil {
		return removed(err)
	}
	defer root.Close()
	m, err := readManifest(root, deletedName)
	switch {
	case err == nil && m.Schedule != p.schedule:
		return nil
	case err == nil:
		err = removed(root.Remove(deletedName))
	}
	if removed(err) != nil {
		return err
	}
	return notEmpty(p.base.Remove(name))
}
