package strict

import (
	"reflect"
	"slices"
	"strconv"
)

// object is a piece of JSON Schema (draft 7).
type object = map[string]any

// Schema describes the files that decode into a value of struct type t. comments holds what to tell a user, by "Type.Field".
func Schema(t reflect.Type, rules map[string]Rule, comments map[string]string) map[string]any {
	return schemaOf{rules, comments}.structure(t, false)
}

type schemaOf struct {
	rules    map[string]Rule
	comments map[string]string
}

func (s schemaOf) structure(t reflect.Type, one bool) object {
	properties, required := object{}, []string{}
	for _, f := range fieldsOf(t) {
		p := s.property(f)
		if text := s.comments[f.owner+"."+f.name]; text != "" {
			p["description"] = text
		}
		properties[f.key] = p
		if f.alias != "" {
			properties[f.alias] = p
		}
		if f.required {
			required = append(required, f.key)
		}
	}
	out := object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		out["required"] = required
	}
	if one {
		out["minProperties"], out["maxProperties"] = 1, 1
	}
	return out
}

func (s schemaOf) property(f field) object {
	forms := s.forms(f)
	if f.null && f.typ != anyType {
		forms = append(forms, object{"type": "null"})
	}
	if f.null && f.structType() != nil {
		forms = append(forms, object{"const": ""})
	}
	out := object{"anyOf": forms}
	if len(forms) == 1 {
		out = forms[0]
	}
	if f.def != "" {
		out["default"] = f.defaultValue()
	}
	return out
}

// forms lists the ways in which a value can be written.
func (s schemaOf) forms(f field) []object {
	text := s.text(f)
	switch {
	case f.typ == anyType:
		return []object{{}}
	case f.structType() != nil:
		return []object{s.structure(f.structType(), f.one)}
	case f.itemType() != nil:
		return s.items(f)
	case f.typ.Kind() == reflect.Slice:
		return append(text, object{"type": "array", "minItems": 1, "items": object{"anyOf": text}})
	case f.typ.Kind() == reflect.Map && f.rule != "":
		return []object{{"type": "object", "additionalProperties": object{"anyOf": text}}}
	case f.typ.Kind() == reflect.Map:
		return []object{{"type": "object", "additionalProperties": object{"type": []string{"string", "number", "boolean"}}}}
	case f.form.Rule != "" || f.typ.Kind() == reflect.String:
		return text
	case f.typ == durationType:
		return []object{{"type": "string", "pattern": `^([0-9.]+(ns|us|ms|s|m|h))+$`}, expanded()}
	case f.typ.Kind() == reflect.Bool:
		return []object{{"type": "boolean"}, expanded()}
	}
	number := []object{s.number(f), expanded()}
	if f.bytes {
		number = append(number, object{"type": "string", "pattern": `^[0-9]+ *([KMG]iB)?$`})
	}
	if f.quoted {
		number = append(number, object{"type": "string", "pattern": `^[0-9]+$`})
	}
	return number
}

// items lists the ways in which a list of structs can be written.
func (s schemaOf) items(f field) []object {
	item := []object{s.structure(f.itemType(), false)}
	var value []object // of a mapping of texts
	for _, inner := range fieldsOf(f.itemType()) {
		if inner.text {
			item = append(s.text(inner), item...)
		}
		if inner.key == f.keyed {
			value = append(s.forms(inner), object{"type": "null"})
		}
	}
	forms := append(slices.Clone(item), object{"type": "array", "minItems": 1, "items": object{"anyOf": item}})
	if value != nil {
		forms[len(item)-1] = object{"type": "object", "minProperties": 1, "additionalProperties": object{"anyOf": value}}
	}
	return forms
}

// expanded describes a text that an environment variable decides about.
func expanded() object { return object{"type": "string", "pattern": `\$\{env:`} }

// text lists the texts that a field's rule allows.
func (s schemaOf) text(f field) []object {
	rule := s.rules[f.rule]
	text := []object{{"type": "string"}}
	switch {
	case rule.Values != nil:
		text = []object{{"enum": rule.Values}, expanded()}
	case rule.Secret:
		text = []object{{"type": "string", "pattern": rule.Pattern}}
	case rule.Pattern != "":
		text = []object{{"type": "string", "pattern": rule.Pattern}, expanded()}
	}
	if rule.Int {
		text = append(text, object{"type": "integer"})
	}
	if len(rule.Synonyms) > 0 {
		text = append(text, object{"type": "boolean"})
	}
	return text
}

func (s schemaOf) number(f field) object {
	out := object{"type": "integer"}
	for keyword, bound := range map[string]string{"minimum": f.min, "maximum": f.max} {
		if bound == "" {
			continue
		}
		if n, err := f.parse(bound); err == nil { // a bad bound panics where it is applied
			out[keyword] = n
		}
	}
	return out
}

// defaultValue is the default as a JSON value.
func (f field) defaultValue() any {
	if n, err := strconv.Atoi(f.def); err == nil {
		return n
	}
	return f.def
}
