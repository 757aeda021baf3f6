package job

import (
	"strings"

	"milvusdm/internal/job/strict"
)

// copyTask is task M2M.
type copyTask struct {
	serverTask  `yaml:",inline"`
	destination `yaml:",inline"`

	// Name of the machine that has the directory, where not every worker does: the host name its worker was started with.
	Host string `yaml:"host" rule:"is=name"`
	// Primary keys: the source's (keep), or new ones that the server makes (new), which needs accept_repeats.
	IDs IDs `yaml:"ids" rule:"is=ids"`
	// Takes it that with ids: new a row can arrive twice when a server or a worker fails: nothing can tell.
	AcceptRepeats bool `yaml:"accept_repeats"`
}

// exportTask is task M2H.
type exportTask struct {
	serverTask `yaml:",inline"`
	// Directory to write: DIRECTORY/RUN/COLLECTION/PARTITION.h5. Relative paths start at the working directory.
	DataDir    string `yaml:"data_dir" rule:"required,is=path"`
	HDF5Target `yaml:",inline" rule:"except=directory"`
	Copy       `yaml:",inline"`
}

// serverTask is what the tasks that read a Milvus have in common.
type serverTask struct {
	// Has no meaning, as in MilvusDM.
	MilvusVersion strict.Any `yaml:"milvus_version" rule:"alias=milvus-version,null"`
	// Address of a running Milvus 2.x (host:port, optionally behind tcp://, http:// or https://), or the directory of a
	// Milvus 1.x.
	SourceMilvusPath string `yaml:"source_milvus_path" rule:"required,is=milvus"`
	// MySQL server that holds the metadata of a Milvus 1.x. Without it, the SQLite file db/meta.sqlite in its directory.
	MySQLParameter *mysqlParameter `yaml:"mysql_parameter" rule:"null"`
	// Collections to copy, each with a list of its partitions, or nothing for all; or a list of collections; or '*' for all.
	SourceCollection []Collection `yaml:"source_collection" rule:"required,keyed=partitions"`

	// How to log in to the source, where it is a running Milvus, and what to ask of it at most.
	Source sourceServer `yaml:"source"`
}

// sourceServer is what there is to say of the source's server besides its address.
type sourceServer struct {
	MilvusServer `yaml:",inline" rule:"except=address"`
}

// mysqlParameter says where a Milvus 1.x keeps its metadata.
type mysqlParameter struct {
	// Host of the server.
	Host string `yaml:"host" rule:"required,is=host"`
	// Port of the server.
	Port int `yaml:"port" rule:"quoted,null,min=1,max=65535,default=3306"`
	// User to log in as.
	User string `yaml:"user" rule:"required,is=user"`
	// Password of the user: as ${env:NAME}, or in clear, to be read from this file by the worker.
	Password string `yaml:"password" rule:"is=literal,null"`
	// Database of the metadata.
	Database string `yaml:"database" rule:"is=user,null,default=milvus"`
}

// Check sees to what MilvusDM's keys mean here.
func (t *copyTask) Check(keys strict.Keys) {
	t.serverTask.check(keys)
	j := t.job(Secret{})
	t.destination.check(keys, &j.Source, j.Target.Milvus)
	if t.directory() == "" && keys.Has("host") {
		keys.Errorf("host", "is for directories of Milvus 1.x; leave it out")
	}
	checkItself(keys, "source_collection", j.Source.Milvus, &j.Target.Milvus.MilvusServer, "copied onto")
}

// Check sees to what MilvusDM's keys mean here.
func (t *exportTask) Check(keys strict.Keys) {
	t.serverTask.check(keys)
	t.HDF5Target.Check(keys)
	checkHDF5Copy(keys, "")
	checkSourceKind(keys, &t.job(Secret{}).Source, &t.Copy, "")
}

func (t *serverTask) check(keys strict.Keys) {
	checkCollections(keys, "source_collection", t.SourceCollection)
	if t.directory() != "" {
		checkStored(keys, "source_collection", t.SourceCollection, "a Milvus 1.x", "max_length")
		if keys.Has("source") {
			keys.Errorf("source", "is for a running Milvus, and source_milvus_path is a directory; leave it out")
		}
		if m := t.MySQLParameter; m != nil && m.Password != "" && m.secret(Secret{}).Env == "" {
			keys.Warnf("mysql_parameter.password", "is read from this file by the worker, which needs the file at the same path; to name a variable of the worker, write ${env:NAME}")
		}
		return
	}
	if keys.Has("mysql_parameter") {
		keys.Errorf("mysql_parameter", "is for directories of Milvus 1.x; leave it out")
	}
}

// directory is that of a Milvus 1.x, "" where the source is a running Milvus.
func (t *serverTask) directory() string {
	if strings.HasPrefix(t.SourceMilvusPath, "/") {
		return t.SourceMilvusPath
	}
	return ""
}

// source is what the task reads. password is where it stands if it is in clear.
func (t *serverTask) source(host string, password Secret) Source {
	if t.directory() == "" {
		server := t.Source.MilvusServer
		server.Address = t.SourceMilvusPath
		return Source{Milvus: &MilvusSource{MilvusServer: server, Collections: t.SourceCollection}}
	}
	s := &Milvus1Source{Path: t.directory(), Host: host, Collections: t.SourceCollection, KeyField: "id", VectorField: "embedding"}
	if m := t.MySQLParameter; m != nil {
		s.MySQL = &MySQL{Host: m.Host, Port: m.Port, User: m.User, Password: m.secret(password), Database: m.Database}
	}
	return Source{Milvus1: s}
}

// secret is the password by reference: to what it names, or, in clear, to where it stands.
func (m *mysqlParameter) secret(clear Secret) Secret {
	if name, ok := strict.EnvName(m.Password); ok {
		return Secret{Env: name}
	}
	if m.Password == "" {
		return Secret{}
	}
	return clear
}

func (t *copyTask) job(password Secret) *Job {
	target := t.target()
	target.IDs, target.AcceptRepeats = t.IDs, t.AcceptRepeats
	return &Job{Source: t.source(t.Host, password), Target: Target{Milvus: target}, Copy: t.Copy}
}

func (t *exportTask) job(password Secret) *Job {
	target := t.HDF5Target
	target.Directory = t.DataDir
	return &Job{Source: t.source(t.HDF5Target.Host, password), Target: Target{HDF5: &target}, Copy: t.Copy}
}
