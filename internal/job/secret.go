package job

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"

	"gopkg.in/yaml.v3"

	"milvusdm/internal/fault"
	"milvusdm/internal/job/strict"
)

// Secret names a secret; it never holds one. The zero Secret is none.
type Secret struct {
	Env  string `json:"env,omitempty"`  // `password: ${env:NAME}`: an environment variable of the worker
	File string `json:"file,omitempty"` // `password_file: PATH`: a file on the worker's machine, its last newline left out
	// Key, with File, is the path of the key, as "M2M.mysql_parameter.password", whose value in that YAML file is the secret
	// (a MilvusDM 2.0 file).
	Key string `json:"key,omitempty"`
}

// IsZero reports whether s names nothing.
func (s Secret) IsZero() bool { return s == Secret{} }

// String shows the reference, as `${env:NAME}` or `file /path`.
func (s Secret) String() string {
	switch {
	case s.Env != "":
		return "${env:" + s.Env + "}"
	case s.Key != "":
		return "key " + s.Key + " of file " + s.File
	case s.File != "":
		return "file " + s.File
	}
	return ""
}

var (
	byEnv  = strict.Form{Rule: "secret"}
	byFile = strict.Form{Suffix: "_file", Rule: "path"}
)

// Forms implements [strict.Custom].
func (s *Secret) Forms() []strict.Form { return []strict.Form{byEnv, byFile} }

// Set implements [strict.Custom].
func (s *Secret) Set(form strict.Form, text string) {
	if form == byEnv {
		s.Env = text
	} else {
		s.File = text
	}
}

// maxSecret bounds the files that secrets are read from.
const maxSecret = 1 << 20

// Resolve looks the secret up on this machine: "" for the zero Secret. The error, of kind Config, says what is not there;
// it never shows what is.
func (s Secret) Resolve() (string, error) {
	switch {
	case s.IsZero():
		return "", nil
	case s.Env != "":
		if v := os.Getenv(s.Env); v != "" {
			return v, nil
		}
		return "", fault.New(fault.Config, "environment variable %s, which holds a secret, is not set where the worker runs", s.Env)
	}
	text, err := readBounded(s.File, maxSecret)
	if err != nil {
		return "", fault.Wrap(fault.Config, err, "read a secret on the worker's machine")
	}
	secret := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	if s.Key != "" {
		secret, err = valueAt(text, s.Key)
	}
	if err == nil && secret == "" {
		err = errors.New("it is empty")
	}
	return secret, fault.Wrap(fault.Config, err, "read a secret: %s", s)
}

// valueAt returns the text at a path of keys in a YAML document.
func valueAt(document []byte, path string) (string, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(document, &root); err != nil || len(root.Content) != 1 {
		return "", errors.New("the file is not YAML") // the YAML error could show a piece of the secret
	}
	n := root.Content[0]
	for _, key := range strings.Split(path, ".") {
		if n = child(n, key); n == nil {
			return "", errors.New("the file has no such key")
		}
	}
	if n.Kind != yaml.ScalarNode {
		return "", errors.New("the key's value is not text")
	}
	return n.Value, nil
}

func child(n *yaml.Node, key string) *yaml.Node {
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

var errTooLarge = errors.New("the file is larger than 1 MiB")

// readBounded reads a file of at most limit bytes.
func readBounded(path string, limit int64) (content []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var b bytes.Buffer
	n, err := io.Copy(&b, io.LimitReader(f, limit+1))
	if err == nil && n > limit {
		err = &os.PathError{Op: "read", Path: path, Err: errTooLarge}
	}
	return b.Bytes(), err
}
