package rows

import (
	"slices"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth is how deep JSON may be nested: as deep as encoding/json allows.
const maxDepth = 10_000

// canonicalizer writes JSON in the form in which it is hashed: that of encoding/json's Marshal, so without insignificant
// space, with the keys of objects sorted by their bytes and one way to write each string. Numbers keep their text, as in
// Milvus, which gives JSON back as it was sent: 1 and 1.0 differ.
//
// Text whose meaning RFC 8259 leaves open (a key that stands twice in an object, half a surrogate pair, invalid UTF-8, no
// JSON at all) counts by its bytes.
type canonicalizer struct {
	in  []byte
	at  int
	out []byte
	// keys holds the decoded keys of the objects that are open, and members where they and their texts in out are.
	keys    []byte
	members []member
	spare   []byte
}

// member is key [key, keyEnd) of an object, whose text with the key is out[from:to].
type member struct{ key, keyEnd, from, to int }

// append appends the length of the canonical text, and the text.
func (c *canonicalizer) append(b, text []byte) []byte {
	c.in, c.at = text, 0
	c.out = append(b, 0, 0, 0, 0)
	c.keys, c.members = c.keys[:0], c.members[:0]
	ok := c.value(0)
	if c.space(); !ok || c.at != len(text) {
		return appendBytes(b, text)
	}
	le.PutUint32(c.out[len(b):], uint32(len(c.out)-len(b)-4))
	return c.out
}

// next returns the next byte without taking it, 0 at the end.
func (c *canonicalizer) next() byte {
	if c.at < len(c.in) {
		return c.in[c.at]
	}
	return 0
}

func (c *canonicalizer) space() {
	for c.at < len(c.in) {
		switch c.in[c.at] {
		case ' ', '\t', '\n', '\r':
			c.at++
		default:
			return
		}
	}
}

// take takes the byte b, behind space, and writes it.
func (c *canonicalizer) take(b byte) bool {
	c.space()
	if c.next() != b {
		return false
	}
	c.at++
	c.out = append(c.out, b)
	return true
}

// value takes a value, behind space. False: the text counts by its bytes.
func (c *canonicalizer) value(depth int) bool {
	if depth > maxDepth {
		return false
	}
	c.space()
	switch c.next() {
	case '{':
		return c.object(depth)
	case '[':
		return c.array(depth)
	case '"':
		return c.text(false)
	case 't':
		return c.word("true")
	case 'f':
		return c.word("false")
	case 'n':
		return c.word("null")
	}
	return c.number()
}

func (c *canonicalizer) word(w string) bool {
	if len(c.in)-c.at < len(w) || string(c.in[c.at:c.at+len(w)]) != w {
		return false
	}
	c.at += len(w)
	c.out = append(c.out, w...)
	return true
}

func (c *canonicalizer) number() bool {
	from := c.at
	if c.next() == '-' {
		c.at++
	}
	if c.next() == '0' {
		c.at++
	} else if !c.digits() {
		return false
	}
	if c.next() == '.' {
		c.at++
		if !c.digits() {
			return false
		}
	}
	if e := c.next(); e == 'e' || e == 'E' {
		c.at++
		if s := c.next(); s == '+' || s == '-' {
			c.at++
		}
		if !c.digits() {
			return false
		}
	}
	c.out = append(c.out, c.in[from:c.at]...)
	return true
}

// digits takes at least one digit.
func (c *canonicalizer) digits() bool {
	from := c.at
	for b := c.next(); b >= '0' && b <= '9'; b = c.next() {
		c.at++
	}
	return c.at > from
}

func (c *canonicalizer) array(depth int) bool {
	c.take('[')
	if c.take(']') {
		return true
	}
	for {
		if !c.value(depth + 1) {
			return false
		}
		if c.take(']') {
			return true
		}
		if !c.take(',') {
			return false
		}
	}
}

func (c *canonicalizer) object(depth int) bool {
	c.take('{')
	first, keys, from := len(c.members), len(c.keys), len(c.out)
	if c.take('}') {
		return true
	}
	sorted := true
	for {
		m := member{key: len(c.keys), from: len(c.out)}
		c.space()
		if c.next() != '"' || !c.text(true) {
			return false
		}
		m.keyEnd = len(c.keys)
		if !c.take(':') || !c.value(depth+1) {
			return false
		}
		m.to = len(c.out)
		sorted = sorted && (len(c.members) == first || c.compare(c.members[len(c.members)-1], m) < 0)
		c.members = append(c.members, m)
		if c.take('}') {
			break
		}
		if !c.take(',') {
			return false
		}
	}
	ok := sorted || c.sort(c.members[first:], from)
	c.members, c.keys = c.members[:first], c.keys[:keys]
	return ok
}

func (c *canonicalizer) compare(x, y member) int {
	return slices.Compare(c.keys[x.key:x.keyEnd], c.keys[y.key:y.keyEnd])
}

// sort puts the members of an object, whose texts begin at from, in order. False: a key stands twice.
func (c *canonicalizer) sort(members []member, from int) bool {
	slices.SortFunc(members, c.compare)
	c.spare = append(c.spare[:0], c.out[from:]...)
	at := from
	for i, m := range members {
		if i > 0 {
			if c.compare(members[i-1], m) == 0 {
				return false
			}
			c.out[at] = ','
			at++
		}
		at += copy(c.out[at:], c.spare[m.from-from:m.to-from])
	}
	return true
}

// text takes a string and writes it; decode also appends what it stands for to keys.
func (c *canonicalizer) text(decode bool) bool {
	c.at++
	c.out = append(c.out, '"')
	for {
		from := c.at
		for c.at < len(c.in) && plain[c.in[c.at]] {
			c.at++
		}
		c.out = append(c.out, c.in[from:c.at]...)
		if decode {
			c.keys = append(c.keys, c.in[from:c.at]...)
		}
		if c.at == len(c.in) {
			return false
		}
		if c.in[c.at] == '"' {
			c.at++
			c.out = append(c.out, '"')
			return true
		}
		r, ok := c.character()
		if !ok {
			return false
		}
		c.out = appendRune(c.out, r)
		if decode {
			c.keys = utf8.AppendRune(c.keys, r)
		}
	}
}

// character takes a character that is not plain, or an escape sequence.
func (c *canonicalizer) character() (rune, bool) {
	switch b := c.in[c.at]; {
	case b == '\\':
		return c.escape()
	case b < 0x20:
		return 0, false
	}
	r, size := utf8.DecodeRune(c.in[c.at:])
	c.at += size
	return r, r != utf8.RuneError || size > 1
}

// escape takes an escape sequence.
func (c *canonicalizer) escape() (rune, bool) {
	c.at++
	b := c.next()
	c.at++
	switch b {
	case '"', '\\', '/':
		return rune(b), true
	case 'b':
		return '\b', true
	case 'f':
		return '\f', true
	case 'n':
		return '\n', true
	case 'r':
		return '\r', true
	case 't':
		return '\t', true
	case 'u':
	default:
		return 0, false
	}
	r, ok := c.hex()
	if !ok || !utf16.IsSurrogate(r) {
		return r, ok
	}
	if c.next() != '\\' {
		return 0, false
	}
	c.at++
	if c.next() != 'u' {
		return 0, false
	}
	c.at++
	low, ok := c.hex()
	r = utf16.DecodeRune(r, low)
	return r, ok && r != utf8.RuneError
}

// hex takes four hexadecimal digits.
func (c *canonicalizer) hex() (rune, bool) {
	var r rune
	for range 4 {
		b := c.next()
		c.at++
		switch {
		case b >= '0' && b <= '9':
			r = r<<4 | rune(b-'0')
		case b >= 'a' && b <= 'f':
			r = r<<4 | rune(b-'a'+10)
		case b >= 'A' && b <= 'F':
			r = r<<4 | rune(b-'A'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// plain are the bytes that stand for themselves in a canonical string.
var plain = func() (t [256]bool) {
	for b := 0x20; b < utf8.RuneSelf; b++ {
		t[b] = b != '"' && b != '\\' && b != '<' && b != '>' && b != '&'
	}
	return t
}()

// appendRune writes a character of a string as encoding/json does.
func appendRune(b []byte, r rune) []byte {
	const digits = "0123456789abcdef"
	switch r {
	case '"', '\\':
		return append(b, '\\', byte(r))
	case '\b':
		return append(b, '\\', 'b')
	case '\f':
		return append(b, '\\', 'f')
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	case '<', '>', '&', '\u2028', '\u2029':
	default:
		if r >= 0x20 {
			return utf8.AppendRune(b, r)
		}
	}
	return append(b, '\\', 'u', digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15])
}
