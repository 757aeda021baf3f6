package activities

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
)

// Report is what is kept of a finished job when Temporal has forgotten it.
type Report struct {
	Workflow string    `json:"workflow"`
	Run      string    `json:"run"`
	Job      job.Job   `json:"job"`
	JobHash  string    `json:"jobHash"`
	Started  time.Time `json:"started"`
	Ended    time.Time `json:"ended"`
	// Plan is what was found and intended, Plans where the job copies several collections; Result how it ended, Error why it
	// failed (then Result is what was finished of several).
	Plan   *Plan   `json:"plan,omitempty"`
	Plans  []*Plan `json:"plans,omitempty"`
	Result any     `json:"result,omitempty"`
	Error  string  `json:"error,omitempty"`
	Kind   string  `json:"kind,omitempty"`
	// Version is that of the worker that wrote the report.
	Version string `json:"version"`
}

// WriteReport writes a job's report.json and returns its path: <report dir>/<workflow>/<start time>-<run>/report.json.
func (a *Activities) WriteReport(_ context.Context, r Report) (string, error) {
	r.Version = a.Version
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return "", fault.ToTemporal(fault.New(fault.Internal, "write the report of %s: %w", r.Workflow, err))
	}
	dir := filepath.Join(a.ReportDir, safeName(r.Workflow), r.Started.UTC().Format("20060102T150405Z")+"-"+safeName(r.Run))
	path := filepath.Join(dir, "report.json")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fault.ToTemporal(fault.New(fault.Denied, "write the report: %w", err))
	}
	if err := replaceFile(path, append(text, '\n')); err != nil {
		return "", fault.ToTemporal(fault.New(fault.Denied, "write the report: %w", err))
	}
	return path, nil
}

// replaceFile writes a file so that it is there whole or not at all.
func replaceFile(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".report-*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("%w (and remove %s: %v)", err, f.Name(), os.Remove(f.Name()))
	}
	return nil
}

// safeName makes a file name of an ID.
func safeName(id string) string {
	return strings.Map(func(r rune) rune {
		if r == '/' || r == '\\' || r == 0 {
			return '_'
		}
		return r
	}, strings.TrimLeft(id, "."))
}
