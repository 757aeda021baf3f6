package job

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"milvusdm/internal/fault"
	"milvusdm/internal/job/strict"
)

// Warning is what is worth knowing about a job's file and does not stop the job.
type Warning = strict.Problem

// Options say what a job's file is read against. The zero Options are this process.
type Options struct {
	// Dir is the working directory, "" for the process's.
	Dir string
	// Env looks an environment variable up; nil is os.LookupEnv.
	Env func(name string) (string, bool)
}

// maxFile bounds a job's file.
const maxFile = 1 << 20

// Load reads a job from a file in either form. It does not look whether the paths in it exist: another machine may be meant.
//
// The error lists all that is wrong, one line for each, in the file's order: "file:line:column: key.path: what is wrong;
// what to write". Its kind is Config, and NotFound without such a file.
func Load(path string, opts Options) (*Job, []Warning, error) {
	data, err := readBounded(path, maxFile)
	switch kind := dataFormat(data); {
	case kind != "":
		return nil, nil, fault.New(fault.Config, "%s is a data file (%s), not a job; write a job whose source names it (see examples/), and run that job",
			path, kind)
	case errors.Is(err, os.ErrNotExist):
		return nil, nil, fault.Wrap(fault.NotFound, err, "read the job")
	case err != nil:
		return nil, nil, fault.Wrap(fault.Config, err, "read the job")
	}
	return Parse(path, data, opts)
}

// dataFormat says what a file is that begins so and is no text, "" for text.
func dataFormat(data []byte) string {
	begin := data[:min(len(data), 512)]
	utf16 := bytes.HasPrefix(begin, []byte("\xff\xfe")) || bytes.HasPrefix(begin, []byte("\xfe\xff"))
	switch {
	case utf16 || bytes.IndexByte(begin, 0) < 0:
		return ""
	case bytes.HasPrefix(begin, []byte("\x89HDF")):
		return "HDF5"
	case bytes.HasPrefix(begin, []byte("I")):
		return "probably Faiss"
	}
	return "binary"
}

// LoadFrom is Load of a job that is read from r, as standard input. It has no file to be named after, so it must say its name.
func LoadFrom(r io.Reader, opts Options) (*Job, []Warning, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, nil, fault.Wrap(fault.Config, err, "read the job from standard input")
	}
	if len(data) > maxFile {
		return nil, nil, fault.New(fault.Config, "read the job from standard input: it is larger than 1 MiB")
	}
	return Parse("-", data, opts)
}

// Parse is Load of data that was read from path.
func Parse(path string, data []byte, opts Options) (*Job, []Warning, error) {
	if opts.Env == nil {
		opts.Env = os.LookupEnv
	}
	dir, err := filepath.Abs(opts.Dir)
	if err != nil {
		return nil, nil, fault.Wrap(fault.Config, err, "find the working directory")
	}
	root, err := document(path, data)
	if err != nil {
		return nil, nil, err
	}
	d := &strict.Decoder{File: path, Env: opts.Env}
	j := decoderOf(root)(d, root, dir)
	d.Warnings.Sort()
	if err := d.Err(); err != nil {
		return nil, d.Warnings, fault.New(fault.Config, "%w", err)
	}
	return j, d.Warnings, nil
}

// decoderOf returns what decodes the form that the file is in.
func decoderOf(root *yaml.Node) func(d *strict.Decoder, root *yaml.Node, dir string) *Job {
	if isMilvusDM2(root) {
		return decodeMilvusDM2
	}
	return decodeOwn
}

// document parses the one YAML document of a file and returns its root.
func document(path string, data []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, next yaml.Node
	err := dec.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return nil, wrong(path, 1, 1, "the file is empty; write a job (see examples/)")
	}
	if err == nil {
		err = dec.Decode(&next)
		if err == nil {
			return nil, wrong(path, next.Line, next.Column, "a second document starts here; write one job per file")
		}
	}
	if !errors.Is(err, io.EOF) {
		return nil, syntaxError(path, data, err)
	}
	return doc.Content[0], nil
}

var (
	yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)
	leadTab  = regexp.MustCompile(`(?m)^ *\t`)
)

// syntaxError gives what the YAML parser says a position. The parser says nothing of columns, and tabs are the usual cause.
func syntaxError(path string, data []byte, err error) error {
	text := err.Error()
	line := 1
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		text = text[len(m[0]):]
		if n, err := strconv.Atoi(m[1]); err == nil {
			line = max(n, 1)
		}
	}
	if at := leadTab.FindIndex(data); at != nil {
		before := data[:at[1]]
		return wrong(path, bytes.Count(before, []byte("\n"))+1, at[1]-at[0], "a tab; indent with spaces")
	}
	return wrong(path, line, 1, fmt.Sprintf("not YAML: %s; fix this line or the one before it", strings.TrimSpace(text)))
}

// wrong is the error of a file with one fault that stops everything else.
func wrong(path string, line, column int, text string) error {
	return fault.New(fault.Config, "%w", strict.Problems{{File: path, Line: max(line, 1), Column: max(column, 1), Text: text}})
}
