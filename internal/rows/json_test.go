package rows

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// reference is the canonical form by encoding/json.
func reference(text []byte) ([]byte, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

func canonical(text []byte) []byte {
	var c canonicalizer
	return c.append(nil, text)[4:]
}

// jsonText draws JSON with distinct keys, written with any space and any escapes.
func jsonText(t *rapid.T, depth int) string {
	space := func() string { return rapid.SampledFrom([]string{"", "", " ", "\n\t"}).Draw(t, "space") }
	str := func(s string) string {
		var b strings.Builder
		b.WriteByte('"')
		for _, r := range s {
			switch {
			case r == '/' && rapid.Bool().Draw(t, "escape"):
				b.WriteString(`\/`)
			case r < 0x10000 && rapid.Bool().Draw(t, "as \\u"):
				b.WriteString(`\u` + string([]byte{"0123456789ABCDEF"[r>>12&15], "0123456789abcdef"[r>>8&15], "0123456789abcdef"[r>>4&15], "0123456789ABCDEF"[r&15]}))
			default:
				q, _ := json.Marshal(string(r))
				b.Write(q[1 : len(q)-1])
			}
		}
		return b.String() + `"`
	}
	kind := rapid.IntRange(0, 6).Draw(t, "kind")
	if depth == 0 {
		kind %= 4
	}
	var parts []string
	n := rapid.IntRange(0, 4).Draw(t, "length")
	switch kind {
	case 0:
		return rapid.SampledFrom([]string{"true", "false", "null"}).Draw(t, "word")
	case 1:
		return rapid.StringMatching(`-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,5})?([eE][+-]?[0-9]{1,3})?`).Draw(t, "number")
	case 2, 3:
		return str(rapid.String().Draw(t, "string"))
	case 4:
		for range n {
			parts = append(parts, space()+jsonText(t, depth-1)+space())
		}
		return "[" + strings.Join(parts, ",") + space() + "]"
	}
	for _, k := range rapid.SliceOfNDistinct(rapid.String(), 0, 5, rapid.ID[string]).Draw(t, "keys") {
		parts = append(parts, space()+str(k)+space()+":"+space()+jsonText(t, depth-1))
	}
	return "{" + strings.Join(parts, ",") + space() + "}"
}

func TestCanonicalJSONIsThatOfEncodingJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(jsonText(t, 3))
		want, err := reference(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if got := canonical(text); !bytes.Equal(got, want) {
			t.Fatalf("%s\n got %s\nwant %s", text, got, want)
		}
	})
}

func TestJSONOfNoDefinedMeaningCountsByItsBytes(t *testing.T) {
	for _, text := range []string{"", " ", "{", `{"a":1,"a":1}`, `{"b":1,"a":2,"b":3}`, `"\ud800"`, `"\ud800\u0041"`, `"\udc00"`, "\"\xff\"", `{"a" 1}`, `{"a":1,}`,
		`[1,]`, `[1 2]`, "01", "1.", ".5", "+1", "1e", "-", "nul", "nulll", `"\x"`, `"\u12g4"`, `"\u12`, "\"\n\"", `{"a":1} x`, `{1:2}`, "\x00", `"`, `"\`,
		strings.Repeat("[", maxDepth+2) + strings.Repeat("]", maxDepth+2)} {
		if got := canonical([]byte(text)); string(got) != text {
			t.Errorf("%.80q became %.80q", text, got)
		}
	}
}

func FuzzCanonicalJSON(f *testing.F) {
	for _, s := range []string{`{"b":[1,2.50,-0,1E5],"a":null}`, ` "<\u00e9\ud83d\ude00" `, `{"a":{"z":1,"b":{}},"":[[]]}`, `{"a":1,"a":2}`, `"\ud800"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		before := slices.Clone(text)
		got := canonical(text)
		if !bytes.Equal(text, before) {
			t.Fatalf("%q was changed", before)
		}
		if again := canonical(got); !bytes.Equal(again, got) {
			t.Fatalf("%q became %q and then %q", text, got, again)
		}
		want, err := reference(text)
		if !bytes.Equal(got, text) && (err != nil || !bytes.Equal(got, want)) {
			t.Fatalf("%q became %q, want %q (%v)", text, got, want, err)
		}
	})
}
