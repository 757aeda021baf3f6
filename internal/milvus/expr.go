package milvus

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"milvusdm/internal/rows"
)

// Filter expressions over a primary key, in the language of Milvus's Plan.g4. They mean the same to all servers since 2.3, which
// differ in what they do with the text before they parse it:
//
//   - the least int64 can't be written: its minus sign is an operator on a number that is one too large
//   - milvus-lite knows no escapes but \" and \\ (in Python also \n and \r), so what can stand for itself does
//   - since 2.4 a Chinese character is rewritten as \uXXXX, wrongly if it has five digits, unless the text has an escape that is not
//     a letter's, a quote's or a backslash's; those are written as \UXXXXXXXX
//   - since 2.4 \uXXXX is replaced anywhere in the text, behind an escaped backslash as well; a backslash before a u is \134

// isOneOf is the expression pk in [keys], of at least one key.
func isOneOf(pk string, keys *rows.Keys) string {
	list := make([]byte, 0, 2*len(pk)+40+8*len(keys.Ints)+16*len(keys.Strings))
	least := false
	list = append(append(list, pk...), " in ["...)
	written := 0
	next := func() {
		if written++; written > 1 {
			list = append(list, ',')
		}
	}
	for _, k := range keys.Ints {
		if k == math.MinInt64 {
			least = true
			continue
		}
		next()
		list = strconv.AppendInt(list, k, 10)
	}
	for _, k := range keys.Strings {
		next()
		list = appendString(list, k)
	}
	list = append(list, ']')
	switch {
	case least && written == 0:
		return upTo(pk, rows.Cursor{Kind: rows.Int64Cursor, Int: math.MinInt64})
	case least:
		return upTo(pk, rows.Cursor{Kind: rows.Int64Cursor, Int: math.MinInt64}) + " or " + string(list)
	}
	return string(list)
}

// deletable is isOneOf in the form that a Delete takes of a collection that is not loaded: one list. There the least int64 is a
// difference, which servers compute before they look at the list.
func deletable(pk string, keys *rows.Keys) string {
	at := slices.Index(keys.Ints, math.MinInt64)
	if at < 0 {
		return isOneOf(pk, keys)
	}
	least := fmt.Sprintf("%d-1", int64(math.MinInt64+1))
	rest := &rows.Keys{Ints: slices.DeleteFunc(slices.Clone(keys.Ints), func(k int64) bool { return k == math.MinInt64 })}
	if rest.Len() == 0 {
		return fmt.Sprintf("%s in [%s]", pk, least)
	}
	return strings.TrimSuffix(isOneOf(pk, rest), "]") + "," + least + "]"
}

// between is the expression low <= pk <= high, for keys of one type each.
func between(pk string, low, high *rows.Keys) string {
	upper := upTo(pk, high.Cursor(0))
	switch {
	case low.Strings != nil:
		return fmt.Sprintf("%s >= %s and %s", pk, appendString(nil, low.Strings[0]), upper)
	case low.Ints[0] == math.MinInt64:
		return upper
	}
	return fmt.Sprintf("%s >= %d and %s", pk, low.Ints[0], upper)
}

// behind is the expression of the keys in (from, to], "" for all of them: a zero cursor is no bound.
func behind(pk string, from, to rows.Cursor) string {
	switch {
	case from.IsZero() && to.IsZero():
		return ""
	case from.IsZero():
		return upTo(pk, to)
	case to.IsZero():
		return after(pk, from)
	}
	return after(pk, from) + " and " + upTo(pk, to)
}

// after is the expression of the keys behind the cursor.
func after(pk string, c rows.Cursor) string {
	switch {
	case c.Kind == rows.StringCursor:
		return pk + " > " + string(appendString(nil, c.Str))
	case c.Int == math.MinInt64:
		return fmt.Sprintf("%s >= %d", pk, c.Int+1)
	}
	return fmt.Sprintf("%s > %d", pk, c.Int)
}

// upTo is the expression of the keys before the cursor, which stands behind a key: that one is among them.
func upTo(pk string, c rows.Cursor) string {
	switch {
	case c.Kind == rows.StringCursor:
		return pk + " <= " + string(appendString(nil, c.Str))
	case c.Int == math.MinInt64:
		return fmt.Sprintf("%s < %d", pk, c.Int+1)
	}
	return fmt.Sprintf("%s <= %d", pk, c.Int)
}

// both is the expression of the rows of two expressions, the first of which may be "".
func both(a, b string) string {
	if a == "" {
		return b
	}
	return "(" + a + ") and (" + b + ")"
}

// appendString appends a literal of s, which must be valid UTF-8, as all that Milvus holds.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for i, r := range s {
		switch {
		case r == '\\' && strings.HasPrefix(s[i:], `\u`):
			b = append(b, `\134`...)
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\r':
			b = append(b, `\r`...)
		case r == 0:
			b = append(b, `\000`...)
		case r >= 0x10000 && unicode.Is(unicode.Han, r):
			b = fmt.Appendf(b, `\U%08x`, r)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}
