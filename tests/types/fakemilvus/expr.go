package fakemilvus

import (
	"cmp"
	"strconv"
	"strings"
	"text/scanner"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

// parse makes a predicate of a filter expression: comparisons of a field of integers or strings with a literal, "in" with a
// list of them, "and", "or" and parentheses. Empty is true.
func parse(text string) (func(row) bool, error) {
	if strings.TrimSpace(text) == "" {
		return func(row) bool { return true }, nil
	}
	p := &parser{text: text}
	p.scan.Init(strings.NewReader(text))
	p.scan.Mode = scanner.ScanIdents | scanner.ScanInts | scanner.ScanStrings
	p.scan.Error = func(*scanner.Scanner, string) { p.bad = true }
	p.next()
	out := p.or()
	if p.bad || p.token != scanner.EOF {
		return nil, invalid("failed to create query plan: cannot parse expression: %s, at %q", text, p.scan.TokenText())
	}
	return out, nil
}

type parser struct {
	text  string
	scan  scanner.Scanner
	token rune
	bad   bool
}

func (p *parser) next() { p.token = p.scan.Scan() }

// take consumes the word or sign when it stands next.
func (p *parser) take(words ...string) bool {
	for _, w := range words {
		if strings.EqualFold(p.scan.TokenText(), w) && p.token != scanner.String {
			p.next()
			return true
		}
	}
	return false
}

func (p *parser) or() func(row) bool {
	left := p.and()
	for p.take("or") {
		l, r := left, p.and()
		left = func(x row) bool { return l(x) || r(x) }
	}
	return left
}

func (p *parser) and() func(row) bool {
	left := p.term()
	for p.take("and") {
		l, r := left, p.term()
		left = func(x row) bool { return l(x) && r(x) }
	}
	return left
}

func (p *parser) term() func(row) bool {
	if p.take("(") {
		inner := p.or()
		p.bad = p.bad || !p.take(")")
		return inner
	}
	if p.token != scanner.Ident {
		p.bad = true
		return nil
	}
	field := p.scan.TokenText()
	p.next()
	if p.take("in") {
		return p.list(field)
	}
	var sign string
	for p.token == '<' || p.token == '>' || p.token == '=' || p.token == '!' {
		sign += string(p.token)
		p.next()
	}
	want, ok := map[string][]int{"<": {-1}, "<=": {-1, 0}, ">": {1}, ">=": {1, 0}, "==": {0}, "!=": {-1, 1}}[sign]
	value := p.literal()
	p.bad = p.bad || !ok
	return func(r row) bool {
		c, comparable := value.compare(r[field])
		for _, w := range want {
			if comparable && c == w {
				return true
			}
		}
		return false
	}
}

func (p *parser) list(field string) func(row) bool {
	p.bad = p.bad || !p.take("[")
	var values []literal
	for !p.bad && !p.take("]") {
		values = append(values, p.literal())
		if !p.take(",") && p.scan.TokenText() != "]" {
			p.bad = true
		}
	}
	return func(r row) bool {
		for _, v := range values {
			if c, comparable := v.compare(r[field]); comparable && c == 0 {
				return true
			}
		}
		return false
	}
}

// literal is a number or a string.
type literal struct {
	number int64
	text   string
	isText bool
}

// literal reads one. As in Milvus a minus sign is an operator, so the least int64 can't be written.
func (p *parser) literal() literal {
	negative := p.take("-")
	text, token := p.scan.TokenText(), p.token
	p.next()
	switch {
	case token == scanner.String && !negative:
		s, err := strconv.Unquote(text)
		p.bad = p.bad || err != nil
		return literal{text: s, isText: true}
	case token == scanner.Int:
		n, err := strconv.ParseInt(text, 10, 64)
		p.bad = p.bad || err != nil
		if negative {
			n = -n
		}
		return literal{number: n}
	}
	p.bad = true
	return literal{}
}

// compare returns how a value stands to the literal, unless it is null or of another type.
func (l literal) compare(c cell) (int, bool) {
	switch d := c.GetScalars().GetData().(type) {
	case *schemapb.ScalarField_LongData:
		return cmp.Compare(d.LongData.GetData()[0], l.number), !l.isText
	case *schemapb.ScalarField_IntData:
		return cmp.Compare(int64(d.IntData.GetData()[0]), l.number), !l.isText
	case *schemapb.ScalarField_StringData:
		return cmp.Compare(d.StringData.GetData()[0], l.text), l.isText
	}
	return 0, false
}
