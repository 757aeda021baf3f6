package hdf5

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"gonum.org/v1/hdf5"

	"milvusdm/internal/access"
	"milvusdm/internal/fault"
)

// file is an open HDF5 file. It is used on the library's thread.
type file struct {
	*hdf5.File
	fileState
	direct *os.File // the same, past the library
	matlab bool     // MATLAB's mark is on the file
	// trying: what is found out is for a hint, whose own hints nobody sees. trials counts them.
	trying bool
	trials int
}

// openHDF5 opens a file that was found to begin like one.
func openHDF5(state fileState) (*file, error) {
	f, err := openUnlocked(state.name)
	if err != nil {
		return nil, openError(state, err)
	}
	direct, err := os.Open(state.name)
	if err != nil {
		return nil, errors.Join(access.Failed(err, "open"), f.Close())
	}
	return &file{File: f, fileState: state, direct: direct, matlab: isMATLAB(direct)}, nil
}

// openUnlocked opens a file, and tries a locked one again for half a second: a child process that this one starts just when it has
// written and closed the file holds its lock until it has become another program.
func openUnlocked(name string) (*hdf5.File, error) {
	for pause := 20 * time.Millisecond; ; pause *= 2 {
		f, err := hdf5.OpenFile(name, hdf5.F_ACC_RDONLY)
		if err == nil {
			return f, nil
		}
		if err = libraryError(err); !locked(err) || pause > 300*time.Millisecond {
			return nil, err
		}
		time.Sleep(pause)
	}
}

func locked(err error) bool {
	return strings.Contains(err.Error(), "lock file") || strings.Contains(err.Error(), "already open for")
}

func openError(state fileState, err error) error {
	switch text := err.Error(); {
	case locked(err):
		return fault.New(fault.Conflict, "%s: another program has it open for writing, or was killed while it had: "+
			"wait for it, or run `h5clear -s` on a file that nobody writes: %w", state.name, err)
	case isNewer(err):
		return newerFormat(state.name, "the file", err)
	case strings.Contains(text, "truncated file"):
		return fault.New(fault.Corrupt, "%s: is truncated: it has %d bytes and says itself that it has more; "+
			"copy it again from where it is whole: %w", state.name, state.size, err)
	}
	return fault.New(fault.Corrupt, "%s: begins like an HDF5 file and can't be opened as one; "+
		"check it with `h5ls`, or copy it again: %w", state.name, err)
}

func (f *file) Close() error { return errors.Join(f.File.Close(), f.direct.Close()) }

func (f *file) newHeap() *heap { return &heap{file: f.direct, base: f.base, size: f.size} }

// textAttribute returns a string attribute of one of the file's objects, "" when it has none of that name.
func (f *file) textAttribute(object hdf5.Identifier, name string) (string, error) {
	text, at, err := attribute(object, name)
	if err != nil || at == nil {
		return string(text), err
	}
	return f.newHeap().text(parseReference(at))
}

// maxObjects bounds how much of a group is listed.
const maxObjects = 1 << 20

// entry is a member of a group.
type entry struct {
	name     string
	group    bool // else a dataset, unless neither
	dataset  bool
	external bool // a link into another file
}

// list returns a group's members by name.
func (f *file) list(group string) ([]entry, error) {
	g, err := f.openGroup(group)
	if err != nil {
		return nil, err
	}
	defer g.Close()
	var out []entry
	soft := 0
	err = listMembers(g, maxObjects, func(kind memberKind, name string) {
		if kind == memberSoft {
			soft++
		}
		out = append(out, f.entryOf(group, name, kind, soft <= maxLinks))
	})
	if errors.Is(err, errTooMany) {
		return nil, fault.New(fault.Unsupported,
			"%s: group %s holds more than %d objects, and no more are looked at; split the file",
			f.name, group, maxObjects)
	}
	slices.SortFunc(out, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	return out, f.corrupt(err, "list group %s", group)
}

// maxLinks bounds how many soft links of a group are followed.
const maxLinks = 4096

// entryOf is a member of a group. A soft link is what it leads to.
func (f *file) entryOf(group, name string, kind memberKind, follow bool) entry {
	e := entry{name: name, group: kind == memberGroup, dataset: kind == memberDataset, external: kind == memberExternal}
	if kind == memberSoft && follow {
		e.group, e.dataset = f.followLink(path.Join(group, name))
	}
	return e
}

// followLink says what a soft link leads to; a dangling one leads nowhere.
func (f *file) followLink(object string) (group, dataset bool) {
	if g, err := f.openGroup(object); err == nil {
		g.Close()
		return true, false
	}
	d, err := f.openDataset(object, nil)
	if err == nil {
		d.Close()
	}
	return false, err == nil
}

// openGroup opens a group that lies in this very file.
func (f *file) openGroup(object string) (*hdf5.Group, error) {
	g, err := f.File.OpenGroup(object)
	if err != nil {
		return nil, f.corrupt(libraryError(err), "open group %s", object)
	}
	if err := f.contains(g.Identifier, object); err != nil {
		g.Close()
		return nil, err
	}
	return g, nil
}

// openDataset opens a dataset that lies in this very file. tune may set what it likes in the access list.
func (f *file) openDataset(object string, tune func(*hdf5.PropList) error) (*hdf5.Dataset, error) {
	access, err := hdf5.NewPropList(hdf5.P_DATASET_ACCESS)
	if err != nil {
		return nil, libraryError(err)
	}
	defer access.Close()
	if err := denyExternal(access); err != nil {
		return nil, err
	}
	if tune != nil {
		if err := tune(access); err != nil {
			return nil, libraryError(err)
		}
	}
	d, err := f.File.OpenDatasetWith(object, access)
	if err != nil {
		return nil, f.corrupt(libraryError(err), "open dataset %s", object)
	}
	return d, nil
}

// contains refuses an object to which a link into another file has led.
func (f *file) contains(object hdf5.Identifier, name string) error {
	in := object.File()
	if in == nil {
		return f.corrupt(libraryError(errors.New("no file")), "open %s", name)
	}
	defer in.Close()
	if in.FileName() != f.File.FileName() {
		return externalLink(f.name, name)
	}
	return nil
}

func externalLink(file, object string) error {
	return fault.New(fault.Unsupported, "%s: %s is a link into another file; name that file instead", file, object)
}

// locate finds an object by its path. found is false if there is none.
func (f *file) locate(object string) (here entry, found bool, err error) {
	object = path.Clean("/" + object)
	if object == "/" {
		return entry{name: "/", group: true}, true, nil
	}
	parent, name := path.Split(object)
	g, err := f.openGroup(path.Clean(parent))
	if err != nil {
		switch text := err.Error(); {
		case strings.Contains(text, "external"):
			return here, false, externalLink(f.name, object)
		case strings.Contains(text, "doesn't exist"), strings.Contains(text, "not found"),
			strings.Contains(text, "not a group"):
			return here, false, nil
		}
		return here, false, err
	}
	defer g.Close()
	kind, err := kindOf(g, name)
	switch {
	case err != nil:
		return here, false, f.corrupt(err, "look for %s", object)
	case kind == memberAbsent:
		return here, false, nil
	case kind == memberExternal:
		return here, false, externalLink(f.name, object)
	}
	return f.entryOf(parent, name, kind, true), true, nil
}

// dataset is what a dataset is, without being open.
type dataset struct {
	path string
	elem elemType
	// stored is elem as the file has it: a mark may say that it is meant as another.
	stored elemType
	dims   []int64 // empty for a single value
	// turned: a row of the dataset's program is a column in the file, as MATLAB stores matrices.
	turned bool
	matlab bool
	// left says why the dataset is no column of rows, whatever its type; "" if it may be one.
	left string
	// written is how many rows there are before the first that was never written.
	written int64
	wanted  int64 // chunks
	storage
}

// rowAxis is the dimension that rows are numbered along.
func (d *dataset) rowAxis() int {
	if d.turned {
		return 1
	}
	return 0
}

func (d *dataset) rows() int64 {
	if len(d.dims) == 0 {
		return 0
	}
	return d.dims[d.rowAxis()]
}

func (d *dataset) shape() string {
	parts := make([]string, len(d.dims))
	for i, n := range d.dims {
		parts[i] = fmt.Sprint(n)
	}
	if d.turned {
		slices.Reverse(parts)
	}
	return strings.Join(parts, " x ")
}

func (d *dataset) String() string {
	if len(d.dims) == 0 {
		return fmt.Sprintf("%s (one %v)", d.path, d.elem)
	}
	return fmt.Sprintf("%s (%s %v)", d.path, d.shape(), d.elem)
}

// describe says what a dataset is; whether it can be read is for usable to say.
func (f *file) describe(object string) (*dataset, error) {
	d, err := f.openDataset(object, nil)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return f.describeOpen(d, object)
}

// describeOpen is describe of a dataset that is open.
func (f *file) describeOpen(d *hdf5.Dataset, object string) (*dataset, error) {
	t, err := d.Datatype()
	if err != nil {
		return nil, f.corrupt(libraryError(err), "type of dataset %s", object)
	}
	out := &dataset{path: path.Clean("/" + object)}
	if out.elem, err = describeType(t, 0); err != nil {
		return nil, f.corrupt(err, "type of dataset %s", object)
	}
	// a virtual dataset's extent may depend on other files: see what it is first
	if out.storage, err = storageOf(d, out.elem.fileSize()); err != nil {
		return nil, f.corrupt(err, "storage of dataset %s", object)
	}
	if !out.virtual {
		out.dims, err = extent(d)
	}
	if err != nil {
		return nil, f.corrupt(err, "extent of dataset %s", object)
	}
	out.written, out.stored = math.MaxInt64, out.elem
	return out, f.corrupt(f.readMarks(d, out), "attributes of dataset %s", object)
}

// extent returns no dimensions for a single value and for none.
func extent(d *hdf5.Dataset) ([]int64, error) {
	space := d.Space()
	if space == nil {
		return nil, libraryError(errors.New("no dataspace"))
	}
	defer space.Close()
	if space.SimpleExtentType() != hdf5.S_SIMPLE || space.SimpleExtentNDims() <= 0 {
		return nil, nil // SimpleExtentDims panics on these
	}
	dims, _, err := space.SimpleExtentDims()
	if err != nil {
		return nil, libraryError(err)
	}
	out := make([]int64, len(dims))
	for i, n := range dims {
		if n > math.MaxInt64 {
			return nil, fmt.Errorf("dimension %d is impossible: %d", i, n)
		}
		out[i] = int64(n)
	}
	return out, nil
}

// corrupt gives err, nil or not, its place and its kind.
func (f *file) corrupt(err error, format string, args ...any) error {
	if isNewer(err) {
		return f.newer(fmt.Sprintf(format, args...), err)
	}
	return fault.Wrap(fault.Corrupt, err, "%s: %s", f.name, fmt.Sprintf(format, args...))
}
