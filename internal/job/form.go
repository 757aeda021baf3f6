package job

import (
	"reflect"
	"regexp"
	"strings"
	"sync"

	"milvusdm/internal/job/strict"
)

// MilvusDM2 is the form of a job that was written as those of MilvusDM 2.0 are.
const MilvusDM2 = "MilvusDM2"

// NoKey, as a source's key, numbers the rows.
const NoKey = "none"

// renamed are keys of our own form, or beginnings of them, that MilvusDM 2.0's form has elsewhere. The first that fits
// counts.
var renamed = []struct{ own, name string }{
	{"source.faiss.paths", "data_path"}, {"source.hdf5.paths", "data_path"},
	{"target.milvus.index.metric", "collection_parameter.metric_type"},
	{"target.milvus.dimension", "collection_parameter.dimension"},
	{"target.milvus.collection", "dest_collection_name"}, {"target.milvus.partition", "dest_partition_name"},
	{"target.milvus.address", "dest_host"}, {"target.hdf5.directory", "data_dir"},
	{"source.milvus.address", "source_milvus_path"}, {"source.milvus1.path", "source_milvus_path"},
	{"source.milvus.collections", collectionsKey}, {"source.milvus1.collections", collectionsKey},
	{"source.milvus1.mysql", "mysql_parameter"}, {"source.milvus1.host", "host"}, {"source.milvus", "source"},
	{"copy", ""}, {"source.faiss", ""}, {"source.hdf5", ""}, {"target.milvus", ""}, {"target.hdf5", ""},
}

// collectionsKey is where MilvusDM 2.0's form lists collections, whose keys are those of our own form.
const collectionsKey = "source_collection"

// Key is what the key at a path of our own form is called in the form that the user wrote: for messages. Of a key that
// MilvusDM 2.0's form lacks it says so.
func (j *Job) Key(path string) string {
	if j.Form != MilvusDM2 {
		return path
	}
	for _, r := range renamed {
		rest, ok := strings.CutPrefix(path, r.own)
		if !ok || rest != "" && rest[0] != '.' {
			continue
		}
		name := strings.TrimPrefix(r.name+rest, ".")
		if strings.HasPrefix(name, collectionsKey) || taskKeys()[j.task()][name] {
			return name
		}
		break
	}
	return path + " (a key of jobs with version: 1)"
}

// keyPaths finds keys of our own form, by their paths, in a text.
var keyPaths = regexp.MustCompile(`(^|[\s("'` + "`" + `])((?:copy|source\.(?:hdf5|faiss|milvus1?|export)|target\.(?:milvus|hdf5))(?:\.[A-Za-z0-9_$]+)+)`)

// Say is a text in which keys of our own form are named by their paths, as the user who wrote the job is told it; see
// Key.
func (j *Job) Say(text string) string {
	if j.Form != MilvusDM2 {
		return text
	}
	return keyPaths.ReplaceAllStringFunc(text, func(found string) string {
		m := keyPaths.FindStringSubmatch(found)
		return m[1] + j.Key(m[2])
	})
}

// task names the job's task in MilvusDM 2.0's form.
func (j *Job) task() string {
	switch {
	case j.Source.Faiss != nil:
		return "F2M"
	case j.Source.HDF5 != nil:
		return "H2M"
	case j.Target.HDF5 != nil:
		return "M2H"
	}
	return "M2M"
}

// taskKeys are the paths of all keys of MilvusDM 2.0's form, by task.
var taskKeys = sync.OnceValue(func() map[string]map[string]bool {
	file := strict.Schema(reflect.TypeFor[milvusDM2File](), rules("/"), nil)
	all := map[string]map[string]bool{}
	for task, schema := range file["properties"].(map[string]any) {
		all[task] = map[string]bool{}
		addKeys(all[task], "", schema.(map[string]any))
	}
	return all
})

// addKeys adds the paths of the keys of a schema.
func addKeys(keys map[string]bool, path string, schema map[string]any) {
	properties, _ := schema["properties"].(map[string]any)
	for key, p := range properties {
		keys[path+key] = true
		addKeys(keys, path+key+".", p.(map[string]any))
	}
	forms, _ := schema["anyOf"].([]map[string]any)
	if items, ok := schema["items"].(map[string]any); ok {
		forms = append(forms, items)
	}
	for _, form := range forms {
		addKeys(keys, path, form)
	}
}
