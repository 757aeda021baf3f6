package job

import "strings"

// MilvusDM2 is the form of a job that was written as those of MilvusDM 2.0 are.
const MilvusDM2 = "MilvusDM2"

// NoKey, as a source's key, numbers the rows.
const NoKey = "none"

// renamed are keys of our own form that MilvusDM 2.0's form of F2M and H2M has elsewhere.
var renamed = map[string]string{
	"source.faiss.paths": "data_path", "source.hdf5.paths": "data_path",
	"target.milvus.index.metric": "collection_parameter.metric_type",
	"target.milvus.dimension":    "collection_parameter.dimension",
	"target.milvus.collection":   "dest_collection_name", "target.milvus.partition": "dest_partition_name",
}

// Key is what the key at a path of our own form is called in the form that the user wrote: for messages.
func (j *Job) Key(path string) string {
	if j.Form != MilvusDM2 {
		return path
	}
	if name := renamed[path]; name != "" {
		return name
	}
	for _, prefix := range []string{"copy.", "source.faiss.", "source.hdf5.", "target.milvus."} {
		if rest, ok := strings.CutPrefix(path, prefix); ok {
			return rest
		}
	}
	return path
}
