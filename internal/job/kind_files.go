package job

import (
	"fmt"
	"strconv"
)

// The methods of SourceKind that sources of files have in common.

func (f *Files) OnHost() string { return f.Host }

func (f *Files) Chosen() []Collection { return nil }

func (f *Files) IsFiles() bool { return true }

func (f *Files) Ordered() bool { return true }

func (f *Files) Needs() Needs { return Needs{Paths: f.Paths} }

func (f *Files) Name() string {
	switch len(f.Paths) {
	case 0:
		return ""
	case 1:
		return f.Paths[0]
	}
	return fmt.Sprintf("%s and %d more", f.Paths[0], len(f.Paths)-1)
}

// numberedFrom are the files with the key of their first row, where rows are numbered and the job does not say from where on.
func (f Files) numberedFrom(first int64) Files {
	if f.KeyOffset == KeyOffsetAuto {
		f.KeyOffset = strconv.FormatInt(first, 10)
	}
	return f
}

func (s *HDF5Source) Direction() string { return "HDF5" }

func (s *HDF5Source) Only(Collection) SourceKind { return s }

// FromKey implements Numbered.
func (s *HDF5Source) FromKey(first int64) SourceKind {
	out := *s
	out.Files = s.numberedFrom(first)
	return &out
}

func (s *FaissSource) Direction() string { return "Faiss" }

func (s *FaissSource) Only(Collection) SourceKind { return s }

// FromKey implements Numbered.
func (s *FaissSource) FromKey(first int64) SourceKind {
	out := *s
	out.Files = s.numberedFrom(first)
	return &out
}
