package export

import (
	"bytes"
	"net"
	"path"
	"path/filepath"
	"regexp"
	"strconv"

	"gopkg.in/yaml.v3"

	"milvusdm/internal/fault"
)

// loader is a job's file that loads what was exported.
type loader struct {
	path string // in the run's directory
	text []byte
}

// Jobs name the server that MilvusDM's own files name: a job that went back to where the export came from by itself would
// put old rows over new ones.
const (
	loadHost = "127.0.0.1"
	loadPort = 19530
)

// loaders are the jobs that load the run in dir again: one for each collection and, where MilvusDM 2.0 could load it, one
// H2M file for each partition.
func loaders(dir string, m *Manifest) ([]loader, error) {
	var out []loader
	for _, c := range m.Collections {
		own, err := ownLoader(m, &c)
		if err != nil {
			return nil, err
		}
		out = append(out, own)
		if c.Dimension == 0 {
			continue
		}
		h2m, err := h2mLoaders(dir, &c)
		if err != nil {
			return nil, err
		}
		out = append(out, h2m...)
	}
	return out, nil
}

var notInName = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// ownLoader is in this program's own form. Its paths are relative to itself, so that the run's directory can be moved.
func ownLoader(m *Manifest, c *Collection) (loader, error) {
	type export struct {
		Path        string   `yaml:"path"`
		Collections []string `yaml:"collections"`
	}
	type milvus struct {
		Address  string `yaml:"address"`
		Database string `yaml:"database,omitempty"`
		Mode     string `yaml:"mode"`
	}
	var doc struct {
		Version int    `yaml:"version"`
		Name    string `yaml:"name"`
		Source  struct {
			Export export `yaml:"export"`
		} `yaml:"source"`
		Target struct {
			Milvus milvus `yaml:"milvus"`
		} `yaml:"target"`
	}
	doc.Version = 1
	doc.Name = "load-" + notInName.ReplaceAllString(c.Name, "_")
	doc.Name = doc.Name[:min(len(doc.Name), 100)]
	doc.Source.Export = export{Path: "..", Collections: []string{c.Name}}
	doc.Target.Milvus = milvus{Address: net.JoinHostPort(loadHost, strconv.Itoa(loadPort)), Database: m.Server.Database, Mode: "append"}
	return encodeLoader(path.Join(yamlDir, collectionDir(c.Name)+".yaml"),
		"Loads the collection with all that it was. Set target.milvus to where it is to go.", doc)
}

// h2mLoaders are MilvusDM's H2M files. A partition's parts are one file's, so that each partition is loaded by one; the
// mode is append, which creates what is not there and loads a second partition too.
func h2mLoaders(dir string, c *Collection) ([]loader, error) {
	type parameter struct {
		Dimension     int64  `yaml:"dimension"`
		IndexFileSize int    `yaml:"index_file_size"`
		MetricType    string `yaml:"metric_type"`
	}
	type task struct {
		MilvusVersion       string    `yaml:"milvus_version"`
		DataPath            []string  `yaml:"data_path"`
		DataDir             *string   `yaml:"data_dir"`
		DestHost            string    `yaml:"dest_host"`
		DestPort            int       `yaml:"dest_port"`
		Mode                string    `yaml:"mode"`
		DestCollectionName  string    `yaml:"dest_collection_name"`
		DestPartitionName   string    `yaml:"dest_partition_name"`
		CollectionParameter parameter `yaml:"collection_parameter"`
	}
	type file struct {
		H2M task `yaml:"H2M"`
	}
	var order []string
	tasks := map[string]*file{}
	for _, p := range c.Parts {
		if p.Rows == 0 {
			continue // in MilvusDM's form a file says nothing beside its rows
		}
		at := path.Join(yamlDir, collectionDir(c.Name), PartName{Partition: p.Partition}.partitionFile()+".yaml")
		if tasks[at] == nil {
			order = append(order, at)
			partition := p.Partition
			if partition == defaultPartition {
				partition = ""
			}
			tasks[at] = &file{task{MilvusVersion: "2.x", DestHost: loadHost, DestPort: loadPort, Mode: "append", DestCollectionName: c.Name,
				DestPartitionName: partition, CollectionParameter: parameter{c.Dimension, 1024, c.Metric}}}
		}
		t := &tasks[at].H2M
		t.DataPath = append(t.DataPath, filepath.Join(dir, filepath.FromSlash(p.Path)))
	}
	var out []loader
	for _, at := range order {
		l, err := encodeLoader(at, "Loads the vectors and ids of one partition. Set dest_host and dest_port to where they are to go.", tasks[at])
		if err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	return out, nil
}

func encodeLoader(at, comment string, doc any) (loader, error) {
	var b bytes.Buffer
	b.WriteString("# " + comment + "\n")
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(doc); err != nil {
		return loader{}, fault.New(fault.Internal, "encode %s: %w", at, err)
	}
	return loader{at, b.Bytes()}, nil
}
