package job

import (
	"path/filepath"
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
	if f.Target.Milvus != nil {
		checkOnExisting(keys, f.Target.Milvus.Mode, "target.milvus.mode", "copy.on_existing")
	}
	if !keys.Has("name") && f.Name != "" {
		if _, err := checkName(f.Name); err != nil {
			keys.Errorf("name", "is missing, and the name of the file, %v", err)
		}
	}
}

// decodeOwn decodes this program's own form. Relative paths start at the file's directory; dir is the working directory.
func decodeOwn(d *strict.Decoder, root *yaml.Node, dir string) (*Job, error) {
	base := d.File
	if !filepath.IsAbs(base) {
		base = filepath.Join(dir, base)
	}
	d.Rules = rules(filepath.Dir(base))
	file := ownFile{Job: Job{Name: strings.TrimSuffix(filepath.Base(base), filepath.Ext(base))}}
	d.Decode(root, &file)
	return &file.Job, nil
}
