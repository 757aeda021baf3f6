package strict

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

// field is one key of a struct, with what its tags say.
type field struct {
	key, alias string
	name       string // the Go field's, for comments and to tell that two forms are of one field
	owner      string // the Go struct's
	index      []int  // for reflect's FieldByIndex
	typ        reflect.Type
	form       Form // of a Custom

	required, one, bytes, quoted, null, text, retunable bool

	def, min, max string
	rule, keyed   string
}

var (
	customType   = reflect.TypeFor[Custom]()
	durationType = reflect.TypeFor[time.Duration]()
	anyType      = reflect.TypeFor[Any]()
)

// fieldsOf lists the keys of a struct in order, those of inlined structs in their place.
func fieldsOf(t reflect.Type) []field {
	var out []field
	for i := range t.NumField() {
		sf := t.Field(i)
		tag, inline := strings.CutSuffix(sf.Tag.Get("yaml"), ",inline")
		f := field{key: tag, name: sf.Name, owner: t.Name(), index: []int{i}, typ: sf.Type}
		except := f.readRule(sf.Tag.Get("rule"))
		switch {
		case inline:
			for _, inner := range fieldsOf(sf.Type) {
				if inner.key != except {
					inner.index = append([]int{i}, inner.index...)
					out = append(out, inner)
				}
			}
		case tag == "" || tag == "-":
		case reflect.PointerTo(sf.Type).Implements(customType):
			for _, form := range reflect.New(sf.Type).Interface().(Custom).Forms() {
				v := f
				v.key, v.form, v.rule = tag+form.Suffix, form, form.Rule
				out = append(out, v)
			}
		default:
			out = append(out, f)
		}
	}
	return out
}

// readRule reads the rule tag and returns its except=KEY.
func (f *field) readRule(tag string) (except string) {
	if tag == "" {
		return ""
	}
	for _, part := range strings.Split(tag, ",") {
		name, value, _ := strings.Cut(part, "=")
		switch name {
		case "required":
			f.required = true
		case "one":
			f.one = true
		case "bytes":
			f.bytes = true
		case "quoted":
			f.quoted = true
		case "null":
			f.null = true
		case "text":
			f.text = true
		case "retunable":
			f.retunable = true
		case "default":
			f.def = value
		case "min":
			f.min = value
		case "max":
			f.max = value
		case "is":
			f.rule = value
		case "keyed":
			f.keyed = value
		case "alias":
			f.alias = value
		case "except":
			except = value
		default:
			panic(fmt.Sprintf("strict: %s.%s: rule %q", f.owner, f.name, part))
		}
	}
	return except
}

// structType returns the struct that the field holds or points to, or nil when it holds something else.
func (f field) structType() reflect.Type {
	t := f.typ
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t == anyType || f.form.Rule != "" {
		return nil
	}
	return t
}

// itemType returns the struct that the field is a list of, or nil when it is something else.
func (f field) itemType() reflect.Type {
	if f.typ.Kind() != reflect.Slice || f.typ.Elem().Kind() != reflect.Struct {
		return nil
	}
	return f.typ.Elem()
}

// textKey is the key of a struct that an item of a list has when it is a text.
func textKey(t reflect.Type) string {
	for _, f := range fieldsOf(t) {
		if f.text {
			return f.key
		}
	}
	panic(fmt.Sprintf("strict: no key of %s is tagged text", t.Name()))
}

func keyNames(t reflect.Type) []string {
	var out []string
	for _, f := range fieldsOf(t) {
		out = append(out, f.key)
	}
	return out
}

// indexKeys notes for each key below t the paths of the structs that have it. Of two keys that are the same choice, the first
// counts.
func indexKeys(t reflect.Type, path string, known map[string][]string) {
	choices := map[reflect.Type]bool{}
	for _, f := range fieldsOf(t) {
		known[f.key] = append(known[f.key], path)
		if f.one {
			if choices[f.structType()] {
				continue
			}
			choices[f.structType()] = true
		}
		for _, s := range []reflect.Type{f.structType(), f.itemType()} {
			if s != nil {
				indexKeys(s, join(path, f.key), known)
			}
		}
	}
}

// fillDefault gives the field of struct v that no key names its default, and so with the fields of a struct in it.
func fillDefault(f field, v reflect.Value) {
	target := v.FieldByIndex(f.index)
	switch {
	case f.def != "":
		if err := setPlain(f, target, f.def); err != nil {
			panic(fmt.Sprintf("strict: %s.%s: default %q: %v", f.owner, f.name, f.def, err))
		}
	case f.structType() != nil && f.typ.Kind() == reflect.Struct:
		for _, inner := range fieldsOf(f.typ) {
			fillDefault(inner, target)
		}
	}
}
