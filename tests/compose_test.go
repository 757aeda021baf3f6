package tests

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// No container engine runs in the tests: docker-compose.yml is read with the library that Docker reads it with.
func TestComposeFile(t *testing.T) {
	project := loadCompose(t)
	for _, problem := range composeProblems(project) {
		t.Error(problem)
	}
	for name, condition := range map[string]map[string]string{
		"temporal": {"postgres": types.ServiceConditionHealthy},
		"milvus":   {"etcd": types.ServiceConditionHealthy, "minio": types.ServiceConditionHealthy},
		"worker": {"temporal": types.ServiceConditionHealthy, "milvus": types.ServiceConditionHealthy,
			"temporal-setup": types.ServiceConditionCompletedSuccessfully},
	} {
		for dependency, want := range condition {
			if got := project.Services[name].DependsOn[dependency].Condition; got != want {
				t.Errorf("%s waits for %s to be %q, want %q", name, dependency, got, want)
			}
		}
	}
	build := project.Services["worker"].Build
	if build == nil {
		t.Fatal("the worker's image is not built here")
	}
	dockerfile, err := os.ReadFile(filepath.Join(build.Context, build.Dockerfile))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`(?m)^FROM \S+:\S+ AS build$`, `(?m)^FROM \S+:\S+$`, `(?m)^USER milvusdm$`,
		`libhdf5`, `libopenblas`} {
		if !regexp.MustCompile(want).Match(dockerfile) {
			t.Errorf("Dockerfile has nothing like %s", want)
		}
	}
}

// TestComposeProblems breaks the file in each way that TestComposeFile would have to notice.
func TestComposeProblems(t *testing.T) {
	for want, spoil := range map[string]func(*types.Project){
		"no service etcd":           func(p *types.Project) { delete(p.Services, "etcd") },
		"milvus: image":             change("milvus", func(s *types.ServiceConfig) { s.Image = "milvusdb/milvus:latest" }),
		"minio: image":              change("minio", func(s *types.ServiceConfig) { s.Image = "minio/minio" }),
		"temporal: port":            change("temporal", func(s *types.ServiceConfig) { s.Ports[0].HostIP = "" }),
		"postgres: no health check": change("postgres", func(s *types.ServiceConfig) { s.HealthCheck = nil }),
		"etcd: no volume":           change("etcd", func(s *types.ServiceConfig) { s.Volumes = nil }),
		"worker: /data":             change("worker", func(s *types.ServiceConfig) { s.Volumes = s.Volumes[1:] }),
	} {
		project := loadCompose(t)
		spoil(project)
		if got := strings.Join(composeProblems(project), "\n"); !strings.Contains(got, want) {
			t.Errorf("problems %q, want %q among them", got, want)
		}
	}
}

func change(service string, f func(*types.ServiceConfig)) func(*types.Project) {
	return func(p *types.Project) {
		s := p.Services[service]
		f(&s)
		p.Services[service] = s
	}
}

func loadCompose(t *testing.T) *types.Project {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	options, err := cli.NewProjectOptions([]string{filepath.Join(root, "docker-compose.yml")},
		cli.WithWorkingDirectory(root), cli.WithProfiles([]string{"cli"}), cli.WithResolvedPaths(true))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

// pinned is a released version as a tag: no name that moves, and no host, so that the engine's own setting decides.
var pinned = regexp.MustCompile(`^[a-z]+(/[a-z-]+)?:(v?\d+\.\d+[\w.-]*|RELEASE\.[\w-]+)$`)

func composeProblems(p *types.Project) []string {
	var problems []string
	stateful := map[string]bool{"postgres": true, "etcd": true, "minio": true, "milvus": true}
	healthy := map[string]bool{"temporal": true, "worker": true}
	for _, name := range []string{"postgres", "temporal", "temporal-setup", "temporal-ui", "etcd", "minio", "milvus",
		"worker", "milvusdm"} {
		service, ok := p.Services[name]
		if !ok {
			problems = append(problems, "no service "+name)
			continue
		}
		if service.Build == nil && !pinned.MatchString(service.Image) {
			problems = append(problems, name+": image "+service.Image+" is not pinned")
		}
		for _, port := range service.Ports {
			if port.HostIP != "127.0.0.1" {
				problems = append(problems, name+": port "+port.Published+" is not on the loopback address")
			}
		}
		if (stateful[name] || healthy[name]) && (service.HealthCheck == nil || len(service.HealthCheck.Test) < 2) {
			problems = append(problems, name+": no health check")
		}
		if stateful[name] && len(service.Volumes) == 0 {
			problems = append(problems, name+": no volume")
		}
	}
	for _, name := range []string{"worker", "milvusdm"} {
		var data bool
		for _, volume := range p.Services[name].Volumes {
			data = data || volume.Target == "/data"
		}
		if !data {
			problems = append(problems, name+": /data is not mounted")
		}
	}
	return problems
}
