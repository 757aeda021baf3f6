package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
)

func policyOf(t *testing.T, args ...string) *policy {
	t.Helper()
	var p policy
	f := flag.NewFlagSet("x", flag.ContinueOnError)
	p.flags(f)
	if err := f.Parse(args); err != nil {
		t.Fatal(err)
	}
	return &p
}

// TestPolicy: a worker without the flags allows all; with them, only what they name, wherever in a job it stands.
func TestPolicy(t *testing.T) {
	dir := t.TempDir()
	data, outside := filepath.Join(dir, "data"), filepath.Join(dir, "outside")
	for _, d := range []string{data, outside} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(data, "link")
	if err := os.Symlink(outside, link); err != nil {
		t.Fatal(err)
	}
	server := func(address string, password job.Secret) job.MilvusServer {
		return job.MilvusServer{Address: address, User: "u", Password: password}
	}
	target := job.Target{Milvus: &job.MilvusTarget{MilvusServer: server("http://Milvus.example:19530", job.Secret{Env: "GOOD"})}}
	files := func(path string) job.Source {
		return job.Source{HDF5: &job.HDF5Source{Files: job.Files{Paths: []string{path}}}}
	}
	limited := []string{"-allow-env", "GOOD", "-allow-path", data, "-allow-address", "*.example:19530", "-allow-address", "10.0.0.1"}
	for name, c := range map[string]struct {
		job  job.Job
		says string // "" where it is allowed
	}{
		"all is allowed":     {job.Job{Source: files(filepath.Join(data, "new", "x.h5")), Target: target}, ""},
		"a path":             {job.Job{Source: files("/etc/shadow"), Target: target}, "path /etc/shadow; its administrator allows it with -allow-path"},
		"a path's end":       {job.Job{Source: files(filepath.Join(data, "..", "outside", "x")), Target: target}, "-allow-path"},
		"a longer name":      {job.Job{Source: files(data + "2/x"), Target: target}, "-allow-path"},
		"a link":             {job.Job{Source: files(filepath.Join(link, "x.h5")), Target: target}, "-allow-path"},
		"an export":          {job.Job{Source: job.Source{Export: &job.ExportSource{Path: outside}}, Target: target}, "-allow-path"},
		"faiss":              {job.Job{Source: job.Source{Faiss: &job.FaissSource{Files: job.Files{Paths: []string{outside}}}}, Target: target}, "-allow-path"},
		"milvus 1":           {job.Job{Source: job.Source{Milvus1: &job.Milvus1Source{Path: outside}}, Target: target}, "-allow-path"},
		"mysql":              {job.Job{Source: job.Source{Milvus1: &job.Milvus1Source{Path: data, MySQL: &job.MySQL{Host: "db", Port: 3306}}}, Target: target}, "address db:3306"},
		"mysql's password":   {job.Job{Source: job.Source{Milvus1: &job.Milvus1Source{Path: data, MySQL: &job.MySQL{Host: "10.0.0.1", Port: 3306, Password: job.Secret{Env: "HOME"}}}}, Target: target}, "variable HOME"},
		"a secret's file":    {job.Job{Source: job.Source{Milvus: &job.MilvusSource{MilvusServer: server("10.0.0.1:1", job.Secret{File: "/etc/shadow"})}}, Target: target}, "path /etc/shadow"},
		"an address":         {job.Job{Source: job.Source{Milvus: &job.MilvusSource{MilvusServer: server("evil:19530", job.Secret{})}}, Target: target}, "address evil:19530"},
		"a port":             {job.Job{Source: files(data), Target: job.Target{Milvus: &job.MilvusTarget{MilvusServer: server("a.example:22", job.Secret{})}}}, "address a.example:22"},
		"an export's target": {job.Job{Source: files(data), Target: job.Target{HDF5: &job.HDF5Target{Directory: outside}}}, "-allow-path"},
		"tls": {job.Job{Source: files(data), Target: job.Target{Milvus: &job.MilvusTarget{MilvusServer: job.MilvusServer{Address: "a.example:19530",
			TLS: &job.TLS{Key: "/etc/ssl/private/key.pem"}}}}}, "-allow-path"},
	} {
		if err := policyOf(t).job(&c.job); err != nil {
			t.Errorf("%s: without flags: %v", name, err)
		}
		err := policyOf(t, limited...).job(&c.job)
		if (c.says == "") != (err == nil) || err != nil && (fault.KindOf(err) != fault.Denied || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v, want it to say %q", name, err, c.says)
		}
		for _, none := range []string{"-allow-env", "-allow-path", "-allow-address"} {
			if name == "all is allowed" && policyOf(t, none, "").job(&c.job) == nil {
				t.Errorf("%s '' allows something", none)
			}
		}
	}
}
