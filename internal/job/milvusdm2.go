package job

import (
	"crypto/sha256"
	"encoding/hex"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"milvusdm/internal/fault"
	"milvusdm/internal/job/strict"
)

// milvusDM2File is a file of MilvusDM 2.0. Its one key names the task.
type milvusDM2File struct {
	// Faiss to Milvus.
	F2M *faissTask `yaml:"F2M"`
	// HDF5 to Milvus.
	H2M *hdf5Task `yaml:"H2M"`
}

// faissTask is task F2M.
type faissTask struct {
	// Faiss index file; a list of them is taken too. Relative paths start at the working directory.
	DataPath   []string `yaml:"data_path" rule:"required,is=path"`
	milvusTask `yaml:",inline"`
}

// hdf5Task is task H2M.
type hdf5Task struct {
	// HDF5 files. Relative paths start at the working directory.
	DataPath []string `yaml:"data_path" rule:"is=path,null"`
	// Directory of HDF5 files (*.h5 in it, not below it), instead of data_path.
	DataDir    string `yaml:"data_dir" rule:"is=path,null"`
	milvusTask `yaml:",inline"`
}

// milvusTask is what the tasks that write to Milvus have in common: MilvusDM's keys, and this program's options.
type milvusTask struct {
	// Has no meaning, as in MilvusDM.
	MilvusVersion strict.Any `yaml:"milvus_version" rule:"alias=milvus-version,null"`
	// Host of the target server.
	DestHost string `yaml:"dest_host" rule:"required,is=host"`
	// Port of the target server.
	DestPort int `yaml:"dest_port" rule:"required,quoted,min=1,max=65535"`
	// What to do with a collection (with a partition named: a partition) that exists: append, skip or overwrite.
	Mode Mode `yaml:"mode" rule:"required,is=mode"`
	// Collection to write. It is created when it does not exist.
	DestCollectionName string `yaml:"dest_collection_name" rule:"required,is=collection"`
	// Partition to write; empty is the default partition. It is created when it does not exist.
	DestPartitionName string `yaml:"dest_partition_name" rule:"is=partition,null"`
	// The collection's dimension and metric.
	CollectionParameter collectionParameter `yaml:"collection_parameter" rule:"required"`

	// Index of the vector field; its metric is collection_parameter.metric_type.
	Index Index `yaml:"index"`
	// Whether the collection is left loaded. "keep": if it was before; a new one is.
	Load string `yaml:"load" rule:"is=load,default=keep"`

	// Name of the machine that has the files, where not every worker does: the host name its worker was started with.
	Host string `yaml:"host" rule:"is=name"`

	MilvusServer `yaml:",inline" rule:"except=address"`
	Copy         `yaml:",inline"`
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

// Check refuses two tasks in a file.
func (f *milvusDM2File) Check(keys strict.Keys) {
	if f.F2M != nil && f.H2M != nil {
		keys.Errorf("H2M", "is a second task; write one task per file")
	}
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
	t.milvusTask.Check(keys)
}

// Check refuses a file that is named twice.
func (t *faissTask) Check(keys strict.Keys) {
	checkPaths(keys, "data_path", t.DataPath)
	t.milvusTask.Check(keys)
}

// Check sees to what MilvusDM's keys mean for a Milvus 2.x.
func (t *milvusTask) Check(keys strict.Keys) {
	t.MilvusServer.Check(keys)
	checkOnExisting(keys, t.Mode, "mode", "on_existing")
	if t.Mode == Append && !keys.Has("on_existing") {
		t.OnExisting = "replace"
		keys.Warnf("mode", "append replaces rows whose id is in the target already; write on_existing: fail or keep to have it otherwise")
	}
	if keys.Has("collection_parameter.index_file_size") {
		keys.Warnf("collection_parameter.index_file_size", "has no meaning in Milvus 2.x and is left alone")
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

// isMilvusDM2 reports whether a key of the root is a task of MilvusDM 2.0.
func isMilvusDM2(root *yaml.Node) bool {
	tasks := []string{"F2M", "H2M", "M2M", "M2H"}
	return slices.ContainsFunc(rootKeys(root), func(key *yaml.Node) bool {
		return slices.Contains(tasks, strings.ToUpper(key.Value))
	})
}

func rootKeys(root *yaml.Node) []*yaml.Node {
	if root.Kind != yaml.MappingNode {
		return nil
	}
	var keys []*yaml.Node
	for i := 0; i < len(root.Content); i += 2 {
		keys = append(keys, root.Content[i])
	}
	return keys
}

// decodeMilvusDM2 decodes MilvusDM 2.0's form. Relative paths start at dir, the working directory, as there.
func decodeMilvusDM2(d *strict.Decoder, root *yaml.Node, dir string) (*Job, error) {
	for _, key := range rootKeys(root) {
		if key.Value == "M2M" || key.Value == "M2H" {
			return nil, fault.New(fault.Unsupported, "%w", strict.Problems{{File: d.File, Line: key.Line, Column: key.Column, Key: key.Value,
				Text: "reading from a Milvus server is not in this release yet; it takes F2M and H2M files"}})
		}
	}
	d.Rules = rules(dir)
	var file milvusDM2File
	d.Decode(root, &file)
	switch {
	case len(d.Errors) > 0:
		return nil, nil
	case file.F2M != nil:
		return file.F2M.job(), nil
	}
	return file.H2M.job(), nil
}

func (t *faissTask) job() *Job {
	source := &FaissSource{Files: Files{Paths: t.DataPath, Host: t.Host}, KeyField: "id", VectorField: "embedding"}
	return t.milvusTask.job(Source{Faiss: source})
}

func (t *hdf5Task) job() *Job {
	paths := t.DataPath
	if t.DataDir != "" {
		paths = []string{t.DataDir}
	}
	source := &HDF5Source{Files: Files{Paths: paths, Host: t.Host}, Layout: LayoutMilvusDM, KeyField: "id", VectorField: "embedding"}
	return t.milvusTask.job(Source{HDF5: source})
}

func (t *milvusTask) job(source Source) *Job {
	server := t.MilvusServer
	server.Address = net.JoinHostPort(t.DestHost, strconv.Itoa(t.DestPort))
	j := &Job{
		Source: source,
		Target: Target{Milvus: &MilvusTarget{
			MilvusServer: server,
			Collection:   t.DestCollectionName,
			Partition:    t.DestPartitionName,
			Mode:         t.Mode,
			Dimension:    t.CollectionParameter.Dimension,
			Index:        t.Index,
			Load:         t.Load,
		}},
		Copy: t.Copy,
	}
	j.Name = targetName(j)
	return j
}

var notInName = regexp.MustCompile(`[^A-Za-z0-9._]+`)

// targetName names a job that has no name of its own, as HDF5ToMilvus-127.0.0.1_19530-collection-partition: the same file
// is the same job, wherever it lies.
func targetName(j *Job) string {
	t := j.Target.Milvus
	parts := []string{j.Direction(), notInName.ReplaceAllString(t.Address, "_"), t.Database, t.Collection, t.Partition}
	name := strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "-")
	if checked, err := checkName(name); err == nil {
		return checked
	}
	sum := sha256.Sum256([]byte(name)) // too long: kept distinct by its hash
	return name[:100] + "-" + hex.EncodeToString(sum[:8])
}
