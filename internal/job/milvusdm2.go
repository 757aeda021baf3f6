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

	"milvusdm/internal/job/strict"
)

// milvusDM2File is a file of MilvusDM 2.0. Its one key names the task.
type milvusDM2File struct {
	// Faiss to Milvus.
	F2M *faissTask `yaml:"F2M"`
	// HDF5 to Milvus.
	H2M *hdf5Task `yaml:"H2M"`
	// Milvus to Milvus.
	M2M *copyTask `yaml:"M2M"`
	// Milvus to HDF5.
	M2H *exportTask `yaml:"M2H"`
}

// destination is what the tasks that write to Milvus have in common: MilvusDM's keys, and this program's options.
type destination struct {
	// Host of the target server.
	DestHost string `yaml:"dest_host" rule:"required,is=host"`
	// Port of the target server.
	DestPort int `yaml:"dest_port" rule:"required,quoted,min=1,max=65535"`
	// What to do with a collection (with a partition named: a partition) that exists: append, skip or overwrite.
	Mode Mode `yaml:"mode" rule:"required,is=mode"`

	// Whether the collection is left loaded. "keep": if it was before; a new one is.
	Load LoadState `yaml:"load" rule:"is=load,default=keep"`

	MilvusServer `yaml:",inline" rule:"except=address"`
	Copy         `yaml:",inline"`
}

// Check refuses two tasks in a file.
func (f *milvusDM2File) Check(keys strict.Keys) {
	first := ""
	for _, task := range tasks {
		switch {
		case first != "" && keys.Has(task):
			keys.Errorf(task, "is a second task; write one task per file")
		case keys.Has(task):
			first = task
		}
	}
}

// check sees to what MilvusDM's keys mean for a Milvus 2.x.
func (t *destination) check(keys strict.Keys, source *Source, target *MilvusTarget) {
	t.MilvusServer.Check(keys)
	checkSourceKind(keys, source, &t.Copy, "")
	checkMilvusTarget(keys, source, target, "", "")
	if t.Mode == Append && !keys.Has("on_existing") && target.IDs != NewIDs {
		t.OnExisting = ExistingReplace
		keys.Warnf("mode", "append replaces rows whose id is already in the target; write on_existing: fail or keep to change that")
	}
}

// target is the Milvus that the task writes to.
func (t *destination) target() *MilvusTarget {
	server := t.MilvusServer
	server.Address = net.JoinHostPort(t.DestHost, strconv.Itoa(t.DestPort))
	return &MilvusTarget{MilvusServer: server, Mode: t.Mode, Load: t.Load}
}

var tasks = []string{"F2M", "H2M", "M2M", "M2H"}

// isMilvusDM2 reports whether a key of the root is a task of MilvusDM 2.0.
func isMilvusDM2(root *yaml.Node) bool {
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
func decodeMilvusDM2(d *strict.Decoder, root *yaml.Node, dir string) *Job {
	d.Rules = rules(dir)
	d.OneOf = func(path string) bool { return !strings.Contains(path, ".") } // a direction
	var file milvusDM2File
	d.Decode(root, &file)
	if len(d.Errors) > 0 {
		return nil
	}
	j := file.job(inDir(dir, d.File))
	j.Form = MilvusDM2
	j.Name = targetName(j)
	return j
}

// job is the file's task as a job; path is the file's.
func (f *milvusDM2File) job(path string) *Job {
	switch {
	case f.F2M != nil:
		return f.F2M.job(f.F2M.source())
	case f.H2M != nil:
		return f.H2M.job(f.H2M.source())
	case f.M2M != nil:
		return f.M2M.job(Secret{File: path, Key: "M2M.mysql_parameter.password"})
	}
	return f.M2H.job(Secret{File: path, Key: "M2H.mysql_parameter.password"})
}

var notInName = regexp.MustCompile(`[^A-Za-z0-9._]+`)

// targetName names a job that has no name of its own, as HDF5ToMilvus-127.0.0.1_19530-collection-partition: the same file
// is the same job, wherever it lies.
func targetName(j *Job) string {
	parts := []string{j.Direction()}
	if t := j.Target.Milvus; t != nil {
		parts = append(parts, t.Address, t.Database, t.Collection, t.Partition)
	} else {
		parts = append(parts, j.Target.HDF5.Directory)
	}
	for _, c := range j.Source.Collections() {
		parts = append(parts, strings.ReplaceAll(c.Target(), "*", "all"))
		parts = append(parts, c.Partitions...)
	}
	var words []string
	for _, p := range parts {
		if p != "" {
			words = append(words, notInName.ReplaceAllString(p, "_"))
		}
	}
	name := strings.Join(words, "-")
	if checked, err := checkName(name); err == nil {
		return checked
	}
	sum := sha256.Sum256([]byte(name)) // too long: kept distinct by its hash
	return name[:100] + "-" + hex.EncodeToString(sum[:8])
}
