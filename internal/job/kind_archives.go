package job

func (s *ExportSource) Direction() string { return "HDF5" }

func (s *ExportSource) Name() string { return collectionsName(s.Path, s.Collections, sourceNameOf) }

func (s *ExportSource) OnHost() string { return s.Host }

func (s *ExportSource) Chosen() []Collection { return s.Collections }

func (s *ExportSource) Only(c Collection) SourceKind {
	one := *s
	one.Collections = []Collection{c}
	return &one
}

func (s *ExportSource) IsFiles() bool { return false }

func (s *ExportSource) Ordered() bool { return true }

func (s *ExportSource) Needs() Needs { return Needs{Paths: []string{s.Path}} }

func (t *HDF5Target) Direction() string { return "HDF5" }

func (t *HDF5Target) Name([]Collection) string { return t.Directory }

func (t *HDF5Target) OnHost() string { return t.Host }

// Takes implements TargetKind. What lies in files already is copied by copying the files.
func (t *HDF5Target) Takes(from SourceKind) bool {
	_, archive := from.(*ExportSource)
	return !archive && !from.IsFiles()
}

func (t *HDF5Target) Unit(Collection) TargetKind { return t }

func (t *HDF5Target) Needs() Needs { return Needs{Paths: []string{t.Directory}} }
