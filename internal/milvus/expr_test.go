package milvus

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"pgregory.net/rapid"

	"milvusdm/internal/rows"
)

func TestIntervalCanBeParsedAtTheEnds(t *testing.T) {
	for want, bounds := range map[string][2]int64{
		"id >= -3 and id <= 5":                  {-3, 5},
		"id <= 5":                               {math.MinInt64, 5},
		"id < -9223372036854775807":             {math.MinInt64, math.MinInt64},
		"id >= 0 and id <= 9223372036854775807": {0, math.MaxInt64},
	} {
		if got := between("id", &rows.Keys{Ints: bounds[:1]}, &rows.Keys{Ints: bounds[1:]}); got != want {
			t.Errorf("%v: %s", bounds, got)
		}
	}
}

// oddStrings are keys that a careless literal would change or break.
var oddStrings = []string{"", " ", "a", "A", "a'b", `a"b`, `\`, `\\`, `\"`, `\'`, `'`, `"`, "\n", "\r\n", "\t", "\x00", "a\x00b", "\x7f", `\u0041`, `\\u0041`, `\x41`, `\101`,
	"\\a1", "%", "a%", "_", "{}", "$meta", "ä", "中文", "𠀀", "𠀀0", "😀", "\uFEFF", "\uFFFD", "\u2028", "é", "e\u0301", "in [1]", "null", "true", "1", strings.Repeat("ü", 500)}

func TestStringLiteralsMeanTheString(t *testing.T) {
	c := testServer(t)
	name := c.make(t, "odd_strings", &schemapb.CollectionSchema{Fields: []*schemapb.FieldSchema{
		keyOf(rows.VarCharField("id", 1200)), rows.VectorField("v", schemapb.DataType_FloatVector, 1)}})
	c.insert(t, name, "", len(oddStrings), rows.VarCharColumn("id", oddStrings), rows.FloatVectorColumn("v", 1, make([]float32, len(oddStrings))))
	c.indexAndLoad(t, name, "v")
	if _, err := c.count(context.Background(), name, "", nil); err != nil { // what was inserted is seen from now on
		t.Fatal(err)
	}
	at := func(s string) rows.Cursor { return rows.Cursor{Kind: rows.StringCursor, Str: s} }
	for _, s := range oddStrings {
		if got := c.keys(t, name, isOneOf("id", &rows.Keys{Strings: []string{s}})).Strings; !slices.Equal(got, []string{s}) {
			t.Errorf("%q: found %q", s, got)
		}
		if got, want := c.keys(t, name, after("id", at(s))).Strings, bigger(oddStrings, s); !slices.Equal(got, want) {
			t.Errorf("after %q: %q, not %q", s, got, want)
		}
		if got := len(c.keys(t, name, upTo("id", at(s))).Strings); got != len(oddStrings)-len(bigger(oddStrings, s)) {
			t.Errorf("up to %q: %d keys", s, got)
		}
	}
	all := &rows.Keys{Strings: oddStrings}
	if got := c.keys(t, name, isOneOf("id", all)).Len(); got != len(oddStrings) {
		t.Errorf("%d of %d", got, len(oddStrings))
	}
	low, high := all.Range()
	if got := c.keys(t, name, between("id", low, high)).Len(); got != len(oddStrings) {
		t.Errorf("%d of %d lie between the least and the greatest", got, len(oddStrings))
	}
	if got, want := c.keys(t, name, behind("id", at(""), at(`\`))).Strings, bigger(oddStrings, ""); len(got) == 0 || len(got) >= len(want) || !slices.Equal(got, want[:len(got)]) {
		t.Errorf("%q", got)
	}
}

func bigger(all []string, than string) []string {
	var out []string
	for _, s := range all {
		if s > than {
			out = append(out, s)
		}
	}
	slices.Sort(out)
	return out
}

func TestIntegerLiteralsMeanTheInteger(t *testing.T) {
	c := testServer(t)
	ints := []int64{math.MinInt64, math.MinInt64 + 1, -1 << 53, -1, 0, 1, 1<<53 + 1, math.MaxInt64 - 1, math.MaxInt64}
	name := c.make(t, "odd_integers", &schemapb.CollectionSchema{Fields: []*schemapb.FieldSchema{
		rows.KeyField("id"), rows.VectorField("v", schemapb.DataType_FloatVector, 1)}})
	c.insert(t, name, "", len(ints), rows.Int64Column("id", ints), rows.FloatVectorColumn("v", 1, make([]float32, len(ints))))
	c.indexAndLoad(t, name, "v")
	// counted, and not read: the server answers no query with the greatest int64
	count := func(expr string) int {
		t.Helper()
		n, err := c.count(context.Background(), name, expr, nil)
		if err != nil {
			t.Fatal(err)
		}
		return int(n)
	}
	for i, k := range ints {
		at := rows.Cursor{Kind: rows.Int64Cursor, Int: k}
		if got := count(isOneOf("id", &rows.Keys{Ints: ints[:i+1]})); got != i+1 {
			t.Errorf("in %d: found %d", ints[:i+1], got)
		}
		if got := count(after("id", at)); got != len(ints)-i-1 {
			t.Errorf("after %d: found %d", k, got)
		}
		if got := count(upTo("id", at)); got != i+1 {
			t.Errorf("up to %d: found %d", k, got)
		}
		low, high := &rows.Keys{Ints: ints[i/2 : i/2+1]}, &rows.Keys{Ints: []int64{k}}
		if got := count(between("id", low, high)); got != i-i/2+1 {
			t.Errorf("%d to %d: found %d", ints[i/2], k, got)
		}
	}
	if got := c.keys(t, name, after("id", rows.Cursor{Kind: rows.Int64Cursor, Int: ints[0]})).Ints; !slices.Equal(got, ints[1:len(ints)-1]) {
		t.Errorf("read: %d", got)
	}
}

// A literal is one token to Milvus's grammar, and Go's own quotes, which Milvus takes off, give the string back: also from what
// Milvus makes of the text since 2.4.
func TestStringLiteralsAreGoLiterals(t *testing.T) {
	check := func(t interface{ Errorf(string, ...any) }, s string) {
		literal := string(appendString(nil, s))
		if strings.ContainsAny(literal, "\n\r\x00") {
			t.Errorf("%q is written %q", s, literal)
		}
		for _, text := range []string{literal, since24(literal)} {
			if back, err := strconv.Unquote(text); err != nil || back != s {
				t.Errorf("%q is written %s, which reads %q, %v", s, text, back, err)
			}
		}
	}
	for _, s := range append(oddStrings, `\中`, `\𠀀`, `\u4e2d`, `\\u4e2d`, `中\u`, `\134`, `\U00020000`) {
		check(t, s)
	}
	rapid.Check(t, func(t *rapid.T) {
		check(t, rapid.OneOf(rapid.String(), rapid.StringOf(rapid.SampledFrom([]rune("\\u4e2d中𠀀\"'n\n1U")))).Draw(t, "s"))
	})
}

// since24 is what Milvus makes of the text before it parses it: a Chinese character becomes \uXXXX, unless there is an escape of
// another kind, and then \uXXXX becomes the character.
func since24(text string) string {
	if out, ok := withoutHan(text); ok {
		text = out
	}
	return regexp.MustCompile(`\\u[0-9a-fA-F]{4}`).ReplaceAllStringFunc(text, func(m string) string {
		n, err := strconv.ParseInt(m[2:], 16, 32)
		if err != nil {
			return m
		}
		return string(rune(n))
	})
}

func withoutHan(text string) (string, bool) {
	var out strings.Builder
	escaped := false
	for i, r := range text {
		switch {
		case escaped:
			escaped = false
		case r == '\\':
			if !strings.ContainsRune(`\ntrf"'`, rune(text[i+1])) {
				return "", false
			}
			escaped = true
		case unicode.Is(unicode.Han, r):
			fmt.Fprintf(&out, `\u%04x`, r)
			continue
		}
		out.WriteRune(r)
	}
	return out.String(), true
}

// keys answers a query's primary keys, sorted.
func (c *testConn) keys(t *testing.T, name, expr string) *rows.Keys {
	t.Helper()
	resp, err := c.raw.Query(context.Background(), &milvuspb.QueryRequest{CollectionName: name, Expr: expr, OutputFields: []string{"id"},
		ConsistencyLevel: commonpb.ConsistencyLevel_Eventually})
	if err := check(resp.GetStatus(), err); err != nil {
		t.Errorf("%s: %v", expr, err)
		return &rows.Keys{}
	}
	for _, f := range resp.GetFieldsData() {
		if f.GetFieldName() == "id" {
			k := &rows.Keys{Ints: f.GetScalars().GetLongData().GetData(), Strings: f.GetScalars().GetStringData().GetData()}
			slices.Sort(k.Ints)
			slices.Sort(k.Strings)
			return k
		}
	}
	return &rows.Keys{}
}
