package job

import (
	"slices"

	"milvusdm/internal/job/strict"
)

// HDF5Form is where an HDF5 source stands in the file of its job.
type HDF5Form string

const (
	FormOwn     HDF5Form = ""        // under source.hdf5
	FormCompare HDF5Form = "compare" // under compare.hdf5
	FormH2M     HDF5Form = "H2M"     // in MilvusDM 2.0's task
)

// KeyName is how a key of the source, as "object", is written in the file of the job. Messages name keys by it.
func (s *HDF5Source) KeyName(key string) string {
	switch {
	case s.Form == FormH2M && key == "paths":
		return "data_path"
	case s.Form == FormH2M:
		return key
	case s.Form == FormCompare:
		return "compare.hdf5." + key
	}
	return "source.hdf5." + key
}

// MilvusDM2 reports whether the source is of MilvusDM 2.0's form.
func (s *HDF5Source) MilvusDM2() bool { return s.Form == FormH2M }

// WithFirstKey is the source with the key of its first row, where the source numbers its rows and does not say from
// where on.
func (s Source) WithFirstKey(first int64) Source {
	if k, ok := s.Kind().(Numbered); ok {
		return sourceOf(k.FromKey(first))
	}
	return s
}

// Check refuses keys that contradict each other.
func (s *HDF5Source) Check(keys strict.Keys) {
	checkPaths(keys, "paths", s.Paths)
	s.check(keys)
}

// check is Check for both forms.
func (s *HDF5Source) check(keys strict.Keys) {
	checkNames(keys, "fields", s.Fields, "rename_fields", s.RenameFields)
	for _, name := range s.Except {
		switch {
		case slices.Contains(s.Fields, name):
			keys.Errorf("except", "leaves out %s, which fields names; leave it out of one of them", strict.Quote(name))
		case s.RenameFields[name] != "":
			keys.Errorf("except", "leaves out %s, which rename_fields names; leave it out of one of them", strict.Quote(name))
		case name == s.Key && name != "":
			keys.Errorf("except", "leaves out %s, which key names; leave it out of one of them", strict.Quote(name))
		}
	}
	if keys.Has("key_offset") && s.Key != "" && s.Key != "none" {
		keys.Errorf("key_offset", "is for rows that are numbered, and key names what holds the keys; leave one out")
	}
	if keys.Has("vector_columns") && keys.Has("vector") && s.Vector != "FloatVector" {
		keys.Errorf("vector", "is %s, and vector_columns make a FloatVector; leave vector out", s.Vector)
	}
}
