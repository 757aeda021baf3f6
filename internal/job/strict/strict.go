// Package strict decodes YAML into Go structs and reports all that is wrong with a file at once, each fault with its
// position, its key path, and what to write instead.
//
// The structs say it all in two tags: `yaml` names a key, as usual, and `rule` holds, separated by commas:
//
//	required       the key must be there
//	default=TEXT   what is meant when it is not
//	min=N, max=N   bounds of a number, a duration or a size, in the same notation as in a file
//	is=RULE        the value obeys that [Rule] (each item of a list does)
//	one            of a struct: exactly one of its keys is there
//	bytes          an int that is written as a size, as 8MiB
//	quoted         an int that may also be written as text
//	null           an empty value means that the key is absent
//	text           of a key of a list's structs: an item that is a text is this key's value, without others
//	keyed=KEY      of a list of structs: it may also be written as a mapping of such texts to the values of KEY, or to nothing
//	alias=KEY      another spelling of the key
//	except=KEY     of an inlined struct: a key of it that does not exist here
//	retunable      for others (see [Flatten]): the value may change without making it another job
//
// The JSON Schema comes from the same tags ([Schema]).
package strict

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Rule is a named rule for texts. All its parts are optional.
type Rule struct {
	// Values are the texts allowed; letters' case is ignored and replaced by that of Values.
	Values []string
	// Synonyms are other spellings, true and false included: what is written, and the text it stands for.
	Synonyms map[string]string
	// Gone are texts that once were in Values, and what to say of them.
	Gone map[string]string
	// Check returns the text in its canonical form. Its error says what is wrong, "; ", and what to write instead.
	Check func(string) (string, error)
	// Int: a whole number is taken, too, as the text that it is written as.
	Int bool
	// Pattern describes the texts in the JSON Schema; Check is what counts.
	Pattern string
	// Example is shown where the key is missing.
	Example string
	// Secret texts are neither expanded nor shown.
	Secret bool
}

// Custom is a type that is read from texts, by its pointer.
type Custom interface {
	// Forms are the ways to write it. At most one of them may be in a file.
	Forms() []Form
	// Set takes a text that obeys the form's rule.
	Set(form Form, text string)
}

// Form is one way to write a Custom: under the field's key with Suffix added, by the rule named Rule.
type Form struct{ Suffix, Rule string }

// Checker is a struct with rules that no tag can express. Check is called after its keys are decoded; what could not be
// decoded, and was reported, has its zero value.
type Checker interface{ Check(keys Keys) }

// Any is the type of a key whose value has no meaning.
type Any struct{}

// Decoder decodes one document.
type Decoder struct {
	File  string
	Rules map[string]Rule
	// Env looks an environment variable up, for ${env:NAME}.
	Env func(name string) (string, bool)
	// OneOf reports whether a struct, by its path, is one of several of which a document has one. A misplaced key is not sent to
	// one that the document lacks. nil stands for none.
	OneOf func(path string) bool
	// Errors and Warnings are what was found so far.
	Errors, Warnings Problems

	seen  map[string]*yaml.Node // by key path: where to point at
	known map[string][]string   // by key: the paths of the structs that have it
	root  *yaml.Node
}

// Decode decodes the document's root into the struct that into points to. Keys that are absent get their defaults.
func (d *Decoder) Decode(root *yaml.Node, into any) {
	v := reflect.ValueOf(into).Elem()
	d.root = root
	d.seen = map[string]*yaml.Node{}
	d.known = map[string][]string{}
	indexKeys(v.Type(), "", d.known)
	if root.Kind != yaml.MappingNode {
		d.Errorf(root, "", "the file holds %s; write keys: %s", describe(root), strings.Join(keyNames(v.Type()), ", "))
		return
	}
	d.mapping(root, root, v, "", false)
}

// maxErrors bounds what is reported of a file that is not meant to be one of these at all.
const maxErrors = 100

func (d *Decoder) enough() bool { return len(d.Errors) > maxErrors }

// Err returns the errors in the file's order, or nil.
func (d *Decoder) Err() error {
	if len(d.Errors) == 0 {
		return nil
	}
	d.Errors.Sort()
	if d.enough() {
		last := d.Errors[maxErrors]
		last.Key, last.Text = "", "there are more errors after this line; fix those above first"
		d.Errors = append(d.Errors[:maxErrors], last)
	}
	return d.Errors
}

// Errorf reports what is wrong at a node.
func (d *Decoder) Errorf(at *yaml.Node, path, format string, args ...any) {
	if !d.enough() {
		d.Errors = append(d.Errors, d.problem(at, path, fmt.Sprintf(format, args...)))
	}
}

func (d *Decoder) problem(at *yaml.Node, path, text string) Problem {
	return Problem{File: d.File, Line: max(at.Line, 1), Column: max(at.Column, 1), Key: path, Text: text}
}

// Keys is what a Checker sees of the file. Keys are named by their path from the Checker on, as "index.metric".
type Keys struct {
	d    *Decoder
	path string
	node *yaml.Node
}

// Has reports whether the key is in the file with a value.
func (k Keys) Has(key string) bool { return k.d.seen[join(k.path, key)] != nil }

// Errorf reports an error at the key, or, when it is not in the file, where it would have to be.
func (k Keys) Errorf(key, format string, args ...any) {
	k.d.Errorf(k.at(key), join(k.path, key), format, args...)
}

// Warnf reports what is worth knowing and does not stop the job.
func (k Keys) Warnf(key, format string, args ...any) {
	k.d.Warnings = append(k.d.Warnings, k.d.problem(k.at(key), join(k.path, key), fmt.Sprintf(format, args...)))
}

// at finds the key or the nearest of the structs around it that is in the file.
func (k Keys) at(key string) *yaml.Node {
	for key != "" {
		if n := k.d.seen[join(k.path, key)]; n != nil {
			return n
		}
		key = key[:max(strings.LastIndexAny(key, ".["), 0)]
	}
	return k.node
}

// mapping decodes n into the struct v. at is where a missing key is reported. With one, exactly one key must be there.
func (d *Decoder) mapping(at, n *yaml.Node, v reflect.Value, path string, one bool) {
	fields := fieldsOf(v.Type())
	found := map[int]*yaml.Node{} // by position in fields
	written := 0
	for i := 0; i+1 < len(n.Content) && !d.enough(); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		f := d.lookup(fields, key, path)
		if f < 0 {
			continue
		}
		name := join(path, fields[f].key)
		if first := found[f]; first != nil {
			if fields[f].key == key.Value || fields[f].alias == key.Value {
				d.Errorf(key, name, "is written twice, first in line %d; leave one out", first.Line)
			}
			continue
		}
		found[f] = key
		if written++; one && written > 1 {
			d.Errorf(key, name, "is one too many; write exactly one of %s", strings.Join(keyNames(v.Type()), ", "))
			continue
		}
		d.value(fields[f], v, key, value, name)
	}
	if one && written == 0 {
		d.Errorf(at, path, "has none of its keys; write exactly one of %s", strings.Join(keyNames(v.Type()), ", "))
	}
	d.complete(at, v, fields, found, path)
	if c, ok := v.Addr().Interface().(Checker); ok {
		c.Check(Keys{d, path, at})
	}
}

// complete sees to what the file does not say: missing keys, forms that exclude each other, defaults.
func (d *Decoder) complete(at *yaml.Node, v reflect.Value, fields []field, found map[int]*yaml.Node, path string) {
	forms := map[string]string{}
	for i, f := range fields {
		if key := found[i]; key != nil {
			if other := forms[f.name]; other != "" {
				d.Errorf(key, join(path, f.key), "says the same as %s; leave one out", other)
			}
			forms[f.name] = f.key
			continue
		}
		if f.required {
			d.Errorf(at, join(path, f.key), "is missing; write %s", d.sample(f))
		}
		fillDefault(f, v)
	}
}

// lookup finds the field of a key. It reports a key that has none, and returns -1, or the field that was probably meant.
func (d *Decoder) lookup(fields []field, key *yaml.Node, path string) int {
	if key.Kind != yaml.ScalarNode || key.Tag == "!!merge" {
		d.Errorf(key, path, "has %s where a key must be; write a plain name", describe(key))
		return -1
	}
	here := make([]string, len(fields))
	for i, f := range fields {
		if f.key == key.Value || f.alias != "" && f.alias == key.Value {
			return i
		}
		here[i] = f.key
	}
	at := join(path, shorten(key.Value))
	if near := nearest(key.Value, here); near != "" {
		d.Errorf(key, at, "is unknown (did you mean %q?)", near)
		return slices.Index(here, near)
	}
	if parents := d.takers(key.Value); len(parents) > 0 {
		d.Errorf(key, at, "is misplaced; it belongs %s", places(parents, path))
		return -1
	}
	near := nearest(key.Value, slices.Collect(maps.Keys(d.known)))
	if parents := d.takers(near); len(parents) > 0 {
		d.Errorf(key, at, "is unknown here (did you mean %q, which belongs %s?)", near, places(parents, path))
		return -1
	}
	d.Errorf(key, at, "is unknown; known here are %s", strings.Join(here, ", "))
	return -1
}

// takers are the paths of the structs that have a key and would take it in this document.
func (d *Decoder) takers(key string) []string {
	return slices.DeleteFunc(slices.Clone(d.known[key]), func(path string) bool {
		for end := 0; d.OneOf != nil && end < len(path); {
			if next := strings.IndexByte(path[end:], '.'); next >= 0 {
				end += next
			} else {
				end = len(path)
			}
			if at := path[:end]; d.OneOf(at) && !has(d.root, at) {
				return true
			}
			end++
		}
		return false
	})
}

// has reports whether a document has a key, by its path.
func has(at *yaml.Node, path string) bool {
	for _, key := range strings.Split(path, ".") {
		var value *yaml.Node
		for i := 0; at.Kind == yaml.MappingNode && i+1 < len(at.Content); i += 2 {
			if at.Content[i].Value == key {
				value = at.Content[i+1]
			}
		}
		if at = value; at == nil {
			return false
		}
	}
	return true
}

// places says where a key belongs that stands below path: those below the same top-level key, if there are such.
func places(parents []string, path string) string {
	top, _, _ := strings.Cut(path, ".")
	near := slices.DeleteFunc(slices.Clone(parents), func(p string) bool { return p != top && !strings.HasPrefix(p, top+".") })
	if len(near) == 0 {
		near = parents
	}
	if slices.Contains(near, "") {
		return "at the top level"
	}
	return "under " + strings.Join(near, " or ")
}

func join(path, key string) string {
	if path == "" || key == "" {
		return path + key
	}
	return path + "." + key
}
