package job

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"milvusdm/internal/job/strict"
)

// Metric types of Milvus 2.x for the vectors that files can hold.
var (
	floatMetrics  = []string{"L2", "IP", "COSINE"}
	binaryMetrics = []string{"HAMMING", "JACCARD", "SUBSTRUCTURE", "SUPERSTRUCTURE", "MHJACCARD"}
)

// Metric types of Milvus 1.x that 2.x has no more. Tanimoto's distance there is -log2(1 - Jaccard's), which grows with it.
var goneMetrics = map[string]string{
	"TANIMOTO": "is not in Milvus since 2.3; write JACCARD, which ranks neighbours in the same order",
}

// Index types of Milvus 2.x for such vectors.
var indexTypes = []string{
	"AUTOINDEX", "FLAT", "IVF_FLAT", "IVF_SQ8", "IVF_PQ", "IVF_RABITQ", "HNSW", "HNSW_SQ", "HNSW_PQ", "HNSW_PRQ", "SCANN", "DISKANN",
	"GPU_CAGRA", "GPU_IVF_FLAT", "GPU_IVF_PQ", "GPU_BRUTE_FORCE", "BIN_FLAT", "BIN_IVF_FLAT", "MINHASH_LSH",
}

// rules are the named rules of the types' tags. Relative paths start at dir.
func rules(dir string) map[string]strict.Rule {
	partition := someName(partitionRule, "my_partition")
	partition.Check = orEmpty(partition.Check)
	partition.Pattern = "^$|" + partition.Pattern
	return map[string]strict.Rule{
		"name":             {Check: checkName, Pattern: namePattern, Example: "my-job"},
		"collection":       identifier("my_collection"),
		"as_collection":    someName(asCollectionRule, "my_collection or {name}_restored"),
		"any_collection":   collectionPattern(),
		"partition":        partition,
		"source_partition": someName(partitionRule, "my_partition"),
		"field":            identifier("embedding"),
		"source_field":     someName(sourceFieldRule, "embedding"),
		"filter":           {Check: notEmpty, Example: "year > 2000"},
		"database":         identifier("my_database"),
		"user":             {Check: notEmpty, Example: "root"},
		"address":          {Check: checkAddress, Example: "127.0.0.1:19530", Pattern: `^((tcp|http|https)://)?[^/@ ]+$`},
		"host":             {Check: checkHost, Example: "127.0.0.1"},
		"path":             {Check: absolute(dir), Example: "data/vectors.h5"},
		"milvus":           {Check: addressOrPath(dir), Example: "127.0.0.1:19530"},
		"secret":           {Check: checkSecret, Example: "${env:NAME}", Pattern: `^\$\{env:[A-Za-z_][A-Za-z0-9_]*\}$`, Secret: true},
		"literal":          {Example: "${env:NAME}", Secret: true},
		"layout": {Values: []string{"auto", "milvusdm", "ann-benchmarks", "group", "compound", "pandas", "objects",
			"export"}},
		"vector":       {Values: []string{"FloatVector", "BinaryVector", "Float16Vector", "BFloat16Vector"}},
		"key_offset":   {Check: checkKeyOffset, Pattern: "^(auto|[0-9]+)$", Int: true, Example: "auto"},
		"length":       {Check: checkLength, Pattern: "^[0-9]+$", Int: true, Example: "1000"},
		"mode":         {Values: texts(Append, Skip, Overwrite), Example: "append"},
		"on_duplicate": {Values: texts(DuplicateFail, DuplicateLast, DuplicateOne)},
		"verify":       {Values: texts(VerifyCount, VerifySample, VerifyFull)},
		"ids":          {Values: texts(KeepIDs, NewIDs)},
		"no_key":       {Values: []string{NoKey}},
		"readable_by":  {Values: []string{"owner", "group", "everyone"}},
		"compression":  {Values: texts(NoCompression, Gzip)},
		"on_existing":  {Values: texts(ExistingFail, ExistingReplace, ExistingKeep)},
		"load":         {Values: texts(LoadAsBefore, LoadYes, LoadNo), Synonyms: map[string]string{"true": "yes", "false": "no"}},
		"index":        {Values: indexTypes},
		"metric":       {Values: append(append([]string(nil), floatMetrics...), binaryMetrics...), Gone: goneMetrics, Example: "L2"},
	}
}

// texts are the values of a choice.
func texts[T ~string](values ...T) []string {
	var out []string
	for _, v := range values {
		out = append(out, string(v))
	}
	return out
}

var identifierRule = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,254}$`)

// identifier is the rule of Milvus's names.
func identifier(example string) strict.Rule {
	check := func(s string) (string, error) {
		if !identifierRule.MatchString(s) {
			return "", fmt.Errorf("%s is not a valid Milvus name; use at most 255 letters, digits and underscores, and do not begin with a digit", strict.Quote(s))
		}
		return s, nil
	}
	return strict.Rule{Check: check, Pattern: identifierRule.String(), Example: example}
}

// Names that some version of Milvus takes: partitions may begin with a digit, $ was allowed, and - is in newer ones. What a
// target does not take is refused by it.
var (
	asCollectionRule  = regexp.MustCompile(`^([A-Za-z_]|\{name\})([A-Za-z0-9_]|\{name\}){0,254}$`)
	anyCollectionRule = regexp.MustCompile(`^[A-Za-z_*?][A-Za-z0-9_$*?]{0,254}$`)
	sourceFieldRule   = regexp.MustCompile(`^(\$meta|[A-Za-z_][A-Za-z0-9_]{0,254})$`)
	partitionRule     = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_$-]{0,254}$`)
)

// someName is the rule of such names.
func someName(pattern *regexp.Regexp, example string) strict.Rule {
	check := func(s string) (string, error) {
		if !pattern.MatchString(s) {
			return "", fmt.Errorf("%s is not a valid Milvus name; use at most 255 letters, digits and underscores, such as %s", strict.Quote(s), example)
		}
		return s, nil
	}
	return strict.Rule{Check: check, Pattern: pattern.String(), Example: example}
}

// collectionPattern is the rule of names and patterns of names.
func collectionPattern() strict.Rule {
	rule := someName(anyCollectionRule, "my_collection")
	check := rule.Check
	rule.Check = func(s string) (string, error) {
		name, err := check(s)
		if err != nil {
			err = fmt.Errorf("%w (in a pattern, * is any text and ? any one character)", err)
		}
		return name, err
	}
	return rule
}

// checkLength takes what every Milvus takes as max_length.
func checkLength(s string) (string, error) {
	const most = 65535
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > most {
		return "", fmt.Errorf("%s is not a length in bytes; write a whole number from 1 to %d", strict.Quote(s), most)
	}
	return strconv.Itoa(n), nil
}

// checkKeyOffset leaves room for as many rows as there can be.
func checkKeyOffset(s string) (string, error) {
	if strings.EqualFold(s, KeyOffsetAuto) {
		return KeyOffsetAuto, nil
	}
	if n, err := strconv.ParseInt(s, 10, 64); err != nil || n < 0 || n > math.MaxInt64/2 {
		return "", fmt.Errorf("%s is not a valid first key; write a whole number from 0 to %d, or auto", strict.Quote(s),
			math.MaxInt64/2)
	}
	return s, nil
}

func orEmpty(check func(string) (string, error)) func(string) (string, error) {
	return func(s string) (string, error) {
		if s == "" {
			return "", nil
		}
		return check(s)
	}
}

func notEmpty(s string) (string, error) {
	if s == "" {
		return "", errors.New("is empty; write text, or leave the key out")
	}
	return s, nil
}

const namePattern = `^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`

var nameRule = regexp.MustCompile(namePattern)

func checkName(s string) (string, error) {
	if !nameRule.MatchString(s) {
		return "", fmt.Errorf("%s can't be a job's name; write at most 128 letters, digits, dots, underscores and hyphens, a letter or digit first", strict.Quote(s))
	}
	return s, nil
}

// checkAddress returns the address with its port. It does not show what may hold a password.
func checkAddress(s string) (string, error) {
	const want = "write host:port, optionally behind tcp://, http:// or https://"
	scheme, rest, found := strings.Cut(s, "://")
	if !found {
		scheme, rest = "", s
	}
	switch {
	case strings.Contains(rest, "@"):
		return "", errors.New("holds a user or password; write them as user and password")
	case strings.ContainsAny(rest, "/?#"):
		return "", errors.New("has text after the port; " + want + ", and a database as database")
	case found && scheme != "tcp" && scheme != "http" && scheme != "https":
		return "", fmt.Errorf("has the unknown scheme %s; %s", strict.Quote(scheme), want)
	}
	u, err := url.Parse("//" + rest)
	if err != nil || u.Hostname() == "" {
		return "", fmt.Errorf("%s is not an address; %s", strict.Quote(s), want)
	}
	if _, err := checkHost(u.Hostname()); err != nil {
		return "", fmt.Errorf("%s is not an address; %s", strict.Quote(s), want)
	}
	port := u.Port()
	if port == "" && scheme == "https" {
		port = "443"
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return "", fmt.Errorf("%s has no port from 1 to 65535; write %s (did you mean %q?)", strict.Quote(s), "host:port", net.JoinHostPort(u.Hostname(), "19530"))
	}
	address := net.JoinHostPort(u.Hostname(), port)
	if found {
		address = scheme + "://" + address
	}
	return address, nil
}

var hostRule = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?$`)

func checkHost(s string) (string, error) {
	if net.ParseIP(s) == nil && !hostRule.MatchString(s) {
		return "", fmt.Errorf("%s is not a host; write a name or an IP address, without scheme and port", strict.Quote(s))
	}
	return s, nil
}

var hostAndPort = regexp.MustCompile(`^[^/]*:[0-9]+$`)

// addressOrPath is the rule of what names a Milvus: the address of a running one, or the directory of one of version 1.x,
// which begins with a slash then.
func addressOrPath(dir string) func(string) (string, error) {
	path := absolute(dir)
	return func(s string) (string, error) {
		if strings.Contains(s, "://") || hostAndPort.MatchString(s) {
			return checkAddress(s)
		}
		return path(s)
	}
}

func absolute(dir string) func(string) (string, error) {
	return func(s string) (string, error) {
		switch {
		case s == "":
			return "", errors.New("is empty; write a path")
		case strings.ContainsRune(s, 0):
			return "", errors.New("holds a NUL byte; write a path without it")
		case s == "~" || strings.HasPrefix(s, "~/"):
			return "", errors.New("starts with ~, which is not replaced; write ${env:HOME} instead")
		case filepath.IsAbs(s):
			return filepath.Clean(s), nil
		}
		return filepath.Join(dir, s), nil
	}
}

// checkSecret returns the variable's name. What is there instead may be the secret: it is not shown.
func checkSecret(s string) (string, error) {
	name, ok := strict.EnvName(s)
	if !ok {
		return "", errors.New("is not a reference, and a secret in a job could be read by whoever sees it in Temporal; " +
			"write ${env:NAME} with the name of a variable of the worker, or name a file that holds it with the key that ends in _file")
	}
	return name, nil
}
