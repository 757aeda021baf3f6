package strict

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"
)

// Entry is one key of a struct that has a value.
type Entry struct {
	Path  string
	Value string // as it could stand in a file
	// Retunable says that the value may change without making it another job.
	Retunable bool
	// Default says that the value is the key's default.
	Default bool
}

// Flatten lists the keys below a struct, in their order, without those that have their zero value. A Custom is shown by its
// String method.
func Flatten(v any) []Entry { return flatten(reflect.Indirect(reflect.ValueOf(v)), "", false) }

func flatten(v reflect.Value, path string, retunable bool) []Entry {
	var out []Entry
	previous := ""
	for _, f := range fieldsOf(v.Type()) {
		x := v.FieldByIndex(f.index)
		if x.IsZero() || f.name == previous { // the second form of a Custom
			continue
		}
		previous = f.name
		at, retunable := join(path, f.key), retunable || f.retunable
		switch {
		case f.structType() != nil:
			out = append(out, flatten(reflect.Indirect(x), at, retunable)...)
		case f.itemType() != nil:
			for i := range x.Len() {
				out = append(out, flatten(x.Index(i), fmt.Sprintf("%s[%d]", at, i), retunable)...)
			}
		default:
			out = append(out, Entry{at, show(x.Interface()), retunable, f.isDefault(x)})
		}
	}
	return out
}

// isDefault reports whether x is the field's default.
func (f field) isDefault(x reflect.Value) bool {
	if f.def == "" {
		return false
	}
	def := reflect.New(f.typ).Elem()
	return setPlain(f, def, f.def) == nil && def.Equal(x)
}

func show(v any) string {
	switch v := v.(type) {
	case time.Duration:
		return v.String()
	case fmt.Stringer:
		return v.String()
	}
	text, err := json.Marshal(v) // keys of maps are sorted
	if err != nil {
		panic(fmt.Sprintf("strict: %T: %v", v, err)) // no field has a type that can't be marshalled
	}
	return string(text)
}
