package job

import (
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"milvusdm/internal/job/strict"
)

// ownFile is a file in this program's own form.
type ownFile struct {
	// Version of this form: 1.
	Version int `yaml:"version" rule:"required,min=1,max=1"`
	Job     `yaml:",inline"`
}

// Check refuses keys that contradict each other across the file.
func (f *ownFile) Check(keys strict.Keys) {
	if !keys.Has("name") && f.Name != "" {
		if _, err := checkName(f.Name); err != nil {
			keys.Errorf("name", "is missing, and the name of the file, %v", err)
		}
	}
	target, compare := keys.Has("target"), keys.Has("compare")
	switch {
	case target && compare:
		keys.Errorf("compare", "contradicts target; write target: for a job that copies, or compare: for one that milvusdm verify runs")
	case !target && !compare:
		keys.Errorf("target", `is missing; write "target:" with its keys below it, milvus or hdf5`)
	}
	if f.Source == (Source{}) {
		return // reported already, and what else there is depends on it
	}
	if f.Compare != nil && f.Compare.HDF5 != nil {
		f.Compare.HDF5.Form = FormCompare
	}
	checkSourceKind(keys, &f.Source, &f.Copy, "copy.")
	switch {
	case f.Compare != nil:
		f.checkCompare(keys)
	case f.Target.Milvus != nil:
		checkMilvusTarget(keys, &f.Source, f.Target.Milvus, "target.milvus.", "copy.")
		f.checkMilvusKeys(keys)
		checkItself(keys, "source.milvus.collections", f.Source.Milvus, &f.Target.Milvus.MilvusServer, "copied onto")
	case f.Target.HDF5 != nil && !f.Target.HDF5.Takes(f.Source.Kind()):
		keys.Errorf("target.hdf5", "is for collections of a Milvus; write them as the source")
	case f.Target.HDF5 != nil:
		checkHDF5Copy(keys, "copy.")
		if clash := f.HostClash(); clash != "" {
			keys.Errorf("target.hdf5.host", "%s", clash)
		}
	}
}

// checkMilvusKeys refuses keys of the target that are for the other kind of source.
func (f *ownFile) checkMilvusKeys(keys strict.Keys) {
	const t = "target.milvus."
	if f.Source.files() {
		if !keys.Has(t + "collection") {
			keys.Errorf(t+"collection", `is missing; write "collection: my_collection"`)
		}
		if keys.Has(t + "num_partitions") {
			keys.Errorf(t+"num_partitions", "is for collections with a partition key, and files have none; leave it out")
		}
		return
	}
	for _, wrong := range []struct{ key, instead string }{
		{"collection", "a collection keeps its name, or gets another with as: NAME beside its name in the source"},
		{"partition", "partitions keep their names, or get others with rename_partitions beside the collection's name in the source"},
		{"dimension", "the source's fields are made as they are; leave it out"},
		{"description", "the source's description is kept; leave it out"},
	} {
		if keys.Has(t + wrong.key) {
			keys.Errorf(t+wrong.key, "is for sources that are files; here %s", wrong.instead)
		}
	}
}

// checkCompare refuses what a job that copies nothing has no use for, and collections that have none to be compared with.
func (f *ownFile) checkCompare(keys strict.Keys) {
	for _, key := range []string{"collections", "writers", "on_existing", "release_first", "allow_nan", "allow_lossy", "prescan", "write_timeout", "flush_every"} {
		if keys.Has("copy." + key) {
			keys.Errorf("copy."+key, "is for jobs that copy, and this one only compares; leave it out")
		}
	}
	if keys.Has("copy.verify") {
		keys.Errorf("copy.verify", "is for jobs that copy; write milvusdm verify with --full, --sample or --count instead")
	}
	from, to := f.Source.Collections(), f.Compare.Collections()
	switch {
	case f.Compare.files() && several(from) || f.Source.files() && several(to):
		keys.Errorf("compare", "files are one collection, and the other side names several; name one")
		return
	case f.Compare.files() || f.Source.files():
		return
	}
	if f.Compare.Milvus != nil {
		checkItself(keys, "source.milvus.collections", f.Source.Milvus, &f.Compare.Milvus.MilvusServer, "compared with")
	}
	for i, c := range from {
		// which collections a pattern stands for is known only when they are listed
		compared := func(other Collection) bool {
			return other.Target() == c.Target() || other.IsPattern() && (c.IsPattern() || other.Matches(c.Target()))
		}
		if c.Name != "" && !slices.ContainsFunc(to, compared) {
			keys.Errorf("compare", "has no collection %s to compare collections[%d] of the source with; list it there, or write its name there with `as`",
				strict.Quote(c.Target()), i)
		}
	}
}

// decodeOwn decodes this program's own form. Relative paths start at the file's directory; dir is the working directory.
func decodeOwn(d *strict.Decoder, root *yaml.Node, dir string) *Job {
	path := inDir(dir, d.File)
	d.Rules = rules(filepath.Dir(path))
	d.OneOf = func(path string) bool { // a kind of source or target
		side, kind, below := strings.Cut(path, ".")
		return below && !strings.Contains(kind, ".") && (side == "source" || side == "target" || side == "compare")
	}
	file := ownFile{Job: Job{Name: strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))}}
	d.Decode(root, &file)
	return &file.Job
}

func inDir(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}
