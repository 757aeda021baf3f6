package strict

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// fromEnv is the tag of a text that came out of an environment variable: it has no type of its own.
const fromEnv = "!env"

// value decodes n, the value of key, into its field of struct parent.
func (d *Decoder) value(f field, parent reflect.Value, key, n *yaml.Node, path string) {
	v := parent.FieldByIndex(f.index)
	switch {
	case n.Kind == yaml.AliasNode:
		d.seen[path] = n
		d.Errorf(n, path, "is a reference to *%s; write the value itself", shorten(n.Value))
		return
	case f.null && (n.Tag == "!!null" || f.structType() != nil && n.Kind == yaml.ScalarNode && n.Value == ""):
		fillDefault(f, parent)
		return
	case n.Tag == "!!null":
		d.seen[path] = key
		d.Errorf(key, path, "has no value; write %s%s", d.hint(f), orLeaveOut(f))
		return
	}
	d.seen[path] = n
	if n.Kind != yaml.ScalarNode {
		d.seen[path] = key
	}
	switch {
	case f.typ == anyType:
	case f.structType() != nil:
		d.nested(f, v, key, n, path)
	case f.itemType() != nil:
		d.items(f, v, n, path)
	case v.Kind() == reflect.Slice:
		d.list(f, v, n, path)
	case v.Kind() == reflect.Map:
		d.texts(f, v, n, path)
	default:
		d.scalar(f, v, n, path)
	}
}

func orLeaveOut(f field) string {
	if f.required {
		return ""
	}
	return ", or leave the key out"
}

func (d *Decoder) nested(f field, v reflect.Value, key, n *yaml.Node, path string) {
	if n.Kind != yaml.MappingNode {
		d.Errorf(n, path, "is %s; write %s", describe(n), d.hint(f))
		return
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	d.mapping(key, n, v, path, f.one)
}

// maxItems bounds a list: what is decoded has to fit into a message later.
const maxItems = 10_000

// list decodes a list of texts; one text stands for a list of one.
func (d *Decoder) list(f field, v reflect.Value, n *yaml.Node, path string) {
	items := []*yaml.Node{n}
	switch n.Kind {
	case yaml.SequenceNode:
		items = n.Content
	case yaml.MappingNode:
		d.Errorf(n, path, "is a mapping; write %s", d.hint(f))
		return
	}
	switch {
	case len(items) == 0:
		d.Errorf(n, path, "is an empty list; write %s", d.hint(f))
	case len(items) > maxItems:
		d.Errorf(n, path, "is a list of %d; write at most %d", len(items), maxItems)
		return
	}
	item := f
	item.typ = f.typ.Elem()
	for i, n := range items {
		if d.enough() {
			return
		}
		at := path
		if len(items) > 1 {
			at = fmt.Sprintf("%s[%d]", path, i)
			d.seen[at] = n
		}
		x := reflect.New(item.typ).Elem()
		d.scalar(item, x, n, at)
		v.Set(reflect.Append(v, x))
	}
}

// items decodes a list of structs; one item stands for a list of one.
func (d *Decoder) items(f field, v reflect.Value, n *yaml.Node, path string) {
	items := []*yaml.Node{n}
	switch {
	case n.Kind == yaml.SequenceNode:
		items = n.Content
	case n.Kind == yaml.MappingNode && f.keyed != "":
		items = d.unkey(f, n)
	}
	switch {
	case len(items) == 0:
		d.Errorf(n, path, "is empty; write %s", d.hint(f))
	case len(items) > maxItems:
		d.Errorf(n, path, "is a list of %d; write at most %d", len(items), maxItems)
		return
	}
	for i, item := range items {
		if d.enough() {
			return
		}
		at := fmt.Sprintf("%s[%d]", path, i)
		d.seen[at] = item
		x := reflect.New(f.itemType()).Elem()
		switch {
		case item.Kind == yaml.MappingNode:
			d.mapping(item, item, x, at, false)
		case item.Kind == yaml.ScalarNode && item.Tag != "!!null":
			d.mapping(item, mappingOf(item, textKey(f.itemType()), item), x, at, false)
		default:
			d.Errorf(item, at, "is %s; write %s", describe(item), d.hint(f))
		}
		v.Set(reflect.Append(v, x))
	}
}

// unkey makes a list of mappings of a mapping of texts to values of the key that f.keyed names.
func (d *Decoder) unkey(f field, n *yaml.Node) []*yaml.Node {
	var items []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode || key.Tag == "!!merge" {
			items = append(items, key) // which the caller refuses
			continue
		}
		item := mappingOf(key, textKey(f.itemType()), key)
		if value.Tag != "!!null" {
			item.Content = append(item.Content, mappingOf(key, f.keyed, value).Content...)
		}
		items = append(items, item)
	}
	return items
}

// mappingOf is what would stand at the node at if it were a mapping of one key.
func mappingOf(at *yaml.Node, key string, value *yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.MappingNode, Line: at.Line, Column: at.Column, Content: []*yaml.Node{
		{Kind: yaml.ScalarNode, Tag: "!!str", Value: key, Line: at.Line, Column: at.Column}, value}}
}

// texts decodes a mapping of names to texts or numbers; of a field with a rule, to texts that obey it.
func (d *Decoder) texts(f field, v reflect.Value, n *yaml.Node, path string) {
	if n.Kind != yaml.MappingNode {
		d.Errorf(n, path, "is %s; write %s", describe(n), d.hint(f))
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	lines := map[string]int{}
	for i := 0; i+1 < len(n.Content) && !d.enough(); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		at := join(path, shorten(key.Value))
		switch {
		case key.Kind != yaml.ScalarNode || key.Tag == "!!merge":
			d.Errorf(key, path, "has %s where a name must be; write a plain name", describe(key))
		case lines[key.Value] > 0:
			d.Errorf(key, at, "is written twice, first in line %d; leave one out", lines[key.Value])
		case value.Kind != yaml.ScalarNode || value.Tag == "!!null":
			d.Errorf(key, at, "is %s; write text or a number", describe(value))
		default:
			d.seen[at] = value
			v.SetMapIndex(reflect.ValueOf(key.Value), reflect.ValueOf(d.text(f, value, at)))
		}
		lines[key.Value] = key.Line
	}
}

// text decodes a value of a mapping of names.
func (d *Decoder) text(f field, n *yaml.Node, path string) string {
	var text string
	if f.rule != "" {
		f.typ = reflect.TypeFor[string]()
		d.scalar(f, reflect.ValueOf(&text).Elem(), n, path)
		return text
	}
	text, _, err := d.expand(n.Value)
	if err != nil {
		d.Errorf(n, path, "%v", err)
	}
	return text
}

func (d *Decoder) scalar(f field, v reflect.Value, n *yaml.Node, path string) {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		d.Errorf(n, path, "is %s; write %s", describe(n), d.hint(f))
		return
	}
	if err := d.set(f, v, n.Value, n.Tag); err != nil {
		d.Errorf(n, path, "%v", err)
	}
}

func (d *Decoder) set(f field, v reflect.Value, text, tag string) error {
	rule := d.Rules[f.rule]
	if !rule.Secret {
		expanded, changed, err := d.expand(text)
		if err != nil {
			return err
		}
		if changed {
			text, tag = expanded, fromEnv
		}
	}
	if f.form.Rule == "" && v.Kind() != reflect.String {
		return d.setTyped(f, v, text, tag)
	}
	_, known := rule.Synonyms[strings.ToLower(text)]
	if taken := known || rule.Int && tag == "!!int"; !taken && tag != "!!str" && tag != fromEnv {
		if rule.Secret {
			return errors.New("is not text; write " + d.hint(f))
		}
		return fmt.Errorf("is %s; write %s, or, if it is meant as text, %s in quotes", describeTag(tag), d.hint(f), Quote(text))
	}
	text, err := d.obey(rule, text)
	if err != nil {
		return err
	}
	if c, ok := v.Addr().Interface().(Custom); ok {
		c.Set(f.form, text)
	} else {
		v.SetString(text)
	}
	return nil
}

// obey returns text in its canonical form.
func (d *Decoder) obey(rule Rule, text string) (string, error) {
	if s, ok := rule.Synonyms[strings.ToLower(text)]; ok {
		text = s
	}
	if why := rule.Gone[strings.ToUpper(text)]; why != "" {
		return "", fmt.Errorf("%s %s", Quote(text), why)
	}
	if rule.Values != nil {
		for _, v := range rule.Values {
			if strings.EqualFold(v, text) {
				return v, nil
			}
		}
		msg := fmt.Sprintf("%s is unknown; write %s", Quote(text), alternatives(rule.Values))
		if near := nearest(text, rule.Values); near != "" {
			msg += fmt.Sprintf(" (did you mean %q?)", near)
		}
		return "", errors.New(msg)
	}
	if rule.Check != nil {
		return rule.Check(text)
	}
	return text, nil
}

// setTyped decodes what is not text: its tag must fit.
func (d *Decoder) setTyped(f field, v reflect.Value, text, tag string) error {
	want := "!!int"
	switch {
	case f.typ == durationType:
		want = "!!str"
	case v.Kind() == reflect.Bool:
		want = "!!bool"
	}
	if ok := tag == want || tag == fromEnv || f.quoted && tag == "!!str" || f.bytes && tag == "!!str"; !ok {
		return fmt.Errorf("is %s; write %s", describeTag(tag), d.hint(f))
	}
	if err := setPlain(f, v, text); err != nil {
		return fmt.Errorf("is %s; write %s", shorten(text), d.hint(f))
	}
	return nil
}

var errRange = errors.New("out of range")

// setPlain sets v from a text, which need not obey a named rule but the bounds.
func setPlain(f field, v reflect.Value, text string) error {
	switch {
	case v.Kind() == reflect.String:
		v.SetString(text)
		return nil
	case v.Kind() == reflect.Bool:
		b, ok := map[string]bool{"true": true, "false": false}[strings.ToLower(text)]
		if !ok {
			return errors.New("not a bool")
		}
		v.SetBool(b)
		return nil
	}
	n, err := f.parse(text)
	if err != nil {
		return err
	}
	for bound, sign := range map[string]int{f.min: -1, f.max: 1} {
		if bound == "" {
			continue
		}
		limit, err := f.parse(bound)
		if err != nil {
			panic(fmt.Sprintf("strict: %s.%s: bound %q: %v", f.owner, f.name, bound, err))
		}
		if sign < 0 && n < limit || sign > 0 && n > limit {
			return errRange
		}
	}
	if v.OverflowInt(n) {
		return errRange
	}
	v.SetInt(n)
	return nil
}

// parse reads a number in the field's notation.
func (f field) parse(text string) (int64, error) {
	switch {
	case f.typ == durationType:
		t, err := time.ParseDuration(text)
		return int64(t), err
	case f.bytes:
		return parseBytes(text)
	}
	return strconv.ParseInt(strings.ReplaceAll(text, "_", ""), 10, 64)
}

// parseBytes reads "8MiB", "64KiB", "1GiB" or a number of bytes.
func parseBytes(text string) (int64, error) {
	shift := 0
	for i, unit := range []string{"KiB", "MiB", "GiB"} {
		if number, ok := strings.CutSuffix(text, unit); ok {
			text, shift = strings.TrimSpace(number), 10*(i+1)
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64>>shift {
		return 0, errRange
	}
	return n << shift, nil
}
