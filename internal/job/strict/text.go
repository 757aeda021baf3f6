package strict

import (
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

var (
	reference   = regexp.MustCompile(`\$?\$\{[^}]*\}?`)
	environment = regexp.MustCompile(`^\$\{env:([A-Za-z_][A-Za-z0-9_]*)(:-([^}]*))?\}$`)
	plainName   = regexp.MustCompile(`^\$\{([A-Za-z_][A-Za-z0-9_]*)\}$`)
)

// EnvName returns the NAME of a text that is ${env:NAME} and nothing else.
func EnvName(text string) (string, bool) {
	m := environment.FindStringSubmatch(text)
	if m == nil || m[2] != "" {
		return "", false
	}
	return m[1], true
}

// expand replaces ${env:NAME} and ${env:NAME:-default}; $${ is a ${ that is meant as it is.
func (d *Decoder) expand(text string) (out string, changed bool, err error) {
	out = reference.ReplaceAllStringFunc(text, func(ref string) string {
		changed = true
		if strings.HasPrefix(ref, "$$") {
			return ref[1:]
		}
		value, e := d.lookupEnv(ref)
		if err == nil {
			err = e
		}
		return value
	})
	return out, changed, err
}

// lookupEnv takes the default, as a shell does, also when the variable is empty.
func (d *Decoder) lookupEnv(ref string) (string, error) {
	m := environment.FindStringSubmatch(ref)
	if m == nil {
		if name := plainName.FindStringSubmatch(ref); name != nil {
			return "", fmt.Errorf("%s is unknown; write ${env:%s}, or $%s for the text itself", shorten(ref), name[1], shorten(ref))
		}
		return "", fmt.Errorf("%s is unknown; write ${env:NAME} or ${env:NAME:-default}, or $${ for the text ${", shorten(ref))
	}
	value, ok := d.Env(m[1])
	switch {
	case m[2] != "" && value == "":
		return m[3], nil
	case !ok:
		return "", fmt.Errorf("environment variable %s is not set; set it, or write ${env:%s:-default}", m[1], m[1])
	}
	return value, nil
}

// hint says what to write for a field.
func (d *Decoder) hint(f field) string {
	rule := d.Rules[f.rule]
	switch {
	case f.structType() != nil:
		return "its keys below it: " + strings.Join(keyNames(f.structType()), ", ")
	case f.itemType() != nil:
		return "a list of names, or of mappings with " + strings.Join(keyNames(f.itemType()), ", ")
	case f.typ.Kind() == reflect.Slice:
		return "a list of one or more texts"
	case f.typ.Kind() == reflect.Map:
		return "names and values below it"
	case rule.Values != nil:
		return alternatives(rule.Values)
	case f.typ == durationType:
		return "a duration with its unit, such as 30s or 5m" + f.bounds()
	case f.bytes:
		return "a size with its unit, such as 8MiB" + f.bounds()
	case f.typ.Kind() == reflect.Bool:
		return "true or false"
	case f.min != "" && f.min == f.max:
		return f.min
	case f.form.Rule == "" && f.typ.Kind() != reflect.String:
		return "a whole number" + f.bounds()
	case rule.Example != "":
		return "text, such as " + rule.Example
	}
	return "text"
}

func (f field) bounds() string {
	switch {
	case f.min != "" && f.max != "":
		return ", from " + f.min + " to " + f.max
	case f.min != "":
		return ", at least " + f.min
	case f.max != "":
		return ", at most " + f.max
	}
	return ""
}

// sample shows a missing key as it could be written.
func (d *Decoder) sample(f field) string {
	example := d.Rules[f.rule].Example
	if f.min != "" && f.min == f.max {
		example = f.min
	}
	if example != "" {
		return fmt.Sprintf("%q", f.key+": "+example)
	}
	return fmt.Sprintf("%q with %s", f.key+":", d.hint(f))
}

func alternatives(values []string) string {
	if len(values) == 1 {
		return values[0]
	}
	last := len(values) - 1
	return strings.Join(values[:last], ", ") + " or " + values[last]
}

// describe says what a node is, without showing it.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "a reference"
	case yaml.ScalarNode:
		return describeTag(n.Tag)
	}
	return "nothing"
}

func describeTag(tag string) string {
	switch tag {
	case "!!str", fromEnv:
		return "text"
	case "!!int":
		return "a number"
	case "!!float":
		return "a fraction, or too large a number"
	case "!!bool":
		return "true or false"
	case "!!null":
		return "empty"
	case "!!timestamp":
		return "a date"
	case "!!merge":
		return "a merge (<<)"
	}
	return "a value of type " + shorten(tag)
}

// Quote shows a text of a file in an error.
func Quote(s string) string { return strconv.Quote(shorten(s)) }

// shorten keeps an error readable, and on one line, whatever the file holds.
func shorten(s string) string {
	const most = 60
	if len(s) > most {
		cut := most
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "..."
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}
