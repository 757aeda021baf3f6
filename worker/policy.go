package main

import (
	"cmp"
	"context"
	"flag"
	"net"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"milvusdm/internal/fault"
	"milvusdm/internal/hdf5run"
	"milvusdm/internal/job"
	"milvusdm/internal/transfer"
)

// policy is what jobs may name of this worker's machine and network. A list that is nil allows all; an empty one nothing.
type policy struct {
	env, paths, addresses []string
}

// flags adds the policy's flags. Each may be given more than once, and an empty value allows nothing.
func (p *policy) flags(f *flag.FlagSet) {
	add := func(list *[]string, clean func(string) string) func(string) error {
		return func(value string) error {
			if *list == nil {
				*list = []string{}
			}
			if value != "" {
				*list = append(*list, clean(value))
			}
			return nil
		}
	}
	as := func(s string) string { return s }
	f.Func("allow-env", "environment `variable` whose value jobs may use as a secret; may be repeated (all)", add(&p.env, as))
	f.Func("allow-path", "`directory` whose files jobs may read and write, secrets too; may be repeated (all)", add(&p.paths, absolute))
	f.Func("allow-address", "`host:port` of servers that jobs may use; * stands for any characters; may be repeated (all)", add(&p.addresses, strings.ToLower))
}

func absolute(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		return abs
	}
	return dir
}

// job refuses a job that names what this worker does not allow.
func (p *policy) job(j *job.Job) error {
	if err := p.source(&j.Source); err != nil {
		return err
	}
	if t := j.Target.Kind(); t != nil {
		return p.allows(t.Needs())
	}
	return nil
}

func (p *policy) source(s *job.Source) error {
	if k := s.Kind(); k != nil {
		return p.allows(k.Needs())
	}
	return nil
}

func (p *policy) allows(n job.Needs) error {
	for _, address := range n.Addresses {
		if err := p.address(address); err != nil {
			return err
		}
	}
	for _, secret := range n.Secrets {
		if err := p.secret(secret); err != nil {
			return err
		}
	}
	return p.path(n.Paths...)
}

func (p *policy) secret(s job.Secret) error {
	if s.Env != "" && p.env != nil && !slices.Contains(p.env, s.Env) {
		return denied("environment variable %s", s.Env, "allow-env")
	}
	return p.path(s.File)
}

// path refuses a path that does not lie in one of the directories, where it leads in the end.
func (p *policy) path(paths ...string) error {
	if p.paths == nil {
		return nil
	}
	for _, at := range paths {
		within := func(dir string) bool {
			rel, err := filepath.Rel(real(dir), real(at))
			return err == nil && filepath.IsLocal(rel)
		}
		if at != "" && !slices.ContainsFunc(p.paths, within) {
			return denied("path %s", at, "allow-path")
		}
	}
	return nil
}

// real is a path without symbolic links, as far as it exists.
func real(at string) string {
	for above, rest := filepath.Clean(at), ""; ; above, rest = filepath.Dir(above), filepath.Join(filepath.Base(above), rest) {
		if to, err := filepath.EvalSymlinks(above); err == nil {
			return filepath.Join(to, rest)
		}
		if above == filepath.Dir(above) {
			return filepath.Clean(at)
		}
	}
}

// address refuses a server that none of the patterns means. One without a port means all ports.
func (p *policy) address(address string) error {
	if p.addresses == nil {
		return nil
	}
	if _, rest, found := strings.Cut(address, "://"); found {
		address = rest
	}
	host, port, err := net.SplitHostPort(strings.ToLower(address))
	if err != nil {
		host, port = strings.ToLower(address), ""
	}
	for _, pattern := range p.addresses {
		wantHost, wantPort, err := net.SplitHostPort(pattern)
		if err != nil {
			wantHost, wantPort = pattern, ""
		}
		hostFits, _ := path.Match(wantHost, host) // a bad pattern fits nothing
		portFits, _ := path.Match(cmp.Or(wantPort, "*"), port)
		if hostFits && portFits {
			return nil
		}
	}
	return denied("address %s", address, "allow-address")
}

func denied(what, which, flag string) error {
	return fault.New(fault.Denied, "this worker does not let jobs use "+what+"; its administrator allows it with -%s", which, flag)
}

// The functions below are those of connectors.go, for what is allowed.

func (p *policy) openSource(ctx context.Context, s *job.Source) (transfer.Source, error) {
	if err := p.source(s); err != nil {
		return nil, err
	}
	return openSource(ctx, s)
}

func (p *policy) listCollections(ctx context.Context, s *job.Source) (found []job.Collection, left []transfer.Left, err error) {
	if err := p.source(s); err != nil {
		return nil, nil, err
	}
	return listCollections(ctx, s)
}

func (p *policy) chooseRun(s *job.ExportSource) (*job.ExportSource, error) {
	if err := p.path(s.Path); err != nil {
		return nil, err
	}
	return hdf5run.Fix(s)
}

func (p *policy) openSink(ctx context.Context, j *job.Job, owner, stage string) (transfer.Sink, error) {
	if err := p.job(j); err != nil {
		return nil, err
	}
	return openSink(ctx, j, owner, stage)
}
