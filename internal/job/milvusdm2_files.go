package job

import (
	"cmp"

	"milvusdm/internal/job/strict"
)

// faissTask is task F2M.
type faissTask struct {
	// Faiss index file; a list of them is taken too. Relative paths start at the working directory.
	DataPath []string `yaml:"data_path" rule:"required,is=path"`
	// "none" leaves the ids of the files out and numbers the rows. Without it, ids are the primary keys.
	Key      string `yaml:"key" rule:"is=no_key"`
	fileTask `yaml:",inline"`
	Files    `yaml:",inline" rule:"except=paths"`
}

// hdf5Task is task H2M.
type hdf5Task struct {
	// HDF5 files. Relative paths start at the working directory.
	DataPath []string `yaml:"data_path" rule:"is=path,null"`
	// Directory of HDF5 files (*.h5 in it, not below it), instead of data_path.
	DataDir    string `yaml:"data_dir" rule:"is=path,null"`
	fileTask   `yaml:",inline"`
	HDF5Source `yaml:",inline" rule:"except=paths"`
}

// fileTask is what the tasks that read files have in common.
type fileTask struct {
	// Has no meaning, as in MilvusDM.
	MilvusVersion strict.Any `yaml:"milvus_version" rule:"alias=milvus-version,null"`
	destination   `yaml:",inline"`
	// Collection to write. It is created when it does not exist.
	DestCollectionName string `yaml:"dest_collection_name" rule:"required,is=collection"`
	// Partition to write; empty is the default partition. It is created when it does not exist.
	DestPartitionName string `yaml:"dest_partition_name" rule:"is=partition,null"`
	// The collection's dimension and metric.
	CollectionParameter collectionParameter `yaml:"collection_parameter" rule:"required"`

	// Index of the vector field; its metric is collection_parameter.metric_type.
	Index Index `yaml:"index"`
}

// collectionParameter describes the collection in the terms of Milvus 1.x.
type collectionParameter struct {
	// Dimension of the vectors, for binary vectors in bits. The data must have it.
	Dimension int64 `yaml:"dimension" rule:"required,min=1,max=262144"`
	// Has no meaning in Milvus 2.x.
	IndexFileSize strict.Any `yaml:"index_file_size" rule:"null"`
	// Metric type of the index.
	MetricType string `yaml:"metric_type" rule:"required,is=metric"`
}

// Check refuses a task without input, and one with two.
func (t *hdf5Task) Check(keys strict.Keys) {
	switch files, dir := keys.Has("data_path"), keys.Has("data_dir"); {
	case files && dir:
		keys.Errorf("data_dir", "contradicts data_path; leave one out")
	case !files && !dir:
		keys.Errorf("data_path", "is missing; write data_path: with a list of files, or data_dir: with a directory")
	}
	checkPaths(keys, "data_path", t.DataPath)
	t.HDF5Source.check(keys)
	if t.AnyLayout = !keys.Has("layout"); t.AnyLayout {
		t.Layout = LayoutMilvusDM
	}
	t.fileTask.check(keys, t.source())
}

// Check refuses a file that is named twice.
func (t *faissTask) Check(keys strict.Keys) {
	checkPaths(keys, "data_path", t.DataPath)
	t.check(keys, t.source())
}

func (t *fileTask) check(keys strict.Keys, source *Source) {
	t.destination.check(keys, source, t.target())
	if keys.Has("collection_parameter.index_file_size") {
		keys.Warnf("collection_parameter.index_file_size", "has no meaning in Milvus 2.x and is ignored")
	}
	if keys.Has("index.metric") {
		keys.Errorf("index.metric", "is collection_parameter.metric_type in this form; leave it out here")
		return
	}
	t.Index.Metric = t.CollectionParameter.MetricType
	if clash := t.Index.clash(); clash != "" {
		keys.Errorf("index.type", "%s", clash)
	}
}

func (t *faissTask) source() *Source {
	files := t.Files
	files.Paths = t.DataPath
	return &Source{Faiss: &FaissSource{Files: files, KeyField: "id", VectorField: "embedding", Key: t.Key}}
}

func (t *hdf5Task) source() *Source {
	source := t.HDF5Source
	source.Form, source.Paths = FormH2M, t.DataPath
	if t.DataDir != "" {
		source.Paths = []string{t.DataDir}
	}
	source.KeyField = cmp.Or(source.KeyField, "id")
	source.VectorField = cmp.Or(source.VectorField, "embedding")
	return &Source{HDF5: &source}
}

func (t *fileTask) job(source *Source) *Job {
	target := t.target()
	target.Collection, target.Partition = t.DestCollectionName, t.DestPartitionName
	target.Dimension = t.CollectionParameter.Dimension
	target.Index = t.Index
	return &Job{Source: *source, Target: Target{Milvus: target}, Copy: t.Copy}
}
