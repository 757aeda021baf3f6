package job

import (
	"gopkg.in/yaml.v3"

	"milvusdm/internal/fault"
	"milvusdm/internal/job/strict"
)

// unreleased refuses what a job can say and no worker does yet.
func unreleased(d *strict.Decoder, root *yaml.Node, j *Job) error {
	refuse := func(text string, keys ...string) error {
		at, key := d.At(root, keys...)
		return fault.New(fault.Unsupported, "%w", strict.Problems{{File: d.File, Line: at.Line, Column: at.Column, Key: key, Text: text}})
	}
	switch {
	case j.Source.Milvus1 != nil:
		return refuse("Milvus 1.x directories are not in this release yet; write the address of a running Milvus 2.x",
			"source.milvus1", "M2M.source_milvus_path", "M2H.source_milvus_path")
	case j.Compare != nil && j.Compare.Milvus1 != nil:
		return refuse("Milvus 1.x directories are not in this release yet", "compare.milvus1")
	case j.Target.HDF5 != nil:
		return refuse("writing HDF5 files is not in this release yet; it writes to Milvus", "target.hdf5", "M2H")
	}
	return nil
}
